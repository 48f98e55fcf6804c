"""Name of an item -> the names that its link or copy may have in a sorted folder, and its key."""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePath

from cxrview.sources.files import MEMBER_SEPARATOR, is_remote
from cxrview.sources.find import split_name
from cxrview.views import Verdict

# bytes; file systems allow names of 255, and a turned copy may get a further suffix
MAX_NAME_BYTES, MAX_STEM_BYTES, MAX_SUFFIX_BYTES = 250, 170, 40
_REPEATED = re.compile(rf"(.+){MEMBER_SEPARATOR}([0-9]+)", re.DOTALL)  # see `members_of`


def names_for(name: str, roots: AbstractSet[str] | None = None) -> tuple[str, ...]:
    """Where an item goes below its verdict: one path, and two with a hash for when that is taken.

    Among 35,000 files of one name, two had the same short hash; then the long one serves.

    roots: see `roots_of`: they start the tree to be kept; None: only the name of the file is kept.
    """
    file, member = split_name(name)
    repeated = _REPEATED.fullmatch(member)
    path = PurePath((repeated[1] if repeated else member or file).replace("\0", "_"))
    stem, suffix = _split_suffix(path.name)
    short = os.fsdecode(os.fsencode(stem)[:MAX_STEM_BYTES])
    digits = path_hash(name)
    first = f"{short}-{repeated[2]}{suffix}" if repeated else path.name
    suffix = suffix if len(os.fsencode(suffix)) <= MAX_SUFFIX_BYTES else ""
    hashed = (f"{short}-{part}{suffix}" for part in (digits[:8], digits))
    names = (*([first] if len(os.fsencode(first)) <= MAX_NAME_BYTES else []), *hashed)
    if roots is None:
        return names
    tree = tree_of(name, roots)
    return tuple(os.path.join(tree, one) for one in names)  # noqa: PTH118 - odd names


def _split_suffix(name: str) -> tuple[str, str]:
    """A name -> stem and suffix; that of a packed file consists of both of its suffixes."""
    path = PurePath(name)
    if path.suffix.lower() != ".gz":
        return path.stem, path.suffix
    inner = PurePath(path.stem)
    return inner.stem, inner.suffix + path.suffix


def turned_names(names: Sequence[str], suffix: str) -> tuple[str, ...]:
    """The names of turned copies, which are not packed; suffix: "" to leave theirs."""
    plain = (name[:-3] if name.lower().endswith(".gz") else name for name in names)
    return tuple(
        os.path.splitext(name)[0] + suffix if suffix else name  # noqa: PTH122 - odd names
        for name in plain
    )


def tree_of(name: str, roots: AbstractSet[str]) -> str:
    """The folders of an item below the root that it is in, else below the current folder or /."""
    file, member = split_name(name)
    full, key, current = absolute(file), file_key(file), absolute(".")
    starts = (key[: end.start()] for end in reversed([*re.finditer("/", key)]))  # innermost first
    inside = (one for one in starts if one in roots)
    start = next(inside, current if full.startswith(current + "/") else "") or "/"
    path = os.path.relpath(full, start) + ("/" + member.replace("\0", "_") if member else "")
    return "/".join(part for part in path.split("/")[:-1] if part not in ("", ".", ".."))


def roots_of(inputs: Iterable[str]) -> frozenset[str]:
    """The absolute paths and URLs of inputs, without `/` at their ends, for `is_below`."""
    return frozenset((path if is_remote(path) else absolute(path)).rstrip("/") for path in inputs)


def path_hash(name: str) -> str:
    """32 hexadecimal digits from the absolute path: no other path has them."""
    return hashlib.sha256(os.fsencode(file_key(name))).hexdigest()[:32]


def file_key(name: str) -> str:
    """The absolute name of an item, by which one file is known under all its relative names.

    That of a member of an archive stays: `b/../c` and `c` are two members.
    """
    if is_remote(name):
        return name
    file, separator, member = name.partition(MEMBER_SEPARATOR)
    folder, last = os.path.split(file)
    return os.path.join(absolute(folder), last) + separator + member  # noqa: PTH118 - odd names


def table_name(table: Path | None, folder: Path) -> str:
    """The path of a table from the sorted folder on, which stays when both are moved; "": none."""
    return os.path.relpath(os.path.realpath(table), os.path.realpath(folder)) if table else ""


def places_named(names: Sequence[str]) -> list[str]:
    """The places in all folders that have one of these names."""
    return [f"{view}/{name}" for view in Verdict for name in names]


def folder_of(name: str) -> str:
    """The folder from which the name of an item leads to it; "" for absolute paths and URLs."""
    is_absolute = is_remote(name) or name.startswith("/")
    return "" if is_absolute else absolute(".")


def absolute(name: str) -> str:
    """The absolute path: a link must not depend on the folder that it is in."""
    return os.path.abspath(name)  # noqa: PTH100 - resolve() would follow the user's own links
