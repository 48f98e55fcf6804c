"""Kill a training at random moments and run it again; at its end the model must be the same.

    python benchmarks/kill_training.py LABELS.csv [--kills 20] [--passes 40] [--seed 0]

Each attempt is a fresh process of `cxrview train`, ended by SIGKILL after a random time between
nothing and what a whole training takes, over `--kills` kills in as many trainings as they need.
Leave the source tree at one commit meanwhile: the card names it, and a run that was begun at one
is not taken up by another. Prints one line a training; ends with status 1 where a model differs.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECIPE = 'base = "paper"\n[view.main]\npasses = {passes}\n'


def command(labels: Path, recipe: Path, output: Path) -> list[str]:
    program = [sys.executable, "-m", "cxrview", "train", str(labels), "-o", str(output)]
    return [*program, "--recipe", str(recipe)]


def ended_by_itself(call: list[str], seconds: float) -> bool:
    """Whether the training came to its end before it was killed."""
    with subprocess.Popen(call, stderr=subprocess.DEVNULL) as process:
        try:
            return process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False


def digest(output: Path) -> str:
    return hashlib.sha256((output / "model.onnx").read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("labels", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--passes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    dice = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = folder / "short.toml"
        recipe.write_text(RECIPE.format(passes=given.passes))
        begun = time.monotonic()
        subprocess.run(command(given.labels, recipe, folder / "whole"), check=True)
        whole, wanted = time.monotonic() - begun, digest(folder / "whole")
        print(f"undisturbed: {whole:.0f} s, {wanted}", flush=True)
        kills = trainings = differing = 0
        while kills < given.kills:
            output, here = folder / f"run-{trainings}", 0
            call = command(given.labels, recipe, output)
            while not ended_by_itself(
                call, dice.uniform(0, whole) if kills + here < given.kills else 10 * whole
            ):
                here += 1
            is_same = digest(output) == wanted
            trainings, kills, differing = trainings + 1, kills + here, differing + (not is_same)
            print(f"training {trainings}: {here} kills, same model: {is_same}", flush=True)
    print(f"{kills} kills in {trainings} trainings, {differing} models differ")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
