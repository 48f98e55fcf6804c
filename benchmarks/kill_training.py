"""Kill training runs at random moments and resume them; the models must equal an uninterrupted one.

    python benchmarks/kill_training.py LABELS.csv [--kills 20] [--epochs 40] [--seed 0]

Each attempt is a new process of `cxrview train`, killed after a random time of at most the duration
of a whole run, until it has completed; then the next run starts, until `--kills` kills have been
made. Do not commit meanwhile: the card names the commit, and a run that started at one commit is
not resumed at another. Prints one line per run; exit status 1 if a model differs.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def train_command(labels: Path, epochs: int, output: Path) -> list[str]:
    words = [sys.executable, "-m", "cxrview", "train", str(labels), "-o", str(output)]
    return [*words, "--recipe", "paper", "--epochs", str(epochs)]


def completes(command: list[str], seconds: float) -> bool:
    """Run the command, kill it after `seconds`; return whether it completed before."""
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False
    if status:
        raise SystemExit(f"exit status {status}: {' '.join(command)}")
    return True


def digest(output: Path) -> str:
    """Return the SHA-256 of the model of a run."""
    return hashlib.sha256((output / "model.onnx").read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("labels", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.monotonic()
        command = train_command(options.labels, options.epochs, folder / "uninterrupted")
        subprocess.run(command, check=True)
        duration, expected = time.monotonic() - start, digest(folder / "uninterrupted")
        print(f"uninterrupted: {duration:.0f} s, {expected}", flush=True)
        kills = runs = differing = 0
        while kills < options.kills:
            output, kills_here = folder / f"run-{runs}", 0
            command = train_command(options.labels, options.epochs, output)
            while kills + kills_here < options.kills:
                if completes(command, rng.uniform(0, duration)):
                    break
                kills_here += 1
            else:
                subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            is_same = digest(output) == expected
            runs, kills, differing = runs + 1, kills + kills_here, differing + (not is_same)
            print(f"run {runs}: {kills_here} kills, same model: {is_same}", flush=True)
    print(f"{kills} kills in {runs} runs, {differing} models differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
