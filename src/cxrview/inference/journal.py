"""The hidden folder beside a table with the rows done so far, from which a run can be resumed."""

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from pathlib import Path
from typing import Any

from cxrview.atomic import (
    PARTIAL_SUFFIX,
    OutputGuard,
    atomic_write,
    lock_file,
    translate_os_errors,
)
from cxrview.errors import (
    RETRIED_CODES,
    MissingInput,
    UnlistedFolder,
    Unreachable,
    UnusableOutput,
    WrongUse,
)
from cxrview.inference.chunks import (
    Chunk,
    Shard,
    StoredRow,
    is_below,
    path_version,
    read_stored_rows,
    write_stored_rows,
)
from cxrview.inference.summary import RunSummary
from cxrview.inference.table_writers import open_table_writer, writer_for
from cxrview.rows import Row
from cxrview.sources.files import UNKNOWN_STATE, FileVersion

RUN_SUFFIX = ".run"  # ending of the folder
ROWS_SUFFIX = ".rows"  # of a chunk
RETRY_SUFFIX = ".retry"  # of an empty file beside the rows of a chunk to complete again
LOCK_SUFFIX = ".lock"
INCOMPLETE_PREFIX = "incomplete"  # rows of chunks that are not complete yet
PLAN_PREFIX = "plan"
TABLE_FILE = "table.json"
WRITTEN_FILE = "written.json"
CLOSED_CODES = (Unreachable.code, UnlistedFolder.code)  # also of a folder or an archive

Reusable = dict[tuple[str, FileVersion], StoredRow]


@dataclass(frozen=True, slots=True)
class Plan:
    """What every process of an array has found: its model and the inputs as chunks."""

    label: str  # of the model
    producer: str
    chunks: list[Chunk]


