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
from cxrview.images import Radiograph, Turn, radiograph_of
from cxrview.inference.classification import row_of
from cxrview.labels import Label, read_labels
from cxrview.model.classifier import Classifier
from cxrview.model.layers import ARCHITECTURES, CHEST, INVERTED, LATERAL, ROTATION
from cxrview.model.preprocess import preprocess
from cxrview.phantom import folder as phantom_folder
from cxrview.phantom.ct_draw import CtRadiograph
from cxrview.readers.decode import decode
from cxrview.sources.find import find
from cxrview.training import extend as extend_module
from cxrview.training import image_cache, run, train_model
from cxrview.training.augment import Augmentation
from cxrview.training.callbacks import TrainCallbacks
from cxrview.training.config import TrainConfig
from cxrview.training.data import draw_computed, is_permissive
from cxrview.training.dataset import as_floats
from cxrview.training.export import export
from cxrview.training.extend import ExtendConfig, extend, extension_recipe
from cxrview.training.image_cache import (
    CacheFormat,
    build_cache,
    draw_images,
    open_cache,
    read_images,
)
from cxrview.training.image_list import Problems, read_list, unlabeled_names, without_copies
from cxrview.training.negatives import KINDS, is_scrambled
from cxrview.training.networks import Outputs
from cxrview.training.recipe import (
    DEFAULT_RECIPE,
    PAPER_RECIPE,
    BatchShares,
    Precision,
    PseudoLabelConfig,
    Recipe,
    Schedule,
    SplitRecipe,
)
from cxrview.training.run import plain_card, train
from cxrview.views import Thresholds, View
from makers_networks import (
    bars,
    image_list,
    network,
    read_or_crash,
    turn_collection,
    turned,
    write_collection,
    write_images,
)

FEW_STEPS = Schedule(
    steps=2, augmentation=Augmentation(), batch=8, precision=Precision.FLOAT32
)  # fmt: skip
TINY = Recipe(
    network="multitask-small",
    phantoms=8,
    phantom_side=48,
    ct_radiographs=8,
    negatives=KINDS,
    main=FEW_STEPS,
    split=SplitRecipe(training=0.5, validation=0.25),
    shares=BatchShares(
        frontals=10, phantom_frontals=3, ct_frontals=2, laterals=5, phantom_laterals=4,
        ct_laterals=4, ct_obliques=1, negatives=19,
    ),  # 48 together
)  # fmt: skip
DRAWN = sum(not is_scrambled(number) for number in range(TINY.negatives))
TINY_PAPER = replace(PAPER_RECIPE, main=FEW_STEPS, split=TINY.split)  # draws no phantoms


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


@pytest.mark.parametrize("recipe", [DEFAULT_RECIPE, PAPER_RECIPE], ids=["default", "paper"])
@pytest.mark.parametrize("name", FILES)
def test_training_and_classification_see_the_same_bytes(tmp_path, monkeypatch, name, recipe):
    (tmp_path / name).write_bytes(FILES[name]())
    (item,) = find([str(tmp_path / name)])
    stored = CacheFormat((recipe.preprocessing,))
    cache = read_images(tmp_path / "cache", [(item, Turn())], stored, engine_for(0))
    seen = []
    original = Classifier.run

    def spy(self, image):
        seen.append(image)
        return original(self, image)

    monkeypatch.setattr(Classifier, "run", spy)
    row_of(item, Classifier(export(network(0, recipe.network), plain_card(recipe, 0))))
    classified = seen[0]  # others are its quarter turns
    trained_on = as_floats(cache.images[recipe.preprocessing][0])
    assert trained_on.dtype == classified.dtype == np.float32
    assert trained_on.tobytes() == classified.tobytes()


@pytest.mark.parametrize("recipe", [DEFAULT_RECIPE, PAPER_RECIPE], ids=["default", "paper"])
def test_a_cached_prediction_is_the_classifiers(tmp_path, recipe):
    images = image_list(tmp_path / "images", 12)
    made = network(0, recipe.network)
    found = train_model.predict_images(made, images, recipe).predictions({})
    classifier = Classifier(export(made, plain_card(recipe, 0)))
    for label, (p_lateral, p_chest) in zip(images.labels, found, strict=True):
        row = row_of(find([str(tmp_path / "images" / label.file)])[0], classifier)
        assert row.p_lateral == pytest.approx(p_lateral, abs=1e-5)
        assert row.p_chest == (pytest.approx(p_chest, abs=1e-5) if recipe.has_gate else None)


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
    tasks = [(item, Turn()) for item in items]
    cache = read_images(tmp_path / "cache", tasks, CacheFormat(("paper",)), LocalEngine(1))
    (row,) = cache.errors
    assert items[row].name.endswith("crash.png")
    assert "SIGKILL" in cache.errors[row]
    assert cache.is_read.sum() == 3


