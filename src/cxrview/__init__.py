"""cxrview: the view, frontal or lateral, of every chest radiograph in a collection.

    import cxrview

    for row in cxrview.classify("studies/"):       # a folder, files, archives; many processes
        print(row.file, row.view, row.p_lateral, row.agreement)

    model = cxrview.load()                         # one image at a time, in this process
    row = model.classify("image.dcm")              # or bytes, or an array

    table = cxrview.to_frame(cxrview.classify("studies/"))    # for pandas

Heavy libraries are imported when a function needs them.
"""

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike, fsdecode
from typing import TYPE_CHECKING, Any

from cxrview.errors import CxrviewError, UnreadableImage, WrongUse
from cxrview.model.card import DEFAULT_MODEL
from cxrview.rows import COLUMNS, Row
from cxrview.views import Agreement, Verdict, View

if TYPE_CHECKING:
    from cxrview.inference.view_classifier import ViewClassifier

__version__ = "0.1.0"
__all__ = [
    "COLUMNS", "Agreement", "CxrviewError", "Row", "UnreadableImage", "Verdict", "View",
    "ViewClassifier", "WrongUse", "__version__", "classify", "load",
    "to_frame",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import ViewClassifier, which needs numpy and ONNX Runtime, at its first use."""
    if name == "ViewClassifier":
        from cxrview.inference.view_classifier import ViewClassifier

        return ViewClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def classify(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    model: str | PathLike[str] = DEFAULT_MODEL,
    jobs: int | None = None,
    progress: bool = False,
) -> Iterator[Row]:
    """One row for each image found, in order, as they become known.

    paths: files, folders, globs, archives, or one of them.
    model: a shipped model by name ("open", "paper"), or the path of a model file.
    jobs: worker processes, by default one for each processor; 0 works in this process, without
    protection from files that crash or stall a decoder.
    progress: show how many images are done, with the time left: a bar in a notebook or on a
    terminal, else lines on stderr.
    Raises MissingInput or UnusableModel before the first image is opened, and WrongUse for an
    impossible number of jobs and for anything but paths: `load().classify` takes arrays, bytes,
    open files and datasets of pydicom. Raises WrongUse on Windows.
    """
    from cxrview.extras import check_system

    check_system()
    from cxrview.inference.classification import classify_items
    from cxrview.sources.find import find

    if not (jobs is None or (isinstance(jobs, int) and jobs >= 0)):
        raise WrongUse(f"jobs is a whole number, at least 0, or None, not {jobs!r}")
    many = isinstance(paths, Iterable) and not isinstance(paths, str | PathLike)
    inputs: list[Any] = list(paths) if many else [paths]  # type: ignore[arg-type]
    if not all(isinstance(path, str | PathLike) for path in inputs):
        raise WrongUse(
            f"classify takes paths, not {type(paths).__name__}; for one image in memory: "
            "cxrview.load().classify(image)"
        )
    items = find([fsdecode(path) for path in inputs], storage=True)
    rows = classify_items(items, fsdecode(model), jobs)
    if not progress:
        return rows
    from cxrview.cli.progress import with_progress

    return with_progress(rows, len(items))


def load(model: str | PathLike[str] = DEFAULT_MODEL) -> "ViewClassifier":
    """A model with a `classify` for one image: a path, the bytes of a file, or an array.

    Raises UnusableModel if there is no such model, WrongUse on Windows.
    """
    from cxrview.extras import check_system

    check_system()
    from cxrview.inference.view_classifier import ViewClassifier
    from cxrview.model.classifier import load as load_classifier

    return ViewClassifier(load_classifier(fsdecode(model)))


def to_frame(rows: Iterable[Row]) -> Any:
    r"""A DataFrame of pandas with the columns of the table: missing values are NaN, NA or None.

    `frame`, `rotation`, `width` and `height` have the type Int64, `inverted` has the type boolean.
    File names are as in tables: a byte that is not UTF-8 is an escape, such as `\xe9`, and the
    backslash of a name that holds such an escape is `\x5c`. Raises MissingExtra without pandas.
    """
    from cxrview.errors import MissingExtra
    from cxrview.filenames import escaped_values

    try:
        import pandas as pd  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install pandas") from error
    frame = pd.DataFrame([escaped_values(row) for row in rows], columns=list(COLUMNS))
    whole = ("frame", "rotation", "width", "height")
    types = dict.fromkeys(whole, "Int64") | dict.fromkeys(("p_lateral", "p_chest"), "float64")
    return frame.astype(types | {"inverted": "boolean"})
