"""Training sees what classification sees, and nothing of what is held out."""

import csv
import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from cxrview.engines.local import LocalEngine, engine_for
from cxrview.errors import CxrviewError, UnusableOutput, WrongUse
from cxrview.inference.classification import row_of
from cxrview.labels import Label
from cxrview.model.classifier import Classifier
from cxrview.model.preprocess import preprocess
from cxrview.readers.decode import decode
from cxrview.sources.find import find
from cxrview.training import extend as extend_module
from cxrview.training import image_cache, run, train_model
from cxrview.training.augment import Augmentation
from cxrview.training.config import TrainConfig
from cxrview.training.data import is_permissive
from cxrview.training.export import export
from cxrview.training.extend import ExtendConfig, extend
from cxrview.training.image_cache import (
    CacheFormat,
    build_cache,
    draw_images,
    open_cache,
    read_images,
)
from cxrview.training.recipe import (
    DEFAULT_RECIPE,
    PRESETS,
    GateRecipe,
    PseudoLabelConfig,
    Recipe,
    Schedule,
    SplitRecipe,
    ViewRecipe,
)
from cxrview.training.run import plain_card, train
from cxrview.views import Thresholds, View
from makers_networks import (
    bars,
    image_list,
    networks,
    read_or_crash,
    write_collection,
    write_images,
)

FEW_STEPS = Schedule(steps=2, augmentation=Augmentation(), batch=4)
TINY = Recipe(
    view=ViewRecipe(phantoms=8, phantom_side=48, pretraining=FEW_STEPS, main=FEW_STEPS),
    gate=GateRecipe(negatives=32, main=FEW_STEPS),
    split=SplitRecipe(training=0.5, validation=0.25),
)


