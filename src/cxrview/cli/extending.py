"""Request -> verdicts of the model, and the training that learns from the sure ones."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from cxrview.cli.progress import progress
from cxrview.cli.terminal import say
from cxrview.cli.watching import watching
from cxrview.errors import MissingInput
from cxrview.inference.classification import classify_items
from cxrview.inference.table_reader import read_rows
from cxrview.inference.table_writers import rows_into
from cxrview.labels import Label, read_labels
from cxrview.model.classifier import Classifier, load
from cxrview.rows import Row
from cxrview.sources.find import find
from cxrview.training.check import check_files
from cxrview.training.environment import commit
from cxrview.training.extension import Extension, extend, today
from cxrview.training.net import device_of
from cxrview.training.run import Told
from cxrview.training.run_folder import RunFolder, open_run
from cxrview.views import Verdict, View

SURE = {Verdict.FRONTAL: View.FRONTAL, Verdict.LATERAL: View.LATERAL}
TABLES = (".csv", ".jsonl", ".parquet")
VERDICTS = "verdicts.csv"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    model: str
    unlabelled: str
    output: Path
    labels: Path | None
    steps: int
    seed: int
    jobs: int
    device: str


def sure_of(rows: Iterable[Row]) -> list[Label]:
    """Confident verdicts as labels; members of archives, which are no files, are left out."""
    return [
        Label(str(Path(row.file).resolve()), SURE[row.view], f"file {row.file}", "verdicts")
        for row in rows
        if row.view in SURE and Path(row.file).is_file()
    ]


def labels_of(path: Path | None) -> list[Label]:
    """A person's labels, their files absolute; raises MissingInput, WrongUse."""
    if path is None:
        return []
    labels = read_labels(path)
    check_files(labels, path)
    return [replace(one, file=str((path.parent / one.file).resolve())) for one in labels]


def mark_of(request: Request, classifier: Classifier, labels: list[Label]) -> str:
    """What decides the end of a run; begun again, it must be the same."""
    what = (commit(), classifier.sha256, request.unlabelled, request.steps, request.seed, labels)
    return hashlib.sha256(repr(what).encode()).hexdigest()


def verdicts(request: Request, label: str, folder: RunFolder) -> list[Row]:
    """From the table that was named or is there from an earlier try, else judged now."""
    given = Path(request.unlabelled)
    if given.suffix in TABLES and given.is_file():
        return list(read_rows(given))
    table = folder.path / VERDICTS
    if table.exists():
        return list(read_rows(table))
    items = find([request.unlabelled])
    if not items:
        raise MissingInput(f"no images in {request.unlabelled}")
    with rows_into(table, label) as write, progress(len(items), False) as step:
        for row in classify_items(items, request.model, request.jobs):
            write(row)
            step(row.view is None)
    return list(read_rows(table))


def perform(request: Request) -> None:
    """Classify, learn, compare. Raises WrongUse before any work where it cannot be done."""
    classifier, device = load(request.model), device_of(request.device)
    labels = labels_of(request.labels)
    find([request.unlabelled])
    folder = open_run(request.output, mark_of(request, classifier, labels), today())
    if folder.is_done:
        say(f"{folder.model} is done already: nothing to do")
        return
    rows = verdicts(request, classifier.label, folder)
    sure = sure_of(rows)
    say(f"{len(sure):,} of {len(rows):,} verdicts are sure enough to learn from")
    extension = Extension(
        content=classifier.content,
        verdicts=sure,
        labels=labels,
        table=request.labels or Path(),
        steps=request.steps,
        seed=request.seed,
        jobs=request.jobs,
        device=device,
    )
    with watching() as watch:
        extend(extension, folder, Told(say, watch))
    say(f"{folder.model}")
