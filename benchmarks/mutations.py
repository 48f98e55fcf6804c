"""A seed and a number -> a file that is damaged, or made to do damage; always the same one."""

import gzip
import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fuzz_seeds import Seed

SINGLE, TWICE, MANY = 1, 2, 8  # how many changes one file gets, at most
LONGEST_BLOCK = 600
REPAIRED = 0.8  # of the files get their checksums mended, so that the damage is looked at

NUMBERS = (
    0, 1, 2, 3, 7, 8, 16, 255, 256, 4095, 32767, 32768, 46341, 60000, 65535, 65536,
           1 << 20, 1 << 24, (1 << 31) - 1, 1 << 31, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF,
)  # fmt: skip
KINDS = (
    b"OB", b"OW", b"SQ", b"UN", b"US", b"SS", b"UL", b"FD", b"DS", b"IS", b"CS", b"PN", b"UI",
         b"AT", b"UT", b"OF", b"UC", b"ZZ", b"IDAT", b"iCCP", b"zTXt", b"PLTE", b"tRNS",
)  # fmt: skip
NESTED = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Making:
    """A file on its way from `seed`."""

    dice: random.Random
    data: bytearray
    seed: Seed
    seeds: Sequence[Seed]

    def place(self) -> int:
        """Anywhere, but early more often: that is where headers are."""
        length = len(self.data) if self.dice.random() < 0.7 else min(len(self.data), 600)
        return self.dice.randrange(max(1, length))


Change = Callable[[Making], None]


def mutated(seeds: Sequence[Seed], seed: int, number: int) -> tuple[Seed, bytes]:
    """Input `number` of a run."""
    dice = random.Random(seed << 40 | number)
    kind = dice.choice(sorted({seed.kind for seed in seeds}))  # however many there are of each
    original = dice.choice([seed for seed in seeds if seed.kind == kind])
    data = bytearray(original.data)
    packed = data[:2] == b"\x1f\x8b" and dice.random() < REPAIRED
    if packed:  # damage to what is packed, not to the packing
        data = bytearray(gzip.decompress(original.data))
    making = Making(dice, data, original, seeds)
    for _ in range(dice.choice((SINGLE, SINGLE, TWICE, MANY))):
        dice.choice(CHANGES)(making)
    if dice.random() < REPAIRED:
        repair(data)
    return original, gzip.compress(data, 1, mtime=0) if packed else bytes(data)


def flip(made: Making) -> None:
    """A few bits."""
    for _ in range(made.dice.randrange(1, 9)):
        if made.data:
            made.data[made.place()] ^= 1 << made.dice.randrange(8)


def field(made: Making) -> None:
    """A length, size or kind becomes another, where the format has one."""
    if not made.seed.fields:
        return number(made)
    at, width = made.dice.choice(made.seed.fields)
    if made.dice.random() < 0.15:
        new = made.dice.choice(KINDS)[:width]
    elif made.dice.random() < 0.2:
        new = made.dice.randbytes(width)
    else:
        new = (made.dice.choice(NUMBERS) % (1 << 8 * width)).to_bytes(
            width, made.dice.choice(ORDERS)
        )
    if at + len(new) <= len(made.data):
        made.data[at : at + len(new)] = new
    return None


def number(made: Making) -> None:
    """Somewhere, a number that programs stumble over."""
    width, at = made.dice.choice((1, 2, 4, 8)), made.place()
    new = (made.dice.choice(NUMBERS) % (1 << 8 * width)).to_bytes(width, made.dice.choice(ORDERS))
    made.data[at : at + width] = new


def cut(made: Making) -> None:
    """It breaks off."""
    del made.data[made.place() :]


def remove(made: Making) -> None:
    """A block is missing."""
    at = made.place()
    del made.data[at : at + made.dice.randrange(1, LONGEST_BLOCK)]


def repeat(made: Making) -> None:
    """A block comes again, perhaps many times."""
    at = made.place()
    block = made.data[at : at + made.dice.randrange(1, LONGEST_BLOCK)]
    made.data[at:at] = block * made.dice.choice((1, 2, 50))


def noise(made: Making) -> None:
    """A block of anything, or of one letter."""
    at, length = made.place(), made.dice.randrange(1, LONGEST_BLOCK)
    block = (
        made.dice.randbytes(length)
        if made.dice.random() < 0.5
        else bytes((made.dice.randrange(256),)) * length
    )
    made.data[at : at + made.dice.choice((0, length))] = block


def splice(made: Making) -> None:
    """It goes on as another file does."""
    other = made.dice.choice(made.seeds).data
    made.data[made.place() :] = other[made.dice.randrange(len(other)) :]


def nest(made: Making) -> None:
    """Sequences within sequences, where an element begins."""
    at = made.dice.choice(made.seed.fields)[0] if made.seed.fields else made.place()
    made.data[at:at] = NESTED * made.dice.choice((1, 3, 100, 3000))


ORDERS = ("little", "big")
CHANGES: tuple[Change, ...] = (
    flip, field, field, field, field, number, number, cut, remove, repeat, noise, splice, nest,
)  # fmt: skip


def repair(data: bytearray) -> None:
    """Right checksums over wrong contents: PNG chunks, tar headers."""
    if data[:4] == b"\x89PNG":
        at = 8
        while at + 12 <= len(data):
            (length,) = struct.unpack_from(">I", data, at)
            end = at + 8 + length
            if end + 4 > len(data):
                break
            data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
            at = end + 4
    for match in list(re.finditer(rb"ustar", data)):
        at = match.start() - 257
        if at >= 0 and at + 512 <= len(data):
            data[at + 148 : at + 156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
