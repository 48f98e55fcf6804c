"""cxrview: frontal or lateral, for every chest X-ray in a collection.

    import cxrview

    for row in cxrview.classify("studies/"):       # a folder, files, archives; many processes
        print(row.file, row.view, row.p_lateral, row.agreement)

    model = cxrview.load()                         # one image at a time, in this process
    row = model.classify("film.dcm")               # or bytes, or an array

Nothing heavy is imported before it is called.
"""

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING

from cxrview.errors import CxrviewError, UnreadableImage, WrongUse
from cxrview.rows import COLUMNS, Row
from cxrview.views import Agreement, Verdict, View

if TYPE_CHECKING:
    from cxrview.inference.view_classifier import ViewClassifier

__version__ = "0.1.0"
__all__ = [
    "COLUMNS", "Agreement", "CxrviewError", "Row", "UnreadableImage", "Verdict", "View",
    "WrongUse", "__version__", "classify", "load",
]  # fmt: skip


def classify(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    model: str | PathLike[str] = "film",
    jobs: int | None = None,
) -> Iterator[Row]:
    """One row for each image found, in order, as they come.

    paths: files, folders, globs, archives, or one of them.
    model: a shipped one by name ("film", "open"), or the path of a model file.
    jobs: worker processes, by default one for each processor; 0 works in this process, without
    protection from files that crash or stall a decoder.
    Raises MissingInput or UnusableModel before the first image is opened.
    """
    from cxrview.inference.bulk import available_processors, classify_items
    from cxrview.sources.find import find

    inputs = [paths] if isinstance(paths, str | PathLike) else list(paths)
    items = find([str(path) for path in inputs], storage=True)
    return classify_items(items, str(model), available_processors() if jobs is None else jobs)


def load(model: str | PathLike[str] = "film") -> "ViewClassifier":
    """A model with a `classify` for one image: a path, the bytes of a file, or an array.

    Raises UnusableModel if there is no such model.
    """
    from cxrview.inference.view_classifier import load_view_classifier

    return load_view_classifier(str(model))
