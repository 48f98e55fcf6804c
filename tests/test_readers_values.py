"""Stored values -> a picture: sign, unused bits, polarity, LUTs, padding, colour, frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from readers_makers import (
    BIG_ENDIAN,
    COMPRESSED,
    EXPLICIT,
    JPEG,
    RLE,
    assert_shows,
    dicom,
    dicom_bytes,
    dicom_elements,
    htj2k,
    jpeg,
    jpeg2000,
    jpeg_lossless,
    jpeg_ls,
    picture,
    read,
    rle,
)


def lowered(pixels, bits):
    """Unsigned -> two's complement of as many bits, in order."""
    return ((pixels.astype(np.int64) - (1 << (bits - 1))) & ((1 << bits) - 1)).astype(pixels.dtype)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("make", [
    lambda p, **e: dicom(p, **e),
    lambda p, **e: dicom(p, RLE, fragments=[rle(p)], **e),
    lambda p, **e: dicom(p, JPEG + "90", fragments=[jpeg2000(p, e["BitsStored"])], **e),
])  # fmt: skip
def test_signed_values_keep_their_order(bits, make):
    stored = lowered(picture(bits=bits), bits)
    data = make(stored, BitsStored=bits, PixelRepresentation=1)
    assert_shows(read(data), picture(bits=bits))


@pytest.mark.parametrize("size", [(301, 407), (1537, 1291)])
def test_signed_codestreams(size):
    pixels = picture(*size)
    signed = (pixels.astype(np.int32) - 2048).astype(np.int16)
    for syntax, frame in ((JPEG + "90", jpeg2000(signed, 16)), (JPEG + "201", htj2k(signed))):
        data = dicom(pixels, syntax, fragments=[frame], PixelRepresentation=1)
        assert_shows(read(data), pixels, 1.6)


def test_htj2k_that_fills_its_type_does_not_wrap_round():
    pixels = picture(1537, 1291, 16)
    pixels[200:700, 300:900] = 0
    pixels[800:1400, 300:900] = 65535
    radiograph = read(dicom(pixels, JPEG + "201", fragments=[htj2k(pixels)]))
    assert_shows(radiograph, pixels, 12.0)  # a hard edge, halved three times; a wrap would be 255


def test_unused_bits_are_masked():
    pixels = picture()
    dirty = pixels | 0xA000
    assert_shows(read(dicom(dirty, BitsStored=12)), pixels)
    assert_shows(read(dicom(pixels << 4, BitsStored=12, HighBit=15)), pixels)


@pytest.mark.parametrize(("syntax", "bits", "encode", "tolerance"), COMPRESSED[:12])
def test_monochrome1_is_inverted(syntax, bits, encode, tolerance):
    pixels = picture(bits=bits)
    dark = ((1 << bits) - 1 - pixels).astype(pixels.dtype)
    data = dicom(dark, syntax, fragments=[encode(dark)], BitsStored=bits,
                 PhotometricInterpretation="MONOCHROME1")  # fmt: skip
    assert_shows(read(data), pixels, tolerance)


@settings(max_examples=25)
@given(st.integers(2, 40), st.integers(40, 60), st.sampled_from([8, 12, 16]), st.booleans(),
       st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))  # fmt: skip
def test_the_laws_of_polarity(height, width, bits, is_signed, is_falling, is_mono1, seed):
    """Two inversions are none; order is kept by none or two and turned round by one.

    In a few random values, jumps over half of the range can contradict the sign of the header.
    """
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 1 << bits, (height, width)).astype(np.uint8 if bits < 9 else np.uint16)
    stored = lowered(pixels, bits) if is_signed else pixels
    values = read(dicom(
        stored, BitsStored=bits, PixelRepresentation=int(is_signed),
        PhotometricInterpretation="MONOCHROME1" if is_mono1 else "MONOCHROME2",
        RescaleSlope="-2" if is_falling else "2", RescaleIntercept="-1024",
    )).pixels.astype(int)  # fmt: skip
    sign = -1 if is_mono1 != is_falling else 1
    np.testing.assert_array_equal(values - values.min(), sign * pixels.astype(int)
                                  - (sign * pixels.astype(int)).min())  # fmt: skip


def test_modality_lut():
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [256, 0, 16], "OD"
    table = np.arange(256)[::-1].astype(np.uint16) * 200
    item.LUTData = table.tobytes()
    pixels = picture(bits=8)
    radiograph = read(dicom(pixels, ModalityLUTSequence=[item]))
    np.testing.assert_array_equal(radiograph.pixels, table[pixels])


def test_modality_lut_of_signed_values():
    item = Dataset()
    item.add_new(0x00283002, "SS", [256, -128, 16])
    table = np.arange(256, dtype=np.uint16) ** 2 % 65521
    item.LUTData = table.astype(np.uint16).tobytes()
    pixels = picture(bits=8)
    data = dicom(lowered(pixels, 8), PixelRepresentation=1, ModalityLUTSequence=[item])
    np.testing.assert_array_equal(read(data).pixels, table[pixels])


def test_empty_modality_lut_is_ignored():
    assert_shows(read(dicom(picture(), ModalityLUTSequence=[Dataset()])), picture())


