"""Random headers x codecs, written and read back: the same picture, or a typed refusal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrview.errors import UnreadableImage
from makers_cases import CODECS
from readers_makers import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    assert_shows,
    dicom,
    picture,
    read,
)

NATIVE = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED)
DEPTHS = {"jpeg": (8,), "jpeg 12": (12,)}
LOSSY = ("jpeg", "jpeg 12")
EXAMPLES = 150  # `--hypothesis-seed` and a higher number try more


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, np.ndarray, bool]:
    """(file, the picture bone bright, whether the header tells the truth about it)."""
    codec = draw(st.sampled_from([*CODECS, *NATIVE]))
    bits = draw(st.sampled_from(DEPTHS.get(codec, (8, 10, 12, 14, 16))))
    height, width = draw(st.integers(80, 140)), draw(st.integers(80, 140))
    pixels = picture(height, width, bits)
    is_dark = draw(st.booleans())
    stored = ((1 << bits) - 1 - pixels).astype(pixels.dtype) if is_dark else pixels
    is_native = codec in NATIVE
    said = bits if is_native else draw(st.sampled_from((bits, 8, 10, 12, 16)))
    elements = {
        "BitsAllocated": 16 if said > 8 or bits > 8 else 8,
        "BitsStored": said,
        "HighBit": draw(st.sampled_from((said - 1, said - 1, 3, 15))),
        "PhotometricInterpretation": "MONOCHROME1" if is_dark else "MONOCHROME2",
        "RescaleSlope": draw(st.sampled_from(("1", "0.5"))),
        "RescaleIntercept": draw(st.sampled_from(("0", "-1024"))),
        "WindowCenter": "1",
        "WindowWidth": "1",
        "NumberOfFrames": draw(st.sampled_from((None, 1, 2))),
    }
    if not is_native and draw(st.booleans()):
        elements["Rows"], elements["Columns"] = draw(st.integers(0, 300)), draw(st.integers(0, 300))
    syntax = codec if is_native else CODECS[codec][0]
    fragments = None if is_native else [CODECS[codec][1](stored, bits)]
    is_true = "Rows" not in elements or codec != "rle"
    return dicom(stored, syntax, fragments=fragments, **elements), pixels, is_true


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=EXAMPLES)
@given(files())
def test_a_generated_file_gives_its_picture_or_a_typed_refusal(made):
    data, pixels, is_true = made
    try:
        radiograph = read(data)
    except UnreadableImage:
        assert not is_true
        return
    if is_true:
        assert_shows(radiograph, pixels, 4.0)
