"""A zip or tar archive -> its members, without unpacking any."""

from collections import Counter
from collections.abc import Iterator

from cxrview.sources.files import FileSource, Source
from cxrview.sources.folders import looks_like_archive
from cxrview.sources.tar_archive import COMPRESSED, holds_tar, tar_members
from cxrview.sources.zip_archive import ZIPS, zip_members

HEAD = 262  # bytes that show the type of an archive


def members_of(path: str) -> Iterator[tuple[str, Source]] | None:
    """Return names and sources of the members, in the order of the archive; None if it is none.

    What is damaged or encrypted is a RefusedSource. The second of two members of one name is
    called `name::2`.
    """
    members = _members_of(path)
    return None if members is None else _unique(members)


def _members_of(path: str) -> Iterator[tuple[str, Source]] | None:
    with FileSource(path).open() as file:
        head = file.read(HEAD)
    if head.startswith(ZIPS):
        return zip_members(path)
    if head[257:262] == b"ustar":
        return tar_members(path, is_compressed=False)
    if head.startswith(COMPRESSED) and (looks_like_archive(path) or holds_tar(path)):
        return tar_members(path, is_compressed=True)
    return None


def _unique(members: Iterator[tuple[str, Source]]) -> Iterator[tuple[str, Source]]:
    """Yield the members with names that differ."""
    seen: Counter[str] = Counter()
    for name, source in members:
        seen[name] += 1
        yield name if seen[name] == 1 or not name else f"{name}::{seen[name]}", source
