"""A seed -> one contact sheet of phantoms: frontals above, laterals below."""

import io
from pathlib import Path

from PIL import Image

from cxrview.errors import UnusableOutput
from cxrview.phantom.draw import draw_many
from cxrview.phantom.encodings import levels_of

ROWS, COLUMNS = 4, 8  # the upper half of the rows is frontal
CELL, GAP = 160, 4  # px
GROUND = 40  # of 255
GREYS = 64  # a sheet of noise would not compress; the eye tells no more apart in small pictures


def write_sheet(path: Path, seed: int = 0) -> None:
    """Write the sheet as a PNG. Raises UnusableOutput if it cannot be written."""
    if not path.parent.is_dir():  # before a minute of drawing
        raise UnusableOutput(f"{path}: there is no folder {path.parent}")
    stream = io.BytesIO()
    contact_sheet(seed).save(stream, "PNG", optimize=True)
    try:
        path.write_bytes(stream.getvalue())
    except OSError as error:
        raise UnusableOutput(f"{path}: {error.strerror or error}") from error


def contact_sheet(seed: int) -> Image.Image:
    """ROWS x COLUMNS phantoms, grey."""
    pitch = CELL + GAP
    sheet = Image.new("L", (COLUMNS * pitch + GAP, ROWS * pitch + GAP), GROUND)
    half = ROWS // 2 * COLUMNS
    frontals, laterals = draw_many(half, seed, CELL, 0.0), draw_many(half, seed, CELL, 1.0)
    for place, phantom in enumerate([*frontals, *laterals]):
        picture = Image.fromarray(levels_of(phantom.pixels, 8))
        row, column = divmod(place, COLUMNS)
        x, y = GAP + column * pitch, GAP + row * pitch
        sheet.paste(picture, (x + (CELL - picture.width) // 2, y + (CELL - picture.height) // 2))
    return sheet.quantize(GREYS)
