"""The command `cxrview`: its subcommands, standard streams, and the translation of errors.

Heavy modules are imported inside the commands, so that `cxrview --help` is fast.
"""

import io
import os
import re
import signal
import sys
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from cxrview import __version__
from cxrview.cli.audit import audit
from cxrview.cli.classify import classify
from cxrview.cli.compare import compare
from cxrview.cli.dataset import dataset
from cxrview.cli.diff import diff
from cxrview.cli.evaluate import evaluate
from cxrview.cli.extend import extend
from cxrview.cli.fix import fix
from cxrview.cli.info import info, summary
from cxrview.cli.join import join
from cxrview.cli.label import label
from cxrview.cli.list import list_files
from cxrview.cli.phantom import phantom
from cxrview.cli.review import review
from cxrview.cli.sample import sample
from cxrview.cli.stats import stats
from cxrview.cli.train import train
from cxrview.errors import CxrviewError

WRONG_USE = 2
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE


# Parts of messages of the libraries that parse options, and what the user reads instead
PLAIN_MESSAGES = (
    ("Value error, ", ""),
    (", unable to parse string as an integer", ""),
    ("Input should be a valid integer", "it should be a whole number"),
    ("Input should be", "it should be"),
)


class Command(TyperCommand):
    """A subcommand. Its usage shows arguments without braces; its messages name no library."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line: `PATH...` instead of `{PATH...}...`."""
        pieces = super().collect_usage_pieces(ctx)
        return [re.sub(r"\{(.*?)(\.\.\.)?\}", r"\1", piece) for piece in pieces]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse options and arguments; raises BadParameter with a message for people."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            for part, plain in PLAIN_MESSAGES:
                error.message = error.message.replace(part, plain)
            raise


class Commands(TyperGroup):
    """The subcommands. An expected error becomes a message and an exit status, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what is left in the buffer of stdout is written here."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except CxrviewError as error:
            discard_stdout()
            typer.echo(f"cxrview: {error}", err=True)
            raise typer.Exit(WRONG_USE) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:  # `cxrview classify ... | head`
            discard_stdout()
            raise typer.Exit(BROKEN_PIPE) from error
        except OSError as error:
            raise typer.Exit(report_os_error(error)) from error


def report_os_error(error: OSError) -> int:
    """Print the reason, most often that stdout cannot be written -> exit status."""
    discard_stdout()
    place = "standard output" if error.filename is None else error.filename
    typer.echo(f"cxrview: {place}: {error.strerror or error}", err=True)
    return WRONG_USE


def discard_stdout() -> None:
    """Send what is left in the buffer of stdout to /dev/null if it cannot be written.

    Otherwise the interpreter would try again at its end and print a traceback.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class BestEffortFile(io.FileIO):
    """A file whose writes never fail: what cannot be written is lost."""

    def write(self, data: Any, /) -> int:
        """Write as much as possible -> number of bytes, including those that were lost."""
        try:
            count = super().write(data)
        except OSError:
            return len(data)
        return len(data) if count is None else count  # None: it would block


def prepare_streams() -> None:
    """Make the results independent of stdin, stdout and stderr, which may be closed or full.

    Each closed one is opened as /dev/null. Otherwise the next file to be opened would get its
    number and receive whatever is printed. Messages that stderr does not take are dropped.
    Characters that an encoding lacks are escaped, in text for people: rows go out as bytes of
    UTF-8, JSON as ASCII.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
        if getattr(sys, name) is None:
            stream = open(os.devnull, "w" if number else "r")  # noqa: PTH123, SIM115
            setattr(sys, name, stream)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    raw = io.BufferedWriter(BestEffortFile(2, "w", closefd=False))
    encoding = sys.stderr.encoding
    sys.stderr = io.TextIOWrapper(raw, encoding, errors="backslashreplace", line_buffering=True)


app = typer.Typer(
    cls=Commands,
    help="Classify the chest radiographs of a collection as frontal or lateral.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich takes a third of the time to show the help
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(is_wanted: bool) -> None:
    """Print the version and exit."""
    if is_wanted:
        typer.echo(f"cxrview {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Options before the subcommand."""


for command in (
    audit, classify, compare, dataset, diff, evaluate, extend, fix, info, join, label, list_files,
    phantom, review, sample, stats, summary, train,
):  # fmt: skip
    app.command("list" if command is list_files else None, cls=Command)(command)


def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler has both
    """Handle SIGTERM, which batch queues send: exit in the way that runs all clean-up code."""
    raise SystemExit(128 + number)


def run() -> None:
    """Entry point of the command line."""
    prepare_streams()
    signal.signal(signal.SIGTERM, end)
    try:
        app()
    except KeyboardInterrupt as error:  # before or after the command itself
        raise SystemExit(INTERRUPTED) from error
    except OSError as error:  # from `cxrview --version > /dev/full`
        raise SystemExit(report_os_error(error)) from error
