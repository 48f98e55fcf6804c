"""Speed of classification, compared with other tools -> Markdown tables on stdout.

    python benchmarks/speed.py

benchmarks/README.md states the requirements, docs/speed.md the results.
"""

import argparse
import os
import platform
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import torch

from cxrview.engines.process import ONE_THREAD_ENVIRONMENT
from cxrview.model.classifier import Classifier, load
from ours import images_per_second, many_links, staged_path, whole_path
from peers import Peer, TorchXRayVision, gdcm_pixels, openjpeg_pixels, pillow_draft, pydicom_pixels
from pictures import FORMATS, JPEG, Collection, make_collection
from stopwatch import CLOCKS, Clock, Laps, milliseconds, side_by_side, stages

LIBRARIES = (
    "cxrview", "numpy", "pillow", "imagecodecs", "pydicom", "onnxruntime", "torch",
    "torchxrayvision", "scikit-image", "monai", "pylibjpeg-openjpeg", "python-gdcm",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the first table."""

    name: str  # of the format
    peer_name: str
    peer: Peer
    target: float | None
    is_speedup: bool  # the ratio is peer / ours and should be large, else ours / peer and small

    def verdict(self, ratio: float) -> tuple[str, str]:
        """Return the target, and whether the ratio reaches it."""
        if self.target is None:
            return "", ""
        reached = ratio >= self.target if self.is_speedup else ratio <= self.target
        return f"{'>=' if self.is_speedup else '<='} {self.target:g}", "yes" if reached else "no"


def comparisons(xrv: TorchXRayVision | None) -> tuple[Comparison, ...]:
    """Return the comparisons of the complete path with each peer, on the same files.

    xrv: None where it is not installed; its comparisons are left out.
    """
    uncompressed, jpeg2000, htj2k = (FORMATS[number].name for number in (2, 3, 4))
    lossless = FORMATS[6].name
    with_xrv = () if xrv is None else (
        Comparison(JPEG.name, f"TorchXRayVision {xrv.version}, ViewModel", xrv, 22, True),
        Comparison(JPEG.name, "the same without XRayResizer", xrv.without_resizer, None, True),
    )  # fmt: skip
    return (
        Comparison(JPEG.name, "Pillow, `draft` and `load`", pillow_draft, 1.15, False),
        *with_xrv,
        Comparison(uncompressed, "pydicom, `pixel_array`", pydicom_pixels, 0.8, False),
        Comparison(jpeg2000, "pylibjpeg-openjpeg, all pixels", openjpeg_pixels, 15, True),
        Comparison(htj2k, "pylibjpeg-openjpeg, all pixels", openjpeg_pixels, 10, True),
        Comparison(lossless, "python-gdcm, all pixels", gdcm_pixels, 2.5, True),
    )


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that the measurements need."""

    collection: Collection
    classifier: Classifier
    xrv: TorchXRayVision | None
    rounds: int
    now: Clock


def ratio_table(bench: Bench) -> None:
    """Print the comparisons."""
    head("input", "compared with", "cxrview, ms", "peer, ms", "ratio [range of rounds]",
         "target", "reached")  # fmt: skip
    for each in comparisons(bench.xrv):
        paths = bench.collection.files[each.name]
        result = side_by_side(
            whole_path(bench.classifier), each.peer, paths, bench.rounds, bench.now
        )
        ratios = result.ratios(is_speedup=each.is_speedup)
        middle = median(ratios)
        what = "times faster" if each.is_speedup else "times its time"
        line(
            each.name,
            each.peer_name,
            f"{median(result.ours):.1f}",
            f"{median(result.peers):.1f}",
            f"{middle:.2f} [{min(ratios):.2f} - {max(ratios):.2f}] {what}",
            *each.verdict(middle),
        )


def stage_table(bench: Bench) -> None:
    """Print the time of each format, and of each stage."""
    names = ("open, decode", "reduce to 256", "preprocess", "network", "row")
    head("format", "MB", "file to row, ms", *names)
    for form in FORMATS:
        paths = bench.collection.files[form.name]
        whole = milliseconds(whole_path(bench.classifier), paths, bench.rounds, bench.now)
        parts = stages(staged_path(bench.classifier), paths, bench.rounds, bench.now)
        size = f"{bench.collection.megabytes(form.name):.2f}"
        line(form.name, size, f"{whole:.2f}", *(f"{parts[name]:.2f}" for name in names))


def peer_table(bench: Bench) -> None:
    """Print the time of each step of TorchXRayVision, on the JPEG files, if it is installed."""
    xrv = bench.xrv
    if xrv is None:
        print("\nTorchXRayVision is not installed.")
        return

    def run(path: Path, laps: Laps) -> None:
        value: object = path
        for name, step in xrv.steps.items():
            value = step(value)
            laps.mark(name)

    parts = stages(run, bench.collection.files[JPEG.name], bench.rounds, bench.now)
    head("TorchXRayVision's step", "ms")
    for name, taken in parts.items():
        line(name, f"{taken:.1f}")


def process_table(bench: Bench, model: str, count: int, folder: Path) -> None:
    """Print the throughput of the whole command."""
    links = many_links(bench.collection.files[JPEG.name], count, folder / "links")
    head("`cxrview classify`, JPEG files", "images", "images a second [range of rounds]")
    images_per_second(links, count, 1, model)  # Python stores the modules that it compiles
    for jobs in (1, 2):
        found = [images_per_second(links, count, jobs, model) for _ in range(min(3, bench.rounds))]
        line(f"--jobs {jobs}", str(count),
             f"{median(found):.0f} [{min(found):.0f} - {max(found):.0f}]")  # fmt: skip


def line(*cells: str) -> None:
    """Print one line of a table."""
    print("|", " | ".join(cells), "|", flush=True)


def head(*cells: str) -> None:
    """Print the names of the columns."""
    print()
    line(*cells)
    line(*("---" for _ in cells))


def processor() -> str:
    """Return the name of the processor, if the system states it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [text.partition(": ")[2] for text in lines if text.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def conditions(bench: Bench, clock: str) -> None:
    """Print date, machine, options and versions."""
    pictures = len(bench.collection.files[JPEG.name])
    load_average = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"- {time.strftime('%Y-%m-%d')}, {processor()}, {os.cpu_count()} processors, "
          f"{platform.system()}, Python {platform.python_version()}; "
          f"load average at the start {load_average}")  # fmt: skip
    print(f"- `python {shlex.join(sys.argv)}`")
    print(f"- {pictures} images of 2544 x 3056 from {bench.collection.texture}, "
          f"{bench.rounds} rounds, one process, one thread, {clock} clock")  # fmt: skip
    print(f"- model: {bench.classifier.label}")
    libraries = [name for name in LIBRARIES if bench.xrv or name != "torchxrayvision"]
    print(f"- {', '.join(f'{name} {version(name)}' for name in libraries)}")


def arguments() -> argparse.Namespace:
    """Return the command-line options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=24, help="in each format")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=480, help="for the command as a whole")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--model", default="open", help="a name or a file, as of cxrview classify")
    return parser.parse_args()


def main() -> None:
    # Libraries look at it when they are loaded
    if not ONE_THREAD_ENVIRONMENT.items() <= os.environ.items():
        os.execve(
            sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD_ENVIRONMENT}
        )
    options = arguments()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        collection = make_collection(folder / "radiographs", options.pictures)
        bench = Bench(
            collection,
            load(options.model),
            TorchXRayVision() if find_spec("torchxrayvision") else None,
            options.rounds,
            CLOCKS[options.clock],
        )
        conditions(bench, options.clock)
        ratio_table(bench)
        stage_table(bench)
        peer_table(bench)
        process_table(bench, options.model, options.images, folder)


if __name__ == "__main__":
    main()