def dicom16(photometric: str, height: int = 90, width: int = 71) -> bytes:
    """A 12-bit radiograph in 16-bit words."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
    dataset.Modality, dataset.PhotometricInterpretation = "DX", photometric
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = height, width, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    pixels = np.random.default_rng(0).integers(0, 4096, (height, width))
    dataset.PixelData = pixels.astype("<u2").tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def image_bytes(kind: str, height: int, width: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (height, width)).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


FILES = {
    "8-bit.jpg": lambda: image_bytes("JPEG", 700, 523),
    "odd.png": lambda: image_bytes("PNG", 37, 301),
    "one pixel.png": lambda: image_bytes("PNG", 1, 1),
    "16-bit.dcm": lambda: dicom16("MONOCHROME2"),
    "inverted.dcm": lambda: dicom16("MONOCHROME1"),
    "large.dcm": lambda: dicom16("MONOCHROME2", 611, 433),
}


@pytest.mark.parametrize("name", FILES)
def test_training_and_classification_see_the_same_bytes(tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(FILES[name]())
    (item,) = find([str(tmp_path / name)])
    cache = read_images(
        tmp_path / "cache", [item], CacheFormat(DEFAULT_RECIPE.preprocessing), engine_for(0)
    )
    seen = []
    original = Classifier.predict_turns

    def spy(self, view, gate):
        seen.append((view, gate))
        return original(self, view, gate)

    monkeypatch.setattr(Classifier, "predict_turns", spy)
    row_of(item, Classifier(export(networks(), plain_card(DEFAULT_RECIPE, 0))))
    ((view, gate),) = seen
    for method, classified in ((DEFAULT_RECIPE.view.preprocessing, view), ("framed", gate)):
        trained_on = cache.images[method][0]
        assert trained_on.dtype == classified.dtype == np.float32
        assert trained_on.tobytes() == classified[0, 0].tobytes()


def test_a_cached_prediction_is_the_classifiers(tmp_path):
    images = image_list(tmp_path / "images", 12)
    made, methods = networks(), DEFAULT_RECIPE.preprocessing
    found = train_model.predict_images(made, images, methods)
    classifier = Classifier(export(made, plain_card(DEFAULT_RECIPE, 0)))
    for label, (p_lateral, p_chest) in zip(images.labels, found, strict=True):
        row = row_of(find([str(tmp_path / "images" / label.file)])[0], classifier)
        assert (row.p_lateral, row.p_chest) == pytest.approx((p_lateral, p_chest), abs=1e-5)


# The cache


def test_a_cache_is_read_back_and_not_made_again(tmp_path):
    images = image_list(tmp_path, 3)
    again = open_cache(images.cache.folder)
    for method, array in images.cache.images.items():
        np.testing.assert_array_equal(array, again.images[method])
    np.testing.assert_array_equal(again.working_image(1), bars(True, 1))
    make = lambda: pytest.fail("it reads images again")  # noqa: E731
    assert len(build_cache(images.cache.folder, make, [1, 2], CacheFormat(()), engine_for(0))) == 3


@pytest.mark.slow
def test_a_crashing_decoder_costs_one_image(tmp_path, monkeypatch):
    monkeypatch.setattr(image_cache, "read_file", read_or_crash)
    write_images(tmp_path, 3)
    shutil.copy(tmp_path / "1.png", tmp_path / "crash.png")
    items = find([str(tmp_path)])
    cache = read_images(tmp_path / "cache", items, CacheFormat(("film",)), LocalEngine(1))
    (row,) = cache.errors
    assert items[row].name.endswith("crash.png")
    assert "SIGKILL" in cache.errors[row]
    assert cache.is_read.sum() == 3


def failing_image(number, stored):
    raise ValueError(number)


def test_an_image_that_cannot_be_drawn_is_an_error(tmp_path):
    with pytest.raises(CxrviewError, match=r"image 7 cannot be drawn: .*ValueError"):
        draw_images(tmp_path, failing_image, [7], CacheFormat(("film",)), engine_for(0))


def test_an_interrupted_cache_is_made_again(tmp_path):
    images = image_list(tmp_path, 3)
    (images.cache.folder / "index.json").write_text("{")
    with pytest.raises(UnusableOutput, match="cannot be read"):
        open_cache(images.cache.folder)
    (images.cache.folder / "index.json").unlink()
    assert image_list(tmp_path, 3).cache.is_read.all()


# What cannot be read


def config(folder, **settings) -> TrainConfig:
    settings = {"recipe": TINY, "jobs": 0, "output": folder / "run", **settings}
    return TrainConfig(labels=folder / "labels.csv", **settings)


@pytest.mark.slow
def test_an_unreadable_file_is_listed_and_training_goes_on(tmp_path):
    write_collection(tmp_path, 12)
    (tmp_path / "4.png").write_text("?")
    train(config(tmp_path))
    with (tmp_path / "run" / "problems.csv").open() as table:
        (problem,) = csv.DictReader(table)
    assert problem["file"] == "4.png"
    assert problem["error"].startswith("unknown_format: ")
    with (tmp_path / "run" / "images.csv").open() as table:
        assert "4.png" not in {row["file"] for row in csv.DictReader(table)}


def test_too_few_readable_images_are_refused_before_training(tmp_path, monkeypatch):
    write_collection(tmp_path, 12)
    for number in (0, 3, 6, 9):  # the laterals
        (tmp_path / f"{number}.png").write_text("?")
    monkeypatch.setattr(run, "pretrain", lambda *_: pytest.fail("it trains"))
    with pytest.raises(WrongUse, match="4 of 12 files cannot be read: no lateral image"):
        train(config(tmp_path))
    assert (tmp_path / "run" / "problems.csv").read_text().count("\n") == 5


# What is held out


class Spy:
    """Records what networks are trained on, and what negatives are made from."""

    def __init__(self, monkeypatch):
        self.sets, self.sources = [], []
        for module in (train_model, extend_module):
            train_network = module.train_network

            def spy(name, training_set, *rest, original=train_network, **named):
                self.sets.append((name, training_set))
                return original(name, training_set, *rest, **named)

            monkeypatch.setattr(module, "train_network", spy)
        scramble = train_model.scramble_negative

        def scramble_spy(number, seed, radiographs):
            self.sources.append([image.tobytes() for image in radiographs])
            return scramble(number, seed, radiographs)

        monkeypatch.setattr(train_model, "scramble_negative", scramble_spy)

    def of(self, name):
        return [one for found, one in self.sets if found == name]


def trained_pixels(training_set) -> set[bytes]:
    return {image.tobytes() for image in training_set.images(np.arange(len(training_set)))}


def pixels(path, method: str) -> bytes:
    with path.open("rb") as stream:
        return preprocess(decode(stream), method).images[method].tobytes()


def working_bytes(number: int) -> bytes:
    return bars(number % 3 != 0, number).tobytes()


def rows_of(path) -> list[dict[str, str]]:
    with path.open() as table:
        return list(csv.DictReader(table))


METHODS = {"view network": "film", "gate": "framed"}


def check_separated(spy, name, number, folder, trained, held):
    """The number-th set of a network holds all of `trained` and none of `held`, files each."""
    found = trained_pixels(spy.of(name)[number])
    expected = {pixels(folder / file, METHODS[name]) for file in trained}
    forbidden = {pixels(folder / file, METHODS[name]) for file in held}
    assert forbidden
    assert expected <= found
    assert not forbidden & found


def test_held_out_images_of_a_split_are_never_trained_on(tmp_path, monkeypatch):
    write_collection(tmp_path, 24)
    spy = Spy(monkeypatch)
    train(config(tmp_path))
    images = rows_of(tmp_path / "run" / "images.csv")
    trained = [row["file"] for row in images if row["split"] == "training"]
    held = [row["file"] for row in images if row["split"] != "training"]
    assert len(trained) == 12
    for name in METHODS:
        check_separated(spy, name, 0, tmp_path, trained, held)
    numbers = {int(file.split(".")[0]) for file in trained}
    assert spy.sources
    for sources in spy.sources:
        assert set(sources) == {working_bytes(number) for number in numbers}


@pytest.mark.slow
def test_held_out_images_of_a_fold_are_never_trained_on(tmp_path, monkeypatch):
    write_collection(tmp_path, 24)
    spy = Spy(monkeypatch)
    train(config(tmp_path, folds=3))
    folds = {row["file"]: int(row["fold"]) for row in rows_of(tmp_path / "run" / "crossval.csv")}
    assert set(folds.values()) == {0, 1, 2}
    for fold in range(3):
        trained = [file for file, of in folds.items() if of != fold]
        held = [file for file, of in folds.items() if of == fold]
        for name in METHODS:
            check_separated(spy, name, fold, tmp_path, trained, held)
    scrambled = len(spy.sources) // 4  # three folds, then the model of all images
    for fold in range(3):
        expected = {working_bytes(int(f.split(".")[0])) for f, of in folds.items() if of != fold}
        for sources in spy.sources[fold * scrambled : (fold + 1) * scrambled]:
            assert set(sources) == expected


@pytest.mark.slow
def test_images_excluded_by_their_licence_are_never_trained_on(tmp_path, monkeypatch):
    write_collection(tmp_path, 12, licences=True)
    on_phantoms = {"phantom_frontals": 0.5, "phantom_laterals": 0.5}  # the rest would be real
    recipe = replace(
        TINY, view=replace(TINY.view, **on_phantoms), gate=replace(TINY.gate, **on_phantoms)
    )
    spy = Spy(monkeypatch)
    train(config(tmp_path, recipe=recipe, permissive_only=True, folds=2))
    laterals = [f"{number}.png" for number in (0, 3, 6, 9)]
    for name in METHODS:
        for number in range(3):
            check_separated(spy, name, number, tmp_path, [], laterals)


@pytest.mark.slow
def test_pseudo_labels_never_come_from_labeled_images_or_their_copies(tmp_path, monkeypatch):
    write_collection(tmp_path, 24)
    for number in range(24):
        shutil.copy(tmp_path / f"{number}.png", tmp_path / f"copy of {number}.png")
    (tmp_path / "more").mkdir()
    write_images(tmp_path / "more", 12, seed=700)
    spy = Spy(monkeypatch)
    pseudo = PseudoLabelConfig(laterals=1, frontals=1)
    train(config(tmp_path, recipe=replace(TINY, pseudo_labels=pseudo), unlabeled=(str(tmp_path),)))
    images = rows_of(tmp_path / "run" / "images.csv")
    held = [row["file"] for row in images if row["split"] != "training"]
    named = {row["file"].rsplit("/", 1)[0] for row in rows_of(tmp_path / "run/pseudo_labels.csv")}
    assert named == {str(tmp_path / "more")}
    for name in METHODS:
        check_separated(spy, name, 0, tmp_path, [], held)


def test_extend_never_trains_on_the_images_that_measure_it(tmp_path, monkeypatch):
    write_collection(tmp_path, 24)
    for number in range(24):
        shutil.copy(tmp_path / f"{number}.png", tmp_path / f"copy of {number}.png")
    card = replace(plain_card(PRESETS["paper"].recipe, 0), thresholds=Thresholds(0.4999, 0.5, 0))
    (tmp_path / "model.onnx").write_bytes(export(networks(has_gate=False), card))
    spy, seen = Spy(monkeypatch), []
    original = extend_module.load_extension_data

    def load(*given):
        seen.append(original(*given))
        return seen[-1]

    monkeypatch.setattr(extend_module, "load_extension_data", load)
    extend(
        ExtendConfig(
            model=str(tmp_path / "model.onnx"), unlabeled=str(tmp_path), output=tmp_path / "run",
            labels=tmp_path / "labels.csv", steps=2, jobs=0,
        )
    )  # fmt: skip
    (data,) = seen
    held = {image.tobytes() for image in data.held_out.images("paper")}
    assert len(held) == 12
    assert len(data.labeled) == 12
    assert not held & trained_pixels(spy.of("view network")[0])
    patients = [{label.patient for label in part.labels} for part in (data.labeled, data.held_out)]
    assert not patients[0] & patients[1]


def test_folds_without_a_view_are_refused_before_training(tmp_path, monkeypatch):
    write_collection(tmp_path, 4)  # the laterals 0 and 3 are of two patients
    (tmp_path / "3.png").unlink()
    table = (tmp_path / "labels.csv").read_text().replace("3.png,lateral", "2.png,frontal")
    (tmp_path / "labels.csv").write_text("\n".join(dict.fromkeys(table.splitlines()[:4])))
    monkeypatch.setattr(run, "pretrain", lambda *_: pytest.fail("it trains"))
    recipe = replace(TINY, split=SplitRecipe(training=1.0, validation=0.0))
    with pytest.raises(WrongUse, match=r"fold . of 2: .*both classes"):
        train(config(tmp_path, folds=2, recipe=recipe))


def test_a_fold_that_fails_is_an_error_with_its_number(tmp_path, monkeypatch):
    write_collection(tmp_path, 12)
    original = train_model.train_network

    def failing(name, *rest, **named):
        if name == "view network":
            raise RuntimeError("out of memory")
        return original(name, *rest, **named)

    monkeypatch.setattr(train_model, "train_network", failing)
    with pytest.raises(CxrviewError, match=r"training of fold 1 failed: .*RuntimeError"):
        train(config(tmp_path, folds=2))


def test_more_folds_than_patients_are_refused_before_training(tmp_path, monkeypatch):
    write_collection(tmp_path, 12)
    monkeypatch.setattr(run, "pretrain", lambda *_: pytest.fail("it trains"))
    with pytest.raises(WrongUse, match="6 patients"):
        train(config(tmp_path, folds=7))


@pytest.mark.parametrize(
    ("licence", "permissive"),
    [
        ("CC BY 4.0", True),
        ("CC BY 3.0", True),
        ("CC BY", True),
        ("CC0", True),
        ("CC BY 4.0 (Kermany et al.)", True),
        ("CC BY-SA", False),
        ("CC BY-NC 4.0", False),
        ("CC BY-NC-SA", False),
        ("CC BY-ND", False),
        ("listed as authorized for everyone", False),
        ("", False),
    ],
)
def test_which_licences_allow_any_use(licence, permissive):
    assert is_permissive(Label("x", View.FRONTAL, "p", licence=licence)) is permissive
