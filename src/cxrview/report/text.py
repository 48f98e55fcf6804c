"""A report -> sentences and numbers as people read them. Nothing is computed here."""

from collections.abc import Iterator

from cxrview.metrics.bootstrap import Interval
from cxrview.metrics.selective import Bands, Side
from cxrview.metrics.tables import Figure
from cxrview.report.evaluation_report import Report
from cxrview.views import View

NONE = "\N{EN DASH}"
SHOWN = ("accuracy at one half", "sensitivity at one half", "specificity at one half",
         "decided", "accuracy of decided", "refused as no chest film", "unreadable",
         "AUC of P(lateral)")  # fmt: skip
FOREWARNING = "If these images were used in training, these figures say nothing about other images."


def percent(value: float | None) -> str:
    """0.99811 -> 99.81 %."""
    return NONE if value is None else f"{value:.2%}".replace("%", " %")


def exact(value: float | None) -> str:
    """A probability with the digits that matter."""
    return NONE if value is None else f"{value:.4f}"


def spread(interval: Interval | None, is_share: bool = True) -> str:
    """An interval, in percent or as it is."""
    if interval is None:
        return NONE
    if is_share:
        return f"{interval.low:.2%} - {interval.high:.2%}".replace("%", " %")
    return f"{interval.low:.4f} - {interval.high:.4f}"


def value_of(figure: Figure) -> str:
    """Shares in percent, areas as they are."""
    return exact(figure.value) if figure.all is None else percent(figure.value)


def counted(number: int, noun: str, plural: str = "") -> str:
    """1, "image" -> "1 image"; 2, "image" -> "2 images"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def rate(value: float) -> str:
    """An error that is allowed or shown: 0.001 -> 0.1 %."""
    return f"{100 * value:.3g} %"


def forewarnings(report: Report) -> Iterator[str]:
    """What must be known before any number is read."""
    yield FOREWARNING
    if report.judge.shared_sources:
        names = ", ".join(report.judge.shared_sources)
        yield f"The model's card names sources of these labels among its training data: {names}."
    if not report.joining.named_patients:
        yield (
            "The labels name no patients: every image was taken for a patient of its own. If there "
            "are several of one patient, the intervals are too narrow."
        )


def joining_lines(report: Report) -> Iterator[str]:
    """What was joined, and everything that was not."""
    joining = report.joining
    patients = counted(joining.patients, "patient")
    yield f"{joining.joined:,} of {counted(joining.labels, 'label')} joined, {patients}"
    for names, what in (
        (joining.labels_without_row, "without a row"),
        (joining.ambiguous, "ambiguous, left out"),
    ):
        if names:
            yield f"{counted(len(names), 'label')} {what}"
    if joining.is_by_ending:
        yield "no path was the same: joined by how the paths end"
    if joining.rows_without_label:
        yield f"{counted(len(joining.rows_without_label), 'row')} without a label"


def claim(side: Side, bands: Bands) -> str:
    """What one threshold guarantees, or why none does."""
    called, sign = side.called, "<=" if side.view is View.FRONTAL else ">="
    seen = (
        f"{counted(called.images, 'image')} of {counted(called.patients, 'patient')} called "
        f"{side.view}, {called.wrong_images:,} of them wrong"
    )
    sure = f"{1 - bands.delta:.0%}".replace("%", " %")
    if side.threshold is None:
        return (
            f"{side.view}: no threshold can be claimed for an error of {rate(bands.max_error)}. At "
            f"P(lateral) {sign} {called.threshold:g}: {seen}; with {sure} confidence that carries "
            f"{rate(side.bound)}. {needed(side)} would be needed."
        )
    return (
        f"{side.view} at P(lateral) {sign} {side.threshold:g}: {seen}. With {sure} confidence, at "
        f"most {rate(bands.max_error)} of the patients so called have a wrong image among them."
    )


def needed(side: Side) -> str:
    """How many patients it takes."""
    wrong = side.called.wrong_patients
    among = f"with {wrong:,} of them wrong" if wrong else "without an error"
    return f"{counted(side.needed, 'patient')} {among}"


def scope(bands: Bands) -> str:
    """Where the claims hold."""
    return (
        "This holds for images drawn as these were, from such patients and with this share of "
        f"laterals; each claim by itself is wrong in at most {rate(bands.delta)} of such "
        "evaluations."
    )


def summary(report: Report) -> Iterator[str]:
    """A page for the terminal."""
    yield f"{report.judge.label} on {report.making.labels}"
    yield from joining_lines(report)
    yield ""
    yield f"{'':28}{'value':>10}  {'counted':>15}  95 %, by images      95 %, by patients"
    for name in SHOWN:
        figure = report.figure(name)
        of = "" if figure.all is None else f"{figure.hits:,} of {figure.all:,}"
        own = spread(figure.wilson) if figure.wilson else NONE
        drawn = spread(figure.bootstrap, figure.all is not None)
        yield f"{name:28}{value_of(figure):>10}  {of:>15}  {own:19}  {drawn}"
    calibration = report.calibration
    yield f"calibration: ECE {exact(calibration.ece)}, Brier {exact(calibration.brier)}"
    if report.robustness:
        worst = max(report.robustness, key=lambda line: line.wrong)
        yield f"worst alteration: {worst.name}, {percent(worst.wrong)} wrong"
    yield ""
    for side in (report.bands.frontal, report.bands.lateral):
        yield claim(side, report.bands)
    yield ""
    yield from forewarnings(report)
