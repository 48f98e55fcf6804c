"""Classify damaged and hostile files, and print counts, faults and peak memory as Markdown.

    python benchmarks/fuzz_readers.py --inputs 200000

Each input has a number; `--first N --inputs 1` repeats one, `--first N --save FILE` writes it.
Exit status 1 if an input gave anything but rows or a typed error, if a process died or hung, or if
one exceeded its memory limit.
"""

import argparse
import sys
import time
from pathlib import Path

from cxrview.engines.outcomes import Crashed, Raised, TimedOut
from fuzz_seeds import data_folder, seeds
from fuzzing import SLOW, Result, fuzz
from mutations import mutated

LISTED = 20  # faults of each kind


def report(result: Result, seconds: float) -> None:
    """Print the counts as Markdown."""
    print(f"{result.inputs:,} inputs in {seconds:.0f} s, {result.inputs / seconds:,.0f} a second\n")
    kinds = sorted({kind for kind, _ in result.codes})
    columns = sorted({code for _, code in result.codes})
    print(f"| made from | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    for kind in kinds:
        print(f"| {kind} | {' | '.join(f'{result.codes[kind, code]:,}' for code in columns)} |")
    for kind in (Raised, Crashed, TimedOut):
        faults = result.of(kind)
        print(f"\n{kind.__name__}: {len(faults)}")
        for number, fault in sorted(faults, key=lambda pair: pair[0])[:LISTED]:
            print(f"- input {number}: {fault}")
    print(f"\nworkers replaced: {result.restarts}")
    print(f"slower than {SLOW:g} s: {[(round(s, 1), n) for s, n in sorted(result.slow)[-LISTED:]]}")
    mib = 1 << 20
    largest = [(size // mib, number) for size, number in result.largest[-5:]]
    print(f"inputs that needed most memory (MiB, input): {largest}")
    print(f"largest worker: {result.resident // mib} MiB resident, {result.claimed // mib} MiB of "
          f"addresses, {result.limit // mib} MiB allowed")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--no-data", action="store_true", help="without real files")
    parser.add_argument(
        "--save", type=Path, help="write the first input to this file, and read none"
    )
    options = parser.parse_args()
    originals = seeds(None if options.no_data else data_folder())
    if options.save:
        options.save.write_bytes(mutated(originals, options.seed, options.first)[1])
        return 0
    print(
        f"{len(originals)} seeds, {sum(len(seed.data) for seed in originals):,} bytes",
        file=sys.stderr,
    )
    start = time.monotonic()

    def show(result: Result) -> None:
        if result.inputs % 5000 == 0:
            print(f"{result.inputs:,}: {len(result.faults)} faults", file=sys.stderr, flush=True)

    numbers = range(options.first, options.first + options.inputs)
    result = fuzz(originals, numbers, options.seed, options.jobs, on_result=show)
    report(result, time.monotonic() - start)
    return 0 if result.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
