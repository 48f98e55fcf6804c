"""What it costs to plan a run over a great many files and to join its parts, without the judging.

    python benchmarks/planning.py [--paths 1000000]

Empty files in folders of a thousand. One process plans (finds the files, looks at their state,
deals them into parts); another, which is not timed, writes a made-up row for each; a third is
`cxrview join`. Prints the seconds and the largest memory of the first and the third. About five
minutes, an inode a path.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from cxrview.inference.chunks import MISSING_VERSION, Shard, StoredRow, chunks_of
from cxrview.inference.journal import Journal, journal_path
from cxrview.rows import Row
from cxrview.sources.find import find
from cxrview.views import Agreement, Verdict, View

MODEL = "film@00000000"
IN_A_FOLDER = 1000
ROW = {
    "view": Verdict.FRONTAL, "p_lateral": 0.0012, "p_chest": 0.9983, "header_view": View.FRONTAL,
    "header_source": "ViewPosition", "agreement": Agreement.AGREE, "width": 2544, "height": 3056,
    "model": MODEL,
}  # fmt: skip


def make_files(folder: Path, count: int) -> None:
    """Empty, named as MIMIC-CXR names its files."""
    for number in range(count):
        place = folder / f"p{number // IN_A_FOLDER:05d}"
        if not number % IN_A_FOLDER:
            place.mkdir(parents=True)
        os.close(os.open(place / f"{number:08x}-4c9e-11ee-be56.dcm", os.O_CREAT | os.O_WRONLY))


def plan(folder: Path, table: Path) -> None:
    """As each process of an array does; the plan is noted for `cxrview join`."""
    journal = Journal(journal_path(table), MODEL)
    journal.create()
    journal.write_plan(Shard(1, 1), MODEL, list(chunks_of(find([folder]), MODEL)))


def classify(folder: Path, table: Path) -> None:
    """Rows from nowhere, into the parts of the plan."""
    items = find([folder])
    journal = Journal(journal_path(table), MODEL)
    for chunk in journal.read_plan().chunks:
        some = items[chunk.start : chunk.stop]
        rows = [StoredRow(Row(file=item.name, **ROW), MISSING_VERSION) for item in some]  # type: ignore[arg-type]
        journal.write_chunk(chunk, rows)


def join(table: Path) -> None:
    """`cxrview join`."""
    from cxrview.cli.main import app

    app(["join", str(table), "--quiet"], standalone_mode=False)


def staged(stage: str, folder: Path, table: Path) -> tuple[float, float]:
    """A stage in a process of its own -> seconds from start to end, largest memory in MiB."""
    words = [sys.executable, __file__, "--stage", stage]
    words += ["--folder", str(folder), "--table", str(table)]
    begun = time.perf_counter()
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - begun, json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--paths", type=int, default=1_000_000)
    parser.add_argument("--kind", default="csv", choices=("csv", "parquet", "jsonl"))
    parser.add_argument("--stage", choices=("plan", "classify", "join"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage:
        try:
            if given.stage == "join":
                join(given.table)
            else:
                {"plan": plan, "classify": classify}[given.stage](given.folder, given.table)
        except SystemExit as ended:
            if ended.code:
                raise
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} processors\n")
    print("| paths | stage | seconds | largest memory, MiB |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as place:
        folder, table = Path(place, "images"), Path(place, f"views.{given.kind}")
        make_files(folder, given.paths)
        for stage in ("plan", "classify", "join"):
            seconds, memory = staged(stage, folder, table)
            if stage != "classify":
                print(f"| {given.paths:,} | {stage} | {seconds:.1f} | {memory:.0f} |", flush=True)
        if given.kind == "csv":
            with table.open("rb") as file:
                rows = sum(1 for _ in file) - 1
            if rows != given.paths:
                raise SystemExit(f"{rows} rows of {given.paths} paths")


if __name__ == "__main__":
    main()
