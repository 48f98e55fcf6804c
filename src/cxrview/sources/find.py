"""What a person names (files, folders, globs, lists, archives, URLs) -> Items, one an image."""

import importlib
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from cxrview.errors import MissingExtra, MissingInput, Unreachable, UnsupportedImage, WrongUse
from cxrview.sources.archives import members_of
from cxrview.sources.files import FileSource, FileVersion, InMemory, Place, Refused, is_remote
from cxrview.sources.folders import companion_kind, files_in, looks_like_archive
from cxrview.sources.naming import MEMBER, exists, named, shown

_log = logging.getLogger(__name__)
_NAMED_AT_MOST = 5  # missing paths in one message


@dataclass(frozen=True, slots=True)
class Item:
    """One input that gets one row. Can be pickled and opened in another process."""

    name: str
    place: Place
    stamp: FileVersion | None = None  # of what is not on a disk, as it was listed

    def open(self) -> BinaryIO:
        """A seekable binary stream, to be closed by the caller (`with item.open() as stream`).

        Raises Unreachable, or the subclass of UnreadableImage that says what is wrong.
        """
        try:
            return self.place.open()
        except OSError as error:
            raise Unreachable(f"cannot be opened: {error.strerror or 'unknown'}") from error
        except ValueError as error:  # a zero byte in the name
            raise Unreachable("cannot be opened: not a possible name of a file") from error


def item_of_bytes(name: str, data: bytes) -> Item:
    """Bytes that are in memory, as an Item."""
    return Item(name, InMemory(data))


def find(
    inputs: Sequence[str | Path], stdin: TextIO | None = None, storage: bool = False
) -> list[Item]:
    """Name what to read -> its items, in order, each name once.

    inputs: files, folders (with all below them, sorted), globs, `@list.txt` and `-` (names, one a
    line or separated by zero bytes, in a file or on `stdin`), zip and tar archives, and single
    members of those as `archive.zip::member`; with `storage` also URLs (s3://bucket/films) of
    objects, folders and globs.

    In folders and archives, hidden files, tables, texts and DICOMDIR are passed over; how many is
    logged. Everything else becomes an item, readable or not. Raises MissingInput, before any image
    is opened, if something that was named is not there; MissingExtra, WrongUse for URLs.
    """
    paths = list(named(inputs, stdin))
    remote = _remote([path for path in paths if is_remote(path)], storage)
    missing = [path for path in paths if path not in remote and not exists(path)]
    if missing:
        raise MissingInput(_not_there(missing))
    passed_over: Counter[str] = Counter()
    items: dict[str, Item] = {}
    for path in paths:
        found = remote.get(path)
        some = _items_of(path, passed_over) if found is None else _objects(found, passed_over)
        for item in some:
            items.setdefault(item.name, item)
    if passed_over:
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(passed_over.items()))
        _log.warning("passed over beside the images: %s", counted)
    return list(items.values())


def _not_there(missing: list[str]) -> str:
    first = ", ".join(shown(path) for path in missing[:_NAMED_AT_MOST])
    more = f" and {len(missing) - _NAMED_AT_MOST} more" if len(missing) > _NAMED_AT_MOST else ""
    return f"not there: {first}{more}"


def _remote(urls: list[str], storage: bool) -> dict[str, Any]:
    if not urls:
        return {}
    if not storage:
        raise WrongUse(f"{shown(urls[0])}: only classify reads from object storage; copy it here")
    try:
        remote = importlib.import_module("cxrview.sources.remote")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{error.name} is not installed: pip install 'cxrview[remote]'"
        ) from error
    found: dict[str, Any] = remote.look_up(urls)
    return found


def _objects(found: Iterable[Any], passed_over: Counter[str]) -> Iterator[Item]:
    """What a URL stands for -> its items."""
    for one in found:
        name = one.place.url
        if one.inner and (kind := companion_kind(one.inner)):
            passed_over[kind] += 1
        elif looks_like_archive(name):
            yield Item(name, Refused(UnsupportedImage, "an archive in object storage"), one.stamp)
        else:
            yield Item(name, one.place, one.stamp)


def _items_of(path: str, passed_over: Counter[str]) -> Iterator[Item]:
    """One existing path -> its items."""
    if os.path.isdir(path):  # noqa: PTH112
        for file, error in files_in(path, passed_over):
            if error is not None:
                yield Item(file, Refused(Unreachable, f"a folder: {error.strerror}"))
            elif looks_like_archive(file):
                yield from _opened(file, passed_over)
            else:
                yield Item(file, FileSource(file))
    elif not os.path.lexists(path):
        yield _member(path)
    else:
        yield from _opened(path, passed_over)


def _opened(path: str, passed_over: Counter[str]) -> Iterator[Item]:
    """A file, or the members of the archive that it is."""
    try:
        members = members_of(path)
    except (OSError, Unreachable):
        members = None  # opening the item will say why
    if members is None:
        yield Item(path, FileSource(path))
        return
    for name, place in members:
        kind = "" if isinstance(place, Refused) else companion_kind(name)
        if kind:
            passed_over[kind] += 1
        else:
            yield Item(path + MEMBER + name if name else path, place)


def _member(path: str) -> Item:
    """`archive::member` -> that member's item."""
    archive, _, wanted = path.partition(MEMBER)
    try:
        members = members_of(archive) or iter(())
    except (OSError, Unreachable) as error:
        raise MissingInput(f"cannot be opened: {shown(archive)}") from error
    for name, place in members:
        if name == wanted:
            return Item(path, place)
    raise MissingInput(f"no such member: {shown(path)}")
