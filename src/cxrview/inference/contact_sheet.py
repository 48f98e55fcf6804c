"""The rows that a person should review -> a contact sheet of thumbnails with verdicts, as one PNG.

The order is that of `review.ReviewQueue`: conflicts with the header first, then uncertain images,
then images that are no chest radiographs, and at the end the least confident of the others.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from cxrview.engines.outcomes import Done, Engine
from cxrview.filenames import escape_name
from cxrview.images import Radiograph
from cxrview.inference.review import ReviewQueue
from cxrview.model.preprocess import GrayImage, shrink
from cxrview.readers.decode import decode
from cxrview.report.content import COLOURS, count_text
from cxrview.rows import Row, pose_marks
from cxrview.sources.find import Item
from cxrview.views import SURE_CHEST, Agreement, Verdict

Colour = tuple[int, int, int]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

THUMBNAIL_SIDE = 176  # pixels of a thumbnail
FRAME_WIDTH = 5
CAPTION_HEIGHT = 54  # height of the three lines under it
CELL_GAP = 6
CELL_WIDTH, CELL_HEIGHT = (
    THUMBNAIL_SIDE + 2 * FRAME_WIDTH + CELL_GAP,
    THUMBNAIL_SIDE + 2 * FRAME_WIDTH + CAPTION_HEIGHT + CELL_GAP,
)
HEADER_HEIGHT = 46  # height of title and legend
MAX_COLUMNS, MIN_COLUMNS = 8, 4
PATH_LINES = 2
CLIP_PERCENTILES = (0.5, 99.5)  # percentiles that become black and white
BACKGROUND_COLOUR: Colour = (24, 24, 24)
TEXT_COLOUR: Colour = (235, 235, 235)
LEGEND = ("conflict", *Verdict)
LEGEND_NOTE = "the number is P(lateral); chest: P(chest)"
# Looked for on this machine, in this order, for letters that the font of Pillow lacks
FALLBACK_FONTS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "wqy-microhei.ttc",
    "DroidSansFallbackFull.ttf", "unifont.ttf", "FreeSans.ttf",
)  # fmt: skip
FONT_SIZE = 13
MISSING_LETTER = "\uffff"  # no font draws it


def make_thumbnails() -> Callable[[Item], GrayImage]:
    """The function that workers apply to items."""
    return thumbnail_of_item


def thumbnail_of_item(item: Item) -> GrayImage:
    """Item -> (h, w) uint8; raises UnreadableImage."""
    with item.open() as stream:
        return thumbnail(decode(stream))


def thumbnail(radiograph: Radiograph) -> GrayImage:
    """Radiograph -> (h, w) uint8, THUMBNAIL_SIDE on the long side, true aspect, stretched."""
    scale = THUMBNAIL_SIDE / max(radiograph.width, radiograph.height)
    height, width = (max(1, round(n * scale)) for n in (radiograph.height, radiograph.width))
    small = shrink(radiograph.pixels, radiograph.box, height, width)
    black, white = np.percentile(small, CLIP_PERCENTILES)
    grey = (small - black) / max(white - black, np.finfo(np.float32).tiny)
    stretched: GrayImage = (np.clip(grey, 0, 1) * 255).astype(np.uint8)
    return stretched


def write_sheet(
    file: BinaryIO, queue: ReviewQueue, engine: Engine, on_image: Callable[[], object]
) -> None:
    """Decode the chosen items again, at thumbnail size, and write the sheet as PNG.

    on_image: is called after each.
    """
    chosen = queue.chosen()
    thumbnails: list[GrayImage | None] = [None] * len(chosen)
    for index, outcome in engine.map(make_thumbnails, [item for item, _ in chosen]):
        thumbnails[index] = outcome.value if isinstance(outcome, Done) else None
        on_image()
    pairs = zip(thumbnails, (row for _, row in chosen), strict=True)
    draw_sheet(list(pairs), queue.needed).save(file, "PNG")


def draw_sheet(pairs: Sequence[tuple[GrayImage | None, Row]], needed: int) -> Image.Image:
    """(thumbnail, None if the item could not be read again; row) -> the sheet, RGB.

    needed: images of the run that need a look, shown or not.
    """
    columns = max(MIN_COLUMNS, min(MAX_COLUMNS, len(pairs)))
    lines = max(1, -(-len(pairs) // columns))
    size = columns * CELL_WIDTH + CELL_GAP, HEADER_HEIGHT + lines * CELL_HEIGHT + CELL_GAP
    sheet = Image.new("RGB", size, BACKGROUND_COLOUR)
    draw_header(sheet, title_of(len(pairs), needed))
    folder = common_folder([row.file for _, row in pairs])
    for number, (grey, row) in enumerate(pairs):
        line, column = divmod(number, columns)
        corner = (CELL_GAP + column * CELL_WIDTH, HEADER_HEIGHT + CELL_GAP + line * CELL_HEIGHT)
        draw_cell(sheet, corner, grey, row, row.file.removeprefix(folder))
    return sheet


def title_of(shown: int, needed: int) -> str:
    """How many of the images that need a look are on the sheet, and how many others."""
    if shown <= needed:
        return f"{shown:,} of {count_text(needed, 'image')} to review"
    return (
        f"{count_text(needed, 'image')} to review, then {shown - needed:,} of the least confident"
    )


def draw_header(sheet: Image.Image, title: str) -> None:
    """Draw the title and, below it, what the colours and numbers mean."""
    draw, font = ImageDraw.Draw(sheet), font_for(title)
    draw.text((CELL_GAP, CELL_GAP), title, TEXT_COLOUR, font)
    left, top = CELL_GAP, HEADER_HEIGHT - 18
    for name in LEGEND:
        draw.rectangle((left, top + 2, left + 11, top + 13), ImageColor.getrgb(COLOURS[name]))
        draw.text((left + 16, top), name, TEXT_COLOUR, font)
        left += round(font.getlength(name)) + 30
    draw.text((left, top), LEGEND_NOTE, TEXT_COLOUR, font)


def draw_cell(
    sheet: Image.Image, corner: tuple[int, int], grey: GrayImage | None, row: Row, name: str
) -> None:
    """Draw one framed thumbnail, under it the verdict and the name, which may take two lines.

    A mark on the thumbnail says by how much the image is rotated, and whether it is inverted.
    """
    left, top = corner
    inner = THUMBNAIL_SIDE + 2 * FRAME_WIDTH
    draw = ImageDraw.Draw(sheet)
    frame = (left, top, left + inner - 1, top + inner - 1)
    draw.rectangle(frame, BACKGROUND_COLOUR, colour_of(row), FRAME_WIDTH)
    if grey is not None:
        height, width = grey.shape
        middle = (
            left + FRAME_WIDTH + (THUMBNAIL_SIDE - width) // 2,
            top + FRAME_WIDTH + (THUMBNAIL_SIDE - height) // 2,
        )
        sheet.paste(Image.fromarray(grey), middle)
    if marks := ", ".join(pose_marks(row)):
        at = left + FRAME_WIDTH + 3, top + inner - FRAME_WIDTH - FONT_SIZE - 7
        font = font_for(marks)
        draw.rectangle(draw.textbbox(at, marks, font), BACKGROUND_COLOUR, BACKGROUND_COLOUR, 3)
        draw.text(at, marks, TEXT_COLOUR, font)
    text = " ".join(escape_name(name).split())
    font = font_for(text)
    for number, line in enumerate([verdict_line(row), *path_lines(text, inner, font)]):
        draw.text((left + 2, top + inner + 2 + 17 * number), line, TEXT_COLOUR, font)


def colour_of(row: Row) -> Colour:
    """Colour of the frame: of the verdict, unless the header claims the other view."""
    is_conflict = row.agreement is Agreement.CONFLICT or row.view is None
    red, green, blue = ImageColor.getrgb(COLOURS["conflict" if is_conflict else str(row.view)])[:3]
    return red, green, blue


def verdict_line(row: Row) -> str:
    """Verdict, the probabilities that decided, and the header's view where it conflicts."""
    if row.reason:
        return f"{row.view}, {row.reason}"
    is_refused = row.view is Verdict.NOT_CHEST
    lateral = "" if is_refused or row.p_lateral is None else f" {row.p_lateral:.3f}"
    is_near = row.p_chest is not None and (is_refused or row.p_chest < SURE_CHEST)
    chest = f", chest {row.p_chest:.3f}" if is_near else ""
    header = f", header {row.header_view}" if row.agreement is Agreement.CONFLICT else ""
    return f"{row.view}{lateral}{header or chest}"


