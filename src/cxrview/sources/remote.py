"""URLs -> their objects, in any storage that fsspec and its file systems can access."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from glob import has_magic
from io import BytesIO
from typing import Any, BinaryIO

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from cxrview.errors import MissingExtra, MissingInput, MissingObject, Unreachable
from cxrview.limits import Limits, check_bytes
from cxrview.sources.files import FileVersion

CONCURRENT_LOOKUPS = 32  # URLs that are looked up at a time, since each waits for the network
# Attributes of an object that change with its contents, the most reliable first.
VERSION_ATTRIBUTES = (
    "ETag", "etag", "md5Hash", "content_md5", "generation", "LastModified", "last_modified",
    "updated", "mtime", "created",
)  # fmt: skip
UNKNOWN_SIZE = -1


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """An object in a storage. size: bytes, as it was listed, or UNKNOWN_SIZE."""

    url: str
    size: int

    def open(self) -> BinaryIO:
        """Return all its bytes, fetched at once. Raises Unreachable or TooLarge."""
        check_bytes(self.size, Limits())
        try:
            data = self._fetch()
        except Exception as error:  # each storage has its own; messages may contain keys
            raise Unreachable(f"cannot be fetched: {_cause(error)}") from error
        check_bytes(len(data), Limits())
        return BytesIO(data)

    def _fetch(self) -> bytes:
        files, path = url_to_fs(self.url)
        if self.size != UNKNOWN_SIZE:
            return bytes(files.cat_file(path))
        with files.open(path, "rb") as file:
            return bytes(file.read(Limits().bytes + 1))


@dataclass(frozen=True, slots=True)
class FoundObject:
    """A listed object. inner_path: below the folder of the URL, empty for the URL itself."""

    source: RemoteObject
    version: FileVersion
    inner_path: str = ""


def look_up(urls: Sequence[str]) -> dict[str, list[FoundObject]]:
    """Return the objects of each URL, sorted: itself, all below a folder, or the matches of a glob.

    Raises MissingObject where there are none, MissingInput where they cannot be listed,
    MissingExtra where the file system of a storage is not installed.
    """
    with ThreadPoolExecutor(CONCURRENT_LOOKUPS) as pool:
        return dict(zip(urls, pool.map(_look_up_one, urls), strict=True))


def _look_up_one(url: str) -> list[FoundObject]:
    try:
        files, path = url_to_fs(url)
        files.invalidate_cache()  # an earlier listing may be out of date
        found = list(_list_objects(files, path))
        files.invalidate_cache()  # frees a kilobyte for each object
    except ImportError as error:
        raise MissingExtra(f"{url}: {error}") from error
    except FileNotFoundError as error:
        raise MissingObject(f"not there: {url}") from error
    except Exception as error:
        raise MissingInput(
            f"{url} cannot be listed: {str(error).strip() or _cause(error)}"
        ) from error
    return found


def _list_objects(files: AbstractFileSystem, path: str) -> Iterator[FoundObject]:
    try:
        infos = {path: files.info(path)}
    except FileNotFoundError:
        infos = files.glob(path, detail=True) if has_magic(path) else {}
        if not infos:
            raise
    for name, info in sorted(infos.items()):
        if info["type"] != "directory":
            yield _found_object(files, name, info)
            continue
        inside = files.find(name, detail=True)
        for inner, one in sorted(inside.items()):
            if one["type"] != "directory":
                yield _found_object(files, inner, one, inner.removeprefix(name).lstrip("/"))


def _found_object(
    files: AbstractFileSystem, path: str, info: dict[str, Any], inner_path: str = ""
) -> FoundObject:
    size = info.get("size")
    size = UNKNOWN_SIZE if size is None else int(size)
    state = next((str(info[name]) for name in VERSION_ATTRIBUTES if info.get(name)), "")
    digits = hashlib.sha256(state.encode()).hexdigest()[:15]  # fits into a 64-bit integer
    url = files.unstrip_protocol(path)
    return FoundObject(RemoteObject(url, size), (size, int(digits, 16)), inner_path)


def _cause(error: Exception) -> str:
    """Return what happened, without the message of the storage."""
    text = error.strerror if isinstance(error, OSError) else None
    return text or type(error).__name__
