"""A copy made upright shows the upright image, loses nothing, and describes itself truthfully."""

import warnings
from io import BytesIO

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from cxrview.errors import UnreadableImage, UnsupportedImage
from cxrview.images import Turn
from cxrview.inference.turns import turn_of
from cxrview.inference.upright import UprightCopy, turn_item, upright_copy
from cxrview.phantom.dicom_object import PhantomIdentity, StatedView, dicom_object
from cxrview.phantom.draw import draw_one
from cxrview.phantom.encodings import ENCODINGS, quantize
from cxrview.readers.decode import decode
from cxrview.rows import ROTATIONS
from cxrview.sources.find import item_of_bytes
from makers_cases import ITEM_END, element, inserted
from makers_row import a_row
from readers_makers import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    dicom,
    htj2k,
    jpeg,
    jpeg2000,
    jpeg_ls,
    picture,
    raster,
)

TURNS = [Turn(rotation, inverted) for rotation in ROTATIONS for inverted in (False, True)]
POSES = pytest.mark.parametrize("turn", TURNS, ids=str)
MANY_ROWS = (1030, 30)  # readers leave out rows of such an image


def posed(upright: np.ndarray, turn: Turn, bits: int) -> np.ndarray:
    """The image that `turn` makes upright again."""
    source = np.rot90(upright, turn.rotation // 90)
    return np.ascontiguousarray((1 << bits) - 1 - source if turn.inverted else source).astype(
        upright.dtype
    )


def upright(data: bytes, turn: Turn) -> bytes:
    return upright_copy(BytesIO(data), turn).content


def dataset_of(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(BytesIO(data))


def pixels_of(data: bytes) -> np.ndarray:
    if data.startswith(b"\x89PNG"):
        return np.asarray(Image.open(BytesIO(data)))
    return dataset_of(data).pixel_array


RASTERS = {
    "png": (8, lambda p: raster(p, "PNG")),
    "png of 16 bits": (16, lambda p: raster(p, "PNG")),
    "tiff of 16 bits": (16, lambda p: raster(p, "TIFF")),
    "bmp": (8, lambda p: raster(p, "BMP")),
    "grey in colours": (8, lambda p: raster(np.repeat(p[..., None], 3, axis=2), "PNG")),
    "opaque": (8, lambda p: raster(np.dstack([p, p, p, np.full_like(p, 255)]), "PNG")),
    "jpeg-ls": (8, jpeg_ls),
    "jpeg 2000": (16, lambda p: jpeg2000(p, 16)),
}


@POSES
@pytest.mark.parametrize("name", RASTERS)
def test_an_image_becomes_a_png_of_the_same_depth(name, turn):
    bits, encode = RASTERS[name]
    expected = picture(*MANY_ROWS, bits)
    found = upright(encode(posed(expected, turn, bits)), turn)
    assert pixels_of(found).dtype == expected.dtype
    assert np.array_equal(pixels_of(found), expected)


DICOMS = {
    "explicit": lambda p, **more: dicom(p, EXPLICIT, **more),
    "implicit": lambda p, **more: dicom(p, IMPLICIT, **more),
    "big endian": lambda p, **more: dicom(p, BIG_ENDIAN, **more),
    "deflated": lambda p, **more: dicom(p, DEFLATED, **more),
    "jpeg-ls": lambda p, **more: dicom(p, "1.2.840.10008.1.2.4.80", fragments=[jpeg_ls(p)], **more),
    "jpeg 2000": lambda p, **more: dicom(
        p, "1.2.840.10008.1.2.4.90", fragments=[jpeg2000(p)], **more
    ),
}


@POSES
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("name", DICOMS)
def test_a_dicom_file_shows_the_upright_image(name, photometric, turn):
    expected = picture(*MANY_ROWS)
    shown = posed(expected, turn, 12)
    stored = shown if photometric == "MONOCHROME2" else (4095 - shown).astype(np.uint16)
    source = DICOMS[name](stored, BitsStored=12, PhotometricInterpretation=photometric)
    found = dataset_of(upright(source, turn))
    assert found.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert (found.Rows, found.Columns, found.BitsStored) == (*expected.shape, 12)
    is_dark = found.PhotometricInterpretation == "MONOCHROME1"
    assert is_dark == (photometric == "MONOCHROME1" and not turn.inverted)
    assert np.array_equal(4095 - found.pixel_array if is_dark else found.pixel_array, expected)


@POSES
@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda one: one.name)
def test_a_phantom_in_any_pose_is_read_as_the_upright_phantom(encoding, turn):
    levels = quantize(draw_one(3, 1, 96).pixels, encoding.bits)
    source = posed(levels, turn, encoding.bits)
    if encoding.transfer_syntax is None:
        data = encoding.encode(source)
    else:
        stated = StatedView("right", "PA", "L\\F", None)
        data = dicom_object(source, PhantomIdentity(0, 1), stated, encoding, 4)
    shown = decode(BytesIO(upright(data, turn))).pixels
    assert np.corrcoef(shown.ravel(), levels.ravel())[0, 1] > 0.99


@POSES
@pytest.mark.parametrize("signed", [False, True])
def test_turning_a_copy_back_gives_the_stored_pixels_of_the_source(turn, signed):
    stored = picture(41, 30)
    lifted = (stored.astype(np.int16) - 2048).view(np.uint16) if signed else stored
    source = dicom(lifted, BitsStored=12, PixelRepresentation=int(signed))
    back = Turn(-turn.rotation % 360, turn.inverted)
    once, found = upright(source, turn), dataset_of(upright(upright(source, turn), back))
    assert np.array_equal(found.pixel_array, dataset_of(source).pixel_array)
    rotated = np.rot90(dataset_of(source).pixel_array, -turn.rotation // 90)
    expected = sum(range_of(signed)) - rotated if turn.inverted else rotated
    assert np.array_equal(dataset_of(once).pixel_array, expected)
    assert found.pixel_array.dtype == dataset_of(source).pixel_array.dtype
    sixteen = picture(41, 30, 16)
    png = raster(sixteen, "PNG")
    assert np.array_equal(pixels_of(upright(upright(png, turn), back)), sixteen)


def test_what_readers_decode_at_a_lower_resolution_is_decoded_in_full():
    expected = picture(600, 601, 8)
    for source in (raster(expected, "JPEG2000"), jpeg(expected, 100)):
        found = pixels_of(upright(source, Turn(0, True)))
        assert found.shape == expected.shape
        assert np.abs(255 - found.astype(int) - expected).max() <= 2


def test_a_lossy_image_keeps_its_decoded_pixels():
    source = jpeg(picture(1100, 60, 8), 60)
    found = pixels_of(upright(source, Turn(90, True)))
    assert np.array_equal(255 - np.rot90(found), np.asarray(Image.open(BytesIO(source))))
    in_dicom = dicom(picture(1100, 60, 8), "1.2.840.10008.1.2.4.50", fragments=[source])
    assert dataset_of(upright(in_dicom, Turn(90, False))).LossyImageCompression == "01"


@pytest.mark.parametrize(("syntax", "encode", "expected"), [
    ("90", jpeg2000, None), ("201", htj2k, None),
    ("91", jpeg2000, None),  # the transfer syntax allows both
    ("91", lambda p: imagecodecs.jpeg2k_encode(p, level=30, reversible=False, codecformat="j2k"),
     "01"),
    ("203", htj2k, None),
    ("203", lambda p: imagecodecs.htj2k_encode(p, reversible=False), "01"),
    ("80", jpeg_ls, None), ("81", lambda p: imagecodecs.jpegls_encode(p, level=3), "01"),
    ("51", lambda p: imagecodecs.jpeg8_encode(p, level=95, bitspersample=12), "01"),
])  # fmt: skip
def test_a_copy_states_that_its_pixels_were_compressed_with_loss(syntax, encode, expected):
    pixels = picture(90, 80)
    source = dicom(pixels, JPEG + syntax, fragments=[encode(pixels)], BitsStored=12)
    found = dataset_of(upright(source, Turn(90, False)))
    assert found.get("LossyImageCompression") == expected


@pytest.mark.parametrize(("rotation", "orientation"), [
    (0, ["L", "FP"]), (90, ["HA", "L"]), (180, ["R", "HA"]), (270, ["FP", "R"]),
])  # fmt: skip
def test_tags_with_a_direction_are_turned(rotation, orientation):
    pairs = {
        "PixelSpacing": [0.1, 0.2], "ImagerPixelSpacing": [0.3, 0.4],
        "NominalScannedPixelSpacing": [0.5, 0.6], "PixelAspectRatio": [1, 2],
        "FieldOfViewDimensions": [300, 400],
    }  # fmt: skip
    source = dicom(
        picture(20, 30), PatientOrientation=["L", "FP"], FieldOfViewOrigin=[1, 2],
        FieldOfViewRotation=270, FieldOfViewHorizontalFlip="NO", **pairs,
    )  # fmt: skip
    found = dataset_of(upright(source, Turn(rotation, True)))
    for keyword, values in pairs.items():
        is_swapped = rotation in (90, 270)
        assert list(map(float, found[keyword].value)) == (values[::-1] if is_swapped else values)
    assert list(found.PatientOrientation) == orientation
    assert list(found.FieldOfViewOrigin) == [1, 2]
    assert float(found.FieldOfViewRotation) == (270 + rotation) % 360
    (reference,) = found.SourceImageSequence
    if rotation:
        assert reference.SpatialLocationsPreserved == "REORIENTED_ONLY"
        assert list(reference.PatientOrientation) == ["L", "FP"]
    else:
        assert reference.SpatialLocationsPreserved == "YES"


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("flip", ["YES", "NO"])
@pytest.mark.parametrize("before", ROTATIONS)
def test_the_field_of_view_still_leads_back_to_the_detector(before, flip, rotation):
    """Rotating the detector's pixels clockwise, then flipping them, gives the stored image."""

    def image(degrees, flip):
        rotated = np.rot90(detector, -int(degrees) // 90)
        return np.fliplr(rotated) if flip == "YES" else rotated

    detector = picture(20, 30)
    source = np.ascontiguousarray(image(before, flip))
    tags = {"FieldOfViewRotation": before, "FieldOfViewHorizontalFlip": flip}
    found = dataset_of(upright(dicom(source, **tags), Turn(rotation, False)))
    expected = image(found.FieldOfViewRotation, found.FieldOfViewHorizontalFlip)
    assert np.array_equal(found.pixel_array, expected)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2, -1000)])
