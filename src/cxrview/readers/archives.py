"""A zip or tar archive -> its members and their places, without unpacking any."""

import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing

from cxrview.errors import DamagedImage, TooLarge, UnsupportedImage
from cxrview.readers.folders import looks_like_archive
from cxrview.readers.limits import Limits
from cxrview.readers.places import InTar, InZip, OnDisc, Place, Refused
from cxrview.readers.tar_stream import BROKEN, InCompressedTar, Strict

Members = Iterator[tuple[str, Place]]

_HEAD = 262  # bytes that tell the kind of an archive
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")  # gzip, bzip2, xz
_ZIPS = (b"PK\3\4", b"PK\5\6")  # the second: an empty one
_ENCRYPTED = 1  # flag bit of a zip member
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def members_of(path: str) -> Members | None:
    """The members of an archive, in its order; None for a file that is none.

    What is damaged or encrypted comes as a place that says so when it is opened.
    """
    with OnDisc(path).open() as file:
        head = file.read(_HEAD)
    if head.startswith(_ZIPS):
        return _zip_members(path)
    if head[257:262] == b"ustar":
        return _tar_members(path, "r:")
    if head.startswith(_COMPRESSED) and (looks_like_archive(path) or _holds_tar(path)):
        return _tar_members(path, "r|*")
    return None


def _holds_tar(path: str) -> bool:
    try:
        with tarfile.open(path, "r|*") as tar:
            return tar.next() is not None
    except (*BROKEN, OSError):
        return False


def _zip_members(path: str) -> Members:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        yield "", Refused(DamagedImage, "a zip archive without a readable directory")
        return
    with closing(archive):
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, _place_in_zip(path, info)


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


def _tar_members(path: str, mode: str) -> Members:
    """Headers only; of a compressed tar that is one pass through all of it."""
    number = 0
    try:
        with tarfile.open(path, mode, tarinfo=Strict) as tar:  # type: ignore[call-overload]
            while (info := tar.next()) is not None:
                tar.members.clear()
                if not info.isdir():
                    yield info.name, _place_in_tar(path, info, number, is_stream="|" in mode)
                number += 1
    except (*BROKEN, OSError):
        yield "", Refused(DamagedImage, "the archive breaks off or is broken here")


def _place_in_tar(path: str, info: tarfile.TarInfo, number: int, *, is_stream: bool) -> Place:
    if not info.isfile() or info.issparse():
        return Refused(UnsupportedImage, "a link, device or sparse file in an archive")
    if info.size > Limits().bytes:
        return Refused(TooLarge, f"a member of {info.size} bytes")
    return InCompressedTar(path, number) if is_stream else InTar(path, info.offset_data, info.size)
