"""Waiting for a condition instead of for a time; the limit only ends a test that would hang."""

import threading
import time
from collections.abc import Callable

HANGING = 120.0  # seconds; far more than any condition takes on a busy machine
POLL = 0.01


def wait_until(holds: Callable[[], object], seconds: float = HANGING) -> None:
    """Return as soon as `holds()` is true; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"the condition did not come true within {seconds:.0f} s"
        time.sleep(POLL)


def ends(function: Callable[[], object], seconds: float = HANGING) -> bool:
    """Whether a function that must not hang returns at all; it is called in a thread."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()