def test_the_windows_of_inverted_values_show_the_complement(function, signed, slope, intercept):
    source = dicom(
        (picture(20, 30) - np.uint16(2048 * signed)), BitsStored=12, PixelRepresentation=signed,
        RescaleSlope=slope, RescaleIntercept=intercept, WindowCenter=[900.5, 300],
        WindowWidth=[1200, 4000], VOILUTFunction=function,
    )  # fmt: skip

    def shown(dataset, window):
        values = apply_modality_lut(dataset.pixel_array, dataset)
        return apply_voi_lut(values, dataset, window)

    before, after = dataset_of(source), dataset_of(upright(source, Turn(0, True)))
    for window in (0, 1):
        low, high = (apply_modality_lut(np.array(v), before) for v in range_of(signed))
        total = low + high
        assert shown(after, window) + shown(before, window) == pytest.approx(total, abs=1e-6)


def range_of(signed):
    return (-2048, 2047) if signed else (0, 4095)


@pytest.mark.parametrize(("elements", "sign"), [
    ({"PhotometricInterpretation": "MONOCHROME2"}, -1),
    ({"PhotometricInterpretation": "MONOCHROME1"}, -1),
    ({"PhotometricInterpretation": "MONOCHROME2", "RescaleSlope": -1}, 1),
])  # fmt: skip
def test_an_inverted_image_becomes_consistent(elements, sign):
    source = dicom(
        picture(20, 30), PixelIntensityRelationshipSign=1, PresentationLUTShape="IDENTITY",
        PixelPaddingValue=5, BitsStored=12, **elements,
    )  # fmt: skip
    found = dataset_of(upright(source, Turn(0, True)))
    assert found.PhotometricInterpretation == "MONOCHROME2"
    assert found.PresentationLUTShape == "IDENTITY"
    assert found.PixelIntensityRelationshipSign == sign
    is_mirrored = elements["PhotometricInterpretation"] == "MONOCHROME2"
    assert found.PixelPaddingValue == (4095 - 5 if is_mirrored else 5)
    before, after = (
        decode(BytesIO(data)).pixels for data in (source, upright(source, Turn(0, True)))
    )
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] < -0.99


