"""A collection by name and its root folder -> the listing of its images and problems."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from cxrview.datasets.headers import HeaderLabel, complete_entry, header_labels
from cxrview.datasets.listing import CollectionListing, ListedImage, ProblemKind
from cxrview.datasets.public_collections import (
    COLLECTIONS,
    Collection,
    Entry,
    Index,
    entries_in,
    find_index,
)
from cxrview.engines.outcomes import Engine
from cxrview.errors import MissingInput, WrongUse
from cxrview.sources.folders import files_in
from cxrview.views import View

_KIND_BY_ERROR_CODE = {"unknown_format": ProblemKind.NO_DICOM, "no_pixels": ProblemKind.NO_PIXELS}


class FileTree:
    """All files below a root, listed once: a look-up does not access the disk.

    files: paths relative to the root, with slashes. unreadable: folders that could not be read,
    and why. Tables, texts and hidden files are left out.
    """

    def __init__(self, root: Path, includes_copies: bool = False) -> None:
        """Raises MissingInput. includes_copies: also of files in the tree, see `files_in`."""
        if not os.path.isdir(root):  # noqa: PTH112 - is_dir raises for long names
            raise MissingInput(f"{root}: no such folder")
        self.files: dict[str, None] = {}  # an ordered set
        self.unreadable: list[tuple[str, str]] = []
        self._by_suffix: dict[int, dict[str, str | None]] = {}
        start = len(os.path.join(root, ""))  # noqa: PTH118
        for path, error in files_in(str(root), Counter(), includes_copies=includes_copies):
            if error is None:
                self.files[path[start:]] = None
            else:
                self.unreadable.append((path[start:], f"a folder: {error.strerror}"))

    def find(self, places: tuple[str, ...]) -> str | None:
        """Return the first place where a file lies; else the only file that ends in the last one.

        A path ends in `p1/s1/v.jpg` if its last three parts are these. Returns None if there is no
        such file or more than one.
        """
        for place in places:
            if place in self.files:
                return place
        return self._suffixes(places[-1].count("/") + 1).get(places[-1])

    def _suffixes(self, length: int) -> dict[str, str | None]:
        """Return the last `length` parts -> path; None where several paths share them."""
        if length not in self._by_suffix:
            found: dict[str, str | None] = {}
            for path in self.files:
                suffix = "/".join(path.split("/")[-length:])
                found[suffix] = None if suffix in found else path
            self._by_suffix[length] = found
        return self._by_suffix[length]


def list_collection(name: str, root: Path, key: bytes, engine: Engine) -> CollectionListing:
    """Return the listing of a collection, by name, that lies in the folder `root`.

    key: for the pseudonyms of patients in `dicom`. Raises WrongUse for an unknown name or an index
    that is no such table, MissingInput for a root or index that is not there.
    """
    if name in COLLECTIONS:
        return _list_indexed(COLLECTIONS[name], root, engine)
    if name not in UNINDEXED_LISTERS:
        raise WrongUse(f"no collection {name!r}: {', '.join(COLLECTION_NAMES)}")
    # in sorted folders a person may have corrected the view
    tree = FileTree(root, includes_copies=name == "folders")
    listing = _new_listing(tree)
    UNINDEXED_LISTERS[name](tree, root, key, engine, listing)
    return listing


def _new_listing(tree: FileTree) -> CollectionListing:
    listing = CollectionListing()
    for folder, reason in tree.unreadable:
        listing.add_problem(ProblemKind.UNREADABLE, folder, reason)
    return listing


def _list_indexed(collection: Collection, root: Path, engine: Engine) -> CollectionListing:
    """List the images that an index names."""
    if not os.path.isdir(root):  # noqa: PTH112 - is_dir raises for long names
        raise MissingInput(f"{root}: no such folder")
    index, files = find_index(root, collection.indices)
    entries = [entry for file in files for entry in entries_in(file, index)]
    if not entries:
        raise WrongUse(f"{files[0]}: the index has no rows")
    tree = FileTree(root)
    listing = _new_listing(tree)
    found = _find_files(entries, tree, listing)
    if index.needs_headers:
        found = _complete_from_headers(found, root, engine, listing)
    for file, entry in found.items():
        listing.images.append(ListedImage(file, entry.view, entry.patient, entry.original_view))
    _add_unnamed(tree, index, listing)
    return listing


def _find_files(
    entries: Iterable[Entry], tree: FileTree, listing: CollectionListing
) -> dict[str, Entry]:
    """Return file -> its first entry: VinDr-CXR has one entry for each reader.

    A file whose entries contradict each other in the view is a problem, and left out.
    """
    found: dict[str, Entry] = {}
    missing: set[str] = set()
    contradictory: dict[str, Entry] = {}  # file -> the first entry with another view
    for entry in entries:
        file = tree.find(entry.places)
        if file is None:
            if entry.places[0] not in missing:
                listing.add_problem(ProblemKind.MISSING, entry.places[0], "named in the index")
                missing.add(entry.places[0])
        elif found.setdefault(file, entry).view != entry.view:
            contradictory.setdefault(file, entry)
    for file, entry in contradictory.items():
        views = f"{found.pop(file).original_view!r}, then {entry.original_view!r}"
        listing.add_problem(ProblemKind.REPEATED, file, f"named twice: {views}")
    return found


def _complete_from_headers(
    found: dict[str, Entry], root: Path, engine: Engine, listing: CollectionListing
) -> dict[str, Entry]:
    """Return the entries completed by the headers of their files, without unreadable ones."""
    labels = header_labels((os.path.join(root, file) for file in found), b"", engine)  # noqa: PTH118
    complete = {}
    for (file, entry), label in zip(found.items(), labels, strict=True):
        if label.problem:
            listing.add_problem(ProblemKind.UNREADABLE, file, label.problem)
        else:
            complete[file] = complete_entry(entry, label)
    return complete


def _add_unnamed(tree: FileTree, index: Index, listing: CollectionListing) -> None:
    """Add the files that are on disk and not in the index."""
    named = {image.file for image in listing.images}
    named.update(problem.file for problem in listing.problems)
    for file in tree.files:
        if file not in named:
            reason = f"not in {', '.join(index.patterns)}"
            listing.add_problem(ProblemKind.UNNAMED, file, reason)


def _list_folders(
    tree: FileTree, root: Path, key: bytes, engine: Engine, listing: CollectionListing
) -> None:
    """List images sorted by hand: all files in and below frontal/ and lateral/."""
    del key, engine  # the files are not opened
    if not any((root / view).is_dir() for view in View):
        raise MissingInput(f"{root}: looked for the folders {', '.join(View)}")
    for file in tree.files:
        folder = file.partition("/")[0]
        if folder in set(View) and "/" in file:
            listing.images.append(ListedImage(file, folder, "", folder))
        else:
            reason = f"in neither of {', '.join(View)}"
            listing.add_problem(ProblemKind.UNNAMED, file, reason)


def _list_dicom(
    tree: FileTree, root: Path, key: bytes, engine: Engine, listing: CollectionListing
) -> None:
    """List any tree of DICOM files, with the views stated in their headers."""
    labels = header_labels((os.path.join(root, file) for file in tree.files), key, engine)  # noqa: PTH118
    for file, label in zip(tree.files, labels, strict=True):
        _add_labelled(file, label, listing)


def _add_labelled(file: str, label: HeaderLabel, listing: CollectionListing) -> None:
    if label.problem:
        kind = _KIND_BY_ERROR_CODE.get(label.code, ProblemKind.UNREADABLE)
        listing.add_problem(kind, file, label.problem)
    else:
        listing.images.append(ListedImage(file, label.view, label.patient, label.original_view))


Lister = Callable[[FileTree, Path, bytes, Engine, CollectionListing], None]
UNINDEXED_LISTERS: dict[str, Lister] = {"folders": _list_folders, "dicom": _list_dicom}
COLLECTION_NAMES = (*COLLECTIONS, *UNINDEXED_LISTERS)