@dataclass(frozen=True, slots=True)
class Journal:
    """producer: model and version of cxrview. shard: of this process, in a run by several."""

    path: Path
    producer: str
    shard: Shard | None = None

    def create(self) -> None:
        """Make the folder; raises UnusableOutput."""
        with translate_os_errors(self.path):
            self.path.mkdir(exist_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder; raises UnusableOutput if another run has locked it.

        The processes of an array share the folder, and each locks its shard. On file systems
        without locks, two runs do the same work twice, and whole files replace each other.
        """
        with contextlib.ExitStack() as stack:
            run = self.path / f"run{LOCK_SUFFIX}"
            stack.enter_context(lock_file(run, is_shared=self.shard is not None))
            if self.shard:
                stack.enter_context(lock_file(self.path / f"{self.shard.name}{LOCK_SUFFIX}"))
            yield

    def chunk_path(self, chunk: Chunk) -> Path:
        """Where the rows of a chunk are, once it is complete."""
        return self.path / (chunk.name + ROWS_SUFFIX)

    def incomplete_path(self) -> Path:
        """A new file for this run's rows of incomplete chunks; those of earlier runs stay."""
        name = self.shard.name if self.shard else "run"
        paths = (
            self.path / f"{INCOMPLETE_PREFIX}-{name}-{number}{ROWS_SUFFIX}" for number in count()
        )
        return next(path for path in paths if not path.exists())

    def has(self, chunk: Chunk) -> bool:
        """Whether a chunk is complete, and none of its images is to be tried again."""
        return self.chunk_path(chunk).exists() and not self._retry_path(chunk).exists()

    def _retry_path(self, chunk: Chunk) -> Path:
        return self.path / (chunk.name + RETRY_SUFFIX)

    def write_chunk(self, chunk: Chunk, rows: Sequence[StoredRow]) -> None:
        """Store all rows of a chunk, in order; raises UnusableOutput."""
        retry = self._retry_path(chunk)
        with translate_os_errors(retry):
            if any(map(is_retried, rows)):
                retry.touch()
                write_stored_rows(self.chunk_path(chunk), self.producer, rows)
            else:
                write_stored_rows(self.chunk_path(chunk), self.producer, rows)
                retry.unlink(missing_ok=True)

    def rows_of(self, chunks: Iterable[Chunk]) -> Iterator[Row]:
        """The rows of complete chunks; raises UnusableOutput for one that is lost or damaged."""
        for chunk in chunks:
            stored = list(read_stored_rows(self.chunk_path(chunk), self.producer))
            if len(stored) != len(chunk):
                self.chunk_path(chunk).unlink(missing_ok=True)
                raise UnusableOutput(
                    f"{self.path}: stored rows of the run are damaged: run classify again, with "
                    "--part for each part if there are any, to classify those images again"
                )
            yield from (one.row for one in stored)

    def leftovers(self, chunks: Sequence[Chunk]) -> list[Path]:
        """Stored rows outside these chunks: of files that changed, and of incomplete chunks."""
        names = {chunk.name + ROWS_SUFFIX for chunk in chunks}
        return [one for one in sorted(self.path.glob("*" + ROWS_SUFFIX)) if one.name not in names]

    def _to_retry(self, chunks: Iterable[Chunk]) -> list[Path]:
        """Stored rows of the chunks to complete again."""
        return [self.chunk_path(one) for one in chunks if self._retry_path(one).exists()]

    def reusable(
        self, chunks: Sequence[Chunk], wanted: Iterable[tuple[str, FileVersion]]
    ) -> Reusable:
        """The rows of `wanted` among the leftovers and in chunks to complete again.

        wanted: names and versions of images; not asked for where nothing is stored.
        """
        paths = (*self.leftovers(chunks), *self._to_retry(chunks))
        keys = frozenset(wanted) if paths else frozenset()
        rows = (one for path in paths for one in read_stored_rows(path, self.producer))
        found = (((one.row.file, one.version), one) for one in rows if not is_retried(one))
        return {key: one for key, one in found if key in keys}

    def remove_leftovers(self, chunks: Sequence[Chunk]) -> None:
        """Remove the leftovers, and files whose writing was interrupted.

        Leftovers with rows from a folder that could not be listed, or from an archive that could
        not be opened, stay until a run can do so.
        """
        with translate_os_errors(self.path):
            if leftovers := self.leftovers(chunks):
                closed = self._closed(chunks)
                for path in leftovers:
                    if not self._has_row_below(closed, path):
                        path.unlink(missing_ok=True)
            marks = self.path.glob("*" + RETRY_SUFFIX)
            for path in (
                *self.path.glob("*" + PARTIAL_SUFFIX),
                *(mark for mark in marks if not mark.with_suffix(ROWS_SUFFIX).exists()),
            ):
                path.unlink(missing_ok=True)

    def _closed(self, chunks: Iterable[Chunk]) -> set[str]:
        """Names of the folders and files that could not be opened."""
        paths = self._to_retry(chunks)
        rows = (one.row for path in paths for one in read_stored_rows(path, self.producer))
        errors = ((row.file, row.error.partition(":")[0]) for row in rows)
        return {file.rstrip("/") for file, code in errors if code in CLOSED_CODES}

    def _has_row_below(self, places: set[str], path: Path) -> bool:
        """Whether there is a row of an image in one of these folders and archives."""
        rows = read_stored_rows(path, self.producer) if places else ()
        return any(is_below(one.row.file, places) for one in rows)

    def clear(self) -> None:
        """Remove everything except the locks and the record of the files written."""
        with translate_os_errors(self.path):
            for path in self.path.iterdir():
                if path.suffix != LOCK_SUFFIX and path.name != WRITTEN_FILE:
                    path.unlink(missing_ok=True)

    def write_plan(self, shard: Shard, label: str, chunks: Sequence[Chunk]) -> None:
        """Record what this process of an array has found; those of the same run write the same."""
        sizes = [[chunk.name, len(chunk)] for chunk in chunks]
        values = {"label": label, "maker": self.producer, "shards": shard.count, "chunks": sizes}
        self._write(f"{PLAN_PREFIX}-{shard.name}.json", values)

    def remove_plans(self) -> None:
        """Remove what the processes of an array have found: a later run has made the table."""
        with translate_os_errors(self.path):
            for path in self._plans():
                path.unlink(missing_ok=True)

    def _plans(self) -> Iterator[Path]:
        return self.path.glob(f"{PLAN_PREFIX}-*.json")

    def read_plan(self) -> Plan:
        """The plan that all processes of the array agree on.

        Raises WrongUse, with the shards and the reason, if some are not done or were done
        differently, or if rows are gone.
        """
        paths = sorted(self._plans(), key=lambda path: path.stat().st_mtime_ns)
        found = {path.name: self._read(path.name) for path in paths}
        plans = {name: plan for name, plan in found.items() if is_plan(plan)}
        if not plans:
            raise WrongUse(
                f"{self.path}: no run with --part has been done here since the last one without it"
            )
        newest = list(plans.values())[-1]
        count = newest["shards"]
        wrong: dict[str, list[str]] = {}  # reason -> numbers of shards
        for shard in (Shard(number, count) for number in range(1, count + 1)):
            plan = plans.get(f"{PLAN_PREFIX}-{shard.name}.json")
            if reason := difference(plan, newest):
                wrong.setdefault(reason, []).append(str(shard.number))
        if wrong:
            each = (f"part {', '.join(some)} of {count} {why}" for why, some in wrong.items())
            raise WrongUse(f"{'; '.join(each)}: run classify with --part for each of them (again)")
        ends = [0, *accumulate(size for _, size in newest["chunks"])]
        chunks = [Chunk(name, ends[i], ends[i + 1]) for i, (name, _) in enumerate(newest["chunks"])]
        if not all(self.chunk_path(chunk).exists() for chunk in chunks):
            raise WrongUse(
                f"{self.path}: the stored rows of these parts are no longer there: run classify "
                f"with --part for each of the {count} parts again"
            )
        return Plan(newest["label"], newest["maker"], chunks)

    def mark_table(self, table: Path, chunks: Sequence[Chunk]) -> None:
        """Record that the table, in its current version, was made of these chunks."""
        self._write(TABLE_FILE, table_values(table, chunks))

    def is_current(self, table: Path, chunks: Sequence[Chunk]) -> bool:
        """Whether the table was made of these chunks and has not changed since."""
        return table.exists() and self._read(TABLE_FILE) == table_values(table, chunks)

    def _write(self, name: str, values: Any) -> None:
        with atomic_write(self.path / name) as file, translate_os_errors(self.path / name):
            file.write(json.dumps(values, indent=1).encode())

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_bytes())
        except (OSError, ValueError):
            return None


