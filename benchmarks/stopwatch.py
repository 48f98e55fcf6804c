"""Functions and files -> durations, measured in alternation within one run."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Clock = Callable[[], float]
Timed = Callable[[Path], object]

# Wall time and processor time of this process. They agree on an idle machine with its files in
# memory; on a busy one, the second is more reliable.
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
WARM_UP = 2  # files that are processed beforehand and not counted


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Milliseconds per file in each round, of cxrview and of the peer."""

    ours: list[float]
    peers: list[float]

    def ratios(self, *, is_speedup: bool) -> list[float]:
        """Return for each round peer / ours for a speed-up, else ours / peer."""
        pairs = zip(self.ours, self.peers, strict=True)
        return [peer / us if is_speedup else us / peer for us, peer in pairs]


def side_by_side(
    ours: Timed, peer: Timed, paths: Sequence[Path], rounds: int, now: Clock
) -> SideBySide:
    """Process every file by both, one right after the other: a busy machine slows both alike.

    The order alternates between files and between rounds, because the second function finds the
    file in the processor's cache.
    """
    for path in paths[:WARM_UP]:
        ours(path)
        peer(path)
    result = SideBySide([], [])
    for number in range(rounds):
        sums = {ours: 0.0, peer: 0.0}
        for index, path in enumerate(paths):
            order = (ours, peer) if (number + index) % 2 else (peer, ours)
            for function in order:
                sums[function] += seconds(function, path, now)
        result.ours.append(1e3 * sums[ours] / len(paths))
        result.peers.append(1e3 * sums[peer] / len(paths))
    return result


def seconds(function: Timed, path: Path, now: Clock) -> float:
    """Return the duration of one call."""
    start = now()
    function(path)
    return now() - start


def milliseconds(function: Timed, paths: Sequence[Path], rounds: int, now: Clock) -> float:
    """Return the milliseconds per file of one function; median over the rounds."""
    for path in paths[:WARM_UP]:
        function(path)
    totals = [sum(seconds(function, path, now) for path in paths) for _ in range(rounds)]
    return 1e3 * median(totals) / len(paths)


class Laps:
    """A running stopwatch: `mark` adds the time since the last mark to a named stage."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._last = now()
        self.seconds: dict[str, float] = {}

    def begin(self) -> None:
        """Ignore the time until now."""
        self._last = self._now()

    def mark(self, name: str) -> None:
        """Add the time since the last mark to the stage `name`."""
        now = self._now()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


def stages(
    run: Callable[[Path, Laps], None], paths: Sequence[Path], rounds: int, now: Clock
) -> dict[str, float]:
    """Return the milliseconds per file of each stage that `run` marks; median over the rounds."""
    for path in paths[:WARM_UP]:
        run(path, Laps(now))
    found: list[dict[str, float]] = []
    for _ in range(rounds):
        laps = Laps(now)
        for path in paths:
            laps.begin()
            run(path, laps)
        found.append(laps.seconds)
    return {name: 1e3 * median(lap[name] for lap in found) / len(paths) for name in found[0]}


def environment_of_commands() -> dict[str, str]:
    """Return the environment for a timed command: Python may store the modules it compiled.

    An installed package has them. Where they are missing, each process takes 0.1 s to compile.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
