"""Classification of one file: as a whole, in its stages, and as a process of its own."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cxrview.images import Radiograph
from cxrview.inference.classification import row_of, row_of_radiograph
from cxrview.model.classifier import Classifier, Prediction
from cxrview.model.preprocess import PREPROCESSING, percentiles, working_image
from cxrview.readers.decode import decode
from cxrview.rows import Row
from cxrview.sources.files import FileSource
from cxrview.sources.find import Item
from cxrview.views import Thresholds
from stopwatch import Laps, environment_of_commands


def item_of(path: Path) -> Item:
    """Return the file as an input of `row_of`."""
    return Item(str(path), FileSource(str(path)))


def whole_path(classifier: Classifier) -> Callable[[Path], Row]:
    """Return a function from file to row, which raises ValueError if the row has an error."""

    def run(path: Path) -> Row:
        row = row_of(item_of(path), classifier)
        if row.error:
            raise ValueError(f"{path.name}: {row.error}")
        return row

    return run


@dataclass(frozen=True, slots=True)
class KnownPrediction:
    """A classifier whose prediction is known, so that only the last step remains to be timed."""

    label: str
    thresholds: Thresholds
    prediction: Prediction

    def predict(self, radiograph: Radiograph) -> Prediction:
        """Return the known prediction."""
        del radiograph
        return self.prediction


def staged_path(classifier: Classifier) -> Callable[[Path, Laps], None]:
    """Return a function that takes the steps of `row_of` by the same functions, with marks."""
    methods = classifier.card.preprocessing

    def run(path: Path, laps: Laps) -> None:
        with item_of(path).open() as stream:
            radiograph = decode(stream)
        laps.mark("open, decode")
        working = working_image(radiograph)
        laps.mark("reduce to 256")
        ends = percentiles(working)
        images = [PREPROCESSING[method](working, ends) for method in methods]
        laps.mark("preprocess")
        prediction = classifier.predict_images(images)
        laps.mark("network")
        known = KnownPrediction(classifier.label, classifier.thresholds, prediction)
        row_of_radiograph(str(path), radiograph, known)  # type: ignore[arg-type]
        laps.mark("row")

    return run


def images_per_second(folder: Path, count: int, jobs: int, model: str) -> float:
    """Return the throughput of `cxrview classify FOLDER` as a process, with start and end."""
    return count / seconds_of_run(folder, jobs, model)


def seconds_of_run(folder: Path, jobs: int, model: str) -> float:
    """Return the seconds of `cxrview classify FOLDER` with a new table as its output."""
    with tempfile.TemporaryDirectory() as folder_of_table:
        words = [sys.executable, "-m", "cxrview", "classify", str(folder), "--quiet"]
        words += ["--output", str(Path(folder_of_table, "views.csv")), "--jobs", str(jobs)]
        words += ["--model", model]
        start = time.perf_counter()
        subprocess.run(words, check=True, env=environment_of_commands())
        return time.perf_counter() - start


def many_links(paths: list[Path], count: int, folder: Path) -> Path:
    """Fill `folder` with `count` hard links to the files, under new names; returns `folder`."""
    folder.mkdir()
    for number in range(count):
        path = paths[number % len(paths)]
        (folder / f"{number:06d}{path.suffix}").hardlink_to(path)
    return folder
