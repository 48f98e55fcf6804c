"""Pictures for people: screen size, true aspect, the window of the header or percentiles."""

import io
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from cxrview.errors import UnusableOutput
from cxrview.pages import pictures as pictures_module
from cxrview.pages.pictures import PictureService, RenderTask, Size, render
from cxrview.readers.decode import decode
from cxrview.sources.find import Item, item_of_bytes
from readers_makers import EXPLICIT, JPEG, dicom, htj2k, jpeg, jpeg2000, picture, raster, rle

ROWS, COLUMNS = 2400, 1800
Y, X = np.mgrid[0:ROWS, 0:COLUMNS]
LARGE = picture(ROWS, COLUMNS, 8) // 2 + (60 * ((Y // 8 + X // 8) % 2)).astype(np.uint8)
HTJ2K, J2K, RLE = f"{JPEG}201", f"{JPEG}90", "1.2.840.10008.1.2.5"
FILES = {
    "native": dicom(LARGE),
    "rle": dicom(LARGE, RLE, fragments=[rle(LARGE)]),
    "jpeg": jpeg(LARGE),
    "jpeg in dicom": dicom(LARGE, f"{JPEG}50", fragments=[jpeg(LARGE)]),
    "jpeg 2000": dicom(LARGE, J2K, fragments=[jpeg2000(LARGE, 8)]),
    "htj2k": dicom(LARGE, HTJ2K, fragments=[htj2k(LARGE)]),
    "png": raster(LARGE, "PNG"),
    "tiff": raster(LARGE, "TIFF"),
}


def shown(data: bytes, size: Size = Size.SCREEN) -> np.ndarray:
    """The pixels of the picture, (h, w) float."""
    picture_of_file = render(RenderTask(item_of_bytes("a", data), size))
    assert not picture_of_file.error
    return np.asarray(Image.open(io.BytesIO(picture_of_file.data)), np.float64)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("side", [500, 1000])
def test_decoding_keeps_the_side_that_is_asked_for(kind, side):
    radiograph = decode(io.BytesIO(FILES[kind]), side=side)
    assert (radiograph.height, radiograph.width) == (ROWS, COLUMNS)
    assert min(radiograph.pixels.shape) >= side * 200 / 256
    assert min(decode(io.BytesIO(FILES[kind])).pixels.shape) < side


@pytest.mark.parametrize("kind", FILES)
def test_every_format_is_shown_sharp_and_at_its_true_aspect(kind):
    pixels = shown(FILES[kind])
    assert pixels.shape == (1400, 1050)
    expected = np.asarray(Image.fromarray(LARGE).resize((1050, 1400), Image.Resampling.BOX), float)
    assert np.corrcoef(pixels.ravel(), expected.ravel())[0, 1] > 0.97


@pytest.mark.parametrize(("size", "shape"), [
    (Size.THUMBNAIL, (256, 192)), (Size.SCREEN, (1400, 1050)), (Size.FULL, (ROWS, COLUMNS)),
])  # fmt: skip
def test_sizes_never_enlarge(size, shape):
    assert shown(FILES["native"], size).shape == shape


RAMP = np.tile(np.arange(4000, dtype=np.uint16), (64, 1))
WINDOW = {"BitsStored": 12, "WindowCenter": 2000, "WindowWidth": 2000}


@pytest.mark.parametrize(("elements", "black", "white"), [
    ({}, 1000, 3000),
    ({"PhotometricInterpretation": "MONOCHROME1"}, 3000, 1000),
    ({"RescaleSlope": 2, "RescaleIntercept": -1000, "WindowCenter": 4000, "WindowWidth": 4000},
         1500, 3500),
    ({"WindowCenter": [2000, 5], "WindowWidth": [2000, 1]}, 1000, 3000),  # the first of several
    ({"WindowCenter": 50, "WindowWidth": 100}, 0, 4000),  # clips the image: percentiles instead
    ({"WindowWidth": 0}, 0, 4000),
    ({"WindowCenter": None}, 0, 4000),
])  # fmt: skip
def test_the_window_of_the_header_sets_black_and_white(elements, black, white):
    data = dicom(RAMP, EXPLICIT, **{**WINDOW, **elements})
    row = shown(data, Size.FULL)[32]
    sign = 1 if white > black else -1
    inside = np.flatnonzero((row > 8) & (row < 247))
    ends = (inside[0], inside[-1]) if sign > 0 else (inside[-1], inside[0])
    assert ends == pytest.approx((black, white), abs=170 if (black, white) == (0, 4000) else 90)


def test_a_flat_image_and_one_pixel_can_be_shown():
    for pixels in (np.full((50, 50), 7, np.uint16), np.zeros((1, 1), np.uint8)):
        assert shown(dicom(pixels)).shape == pixels.shape


class Crash:
    """A source that kills the process which opens it."""

    def open(self):
        raise SystemExit(9)


@pytest.fixture
def service():
    items = {n: item_of_bytes(f"{n}", FILES["png"]) for n in range(4)}
    items[9] = Item("crash", Crash())
    service = PictureService(items, 1)
    yield service
    service.close()


def test_a_picture_is_made_once_and_kept(service):
    service.prefetch([0, 1], Size.THUMBNAIL)
    future = service.request(0, Size.THUMBNAIL)
    assert service.request(0, Size.THUMBNAIL) is future
    assert future.result().data
    with pytest.raises(KeyError):
        service.request(77, Size.THUMBNAIL)


def test_a_picture_of_screen_size_brings_its_thumbnail(service):
    whole = service.request(0, Size.SCREEN).result()
    future = service.request(0, Size.THUMBNAIL)
    assert future.done()
    small = np.asarray(Image.open(io.BytesIO(future.result().data)), float)
    assert (small.shape, whole.thumbnail) == ((256, 192), b"")
    expected = shown(FILES["png"], Size.THUMBNAIL)
    assert np.corrcoef(small.ravel(), expected.ravel())[0, 1] > 0.97


def test_the_oldest_pictures_are_forgotten(service, monkeypatch):
    length = len(service.request(0, Size.THUMBNAIL).result().data)
    monkeypatch.setattr(pictures_module, "CACHE_BYTES", 2 * length)
    futures = [service.request(n, Size.THUMBNAIL) for n in (1, 2, 3)]
    assert all(future.result().data for future in futures)
    service.request(9, Size.THUMBNAIL).result()  # the service has dealt with those before
    assert service.request(3, Size.THUMBNAIL) is futures[2]
    assert service.request(1, Size.THUMBNAIL) is not futures[0]


def test_a_picture_is_tried_again_where_no_process_could_start(service, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(pictures_module, "process_all", Mock(side_effect=UnusableOutput("no memory")))
        with pytest.raises(UnusableOutput):
            service.request(0, Size.THUMBNAIL).result()
    assert service.request(0, Size.THUMBNAIL).result().data


def test_a_file_that_crashes_its_process_is_an_error_and_others_are_shown(service):
    assert service.request(9, Size.SCREEN).result().error.startswith("decoder_crashed")
    assert service.request(1, Size.SCREEN).result().data
