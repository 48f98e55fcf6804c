"""Points in [0, 1] -> charts as inline SVG: no library, no outside resource, legible in print."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cxrview.metrics.calibration import Calibration
from cxrview.metrics.curves import RiskCoverage, RocPoint

WIDTH, HEIGHT = 420, 360
LEFT, TOP, RIGHT, BOTTOM = 62, 14, 14, 50  # margins
TICKS = 5
ROUND_TOPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # where an axis of errors may end

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """The axes: x from 0 to 1, y from 0 to `top`. What they show is said for screen readers."""

    title: str
    x: str
    y: str
    top: float = 1.0

    def at(self, point: Point) -> Point:
        """Values -> pixels."""
        inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + point[0] * inner_width, TOP + (1 - point[1] / self.top) * inner_height

    def line(self, start: Point, end: Point, kind: str) -> str:
        """A straight one."""
        (x1, y1), (x2, y2) = self.at(start), self.at(end)
        return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'

    def path(self, points: Sequence[Point]) -> str:
        """One that goes through points."""
        placed = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self.at, points))
        return f'<polyline class="curve" points="{placed}"/>'

    def dot(self, point: Point, words: str) -> str:
        """A point that says what it is when pointed at."""
        x, y = self.at(point)
        title = f"<title>{escape(words)}</title>"
        return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4.5">{title}</circle>'

    def drawn(self, parts: Sequence[str]) -> str:
        """The chart with its axes."""
        label = escape(f"{self.title}: {self.y} against {self.x}")
        inside = "\n".join([*self._axes(), *parts])
        size = f'viewBox="0 0 {WIDTH} {HEIGHT}"'
        return f'<svg role="img" aria-label="{label}" {size}>\n{inside}\n</svg>'

    def _axes(self) -> list[str]:
        parts = []
        for number in range(TICKS + 1):
            share = number / TICKS
            x, bottom = self.at((share, 0))
            left, y = self.at((0, share * self.top))
            parts += [
                self.line((0, share * self.top), (1, share * self.top), "grid"),
                f'<text class="tick" x="{x:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">'
                f"{share:g}</text>",
                f'<text class="tick" x="{left - 7:.1f}" y="{y + 4:.1f}" text-anchor="end">'
                f"{share * self.top:.3g}</text>",
            ]
        middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
        down = TOP + (HEIGHT - TOP - BOTTOM) / 2
        return [
            *parts,
            f'<text class="axis" x="{middle:.0f}" y="{HEIGHT - 10}" text-anchor="middle">'
            f"{escape(self.x)}</text>",
            f'<text class="axis" x="{-down:.0f}" y="15" transform="rotate(-90)" '
            f'text-anchor="middle">{escape(self.y)}</text>',
        ]


def reliability_chart(calibration: Calibration) -> str:
    """A point for each bin, with the interval of its share; on the diagonal it is calibrated."""
    frame = Frame("Reliability", "mean P(lateral) of a bin", "share that is lateral")
    parts = [frame.line((0, 0), (1, 1), "ideal")]
    for one in calibration.bins:
        if one.mean_p is None or one.share is None or one.interval is None:
            continue
        words = f"{one.laterals:,} of {one.images:,} are lateral"
        parts.append(
            frame.line((one.mean_p, one.interval.low), (one.mean_p, one.interval.high), "whisker")
        )
        parts.append(frame.dot((one.mean_p, one.share), words))
    return frame.drawn(parts)


def roc_chart(points: Sequence[RocPoint]) -> str:
    """The further to the upper left the better."""
    frame = Frame("ROC", "frontals taken for lateral", "laterals found")
    curve = frame.path([(point.false_laterals, point.laterals_found) for point in points])
    return frame.drawn([frame.line((0, 0), (1, 1), "ideal"), curve])


def risk_chart(curve: RiskCoverage) -> str:
    """Share decided, the surest first, against the share of those that is wrong."""
    highest = max((point.risk for point in curve.points), default=0.0)
    top = next(top for top in ROUND_TOPS if highest <= top)
    frame = Frame(
        "Risk and coverage", "share of all images decided", "error among the decided", top
    )
    points = [(point.coverage, point.risk) for point in curve.points]
    dots = [
        frame.dot((last.coverage, last.risk), f"{last.wrong:,} of {last.decided:,} wrong")
        for last in curve.points[-1:]
    ]
    return frame.drawn([frame.path(points), *dots])
