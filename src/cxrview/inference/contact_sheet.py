"""The rows that a person should review -> a contact sheet of thumbnails with verdicts, as one PNG.

The order is that of `review.ReviewQueue`: conflicts with the header first, then uncertain images,
then images that are no chest radiographs, and at the end the least confident of the others.
"""

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from cxrview.engines.outcomes import Done, Engine
from cxrview.filenames import escape_name
from cxrview.images import Radiograph
from cxrview.model.preprocess import shrink
from cxrview.readers.decode import decode
from cxrview.rows import Row
from cxrview.sources.find import Item
from cxrview.views import Agreement, Verdict

Grey = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

SIDE = 176  # pixels of a thumbnail
FRAME = 5
CAPTION = 36  # height of the two lines under it
GAP = 6
COLUMNS = 8
CLIPPED = (0.5, 99.5)  # percentiles that become black and white
BACKGROUND: Colour = (24, 24, 24)
TEXT: Colour = (235, 235, 235)
CONFLICT: Colour = (213, 94, 0)
# From the palette of Okabe and Ito, which people with red-green colour blindness can distinguish
COLOURS: dict[Verdict, Colour] = {
    Verdict.FRONTAL: (86, 180, 233),
    Verdict.LATERAL: (0, 158, 115),
    Verdict.UNCERTAIN: (240, 228, 66),
    Verdict.NOT_CHEST: (150, 150, 150),
}


def make_thumbnails() -> Callable[[Item], Grey]:
    """The function that workers apply to items."""
    return thumbnail_of_item


def thumbnail_of_item(item: Item) -> Grey:
    """Item -> (h, w) uint8; raises UnreadableImage."""
    with item.open() as stream:
        return thumbnail(decode(stream))


def thumbnail(radiograph: Radiograph) -> Grey:
    """Radiograph -> (h, w) uint8, SIDE on the long side, true aspect, contrast stretched."""
    scale = SIDE / max(radiograph.width, radiograph.height)
    height, width = (max(1, round(n * scale)) for n in (radiograph.height, radiograph.width))
    small = shrink(radiograph.pixels, radiograph.box, height, width)
    black, white = np.percentile(small, CLIPPED)
    grey = (small - black) / max(white - black, np.finfo(np.float32).tiny)
    stretched: Grey = (np.clip(grey, 0, 1) * 255).astype(np.uint8)
    return stretched


def write_sheet(file: BinaryIO, chosen: Sequence[tuple[Item, Row]], engine: Engine) -> None:
    """Decode the chosen items again, at thumbnail size, and write the sheet as PNG."""
    thumbnails: list[Grey | None] = [None] * len(chosen)
    for index, outcome in engine.map(make_thumbnails, [item for item, _ in chosen]):
        thumbnails[index] = outcome.value if isinstance(outcome, Done) else None
    pairs = zip(thumbnails, (row for _, row in chosen), strict=True)
    draw_sheet(list(pairs)).save(file, "PNG")


def draw_sheet(pairs: Sequence[tuple[Grey | None, Row]]) -> Image.Image:
    """(thumbnail, None if the item could not be read again; row) -> the sheet, RGB."""
    columns = max(1, min(COLUMNS, len(pairs)))
    lines = max(1, -(-len(pairs) // columns))
    width, height = SIDE + 2 * FRAME + GAP, SIDE + 2 * FRAME + CAPTION + GAP
    sheet = Image.new("RGB", (columns * width + GAP, lines * height + GAP), BACKGROUND)
    font = ImageFont.load_default(size=13)
    for number, (grey, row) in enumerate(pairs):
        corner = (GAP + number % columns * width, GAP + number // columns * height)
        draw_cell(sheet, corner, grey, row, font)
    return sheet


def draw_cell(
    sheet: Image.Image, corner: tuple[int, int], grey: Grey | None, row: Row, font: Font
) -> None:
    """Draw one framed thumbnail with two lines of text under it."""
    left, top = corner
    inner = SIDE + 2 * FRAME
    colour = colour_of(row)
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((left, top, left + inner - 1, top + inner - 1), BACKGROUND, colour, FRAME)
    if grey is not None:
        height, width = grey.shape
        middle = (left + FRAME + (SIDE - width) // 2, top + FRAME + (SIDE - height) // 2)
        sheet.paste(Image.fromarray(grey), middle)
    draw.text((left + 2, top + inner + 2), verdict_line(row), colour, font)
    draw.text((left + 2, top + inner + 18), shortened(row.file, inner, font), TEXT, font)


def colour_of(row: Row) -> Colour:
    """Colour of the frame: of the verdict, unless the header claims the other view."""
    if row.agreement is Agreement.CONFLICT or row.view is None:
        return CONFLICT
    return COLOURS[row.view]


def verdict_line(row: Row) -> str:
    """Verdict, P(lateral), and the header's view where it conflicts."""
    header = f", header {row.header_view}" if row.agreement is Agreement.CONFLICT else ""
    return f"{row.view} {row.p_lateral:.3f}{header}"


def shortened(name: str, width: int, font: Font) -> str:
    """The end of a file name that fits into `width` pixels, on one line."""
    text = " ".join(escape_name(PurePath(name).name).split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength("..." + text) > width:
        text = text[1:]
    return "..." + text
