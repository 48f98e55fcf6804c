"""Measure the time from the start of `cxrview classify` to its end for one file.

    python benchmarks/start_latency.py image.dcm

Wall-clock time is what a caller waits for; processor time does not depend on other programs.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from statistics import median

from stopwatch import environment_of_commands

VARIANTS = {
    "one worker process (default)": ["--jobs", "1"],
    "without a worker process": ["--jobs", "0"],
}


def measure(command: list[str]) -> tuple[float, float]:
    """Return the seconds that a command takes: wall clock, and processor with its children."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
                   env=environment_of_commands())  # fmt: skip
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}")
    print("| | wall clock, s: median [range] | processor, s: median |\n| --- | --- | --- |")
    for name, words in VARIANTS.items():
        command = [sys.executable, "-m", "cxrview", "classify", options.file, "--format", "json"]
        measure([*command, *words])  # Python stores the modules that it compiles
        times = [measure([*command, *words]) for _ in range(options.rounds)]
        walls, processor = zip(*times, strict=True)
        print(
            f"| {name} | {median(walls):.2f} [{min(walls):.2f} - {max(walls):.2f}] "
            f"| {median(processor):.2f} |"
        )


if __name__ == "__main__":
    main()
