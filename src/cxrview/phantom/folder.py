"""A seed -> a folder of labelled phantoms in the formats of the field, and its labels.csv."""

import csv
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from cxrview.errors import UnusableOutput
from cxrview.phantom.claims import HeaderClaim, Truth, claim_of
from cxrview.phantom.dicom_object import Identity, dicom_object, is_monochrome1
from cxrview.phantom.draw import Phantom, draw_one
from cxrview.phantom.encodings import ENCODINGS, Encoding, levels_of

TABLE = "labels.csv"
LICENCE = "CC0-1.0"
DICOM_PER_ROUND = sum(encoding.syntax is not None for encoding in ENCODINGS)


@dataclass(frozen=True, slots=True)
class FolderLabel:
    """One line of labels.csv."""

    file: str
    view: str
    patient: str
    source: str  # phantom
    original_view: str  # PA, AP, LL or RL
    licence: str
    origin: str
    width: int
    height: int
    encoding: str
    photometric_interpretation: str  # of a DICOM file
    header: str  # right, absent or wrong; empty where there is no header
    header_view: str  # what the header claims: frontal, lateral or empty
    mirrored: bool
    inverted: bool  # bone dark, and the file does not say so
    child: bool


COLUMNS = tuple(field.name for field in fields(FolderLabel))


def write_folder(
    folder: Path,
    count: int,
    seed: int = 0,
    side: int = 512,
    lateral_share: float = 0.5,
    progress: Callable[[int], None] = lambda _: None,
) -> list[FolderLabel]:
    """Write `count` phantoms and labels.csv; the same bytes for the same seed.

    The files are written aside and the folder appears whole, or not at all. Raises UnusableOutput
    if it exists and is not empty, or cannot be written. `progress` gets the number done.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UnusableOutput(f"{folder}: exists and is not an empty folder; nothing is overwritten")
    aside = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        labels = []
        for label, data in folder_files(count, seed, side, lateral_share):
            (aside / label.file).write_bytes(data)
            labels.append(label)
            progress(len(labels))
        (aside / TABLE).write_bytes(table_of(labels))
        aside.chmod(0o755)  # mkdtemp's are private
        aside.replace(folder)
    except OSError as error:
        raise UnusableOutput(f"{folder}: {error.strerror or error}") from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
    return labels


def folder_files(
    count: int, seed: int, side: int, lateral_share: float = 0.5
) -> Iterator[tuple[FolderLabel, bytes]]:
    """Each file's label and bytes; the formats follow each other round and round."""
    for number in range(count):
        phantom = draw_one(seed, number, side, lateral_share)
        rounds, place = divmod(number, len(ENCODINGS))
        encoding, identity = ENCODINGS[place], Identity(seed, number)
        levels = levels_of(phantom.pixels, encoding.bits)
        if encoding.syntax is None:
            yield label_of(phantom, identity, encoding), encoding.encode(levels)
            continue
        earlier = sum(other.syntax is not None for other in ENCODINGS[:place])
        nth = rounds * DICOM_PER_ROUND + earlier
        claim = claim_of(phantom, seed, nth)
        data = dicom_object(levels, identity, claim, encoding, nth)
        yield label_of(phantom, identity, encoding, claim, is_monochrome1(nth)), data


def label_of(
    phantom: Phantom,
    identity: Identity,
    encoding: Encoding,
    claim: HeaderClaim | None = None,
    is_dark: bool = False,
) -> FolderLabel:
    """One line. Without a claim there is no header."""
    height, width = phantom.pixels.shape
    photometric = "MONOCHROME1" if is_dark else "MONOCHROME2"
    return FolderLabel(
        file=f"phantom-{identity.number:06d}{encoding.suffix}",
        view=phantom.view.value,
        patient=identity.patient,
        source="phantom",
        original_view=phantom.projection.value,
        licence=LICENCE,
        origin=f"cxrview phantom --seed {identity.seed}",
        width=width,
        height=height,
        encoding=encoding.name,
        photometric_interpretation=photometric if claim else "",
        header=claim.truth.value if claim else "",
        header_view=claim.view.value if claim and claim.view else "",
        mirrored=phantom.mirrored,
        inverted=phantom.inverted,
        child=phantom.child,
    )


def table_of(labels: list[FolderLabel]) -> bytes:
    """labels.csv: UTF-8, one line each."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(label) for label in labels)
    return text.getvalue().encode()


def conflicts(labels: list[FolderLabel]) -> int:
    """How many headers are wrong."""
    return sum(label.header == Truth.WRONG for label in labels)
