"""What one evaluation is asked to do, and the checks that need no work."""

from dataclasses import dataclass, field
from pathlib import Path

from cxrview.errors import MissingInput, WrongUse
from cxrview.filenames import escape_name
from cxrview.inference.table_writers import FORMATS
from cxrview.labels import Label, read_labels
from cxrview.metrics.bootstrap import Resampling
from cxrview.model.classifier import SHIPPED

NAMED = 5  # missing files in one message


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The flags, by their names."""

    given: str  # a shipped model's name, a model file, or a table
    labels: Path
    output: Path | None = None
    max_error: float = 0.001
    jobs: int = 1
    robustness: bool | None = None  # None: wherever there is a model
    gallery: int = 60
    resampling: Resampling = field(default_factory=Resampling)

    def __post_init__(self) -> None:
        if not 0 < self.max_error < 1:
            raise WrongUse(f"--max-error lies between 0 and 1, not at {self.max_error:g}")
        if self.robustness and self.is_table:
            raise WrongUse("altered films need a model to judge them, not a table of verdicts")

    @property
    def is_table(self) -> bool:
        """Whether verdicts are given instead of a model."""
        return self.given not in SHIPPED and Path(self.given).suffix.lower() in FORMATS

    @property
    def is_altering(self) -> bool:
        """Whether films are judged altered as well."""
        return not self.is_table if self.robustness is None else self.robustness

    @property
    def folder(self) -> Path:
        """That the labels' files are relative to."""
        return self.labels.parent

    def path_of(self, label: Label) -> Path:
        """Where a labelled file should be."""
        return self.folder / label.file


def labels_for(task: Task) -> list[Label]:
    """The labels, once they are fit to be evaluated on. Raises WrongUse or MissingInput.

    A model is run on the files, so they must be there; with a table they need not be.
    """
    labels = read_labels(task.labels)
    views = {label.view for label in labels}
    if len(views) == 1:
        raise WrongUse(f"{task.labels}: all labels are {views.pop()}; both views are needed")
    missing = [] if task.is_table else [one.file for one in labels if not _is_file(task, one)]
    if missing:
        shown = ", ".join(repr(escape_name(file)) for file in missing[:NAMED])
        more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
        raise MissingInput(f"{task.labels} names files that are not there: {shown}{more}")
    return labels


def _is_file(task: Task, label: Label) -> bool:
    try:
        return task.path_of(label).is_file()
    except (OSError, ValueError):
        return False
