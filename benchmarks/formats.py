"""What is decoded, as Markdown: a folder of DICOM files, or the kinds of fault that are tested.

    python benchmarks/formats.py FOLDER
    python benchmarks/formats.py --kinds [--others PYTHON]

The first counts what is decoded and refused by transfer syntax. The second writes the DICOM inputs
of tests/makers_cases.py and counts those that each decoder reads right. PYTHON is an interpreter
with pydicom, pylibjpeg and python-gdcm; DCMTK's dcmj2pnm is used where it is installed.
"""

import argparse
import subprocess
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np

from cxrview.errors import UnreadableImage
from cxrview.limits import Limits
from cxrview.readers.decode import decode
from cxrview.readers.dicom_file import open_dicom
from cxrview.readers.transfer_syntaxes import TRANSFER_SYNTAXES
from cxrview.sources.find import Item, find

HERE = Path(__file__).parent
CELLS = 64
RIGHT = 5.0  # of 255: the mean difference of cells that still is the same picture


@dataclass
class Counts:
    """The files of one transfer syntax."""

    decoded: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by error code


def syntax_of(item: Item) -> str:
    """The transfer syntax that the file claims, "" if it claims none."""
    with item.open() as stream:
        return open_dicom(stream, Limits()).transfer_syntax


def counted(items: list[Item]) -> dict[str, Counts]:
    """What is decoded and refused, by transfer syntax."""
    found: dict[str, Counts] = defaultdict(Counts)
    for item in items:
        count = found[syntax_of(item)]
        try:
            with item.open() as stream:
                decode(stream)
        except UnreadableImage as error:
            count.refused[error.code] += 1
        else:
            count.decoded += 1
    return found


def table(found: dict[str, Counts]) -> Iterator[str]:
    """The counts as Markdown."""
    yield "| transfer syntax | | decoded | refused |"
    yield "|---|---|---:|---|"
    for syntax, name in ((uid, known.name) for uid, known in TRANSFER_SYNTAXES.items()):
        if syntax in found:
            yield row(syntax, name, found[syntax])
    for syntax in sorted(found.keys() - TRANSFER_SYNTAXES.keys()):
        yield row(syntax, "unknown", found[syntax])
    decoded = sum(count.decoded for count in found.values())
    refused = sum(count.refused.total() for count in found.values())
    yield f"| all | | {decoded} | {refused} |"


def row(syntax: str, name: str, count: Counts) -> str:
    reasons = ", ".join(f"{n} {code}" for code, n in sorted(count.refused.items()))
    return f"| {syntax} | {name} | {count.decoded} | {reasons} |"


def cells(pixels: np.ndarray) -> np.ndarray:
    """Grey or colour pixels -> (64, 64) means, 0 .. 255, whatever their size and range."""
    grey = pixels.astype(np.float64)
    grey = grey.mean(axis=2) if grey.ndim == 3 else grey
    rows, columns = (np.linspace(0, length, CELLS + 1).astype(int) for length in grey.shape)
    sums = np.add.reduceat(np.add.reduceat(grey, rows[:-1], 0), columns[:-1], 1)
    small = sums / np.outer(np.diff(rows), np.diff(columns))
    spread = np.ptp(small)
    return (small - small.min()) / (spread or 1) * 255


def is_right(pixels: np.ndarray, truth: np.ndarray) -> bool:
    """Whether it is the same picture, of any size, range and polarity."""
    if min(pixels.shape[:2]) < CELLS:
        return False
    found, wanted = cells(pixels), cells(truth)
    return bool(min(np.abs(found - wanted).mean(), np.abs(255 - found - wanted).mean()) < RIGHT)


def ours(data: bytes) -> np.ndarray | None:
    """The pixels as we read them."""
    try:
        return decode(BytesIO(data)).pixels
    except UnreadableImage:
        return None


def others(python: str, decoder: str, paths: list[Path]) -> list[np.ndarray | None]:
    """The pixels as another decoder reads them, in processes that may die."""
    found: list[np.ndarray | None] = []
    while len(found) < len(paths):
        lines = "".join(f"{path}\n" for path in paths[len(found) :])
        command = [python, str(HERE / "other_decoders.py"), decoder]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
        answers = done.stdout.splitlines()
        for path, answer in zip(paths[len(found) :], answers, strict=False):
            found.append(np.load(f"{path}.npy") if answer == "ok" else None)
        if len(found) < len(paths):
            found.append(None)  # this one ended the process
    return found


def kinds_table(python: str | None) -> Iterator[str]:
    """Kinds of fault against decoders: how many of the DICOM inputs each reads right."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from makers_cases import CASES, lateral

    cases = [case for case in CASES if not case.refused and case.make()[128:132] == b"DICM"]
    truth = lateral(16)
    columns: dict[str, list[np.ndarray | None]] = {"cxrview": [ours(case.make()) for case in cases]}
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, case in enumerate(cases):
            paths.append(Path(folder) / f"{number}.dcm")
            paths[-1].write_bytes(case.make())
        for decoder in ("pydicom", "GDCM", "DCMTK") if python else ():
            columns[decoder] = others(str(python), decoder, paths)
    yield f"| kind of fault | inputs | {' | '.join(columns)} |"
    yield f"|---|---:|{'---|' * len(columns)}"
    for kind in dict.fromkeys(case.kind for case in cases):
        numbers = [number for number, case in enumerate(cases) if case.kind == kind]
        texts = []
        for pixels in columns.values():
            read = [found for number in numbers if (found := pixels[number]) is not None]
            right = sum(is_right(found, truth) for found in read)
            wrong, refused = len(read) - right, len(numbers) - len(read)
            parts = {"right": right, "wrong": wrong, "refused": refused}
            texts.append(", ".join(f"{count} {name}" for name, count in parts.items() if count))
        yield f"| {kind} | {len(numbers)} | {' | '.join(texts)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="*", help="DICOM files and folders")
    parser.add_argument("--kinds", action="store_true", help="the kinds of fault instead")
    parser.add_argument("--others", metavar="PYTHON", help="interpreter with other decoders")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = kinds_table(options.others) if options.kinds else table(counted(find(options.folder)))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
