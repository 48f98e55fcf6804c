"""Encapsulated pixel data -> the bytes of one frame. DICOM PS3.5 annex A.4.

Offset tables are not used: in the field they hold nonsense, one entry for each fragment, or
nothing. A frame begins where a codestream begins.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from cxrview.errors import DamagedImage
from cxrview.limits import Limits, check_bytes

UNDEFINED_LENGTH = 0xFFFFFFFF  # the length of an element that is made of items
_ITEM_TAGS = {b"\xfe\xff\x00\xe0": "<I", b"\xff\xfe\xe0\x00": ">I"}
_HEAD_BYTES = 16  # bytes of a fragment that show what it is

IsStart = Callable[[bytes], bool]  # does a fragment of these first bytes begin a frame?


@dataclass(frozen=True, slots=True)
class Fragment:
    """One item: `length` bytes from `offset` on, and the first of them."""

    offset: int
    length: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """The fragments of the middle frame, and which of how many it is, counted from 0."""

    fragments: tuple[Fragment, ...]
    number: int
    count: int


def fragments_of(stream: BinaryIO, start: int, end: int) -> list[Fragment]:
    """The items from `start` on, to a delimiter, to anything that is no item, or to `end`.

    An empty list where no item stands at `start`. The last one may break off.
    """
    stream.seek(start)
    head = stream.read(8)
    order = _ITEM_TAGS.get(head[:4])
    found: list[Fragment] = []
    while len(head) == 8 and order and _ITEM_TAGS.get(head[:4]) == order:
        offset = start + 8
        (length,) = struct.unpack_from(order, head, 4)
        length = min(end - offset, length if length != UNDEFINED_LENGTH else end)
        first = stream.read(min(_HEAD_BYTES, max(0, length)))
        found.append(Fragment(offset, length, first))
        start = offset + length
        stream.seek(start)
        head = stream.read(8) if start + 8 <= end else b""
    return found


def middle_frame(fragments: list[Fragment], is_start: IsStart, announced: int) -> Frame:
    """The middle one of the frames that are there; DamagedImage where they cannot be separated.

    is_start: whether a fragment begins a frame, by its first bytes.
    announced: Number of Frames (0028,0008), used where no fragment shows where it belongs.
    """
    pixels = fragments if fragments and is_start(fragments[0].head) else fragments[1:]
    pixels = [fragment for fragment in pixels if fragment.length > 0]
    pixels = pixels or [fragment for fragment in fragments if fragment.length > 0]
    if not pixels:
        raise DamagedImage("no fragment holds pixel data")
    starts = [number for number, fragment in enumerate(pixels) if is_start(fragment.head)]
    if not starts or starts[0] != 0:
        starts = _without_marks(len(pixels), announced)
    number = len(starts) // 2
    last = starts[number + 1] if number + 1 < len(starts) else len(pixels)
    return Frame(tuple(pixels[starts[number] : last]), number, len(starts))


def _without_marks(fragments: int, announced: int) -> list[int]:
    """Where frames begin among fragments that show nothing: one for each, or all for one."""
    if announced == 1:
        return [0]
    if fragments <= announced:
        return list(range(fragments))
    raise DamagedImage(f"{fragments} fragments of {announced} frames, and no mark between them")


def join_fragments(stream: BinaryIO, frame: Frame, limits: Limits) -> bytes:
    """The bytes of a frame; TooLarge where there are more than the limit."""
    check_bytes(sum(fragment.length for fragment in frame.fragments), limits)
    parts = []
    for fragment in frame.fragments:
        stream.seek(fragment.offset)
        parts.append(stream.read(fragment.length))
    return b"".join(parts)
