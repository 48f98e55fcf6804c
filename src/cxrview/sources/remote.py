"""URLs -> the objects behind them, in any storage that fsspec and its file systems reach."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from glob import has_magic
from io import BytesIO
from typing import Any, BinaryIO

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from cxrview.errors import MissingExtra, MissingInput, Unreachable
from cxrview.limits import Limits, check_bytes
from cxrview.sources.files import FileVersion

AT_ONCE = 32  # URLs that are asked after at a time: each is a journey
# What storages call the state of an object, the surest first.
MARKS = ("ETag", "etag", "md5Hash", "content_md5", "generation", "LastModified", "last_modified",
         "updated", "mtime", "created")  # fmt: skip
UNSAID = -1  # the size, where a storage does not say


@dataclass(frozen=True, slots=True)
class Remote:
    """An object. size: bytes, as it was listed, or UNSAID."""

    url: str
    size: int

    def open(self) -> BinaryIO:
        """All its bytes, fetched at once; raises Unreachable, TooLarge."""
        check_bytes(self.size, Limits())
        try:
            data = self._fetched()
        except Exception as error:  # each storage has its own; their words may hold keys
            raise Unreachable(f"cannot be fetched: {_words(error)}") from error
        check_bytes(len(data), Limits())
        return BytesIO(data)

    def _fetched(self) -> bytes:
        files, path = url_to_fs(self.url)
        if self.size != UNSAID:
            return bytes(files.cat_file(path))
        with files.open(path, "rb") as file:
            return bytes(file.read(Limits().bytes + 1))


@dataclass(frozen=True, slots=True)
class Found:
    """An object of a listing. inner: its path below the folder that was named, else empty."""

    place: Remote
    stamp: FileVersion
    inner: str = ""


def look_up(urls: Sequence[str]) -> dict[str, list[Found]]:
    """What each URL stands for: an object, all below a folder, or what matches a pattern; sorted.

    Raises MissingInput where there is nothing or it cannot be listed, MissingExtra where the file
    system of a storage is not installed.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(urls, pool.map(_found_at, urls), strict=True))


def _found_at(url: str) -> list[Found]:
    try:
        files, path = url_to_fs(url)
        files.invalidate_cache()  # what an earlier listing saw may have changed since
        found = list(_listed(files, path))
        files.invalidate_cache()  # a kilobyte an object
    except ImportError as error:
        raise MissingExtra(f"{url}: {error}") from error
    except FileNotFoundError as error:
        raise MissingInput(f"not there: {url}") from error
    except Exception as error:
        raise MissingInput(
            f"{url} cannot be listed: {str(error).strip() or _words(error)}"
        ) from error
    return found


def _listed(files: AbstractFileSystem, path: str) -> Iterator[Found]:
    try:
        infos = {path: files.info(path)}
    except FileNotFoundError:
        infos = files.glob(path, detail=True) if has_magic(path) else {}
        if not infos:
            raise
    for name, info in sorted(infos.items()):
        if info["type"] != "directory":
            yield _found(files, name, info)
            continue
        inside = files.find(name, detail=True)
        for inner, one in sorted(inside.items()):
            if one["type"] != "directory":
                yield _found(files, inner, one, inner.removeprefix(name).lstrip("/"))


def _found(files: AbstractFileSystem, path: str, info: dict[str, Any], inner: str = "") -> Found:
    size = info.get("size")
    size = UNSAID if size is None else int(size)
    mark = next((str(info[name]) for name in MARKS if info.get(name)), "")
    digits = hashlib.sha256(mark.encode()).hexdigest()[:15]  # a number that a table can hold
    url = files.unstrip_protocol(path)
    return Found(Remote(url, size), (size, int(digits, 16)), inner)


def _words(error: Exception) -> str:
    """What happened, without the words of a storage."""
    said = error.strerror if isinstance(error, OSError) else None
    return said or type(error).__name__