def failing_image(number, stored):
    raise ValueError(number)


def test_an_image_that_cannot_be_drawn_is_an_error(tmp_path):
    with pytest.raises(CxrviewError, match=r"an image cannot be drawn: .*ValueError"):
        draw_images(tmp_path, failing_image, [7], CacheFormat(("paper",)), engine_for(0))


def test_an_interrupted_cache_is_made_again(tmp_path):
    images = image_list(tmp_path, 3)
    (images.cache.folder / "index.json").write_text("{")
    with pytest.raises(UnusableOutput, match="cannot be read"):
        open_cache(images.cache.folder)
    (images.cache.folder / "index.json").unlink()
    assert image_list(tmp_path, 3).cache.is_read.all()


# Images that do not lie upright

TURNS = [Turn(rotation, inverted) for rotation in (0, 90, 180, 270) for inverted in (False, True)]


@pytest.mark.slow
def test_a_stated_rotation_or_inversion_is_undone_before_training(tmp_path):
    """The models of turned and of upright files are the same, with scrambled images and folds."""
    messages = []
    for name in ("upright", "turned"):
        (tmp_path / name).mkdir()
        write_collection(tmp_path / name, 12)
    turn_collection(tmp_path / "turned", (*TURNS, *TURNS[:4]))
    callbacks = TrainCallbacks(log=messages.append)
    upright, turned_ones = (
        train(config(tmp_path / name, folds=2), callbacks) for name in ("upright", "turned")
    )
    assert upright.read_bytes() == turned_ones.read_bytes()
    crossval, images = (
        [(model.parent / name).read_text() for model in (upright, turned_ones)]
        for name in ("crossval.csv", "images.csv")
    )
    assert crossval[0] == crossval[1]
    predictions = [[line.split(",")[-2:] for line in text.splitlines()] for text in images]
    assert predictions[0] == predictions[1]
    turns = [message for message in messages if message.startswith("turned")]
    assert turns == ["turned upright, bone bright, as the label table says: 10 images"]


@pytest.mark.parametrize("turn", TURNS)
def test_a_turn_of_a_reduced_radiograph_puts_its_box_right(turn):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90)).astype(np.uint8)
    upright = Radiograph(pixels, 700, 500, (1.0, 3.5, 88.0, 58.0))
    box = {  # of the image that the turn puts right, (60, 90) turned counterclockwise
        0: (1.0, 3.5, 88.0, 58.0),
        90: (3.5, 2.0, 58.0, 89.0),
        180: (2.0, 2.0, 89.0, 56.5),
        270: (2.0, 1.0, 56.5, 88.0),
    }[turn.rotation]
    width, height = (500, 700) if turn.rotation % 180 else (700, 500)
    found = turn.apply(Radiograph(turned(pixels, turn), width, height, box))
    np.testing.assert_array_equal(found.pixels, upright.pixels)
    assert (found.width, found.height, found.box) == (700, 500, upright.box)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_turn_makes_bone_bright_in_every_type(dtype):
    pixels = np.array([[0, 7], [9, 60_000]], dtype)
    found = Turn(0, True).apply(radiograph_of(pixels)).pixels
    assert found.dtype == dtype
    np.testing.assert_array_equal(np.argsort(found, axis=None), [3, 2, 1, 0])


def test_a_copy_of_a_turned_image_is_known_as_a_copy(tmp_path):
    """A held-out image that lies on its side does not come back as a pseudo-label."""
    write_collection(tmp_path, 4)
    turn_collection(tmp_path, [Turn(90, False), Turn(0, True), Turn(180, True), Turn()])
    items = find([str(tmp_path / f"{number}.png") for number in range(4)])
    stored = CacheFormat(("framed96",))
    labeled, plain = (
        read_list(tmp_path / name, items, labels, stored, engine_for(0), Problems())
        for name, labels in (
            ("labeled", read_labels(tmp_path / "labels.csv")), ("plain", unlabeled_names(items))
        )
    )  # fmt: skip
    assert not len(without_copies(plain, labeled))
    assert not len(without_copies(labeled, plain))


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
    monkeypatch.setattr(run, "train_model", lambda *_: pytest.fail("it trains"))
    with pytest.raises(WrongUse, match="4 of 12 files cannot be read: no lateral image"):
        train(config(tmp_path, recipe=TINY_PAPER))
    assert (tmp_path / "run" / "problems.csv").read_text().count("\n") == 5


