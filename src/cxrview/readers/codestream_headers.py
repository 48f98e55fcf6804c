"""The first bytes of a codestream -> the size, depth and levels it declares. Decodes nothing."""

import struct
from dataclasses import dataclass

from cxrview.errors import DamagedImage

SOF_JPEG_LS = 0xF7
SOF_LOSSLESS = 0xC3
_FRAME_MARKERS = {*range(0xC0, 0xD0), SOF_JPEG_LS} - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = {0x01, *range(0xD0, 0xD8)}  # stand alone, without a length
# Segments of JFIF (colours are YCbCr) and Adobe (of the length that decoders accept).
_COLOUR_MARKS = (b"\xe0\x00\x10JFIF", b"\xee\x00\x0eAdobe")
_NOT_SUBSAMPLED = b"\x11"

SIZ = b"\xff\x4f\xff\x51"  # start of codestream and its size segment, always together
_COD, _CAP, _SOT, _QCD, _QCC = 0xFF52, 0xFF50, 0xFF90, 0xFF5C, 0xFF5D
_REVERSIBLE = 1  # COD: the wavelet of whole numbers

_UNKNOWN_PLANES = 99  # more than any decoder takes

# ISO/IEC 18181-1, SizeHeader: width as a share of the height, by the three bits of `ratio`.
_JXL_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_JXL_BITS = (9, 13, 18, 30)


@dataclass(frozen=True, slots=True)
class CodestreamHeader:
    """What a codestream declares about itself; nothing of it is verified yet."""

    width: int
    height: int
    samples: int  # per pixel
    bits: int  # of a sample; 0 where only decoding shows it
    process: int = 0  # JPEG family: the last byte of its start-of-frame marker
    is_signed: bool = False
    is_lossless: bool = False  # decoding in full gives the values that were encoded
    is_rgb: bool = False  # decoding gives red, green and blue, whatever a DICOM header says
    levels: int = 0  # JPEG 2000: how often the picture can be halved
    is_high_throughput: bool = False
    tiles: int = 1
    planes: int = 0  # JPEG 2000: bits of the deepest coefficient that its quantization allows
    is_colour_unknown: bool = False  # JPEG: three components that nothing says the meaning of
    data_offset: int = 0  # where the frame header (JPEG) or the first tile-part (JPEG 2000) stands

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or self.samples < 1:
            raise DamagedImage(f"a codestream of {self.width} x {self.height} x {self.samples}")


def read_jpeg_header(data: bytes) -> CodestreamHeader:
    """JPEG and JPEG-LS: the segments up to the start of the frame."""
    position, is_marked = 2, False
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise DamagedImage("no marker where a JPEG marker must stand")
        marker = data[position + 1]
        if marker == 0xFF or marker in _BARE_MARKERS:
            position += 1 if marker == 0xFF else 2  # markers may be filled up with 0xFF
            continue
        if marker in _FRAME_MARKERS:
            bits, height, width, samples = struct.unpack_from(">BHHB", data, position + 4)
            is_lossless = marker in (SOF_JPEG_LS, SOF_LOSSLESS)
            is_subsampled = data[position + 11 : position + 12] != _NOT_SUBSAMPLED
            return CodestreamHeader(
                width, height, samples, bits, process=marker, data_offset=position,
                is_lossless=is_lossless,
                is_colour_unknown=samples == 3 and not (is_lossless or is_marked or is_subsampled),
            )  # fmt: skip
        is_marked |= data[position + 1 : position + 9].startswith(_COLOUR_MARKS)
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    raise DamagedImage("a JPEG codestream without a frame")