def test_the_copy_is_a_derived_image_with_an_identity_of_its_own():
    source = dicom(picture(20, 30), ImageType=["ORIGINAL", "PRIMARY", "A"], StudyInstanceUID="1.9",
                   DerivationDescription="Cropped", PatientName="Doe^Jane")  # fmt: skip
    first, again, other = (
        dataset_of(upright(source, turn))
        for turn in (Turn(90, True), Turn(90, True), Turn(90, False))
    )
    assert list(first.ImageType) == ["DERIVED", "PRIMARY", "A"]
    assert first.SOPInstanceUID == first.file_meta.MediaStorageSOPInstanceUID
    assert len({"1.2.3.4", first.SOPInstanceUID, other.SOPInstanceUID}) == 3
    assert first == again
    assert first.DerivationDescription.startswith(
        "Cropped; Rotated clockwise by 90 degrees and inverted, by cxrview "
    )
    (reference,) = first.SourceImageSequence
    assert reference.ReferencedSOPInstanceUID == "1.2.3.4"
    assert reference.SpatialLocationsPreserved == "NO"  # nothing says how the source lay
    assert (first.StudyInstanceUID, first.PatientName) == ("1.9", "Doe^Jane")


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_all_other_elements_are_the_same_in_any_encoding(syntax):
    inner = pydicom.Dataset()
    inner.CodeValue, inner.ReferencedFrameNumber = "12", [3, 4]
    inner.RecommendedDisplayFrameRateInFloat = 1.5
    tags = {
        "Exposure": 7, "KVP": 70.5, "ViewCodeSequence": [inner], "InstitutionName": "Ä",
        "SpecificCharacterSet": "ISO_IR 100", "ReferencedOtherPlaneSequence": [],
        "RecommendedDisplayFrameRateInFloat": 2.5, "LossyImageCompression": "00",
    }  # fmt: skip
    source = dicom(picture(20, 30), syntax, **tags)
    found = dataset_of(upright(source, Turn(90, False)))
    for one in dataset_of(source):
        if one.keyword in tags:
            assert found[one.keyword].value == one.value


