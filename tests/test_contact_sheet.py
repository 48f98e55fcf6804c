"""The contact sheet shows the images to review first, each in the colour of its verdict."""

import io

import numpy as np
import pytest
from PIL import Image

from cxrview.engines.local import SerialEngine
from cxrview.images import Radiograph, radiograph_of
from cxrview.inference.contact_sheet import (
    COLOURS,
    CONFLICT,
    SIDE,
    draw_sheet,
    shortened,
    thumbnail,
    verdict_line,
    write_sheet,
)
from cxrview.inference.review import ReviewQueue
from cxrview.sources.find import item_of_bytes
from cxrview.views import Agreement, View
from makers_film import FILES, picture
from makers_row import a_failure, a_row

CONTRADICTED = {"agreement": Agreement.CONFLICT, "header_view": View.LATERAL}


def chosen(size, many):
    queue = ReviewQueue(size)
    for row in many:
        queue.add(row.file, row)
    return [item for item, _ in queue.chosen()]


def test_conflicts_and_uncertain_images_come_first():
    many = [
        a_row("confident", p=0.0),
        a_row("no chest", "not_chest"),
        a_row("less confident", p=0.04),
        a_row("uncertain", "uncertain", p=0.5),
        a_failure("unreadable"),
        a_row("lateral", "lateral", p=1.0),
        a_row("conflict", **CONTRADICTED),
    ]
    expected = ["conflict", "uncertain", "no chest", "less confident", "confident", "lateral"]
    assert chosen(9, many) == expected
    assert chosen(3, many) == expected[:3]
    assert chosen(0, many) == []


def test_among_equals_the_first_come_first():
    assert chosen(2, [a_row(name) for name in "abcd"]) == ["a", "b"]


@pytest.mark.parametrize("shape", [(64, 32), (32, 64), (3000, 20), (1, 1), (400, 400)])
@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_a_thumbnail_keeps_the_aspect(shape, kind):
    pixels = np.arange(shape[0] * shape[1]).reshape(shape).astype(kind)
    small = thumbnail(radiograph_of(pixels))
    assert max(small.shape) == SIDE
    assert small.dtype == np.uint8
    assert small.shape[0] / small.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.5) or (
        min(small.shape) == 1
    )


def test_a_thumbnail_has_the_aspect_of_the_full_image():
    thinned = np.zeros((50, 100), np.uint8)  # every second row was read
    radiograph = Radiograph(thinned, width=100, height=100, box=(0.0, 0.0, 100.0, 50.0))
    assert thumbnail(radiograph).shape == (SIDE, SIDE)


def test_a_thumbnail_is_stretched():
    faint = np.linspace(1000, 1010, 10_000, dtype=np.float32).reshape(100, 100)
    small = thumbnail(radiograph_of(faint))
    assert (small.min(), small.max()) == (0, 255)


@pytest.mark.parametrize(("row", "colour"), [
    (a_row(), COLOURS["frontal"]),
    (a_row(view="lateral"), COLOURS["lateral"]),
    (a_row(view="uncertain"), COLOURS["uncertain"]),
    (a_row(view="not_chest"), COLOURS["not_chest"]),
    (a_row(**CONTRADICTED), CONFLICT),
])  # fmt: skip
def test_frames_are_in_the_colour_of_the_verdict(row, colour):
    sheet = draw_sheet([(picture("frontal"), row)])
    assert sheet.getpixel((7, 7)) == colour


def test_captions():
    assert verdict_line(a_row(p=0.0123)) == "frontal 0.012"
    assert verdict_line(a_row(**CONTRADICTED)) == "frontal 0.010, header lateral"


class Monospaced:
    def getlength(self, text):
        return len(text)


@pytest.mark.parametrize(("name", "text"), [
    ("a/b/film.png", "film.png"),
    ("a/1234567890123456", "...0123456"),
    ("a/new\nline", "new line"),
    ("a/\udce9.png", "\\xe9.png"),
])  # fmt: skip
def test_file_names_are_cut_at_their_beginning(name, text):
    assert shortened(name, 10, Monospaced()) == text


def test_the_sheet_is_written_although_a_file_can_no_longer_be_read():
    pairs = [
        (item_of_bytes(name, FILES[name]), a_row(name))
        for name in ("a frontal.png", "d/torn.png", "c/agrees.dcm")
    ]
    buffer = io.BytesIO()
    write_sheet(buffer, pairs, SerialEngine())
    with Image.open(buffer) as sheet:
        assert sheet.format == "PNG"
        middles = [sheet.getpixel((100 + 192 * number, 150))[0] for number in range(3)]
    assert middles[0] == middles[2] > 150 > middles[1]


@pytest.mark.parametrize("count", [0, 1, 8, 9])
def test_a_sheet_holds_all_thumbnails(count):
    sheet = draw_sheet([(picture("lateral"), a_row())] * count)
    assert sheet.width >= SIDE
    assert sheet.height // SIDE == max(1, -(-count // 8))


def test_a_box_may_reach_past_the_pixels():
    pixels = np.tile(np.arange(40, dtype=np.uint16) * 50, (50, 1))
    grey = thumbnail(Radiograph(pixels, 320, 400, (-0.4, -0.4, 40.2, 50.1)))
    assert grey.shape[0] > grey.shape[1] > 50
    assert grey[:, -1].mean() > 200 > 50 > grey[:, 0].mean()
