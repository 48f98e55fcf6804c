"""Numbers of inputs -> what became of each, in worker processes within their limits."""

import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from cxrview.engines.local import BYTES_PER_WORKER, LocalEngine
from cxrview.engines.outcomes import Crashed, Done, Outcome, Raised, TimedOut
from cxrview.inference.classification import row_of
from cxrview.model.classifier import Classifier, load
from cxrview.sources.find import find, item_of_bytes
from fuzz_seeds import Seed
from mutations import mutated

ARCHIVES = ("zip", "tar", "tar.gz")
MEMBERS = 20  # of one archive that are opened
SECONDS = 20.0  # for one input
SLOW = 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one input, and how large its process has ever been."""

    kind: str
    codes: tuple[str, ...]  # "read", or the code of the error
    seconds: float
    resident: int  # bytes, the peak of its process
    claimed: int  # bytes of address space, the same


@dataclass(frozen=True)
class Fuzzer:
    """What each worker makes once: input number -> Trial."""

    seeds: tuple[Seed, ...]
    seed: int
    folder: str

    def __call__(self) -> Callable[[int], Trial]:
        """A worker's function."""
        classifier = load()
        return lambda number: self.trial(number, classifier)

    def trial(self, number: int, classifier: Classifier) -> Trial:
        """Make the input, walk from its bytes to its rows."""
        original, data = mutated(self.seeds, self.seed, number)
        begun = time.perf_counter()
        items = [item_of_bytes(str(number), data)]
        if original.kind in ARCHIVES:
            path = Path(self.folder) / str(os.getpid())
            path.write_bytes(data)
            items = list(islice(find([path]), MEMBERS))
        rows = [row_of(item, classifier) for item in items]
        codes = tuple(row.error.partition(":")[0] or "read" for row in rows)
        return Trial(original.kind, codes, time.perf_counter() - begun, *peaks())


def peaks() -> tuple[int, int]:
    """Bytes that this process has ever had: resident, and as addresses."""
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resident, 0
    return resident, int(status.partition("VmPeak:")[2].split(maxsplit=1)[0]) << 10


@dataclass
class Result:
    """Of a run of trials."""

    limit: int
    inputs: int = 0
    restarts: int = 0
    codes: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind
    faults: list[tuple[int, Outcome]] = field(default_factory=list)
    slow: list[tuple[float, int]] = field(default_factory=list)
    resident: int = 0
    claimed: int = 0

    def add(self, number: int, outcome: Outcome) -> None:
        """Count one."""
        self.inputs += 1
        if not isinstance(outcome, Done):
            self.faults.append((number, outcome))
            return
        trial: Trial = outcome.value
        self.codes.update((trial.kind, code) for code in trial.codes)
        self.resident = max(self.resident, trial.resident)
        self.claimed = max(self.claimed, trial.claimed)
        if trial.seconds > SLOW:
            self.slow.append((trial.seconds, number))

    def of(self, kind: type[Raised | Crashed | TimedOut]) -> list[tuple[int, Outcome]]:
        """Faults of one kind, by the number of the input."""
        return [(number, fault) for number, fault in self.faults if isinstance(fault, kind)]

    @property
    def is_clean(self) -> bool:
        """Nothing but rows and typed errors, within the limits."""
        return not self.faults and self.claimed <= self.limit


def fuzz(
    given: tuple[Seed, ...], numbers: range, seed: int = 0, jobs: int = 1,
    limit: int = BYTES_PER_WORKER, tell: Callable[[Result], object] = lambda _: None,
) -> Result:  # fmt: skip
    """Try inputs by their numbers in worker processes."""
    engine = LocalEngine(jobs, SECONDS, limit)
    result = Result(limit)
    with tempfile.TemporaryDirectory() as folder:
        for index, outcome in engine.map(Fuzzer(given, seed, folder), numbers):
            result.add(numbers[index], outcome)
            tell(result)
    result.restarts = engine.restarts
    return result
