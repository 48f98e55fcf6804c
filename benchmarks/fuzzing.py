"""Read mutated files by their numbers, in worker processes with limits, and count the outcomes."""

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
MEMBERS = 20  # opened of one archive
SECONDS = 20.0  # for one input
SLOW = 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """Outcome of one input, and the peak memory of its process."""

    kind: str
    codes: tuple[str, ...]  # "read", or the code of the error
    seconds: float
    resident: int  # bytes, peak of its process
    claimed: int  # bytes of address space, peak of its process


@dataclass(frozen=True)
class Fuzzer:
    """Factory that each worker calls once for a function: number of an input -> Trial."""

    seeds: tuple[Seed, ...]
    seed: int
    folder: str

    def __call__(self) -> Callable[[int], Trial]:
        """Return the function of a worker."""
        classifier = load()
        return lambda number: self.trial(number, classifier)

    def trial(self, number: int, classifier: Classifier) -> Trial:
        """Generate the input and classify it, from its bytes to its rows."""
        original, data = mutated(self.seeds, self.seed, number)
        start = time.perf_counter()
        items = [item_of_bytes(str(number), data)]
        if original.kind in ARCHIVES:
            path = Path(self.folder) / str(os.getpid())
            path.write_bytes(data)
            items = list(islice(find([path]), MEMBERS))
        rows = [row_of(item, classifier) for item in items]
        codes = tuple(row.error.partition(":")[0] or "read" for row in rows)
        return Trial(original.kind, codes, time.perf_counter() - start, *peaks())


def peaks() -> tuple[int, int]:
    """Return the peak memory of this process in bytes: resident, and address space."""
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resident, 0
    return resident, int(status.partition("VmPeak:")[2].split(maxsplit=1)[0]) << 10


@dataclass
class Result:
    """Counts over all trials."""

    limit: int
    inputs: int = 0
    restarts: int = 0
    codes: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind and code
    faults: list[tuple[int, Outcome]] = field(default_factory=list)
    slow: list[tuple[float, int]] = field(default_factory=list)
    resident: int = 0
    claimed: int = 0
    largest: list[tuple[int, int]] = field(default_factory=list)  # peaks, each above the last

    def add(self, number: int, outcome: Outcome) -> None:
        """Count one outcome."""
        self.inputs += 1
        if not isinstance(outcome, Done):
            self.faults.append((number, outcome))
            return
        trial: Trial = outcome.value
        self.codes.update((trial.kind, code) for code in trial.codes)
        if trial.resident > self.resident:
            self.largest.append((trial.resident, number))
        self.resident = max(self.resident, trial.resident)
        self.claimed = max(self.claimed, trial.claimed)
        if trial.seconds > SLOW:
            self.slow.append((trial.seconds, number))

    def of(self, kind: type[Raised | Crashed | TimedOut]) -> list[tuple[int, Outcome]]:
        """Return the faults of one kind, with the numbers of their inputs."""
        return [(number, fault) for number, fault in self.faults if isinstance(fault, kind)]

    @property
    def is_clean(self) -> bool:
        """Whether all inputs gave rows and typed errors, within the limits."""
        return not self.faults and self.claimed <= self.limit


def fuzz(
    seeds: tuple[Seed, ...], numbers: range, seed: int = 0, jobs: int = 1,
    limit: int = BYTES_PER_WORKER, on_result: Callable[[Result], object] = lambda _: None,
) -> Result:  # fmt: skip
    """Read the inputs with these numbers in worker processes."""
    engine = LocalEngine(jobs, SECONDS, limit)
    result = Result(limit)
    with tempfile.TemporaryDirectory() as folder:
        for index, outcome in engine.map(Fuzzer(seeds, seed, folder), numbers):
            result.add(numbers[index], outcome)
            on_result(result)
    result.restarts = engine.restarts
    return result
