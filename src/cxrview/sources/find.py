"""Inputs (files, folders, globs, lists, archives, URLs) -> Items, one for each image."""

import contextlib
import glob
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from cxrview.csv_text import UTF_16
from cxrview.errors import (
    MissingInput,
    MissingObject,
    TooLarge,
    UnlistedFolder,
    Unreachable,
    UnsupportedImage,
    WrongUse,
)
from cxrview.extras import missing_extra
from cxrview.limits import ARCHIVE_HEAD_BYTES
from cxrview.sources.files import (
    MEMBER_SEPARATOR,
    BytesSource,
    FileSource,
    FileVersion,
    RefusedSource,
    Source,
    is_remote,
    unpack_gzip,
)
from cxrview.sources.folders import companion_kind, files_in, looks_like_archive
from cxrview.sources.tar_archive import COMPRESSED_SIGNATURES, contains_tar, tar_members
from cxrview.sources.zip_archive import ZIP_SIGNATURES, zip_members

MAX_LISTED_PATHS = 5  # missing paths in one message
# Group 1: what may be shown. Not a port (host:80/a@b), nor github://owner:repository@branch.
_URL_WITH_PASSWORD = re.compile(r"((?!github:)[^/]+://(?!\[)[^/:@]*:(?!\d+/)).+@")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """One input, which gets one row. Can be pickled and opened in another process."""

    name: str
    source: Source
    version: FileVersion | None = None  # of a remote object, as it was listed

    def open(self) -> BinaryIO:
        """Return a seekable binary stream, to be closed by the caller; gzip files are unpacked.

        Raises Unreachable, or the subclass of UnreadableImage that states what is wrong.
        """
        stream = self.open_stored()
        try:
            return unpack_gzip(stream)
        except OSError as error:
            stream.close()
            raise Unreachable(f"cannot be read: {error.strerror or 'unknown'}") from error

    def open_stored(self) -> BinaryIO:
        """Return the bytes as they are stored, also those of a gzip file. Raises as `open`."""
        try:
            return self.source.open()
        except OSError as error:
            raise Unreachable(f"cannot be opened: {error.strerror or 'unknown'}") from error
        except ValueError as error:  # a zero byte in the name
            raise Unreachable("cannot be opened: not a possible file name") from error


@dataclass(frozen=True, slots=True)
class Found:
    """The items of all inputs, in order, each name once.

    roots: the inputs that contain them: folders, archives, URLs, also those from lists and globs.
    """

    items: list[Item]
    roots: list[str]


def item_of_bytes(name: str, data: bytes) -> Item:
    """Return bytes in memory as an Item."""
    return Item(name, BytesSource(data))


def find(
    inputs: Sequence[str | Path], stdin: TextIO | None = None, storage: bool = False
) -> list[Item]:
    """Return the items of all inputs, in order, each name once; see `find_with_roots`."""
    return find_with_roots(inputs, stdin, storage).items


def find_with_roots(
    inputs: Sequence[str | Path], stdin: TextIO | None = None, storage: bool = False
) -> Found:
    """Find the items of all inputs, and the inputs that contain them.

    inputs: files, folders (with everything below, sorted), globs, `@list.txt` and `-` (names, one
    a line or separated by zero bytes, in a file or on `stdin`), zip and tar archives, and single
    members of those as `archive.zip::member`; with `storage` also URLs (s3://bucket/folder) of
    objects, folders and globs. An archive is known by its content if it is an input, and by the
    ending of its name in folders, lists and globs, so that not all files there are opened.

    Companions of images in folders and archives are skipped, see `folders.py`; their number is
    logged. Everything else becomes an item, readable or not. Raises MissingInput, before any image
    is opened, if an input does not exist; MissingExtra or WrongUse for URLs.
    """
    paths: list[str] = []
    named: set[str] = set()  # paths that are inputs themselves, not from a list or glob
    for one in inputs:
        listed = _expand(os.fspath(one), stdin)
        if listed is None:
            named.add(os.fspath(one))
        paths += [os.fspath(one)] if listed is None else listed
    remote = _look_up_urls([path for path in paths if is_remote(path)], storage)
    _check_exist(path for path in paths if path not in remote)
    skipped: Counter[str] = Counter()
    items: dict[str, Item] = {}
    members = lru_cache(maxsize=4)(_members_by_name)  # a list may name many of one archive
    real_paths = lru_cache(lambda: frozenset(map(os.path.realpath, paths)))  # if they are needed
    for path in paths:
        if path in remote:
            some = _remote_items(remote[path], skipped)
        elif not os.path.lexists(path):
            some = iter([_member_item(path, members)])
        else:
            some = _items_of(path, path in named, skipped, real_paths)
        for item in some:
            items.setdefault(item.name, item)
    if skipped:
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(skipped.items()))
        _log.warning("skipped: %s", counted)
    return Found(list(items.values()), [path for path in paths if path not in items])


