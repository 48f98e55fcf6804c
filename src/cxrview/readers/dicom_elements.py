"""The elements of a DICOM data set, one after the other, also where the data set is damaged.

Sound files need no more than `ElementReader.read` does until the pixel data. The rest continues
where other parsers stop: unknown value representations, stray or wrong delimiters, and damaged
elements, behind which it looks for a place from which three elements follow each other.
"""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import SEEK_END
from typing import Any, BinaryIO, TypeAlias

from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from cxrview.errors import DamagedImage
from cxrview.limits import read_up_to
from cxrview.readers.fragments import UNDEFINED, Fragment, fragments_of

LONGEST_VALUE = 1 << 22  # bytes of an element that is read; the longest true ones are tables
_CHAIN = 3  # sound elements in a row that make a place trustworthy
_RESUMPTIONS = 8  # places where the parser may lose its way before the file counts as damaged
_SEARCHED = 1 << 22  # bytes behind a damaged element in which the next sound one is looked for
_SEARCHED_IMPLICIT = 1 << 17  # the same where every even byte must be tried

PIXELS = 0x7FE00010
PIXEL_BITS = {PIXELS: 0, 0x7FE00008: 32, 0x7FE00009: 64}  # of a float sample; 0: integers

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DELIMITERS = (ITEM, ITEM_END, SEQUENCE_END)
_AFTER_PIXELS = 0xFFFA0000  # digital signatures and trailing padding

LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR",
                      b"UT", b"UV"))  # fmt: skip
