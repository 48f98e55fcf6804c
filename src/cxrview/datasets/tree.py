"""A folder -> the files in it and below, to be looked up by place or by bare name."""

import os
from collections import Counter
from pathlib import Path

from cxrview.errors import MissingInput
from cxrview.sources.folders import files_in, is_companion


class Tree:
    """All files below a root, walked once: a look-up touches no disc.

    files: paths relative to the root, with slashes. refused: folders that could not be read, and
    why. Tables, texts and hidden files are left out.
    """

    def __init__(self, root: Path) -> None:
        """Walk it; MissingInput if there is no such folder."""
        if not os.path.isdir(root):  # noqa: PTH112 - is_dir raises for long names
            raise MissingInput(f"{root}: no such folder")
        self.files: dict[str, None] = {}  # a set that keeps the order
        self.refused: list[tuple[str, str]] = []
        self._named: dict[str, str | None] | None = None
        start = len(os.path.join(root, ""))  # noqa: PTH118
        for path, error in files_in(str(root), Counter()):
            if error is not None:
                self.refused.append((path[start:], f"a folder: {error.strerror}"))
            elif not (path.endswith(".gz") and is_companion(path.removesuffix(".gz"))):
                self.files[path[start:]] = None

    def find(self, places: tuple[str, ...]) -> str | None:
        """The first place where a file lies; else the only file of that name, in any folder."""
        for place in places:
            if place in self.files:
                return place
        return self._by_name().get(places[-1]) if "/" not in places[-1] else None

    def _by_name(self) -> dict[str, str | None]:
        """Name -> path; None where several folders hold one of that name."""
        if self._named is None:
            self._named = {}
            for path in self.files:
                name = path.rpartition("/")[2]
                self._named[name] = None if name in self._named else path
        return self._named