def test_windows_are_not_applied():
    data = dicom(picture(), WindowCenter="1", WindowWidth="1", VOILUTFunction="LINEAR")
    assert_shows(read(data), picture())


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("elements", "padded"), [
    ({"PixelPaddingValue": 0}, 0),
    ({"PixelPaddingValue": 4095}, 4095),
    ({"PixelPaddingValue": 4000, "PixelPaddingRangeLimit": 4095}, 4050),
])  # fmt: skip
def test_padding_becomes_background(photometric, elements, padded):
    pixels = picture(120, 130).clip(500, 3500)
    pixels[:20] = padded
    data = dicom(pixels, BitsStored=12, PhotometricInterpretation=photometric,
                 **elements)  # fmt: skip
    values = read(data).pixels
    assert (values[:20] == values[20:].min()).all()
    assert int(values.max()) - int(values.min()) == int(np.ptp(pixels[20:]))


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("make", [dicom, lambda p, **e: dicom(p, RLE, fragments=[rle(p)], **e)])
def test_colour_becomes_luminance(planar, make):
    red, green, blue = picture(bits=8), picture(bits=8)[::-1], picture(bits=8)[:, ::-1]
    colour = np.ascontiguousarray(np.stack([red, green, blue], -1))
    expected = 0.299 * red + 0.587 * green + 0.114 * blue
    elements = {"PlanarConfiguration": planar}
    if make is dicom and planar:
        elements["data"] = np.moveaxis(colour, 2, 0).tobytes()
    assert_shows(read(make(colour, **elements)), expected, 0.6)


def test_ybr_gives_its_y():
    y = picture(302, 408, 8)
    ybr = np.stack([y, y[::-1], y[:, ::-1]], -1)
    assert_shows(read(dicom(ybr, PhotometricInterpretation="YBR_FULL")), y)
    subsampled = np.dstack([y.reshape(302, -1, 2), np.full((302, 204, 2), 90, np.uint8)])
    data = dicom(ybr, data=subsampled.tobytes(), PhotometricInterpretation="YBR_FULL_422")
    assert_shows(read(data), y)
    assert_shows(read(dicom(ybr, PhotometricInterpretation="YBR_FULL_422")), y)  # a common lie


@pytest.mark.parametrize(("syntax", "encode"), [
    (JPEG + "50", jpeg),
    (JPEG + "80", jpeg_ls),
    (JPEG + "90", lambda p: jpeg2000(p, 8)),
    (JPEG + "201", htj2k),
])  # fmt: skip
def test_compressed_colour(syntax, encode):
    grey = picture(bits=8)
    colour = np.ascontiguousarray(np.stack([grey] * 3, -1))
    assert_shows(read(dicom(colour, syntax, fragments=[encode(colour)])), grey, 2.0)


def test_palette_is_looked_up_and_never_averaged():
    rng = np.random.default_rng(0)
    order = rng.permutation(256).astype(np.uint8)
    values = picture(1200, 1100, 8)
    numbers = np.argsort(order).astype(np.uint8)[values]
    tables = {f"{colour}PaletteColorLookupTable": 0 for colour in ("Red", "Green", "Blue")}
    elements = {}
    for name in tables:
        elements[name + "Descriptor"] = [256, 0, 16]
        elements[name + "Data"] = (order.astype(np.uint16) * 256).tobytes()
    for syntax, kwargs in ((EXPLICIT, {}), (JPEG + "90", {"fragments": [jpeg2000(numbers, 8)]})):
        data = dicom(numbers, syntax, PhotometricInterpretation="PALETTE COLOR",
                     **elements, **kwargs)  # fmt: skip
        assert_shows(read(data), values, 1.0)


@pytest.mark.parametrize(("frames", "middle"), [(2, 2), (3, 2), (10, 6)])
@pytest.mark.parametrize("syntax", [EXPLICIT, JPEG + "70", RLE])
def test_the_middle_frame_is_read(frames, middle, syntax):
    pixels = [picture(40, 50, 8) + np.uint8(number) for number in range(frames)]
    stack = np.stack(pixels)
    encode = {RLE: rle, JPEG + "70": jpeg_lossless}
    options = {"data": stack.tobytes()} if syntax == EXPLICIT else {
        "fragments": [encode[syntax](p) for p in pixels]}  # fmt: skip
    radiograph = read(dicom(pixels[0], syntax, frames=frames, **options))
    assert radiograph.frame == middle
    np.testing.assert_array_equal(radiograph.pixels, pixels[middle - 1])


def test_float_pixels():
    values = picture().astype(np.float32) / 1000
    values[0, 0] = np.nan
    ds = dicom_elements(values.shape, BitsAllocated=32)
    ds.FloatPixelData = values.tobytes()
    got = read(dicom_bytes(ds, EXPLICIT)).pixels
    assert got[0, 0] == np.nanmin(values)
    np.testing.assert_array_equal(got[1:], values[1:])


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_32_bits(syntax):
    values = picture().astype(np.uint32) << 18
    assert_shows(read(dicom(values, syntax)), values)


def test_big_endian_bytes_in_words():
    pixels = picture(31, 33, 8)
    data = pixels.tobytes() + b"\0"
    ds = dicom_elements(pixels.shape, BitsAllocated=8)
    ds.PixelData = np.frombuffer(data, np.uint16).byteswap().tobytes()
    ds["PixelData"].VR = "OW"
    np.testing.assert_array_equal(read(dicom_bytes(ds, BIG_ENDIAN)).pixels, pixels)


def test_constant_pictures_decode():
    pixels = np.full((300, 300), 7, np.uint16)
    assert (read(dicom(pixels)).pixels == 7).all()
