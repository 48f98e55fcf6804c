"""What was found in a table of verdicts, as values: JSON, page and words are made of them."""

from dataclasses import dataclass

from cxrview.stats.folders import Level
from cxrview.views import Verdict

NO_VERDICT = "unreadable"
OUTCOMES = (*(verdict.value for verdict in Verdict), NO_VERDICT)
NOTHING = "none"  # a header without an opinion, and where it was read from


@dataclass(frozen=True, slots=True)
class Named:
    """One image that a person should look at, as the table has it."""

    file: str
    view: str
    p_lateral: float
    header_view: str
    header_source: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the full pictures, in pixels; of the readable rows that have a size."""

    images: int
    quantiles: tuple[int, ...]  # long side: smallest, 5 %, median, 95 %, largest
    long_sides: tuple[int, ...]  # images by long side, in steps of 250 pixels, the last open
    common: tuple[tuple[int, int, int], ...]  # width, height, images; the most frequent
    portrait: int  # higher than wide
    landscape: int


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that `cxrview stats` has to say. Counts are of rows."""

    table: str
    version: str  # of the cxrview that wrote it, "" if the format does not say
    rows: int
    repeated: int  # rows whose file and model stood in the table before
    models: dict[str, int]
    outcomes: dict[str, int]  # every verdict, and unreadable
    errors: dict[str, int]  # by code, the most frequent first
    agreements: dict[str, int]  # of rows with a verdict
    crossing: dict[str, dict[str, int]]  # header's view or none -> outcome, rows with a verdict
    sources: dict[str, dict[str, int]]  # DICOM keyword or none -> agreement, with a verdict
    p_lateral: tuple[int, ...]  # chest films by P(lateral), in equal steps from 0 to 1
    sizes: Sizes
    level: Level | None  # by folder; None where the paths do not part, or into too many
    conflicts: tuple[Named, ...]  # the first few, the surest verdicts first
    uncertain: tuple[Named, ...]  # the first few, those nearest to one half first

    @property
    def readable(self) -> int:
        """Rows with a verdict."""
        return self.rows - self.outcomes[NO_VERDICT]

    @property
    def decided(self) -> int:
        """Rows called frontal or lateral."""
        return self.outcomes[Verdict.FRONTAL] + self.outcomes[Verdict.LATERAL]

    @property
    def compared(self) -> int:
        """Rows in which verdict and header both have an opinion."""
        return self.agreements["agree"] + self.agreements["conflict"]
