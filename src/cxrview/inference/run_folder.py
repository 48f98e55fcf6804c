"""The folder beside a table in which a run keeps what it has done: parts, plans, a lock."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrview.atomic import PARTIAL, atomic_write, translate_os_errors
from cxrview.errors import UnusableOutput
from cxrview.inference.chunk_file import Made, read_made, write_made
from cxrview.inference.chunks import Part, stamp_of_file
from cxrview.sources.files import FileVersion

RUN, REPORT = ".run", ".report.json"
ROWS = ".rows"  # of a part
LOCK = ".lock"
REST = "rest"  # rows of parts that are not complete yet
TABLE = "table.json"

Known = dict[tuple[str, FileVersion], Made]


def folder_for(table: Path) -> Path:
    """views.csv -> .views.csv.run, hidden: what is hidden is not taken for images."""
    return table.with_name(f".{table.name}{RUN}")


def report_for(table: Path) -> Path:
    """views.csv -> views.csv.report.json, beside it."""
    return table.with_name(table.name + REPORT)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """maker: model and version. share: which of how many processes this is, as K-of-N."""

    path: Path
    maker: str
    share: str = ""

    def make(self) -> None:
        """Raises UnusableOutput."""
        with translate_os_errors(self.path):
            self.path.mkdir(exist_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Ours alone until the end, however that comes; raises UnusableOutput if it is another's.

        The processes of an array are in it together, each alone in its share. File systems without
        locks have none: then two runs do the same work twice, and whole parts take each other's
        place.
        """
        kinds = {f"run{LOCK}": fcntl.LOCK_SH if self.share else fcntl.LOCK_EX}
        if self.share:
            kinds[f"{self.share}{LOCK}"] = fcntl.LOCK_EX
        with contextlib.ExitStack() as stack:
            for name, kind in kinds.items():
                with translate_os_errors(self.path / name):
                    file = stack.enter_context((self.path / name).open("w"))
                try:
                    fcntl.flock(file, kind | fcntl.LOCK_NB)
                except BlockingIOError:
                    what = f"{self.path} is being worked in by another run"
                    raise UnusableOutput(what) from None
                except OSError:
                    pass
            yield

    def part_path(self, part: Part) -> Path:
        """Where its rows are or will be."""
        return self.path / (part.name + ROWS)

    def next_rest(self) -> Path:
        """For this run's rows of parts that are not complete; those of earlier runs stay."""
        earlier = len(list(self.path.glob(f"{REST}-*{ROWS}")))
        return self.path / f"{REST}-{self.share or 'run'}-{earlier}{ROWS}"

    def has(self, part: Part) -> bool:
        """Whether all its rows are there."""
        return self.part_path(part).exists()

    def keep(self, part: Part, made: Sequence[Made]) -> None:
        """All its rows, in order; raises UnusableOutput."""
        write_made(self.part_path(part), self.maker, made)

    def keep_rest(self, rest: Path, made: Sequence[Made]) -> None:
        """Rows of parts that are not complete, in place of those that this run kept before."""
        write_made(rest, self.maker, made)

    def rows_of(self, part: Part) -> list[Made]:
        """As kept; fewer than the part has items where the file was damaged."""
        return list(read_made(self.part_path(part), self.maker))

    def others(self, parts: Sequence[Part]) -> list[Path]:
        """Rows that belong to none of these parts: of files that changed or left, and rests."""
        names = {part.name + ROWS for part in parts}
        return [one for one in sorted(self.path.glob("*" + ROWS)) if one.name not in names]

    def known(self, parts: Sequence[Part]) -> Known:
        """Rows among those that can be used again, by name and state of the file."""
        rows = (made for path in self.others(parts) for made in read_made(path, self.maker))
        return {(made.row.file, made.stamp): made for made in rows}

    def tidy(self, parts: Sequence[Part]) -> None:
        """Remove what belongs to none of these parts, and what was broken off while written."""
        left = [*self.others(parts), *self.path.glob("*" + PARTIAL)]
        with translate_os_errors(self.path):
            for path in left:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything."""
        with translate_os_errors(self.path):
            for path in self.path.iterdir():
                if path.suffix != LOCK:
                    path.unlink(missing_ok=True)

    def write(self, name: str, values: Any) -> None:
        """A small file, whole or not at all; raises UnusableOutput."""
        with atomic_write(self.path / name) as file, translate_os_errors(self.path / name):
            file.write(json.dumps(values, indent=1).encode())

    def read(self, name: str) -> Any:
        """What was written; None where it was not."""
        try:
            return json.loads((self.path / name).read_bytes())
        except (OSError, ValueError):
            return None

    def note_table(self, table: Path, parts: Sequence[Part]) -> None:
        """That the table was made of these parts, and what it looks like."""
        self.write(TABLE, {"stamp": stamp_of_file(os.fspath(table)), "parts": _names(parts)})

    def is_table(self, table: Path, parts: Sequence[Part]) -> bool:
        """Whether it was, and still looks so."""
        noted = {"stamp": [*stamp_of_file(os.fspath(table))], "parts": _names(parts)}
        return table.exists() and self.read(TABLE) == noted


def _names(parts: Sequence[Part]) -> list[str]:
    return [part.name for part in parts]