def read_jpeg2000_header(data: bytes) -> CodestreamHeader:
    """JPEG 2000 and HTJ2K, bare or in a JP2 file: SIZ, COD, CAP, QCD, QCC of the main header."""
    start = data.find(SIZ)
    if start < 0:
        raise DamagedImage("a JPEG 2000 file without a codestream")
    length, _, right, bottom, left, top = struct.unpack_from(">HHIIII", data, start + 4)
    across, down, tile_left, tile_top = struct.unpack_from(">IIII", data, start + 24)
    tiles = _tiles((right, bottom), (left, top), (across, down), (tile_left, tile_top))
    samples, depth = struct.unpack_from(">HB", data, start + 40)
    position, levels, is_high_throughput, planes = start + 4 + length, 0, False, 0
    is_rgb = is_lossless = False
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == _COD:
            is_rgb, levels = data[position + 8] == 1 and samples >= 3, data[position + 9]
            is_lossless = data[position + 13] == _REVERSIBLE
        is_high_throughput |= marker == _CAP
        if marker in (_QCD, _QCC):
            skipped = 0 if marker == _QCD else 1 + (samples > 256)  # the number of the component
            planes = max(planes, _planes(data[position + 4 + skipped : position + 2 + length]))
        if marker == _SOT or length < 2:
            break
        position += 2 + length
    return CodestreamHeader(
        right - left, bottom - top, samples, (depth & 0x7F) + 1,
        is_signed=bool(depth & 0x80), is_lossless=is_lossless, is_rgb=is_rgb,
        data_offset=position, levels=min(levels, 32),
        is_high_throughput=is_high_throughput, planes=planes, tiles=tiles,
    )  # fmt: skip


def _tiles(
    size: tuple[int, int], start: tuple[int, int], tile: tuple[int, int], origin: tuple[int, int]
) -> int:
    """How many there are in the grid that SIZ describes, across and down; ISO/IEC 15444-1 A.5.1."""
    count = 1
    for end, begin, length, first in zip(size, start, tile, origin, strict=True):
        if not first <= begin < first + length:
            raise DamagedImage(f"JPEG 2000 tiles of {length} from {first}, a picture from {begin}")
        count *= -((first - end) // length)
    return count


def _planes(body: bytes) -> int:
    """Quantization, ISO/IEC 15444-1 A.6.4 -> guard bits and the largest exponent, less one."""
    style, guard = body[0] & 0x1F, body[0] >> 5
    if style == 0:  # none: one byte for each band
        exponents = [byte >> 3 for byte in body[1:]]
    elif style in (1, 2):
        exponents = [byte >> 3 for byte in body[1::2]]
    else:
        return _UNKNOWN_PLANES
    return guard + max(exponents, default=_UNKNOWN_PLANES) - 1


class _Bits:
    """Reads bits, the lowest of each byte first, as JPEG XL writes them."""

    def __init__(self, data: bytes) -> None:
        self.number = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self.number & ((1 << count) - 1)
        self.number >>= count
        return value


def _jxl_codestream(data: bytes) -> bytes:
    """The first bytes of a JPEG XL codestream, bare or in the boxes of a container."""
    if data[:2] == b"\xff\x0a":
        return data[:24]
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, position + 8)[0], 16
        if kind in (b"jxlc", b"jxlp"):
            start = position + head + (4 if kind == b"jxlp" else 0)  # jxlp: a running number first
            return data[start : start + 24]
        if length < head:
            break
        position += length
    raise DamagedImage("a JPEG XL file without a codestream")


def read_jpegxl_header(data: bytes) -> CodestreamHeader:
    """JPEG XL: size and, where the image metadata are plain, depth; colour is decoded to RGB."""
    bits = _Bits(_jxl_codestream(data)[2:])
    is_small = bits.take(1)

    def length() -> int:
        return 8 * (bits.take(5) + 1) if is_small else bits.take(_JXL_BITS[bits.take(2)]) + 1

    height = length()
    ratio = bits.take(3)
    if ratio:
        over, under = _JXL_RATIOS[ratio]
        width = max(1, height * over // under)
    else:
        width = length()
    return CodestreamHeader(width, height, 1, _jxl_depth(bits), is_rgb=True)


def _jxl_depth(bits: _Bits) -> int:
    """ISO/IEC 18181-1, ImageMetadata and BitDepth: bits of a sample; 0 for floats and previews."""
    if bits.take(1):  # all default
        return 8
    has_extra_fields = bits.take(1)
    if has_extra_fields:
        bits.take(3)  # orientation
        if bits.take(1) or bits.take(1) or bits.take(1):  # intrinsic size, preview, animation
            return 0
    if bits.take(1):  # floats
        return 0
    choice = bits.take(2)
    return (8, 10, 12)[choice] if choice < 3 else bits.take(6) + 1