TEXTS = {
    "ISO_IR 192": b"M\xfcller^Anna ",  # Latin-1 under the label of UTF-8
    "\\ISO 2022 IR 100": b"Buc^J\x1b-A\xe9r\xf4me",
    "\\ISO 2022 IR 87": b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
    "ISO_IR 999": b"M\xfcller^Anna ",
    "": b"  M\xc3\xbcller  ",
}


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("charset", TEXTS)
def test_texts_keep_their_bytes(charset, syntax):
    """Whether they are of their character set or not."""
    text = TEXTS[charset]
    inner = pydicom.Dataset()
    inner.CodeMeaning = "X" * len(text)
    tags = {"PatientName": "X" * len(text), "DerivationDescription": "X" * len(text),
            "SpecificCharacterSet": "Y" * len(charset), "ViewCodeSequence": [inner]}  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the character set Y
        source = dicom(picture(20, 30), syntax, **tags)
    source = source.replace(b"X" * len(text), text)
    if charset:
        source = source.replace(b"Y" * len(charset), charset.encode())
    assert source.count(text) == 3
    copy = upright(source, Turn(90, False))
    assert copy.count(text) >= 2
    assert text.rstrip() + b"; Rotated clockwise" in copy
    assert charset.encode() in copy


def test_an_item_keeps_its_own_character_set():
    inner = pydicom.Dataset()
    inner.SpecificCharacterSet, inner.CodeMeaning = "ISO_IR 192", "\u00e4"
    tags = {"SpecificCharacterSet": "ISO_IR 100", "InstitutionName": "\u00e4"}
    source = dicom(picture(20, 30), ViewCodeSequence=[inner], **tags)
    found = dataset_of(upright(source, Turn(90, False)))
    assert found.ViewCodeSequence[0].CodeMeaning == found.InstitutionName == "\u00e4"


def test_elements_behind_the_pixels_stay():
    source = dicom(picture(20, 30)) + element(0x7FE10010, b"LO", b"MAKER ", 2)
    assert dataset_of(upright(source, Turn(90, False)))[0x7FE10010].value == "MAKER"


