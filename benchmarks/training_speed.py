"""Time of one training epoch of the paper's recipe over 860 images in memory, compared with Keras.

    python benchmarks/training_speed.py --keras-python VENV/bin/python [--rounds 5] [--epochs 3]

The peer is `ImageDataGenerator` and `fit` of Keras with tensorflow-cpu, in a virtual environment of
its own (`pip install tensorflow-cpu scipy`), because it and torch do not share one well. Both train
the network of 105,761 parameters with RMSProp 0.001 in batches of 32 on the same images, rotated by
up to 45 degrees, shifted, sheared and zoomed by 0.2, and mirrored. Each round runs both in new
processes, one after the other; the time of an epoch is the median of those after the first. Both
may use every processor (the generator of Keras works in one thread, as `fit` calls it). Prints
medians, and median and range of the ratio over the rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

FRONTALS, LATERALS, SIDE, BATCH = 451, 409, 64, 32


def time_cxrview(epochs: int, precision: str) -> list[float]:
    """Return the seconds of each epoch but the first."""
    from dataclasses import replace

    import numpy as np
    import torch

    from cxrview.model.layers import LATERAL
    from cxrview.training.dataset import TargetGroup, binary_set
    from cxrview.training.networks import Network
    from cxrview.training.recipe import PAPER_RECIPE
    from cxrview.training.trainer import Trainer

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    groups = [
        TargetGroup(
            images=rng.random((count, SIDE, SIDE), np.float32),
            rows=np.arange(count),
            targets={LATERAL: target},
        )
        for count, target in ((FRONTALS, 0.0), (LATERALS, 1.0))
    ]
    generator = torch.Generator().manual_seed(0)
    schedule = replace(PAPER_RECIPE.main, precision=precision)
    network = Network().initialize(generator)
    trainer = Trainer(network, binary_set(LATERAL, groups), schedule, generator)
    return [seconds_of(trainer.run_epoch) for _ in range(epochs + 1)][1:]


def time_keras(epochs: int) -> list[float]:
    """Return the seconds of each epoch but the first."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import numpy as np
    from keras import Sequential, layers, optimizers
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    rng = np.random.default_rng(0)
    images = rng.random((FRONTALS + LATERALS, SIDE, SIDE, 1), np.float32).repeat(3, axis=3)
    targets = np.repeat([0.0, 1.0], [FRONTALS, LATERALS])
    blocks = []
    for channels in (16, 32, 64):
        blocks += [layers.Conv2D(channels, 3, activation="relu"), layers.MaxPooling2D()]
    network = Sequential(
        [
            layers.Input((SIDE, SIDE, 3)), *blocks, layers.Conv2D(128, 3, activation="relu"),
            layers.AveragePooling2D(4), layers.Flatten(), layers.Dense(64, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )  # fmt: skip
    assert network.count_params() == 105_761
    network.compile(optimizers.RMSprop(1e-3), "binary_crossentropy", metrics=["accuracy"])
    generator = ImageDataGenerator(
        rotation_range=45, width_shift_range=0.2, height_shift_range=0.2, shear_range=11.5,
        zoom_range=0.2, horizontal_flip=True, fill_mode="nearest",
    )  # fmt: skip
    flow = generator.flow(images, targets, batch_size=BATCH, seed=0)
    return [seconds_of(lambda: network.fit(flow, verbose=0)) for _ in range(epochs + 1)][1:]


def seconds_of(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_own_process(python: str, variant: str, epochs: int) -> float:
    """Return the median seconds of an epoch of one variant, in a new process."""
    command = [python, __file__, "--only", variant, "--epochs", str(epochs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return statistics.median(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--keras-python")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--only", choices=("keras", "float32", "bfloat16"))
    options = parser.parse_args()
    if options.only == "keras":
        print(json.dumps(time_keras(options.epochs)))
        return
    if options.only:
        print(json.dumps(time_cxrview(options.epochs, options.only)))
        return
    if not options.keras_python:
        parser.error("--keras-python names the interpreter that has tensorflow-cpu and scipy")
    pythons = {"keras": options.keras_python, "float32": sys.executable, "bfloat16": sys.executable}
    seconds: dict[str, list[float]] = {variant: [] for variant in pythons}
    for number in range(options.rounds):
        for variant, python in pythons.items():
            seconds[variant].append(in_own_process(python, variant, options.epochs))
        print(f"round {number + 1}", {n: f"{s[-1]:.2f} s" for n, s in seconds.items()}, flush=True)
    for variant, times in seconds.items():
        ratios = [k / t for k, t in zip(seconds["keras"], times, strict=True)]
        print(
            f"{variant}: {statistics.median(times):.2f} s per epoch; Keras takes "
            f"{statistics.median(ratios):.2f} times that [{min(ratios):.2f} - {max(ratios):.2f}]"
        )


if __name__ == "__main__":
    main()
