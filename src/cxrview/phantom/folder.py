"""A seed, and perhaps CTs -> a folder of labelled radiographs, or one contact sheet."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path

from PIL import Image

from cxrview.atomic import OutputGuard, atomic_write, translate_os_errors
from cxrview.csv_text import csv_table
from cxrview.engines.local import SerialEngine
from cxrview.engines.outcomes import Done, Engine
from cxrview.errors import CxrviewError, UnusableOutput
from cxrview.extras import missing_extra
from cxrview.labels import OTHER
from cxrview.phantom.dicom_object import (
    Correctness,
    PhantomIdentity,
    StatedView,
    dicom_object,
    is_monochrome1,
    stated_view_of,
)
from cxrview.phantom.draw import Phantom, draw_one
from cxrview.phantom.encodings import ENCODINGS, ImageEncoding, quantize

LABELS_FILE = "labels.csv"
LICENCE = "CC0-1.0"
DICOM_PER_ROUND = sum(encoding.transfer_syntax is not None for encoding in ENCODINGS)


@dataclass(frozen=True, slots=True)
class FolderLabel:
    """One line of labels.csv."""

    file: str
    view: str  # frontal, lateral, or other for an oblique
    patient: str
    source: str  # phantom or ct
    original_view: str  # PA, AP, LL, RL or oblique
    licence: str  # "" of a CT: it is that of the CT
    origin: str
    width: int
    height: int
    encoding: str
    photometric_interpretation: str  # of a DICOM file
    header: str  # right, absent or wrong; empty without a header
    header_view: str  # stated in the header: frontal, lateral or empty
    mirrored: bool
    inverted: bool  # bone dark although the file does not declare it
    child: bool


LABEL_COLUMNS = tuple(field.name for field in fields(FolderLabel))


@dataclass(frozen=True, slots=True)
class FolderContents:
    """What determines the files of a folder, byte for byte.

    side: of the images in pixels, the long one. lateral_share: 0 to 1. volumes: paths of CTs, to
    compute the radiographs from; without them they are phantoms.
    """

    count: int
    seed: int = 0
    side: int = 512
    lateral_share: float = 0.5
    volumes: tuple[str, ...] = ()


def write_folder(
    folder: Path,
    contents: FolderContents,
    engine: Engine | None = None,
    on_image: Callable[[], object] = lambda: None,
) -> list[FolderLabel]:
    """Write the radiographs and labels.csv, return the labels.

    engine: draws the images; by default this process. on_image: is called after each. The folder
    appears complete or not at all. Raises UnusableOutput if it exists and is not empty, or cannot
    be written; what load_body raises for a CT; and CxrviewError if a worker fails.
    """
    labels = {}
    with translate_os_errors(folder):
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise UnusableOutput(
                f"{folder}: exists and is not an empty folder; nothing is overwritten"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{folder.name}.", dir=folder.parent, ignore_cleanup_errors=True
        ) as name:
            partial_folder = Path(name)
            for number, label, data in _drawn_files(contents, engine or SerialEngine()):
                (partial_folder / label.file).write_bytes(data)
                labels[number] = label
                on_image()
            ordered = [labels[number] for number in range(contents.count)]
            (partial_folder / LABELS_FILE).write_bytes(labels_csv(ordered))
            partial_folder.chmod(0o755)  # temporary folders are private
            partial_folder.replace(folder)
    return ordered


def _drawn_files(
    contents: FolderContents, engine: Engine
) -> Iterator[tuple[int, FolderLabel, bytes]]:
    """Yield number, label and bytes of each file, in any order; see `write_folder`."""
    make_function = partial(partial, _file_or_error, contents=contents)
    for number, outcome in engine.map(make_function, range(contents.count)):
        if not isinstance(outcome, Done):
            raise CxrviewError(f"image {number} cannot be computed: {outcome}")
        if isinstance(outcome.value, CxrviewError):
            raise outcome.value
        label, data = outcome.value
        yield number, label, data


def _file_or_error(
    number: int, contents: FolderContents
) -> tuple[FolderLabel, bytes] | CxrviewError:
    """Return an expected error: an engine does not forward the message of an exception."""
    try:
        return folder_file(number, contents)
    except CxrviewError as error:
        return error


def folder_file(number: int, contents: FolderContents) -> tuple[FolderLabel, bytes]:
    """Return label and bytes of one file; the encodings alternate in the order of their table."""
    seed = contents.seed
    phantom = _draw(number, seed, contents.side, contents.lateral_share, contents.volumes)
    rounds, place = divmod(number, len(ENCODINGS))
    encoding, identity = ENCODINGS[place], PhantomIdentity(seed, number, phantom.volume)
    levels = quantize(phantom.pixels, encoding.bits)
    if encoding.transfer_syntax is None:
        return label_of(phantom, identity, encoding), encoding.encode(levels)
    earlier = sum(before.transfer_syntax is not None for before in ENCODINGS[:place])
    nth = rounds * DICOM_PER_ROUND + earlier
    stated = stated_view_of(phantom, seed, nth)
    data = dicom_object(levels, identity, stated, encoding, nth)
    return label_of(phantom, identity, encoding, stated, is_monochrome1(nth)), data


def _draw(
    number: int, seed: int, side: int, lateral_share: float, volumes: Sequence[str]
) -> Phantom:
    if not volumes:
        return draw_one(seed, number, side, lateral_share)
    try:
        from cxrview.phantom.ct_draw import draw_from_ct
    except ModuleNotFoundError as error:  # the base install has no scipy
        raise missing_extra(error, "ct") from error
    return draw_from_ct(volumes, number, seed, side, lateral_share)


def label_of(
    phantom: Phantom,
    identity: PhantomIdentity,
    encoding: ImageEncoding,
    stated: StatedView | None = None,
    is_dark: bool = False,
) -> FolderLabel:
    """Return one line of labels.csv. `stated` is None for a file without a DICOM header."""
    height, width = phantom.pixels.shape
    photometric = "MONOCHROME1" if is_dark else "MONOCHROME2"
    source = "ct" if identity.volume else "phantom"
    return FolderLabel(
        file=f"{source}-{identity.number:06d}{encoding.suffix}",
        view=phantom.view.value if phantom.view else OTHER,
        patient=identity.patient,
        source=source,
        original_view=phantom.projection.value if phantom.view else "oblique",
        licence="" if identity.volume else LICENCE,
        origin=f"cxrview phantom {'--ct ' * bool(identity.volume)}--seed {identity.seed}",
        width=width,
        height=height,
        encoding=encoding.name,
        photometric_interpretation=photometric if stated else "",
        header=stated.correctness.value if stated else "",
        header_view=stated.view.value if stated and stated.view else "",
        mirrored=phantom.mirrored,
        inverted=phantom.inverted,
        child=phantom.child,
    )


def labels_csv(labels: list[FolderLabel]) -> bytes:
    """Return labels.csv as UTF-8."""
    return csv_table(LABEL_COLUMNS, map(astuple, labels)).encode()


def count_conflicts(labels: list[FolderLabel]) -> int:
    """Return how many headers state the wrong view."""
    return sum(label.header == Correctness.WRONG for label in labels)


SHEET_ROWS, SHEET_COLUMNS = 4, 8  # frontal radiographs in the upper half
SHEET_IMAGES = SHEET_ROWS * SHEET_COLUMNS
SHEET_CELL, SHEET_GAP = 160, 4  # px
SHEET_BACKGROUND = 40  # of 255
# Noise compresses badly, and more are not visible in small images
SHEET_GREY_LEVELS = 64


def write_sheet(
    path: Path,
    seed: int = 0,
    guard: OutputGuard | None = None,
    volumes: Sequence[str] = (),
    on_image: Callable[[], object] = lambda: None,
) -> None:
    """Write the contact sheet as a PNG. Raises UnusableOutput if it cannot be written.

    on_image: is called after each of the SHEET_IMAGES.
    """
    with atomic_write(path, guard) as file, translate_os_errors(path):
        contact_sheet(seed, volumes, on_image).save(file, "PNG", optimize=True)


def contact_sheet(seed: int, volumes: Sequence[str], on_image: Callable[[], object]) -> Image.Image:
    """Return the contact sheet of a seed: frontal radiographs above, lateral ones below."""
    pitch = SHEET_CELL + SHEET_GAP
    sheet = Image.new(
        "L", (SHEET_COLUMNS * pitch + SHEET_GAP, SHEET_ROWS * pitch + SHEET_GAP), SHEET_BACKGROUND
    )
    half = SHEET_IMAGES // 2
    phantoms = (
        _draw(number, seed, SHEET_CELL, lateral_share, volumes)
        for lateral_share in (0.0, 1.0)
        for number in range(half)
    )
    for place, phantom in enumerate(phantoms):
        image = Image.fromarray(quantize(phantom.pixels, 8))
        on_image()
        row, column = divmod(place, SHEET_COLUMNS)
        x, y = SHEET_GAP + column * pitch, SHEET_GAP + row * pitch
        sheet.paste(
            image, (x + (SHEET_CELL - image.width) // 2, y + (SHEET_CELL - image.height) // 2)
        )
    return sheet.quantize(SHEET_GREY_LEVELS)
