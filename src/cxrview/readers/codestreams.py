"""One compressed picture, told by its first bytes and not by its label -> samples."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cxrview.errors import DamagedImage
from cxrview.limits import Limits, check_pixels
from cxrview.readers.codestream_headers import (
    CodestreamHeader,
    claim_of_jpeg,
    claim_of_jpeg2000,
    claim_of_jpegxl,
)
from cxrview.readers.jpeg import decode_jpeg, decode_jpegxl
from cxrview.readers.jpeg2000 import decode_jpeg2000
from cxrview.readers.planes import Plane


class Decode(Protocol):
    """Codestream and its claim -> Plane."""

    def __call__(self, data: bytes, claim: CodestreamHeader, *, averaging: bool = True) -> Plane:
        """`averaging`: neighbours may be averaged."""


@dataclass(frozen=True, slots=True)
class Family:
    """One family of codestreams: how it begins, what it claims, who decodes it."""

    magic: bytes
    claim_of: Callable[[bytes], CodestreamHeader]
    decode: Decode


FAMILIES = (
    Family(b"\xff\xd8\xff", claim_of_jpeg, decode_jpeg),  # JPEG, JPEG-LS
    Family(b"\xff\x4f\xff\x51", claim_of_jpeg2000, decode_jpeg2000),  # JPEG 2000, HTJ2K
    Family(b"\x00\x00\x00\x0cjP  \r\n\x87\n", claim_of_jpeg2000, decode_jpeg2000),  # the same, JP2
    Family(b"\x00\x00\x00\x0cJXL \r\n\x87\n", claim_of_jpegxl, decode_jpegxl),
    Family(b"\xff\x0a", claim_of_jpegxl, decode_jpegxl),
)


def family_of(data: bytes) -> Family:
    """The family that begins like `data`; DamagedImage if none does."""
    for family in FAMILIES:
        if data.startswith(family.magic):
            return family
    raise DamagedImage("compressed pixel data that begin like no codestream we know")


def claim_within(data: bytes, limits: Limits) -> CodestreamHeader:
    """What a codestream claims to be, if that is within the limits; TooLarge otherwise."""
    claim = family_of(data).claim_of(data)
    check_pixels(claim.width, claim.height, limits)
    return claim


def decode_codestream(data: bytes, claim: CodestreamHeader, *, averaging: bool = True) -> Plane:
    """A codestream -> its samples; DamagedImage where they are not what it claimed."""
    plane = family_of(data).decode(data, claim, averaging=averaging)
    if (plane.width, plane.height) != (claim.width, claim.height):
        raise DamagedImage(
            f"a codestream of {plane.width} x {plane.height} claims {claim.width} x {claim.height}"
        )
    return plane
