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
from cxrview.sources.files import UNKNOWN_STATE, FileVersion

CONCURRENT_LOOKUPS = 32  # URLs that are looked up at a time, since each waits for the network
# Attributes of an object that change with its contents, the most reliable first.
VERSION_ATTRIBUTES = (
    "ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "Digest", "sha", "generation",
    "LastModified", "Last-Modified", "last_modified", "updated", "modified", "modify",
    "modificationTime", "last_write_time", "mtime", "created",
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
    """A listed object. inner_path: below the folder of the URL, empty for the URL itself.

    has_url: whether the URL of `source` leads to it; else it cannot be fetched.
    """

    source: RemoteObject
    version: FileVersion
    inner_path: str = ""
    has_url: bool = True


def look_up(urls: Sequence[str]) -> dict[str, list[FoundObject]]:
    """Return the objects of each URL, sorted: itself, all below a folder, or the matches of a glob.

    Raises MissingObject where there are none, MissingInput where they cannot be listed or none has
    a URL of its own, MissingExtra where the file system of a storage is not installed.
    """
    with ThreadPoolExecutor(CONCURRENT_LOOKUPS) as pool:
        return dict(zip(urls, pool.map(_look_up_one, urls), strict=True))


def _look_up_one(url: str) -> list[FoundObject]:
    try:
        files, path = url_to_fs(url)
        files.invalidate_cache()  # an earlier listing may be out of date
        found = list(_list_objects(files, path, url))
        files.invalidate_cache()  # frees a kilobyte for each object
    except ImportError as error:
        raise MissingExtra(f"{url}: {error}") from error
    except FileNotFoundError as error:
        raise MissingObject(f"not there: {url}") from error
    except Exception as error:
        raise MissingInput(
            f"{url} cannot be listed: {str(error).strip() or _cause(error)}"
        ) from error
    if found and not any(one.has_url for one in found):
        raise MissingInput(f"{url}: no URL leads to single objects of this storage: copy them")
    return found


def _list_objects(files: AbstractFileSystem, path: str, url: str) -> Iterator[FoundObject]:
    """Yield the objects at or below `path`, to which `url` leads; not markers of empty folders."""
    try:
        infos = {path: files.info(path)}
    except FileNotFoundError:
        infos = files.glob(path, detail=True) if has_magic(path) else {}
        if not infos:
            raise
    for name, info in sorted(infos.items()):
        is_folder = info["type"] == "directory"
        inside = files.find(name, detail=True) if is_folder else {name: info}
        for inner, one in sorted(inside.items()):
            is_marker = inner.endswith("/") and inner != path  # as the consoles of S3 make them
            if one["type"] != "directory" and not is_marker:
                own_url, size = _url_of(files, inner, path, url), _size_of(one)
                source = RemoteObject(own_url or files.unstrip_protocol(inner), size)
                inner_path = inner.removeprefix(name).lstrip("/")
                version = size, _state_of(one)
                yield FoundObject(source, version, inner_path, own_url is not None)


def _url_of(files: AbstractFileSystem, path: str, start: str, url: str) -> str | None:
    """Return a URL that leads to the object `path`, found by `url`, which leads to `start`.

    The file systems of FTP, HDFS and GitHub leave host and user out of their own URLs: these are
    taken from `url`. None where no URL leads back, as to a member of an archive, or to an object
    with `::` in its name, which would be read as two URLs.
    """
    if "::" in url + path:
        return None
    host = url.rstrip("/").removesuffix(start)
    below = f"{url.rstrip('/')}/{path.removeprefix(start).lstrip('/')}".rstrip("/")
    wanted = path, _leads_to(files, url)[1]
    candidates = (files.unstrip_protocol(path), below, host + path, f"{host}/{path}")
    return next((one for one in candidates if _leads_to(files, one) == wanted), None)


def _leads_to(files: AbstractFileSystem, url: str) -> tuple[str, dict[str, Any]]:
    """Return the path of a URL, and what it says about the storage: its host, user or account."""
    # Not private: this is what fsspec asks of the authors of file systems.
    path, storage = files._strip_protocol(url), files._get_kwargs_from_urls(url)  # noqa: SLF001
    parts_of_path = ("url_query", "url_fragment")  # after ? and #
    return str(path), {name: storage[name] for name in storage if name not in parts_of_path}


def _size_of(info: dict[str, Any]) -> int:
    size = info.get("size")
    return UNKNOWN_SIZE if size is None else int(size)


def _state_of(info: dict[str, Any]) -> int:
    """Return a number that changes with the contents; UNKNOWN_STATE where nothing tells."""
    state = next((str(info[name]) for name in VERSION_ATTRIBUTES if info.get(name)), None)
    if state is None:
        return UNKNOWN_STATE
    digits = hashlib.sha256(state.encode()).hexdigest()[:15]  # fits into a 64-bit integer
    return int(digits, 16)


def _cause(error: Exception) -> str:
    """Return what happened, without the message of the storage."""
    text = error.strerror if isinstance(error, OSError) else None
    return text or type(error).__name__
