"""One picture gives one picture, however DICOM writes it: syntax, depth, sign, polarity, colour."""

import os

import numpy as np
import pytest

from cxrview.errors import DamagedImage
from cxrview.readers.decode import decode
from cxrview.sources.files import slice_of
from readers_makers import (
    BIG_ENDIAN,
    COMPRESSED,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    assert_shows,
    dicom,
    picture,
    read,
    without_meta,
    without_preamble,
)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
def test_uncompressed(syntax, bits):
    pixels = picture(bits=bits)
    assert_shows(read(dicom(pixels, syntax, BitsStored=bits)), pixels)


@pytest.mark.parametrize(("syntax", "bits", "encode", "tolerance"), COMPRESSED)
@pytest.mark.parametrize("size", [(301, 407), (64, 64), (417, 1033)])
def test_compressed(syntax, bits, encode, tolerance, size):
    pixels = picture(*size, bits=bits)
    radiograph = read(dicom(pixels, syntax, fragments=[encode(pixels)], BitsStored=bits))
    assert_shows(radiograph, pixels, tolerance)
    assert radiograph.header.transfer_syntax == syntax


LARGE = (1537, 1291)


@pytest.mark.parametrize(("syntax", "bits", "encode", "tolerance"), COMPRESSED)
def test_large_pictures_are_read_in_part_and_stay_in_place(syntax, bits, encode, tolerance):
    pixels = picture(*LARGE, bits=bits)
    radiograph = read(dicom(pixels, syntax, fragments=[encode(pixels)], BitsStored=bits))
    assert radiograph.pixels.shape[0] < 600
    assert_shows(radiograph, pixels, tolerance + 1.0)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_large_uncompressed_pictures_lose_rows_only(syntax):
    pixels = picture(*LARGE)
    radiograph = read(dicom(pixels, syntax, BitsStored=12))
    assert radiograph.pixels.shape == (256, 1291)
    assert_shows(radiograph, pixels, 1.0)


@pytest.mark.parametrize(
    ("before", "open_stream"),
    [
        (b"", lambda path, _: path.open("rb")),
        (b"", lambda path, _: path.open("rb", buffering=0)),
        (b"head", lambda path, size: slice_of(path.open("rb"), 4, size)),  # as in an archive
    ],
)
def test_rows_are_those_of_bytes_in_memory(tmp_path, before, open_stream):
    data, path = dicom(picture(*LARGE), EXPLICIT, BitsStored=12), tmp_path / "image"
    path.write_bytes(before + data)
    with open_stream(path, len(data)) as stream:
        np.testing.assert_array_equal(decode(stream).pixels, read(data).pixels)


def test_a_file_system_that_gives_less_than_is_asked_for(tmp_path, monkeypatch):
    """Reads are repeated; where nothing comes any more, the file was cut in the meantime."""
    data, path, real = (
        dicom(picture(*LARGE), EXPLICIT, BitsStored=12),
        tmp_path / "image",
        os.preadv,
    )
    path.write_bytes(data)

    def little(number, parts, offset):
        return real(number, [parts[0][:1000]], offset)

    monkeypatch.setattr(os, "preadv", little)
    with path.open("rb") as stream:
        np.testing.assert_array_equal(decode(stream).pixels, read(data).pixels)
    monkeypatch.setattr(os, "preadv", lambda *_: 0)
    with path.open("rb") as stream, pytest.raises(DamagedImage, match="break off"):
        decode(stream)


@pytest.mark.parametrize("strip", [without_preamble, without_meta])
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_without_preamble_or_file_meta(strip, syntax):
    assert_shows(read(strip(dicom(picture(), syntax))), picture())
