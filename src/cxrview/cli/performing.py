"""Request -> exit status: one run of `cxrview classify`, from finding to the summary."""

import logging
import time
from contextlib import ExitStack

from cxrview.atomic import atomic_write, translate_os_errors
from cxrview.cli.request import Request
from cxrview.cli.session import Session
from cxrview.cli.table_session import TableSession
from cxrview.inference.contact_sheet import write_sheet

SOME_UNREADABLE = 1


def perform(request: Request) -> int:
    """Run -> exit status 0 or 1. Raises WrongUse before anything is begun."""
    if request.is_quiet:
        logging.getLogger("cxrview").setLevel(logging.ERROR)
    session = TableSession(request, request.table) if request.table else Session(request)
    begun = time.monotonic()
    try:
        with ExitStack() as stack:
            sheet = stack.enter_context(atomic_write(request.sheet)) if request.sheet else None
            session.judge_all()
            seconds = time.monotonic() - begun
            if request.sheet and sheet:
                with translate_os_errors(request.sheet):
                    write_sheet(sheet, session.choice.chosen(), session.engine)
    except BrokenPipeError:  # whoever read our rows has enough of them
        raise
    except BaseException:
        session.report_break()
        raise
    session.report(seconds)
    return SOME_UNREADABLE if session.tally.unreadable else 0
