"""A survey -> what its page of plots shows, as values that any way of drawing can draw."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from cxrview.report.text import counted
from cxrview.stats.folders import Folder, Level
from cxrview.stats.sizes import STEP
from cxrview.stats.survey import NO_VERDICT, OUTCOMES, Survey
from cxrview.stats.words import folders_title, share, shown

# Told apart by those who see no red or no green as well (after Okabe and Ito)
COLOURS: dict[str, str] = {
    "frontal": "#0072b2",
    "lateral": "#e69f00",
    "uncertain": "#999999",
    "not_chest": "#56b4e9",
    NO_VERDICT: "#b34700",
    "conflict": "#b34700",
    "images": "#005a9c",
}
LONGEST_NAME = 28


class Shape(Enum):
    """How a panel is drawn."""

    LINES = "bars that lie, one below the other, with a name each"
    STEPS = "bars that stand side by side along a scale"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, of one part or several."""

    name: str  # of a lying bar; of a standing one, the value at its left edge
    parts: tuple[tuple[str, float], ...]  # kind (a key of COLOURS), length
    words: str  # its numbers

    @property
    def length(self) -> float:
        """Of all parts."""
        return sum(length for _, length in self.parts)


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot."""

    title: str
    axis: str  # what the lengths are; of standing bars, what the scale is
    shape: Shape
    bars: tuple[Bar, ...]
    top: float | None = None  # where the axis of lengths ends; None: with the longest
    is_log: bool = False
    kinds: tuple[str, ...] = ()  # that need a legend


def panels_of(survey: Survey) -> tuple[Panel, ...]:
    """What there is to be shown, at most seven."""
    return tuple(panel for panel in _panels(survey) if panel.bars)


def _panels(survey: Survey) -> Iterator[Panel]:
    yield _outcomes(survey)
    yield _probabilities(survey)
    yield _headers(survey)
    if survey.level is not None and len(survey.level.folders) > 1:
        yield _folders(survey.level)
        yield _conflicts(survey.level)
    yield _errors(survey)
    yield _sizes(survey)


def _outcomes(survey: Survey) -> Panel:
    bars = (
        Bar(name, ((name, float(count)),), f"{count:,} ({share(count, survey.rows)})")
        for name, count in survey.outcomes.items()
    )
    return Panel("Verdicts", "rows", Shape.LINES, tuple(bars))


def _probabilities(survey: Survey) -> Panel:
    steps = survey.p_lateral
    bars = tuple(_steps(steps, 1 / len(steps))) if any(steps) else ()
    return Panel("How sure", "P(lateral) of chest films", Shape.STEPS, bars, is_log=True)


def _steps(counts: tuple[int, ...], width: float) -> Iterator[Bar]:
    for place, count in enumerate(counts):
        low, high = round(place * width, 6), round((place + 1) * width, 6)
        said = f"{low:g} - {high:g}: {counted(count, 'image')}"
        yield Bar(f"{low:g}", (("images", float(count)),), said)


def _headers(survey: Survey) -> Panel:
    bars = (
        _stacked(f"header: {view}", counts)
        for view, counts in survey.crossing.items()
        if any(counts.values())
    )
    return Panel("Header and verdict", "share of rows with a verdict", Shape.LINES, tuple(bars),
                 top=1.0, kinds=OUTCOMES[:-1])  # fmt: skip


def _stacked(name: str, counts: Mapping[str, int]) -> Bar:
    """Shares of a whole, one beside the other."""
    whole = sum(counts.values())
    parts = tuple((kind, count / whole) for kind, count in counts.items())
    said = "; ".join(f"{kind} {count:,}" for kind, count in counts.items() if count)
    return Bar(name, parts, said)


def _folders(level: Level) -> Panel:
    bars = (_stacked(short(one.name), _outcomes_of(one)) for one in shown(level))
    title = f"Verdicts {folders_title(level)}"
    return Panel(title, "share of rows", Shape.LINES, tuple(bars), top=1.0, kinds=OUTCOMES)


def _outcomes_of(one: Folder) -> dict[str, int]:
    return {name: one.verdicts.get("" if name == NO_VERDICT else name, 0) for name in OUTCOMES}


def _conflicts(level: Level) -> Panel:
    folders = [one for one in shown(level) if one.compared]
    bars = tuple(_conflict_bar(one) for one in folders)
    title = f"Conflicts {folders_title(level)}"
    return Panel(title, "share of headers that contradict", Shape.LINES, bars)


def _conflict_bar(one: Folder) -> Bar:
    count = one.agreements.get("conflict", 0)
    said = f"{count:,} of {one.compared:,}"
    return Bar(short(one.name), (("conflict", count / one.compared),), said)


def _errors(survey: Survey) -> Panel:
    bars = (
        Bar(code, ((NO_VERDICT, float(count)),), f"{count:,}")
        for code, count in survey.errors.items()
    )
    return Panel("Unreadable, by code", "rows", Shape.LINES, tuple(bars))


def _sizes(survey: Survey) -> Panel:
    counts = survey.sizes.long_sides
    bars = tuple(_steps(counts, STEP)) if any(counts) else ()
    return Panel("Sizes", "long side in pixels", Shape.STEPS, bars)


def short(name: str) -> str:
    """The end of a name, with nothing in it that cannot be shown."""
    text = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )
    return text if len(text) <= LONGEST_NAME else "..." + text[3 - LONGEST_NAME :]