# Computed images, targets and shares

FAKE_VIEWS = (View.FRONTAL, View.LATERAL, View.LATERAL, None)


def fake_ct(paths, number, seed, side):
    """In place of a radiograph computed from CT."""
    return CtRadiograph(bars(number % 2 == 0, number), FAKE_VIEWS[number % 4], paths[0])


@pytest.fixture
def with_ct(monkeypatch):
    monkeypatch.setattr(image_cache, "draw_ct", fake_ct)
    monkeypatch.setattr(image_cache, "draw_ct_negative", lambda *_: np.eye(40, dtype=np.uint8) * 99)


def computed(folder, recipe=TINY, volumes=()):
    stored = CacheFormat((recipe.preprocessing,), with_working_image=True)
    return draw_computed(recipe, 0, volumes, stored, folder / "state", lambda _: engine_for(0))


def test_computed_images_have_the_views_that_they_were_drawn_with(tmp_path, with_ct):
    made = computed(tmp_path, volumes=("a.npz",))
    assert [label.view for label in made.ct.labels] == [*FAKE_VIEWS[:3], *FAKE_VIEWS[:3]]
    assert made.obliques.rows.tolist() == [3, 7]
    drawn, from_ct = made.negatives
    assert (len(made.phantoms), len(drawn), len(from_ct)) == (8, DRAWN, 8)
    assert {label.view for label in made.phantoms.labels} == {View.FRONTAL, View.LATERAL}
    for label, row in zip(made.phantoms.labels, made.phantoms.rows, strict=True):
        assert made.phantoms.cache.lateral[row] == label.is_lateral
    for row, label in zip(made.ct.rows.tolist(), made.ct.labels, strict=True):
        assert label.view == FAKE_VIEWS[row % 4]


def test_a_volume_that_cannot_be_read_is_named_with_the_reason(tmp_path):
    (tmp_path / "torn.npz").write_bytes(b"PK torn")
    with pytest.raises(CxrviewError, match=r"an image cannot be drawn: .*torn.npz"):
        computed(tmp_path, volumes=(str(tmp_path / "torn.npz"),))
    assert not (tmp_path / "state" / "phantoms").exists()  # nothing was drawn in vain


def test_without_volumes_nothing_is_computed_from_ct(tmp_path):
    made = computed(tmp_path)
    assert (len(made.ct), len(made.obliques), len(made.negatives[1])) == (0, 0, 0)


def targets_and_shares(training_set):
    """Per group: targets (chest, rotation, inverted, lateral) and images in a batch of 48."""
    assert training_set.targets == (CHEST, ROTATION, INVERTED, LATERAL)
    return [
        (tuple(group.targets.get(name) for name in training_set.targets), round(48 * share, 6))
        for group, share in zip(training_set.groups, training_set.shares, strict=True)
    ]


FRONTAL, LEFT, OBLIQUE = ((1, 0, 0, lateral) for lateral in (0, 1, 0.5))
NEGATIVE = (0, None, None, None)


def test_a_batch_holds_what_the_recipe_says(tmp_path, with_ct):
    made = computed(tmp_path, volumes=("a.npz",))
    images = image_list(tmp_path / "images", 6)
    found = targets_and_shares(train_model.training_set([images], made, TINY, 0))
    counts = (DRAWN, 8, TINY.negatives - DRAWN)  # drawn, from CT, scrambled
    negatives = [(NEGATIVE, pytest.approx(19 * n / sum(counts), abs=1e-5)) for n in counts]
    assert found == [
        (FRONTAL, 10), (FRONTAL, 3), (FRONTAL, 2), (LEFT, 5), (LEFT, 4), (LEFT, 4), (OBLIQUE, 1),
        *negatives,
    ]  # fmt: skip


def test_other_images_of_a_view_share_what_an_empty_group_leaves(tmp_path, with_ct):
    made = computed(tmp_path, volumes=("a.npz",))
    images = image_list(tmp_path / "images", 6)
    frontals = images.select(~images.lateral)
    found = targets_and_shares(train_model.training_set([frontals], made, TINY, 0))
    assert [one for one in found if one[0] == LEFT] == [(LEFT, 6.5), (LEFT, 6.5)]
    assert found[:3] == [(FRONTAL, 10), (FRONTAL, 3), (FRONTAL, 2)]


