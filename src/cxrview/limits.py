"""How much a file may claim before it is refused, and the checks that refuse it."""

from dataclasses import dataclass
from os import SEEK_END
from typing import BinaryIO

from cxrview.errors import TooLarge


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one file. A full-field mammogram has 27 million pixels, a scanned film 50."""

    pixels: int = 100_000_000  # of one frame
    bytes: int = 1 << 30  # read or unpacked into memory for one picture

    def __post_init__(self) -> None:
        if self.pixels < 1 or self.bytes < 1:
            raise ValueError(f"limits must be positive: {self}")


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Raise TooLarge if a frame of that claimed size is over the limit. Takes no memory."""
    if width * height > limits.pixels:
        raise TooLarge(f"{width} x {height} pixels are claimed, {limits.pixels} are allowed")


def check_bytes(length: int, limits: Limits) -> None:
    """Raise TooLarge if that many bytes may not be held in memory."""
    if length > limits.bytes:
        raise TooLarge(f"more than {limits.bytes} bytes in one picture")


def read_all(stream: BinaryIO, limits: Limits) -> bytes:
    """What is left in `stream`, or TooLarge.

    It is asked for by its size: with a bound of a gigabyte, Python makes a buffer of a gigabyte.
    """
    size = left_in(stream)
    check_bytes(size, limits)
    return stream.read(size)


def read_up_to(stream: BinaryIO, length: int) -> bytes:
    """The next `length` bytes, or what is left of them; makes no buffer for what is not there."""
    return stream.read(min(length, left_in(stream)))


def left_in(stream: BinaryIO) -> int:
    """How many bytes lie before the end of a seekable stream; leaves it where it is."""
    here = stream.tell()
    size = stream.seek(0, SEEK_END) - here
    stream.seek(here)
    return max(0, size)