@pytest.mark.parametrize("extra", [
    ITEM_END + bytes(4), element(0x00191001, b"??", b"abcd", 2),
    element(0x00080060, b"CS", b"CR", 2),
], ids=["a stray delimiter", "an unknown VR", "a second modality"])  # fmt: skip
def test_a_file_of_which_pydicom_does_not_reach_all_elements_is_refused(extra):
    source = inserted(dicom(picture(20, 30), PixelSpacing=[1, 2]), extra)
    assert not decode(BytesIO(source)).warnings
    with pytest.raises(UnsupportedImage, match="a copy would lack some"):
        upright(source, Turn(90, False))


def test_pixels_without_an_end_are_turned():
    pixels = picture(20, 30, 8)
    source = dicom(pixels, JPEG + "80", fragments=[jpeg_ls(pixels)])
    assert np.array_equal(pixels_of(upright(source[:-8], Turn(90, False))), np.rot90(pixels, -1))


def test_a_derivation_description_without_room_is_refused():
    source = dicom(picture(20, 30), DerivationDescription="x" * 1000)
    with pytest.raises(UnsupportedImage, match="no room"):
        upright(source, Turn(90, False))


def test_offset_tables_of_compressed_pixels_are_removed():
    tables = {"ExtendedOffsetTable": bytes(8), "ExtendedOffsetTableLengths": b"\1" + bytes(7)}
    pixels = picture(20, 30, 8)
    source = dicom(pixels, JPEG + "80", fragments=[jpeg_ls(pixels)], **tables)
    assert not set(tables) & set(dataset_of(upright(source, Turn(90, False))).dir())


def test_pixels_of_a_nested_icon_stay():
    icon = dataset_of(dicom(picture(4, 4, 8)))
    source = dicom(picture(20, 30), ReferencedImageSequence=[icon])
    (found,) = dataset_of(upright(source, Turn(90, False))).ReferencedImageSequence
    assert found.PixelData == icon.PixelData


def test_what_is_removed_may_have_binary_values_in_big_endian_words():
    source = dicom(picture(20, 30), BIG_ENDIAN, IconImageSequence=[LUT])
    assert "IconImageSequence" not in dataset_of(upright(source, Turn(90, False)))


def test_what_would_be_wrong_in_the_copy_is_removed():
    shapes = {"ShutterShape": "RECTANGULAR", "CollimatorShape": "RECTANGULAR"}
    source = dataset_of(dicom(picture(20, 30), SmallestImagePixelValue=3, **shapes))
    source.add_new((0x6002, 0x3000), "OW", b"\1\0")
    buffer = BytesIO()
    source.save_as(buffer)
    made = upright_copy(buffer, Turn(180, False))
    found = dataset_of(made.content)
    for keyword in ("ShutterShape", "CollimatorShape", "SmallestImagePixelValue"):
        assert keyword not in found
    assert (0x6002, 0x3000) not in found
    assert made.change == "rotated clockwise by 180 degrees; overlays removed"
    assert "overlays removed" in found.DerivationDescription


