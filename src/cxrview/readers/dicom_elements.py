"""The elements of a DICOM data set, one after the other, also where the data set is damaged.

Sound files need no more than `ElementReader.read` does until the pixel data. The rest continues
where other parsers stop: unknown value representations, stray or wrong delimiters, and damaged
elements, behind which it looks for a place from which three elements follow each other.
"""

import re
import struct
from collections.abc import Iterable
from os import SEEK_END
from typing import BinaryIO

from cxrview.errors import DamagedImage
from cxrview.limits import read_up_to
from cxrview.readers.dicom_dataset import (
    DataSet,
    Element,
    ElementEncoding,
    Elements,
    PixelElement,
    RawValue,
    dictionary_vr,
)
from cxrview.readers.fragments import UNDEFINED_LENGTH, Fragment, fragments_of

MAX_VALUE_BYTES = 1 << 22  # bytes of an element that is read; the longest true ones are tables
_CHAIN_LENGTH = 3  # sound elements in a row that make a place trustworthy
_MAX_RESUMPTIONS = 8  # places where the parser may lose its way before the file counts as damaged
# bytes before the damage where an element may begin: a length was a little too large
_BACK_BYTES = 6
_SEARCH_BYTES = 1 << 22  # bytes behind a damaged element in which the next sound one is looked for
_SEARCH_BYTES_IMPLICIT = 1 << 17  # the same where every even byte must be tried

PIXEL_DATA = 0x7FE00010
PIXEL_BITS = {PIXEL_DATA: 0, 0x7FE00008: 32, 0x7FE00009: 64}  # of a float sample; 0: integers

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
DELIMITERS = (ITEM, ITEM_END, SEQUENCE_END)
AFTER_PIXELS = 0xFFFA0000  # digital signatures and trailing padding

LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR",
                      b"UT", b"UV"))  # fmt: skip
