"""What was found out about one system, as a file of its own that a later run can take up."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cxrview.atomic import atomic_write
from cxrview.metrics.classification import Share

Wrong = tuple[int, int]  # frontals, laterals


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One system under one set of settings. `reason` says why there is nothing else."""

    system: str
    fingerprint: str  # of all settings that decide what comes out
    measured: str  # day
    machine: str
    side: int
    reason: str = ""
    rate: float | None = None
    parameters: int = 0
    multiply_adds: int = 0
    stored: int = 0  # bytes of weights in float32
    milliseconds: float = 0.0  # a picture, one core, float32
    seconds: float = 0.0  # of training
    passes: float = 0.0
    passes_wanted: int = 0
    minutes_given: float = 0.0
    steps: int = 0
    loss: float | None = None
    frontals: int = 0  # held out
    laterals: int = 0
    wrong: dict[str, Wrong] = field(default_factory=dict)  # by alteration; empty for a gate
    auroc: float | None = None  # of a gate
    others: int = 0
    others_refused: int | None = None  # where 1 % of the held films are refused as well

    @property
    def errors(self) -> int | None:
        """On the films as they are; None for a gate."""
        return sum(self.wrong["unaltered"]) if self.wrong else None

    @property
    def accuracy(self) -> Share | None:
        """Of the held films; None for a gate."""
        films = self.frontals + self.laterals
        return None if self.errors is None else Share(films - self.errors, films)

    @property
    def altered_errors(self) -> int | None:
        """Under all alterations together; None for a gate."""
        return sum(map(sum, self.wrong.values())) if self.wrong else None

    @property
    def remark(self) -> str:
        """Whether the budget or the machine cut it short."""
        if self.reason:
            return f"failed: {self.reason}"
        if self.passes < self.passes_wanted:
            return (
                f"stopped after {self.passes:.2g} of {self.passes_wanted} passes: "
                f"{self.minutes_given:g} minutes used up"
            )
        return ""


def write_result(result: Result, path: Path) -> None:
    """JSON; whole or not at all."""
    with atomic_write(path) as file:
        file.write(json.dumps(asdict(result), indent=1).encode())


def read_result(path: Path) -> Result | None:
    """None where there is none, or nothing that this version wrote."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        fields["wrong"] = {name: (int(f), int(c)) for name, (f, c) in fields["wrong"].items()}
        return Result(**fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
