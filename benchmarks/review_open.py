"""Time from the start of `cxrview review` until its first page is there, in Chromium, and memory.

python benchmarks/review_open.py --rows 100000

Writes a table in which every tenth row needs a look, with an image for each row (links to a few
phantoms), and opens it in fresh processes. The page is there when all its thumbnails are.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from cxrview.inference.table_writers import open_table_writer
from cxrview.phantom.folder import FolderContents, write_folder
from cxrview.rows import Row
from cxrview.views import Verdict
from label_keys import opened, report_load

PHANTOMS = 20
URGENT_EVERY = 10
STARTS = 3
COMPLETE = """
() => {
  const images = [...document.querySelectorAll("#sheet img")];
  return images.length === 40 && images.every((image) => image.complete && image.naturalWidth);
}
"""


def write_table(folder: Path, rows: int, ending: str) -> str:
    """Write a table and its images -> name of the table."""
    write_folder(folder / "phantoms", FolderContents(PHANTOMS))
    sources = [one for one in sorted((folder / "phantoms").iterdir()) if one.suffix != ".csv"]
    with open_table_writer(folder / f"views{ending}", "open@00000000") as write:
        for number in range(rows):
            source = sources[number % len(sources)]
            file = folder / f"p{number // 1000:03}" / f"{number:06}{source.suffix}"
            if number % 1000 == 0:
                file.parent.mkdir()
            os.link(source, file)
            p = (number % 997) / 997
            is_urgent = number % URGENT_EVERY == 0
            view = (
                Verdict.UNCERTAIN if is_urgent else Verdict.LATERAL if p > 0.5 else Verdict.FRONTAL
            )
            name = str(file.relative_to(folder))
            write(Row(name, view=view, p_lateral=p, p_chest=0.99, model="open@00000000"))
    return f"views{ending}"


def peak_memory(process: int) -> float:
    """Largest resident size of a process so far, in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--ending", default=".csv", help="of the table: .csv, .jsonl or .parquet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        table = write_table(Path(name), options.rows, options.ending)
        for _ in range(STARTS):
            report_load()
            with opened(Path(name), "review", table) as (page, process, start):
                page.wait_for_function(COMPLETE)
                seconds = time.perf_counter() - start
                print(f"{seconds:.1f} s until the page is there, {peak_memory(process):.0f} MB")


if __name__ == "__main__":
    main()
