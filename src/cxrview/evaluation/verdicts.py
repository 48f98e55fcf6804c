"""Labels and a model, or a table -> labels joined to rows, and who judged."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from cxrview.errors import WrongUse
from cxrview.evaluation.joining import Joined, join
from cxrview.evaluation.options import Task
from cxrview.filenames import escape_name
from cxrview.inference.classification import classify_items
from cxrview.inference.table_reader import read_rows
from cxrview.labels import Label
from cxrview.model.classifier import SHIPPED, Classifier, load
from cxrview.report.evaluation_report import Judge
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item

# (number of images) -> a context that gives a function to call after each
Watch = Callable[[int], AbstractContextManager[Callable[[], object]]]


def items_of(task: Task, labels: Sequence[Label]) -> list[Item]:
    """Each labelled file, under the name that its label has."""
    return [Item(label.file, FileSource(str(task.path_of(label)))) for label in labels]


def judged(task: Task, labels: Sequence[Label], watch: Watch) -> tuple[Joined, Judge]:
    """Classify the labelled files in disposable processes."""
    classifier = load(task.given)
    pairs: list[tuple[Label, Row]] = []
    with watch(len(labels)) as step:
        rows = classify_items(items_of(task, labels), task.given, task.jobs)
        for label, row in zip(labels, rows, strict=True):
            pairs.append((label, row))
            step()
    joined = Joined(pairs, [], [], [])
    return joined, _judge(task.given, classifier.label, classifier, labels)


def looked_up(task: Task, labels: Sequence[Label]) -> tuple[Joined, Judge]:
    """Find the labelled files in a table of verdicts; WrongUse if it cannot serve."""
    rows = list(read_rows(Path(task.given)))
    joined = join(labels, task.folder, rows)
    if not joined.pairs:
        example = f"the labels name {escape_name(labels[0].file)!r}"
        if rows:
            example += f", the table {escape_name(rows[0].file)!r}"
        raise WrongUse(f"{task.given}: no row belongs to a label of {task.labels}: {example}")
    views = {label.view for label, _ in joined.pairs}
    if len(views) == 1:
        raise WrongUse(f"{task.given}: only {views.pop()} labels have a row; both are needed")
    models = sorted({row.model for row in rows if row.model})
    if len(models) > 1:
        raise WrongUse(
            f"{task.given} holds rows of several models: {escape_name(', '.join(models))}"
        )
    label = escape_name(models[0]) if models else "unknown model"
    return joined, _judge(task.given, label, _shipped(label), labels)


def _shipped(label: str) -> Classifier | None:
    """The model inside the package that a table's column names, if it does."""
    name, _, digits = label.partition("@")
    is_ours = name in SHIPPED and bool(digits) and SHIPPED[name].startswith(digits)
    return load(name) if is_ours else None


def _judge(given: str, label: str, classifier: Classifier | None, labels: Sequence[Label]) -> Judge:
    if classifier is None:
        return Judge(escape_name(given), label, None, None)
    taught = {name.rpartition(", ")[0] for name in classifier.card.data}
    if "phantoms" in taught:  # as cards count them; `cxrview phantom` writes one's source
        taught.add("phantom")
    shared = sorted({one.source for one in labels if one.source} & taught)
    return Judge(
        escape_name(given),
        label,
        classifier.sha256,
        classifier.thresholds,
        tuple(map(escape_name, shared)),
    )
