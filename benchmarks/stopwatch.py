"""Functions and files -> how long they take, compared side by side in one run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Clock = Callable[[], float]
Timed = Callable[[Path], object]

# The wall's, and this process's share of a processor: all the same on an idle machine with its
# files in memory; on a busy one, the second errs less.
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
WARM_UP = 2  # files that are run beforehand and not counted


@dataclass(frozen=True, slots=True)
class Duel:
    """Milliseconds a file, one number for each round, of us and of the peer."""

    ours: list[float]
    peers: list[float]

    def ratios(self, *, is_speedup: bool) -> list[float]:
        """Peer over us if it is a speed-up, else us over the peer; one for each round."""
        pairs = zip(self.ours, self.peers, strict=True)
        return [peer / us if is_speedup else us / peer for us, peer in pairs]


def duel(ours: Timed, peer: Timed, paths: Sequence[Path], rounds: int, now: Clock) -> Duel:
    """Every file by both, one right after the other, so that a busy machine slows both alike.

    Who begins changes from file to file and from round to round: the second finds the file in the
    processor's cache.
    """
    for path in paths[:WARM_UP]:
        ours(path)
        peer(path)
    result = Duel([], [])
    for number in range(rounds):
        sums = {ours: 0.0, peer: 0.0}
        for place, path in enumerate(paths):
            order = (ours, peer) if (number + place) % 2 else (peer, ours)
            for function in order:
                sums[function] += seconds(function, path, now)
        result.ours.append(1e3 * sums[ours] / len(paths))
        result.peers.append(1e3 * sums[peer] / len(paths))
    return result


def seconds(function: Timed, path: Path, now: Clock) -> float:
    """One call."""
    begun = now()
    function(path)
    return now() - begun


def milliseconds(function: Timed, paths: Sequence[Path], rounds: int, now: Clock) -> float:
    """Of one function a file; median over the rounds."""
    for path in paths[:WARM_UP]:
        function(path)
    totals = [sum(seconds(function, path, now) for path in paths) for _ in range(rounds)]
    return 1e3 * median(totals) / len(paths)


class Laps:
    """A stopwatch that runs on: `mark` books the time since the last mark under a name."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._last = now()
        self.seconds: dict[str, float] = {}

    def begin(self) -> None:
        """What was until now does not count."""
        self._last = self._now()

    def mark(self, name: str) -> None:
        """The time since the last mark was for this."""
        now = self._now()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


def stages(
    run: Callable[[Path, Laps], None], paths: Sequence[Path], rounds: int, now: Clock
) -> dict[str, float]:
    """Milliseconds a file of each stage that `run` marks; median over the rounds."""
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
