"""A seed and a number -> a damaged or hostile file; the same numbers give the same file."""

import gzip
import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fuzz_seeds import Seed

SINGLE, TWICE, MANY = 1, 2, 8  # number of changes to one file
LONGEST_BLOCK = 600
REPAIRED = 0.8  # fraction whose checksums are corrected, so that readers get past them

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
class Draft:
    """A copy of the file `seed` that is being changed."""

    rng: random.Random
    data: bytearray
    seed: Seed
    seeds: Sequence[Seed]

    def place(self) -> int:
        """Return a random position, more often an early one, where headers are."""
        length = len(self.data) if self.rng.random() < 0.7 else min(len(self.data), 600)
        return self.rng.randrange(max(1, length))


Change = Callable[[Draft], None]


def mutated(seeds: Sequence[Seed], seed: int, number: int) -> tuple[Seed, bytes]:
    """Return the original of input `number` of a run, and the input."""
    rng = random.Random(seed << 40 | number)
    kind = rng.choice(sorted({seed.kind for seed in seeds}))  # all kinds are equally likely
    original = rng.choice([seed for seed in seeds if seed.kind == kind])
    data = bytearray(original.data)
    packed = data[:2] == b"\x1f\x8b" and rng.random() < REPAIRED
    if packed:  # change the contents, not the compression
        data = bytearray(gzip.decompress(original.data))
    draft = Draft(rng, data, original, seeds)
    for _ in range(rng.choice((SINGLE, SINGLE, TWICE, MANY))):
        rng.choice(CHANGES)(draft)
    if rng.random() < REPAIRED:
        repair(data)
    return original, gzip.compress(data, 1, mtime=0) if packed else bytes(data)


def flip(draft: Draft) -> None:
    """Flip a few bits."""
    for _ in range(draft.rng.randrange(1, 9)):
        if draft.data:
            draft.data[draft.place()] ^= 1 << draft.rng.randrange(8)


def field(draft: Draft) -> None:
    """Change a length, size or type, where the format stores one."""
    if not draft.seed.fields:
        return number(draft)
    at, width = draft.rng.choice(draft.seed.fields)
    if draft.rng.random() < 0.15:
        new = draft.rng.choice(KINDS)[:width]
    elif draft.rng.random() < 0.2:
        new = draft.rng.randbytes(width)
    else:
        new = (draft.rng.choice(NUMBERS) % (1 << 8 * width)).to_bytes(
            width, draft.rng.choice(ORDERS)
        )
    if at + len(new) <= len(draft.data):
        draft.data[at : at + len(new)] = new
    return None


def number(draft: Draft) -> None:
    """Write a number that often causes overflows to a random position."""
    width, at = draft.rng.choice((1, 2, 4, 8)), draft.place()
    new = (draft.rng.choice(NUMBERS) % (1 << 8 * width)).to_bytes(width, draft.rng.choice(ORDERS))
    draft.data[at : at + width] = new


def cut(draft: Draft) -> None:
    """Truncate the file."""
    del draft.data[draft.place() :]


def remove(draft: Draft) -> None:
    """Remove a block."""
    at = draft.place()
    del draft.data[at : at + draft.rng.randrange(1, LONGEST_BLOCK)]


def repeat(draft: Draft) -> None:
    """Repeat a block, up to 50 times."""
    at = draft.place()
    block = draft.data[at : at + draft.rng.randrange(1, LONGEST_BLOCK)]
    draft.data[at:at] = block * draft.rng.choice((1, 2, 50))


def noise(draft: Draft) -> None:
    """Insert or write a block of random bytes, or of one byte."""
    at, length = draft.place(), draft.rng.randrange(1, LONGEST_BLOCK)
    block = (
        draft.rng.randbytes(length)
        if draft.rng.random() < 0.5
        else bytes((draft.rng.randrange(256),)) * length
    )
    draft.data[at : at + draft.rng.choice((0, length))] = block


def splice(draft: Draft) -> None:
    """Continue with the end of another file."""
    other = draft.rng.choice(draft.seeds).data
    draft.data[draft.place() :] = other[draft.rng.randrange(len(other)) :]


def nest(draft: Draft) -> None:
    """Insert nested DICOM sequences at the start of an element."""
    at = draft.rng.choice(draft.seed.fields)[0] if draft.seed.fields else draft.place()
    draft.data[at:at] = NESTED * draft.rng.choice((1, 3, 100, 3000))


ORDERS = ("little", "big")
CHANGES: tuple[Change, ...] = (
    flip, field, field, field, field, number, number, cut, remove, repeat, noise, splice, nest,
)  # fmt: skip


def repair(data: bytearray) -> None:
    """Correct the checksums of PNG chunks and tar headers in place."""
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
