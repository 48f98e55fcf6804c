"""One pass of the paper's recipe over 860 pictures in memory: ours, and the paper's own stack.

    python benchmarks/training_speed.py --keras-python VENV/bin/python [--rounds 5] [--passes 3]

The peer is Keras' `ImageDataGenerator` and `fit` with tensorflow-cpu, in an environment of its own
(`pip install tensorflow-cpu scipy`), for it and torch do not share one well. Both train the net of
105,761 parameters by RMSProp 0.001 in batches of 32 on the same pictures, with turns within 45
degrees, shifts, shear and zoom of 0.2 and mirroring. Each round runs both, one after the other, in
fresh processes; a pass's time is the median of those after the first. Both may use every processor
(Keras' generator works in one thread, as `fit` calls it). Prints medians, and the ratio's median
and range over the rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

FRONTALS, LATERALS, SIDE, BATCH = 451, 409, 64, 32


def ours(passes: int, bfloat16: bool) -> list[float]:
    from dataclasses import replace

    import numpy as np
    import torch

    from cxrview.training.groups import Group, lesson_of
    from cxrview.training.loop import Course
    from cxrview.training.recipe import PAPER_RECIPE

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    shapes = [(count, SIDE, SIDE) for count in (FRONTALS, LATERALS)]
    frontals, laterals = (rng.integers(0, 256, shape, np.uint8) for shape in shapes)
    lesson = lesson_of(Group(frontals, False, 1), Group(laterals, True, 1))
    schedule = replace(PAPER_RECIPE.view.main, bfloat16=bfloat16)
    course = Course(lesson, None, schedule, 0, None, "cpu")
    return [timed(course.go_through) for _ in range(passes + 1)][1:]


def keras(passes: int) -> list[float]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import numpy as np
    from keras import Sequential, layers, optimizers
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    rng = np.random.default_rng(0)
    pictures = rng.random((FRONTALS + LATERALS, SIDE, SIDE, 1), np.float32).repeat(3, axis=3)
    wanted = np.repeat([0.0, 1.0], [FRONTALS, LATERALS])
    blocks = []
    for channels in (16, 32, 64):
        blocks += [layers.Conv2D(channels, 3, activation="relu"), layers.MaxPooling2D()]
    net = Sequential(
        [
            layers.Input((SIDE, SIDE, 3)), *blocks, layers.Conv2D(128, 3, activation="relu"),
            layers.AveragePooling2D(4), layers.Flatten(), layers.Dense(64, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )  # fmt: skip
    assert net.count_params() == 105_761
    net.compile(optimizers.RMSprop(1e-3), "binary_crossentropy", metrics=["accuracy"])
    generator = ImageDataGenerator(
        rotation_range=45, width_shift_range=0.2, height_shift_range=0.2, shear_range=11.5,
        zoom_range=0.2, horizontal_flip=True, fill_mode="nearest",
    )  # fmt: skip
    flow = generator.flow(pictures, wanted, batch_size=BATCH, seed=0)
    return [timed(lambda: net.fit(flow, verbose=0)) for _ in range(passes + 1)][1:]


def timed(work) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def apart(python: str, which: str, passes: int) -> float:
    """The median pass of one stack in a process of its own, in seconds."""
    call = [python, __file__, "--only", which, "--passes", str(passes)]
    done = subprocess.run(call, check=True, capture_output=True, text=True)
    return statistics.median(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--keras-python")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--only", choices=("keras", "float32", "bfloat16"))
    given = parser.parse_args()
    if given.only:
        is_keras = given.only == "keras"
        times = keras(given.passes) if is_keras else ours(given.passes, given.only == "bfloat16")
        print(json.dumps(times))
        return
    if not given.keras_python:
        parser.error("--keras-python names the interpreter that has tensorflow-cpu and scipy")
    pythons = {"keras": given.keras_python, "float32": sys.executable, "bfloat16": sys.executable}
    seconds: dict[str, list[float]] = {name: [] for name in pythons}
    for number in range(given.rounds):
        for name, python in pythons.items():
            seconds[name].append(apart(python, name, given.passes))
        print(f"round {number + 1}", {n: f"{s[-1]:.2f} s" for n, s in seconds.items()}, flush=True)
    for name, times in seconds.items():
        ratios = [k / t for k, t in zip(seconds["keras"], times, strict=True)]
        print(
            f"{name}: {statistics.median(times):.2f} s a pass; Keras takes "
            f"{statistics.median(ratios):.2f} times that [{min(ratios):.2f} - {max(ratios):.2f}]"
        )


if __name__ == "__main__":
    main()
