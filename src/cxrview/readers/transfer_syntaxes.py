"""Transfer syntax UID -> how the pixel data are coded, and the byte order of their samples."""

from dataclasses import dataclass
from enum import Enum


class Coding(Enum):
    """How the bytes of a frame become samples."""

    NATIVE = "native"  # uncompressed, in one piece
    RLE = "rle"
    DEFLATED_FRAME = "deflated frame"
    FRAGMENTS = "fragments"  # uncompressed, but cut into fragments
    CODESTREAM = "codestream"  # recognised by its first bytes


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """Name and coding; the byte order of the data set itself is recognised from its first bytes."""

    name: str
    coding: Coding
    has_big_endian_pixels: bool = False  # in a data set of either byte order


_NATIVE, _CODESTREAM = Coding.NATIVE, Coding.CODESTREAM

# DICOM PS3.6 table A-1. Labels err in the field (JPEG-LS labelled as JPEG, HTJ2K as JPEG 2000), so
# a codestream is recognised by its own first bytes and the label only says that it is one.
TRANSFER_SYNTAXES: dict[str, TransferSyntax] = {
    "": TransferSyntax("none given", _NATIVE),
    "1.2.840.10008.1.2": TransferSyntax("implicit little endian", _NATIVE),
    "1.2.840.10008.1.2.1": TransferSyntax("explicit little endian", _NATIVE),
    "1.2.840.10008.1.2.1.98": TransferSyntax("encapsulated uncompressed", Coding.FRAGMENTS),
    "1.2.840.10008.1.2.1.99": TransferSyntax("deflated", _NATIVE),
    "1.2.840.10008.1.2.2": TransferSyntax("explicit big endian", _NATIVE),
    "1.2.840.113619.5.2": TransferSyntax("GE private, big-endian pixels", _NATIVE, True),
    "1.2.840.10008.1.2.5": TransferSyntax("RLE lossless", Coding.RLE),
    "1.2.840.10008.1.2.8.1": TransferSyntax("deflated frames", Coding.DEFLATED_FRAME),
    "1.2.840.10008.1.2.4.50": TransferSyntax("JPEG baseline", _CODESTREAM),
    "1.2.840.10008.1.2.4.51": TransferSyntax("JPEG extended, 12 bits", _CODESTREAM),
    "1.2.840.10008.1.2.4.53": TransferSyntax("JPEG spectral selection (retired)", _CODESTREAM),
    "1.2.840.10008.1.2.4.55": TransferSyntax("JPEG progressive (retired)", _CODESTREAM),
    "1.2.840.10008.1.2.4.57": TransferSyntax("JPEG lossless", _CODESTREAM),
    "1.2.840.10008.1.2.4.70": TransferSyntax("JPEG lossless SV1", _CODESTREAM),
    "1.2.840.10008.1.2.4.80": TransferSyntax("JPEG-LS lossless", _CODESTREAM),
    "1.2.840.10008.1.2.4.81": TransferSyntax("JPEG-LS near-lossless", _CODESTREAM),
    "1.2.840.10008.1.2.4.90": TransferSyntax("JPEG 2000 lossless", _CODESTREAM),
    "1.2.840.10008.1.2.4.91": TransferSyntax("JPEG 2000", _CODESTREAM),
    "1.2.840.10008.1.2.4.92": TransferSyntax("JPEG 2000 part 2 lossless", _CODESTREAM),
    "1.2.840.10008.1.2.4.93": TransferSyntax("JPEG 2000 part 2", _CODESTREAM),
    "1.2.840.10008.1.2.4.110": TransferSyntax("JPEG XL lossless", _CODESTREAM),
    "1.2.840.10008.1.2.4.111": TransferSyntax("JPEG XL from JPEG", _CODESTREAM),
    "1.2.840.10008.1.2.4.112": TransferSyntax("JPEG XL", _CODESTREAM),
    "1.2.840.10008.1.2.4.201": TransferSyntax("HTJ2K lossless", _CODESTREAM),
    "1.2.840.10008.1.2.4.202": TransferSyntax("HTJ2K lossless RPCL", _CODESTREAM),
    "1.2.840.10008.1.2.4.203": TransferSyntax("HTJ2K", _CODESTREAM),
}
