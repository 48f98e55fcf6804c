"""A collection of the size of the paper's: rows, cost of an image, memory from first to last.

    python benchmarks/bulk_size.py [--images 38552] [--phantoms 2000] [--jobs 2] [--folder FOLDER]

A few thousand phantoms are drawn; each file is one of them mirrored, cropped, at another contrast
and with other noise, at a size and in a format of radiographs; one in fifty is damaged. Then
`cxrview classify` over the first thousand, the first ten thousand and all, in turns, and over one
image, whose time is taken from the others': it is what starting costs. A thread reads the peaks of
memory of the parent and of each worker. Exit status 1 if an input is not exactly one row, or a file
that was not damaged could not be read. About 40 minutes on two processors, 20 GB in the folder for
temporary files.
"""

import argparse
import csv
import json
import os
import pickle
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrview.engines.process import ONE_THREAD_ENVIRONMENT
from cxrview.phantom.dicom_object import PhantomIdentity, dicom_object, stated_view_of
from cxrview.phantom.draw import Phantom, draw_one
from cxrview.phantom.encodings import ENCODINGS, ImageEncoding, quantize

DRAWN_SIDE = 320  # pixels, of the phantoms that all files are made from
IN_A_FOLDER = 500
DAMAGED_EVERY = 50
SEED = 0
AT_ONCE = 8
LOOKS = 0.25  # seconds
SOME = (1, 1000, 10_000, 1000, 1)  # images; runs before and after that over all
BY_NAME = {encoding.name: encoding for encoding in ENCODINGS}
# Share of the files, format, long side in pixels: what public collections and scanners give.
KINDS = (
    (0.40, "jpeg", 390), (0.21, "jpeg", 1024), (0.02, "jpeg", 3056), (0.05, "png", 1024),
    (0.02, "png 16 bit", 1024), (0.07, "dicom explicit little endian", 1024),
    (0.02, "dicom explicit little endian", 2048), (0.03, "dicom rle", 768),
    (0.03, "dicom jpeg baseline", 2048), (0.05, "dicom jpeg lossless", 1024),
    (0.03, "dicom jpeg-ls", 1024), (0.04, "dicom jpeg 2000", 1024), (0.03, "dicom htj2k", 1024),
)  # fmt: skip
Floats = npt.NDArray[np.float32]