VRS = LONG_VRS | frozenset(
    (b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
     b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US")
)  # fmt: skip
_ANY_VR = re.compile(b"|".join(sorted(VRS)))


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the elements of a data set are written."""

    is_implicit: bool
    is_little_endian: bool


@dataclass(frozen=True, slots=True)
class Element:
    """The head of one element: its value is `length` bytes (or UNDEFINED) from `offset` on."""

    tag: int
    vr: str  # "" in implicit data sets, and where it is not one of the standard's
    length: int
    offset: int


@dataclass(frozen=True, slots=True)
class PixelElement(Element):
    """The head of pixel data, and their fragments where the length is undefined."""

    fragments: tuple[Fragment, ...] = ()

    @property
    def stored_size(self) -> int:
        """Bytes of the samples; compressed ones count four times, for about as many samples."""
        if self.length != UNDEFINED:
            return self.length
        return 4 * sum(fragment.length for fragment in self.fragments)


Value: TypeAlias = Any  # a RawDataElement or a DataElement of pydicom


@dataclass(slots=True)
class Elements:
    """What a data set holds. Of an element that stands there twice, both values are kept."""

    first: dict[BaseTag, Value] = field(default_factory=dict)
    last: dict[BaseTag, Value] = field(default_factory=dict)
    pixels: list[PixelElement] = field(default_factory=list)
    damage: int | None = None  # where the parser first lost its way; None in sound data sets
    is_doubled: bool = False  # some wanted element stands there twice

    def add(self, value: Value) -> None:
        """Keep one wanted element."""
        self.is_doubled |= value.tag in self.first
        self.first.setdefault(value.tag, value)
        self.last[value.tag] = value


class ElementReader:
    """Reads the wanted elements of a data set and skips all others without reading their values."""

    def __init__(self, stream: BinaryIO, encoding: Encoding, wanted: frozenset[int]) -> None:
        self.stream = stream
        self.encoding = encoding
        self.wanted = wanted
        here = stream.tell()
        self.size = stream.seek(0, SEEK_END)
        stream.seek(here)
        order = "<" if encoding.is_little_endian else ">"
        self._tag = struct.Struct(order + "HH")
        self._short = struct.Struct(order + "H")
        self._long = struct.Struct(order + "I")

    def read(self, position: int) -> Elements:
        """All elements from `position` to the end of the pixel data, or of the stream."""
        found, resumptions = Elements(), 0
        while position + 8 <= self.size:
            element = self.element_at(position)
            if element is not None and self._fits(element):
                if found.pixels and element.tag >= _AFTER_PIXELS:
                    break
                position = self._take(element, found)
                continue
            if found.pixels:  # what follows the pixels need not be DICOM
                break
            found.damage = position if found.damage is None else found.damage
            resumed = self._next_sound(position + 2) if resumptions < _RESUMPTIONS else None
            if resumed is None:
                break
            position, resumptions = resumed, resumptions + 1
        if not found.pixels and found.damage is None and position != self.size:
            found.damage = position
        return found

    def element_at(self, position: int) -> Element | None:
        """The head of the element at `position`; None where there cannot be one."""
        self.stream.seek(position)
        head = self.stream.read(8)
        if len(head) < 8:
            return None
        group, number = self._tag.unpack_from(head)
        if not group:  # zeros; group 0000 is for messages, not for files
            return None
        tag = group << 16 | number
        if group == 0xFFFE or self.encoding.is_implicit:
            return Element(tag, "", self._long.unpack_from(head, 4)[0], position + 8)
        vr = head[4:6]
        if vr in LONG_VRS:
            length = self.stream.read(4)
            if len(length) < 4:
                return None
            return Element(tag, vr.decode(), self._long.unpack(length)[0], position + 12)
        if vr in VRS:
            return Element(tag, vr.decode(), self._short.unpack_from(head, 6)[0], position + 8)
        return self._of_unknown_vr(tag, head, position)

    def _of_unknown_vr(self, tag: int, head: bytes, position: int) -> Element | None:
        """An element of no known VR: of the three places of a length, that which leads on."""
        tail = self.stream.read(4)
        choices = [
            (self._long.unpack_from(head, 4)[0], 8),
            (self._short.unpack_from(head, 6)[0], 8),
        ]
        if len(tail) == 4:
            choices.insert(0, (self._long.unpack(tail)[0], 12))
        for length, size in choices:
            element = Element(tag, "", length, position + size)
            if self._fits(element) and self._leads_on(element, 2):
                return element
        return None

    def _leads_on(self, element: Element, count: int) -> bool:
        """Whether `count` sound elements follow, or the pixel data, or the end of the stream."""
        position, tag = element.offset + element.length, element.tag
        if element.length == UNDEFINED:
            self.stream.seek(element.offset)
            return self._tag.pack(0xFFFE, 0xE000) == self.stream.read(4)
        return position == self.size or self._is_sound(position, count, tag)

    def _is_sound(self, position: int, count: int, after: int) -> bool:
        """Whether `count` elements of rising tags, known VRs and possible lengths stand here."""
        for _ in range(count):
            self.stream.seek(position)
            head = self.stream.read(8)
            if len(head) < 8 or not (self.encoding.is_implicit or head[4:6] in VRS):
                return False
            element = self.element_at(position)
            if element is None or not after < element.tag <= 0x7FE0FFFF:
                return False
            if not self._fits(element) or (
                self.encoding.is_implicit and not dictionary_has_tag(element.tag)
            ):
                return False
            if element.tag in PIXEL_BITS:
                return True
            after = element.tag
            if element.length == UNDEFINED:
                return True
            position = element.offset + element.length
            if position == self.size:
                return True
        return True

    def _fits(self, element: Element) -> bool:
        """Whether the value lies within the stream; that of cut pixel data need not."""
        end = element.offset + element.length
        return element.length == UNDEFINED or end <= self.size or element.tag in PIXEL_BITS

    def _next_sound(self, position: int) -> int | None:
        """The next place from which sound elements follow each other."""
        self.stream.seek(position)
        starts: Iterable[int]
        if self.encoding.is_implicit:
            starts = range(position, min(position + _SEARCHED_IMPLICIT, self.size), 2)
        else:
            window = read_up_to(self.stream, _SEARCHED)
            starts = (position + match.start() - 4 for match in _ANY_VR.finditer(window))
        for start in starts:
            if start >= position and self._is_sound(start, _CHAIN, 0x00020000):
                return start
        return None

    def _take(self, element: Element, found: Elements) -> int:
        """Keep an element if it is wanted, and return where the next one begins."""
        if element.tag in _DELIMITERS:  # a stray one
            is_item = element.tag == ITEM and element.length != UNDEFINED
            return element.offset + element.length if is_item else element.offset
        if element.tag in PIXEL_BITS:
            return self._take_pixels(element, found)
        if element.length == UNDEFINED:
            end = self.end_of_items(element.offset)
            if element.tag in self.wanted:
                found.add(self._sequence(element.tag, element.offset, end))
            return end
        end = element.offset + element.length
        if element.tag in self.wanted:
            if element.length > LONGEST_VALUE:
                raise DamagedImage(f"an element of the header claims {element.length} bytes")
            found.add(self._value(element, end))
        return end

    def _take_pixels(self, element: Element, found: Elements) -> int:
        """Keep pixel data without reading them; returns where they end."""
        fragments: list[Fragment] = []
        end = element.offset + element.length
        if element.length == UNDEFINED:
            fragments = fragments_of(self.stream, element.offset, self.size)
            last = fragments[-1] if fragments else Fragment(element.offset, 0, b"")
            end = last.offset + last.length
        head = (element.tag, element.vr, element.length, element.offset)
        found.pixels.append(PixelElement(*head, tuple(fragments)))
        return end

    def _value(self, element: Element, end: int) -> Value:
        """A wanted value: its bytes, or the items of a sequence."""
        self.stream.seek(element.offset)
        value = self.stream.read(element.length)
        is_sequence = value[:4] == self._tag.pack(0xFFFE, 0xE000)
        if is_sequence and element.vr in ("SQ", "UN", ""):
            return self._sequence(element.tag, element.offset, end)
        return RawDataElement(
            BaseTag(element.tag), element.vr or None, element.length, value, element.offset,
            not element.vr, self.encoding.is_little_endian,
        )  # fmt: skip

    def end_of_items(self, position: int) -> int:
        """Where an element of undefined length ends: behind its delimiter, or where items stop.

        Nested items of undefined length are entered; a wrong or missing delimiter ends what it
        must end.
        """
        levels = ["items"]  # or "item": inside one of undefined length
        readers = [self]  # items in an element of VR UN may be written in another way
        while levels and position + 8 <= self.size:
            element = readers[-1].element_at(position)
            if element is None:
                return position
            if levels[-1] == "items":
                if element.tag == ITEM and element.length == UNDEFINED:
                    levels.append("item")
                    readers.append(self._reader_of_item(element.offset))
                    position = element.offset
                elif element.tag == ITEM:
                    position = min(element.offset + element.length, self.size)
                elif element.tag == ITEM_END and self._goes_on(element.offset):
                    position = element.offset  # of an item whose length was defined
                else:
                    levels.pop()
                    is_delimiter = element.tag in (SEQUENCE_END, ITEM_END)
                    position = element.offset if is_delimiter else position
            elif element.tag in _DELIMITERS:
                levels.pop()
                readers.pop()
                position = position if element.tag == ITEM else element.offset
                if element.tag == SEQUENCE_END:
                    levels.pop()
            elif element.length == UNDEFINED:
                levels.append("items")
                position = element.offset
            else:
                position = element.offset + element.length
        return min(position, self.size)

    def _goes_on(self, position: int) -> bool:
        """Whether the sequence goes on at `position`, with an item or with its delimiter."""
        element = self.element_at(position)
        return element is not None and element.tag in (ITEM, SEQUENCE_END)

    def _reader_of_item(self, position: int) -> "ElementReader":
        """A reader of the encoding of the item that begins at `position`."""
        self.stream.seek(position)
        head = self.stream.read(6)
        is_implicit = len(head) == 6 and head[4:6] not in VRS and head[:2] != b"\xfe\xff"
        if is_implicit == self.encoding.is_implicit:
            return self
        encoding = Encoding(is_implicit, self.encoding.is_little_endian)
        return ElementReader(self.stream, encoding, self.wanted)

    def _sequence(self, tag: int, position: int, end: int) -> DataElement:
        """A sequence that is wanted: its items, each with all of its short elements."""
        items: list[Dataset] = []
        while position + 8 <= end:
            head = self.element_at(position)
            if head is None or head.tag != ITEM:
                break
            reader = self._reader_of_item(head.offset)
            last = end if head.length == UNDEFINED else min(end, head.offset + head.length)
            values, position = reader.elements_of_item(head.offset, last)
            position = position if head.length == UNDEFINED else last
            items.append(Dataset(values))
        return DataElement(BaseTag(tag), "SQ", Sequence(items))

    def elements_of_item(self, position: int, end: int) -> tuple[dict[BaseTag, Value], int]:
        """Elements between two places, and where they end; nested sequences are skipped."""
        values: dict[BaseTag, Value] = {}
        while position + 8 <= end:
            element = self.element_at(position)
            if element is None or element.tag in _DELIMITERS:
                return values, position + (8 if element else 0)
            if element.length == UNDEFINED:
                position = self.end_of_items(element.offset)
                continue
            position = element.offset + element.length
            if position <= end and element.length <= LONGEST_VALUE and element.vr != "SQ":
                values[BaseTag(element.tag)] = self._value(element, position)
        return values, position