def items_named(names: Iterable[str]) -> dict[str, Item]:
    """Return the items of a table by their names there, without those that no longer exist.

    Raises MissingInput where a storage cannot be listed.
    """
    items, containers = {}, []
    for name in dict.fromkeys(names):
        archive, separator, _ = name.partition(MEMBER_SEPARATOR)
        if is_remote(name):
            containers.append(name)
        elif os.path.isfile(name):  # noqa: PTH113 - odd bytes
            items[name] = Item(name, FileSource(name))
        elif separator and os.path.isfile(archive):  # noqa: PTH113
            containers.append(archive)
    found: list[Item] = []
    unique = list(dict.fromkeys(containers))
    try:
        found = find(unique, storage=True) if unique else []
    except MissingObject:  # at least one: look at each alone
        for one in unique:
            with contextlib.suppress(MissingObject):
                found += find([one], storage=True)
    return items | {item.name: item for item in found}


def split_name(name: str) -> tuple[str, str]:
    """Return the file or URL of an item, and the name of the member if that is an archive.

    `::` may also be part of the name of a file, as long as that exists.
    """
    if MEMBER_SEPARATOR not in name or is_remote(name) or os.path.lexists(name):
        return name, ""
    archive, _, member = name.partition(MEMBER_SEPARATOR)
    return archive, member


def quoted_path(path: str) -> str:
    """Return a path for a message: quoted, on one line, and printable whatever its bytes."""
    return repr(os.fsencode(path).decode("utf-8", "backslashreplace"))


def _expand(text: str, stdin: TextIO | None) -> Iterable[str] | None:
    """Return the names in a list, or the matches of a glob; None for any other input."""
    if text == "-" and stdin is not None:
        return _names_in(getattr(stdin, "buffer", stdin).read())
    if text.startswith("@") and not os.path.lexists(text):
        try:
            names = Path(text[1:]).read_bytes()
        except (OSError, ValueError) as error:
            cause = error.strerror if isinstance(error, OSError) else error
            raise MissingInput(f"the list {quoted_path(text[1:])}: {cause}") from error
        return _names_in(names)
    if glob.has_magic(text) and not _exists(text) and not is_remote(text):
        found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - odd bytes, order
        if not found:
            raise MissingInput(f"nothing matches {quoted_path(text)}")
        return found
    return None


def _names_in(names: bytes | str) -> Iterator[str]:
    """Yield the names of a list, separated by zero bytes if there are any, else by line ends."""
    text = (names if isinstance(names, str) else _decode_list(names)).removeprefix("\ufeff")
    if "\0" in text:
        separated: Iterable[str] = text.split("\0")
    else:
        separated = (line.removesuffix("\r") for line in text.split("\n"))
    yield from filter(None, separated)


def _decode_list(names: bytes) -> str:
    """Decode UTF-16 with its byte order mark, as Windows writes it; else bytes of file names."""
    if names.startswith(UTF_16) and b"\0" in names:  # else a name that starts with these bytes
        with contextlib.suppress(UnicodeDecodeError):
            return names.decode("utf-16")
    if names[1::2].count(0) == len(names) // 2 > 1 and b"\n\0" in names:
        raise WrongUse("a list in UTF-16 without a byte order mark: save it as UTF-8")
    return os.fsdecode(names)


def _check_exist(paths: Iterable[str]) -> None:
    """Raise MissingInput with the first paths that are not there."""
    missing = [path for path in paths if not _exists(path)]
    if missing:
        more = len(missing) - MAX_LISTED_PATHS
        first = ", ".join(quoted_path(path) for path in missing[:MAX_LISTED_PATHS])
        raise MissingInput(f"not there: {first}" + (f" and {more} more" if more > 0 else ""))


def _exists(path: str) -> bool:
    """Whether a path exists, if only as a dead link (which gets a row), or its archive does."""
    if "\0" in path:
        return False
    archive, _, member = path.partition(MEMBER_SEPARATOR)
    return os.path.lexists(path) or bool(member and os.path.isfile(archive))  # noqa: PTH113


