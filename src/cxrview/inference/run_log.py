"""Events of a run -> lines of JSON in a log file: times, counts and versions, no names of files."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from cxrview.atomic import translate_os_errors

PROGRESS_SECONDS = 60.0  # between two events while images are classified


class RunLog:
    """A file that each run appends to; None: nothing is logged.

    A file name may be that of a patient, so that no event holds one, nor the text of an error.
    """

    def __init__(self, path: Path | None) -> None:
        """Open the file; raises UnusableOutput."""
        self._path = path
        self._file: BinaryIO | None = None
        if path:
            with translate_os_errors(path):
                self._file = path.open("ab", buffering=0)

    def write(self, event: str, **values: Any) -> None:
        """Append one line, as a whole; raises UnusableOutput."""
        if not self._file or not self._path:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, "process": os.getpid(), **values})
        with translate_os_errors(self._path):
            self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    @contextmanager
    def progress(
        self,
        show: Callable[..., AbstractContextManager[Callable[..., object]]],
        total: int,
        restarts: Callable[[], int],
    ) -> Iterator[Callable[..., object]]:
        """Log how far a run is, beside what `show` does; see `inference.run.Progress`."""
        done, unreadable, due = 0, 0, time.monotonic() + PROGRESS_SECONDS
        self.write("classify", images=total)
        with show(total, restarts=restarts) as show_step:

            def step(is_error: bool = False, is_new: bool = True) -> None:
                nonlocal done, unreadable, due
                show_step(is_error, is_new)
                done += 1
                unreadable += is_error
                if time.monotonic() >= due:
                    due = time.monotonic() + PROGRESS_SECONDS
                    counts = {"done": done, "images": total, "unreadable": unreadable}
                    self.write("progress", **counts, workers_replaced=restarts())

            yield step