def is_retried(stored: StoredRow) -> bool:
    """Whether the next run classifies an image again.

    Either the machine may be the cause of its error, or the image may change unnoticed, since its
    storage states no version.
    """
    is_known = stored.version[1] != UNKNOWN_STATE
    return not is_known or stored.row.error.partition(":")[0] in RETRIED_CODES


def journal_path(table: Path) -> Path:
    """views.csv -> .views.csv.run in the same folder; hidden, so that it is not read as images."""
    resolved = Path(os.path.realpath(table))
    return resolved.with_name(f".{resolved.name}{RUN_SUFFIX}")


@contextlib.contextmanager
def naming_table(table: Path) -> Iterator[None]:
    """In messages of errors, replace files of the hidden folder by the table, as it was named."""
    try:
        yield
    except WrongUse as error:
        hidden = re.escape(str(journal_path(table))) + r"(/[^/ ]+(?= ))?"
        message = re.sub(hidden, lambda _: str(table), str(error))
        if message == str(error):
            raise
        raise type(error)(message) from error


def guard_of(table: Path, may_overwrite: bool) -> OutputGuard:
    """Protects files that people made: lets a run replace what earlier runs for `table` wrote."""
    return OutputGuard(may_overwrite, journal_path(table) / WRITTEN_FILE)


def is_plan(values: Any) -> bool:
    """Whether parsed JSON is a plan of this version of cxrview, and not damaged."""
    return isinstance(values, dict) and values.keys() == {"label", "maker", "shards", "chunks"}


def difference(plan: dict[str, Any] | None, newest: dict[str, Any]) -> str:
    """What is wrong with the plan of a shard, for a message; "" if it is that of the newest one."""
    if plan is None:
        return "is not done"
    if plan["maker"] != newest["maker"]:
        return "was done with another model or version, or with other options"
    return "" if plan == newest else "was done with other inputs"


def table_values(table: Path, chunks: Sequence[Chunk]) -> dict[str, Any]:
    """Version of a table and the chunks that it was made of, as JSON has them."""
    version = list(path_version(os.fspath(table)))
    return {"stamp": version, "parts": [chunk.name for chunk in chunks]}


def join_table(table: Path, may_overwrite: bool = False) -> RunSummary:
    """Make the table of a run by several processes, in the order of the inputs.

    Raises MissingInput if there was no such run, WrongUse with the shards that are not done,
    UnusableOutput.
    """
    writer_for(table)
    path = journal_path(table)
    if not path.is_dir():
        raise MissingInput(
            f"no run was started for {table}: cxrview classify ... -o {table} --part"
        )
    with naming_table(table):
        plan, summary = Journal(path, "").read_plan(), RunSummary()
    journal, guard = Journal(path, plan.producer), guard_of(table, may_overwrite)
    with naming_table(table), journal.lock():
        with open_table_writer(table, plan.label, guard) as append:
            for row in journal.rows_of(plan.chunks):
                append(row)
                summary.add(row)
        journal.mark_table(table, plan.chunks)
        journal.remove_leftovers(plan.chunks)
    return summary
