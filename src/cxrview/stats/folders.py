"""File names with their verdicts -> counts by folder, at the level where the paths part."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cxrview.errors import WrongUse

DEEPEST = 32  # levels that are looked at
FEW = 20  # folders that a person reads
MOST = 2_000  # folders of a level that are counted, unless it was asked for
MOST_ASKED = 100_000  # of the level that was asked for
MEMBER = "::"  # an archive is the folder of its members

Kind = tuple[str, str]  # verdict ("" for none), agreement
Kinds = Counter[Kind]


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in one folder and below it."""

    name: str  # below `Level.inside`
    rows: int
    verdicts: dict[str, int]  # "" counts the unreadable
    agreements: dict[str, int]  # of those with a verdict

    @property
    def compared(self) -> int:
        """Rows in which verdict and header both have an opinion."""
        return self.agreements.get("agree", 0) + self.agreements.get("conflict", 0)


@dataclass(frozen=True, slots=True)
class Level:
    """The folders at one level of the paths."""

    depth: int
    inside: str  # the folder that holds them all, "" for none
    folders: tuple[Folder, ...]


class FolderCount:
    """Counts at every level that has few folders; a level with many is given up on the way."""

    def __init__(self, depth: int | None = None) -> None:
        self._asked = depth
        depths = range(1, DEEPEST + 1) if depth is None else (depth,)
        self._levels: dict[int, dict[tuple[str, ...], Kinds]] = {number: {} for number in depths}

    def add(self, files: Iterable[str], kinds: Iterable[Kind]) -> None:
        """Take some more files into account."""
        deepest = max(self._levels, default=0)
        places = (folders_of(file, deepest) for file in files)
        for (parts, kind), count in Counter(zip(places, kinds, strict=True)).items():
            for depth, level in tuple(self._levels.items()):
                found = level.get(parts[:depth])
                if found is None:
                    found = self._open(depth, parts[:depth])
                if found is None:
                    break
                found[kind] += count

    def _open(self, depth: int, parts: tuple[str, ...]) -> Kinds | None:
        """One folder more, or None: with one too many, its level and all below are forgotten."""
        level = self._levels[depth]
        if len(level) < (MOST if self._asked is None else MOST_ASKED):
            return level.setdefault(parts, Counter())
        if self._asked is not None:
            raise WrongUse(f"--depth {depth} gives more than {MOST_ASKED:,} folders: take a lower")
        self._levels = {one: known for one, known in self._levels.items() if one < depth}
        return None

    def level(self) -> Level | None:
        """The one that was asked for; else the first that parts into 2 to FEW, else into 2 or more.

        None where everything lies in one folder, or parts at once into more than MOST.
        """
        if self._asked is not None:
            return _level(self._asked, self._levels[self._asked])
        parted = [(depth, level) for depth, level in self._levels.items() if len(level) > 1]
        few = [(depth, level) for depth, level in parted if len(level) <= FEW]
        return _level(*(few or parted)[0]) if parted else None


def folders_of(file: str, deepest: int) -> tuple[str, ...]:
    """The first folders of a path, at most `deepest`; a leading slash belongs to the first."""
    parts = file.replace(MEMBER, "/").split("/", deepest + 1)[:-1]
    if parts and not parts[0]:
        parts[:2] = ["/" + "".join(parts[1:2])]
    return tuple(parts[:deepest])


def _level(depth: int, found: dict[tuple[str, ...], Kinds]) -> Level:
    shared = _shared(list(found))
    folders = (_folder("/".join(parts[shared:]) or ".", found[parts]) for parts in sorted(found))
    inside = "/".join(next(iter(found))[:shared]) if found else ""
    return Level(depth, inside, tuple(folders))


def _shared(paths: list[tuple[str, ...]]) -> int:
    """How many folders all paths begin with, but for the last of each, which tells them apart."""
    shortest = min(map(len, paths), default=0)
    same = (len({parts[place] for parts in paths}) == 1 for place in range(shortest))
    count = next((place for place, is_same in enumerate(same) if not is_same), shortest)
    return min(count, max(map(len, paths), default=1) - 1)


def _folder(name: str, kinds: Kinds) -> Folder:
    verdicts: Counter[str] = Counter()
    agreements: Counter[str] = Counter()
    for (verdict, agreement), count in kinds.items():
        verdicts[verdict] += count
        if verdict:
            agreements[agreement] += count
    return Folder(name, kinds.total(), dict(verdicts), dict(agreements))
