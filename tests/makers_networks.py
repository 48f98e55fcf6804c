"""Small labelled images, untrained networks, and a run's data from them."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cxrview.engines.local import engine_for
from cxrview.images import Turn
from cxrview.labels import Label
from cxrview.model.layers import ARCHITECTURES
from cxrview.training.image_cache import CacheFormat, read_file
from cxrview.training.image_list import ImageList, Problems, file_item, read_list
from cxrview.training.networks import Network, round_to_half
from cxrview.views import View


def network(seed: int = 0, architecture: str = "paper") -> Network:
    """An untrained network of this name; batch normalization has seen some random images."""
    generator = torch.Generator().manual_seed(seed)
    made = Network(ARCHITECTURES[architecture]).initialize(generator)
    side = made.architecture.side
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        made.train()(torch.rand(8, 1, side, side, generator=generator))
    return round_to_half(made).eval()


def bars(upright: bool, seed: int) -> np.ndarray:
    """(48, 40) uint8: a bright bar along the image or across it, somewhere, and noise."""
    rng = np.random.default_rng(seed)
    picture = rng.normal(60, 8, (48, 40))
    start = rng.integers(8, 24)
    picture[:, start : start + 8] += 120
    if not upright:
        picture = np.ascontiguousarray(picture[:40, :40].T)
    return picture.clip(0, 255).astype(np.uint8)


def labels(count: int) -> list[Label]:
    """Every third one is lateral; two images per patient."""
    return [
        Label(f"{i}.png", View.FRONTAL if i % 3 else View.LATERAL, f"p{i // 2}", "made")
        for i in range(count)
    ]


def write_images(folder: Path, count: int, seed: int = 0) -> list[Label]:
    """PNG files of `labels`, below an existing folder."""
    made = labels(count)
    for i, label in enumerate(made):
        Image.fromarray(bars(not label.is_lateral, seed + i)).save(folder / label.file)
    return made


def write_collection(folder: Path, count: int, licences: bool = False, seed: int = 0) -> Path:
    """Images and labels.csv; with licences, laterals are CC BY-NC, frontals CC BY."""
    lines = ["file,view,patient,source,licence"]
    for label in write_images(folder, count, seed):
        licence = "CC BY-NC" if licences and label.is_lateral else "CC BY"
        lines.append(f"{label.file},{label.view},{label.patient},made,{licence}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder / "labels.csv"


def turned(image: np.ndarray, turn: Turn) -> np.ndarray:
    """(h, w) uint8, upright and bone bright -> the image that the turn puts right."""
    rotated = np.rot90(image, turn.rotation // 90)
    return 255 - rotated if turn.inverted else rotated


def turn_collection(folder: Path, turns: Sequence[Turn]) -> None:
    """Turn the images of `write_collection`, in order, and state it in the table."""
    header, *rows = (folder / "labels.csv").read_text().splitlines()
    lines = [f"{header},rotation,inverted"]
    for row, turn in zip(rows, turns, strict=True):
        path = folder / row.split(",")[0]
        image = np.asarray(Image.open(path))
        Image.fromarray(turned(image, turn)).save(path)
        lines.append(f"{row},{turn.rotation},{turn.inverted}")
    (folder / "labels.csv").write_text("\n".join(lines))


def image_list(folder: Path, count: int) -> ImageList:
    """Cached images of `labels`, under every preprocessing."""
    folder.mkdir(parents=True, exist_ok=True)
    made = write_images(folder, count)
    items = [file_item(label.file, folder / label.file) for label in made]
    stored = CacheFormat(("framed96", "paper"), with_working_image=True)
    return read_list(folder / "cache", items, made, stored, engine_for(0), Problems())


def read_or_crash(task, stored):
    """In place of the reader of a worker: a file named crash.png ends the process."""
    if task[0].name.endswith("crash.png"):
        os.kill(os.getpid(), signal.SIGKILL)
    return read_file(task, stored)
