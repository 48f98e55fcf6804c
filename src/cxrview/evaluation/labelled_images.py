"""A label table, or a public collection in its folder -> the labelled images to evaluate."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from cxrview.csv_text import read_table
from cxrview.datasets.catalogue import list_collection
from cxrview.datasets.listing import CollectionListing, ListedImage, ProblemKind
from cxrview.datasets.public_collections import COLLECTIONS
from cxrview.engines.local import engine_for
from cxrview.engines.outcomes import ObservedEngine
from cxrview.errors import MissingInput, WrongUse
from cxrview.evaluation.results import CollectionSummary
from cxrview.filenames import escape_name
from cxrview.labels import OTHER, UNKNOWN, Label, read_labels
from cxrview.report.content import count_text
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.views import View

MAX_LISTED_NAMES = 5  # missing files in one message, and original views of left-out images
PROBLEM_MEANINGS = {
    ProblemKind.MISSING: "named in the index, but not on disk",
    ProblemKind.UNREADABLE: "a header or folder that cannot be read",
    ProblemKind.REPEATED: "named several times with different views",
    ProblemKind.UNNAMED: "on disk, but not in the index",
    ProblemKind.NO_DICOM: "no DICOM file",
    ProblemKind.NO_PIXELS: "a DICOM file without an image",
}

# (number of images) -> a context whose value is called after each image
Progress = Callable[[int], AbstractContextManager[Callable[..., object]]]


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Labels of both views, and the folder that their files are relative to."""

    labels: Sequence[Label]
    folder: Path
    sha256: str  # of the label table; of a collection: of the files and views that it lists
    collection: CollectionSummary | None = None  # None for a label table

    def path_of(self, label: Label) -> Path:
        """Path of a labelled file."""
        return self.folder / label.file

    def items(self) -> list[Item]:
        """Each labelled file, under the name that its label has."""
        return [Item(one.file, FileSource(str(self.path_of(one)))) for one in self.labels]


def read_label_table(path: Path, must_exist: bool) -> LabelledImages:
    """Read a label table.

    Raises WrongUse for a folder or a single view, and MissingInput for missing files if they
    must exist.
    """
    if path.is_dir():
        raise WrongUse(
            f"{path} is a folder: name a label table, or the collection in it with --dataset "
            "(folders: by its subfolders frontal and lateral; dicom: by the headers)"
        )
    labels = read_labels(path)
    _check_views(labels, path)
    if must_exist:
        check_files(path, ((label.line, label.file) for label in labels))
    return LabelledImages(labels, path.parent, hashlib.sha256(path.read_bytes()).hexdigest())


def read_collection(name: str, root: Path, jobs: int | None, progress: Progress) -> LabelledImages:
    """List the collection in the folder `root`; its frontal and lateral images get labels.

    Raises WrongUse for an unknown name or a single view, MissingInput for a root or index that is
    not there.
    """
    # The key of the pseudonyms in `dicom` is not stored.
    engine = ObservedEngine(engine_for(jobs), lambda _, total: progress(total), "")
    listing = list_collection(name, root, secrets.token_bytes(32), engine)
    labels = [_label(one, name) for one in listing.images if one.view not in (OTHER, UNKNOWN)]
    if not labels:
        raise WrongUse(f"{root}: no image of {name} is stated to be frontal or lateral")
    _check_views(labels, root)
    lines = "".join(f"{label.file}\0{label.view}\n" for label in labels)
    digest = hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
    return LabelledImages(labels, root, digest, _summary(name, listing))


def _label(image: ListedImage, source: str) -> Label:
    patient = image.patient or f"file {image.file}"
    view = View(image.view)
    return Label(image.file, view, patient, source, original_view=image.original_view)


def _summary(name: str, listing: CollectionListing) -> CollectionSummary:
    words = listing.other_views()
    commonest = ", ".join(escape_name(word) for word, _ in words.most_common(MAX_LISTED_NAMES))
    left_out = {
        f"neither frontal nor lateral ({commonest})": words.total(),
        "no view stated": sum(one.view == UNKNOWN for one in listing.images),
        **{PROBLEM_MEANINGS[kind]: count for kind, count in listing.problem_kinds().items()},
    }
    public = COLLECTIONS.get(name)  # None for `folders` and `dicom`
    return CollectionSummary(
        name=name,
        title=public.title if public else name,
        citation=public.citation if public else "",
        terms=public.terms if public else "",
        left_out={reason: count for reason, count in left_out.items() if count},
        is_complete=listing.is_complete,
    )


def _check_views(labels: Sequence[Label], where: Path) -> None:
    views = {label.view for label in labels}
    if len(views) == 1:
        raise WrongUse(f"{where}: all labels are {views.pop()}; both views are needed")


def check_files(table: Path, files: Iterable[tuple[int, str]]) -> None:
    """Raise MissingInput, with lines and names, where files of a table do not exist.

    files: (line, name from the table's folder) of each.
    """
    rows = list(files)
    missing = [(line, name) for line, name in rows if not _exists(table.parent / name)]
    if not missing:
        return
    listed = [f"  line {line}: {escape_name(name)}" for line, name in missing[:MAX_LISTED_NAMES]]
    if len(missing) > MAX_LISTED_NAMES:
        listed.append(f"  ... and {len(missing) - MAX_LISTED_NAMES:,} more")
    what = f"{table}: not there: {len(missing):,} of {count_text(len(rows), 'file')}"
    raise MissingInput("\n".join([what, *listed]))


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class NegativeImages:
    """Images that are no chest radiographs, and the kind of each ("" where it is not stated)."""

    items: Sequence[Item] = field(default_factory=tuple)
    kinds: Sequence[str] = field(default_factory=tuple)


def read_negative_table(path: Path) -> NegativeImages:
    """Read a table with a column `file`, relative to its folder, and perhaps a column `kind`.

    Raises MissingInput, also for files that do not exist, or WrongUse.
    """
    lines = list(read_table(path, ("file",), lower_case=True))
    if not lines:
        raise WrongUse(f"{path}: the table has no rows")
    check_files(path, ((line, row["file"]) for line, row in lines))
    rows = [row for _, row in lines]
    items = [Item(row["file"], FileSource(str(path.parent / row["file"]))) for row in rows]
    return NegativeImages(items, [row.get("kind", "").strip() for row in rows])