def common_folder(names: Sequence[str]) -> str:
    """The start of all names up to a slash, which tells none of them apart."""
    folders = [name.rpartition("/")[0] + "/" for name in names]
    start = os.path.commonprefix(folders)  # noqa: RUF071 - letters; cut at a slash below
    return start[: start.rfind("/") + 1] if all("/" in name for name in names) else ""


def path_lines(text: str, width: int, font: Font) -> list[str]:
    """The end of a name in at most PATH_LINES lines of `width` pixels; dots show what is cut.

    A line begins after a slash where there is one.
    """
    lines: list[str] = []
    while text and len(lines) < PATH_LINES:
        is_last = len(lines) == PATH_LINES - 1
        start = next(
            n
            for n in range(len(text) + 1)
            if font.getlength(dotted(text[n:], is_last and n > 0)) <= width
        )
        if start and not is_last:
            start = text.find("/", start, -1) + 1 or start
        lines.insert(0, dotted(text[start:], is_last and start > 0))
        text = text[:start]
    return lines


def dotted(text: str, is_cut: bool) -> str:
    """Text with dots where its beginning is cut."""
    return "..." + text if is_cut else text


@lru_cache
def fonts() -> list[Font]:
    """The font of Pillow, and those of FALLBACK_FONTS that this machine has."""
    found: list[Font] = [ImageFont.load_default(size=FONT_SIZE)]
    for name in FALLBACK_FONTS:
        with contextlib.suppress(OSError):
            found.append(ImageFont.truetype(name, FONT_SIZE))
    return found


def font_for(text: str) -> Font:
    """The font that draws the most letters of a text; the first of several."""
    letters = {letter for letter in text if not letter.isspace()}
    return max(fonts(), key=lambda font: sum(has_glyph(font, letter) for letter in letters))


@lru_cache(4096)
def has_glyph(font: Font, letter: str) -> bool:
    """Whether a font draws a letter, not the box that stands for what it lacks."""
    return bytes(font.getmask(letter)) != bytes(font.getmask(MISSING_LETTER))