def test_pseudo_labels_count_as_much_as_a_persons(tmp_path):
    made = computed(tmp_path)
    few, many = (image_list(tmp_path / str(count), count) for count in (6, 30))
    shares = replace(TINY.shares, phantom_frontals=0, phantom_laterals=0)
    recipe = replace(TINY, shares=shares)
    found = targets_and_shares(train_model.training_set([few, many], made, recipe, 0))
    assert [share for targets, share in found if targets[0] == 1] == pytest.approx(
        [7.2, 7.2, 5.4, 5.4]
    )


def test_without_images_of_a_view_there_is_no_training_set(tmp_path):
    made = computed(tmp_path, replace(TINY, phantoms=0))
    images = image_list(tmp_path / "images", 6)
    with pytest.raises(WrongUse, match="training needs lateral images"):
        train_model.training_set([images.select(~images.lateral)], made, TINY, 0)


def test_validation_images_have_the_targets_of_upright_radiographs(tmp_path):
    images = image_list(tmp_path, 6)
    held = train_model.validation_set(images, TINY)
    assert held.values.tolist() == [[1, 0, 0, 0]] * 4 + [[1, 0, 0, 1]] * 2
    assert train_model.validation_set(images.select(np.zeros(6, np.bool_)), TINY) is None


# What is held out


class Spy:
    """Records what networks are trained on, and what negatives are made from."""

    def __init__(self, monkeypatch):
        self.sets, self.sources = [], []
        train_network = train_model.train_network

        def spy(name, architecture, training_set, *rest, **named):
            self.sets.append((name, training_set))
            return train_network(name, architecture, training_set, *rest, **named)

        monkeypatch.setattr(train_model, "train_network", spy)
        scramble = train_model.scramble_negative

        def scramble_spy(number, seed, radiographs):
            self.sources.append([image.tobytes() for image in radiographs])
            return scramble(number, seed, radiographs)

        monkeypatch.setattr(train_model, "scramble_negative", scramble_spy)

    @property
    def finished(self):
        """The sets of networks that classify, without those that only make pseudo-labels."""
        return [made for name, made in self.sets if name != train_model.NETWORK_FOR_LABELS]


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


def check_separated(training_set, folder, trained, held):
    """The set holds all of `trained` and none of `held`, files each."""
    found = trained_pixels(training_set)
    expected, forbidden = (
        {pixels(folder / file, TINY.preprocessing) for file in files} for files in (trained, held)
    )
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
    (made,) = spy.finished
    check_separated(made, tmp_path, trained, held)
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
    assert set(folds.values()) == {1, 2, 3}
    for fold in (1, 2, 3):
        trained = [file for file, of in folds.items() if of != fold]
        held = [file for file, of in folds.items() if of == fold]
        check_separated(spy.finished[fold - 1], tmp_path, trained, held)
    scrambled = len(spy.sources) // 4  # three folds, then the model of all images
    for fold in range(3):
        expected = {
            working_bytes(int(f.split(".")[0])) for f, of in folds.items() if of != fold + 1
        }
        for sources in spy.sources[fold * scrambled : (fold + 1) * scrambled]:
            assert set(sources) == expected


@pytest.mark.slow
def test_images_excluded_by_their_licence_are_never_trained_on(tmp_path, monkeypatch):
    write_collection(tmp_path, 12, licences=True)
    spy = Spy(monkeypatch)
    train(config(tmp_path, permissive_only=True, folds=2))
    laterals = [f"{number}.png" for number in (0, 3, 6, 9)]
    frontals = [f"{number}.png" for number in range(12) if number % 3]
    *folds, last = spy.finished
    assert len(folds) == 2
    for made in folds:
        check_separated(made, tmp_path, [], laterals)
    check_separated(last, tmp_path, frontals, laterals)
    for sources in spy.sources:
        assert not set(sources) & {working_bytes(number) for number in (0, 3, 6, 9)}


@pytest.mark.slow
def test_pseudo_labels_never_come_from_labeled_images_or_their_copies(tmp_path, monkeypatch):
    write_collection(tmp_path, 24)
    for number in range(24):
        shutil.copy(tmp_path / f"{number}.png", tmp_path / f"copy of {number}.png")
    (tmp_path / "more").mkdir()
    write_images(tmp_path / "more", 12, seed=700)
    spy = Spy(monkeypatch)
    pseudo = PseudoLabelConfig(laterals=1, frontals=1)
    monkeypatch.setattr(Outputs, "is_upright_chest", lambda outputs: ~outputs.is_blank)
    train(config(tmp_path, recipe=replace(TINY, pseudo_labels=pseudo), unlabeled=(str(tmp_path),)))
    images = rows_of(tmp_path / "run" / "images.csv")
    held = [row["file"] for row in images if row["split"] != "training"]
    named = {row["file"].rsplit("/", 1)[0] for row in rows_of(tmp_path / "run/pseudo_labels.csv")}
    assert named == {str(tmp_path / "more")}
    assert [name for name, _ in spy.sets] == ["network for pseudo-labels", "network"]
    for _, made in spy.sets:
        check_separated(made, tmp_path, [], held)


