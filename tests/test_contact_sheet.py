"""The contact sheet shows the images to review first, each in the colour of its verdict."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageColor

from cxrview.engines.local import SerialEngine
from cxrview.images import Radiograph, radiograph_of
from cxrview.inference import contact_sheet
from cxrview.inference.contact_sheet import (
    CELL_HEIGHT,
    HEADER_HEIGHT,
    THUMBNAIL_SIDE,
    common_folder,
    draw_sheet,
    font_for,
    path_lines,
    thumbnail,
    title_of,
    verdict_line,
    write_sheet,
)
from cxrview.inference.review import ReviewQueue
from cxrview.report.content import COLOURS
from cxrview.rows import Row
from cxrview.sources.find import item_of_bytes
from cxrview.views import Agreement, Verdict, View
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
    assert max(small.shape) == THUMBNAIL_SIDE
    assert small.dtype == np.uint8
    assert small.shape[0] / small.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.5) or (
        min(small.shape) == 1
    )


def test_a_thumbnail_has_the_aspect_of_the_full_image():
    thinned = np.zeros((50, 100), np.uint8)  # every second row was read
    radiograph = Radiograph(thinned, width=100, height=100, box=(0.0, 0.0, 100.0, 50.0))
    assert thumbnail(radiograph).shape == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)


def test_a_thumbnail_is_stretched():
    faint = np.linspace(1000, 1010, 10_000, dtype=np.float32).reshape(100, 100)
    small = thumbnail(radiograph_of(faint))
    assert (small.min(), small.max()) == (0, 255)


@pytest.mark.parametrize(("row", "colour"), [
    (a_row(), "frontal"),
    (a_row(view="lateral"), "lateral"),
    (a_row(view="uncertain"), "uncertain"),
    (a_row(view="not_chest"), "not_chest"),
    (a_row(**CONTRADICTED), "conflict"),
])  # fmt: skip
def test_frames_are_in_the_colour_of_the_verdict(row, colour):
    sheet = draw_sheet([(picture("frontal"), row)], 1)
    assert sheet.getpixel((7, HEADER_HEIGHT + 7)) == ImageColor.getrgb(COLOURS[colour])


def test_captions():
    assert verdict_line(a_row(p=0.0123)) == "frontal 0.012"
    assert (
        verdict_line(replace(a_row(view="not_chest", p=0.9), p_chest=0.25))
        == "not_chest, chest 0.250"
    )
    near = replace(a_row(p=0.01), p_chest=0.75)
    assert verdict_line(near) == "frontal 0.010, chest 0.750"
    refused = Row("a.dcm", view=Verdict.NOT_CHEST, reason="modality MR")
    assert verdict_line(refused) == "not_chest, modality MR"
    assert verdict_line(a_row(**CONTRADICTED)) == "frontal 0.010, header lateral"


def test_a_mark_shows_that_an_image_does_not_lie_as_it_should():
    def corner(**more):
        sheet = np.asarray(draw_sheet([(picture("frontal") // 2, a_row(**more))], 1))
        return sheet[HEADER_HEIGHT + THUMBNAIL_SIDE - 20 : HEADER_HEIGHT + THUMBNAIL_SIDE, :150]

    plain = corner(rotation=0, inverted=False)
    assert np.array_equal(plain, corner())
    rotated, inverted, both = (
        corner(rotation=rotation, inverted=is_inverted)
        for rotation, is_inverted in ((90, False), (0, True), (90, True))
    )
    changed = [(marked != plain).any(axis=(0, 2)).sum() for marked in (rotated, inverted, both)]
    assert 0 < changed[0] < changed[1] < changed[2]


class Monospaced:
    def getlength(self, text):
        return len(text)


@pytest.mark.parametrize(("name", "lines"), [
    ("film.png", ["film.png"]),
    ("p10/s1/film.png", ["p10/s1/", "film.png"]),
    ("a/b/c/d/e/f/g.png", ["a/b/c/d/", "e/f/g.png"]),
    ("patient/1234567890123456", [".../123456", "7890123456"]),
])  # fmt: skip
def test_names_are_cut_at_their_beginning(name, lines):
    assert path_lines(name, 10, Monospaced()) == lines


def test_the_folder_of_all_images_is_not_shown():
    assert common_folder(["a/b/x.png", "a/bc/x.png"]) == "a/"
    assert common_folder(["a/b/x.png", "a/b/y.png"]) == "a/b/"
    assert common_folder(["a/b/x.png", "y.png"]) == ""
    assert common_folder([]) == ""


@pytest.mark.parametrize(("shown", "needed", "title"), [
    (60, 66, "60 of 66 images to review"),
    (1, 1, "1 of 1 image to review"),
    (60, 2, "2 images to review, then 58 of the least confident"),
])  # fmt: skip
def test_the_title_counts_what_is_shown(shown, needed, title):
    assert title_of(shown, needed) == title


def test_the_queue_counts_the_images_that_need_a_look():
    queue = ReviewQueue(2)
    many = [
        a_row(p=0.0),
        a_failure(),
        *[a_row(view="uncertain", p=0.5)] * 5,
        a_row(view="not_chest"),
    ]
    for row in many:
        queue.add(row.file, row)
    assert (queue.needed, len(queue.chosen())) == (6, 2)


def test_letters_that_one_font_lacks_are_drawn_by_another(monkeypatch):
    latin, full = (Covering(letters) for letters in ("abc", "abcжд"))
    monkeypatch.setattr(contact_sheet, "fonts", lambda: [latin, full])
    assert font_for("a b") is latin
    assert font_for("a ж") is full


class Covering:
    """A font that draws some letters, and a box for all others."""

    def __init__(self, letters):
        self.letters = letters

    def getmask(self, letter):
        return letter.encode() if letter in self.letters else b"box"


def test_the_sheet_is_written_although_a_file_can_no_longer_be_read():
    queue, buffer = ReviewQueue(3), io.BytesIO()
    for name in ("a frontal.png", "d/torn.png", "c/agrees.dcm"):
        queue.add(item_of_bytes(name, FILES[name]), a_row(name))
    drawn: list[int] = []
    write_sheet(buffer, queue, SerialEngine(), lambda: drawn.append(1))
    assert len(drawn) == len(queue.chosen())
    with Image.open(buffer) as sheet:
        assert sheet.format == "PNG"
        middles = [
            sheet.getpixel((100 + 192 * number, HEADER_HEIGHT + 150))[0] for number in range(3)
        ]
    assert middles[0] == middles[2] > 150 > middles[1]


@pytest.mark.parametrize("count", [0, 1, 8, 9])
def test_a_sheet_holds_all_thumbnails(count):
    sheet = draw_sheet([(picture("lateral"), a_row())] * count, count)
    assert sheet.width >= THUMBNAIL_SIDE
    assert (sheet.height - HEADER_HEIGHT) // CELL_HEIGHT == max(1, -(-count // 8))


def test_a_box_may_reach_past_the_pixels():
    pixels = np.tile(np.arange(40, dtype=np.uint16) * 50, (50, 1))
    grey = thumbnail(Radiograph(pixels, 320, 400, (-0.4, -0.4, 40.2, 50.1)))
    assert grey.shape[0] > grey.shape[1] > 50
    assert grey[:, -1].mean() > 200 > 50 > grey[:, 0].mean()
