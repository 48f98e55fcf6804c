"""File names with their verdicts -> counts by folder, at the level where the paths differ."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cxrview.errors import WrongUse
from cxrview.sources.files import MEMBER_SEPARATOR

MAX_DEPTH = 32  # levels that are examined
MAX_FOLDERS = 2_000  # of a level that is counted without --depth
MAX_FOLDERS_AT_DEPTH = 100_000  # of the level that --depth names

Kind = tuple[str, str]  # verdict ("" for none), agreement


@dataclass(frozen=True, slots=True)
class Folder:
    """Counts of one folder and everything below it."""

    name: str  # relative to `FolderLevel.inside`
    rows: int
    verdicts: dict[str, int]  # "" counts the unreadable
    agreements: dict[str, int]  # of those with a verdict

    @property
    def conflicts(self) -> int:
        """Rows in which the header contradicts the verdict."""
        return self.agreements.get("conflict", 0)

    @property
    def compared(self) -> int:
        """Rows in which both the verdict and the header name a view."""
        return self.agreements.get("agree", 0) + self.conflicts


@dataclass(frozen=True, slots=True)
class FolderLevel:
    """The folders at one level of the paths."""

    depth: int
    inside: str  # the folder that contains them all, "" for none
    folders: tuple[Folder, ...]


class FolderCounter:
    """Counts at every level with few folders; a level with too many is dropped on the way."""

    def __init__(self, depth: int | None = None) -> None:
        self._depth = depth
        depths = range(1, MAX_DEPTH + 1) if depth is None else (depth,)
        self._levels: dict[int, dict[tuple[str, ...], Counter[Kind]]] = {n: {} for n in depths}

    def add(self, files: Iterable[str], kinds: Iterable[Kind]) -> None:
        """Count more files."""
        deepest = max(self._levels, default=0)
        folders = (folders_of(file, deepest) for file in files)
        for (parts, kind), count in Counter(zip(folders, kinds, strict=True)).items():
            for depth, level in tuple(self._levels.items()):
                counts = level.get(parts[:depth])
                if counts is None:
                    counts = self._add_folder(depth, parts[:depth])
                if counts is None:
                    break
                counts[kind] += count

    def _add_folder(self, depth: int, parts: tuple[str, ...]) -> Counter[Kind] | None:
        """Add a folder; None if its level has too many, which drops it and all levels below."""
        level = self._levels[depth]
        if len(level) < (MAX_FOLDERS if self._depth is None else MAX_FOLDERS_AT_DEPTH):
            return level.setdefault(parts, Counter())
        if self._depth is not None:
            limit = f"{MAX_FOLDERS_AT_DEPTH:,} folders: use a smaller depth"
            raise WrongUse(f"--depth {depth} gives more than {limit}")
        self._levels = {n: known for n, known in self._levels.items() if n < depth}
        return None

    def level(self) -> FolderLevel | None:
        """The level of --depth; else the first with several folders, None if there is none."""
        if self._depth is not None:
            return _level(self._depth, self._levels[self._depth])
        several = (_level(depth, level) for depth, level in self._levels.items() if len(level) > 1)
        return next(several, None)


def folders_of(file: str, deepest: int) -> tuple[str, ...]:
    """The first folders of a path, at most `deepest`; a leading slash belongs to the first.

    An archive counts as the folder of its members.
    """
    parts = file.replace(MEMBER_SEPARATOR, "/").split("/", deepest + 1)[:-1]
    if parts and not parts[0]:
        parts[:2] = ["/" + "".join(parts[1:2])]
    return tuple(parts[:deepest])


def _level(depth: int, counts: dict[tuple[str, ...], Counter[Kind]]) -> FolderLevel:
    shared = _shared_parts(list(counts))
    folders = (_folder("/".join(parts[shared:]) or ".", counts[parts]) for parts in sorted(counts))
    inside = "/".join(next(iter(counts))[:shared]) if counts else ""
    return FolderLevel(depth, inside, tuple(folders))


def _shared_parts(paths: list[tuple[str, ...]]) -> int:
    """Number of folders that all paths begin with, without the last of each."""
    shortest = min(map(len, paths), default=0)
    same = (len({parts[n] for parts in paths}) == 1 for n in range(shortest))
    count = next((n for n, is_same in enumerate(same) if not is_same), shortest)
    return min(count, max(map(len, paths), default=1) - 1)


def _folder(name: str, kinds: Counter[Kind]) -> Folder:
    verdicts: Counter[str] = Counter()
    agreements: Counter[str] = Counter()
    for (verdict, agreement), count in kinds.items():
        verdicts[verdict] += count
        if verdict:
            agreements[agreement] += count
    return Folder(name, kinds.total(), dict(verdicts), dict(agreements))
