"""Limits on the size of images and files, and the checks that enforce them."""

from dataclasses import dataclass
from os import SEEK_END
from typing import BinaryIO

from cxrview.errors import TooLarge

MAX_SEED = 2**32 - 1  # of random numbers: what NumPy, scikit-learn and torch accept
ARCHIVE_HEAD_BYTES = 262  # bytes of a file that show whether it is an archive


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for one file. A full-field mammogram has 27 million pixels, a scanned film 50."""

    pixels: int = 100_000_000  # of one frame
    bytes: int = 1 << 30  # read or decompressed into memory for one image

    def __post_init__(self) -> None:
        if self.pixels < 1 or self.bytes < 1:
            raise ValueError(f"limits must be positive: {self}")


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Raise TooLarge if a frame of this declared size exceeds the limit. Allocates nothing."""
    if width * height > limits.pixels:
        raise TooLarge(f"{width} x {height} pixels are claimed, {limits.pixels} are allowed")


def check_bytes(length: int, limits: Limits) -> None:
    """Raise TooLarge if that many bytes exceed the limit."""
    if length > limits.bytes:
        raise TooLarge(f"more than {limits.bytes} bytes in one image")


def read_all(stream: BinaryIO, limits: Limits) -> bytes:
    """The rest of a seekable stream; raises TooLarge.

    Reads exactly as many bytes as are left: for a bound of a gigabyte, Python would allocate one.
    """
    size = left_in(stream)
    check_bytes(size, limits)
    return stream.read(size)


def read_up_to(stream: BinaryIO, length: int) -> bytes:
    """The next `length` bytes, or as many as are left; allocates no more than that."""
    return stream.read(min(length, left_in(stream)))


def left_in(stream: BinaryIO) -> int:
    """Number of bytes before the end of a seekable stream; keeps its position."""
    here = stream.tell()
    size = stream.seek(0, SEEK_END) - here
    stream.seek(here)
    return max(0, size)
