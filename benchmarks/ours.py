"""The walk as a function of a path, whole, in its stages, and as a process of its own."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from cxrview.errors import UnusableModel
from cxrview.images import Radiograph
from cxrview.inference.classification import row_of, row_of_radiograph
from cxrview.model.classifier import Classifier, Prediction, load, turns_of
from cxrview.model.preprocess import PREPROCESSING, is_blank, working_image
from cxrview.readers.decode import decode
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.training.export import rounded
from cxrview.training.model_file import Nets, classifier_of, plain_card
from cxrview.training.net import Net
from cxrview.training.recipe import THOROUGH
from cxrview.views import Thresholds
from stopwatch import Laps


def model_file(wanted: str, folder: Path) -> tuple[Path | str, str]:
    """A model by name or path -> what `cxrview` is to be given, and what it is.

    Where the shipped one is not there (yet), a model of random weights takes as long.
    """
    try:
        return wanted, load(wanted).label
    except (UnusableModel, OSError):
        if wanted != "film":
            raise
    generator = torch.Generator().manual_seed(0)
    view, gate = (rounded(Net().initialise(generator)) for _ in range(2))
    path = folder / "random.onnx"
    path.write_bytes(classifier_of(Nets(view, gate), plain_card(THOROUGH, 0))[1])
    return path, "random weights in the shape of the shipped model"


def item_of(path: Path) -> Item:
    """A file, as an input of the walk."""
    return Item(str(path), FileSource(str(path)))


def walk(classifier: Classifier) -> Callable[[Path], Row]:
    """The whole walk, file to row; raises ValueError if the row is an error."""

    def walked(path: Path) -> Row:
        row = row_of(item_of(path), classifier)
        if row.error:
            raise ValueError(f"{path.name}: {row.error}")
        return row

    return walked


@dataclass(frozen=True, slots=True)
class Judged:
    """A classifier whose judgement is known already: what is left of the walk is its last step."""

    label: str
    thresholds: Thresholds
    judgement: Prediction

    def predict(self, radiograph: Radiograph) -> Prediction:
        """The one that it was given."""
        del radiograph
        return self.judgement


def staged_walk(classifier: Classifier) -> Callable[[Path, Laps], None]:
    """The same steps as `row_of`, by the same functions, with a mark behind each."""
    card = classifier.card

    def walked(path: Path, laps: Laps) -> None:
        with item_of(path).open() as stream:
            radiograph = decode(stream)
        laps.mark("open, decode")
        side = working_image(radiograph)
        laps.mark("shrink to 256")
        view = PREPROCESSING[card.view_preprocessing](side)
        gate = PREPROCESSING[card.gate_preprocessing](side)
        turns = turns_of(view), turns_of(gate)
        is_blank(side)
        laps.mark("prepare")
        judgement = classifier.predict_turns(*turns)
        laps.mark("nets")
        known = Judged(classifier.label, classifier.thresholds, judgement)
        row_of_radiograph(str(path), radiograph, known)  # type: ignore[arg-type]  # judges alike
        laps.mark("row")

    return walked


def images_per_second(folder: Path, count: int, jobs: int, model: Path | str) -> float:
    """`cxrview classify FOLDER` as a process, its start and its end included."""
    return count / seconds_of_run(folder, jobs, model)


def seconds_of_run(folder: Path, jobs: int, model: Path | str) -> float:
    """`cxrview classify FOLDER` into a table that is new: a run that is done would do nothing."""
    with tempfile.TemporaryDirectory() as place:
        words = [sys.executable, "-m", "cxrview", "classify", str(folder), "--quiet"]
        words += ["--output", str(Path(place, "views.csv")), "--jobs", str(jobs)]
        begun = time.perf_counter()
        subprocess.run([*words, "--model", str(model)], check=True)
        return time.perf_counter() - begun


def many_links(paths: list[Path], count: int, folder: Path) -> Path:
    """A folder in which the files stand again and again under new names, as hard links."""
    folder.mkdir()
    for number in range(count):
        path = paths[number % len(paths)]
        (folder / f"{number:06d}{path.suffix}").hardlink_to(path)
    return folder
