"""What a person names (files, folders, globs, lists, archives) -> Items, one for each image."""

import glob
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from cxrview.errors import MissingInput, Unreachable
from cxrview.readers.archives import members_of
from cxrview.readers.folders import files_in, is_companion, kind_of, looks_like_archive
from cxrview.readers.places import InMemory, OnDisc, Place, Refused

MEMBER = "::"  # between the name of an archive and that of its member

_log = logging.getLogger(__name__)
_NAMED_AT_MOST = 5  # missing paths in one message


@dataclass(frozen=True, slots=True)
class Item:
    """One input that gets one row. Can be pickled and opened in another process."""

    name: str
    place: Place

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


def find(inputs: Sequence[str | Path], stdin: TextIO | None = None) -> list[Item]:
    """Name what to read -> its items, in order, each name once.

    inputs: files, folders (with all below them, sorted), globs, `@list.txt` and `-` (names, one a
    line or separated by zero bytes, in a file or on `stdin`), zip and tar archives, and single
    members of those as `archive.zip::member`.

    In folders and archives, hidden files, tables, texts and DICOMDIR are passed over; how many is
    logged. Everything else becomes an item, readable or not. Raises MissingInput, before any image
    is opened, if something that was named is not there.
    """
    named = list(_named(inputs, stdin))
    missing = [path for path in named if not _exists(path)]
    if missing:
        raise MissingInput(_not_there(missing))
    passed_over: Counter[str] = Counter()
    items: dict[str, Item] = {}
    for path in named:
        for item in _items_of(path, passed_over):
            items.setdefault(item.name, item)
    if passed_over:
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(passed_over.items()))
        _log.warning("passed over beside the images: %s", counted)
    return list(items.values())


def _named(inputs: Sequence[str | Path], stdin: TextIO | None) -> Iterator[str]:
    """Inputs -> paths: lists are read, globs are expanded."""
    for given in inputs:
        text = os.fspath(given)
        if text == "-" and stdin is not None:
            yield from _lines(getattr(stdin, "buffer", stdin).read())
        elif text.startswith("@") and not os.path.lexists(text):
            yield from _lines(_list(text[1:]))
        elif glob.has_magic(text) and not _exists(text):
            found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - odd bytes, order
            if not found:
                raise MissingInput(f"nothing matches {_shown(text)}")
            yield from found
        else:
            yield text


def _list(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise MissingInput(f"the list {_shown(path)}: {error.strerror}") from error


def _lines(names: bytes | str) -> Iterator[str]:
    """Names separated by zero bytes, if there are any, else by line ends; empty ones are none."""
    text = (names if isinstance(names, str) else os.fsdecode(names)).removeprefix("\ufeff")
    if "\0" in text:
        separated: Iterable[str] = text.split("\0")
    else:
        separated = (line.removesuffix("\r") for line in text.split("\n"))
    yield from filter(None, separated)


def _exists(path: str) -> bool:
    """It is there, if only as a link to nowhere (that gets a row), or a member of what is."""
    if "\0" in path:
        return False
    archive, _, member = path.partition(MEMBER)
    return os.path.lexists(path) or bool(member and os.path.isfile(archive))  # noqa: PTH113


def _shown(path: str) -> str:
    """A path for a message: on one line, and printable whatever its bytes."""
    return repr(os.fsencode(path).decode("utf-8", "backslashreplace"))


def _not_there(missing: list[str]) -> str:
    shown = ", ".join(_shown(path) for path in missing[:_NAMED_AT_MOST])
    more = f" and {len(missing) - _NAMED_AT_MOST} more" if len(missing) > _NAMED_AT_MOST else ""
    return f"not there: {shown}{more}"


def _items_of(path: str, passed_over: Counter[str]) -> Iterator[Item]:
    """One existing path -> its items."""
    if os.path.isdir(path):  # noqa: PTH112
        for file, error in files_in(path, passed_over):
            if error is not None:
                yield Item(file, Refused(Unreachable, f"a folder: {error.strerror}"))
            elif looks_like_archive(file):
                yield from _opened(file, passed_over)
            else:
                yield Item(file, OnDisc(file))
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
        yield Item(path, OnDisc(path))
        return
    for name, place in members:
        if is_companion(name) and not isinstance(place, Refused):
            passed_over[kind_of(name.rsplit("/", 1)[-1])] += 1
        else:
            yield Item(path + MEMBER + name if name else path, place)


def _member(path: str) -> Item:
    """`archive::member` -> that member's item."""
    archive, _, wanted = path.partition(MEMBER)
    try:
        members = members_of(archive) or iter(())
    except (OSError, Unreachable) as error:
        raise MissingInput(f"cannot be opened: {_shown(archive)}") from error
    for name, place in members:
        if name == wanted:
            return Item(path, place)
    raise MissingInput(f"no such member: {_shown(path)}")
