"""An evaluation's findings as values: what report.json holds, and what the page is made of."""

import json
from dataclasses import dataclass

from cxrview.errors import WrongUse
from cxrview.metrics.calibration import Calibration
from cxrview.metrics.curves import RiskCoverage, RocPoint
from cxrview.metrics.robustness import Altered
from cxrview.metrics.selective import Bands
from cxrview.metrics.tables import Figure, Group
from cxrview.report.json_values import from_plain, to_plain
from cxrview.views import Thresholds, Verdict, View

REPORT_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Judge:
    """What was evaluated: a model, or the table that it left."""

    given: str  # as it was named
    label: str  # as in the column `model`
    sha256: str | None  # None where only a table is known
    thresholds: Thresholds | None
    shared_sources: tuple[str, ...] = ()  # of the labels, that the card names as trained on


@dataclass(frozen=True, slots=True)
class Making:
    """How the report was made."""

    version: str  # of cxrview
    created: str  # ISO, UTC
    labels: str  # the table, as it was named
    labels_sha256: str
    seed: int
    resamples: int


@dataclass(frozen=True, slots=True)
class Joining:
    """Which labels found their row. Names as the tables write them."""

    labels: int
    joined: int
    patients: int  # of the joined; an image without one is a patient of its own
    named_patients: bool  # whether the labels name any
    labels_without_row: tuple[str, ...]
    rows_without_label: tuple[str, ...]
    ambiguous: tuple[str, ...]
    unreadable: tuple[str, ...]
    is_by_ending: bool = False  # no path was the same: joined by how paths end


@dataclass(frozen=True, slots=True)
class Doubtful:
    """One image that a person should look at. No more of the patient than the file name."""

    file: str
    label: View
    verdict: Verdict | None  # None where it could not be read
    p_lateral: float | None
    p_chest: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found."""

    making: Making
    judge: Judge
    joining: Joining
    confusion: dict[str, dict[str, int]]  # label -> answer -> images
    figures: tuple[Figure, ...]
    sources: tuple[Group, ...]
    original_views: tuple[Group, ...]
    calibration: Calibration
    roc: tuple[RocPoint, ...]
    risk_coverage: RiskCoverage
    bands: Bands
    robustness: tuple[Altered, ...]  # empty where it was not measured
    doubtful: tuple[Doubtful, ...]  # the errors first, then whatever is undecided

    def figure(self, name: str) -> Figure:
        """One figure by its name; KeyError."""
        return {figure.name: figure for figure in self.figures}[name]

    def to_json(self) -> str:
        """The text of report.json."""
        values = {"format": REPORT_FORMAT, **to_plain(self)}
        return json.dumps(values, indent=1, allow_nan=False)


def report_from_json(text: str) -> Report:
    """The inverse of `Report.to_json`; raises WrongUse where it is no report of ours."""
    try:
        values = json.loads(text)
        if values.pop("format") != REPORT_FORMAT:
            raise WrongUse("the report has a format that this version does not read")
        report: Report = from_plain(Report, values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WrongUse(f"the report cannot be read: {error}") from error
    return report