def cmyk(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.dstack([pixels] * 4), "CMYK").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@POSES
def test_colours_and_transparency_are_kept(kind, bands, turn):
    grey = picture(20, 30, 8)
    source = np.dstack([grey, grey[::-1], grey[:, ::-1], grey // 2])[..., :bands]
    found = pixels_of(upright(raster(source, kind), turn))
    expected = np.rot90(source, -turn.rotation // 90).copy()
    if turn.inverted:
        expected[..., :3] = 255 - expected[..., :3]
    assert np.array_equal(found, expected)


LUT = pydicom.Dataset()
LUT.LUTDescriptor, LUT.LUTData = [2, 0, 16], b"\0\0\1\0"


@pytest.mark.parametrize(("data", "turn", "message"), [
    (dicom(picture(9, 9), data=bytes(324), frames=2), Turn(90, False), "several frames"),
    (dicom(np.dstack([picture(9, 9, 8)] * 3)), Turn(90, False), "colours"),
    (dicom(picture(9, 9), PhotometricInterpretation="PALETTE COLOR"), Turn(90, False), "colours"),
    (dicom(picture(9, 9).astype(np.uint32)), Turn(90, False), "more than 16 bits"),
    (dicom(picture(9, 9), ImagePositionPatient=[0, 0, 0]), Turn(90, False), "plane in the patient"),
    (dicom(picture(9, 9), VOILUTSequence=[LUT]), Turn(90, True), "lookup table"),
    (dicom(picture(9, 9), SOPInstanceUID=""), Turn(90, False), "UID"),
    (dicom(picture(9, 9))[:-20], Turn(90, False), "break off"),
    (inserted(dicom(picture(9, 9)), element(0x00189004, b"FD", b"no no.", 2)), Turn(90, False),
     "impossible length"),
    (imagecodecs.png_encode(np.dstack([picture(9, 9, 16)] * 3)), Turn(90, False), "be kept"),
    (cmyk(picture(9, 9, 8)), Turn(90, False), "cannot be kept"),
    (imagecodecs.jpegls_encode(np.dstack([picture(9, 9, 8)] * 3)), Turn(90, False), "be kept"),
    (raster(picture(9, 9, 8).astype(np.float32), "TIFF"), Turn(90, False), "more bits"),
    (b"text", Turn(90, False), "no image format"),
])  # fmt: skip
def test_what_cannot_be_turned_truthfully_is_refused(data, turn, message):
    with pytest.raises(UnreadableImage, match=message):
        upright(data, turn)


@pytest.mark.parametrize("source", [
    dicom(picture(20, 30), PixelSpacing=[1, 2], PatientOrientation=["L", "F"], WindowCenter=3),
    dicom(picture(20, 30), IMPLICIT, ViewCodeSequence=[LUT]),
    raster(picture(20, 30, 8), "PNG"),
    raster(picture(20, 30, 16), "TIFF"),
], ids=["dicom", "implicit", "png", "tiff"])  # fmt: skip
def test_a_damaged_file_gives_a_copy_or_a_reason(source):
    rng = np.random.default_rng(1)
    for _ in range(300):
        damaged = bytearray(source[: rng.integers(len(source) // 2, len(source) + 1)])
        for place in rng.integers(0, min(len(damaged), 900), rng.integers(0, 4)):
            damaged[place] = rng.integers(256)
        found = turn_item((item_of_bytes("x", bytes(damaged)), Turn(90, True)))
        assert isinstance(found, UprightCopy) or ": " in found


def test_a_lookup_table_does_not_prevent_a_rotation():
    found = dataset_of(upright(dicom(picture(9, 9), VOILUTSequence=[LUT]), Turn(90, False)))
    assert found.VOILUTSequence[0].LUTData == b"\0\0\1\0"
    dark = dicom(picture(9, 9), VOILUTSequence=[LUT], PhotometricInterpretation="MONOCHROME1")
    assert dataset_of(upright(dark, Turn(90, True))).PhotometricInterpretation == "MONOCHROME2"
    with pytest.raises(UnsupportedImage, match="big-endian"):
        upright(dicom(picture(9, 9), BIG_ENDIAN, VOILUTSequence=[LUT]), Turn(90, False))


def test_several_pages_are_refused():
    buffer = BytesIO()
    pages = [Image.fromarray(picture(9, 9, 8)) for _ in range(2)]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(UnsupportedImage, match="pages"):
        upright_copy(buffer, Turn(90, False))


@pytest.mark.parametrize(("row", "expected"), [
    (a_row(rotation=90, inverted=True), Turn(90, True)),
    (a_row(rotation=0, inverted=True), Turn(0, True)),
    (a_row(rotation=0, inverted=False), "upright already"),
    (a_row(rotation=90), Turn(90, False)),
    (a_row(inverted=True), Turn(0, True)),
    (a_row(rotation=0), "polarity unknown"),
    (a_row(inverted=False), "rotation unknown"),
    (a_row(), "rotation and polarity unknown"),
    (a_row(view="not_chest"), "not_chest"),
    (a_row(rotation=90, inverted=True, frame=3), "several frames or pages"),
    (a_row(rotation=90, inverted=True, warning="suspect: x"), "a warning"),
])  # fmt: skip
def test_which_images_are_turned(row, expected):
    assert turn_of(row) == expected