def varied(pixels: Floats, side: int, rng: np.random.Generator) -> Floats:
    """A phantom -> another radiograph of the same patient, long side `side`."""
    high, wide = pixels.shape
    top, left, below, right = (int(n) for n in rng.integers(0, DRAWN_SIDE // 16, 4))
    cut = pixels[top : high - below, left : wide - right] ** np.float32(rng.uniform(0.7, 1.4))
    scale = side / max(cut.shape)
    size = (round(cut.shape[1] * scale), round(cut.shape[0] * scale))
    image = Image.fromarray(cut).resize(size, Image.Resampling.BICUBIC)
    noise = rng.standard_normal(image.size[::-1], dtype=np.float32) * np.float32(0.004)
    whole: Floats = np.clip(np.asarray(image) * np.float32(rng.uniform(0.8, 1)) + noise, 0, 1)
    return whole[:, ::-1] if rng.random() < 0.1 else whole


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut off, a stretch of it lost, or nothing left."""
    kind = rng.integers(4)
    if kind == 0:
        return b""
    if kind == 1:
        return data[: int(rng.integers(1, 400))]
    if kind == 2:
        return data[: int(len(data) * rng.uniform(0.1, 0.9))]
    start = int(len(data) * rng.uniform(0, 0.9))
    return data[:start] + bytes(len(data) // 10) + data[start + len(data) // 10 :]


def encoded(image: Floats, form: ImageEncoding, number: int, phantom: Phantom) -> bytes:
    levels = quantize(image, form.bits)
    if form.transfer_syntax is None:
        return form.encode(levels)
    return dicom_object(
        levels, PhantomIdentity(SEED, number), stated_view_of(phantom, SEED, number), form, number
    )


def write_radiograph(
    number: int, folder: Path, drawn: Path, phantoms: int
) -> tuple[str, bool, int]:
    """One file -> its name, whether it was damaged, its bytes."""
    rng = np.random.default_rng([SEED, number])
    phantom: Phantom = pickle.loads((drawn / f"{number % phantoms}").read_bytes())
    pixels = phantom.pixels.astype(np.float32)
    shares = [share for share, _, _ in KINDS]
    _, name, side = KINDS[int(rng.choice(len(KINDS), p=np.array(shares) / sum(shares)))]
    form = BY_NAME[name]
    data = encoded(varied(pixels, side, rng), form, number, phantom)
    is_damaged = number % DAMAGED_EVERY == DAMAGED_EVERY - 1
    data = damaged(data, rng) if is_damaged else data
    place = folder / f"{number // IN_A_FOLDER:03d}"
    place.mkdir(exist_ok=True)
    path = place / f"{number:06d}{form.suffix}"
    path.write_bytes(data)
    return str(path.relative_to(folder)), is_damaged, len(data)


def draw_into(number: int, drawn: Path) -> None:
    (drawn / f"{number}").write_bytes(pickle.dumps(draw_one(SEED, number, DRAWN_SIDE)))


@dataclass(slots=True)
class Watched:
    """Memory of one run: (seconds, MiB of the parent, MiB of the largest worker), in order."""

    looks: list[tuple[float, float, float]] = field(default_factory=list)

    def tenths(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Peaks of the first and of the last tenth: parent, worker."""
        end = self.looks[-1][0]
        first = [look for look in self.looks if look[0] <= end / 10]
        last = [look for look in self.looks if look[0] >= end * 9 / 10]
        return tuple(  # type: ignore[return-value]
            (max(look[1] for look in some), max(look[2] for look in some)) for some in (first, last)
        )


def peak(pid: int) -> float:
    """Largest resident MiB since the last look, by the kernel's own mark; 0 for what has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # lets the mark begin anew
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def watch(process: "subprocess.Popen[str]", seen: Watched) -> None:
    begun = time.monotonic()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None:
        try:
            workers = [peak(int(pid)) for pid in children.read_text().split()]
        except OSError:
            break
        seen.looks.append((time.monotonic() - begun, peak(process.pid), max(workers, default=0)))
        time.sleep(LOOKS)


@dataclass(frozen=True, slots=True)
class Ran:
    """images; seconds: of the command, and of the processors; memory; its rows."""

    images: int
    whole: float
    busy: float
    memory: Watched
    rows: list[dict[str, str]]


def classify(folder: Path, names: list[str], jobs: int) -> Ran:
    """A fresh run over files or folders."""
    with tempfile.TemporaryDirectory() as place:
        table, seen = Path(place, "views.csv"), Watched()
        words = ["-o", str(table), "--jobs", str(jobs), "--quiet"]
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        with subprocess.Popen(
            [sys.executable, "-m", "cxrview", "classify", *names, *words], cwd=folder, text=True,
            env={**os.environ, **ONE_THREAD_ENVIRONMENT},
        ) as process:  # fmt: skip
            looking = threading.Thread(target=watch, args=(process, seen))
            looking.start()
            process.wait()
            looking.join()
        whole, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if process.returncode not in (0, 1):
            raise SystemExit(f"ended with {process.returncode}")
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
    return Ran(len(rows), whole, busy, seen, rows)


def faults(rows: Sequence[dict[str, str]], made: dict[str, bool]) -> list[str]:
    """What is not as it must be."""
    names = [row["file"] for row in rows]
    found = [f"{len(names) - len(set(names))} rows doubled"] if len(set(names)) < len(names) else []
    if missing := set(made) - set(names):
        found.append(f"{len(missing)} rows lost")
    wrong = [row["file"] for row in rows if row["error"] and not made[row["file"]]]
    return found + [f"{len(wrong)} sound files not read: {wrong[:3]}"] * bool(wrong)


def make(folder: Path, images: int, phantoms: int, jobs: int) -> tuple[dict[str, bool], int]:
    """The collection -> which of its files are damaged, and its bytes."""
    drawn = folder / ".drawn"
    drawn.mkdir(parents=True)
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(partial(draw_into, drawn=drawn), range(phantoms), chunksize=AT_ONCE))
        write = partial(write_radiograph, folder=folder, drawn=drawn, phantoms=phantoms)
        written = list(pool.map(write, range(images), chunksize=AT_ONCE))
    shutil.rmtree(drawn)
    return {name: is_damaged for name, is_damaged, _ in written}, sum(size for *_, size in written)


def report(runs: list[Ran]) -> None:
    """Markdown: cost by number of images, memory by number of images."""
    heads = ("images", "runs", "seconds", "ms an image", "ms of processors an image",
             "parent, MiB: first tenth, last", "worker, MiB: first tenth, last")  # fmt: skip
    print(f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|")
    alone = [run for run in runs if run.images == 1]
    whole, busy = (median(getattr(run, name) for run in alone) for name in ("whole", "busy"))
    print(f"| 1 | {len(alone)} | {whole:.1f} | | | | |")
    for images in sorted({run.images for run in runs} - {1}):
        some = [run for run in runs if run.images == images]
        seconds = median(run.whole for run in some)
        each = 1e3 * (seconds - whole) / (images - 1)
        worked = 1e3 * (median(run.busy for run in some) - busy) / (images - 1)
        first, last = some[-1].memory.tenths()
        memory = (f"{before:.0f}, {after:.0f}" for before, after in zip(first, last, strict=True))
        print(
            f"| {images:,} | {len(some)} | {seconds:.1f} | {each:.2f} | {worked:.2f} "
            f"| {' | '.join(memory)} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=38_552)
    parser.add_argument("--phantoms", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="made once and kept; else a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = given.folder or Path(place, "images")
        noted = folder / ".made.json"
        if not noted.exists():
            made, size = make(folder, given.images, given.phantoms, given.jobs)
            noted.write_text(json.dumps([made, size]))
        made, size = json.loads(noted.read_text())
        print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} processors, "
              f"{len(made):,} files of {size / len(made) / 1e3:.0f} kB, "
              f"{sum(made.values()):,} damaged, {given.jobs} workers\n")  # fmt: skip
        runs, wrong = [], []
        for images in (count for count in (*SOME, len(made), *SOME) if count <= len(made)):
            asked = dict(list(made.items())[:images])
            folders = list(dict.fromkeys(name.partition("/")[0] for name in asked))
            runs.append(classify(folder, folders if images > 1 else list(asked), given.jobs))
            wrong += faults(runs[-1].rows, asked)
            print(f"{runs[-1].images:,}: {runs[-1].whole:.1f} s", file=sys.stderr, flush=True)
        report(runs)
        largest = max(runs, key=lambda run: run.images)
        unread = sum(bool(row["error"]) for row in largest.rows)
        print(f"\n{largest.images:,} rows; {unread:,} of the damaged files could not be read")
    for words in wrong:
        print(words)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