def test_extend_never_trains_on_the_images_that_measure_it(tmp_path, monkeypatch):
    write_collection(tmp_path, 24)
    for number in range(24):
        shutil.copy(tmp_path / f"{number}.png", tmp_path / f"copy of {number}.png")
    card = replace(plain_card(PAPER_RECIPE, 0), thresholds=Thresholds(0.4999, 0.5, 0))
    (tmp_path / "model.onnx").write_bytes(export(network(0), card))
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
    page = (tmp_path / "run" / "report.html").read_text()
    for words in ("Confusion matrix", "held-out labels", "frontal by a person",
                  "image/svg+xml"):  # fmt: skip
        assert words in page
    (data,) = seen
    held = {image.tobytes() for image in data.held_out.images("paper")}
    assert len(held) == 12
    assert len(data.labeled) == 12
    assert not held & trained_pixels(spy.finished[0])
    patients = [{label.patient for label in part.labels} for part in (data.labeled, data.held_out)]
    assert not patients[0] & patients[1]


@pytest.mark.parametrize(
    ("thresholds", "words"),
    [
        (Thresholds(0.9999, 1.0, 0), r"all images to train on \(12\) are frontal by the model's"),
        (Thresholds(0.0, 1.0, 0), "no verdict is confident"),
    ],
)
def test_extend_of_one_view_says_so_and_leaves_no_folder(tmp_path, thresholds, words):
    (tmp_path / "images").mkdir()
    write_images(tmp_path / "images", 12)
    card = replace(plain_card(PAPER_RECIPE, 0), thresholds=thresholds)
    (tmp_path / "model.onnx").write_bytes(export(network(0), card))
    config = ExtendConfig(
        model=str(tmp_path / "model.onnx"), unlabeled=str(tmp_path / "images"),
        output=tmp_path / "run", jobs=0,
    )  # fmt: skip
    with pytest.raises(WrongUse, match=words):
        extend(config)
    assert not config.output.exists()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_can_be_trained_further(name):
    recipe = PAPER_RECIPE if name == "paper" else replace(DEFAULT_RECIPE, network=name)
    found = extension_recipe(plain_card(recipe, 0), 7)
    assert (found.network, found.preprocessing) == (name, recipe.preprocessing)
    assert (found.main.steps, found.main.keep_best) == (7, False)


def test_folds_without_a_view_are_refused_before_training(tmp_path, monkeypatch):
    write_collection(tmp_path, 4)  # the laterals 0 and 3 are of two patients
    (tmp_path / "3.png").unlink()
    table = (tmp_path / "labels.csv").read_text().replace("3.png,lateral", "2.png,frontal")
    (tmp_path / "labels.csv").write_text("\n".join(dict.fromkeys(table.splitlines()[:4])))
    monkeypatch.setattr(run, "train_model", lambda *_: pytest.fail("it trains"))
    recipe = replace(TINY_PAPER, split=SplitRecipe(training=1.0, validation=0.0))
    with pytest.raises(WrongUse, match=r"fold .: training needs lateral images"):
        train(config(tmp_path, folds=2, recipe=recipe))


def test_a_fold_that_fails_is_an_error_with_its_number(tmp_path, monkeypatch):
    write_collection(tmp_path, 12)

    def failing(*_, **__):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(train_model, "train_network", failing)
    with pytest.raises(CxrviewError, match=r"training of fold 1 failed: .*RuntimeError"):
        train(config(tmp_path, folds=2))


def test_more_folds_than_patients_are_refused_before_training(tmp_path, monkeypatch):
    write_collection(tmp_path, 12)
    monkeypatch.setattr(run, "train_model", lambda *_: pytest.fail("it trains"))
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
        (phantom_folder.LICENCE, True),
        ("CC-BY-4.0", True),
        ("cc-by-3.0", True),
        ("Public domain", True),
        (" CC BY 4.0 ", True),
        ("CC BY 4.0 International", True),
        ("CC-BY-NC-4.0", False),
        ("CC BY NC 4.0", False),
        ("CC BY 4.0 NC", False),
        ("CC BY ND 4.0", False),
        ("cc by sa", False),
        ("CC BY (non-commercial)", False),
        ("CC-BY-SA-4.0", False),
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