def _look_up_urls(urls: list[str], storage: bool) -> dict[str, Any]:
    if not urls:
        return {}
    for url in urls:
        if found := _URL_WITH_PASSWORD.match(url):
            raise WrongUse(
                f"{found[1]}***: a URL with a password, which the table would show: give it in the "
                "configuration of fsspec, such as FSSPEC_FTP_PASSWORD"
            )
    if not storage:
        raise WrongUse(f"{quoted_path(urls[0])}: only classify reads from object storage; copy it")
    try:
        from cxrview.sources.remote import look_up
    except ModuleNotFoundError as error:
        raise missing_extra(error, "remote") from error
    return look_up(urls)


def _remote_items(found: Iterable[Any], skipped: Counter[str]) -> Iterator[Item]:
    """Yield the items of a URL."""
    for one in found:
        name = one.source.url
        if one.inner_path and (kind := companion_kind(one.inner_path)):
            skipped[kind] += 1
        elif not one.has_url:
            reason = "an object whose name cannot be a part of its URL"
            yield Item(name, RefusedSource(UnsupportedImage, reason), one.version)
        elif looks_like_archive(name):
            reason = "an archive in object storage"
            yield Item(name, RefusedSource(UnsupportedImage, reason), one.version)
        else:
            yield Item(name, one.source, one.version)


def _items_of(
    path: str, is_named: bool, skipped: Counter[str], real_paths: Callable[[], frozenset[str]]
) -> Iterator[Item]:
    """Yield the items of an existing path. is_named: it is an input itself."""
    if os.path.isdir(path):  # noqa: PTH112
        for file, error in files_in(path, skipped, real_paths):
            if error is not None:
                reason = f"cannot be listed: {error.strerror}"
                yield Item(file, RefusedSource(UnlistedFolder, reason))
            elif looks_like_archive(file):
                yield from _file_or_members(file, skipped)
            else:
                yield Item(file, FileSource(file))
    elif is_named or looks_like_archive(path):
        yield from _file_or_members(path, skipped)
    else:
        yield Item(path, FileSource(path))


def _file_or_members(path: str, skipped: Counter[str]) -> Iterator[Item]:
    """Yield a file, or the members of the archive that it is."""
    try:
        found = members_of(path)
        members = None if found is None else list(found)
    except (OSError, Unreachable):
        members = None  # opening the item will state why
    except MemoryError:
        reason = "an archive with more members than fit into memory"
        members = [("", RefusedSource(TooLarge, reason))]
    if members is None:
        yield Item(path, FileSource(path))
        return
    for name, source in members:
        kind = "" if isinstance(source, RefusedSource) else companion_kind(name)
        if kind:
            skipped[kind] += 1
        else:
            yield Item(path + MEMBER_SEPARATOR + name if name else path, source)


def _members_by_name(archive: str) -> dict[str, Source]:
    try:
        return dict(members_of(archive) or ())
    except (OSError, Unreachable) as error:
        raise MissingInput(f"cannot be opened: {quoted_path(archive)}") from error


def _member_item(path: str, members: Callable[[str], dict[str, Source]]) -> Item:
    """Return the item of `archive::member`. members: of an archive, by name."""
    archive, _, wanted = path.partition(MEMBER_SEPARATOR)
    source = members(archive).get(wanted)
    if source is None:
        raise MissingInput(f"no such member: {quoted_path(path)}")
    return Item(path, source)


def members_of(path: str) -> Iterator[tuple[str, Source]] | None:
    """Return names and sources of the members, in the order of the archive; None if it is none.

    What is damaged or encrypted is a RefusedSource. The second of two members of one name is
    called `name::2`.
    """
    members = _members_by_signature(path)
    return None if members is None else _with_unique_names(members)


def _members_by_signature(path: str) -> Iterator[tuple[str, Source]] | None:
    with FileSource(path).open() as file:
        head = file.read(ARCHIVE_HEAD_BYTES)
    if head.startswith(ZIP_SIGNATURES):
        return zip_members(path)
    if head[257:262] == b"ustar":
        return tar_members(path, is_compressed=False)
    if head.startswith(COMPRESSED_SIGNATURES) and (looks_like_archive(path) or contains_tar(path)):
        return tar_members(path, is_compressed=True)
    return None


def _with_unique_names(members: Iterator[tuple[str, Source]]) -> Iterator[tuple[str, Source]]:
    """Yield the members with names that differ."""
    seen: Counter[str] = Counter()
    for name, source in members:
        seen[name] += 1
        yield name if seen[name] == 1 or not name else f"{name}::{seen[name]}", source
