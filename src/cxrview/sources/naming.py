"""What a person names -> paths: lists are read, patterns are looked up, URLs stay."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from cxrview.errors import MissingInput
from cxrview.sources.files import is_remote

MEMBER = "::"  # between the name of an archive and that of its member


def named(inputs: Sequence[str | Path], stdin: TextIO | None) -> Iterator[str]:
    """Inputs -> paths: lists are read, globs are expanded."""
    for given in inputs:
        text = os.fspath(given)
        if text == "-" and stdin is not None:
            yield from _lines(getattr(stdin, "buffer", stdin).read())
        elif text.startswith("@") and not os.path.lexists(text):
            yield from _lines(_list(text[1:]))
        elif glob.has_magic(text) and not exists(text) and not is_remote(text):
            found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - odd bytes, order
            if not found:
                raise MissingInput(f"nothing matches {shown(text)}")
            yield from found
        else:
            yield text


def _list(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise MissingInput(f"the list {shown(path)}: {error.strerror}") from error


def _lines(names: bytes | str) -> Iterator[str]:
    """Names separated by zero bytes, if there are any, else by line ends; empty ones are none."""
    text = (names if isinstance(names, str) else os.fsdecode(names)).removeprefix("\ufeff")
    if "\0" in text:
        separated: Iterable[str] = text.split("\0")
    else:
        separated = (line.removesuffix("\r") for line in text.split("\n"))
    yield from filter(None, separated)


def exists(path: str) -> bool:
    """It is there, if only as a link to nowhere (that gets a row), or a member of what is."""
    if "\0" in path:
        return False
    archive, _, member = path.partition(MEMBER)
    return os.path.lexists(path) or bool(member and os.path.isfile(archive))  # noqa: PTH113


def shown(path: str) -> str:
    """A path for a message: on one line, and printable whatever its bytes."""
    return repr(os.fsencode(path).decode("utf-8", "backslashreplace"))
