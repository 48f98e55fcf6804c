"""A task -> a report: label table and model or verdicts in, everything that was counted out."""

import hashlib
from datetime import UTC, datetime

from cxrview import __version__
from cxrview.evaluation.joining import Joined
from cxrview.evaluation.options import Task, labels_for
from cxrview.evaluation.output_folder import whole_folder, write_report
from cxrview.evaluation.perturbed import altered
from cxrview.evaluation.review_cases import doubtful_of, thumbnails_of
from cxrview.evaluation.verdicts import Watch, judged, looked_up
from cxrview.filenames import escape_name
from cxrview.labels import Label
from cxrview.metrics.calibration import calibration_of
from cxrview.metrics.curves import risk_coverage_of, roc_of
from cxrview.metrics.predictions import Answers, answers_of
from cxrview.metrics.robustness import Altered
from cxrview.metrics.selective import bands_of
from cxrview.metrics.tables import area_of, confusion_of, groups_of, measured, tallies_of
from cxrview.model.classifier import load
from cxrview.report.evaluation_report import Doubtful, Joining, Judge, Making, Report


def assess(task: Task, watch: Watch) -> Report:
    """Evaluate; with `task.output`, write the folder.

    Raises WrongUse, MissingInput, UnusableModel or UnusableOutput before any image is opened where
    the task cannot be done.
    """
    labels = labels_for(task)
    if not task.is_table:
        load(task.given)
    if task.output is None:
        report, _, _ = _reported(task, labels, watch)
        return report
    with whole_folder(task.output) as folder:
        report, answers, doubtful = _reported(task, labels, watch)
        write_report(folder, report, thumbnails_of(task, answers, doubtful))
    return report


def _reported(
    task: Task, labels: list[Label], watch: Watch
) -> tuple[Report, Answers, list[tuple[int, Doubtful]]]:
    joined, judge = looked_up(task, labels) if task.is_table else judged(task, labels, watch)
    lines = altered(task, labels, watch) if task.is_altering else ()
    answers = answers_of(joined.pairs)
    doubtful = doubtful_of(answers)
    return _report(task, joined, judge, answers, lines, doubtful), answers, doubtful


def _report(
    task: Task,
    joined: Joined,
    judge: Judge,
    answers: Answers,
    lines: tuple[Altered, ...],
    doubtful: list[tuple[int, Doubtful]],
) -> Report:
    drawn, read = task.resampling, answers.readable
    figures = [*measured(tallies_of(answers), answers, drawn), area_of(answers, drawn)]
    return Report(
        making=_making(task),
        judge=judge,
        joining=_joining(joined, answers),
        confusion=confusion_of(answers),
        figures=tuple(figures),
        sources=tuple(
            groups_of(answers, [escape_name(one.source) for one in answers.labels], drawn)
        ),
        original_views=tuple(
            groups_of(answers, [escape_name(one.original_view) for one in answers.labels], drawn)
        ),
        calibration=calibration_of(answers.p_lateral[read], answers.lateral[read]),
        roc=roc_of(answers),
        risk_coverage=risk_coverage_of(answers),
        bands=bands_of(answers, task.max_error),
        robustness=lines,
        doubtful=tuple(one for _, one in doubtful),
    )


def _making(task: Task) -> Making:
    return Making(
        version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        labels=escape_name(str(task.labels)),
        labels_sha256=hashlib.sha256(task.labels.read_bytes()).hexdigest(),
        seed=task.resampling.seed,
        resamples=task.resampling.resamples,
    )


def _joining(joined: Joined, answers: Answers) -> Joining:
    total = len(joined.pairs) + len(joined.labels_without_row) + len(joined.ambiguous)
    unreadable = [label.file for label, row in joined.pairs if row.view is None]
    return Joining(
        labels=total,
        joined=len(joined.pairs),
        patients=answers.patients,
        named_patients=any(one.patient != f"file {one.file}" for one in answers.labels),
        labels_without_row=tuple(escape_name(one.file) for one in joined.labels_without_row),
        rows_without_label=tuple(escape_name(one.file) for one in joined.rows_without_label),
        ambiguous=tuple(escape_name(one.file) for one in joined.ambiguous),
        unreadable=tuple(map(escape_name, unreadable)),
        is_by_ending=joined.is_by_ending,
    )
