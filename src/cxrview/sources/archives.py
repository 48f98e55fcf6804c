"""A zip or tar archive -> its members and their places, without unpacking any."""

import struct
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from cxrview.errors import DamagedImage, TooLarge, UnsupportedImage
from cxrview.limits import Limits
from cxrview.sources.archive_members import LOCAL_HEADER, InTar, InZip
from cxrview.sources.files import FileSource, Place, Refused
from cxrview.sources.folders import looks_like_archive
from cxrview.sources.tar_headers import COMPRESSED, Headers, Measured
from cxrview.sources.tar_stream import InCompressedTar

Members = Iterator[tuple[str, Place]]

LONGEST_DIRECTORY = 1 << 29  # bytes of a zip's directory: some millions of members
_HEAD = 262  # bytes that tell the kind of an archive
_ZIPS = (b"PK\3\4", b"PK\5\6")  # the second: an empty one
_ENCRYPTED = 1  # flag bit of a zip member
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def members_of(path: str) -> Members | None:
    """The members of an archive, in its order; None for a file that is none.

    What is damaged or encrypted comes as a place that says so when it is opened. The second of two
    members of one name comes as `name::2`.
    """
    members = _members_of(path)
    return None if members is None else _told_apart(members)


def _told_apart(members: Members) -> Members:
    seen: Counter[str] = Counter()
    for name, place in members:
        seen[name] += 1
        yield name if seen[name] == 1 or not name else f"{name}::{seen[name]}", place


def _members_of(path: str) -> Members | None:
    with FileSource(path).open() as file:
        head = file.read(_HEAD)
    if head.startswith(_ZIPS):
        return _zip_members(path)
    if head[257:262] == b"ustar":
        return _tar_members(path, is_compressed=False)
    if head.startswith(COMPRESSED) and (looks_like_archive(path) or _holds_tar(path)):
        return _tar_members(path, is_compressed=True)
    return None


def _holds_tar(path: str) -> bool:
    try:
        with closing(Headers(path)) as headers:
            return headers.next() is not None
    except (DamagedImage, TooLarge, OSError):
        return False


def _zip_members(path: str) -> Members:
    try:
        with FileSource(path).open() as file:
            directory = Measured(file, LONGEST_DIRECTORY)
            members = zipfile.ZipFile(directory).infolist()
    except TooLarge as refusal:
        yield "", Refused(TooLarge, str(refusal))
        return
    except (zipfile.BadZipFile, NotImplementedError, ArithmeticError, ValueError, struct.error):
        yield "", Refused(DamagedImage, "a zip archive without a readable directory")
        return
    overlapping = _overlapping(members)
    for info in members:
        if info.filename.endswith("/"):  # is_dir() fails where there is no name
            continue
        if info.header_offset in overlapping:
            yield info.filename, Refused(DamagedImage, "members of a zip that lie on each other")
        else:
            yield info.filename, _place_in_zip(path, info)


def _overlapping(members: list[zipfile.ZipInfo]) -> set[int]:
    """Where members begin that lie on the one before them: the way to make a terabyte of a few."""
    found, end = set(), 0
    for info in sorted(members, key=lambda info: info.header_offset):
        if info.header_offset < end:
            found.add(info.header_offset)
        end = max(end, info.header_offset + LOCAL_HEADER + info.compress_size)
    return found


def _place_in_zip(path: str, info: zipfile.ZipInfo) -> Place:
    if info.flag_bits & _ENCRYPTED:
        return Refused(UnsupportedImage, "an encrypted member of a zip archive")
    if info.compress_type not in _METHODS:
        return Refused(UnsupportedImage, "a zip member of an unknown compression")
    if info.file_size > Limits().bytes:
        return Refused(TooLarge, f"a member of {info.file_size} bytes")
    return InZip(
        path, info.header_offset, info.compress_type, info.compress_size, info.file_size, info.CRC
    )


def _tar_members(path: str, *, is_compressed: bool) -> Members:
    """Headers only; of a compressed tar that is one pass through all of it."""
    try:
        with closing(Headers(path)) as headers:
            for number, info in enumerate(iter(headers.next, None)):
                if not info.isdir():
                    yield info.name, _place_in_tar(path, info, number, is_compressed=is_compressed)
    except (DamagedImage, TooLarge) as refusal:
        yield "", Refused(type(refusal), str(refusal))
    except OSError:
        yield "", Refused(DamagedImage, "the archive breaks off or is broken here")


def _place_in_tar(path: str, info: tarfile.TarInfo, number: int, *, is_compressed: bool) -> Place:
    if not info.isfile() or info.issparse():
        return Refused(UnsupportedImage, "a link, device or sparse file in an archive")
    if info.size > Limits().bytes:
        return Refused(TooLarge, f"a member of {info.size} bytes")
    if is_compressed:
        return InCompressedTar(path, number)
    return InTar(path, info.offset_data, info.size)