VRS = LONG_VRS | frozenset(
    (b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
     b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US")
)  # fmt: skip
_ANY_VR = re.compile(b"|".join(sorted(VRS)))


def _is_standard(tag: int) -> bool:
    """Whether the dictionary of the standard has a tag; asked only in damaged data sets."""
    from pydicom.datadict import dictionary_has_tag

    return bool(dictionary_has_tag(tag))


class ElementReader:
    """Reads the wanted elements of a data set and skips all others without reading their values."""

    def __init__(self, stream: BinaryIO, encoding: ElementEncoding, wanted: frozenset[int]) -> None:
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
        found, previous = Elements(), position
        while position + 8 <= self.size and found.resumptions <= _MAX_RESUMPTIONS:
            element = self.element_at(position)
            if element is not None and self._fits(element):
                if found.pixels and element.tag not in DELIMITERS and element.tag >= AFTER_PIXELS:
                    break
                previous, position = position, self._take(element, found)
                found.extents.append((element, position))
                continue
            if found.pixels:  # what follows the pixels need not be DICOM
                break
            found.note_damage(position)
            resumed = self._next_sound(max(previous + 2, position - _BACK_BYTES))
            if resumed is None:  # the element before may claim a length that is far too large
                resumed = self._next_sound(previous + 2)
            if resumed is None:
                break
            position = previous = resumed
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
        if element.length == UNDEFINED_LENGTH:
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
                self.encoding.is_implicit and not _is_standard(element.tag)
            ):
                return False
            if element.tag in PIXEL_BITS:
                return True
            after = element.tag
            if element.length == UNDEFINED_LENGTH:
                return True
            position = element.offset + element.length
            if position == self.size:
                return True
        return True

    def _fits(self, element: Element) -> bool:
        """Whether the value lies within the stream; that of cut pixel data need not."""
        end = element.offset + element.length
        return element.length == UNDEFINED_LENGTH or end <= self.size or element.tag in PIXEL_BITS

    def _next_sound(self, position: int) -> int | None:
        """The next place from which sound elements follow each other."""
        self.stream.seek(position)
        starts: Iterable[int]
        if self.encoding.is_implicit:
            starts = range(position, min(position + _SEARCH_BYTES_IMPLICIT, self.size), 2)
        else:
            window = read_up_to(self.stream, _SEARCH_BYTES)
            starts = (position + match.start() - 4 for match in _ANY_VR.finditer(window))
        for start in starts:
            if start >= position and self._is_sound(start, _CHAIN_LENGTH, 0x00020000):
                return start
        return None

    def _take(self, element: Element, found: Elements) -> int:
        """Keep an element if it is wanted, and return where the next one begins."""
        if element.tag in DELIMITERS:  # a stray one
            is_item = element.tag == ITEM and element.length != UNDEFINED_LENGTH
            return element.offset + element.length if is_item else element.offset
        if element.tag in PIXEL_BITS:
            return self._take_pixels(element, found)
        if element.length == UNDEFINED_LENGTH:
            end, is_closed = self.end_of_items(element.offset)
            if not is_closed:  # its elements are read as if they stood outside of it
                found.note_damage(element.offset)
                return element.offset
            if element.tag in self.wanted:
                found.add(element.tag, self._sequence(element.offset, end))
            return end
        end = element.offset + element.length
        if element.tag in self.wanted:
            if element.length > MAX_VALUE_BYTES:
                raise DamagedImage(f"an element of the header claims {element.length} bytes")
            found.add(element.tag, self._value(element, end))
        return end

    def _take_pixels(self, element: Element, found: Elements) -> int:
        """Keep pixel data without reading them; returns where they end."""
        fragments: list[Fragment] = []
        end = element.offset + element.length
        if element.length == UNDEFINED_LENGTH:
            fragments = fragments_of(self.stream, element.offset, self.size)
            last = fragments[-1] if fragments else Fragment(element.offset, 0, b"")
            end = last.offset + last.length
        head = (element.tag, element.vr, element.length, element.offset)
        found.pixels.append(PixelElement(*head, tuple(fragments)))
        return end

    def _value(self, element: Element, end: int) -> RawValue:
        """A wanted value: its bytes, or the items of a sequence."""
        self.stream.seek(element.offset)
        data = self.stream.read(element.length)
        vr = element.vr if element.vr not in ("", "UN") else dictionary_vr(element.tag)
        if vr == "SQ" and data[:4] == self._tag.pack(0xFFFE, 0xE000):
            return self._sequence(element.offset, end)
        return RawValue(vr, data)

    def end_of_items(self, position: int) -> tuple[int, bool]:
        """Where an element of undefined length ends, and whether it ends before the stream does.

        It ends behind its delimiter, or where items stop. Nested items of undefined length are
        entered; a wrong or missing delimiter ends what it must end.
        """
        levels = ["items"]  # or "item": inside one of undefined length
        readers = [self]  # items in an element of VR UN may be written in another way
        while levels and position + 8 <= self.size:
            element = readers[-1].element_at(position)
            if element is None:
                return position, True
            if levels[-1] == "items":
                if element.tag == ITEM and element.length == UNDEFINED_LENGTH:
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
            elif element.tag in DELIMITERS:
                levels.pop()
                readers.pop()
                position = position if element.tag == ITEM else element.offset
                if element.tag == SEQUENCE_END:
                    levels.pop()
            elif element.length == UNDEFINED_LENGTH:
                levels.append("items")
                position = element.offset
            else:
                position = element.offset + element.length
        return min(position, self.size), not levels

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
        encoding = ElementEncoding(is_implicit, self.encoding.is_little_endian)
        return ElementReader(self.stream, encoding, self.wanted)

    def _sequence(self, position: int, end: int) -> RawValue:
        """A sequence that is wanted: its items, each with all of its short elements."""
        items: list[DataSet] = []
        while position + 8 <= end:
            head = self.element_at(position)
            if head is None or head.tag != ITEM:
                break
            reader = self._reader_of_item(head.offset)
            last = end if head.length == UNDEFINED_LENGTH else min(end, head.offset + head.length)
            values, position = reader.elements_of_item(head.offset, last)
            position = position if head.length == UNDEFINED_LENGTH else last
            items.append(DataSet(values, self.encoding.is_little_endian))
        return RawValue("SQ", b"", tuple(items))

    def elements_of_item(self, position: int, end: int) -> tuple[dict[int, RawValue], int]:
        """Elements between two places, and where they end; nested sequences are skipped."""
        values: dict[int, RawValue] = {}
        while position + 8 <= end:
            element = self.element_at(position)
            if element is None or element.tag in DELIMITERS:
                return values, position + (8 if element else 0)
            if element.length == UNDEFINED_LENGTH:
                position, _ = self.end_of_items(element.offset)
                continue
            position = element.offset + element.length
            if position <= end and element.length <= MAX_VALUE_BYTES and element.vr != "SQ":
                values[element.tag] = self._value(element, position)
        return values, position
