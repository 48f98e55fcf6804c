"""The labels of a blind audit -> its report: error rates by verdict, with their intervals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cxrview import __version__
from cxrview.metrics.classification import Share, StratifiedShare
from cxrview.pages.records import ImageClass, LabelRecord
from cxrview.pages.review_table import ReviewTable
from cxrview.report.content import (
    Block,
    Page,
    Paragraph,
    Section,
    Table,
    count_text,
    counts_table,
    decimal_text,
    percent_text,
    rate_text,
)
from cxrview.views import Verdict

# Labels that contradict a verdict. An uncertain one names no view that could be wrong.
WRONG_LABELS: dict[str, tuple[ImageClass, ...]] = {
    Verdict.FRONTAL: (ImageClass.LATERAL, ImageClass.NOT_CHEST),
    Verdict.LATERAL: (ImageClass.FRONTAL, ImageClass.NOT_CHEST),
    Verdict.NOT_CHEST: (ImageClass.FRONTAL, ImageClass.LATERAL),
    Verdict.UNCERTAIN: (),
}


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """What determines the sample."""

    table: str  # name of the file
    sha256: str  # of the file
    count: int
    seed: int


@dataclass(frozen=True, slots=True)
class Stratum:
    """The rows of one verdict and the labels of a random sample of them."""

    verdict: str
    size: int  # rows in the table
    drawn: int
    labels: Mapping[str, int]  # ImageClass -> images of the sample

    @property
    def unsure(self) -> int:
        """Images about which the people could not decide."""
        return self.labels.get(ImageClass.UNSURE, 0)

    @property
    def wrong(self) -> int:
        """Images whose label contradicts the verdict."""
        return sum(self.labels.get(label, 0) for label in WRONG_LABELS[self.verdict])

    @property
    def share(self) -> Share:
        """Wrong ones among those that people could decide about."""
        return Share(self.wrong, sum(self.labels.values()) - self.unsure)

    @property
    def share_with_unsure(self) -> Share:
        """The same, if all unsure ones were wrong."""
        return Share(self.wrong + self.unsure, sum(self.labels.values()))


Labelled = Sequence[tuple[int, LabelRecord]]  # (row of the table from 0, its label) each


def report_page(
    plan: AuditPlan, table: ReviewTable, strata: Sequence[Stratum], labelled: Labelled, hidden: int
) -> Page:
    """Return the report. hidden: images of the sample that could not be shown."""
    wrong = [
        (row, record) for row, record in labelled if record.label in WRONG_LABELS[table.view[row]]
    ]
    return Page(
        f"Audit of the verdicts in {plan.table}",
        (
            Section("Error rate by verdict", (_rates(strata), *_unsure_note(strata))),
            Section("Labels by verdict", (_labels(strata),)),
            Section(f"Wrong verdicts ({len(wrong)})", (_wrong_rows(table, wrong),)),
            Section("Method", tuple(map(Paragraph, _method(table, strata)))),
            Section("Data", (_data(plan, table, labelled),)),
        ),
        (Paragraph(_statement(strata)), *_hidden_note(hidden)),
    )


def _interval_text(interval: tuple[float, float]) -> str:
    return f"{percent_text(interval[0])} to {percent_text(interval[1])}"


def _definite(strata: Sequence[Stratum]) -> list[Stratum]:
    """Return the strata whose verdict names a class."""
    return [one for one in strata if WRONG_LABELS[one.verdict]]


def _statement(strata: Sequence[Stratum]) -> str:
    """Return the main result in one sentence."""
    definite = _definite(strata)
    overall = StratifiedShare(tuple((one.share, one.size) for one in definite))
    size = count_text(sum(one.size for one in definite), "definite verdict")
    low, high = map(rate_text, overall.interval)
    wrong, decided = sum(one.wrong for one in definite), sum(one.share.total for one in definite)
    sample = f"{wrong:,} of {count_text(decided, 'image')} in the sample had a wrong verdict"
    if overall.value != overall.value:
        return f"{sample}; of some verdicts no label was decided, so no overall rate is given."
    return (
        f"Of the {size} (frontal, lateral, not_chest), an estimated {rate_text(overall.value)} are "
        f"wrong (95 % interval: {low} to {high}); {sample}."
    )


def _rates(strata: Sequence[Stratum]) -> Table:
    rows = [
        (
            one.verdict, f"{one.size:,}", f"{one.drawn:,}", f"{one.unsure:,}",
            *((f"{one.wrong:,}", percent_text(one.share.value),
               _interval_text(one.share.exact_interval))
              if WRONG_LABELS[one.verdict] else ("", "names no view", "")),
        )
        for one in strata
    ]  # fmt: skip
    definite = _definite(strata)
    overall = StratifiedShare(tuple((one.share, one.size) for one in definite))
    total = (
        "all but uncertain, weighted",
        *(f"{sum(getattr(one, name) for one in definite):,}"
          for name in ("size", "drawn", "unsure", "wrong")),
        percent_text(overall.value),
        _interval_text(overall.interval),
    )  # fmt: skip
    header = ("verdict", "rows", "sample", "unsure", "wrong", "error rate", "95 % interval")
    return Table(header, (*rows, total))


def _unsure_note(strata: Sequence[Stratum]) -> Iterator[Paragraph]:
    definite = _definite(strata)
    if unsure := sum(one.unsure for one in definite):
        share = StratifiedShare(tuple((one.share_with_unsure, one.size) for one in definite))
        yield Paragraph(
            f"If the verdicts on all {unsure:,} images labelled unsure were wrong, the overall "
            f"rate would be {rate_text(share.value)} ({_interval_text(share.interval)})."
        )


def _hidden_note(hidden: int) -> Iterator[Paragraph]:
    if hidden:
        text = f"{count_text(hidden, 'image')} of the sample could not be shown."
        yield Paragraph(text, is_warning=True)


def _labels(strata: Sequence[Stratum]) -> Table:
    names = [label.value for label in ImageClass]
    return counts_table("verdict", names, {one.verdict: one.labels for one in strata})


def _wrong_rows(table: ReviewTable, wrong: Labelled) -> Block:
    if not wrong:
        return Paragraph("No label contradicts a verdict.")
    header = ("row of the table", "verdict", "label", "P(lateral)", "P(chest)", "labelled by")
    rows = (
        (f"{row + 1:,}", table.view[row], record.label.value,
         *map(decimal_text, table.probabilities(row)), record.labeler)
        for row, record in sorted(wrong, key=lambda one: one[0])
    )  # fmt: skip
    return Table(header, tuple(rows), is_text=True)


def _method(table: ReviewTable, strata: Sequence[Stratum]) -> Iterator[str]:
    drawn = count_text(sum(one.drawn for one in strata), "row")
    yield (
        f"{drawn} were drawn at random, within each verdict a number in proportion to the "
        "square root of the number of its rows. People labelled the images in random order as "
        "frontal, lateral, not a chest radiograph or unsure. The page showed no verdict, "
        "probability, header field or file name."
    )
    yield (
        "A verdict is wrong if the label is another one. The verdict uncertain names no view and "
        "is never wrong. Images labelled unsure count neither as right nor as wrong. The overall "
        "rate is that of the verdicts frontal, lateral and not_chest, weighted by the number of "
        "their rows in the table."
    )
    yield (
        "The 95 % intervals of single verdicts are exact (Clopper and Pearson 1934). That of the "
        "overall rate is theirs with an effective sample size: the size of the sample from the "
        "verdict that was sampled most thinly, divided by that verdict's share of these rows. They "
        "ignore that the table is finite, and that images of one patient may resemble each other."
    )
    unread, excluded = int((table.view == "").sum()), int((table.exclusion != "").sum())
    if excluded or unread:
        yield (
            f"Not part of the audit: {count_text(unread, 'row')} without a verdict, "
            f"{count_text(excluded, 'row')} that the header excludes (MR, US ...)."
        )


def _data(plan: AuditPlan, table: ReviewTable, labelled: Labelled) -> Table:
    records = sorted((record for _, record in labelled), key=lambda record: record.at)
    seconds = sorted(record.seconds for record in records)
    rows = (
        ("table", f"{plan.table}, {count_text(len(table), 'row')}"),
        ("SHA-256 of the table", plan.sha256),
        ("model", ", ".join(sorted(table.models)) or "not stated"),
        ("sample", f"--audit {plan.count} --seed {plan.seed}"),
        ("labelled by", ", ".join(sorted({record.labeler for record in records}))),
        ("labelled on", " to ".join(sorted({one.at[:10] for one in records[:1] + records[-1:]}))),
        ("time for an image", f"{seconds[len(seconds) // 2]:.1f} s (median)" if seconds else ""),
        ("program", f"cxrview {__version__}"),
    )
    return Table(("", ""), rows, is_text=True)
