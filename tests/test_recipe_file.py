"""A recipe written and read back is the same recipe; a wrong file is named with its place."""

import pytest

from cxrview.errors import MissingInput, WrongUse
from cxrview.training.augment import Augmentation
from cxrview.training.recipe import (
    PRESETS,
    BatchShares,
    PseudoLabelConfig,
    Recipe,
    Schedule,
    SplitRecipe,
)
from cxrview.training.recipe_file import find_recipe, read_recipe, recipe_text, with_epochs

PLAIN = Augmentation()
NAN = float("nan")


@pytest.mark.parametrize("written", PRESETS)
@pytest.mark.parametrize("named", PRESETS)
def test_a_resolved_recipe_reads_back_whatever_the_defaults_become(tmp_path, written, named):
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text(PRESETS[written].recipe, base=named))
    assert read_recipe(path) == (PRESETS[written].recipe, named)


def test_a_file_changes_only_what_it_names(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'base = "paper"\nphantoms = 7\n[main]\nepochs = 3\npeak_learning_rate = 1\n'
        "[main.augmentation]\nrotation = 10\n[split]\nfrontals = [10, 5]\n"
    )
    recipe, base = read_recipe(path)
    main, old = recipe.main, PRESETS["paper"].recipe.main
    assert base == "paper"
    assert (main.epochs, main.peak_learning_rate, main.augmentation.rotation) == (3, 1, 10)
    assert (main.laterals, main.augmentation.shear) == (old.laterals, old.augmentation.shear)
    assert (recipe.phantoms, recipe.network) == (7, "paper")
    assert recipe.split.frontals == (10, 5)
    assert recipe.split.laterals == PRESETS["paper"].recipe.split.laterals


def test_shares_and_angles_are_real_numbers_even_where_their_defaults_are_whole(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[shares]\nlaterals = 2.5\n[main.augmentation]\nrotation = 7.5\n")
    recipe, _ = read_recipe(path)
    assert (recipe.shares.laterals, recipe.main.augmentation.rotation) == (2.5, 7.5)


def test_a_file_may_choose_another_network(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("network = 'multitask-small'\n")
    recipe, base = read_recipe(path)
    assert (recipe.architecture.parameters, base) == (102_879, "default")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("views = 3", "no such setting: views; known: ct_radiographs, ct_side, main, negatives"),
        ("[main]\nstep = 3", r"\[main\]: no such setting: step"),
        ("[view.main]\nsteps = 3", "no such setting: view"),
        ("main = 3", "main is a table"),
        ("refused_share = 'all'", "refused_share is 'all', expected a value like 0.01"),
        ("refused_share = nan", "refused_share is nan"),
        ("refused_share = 1.5", "refused_share is 1.5, expected 0 to 1"),
        ("phantoms = true", "phantoms is True"),
        ("phantoms = -1", "phantoms is -1"),
        ("phantom_side = 0", "phantom_side is 0"),
        ("ct_side = 9999", "ct_side is 9999"),
        ("preprocessing = 'best'", "preprocessing is 'best', expected one of framed96"),
        ("preprocessing = 'paper'", "preprocessing is 'paper', expected one of framed96"),
        (
            "base = 'paper'\npreprocessing = 'film'",  # not in multiples of 1/255
            "preprocessing is 'film', expected one of framed, paper",
        ),
        ("network = 'best'", "network is 'best', expected one of paper, multitask"),
        ("negatives = 0", r"a network that computes P\(chest\) needs negatives"),
        ("[shares]\nnegatives = 0", r"a network that computes P\(chest\) needs negatives"),
        ("[main]\nsteps = 0\nepochs = 3", "is trained by steps, not epochs"),
        ("[shares]\nlaterals = -1", "laterals is -1"),
        (
            "[shares]\nlaterals = 0\nphantom_laterals = 0\nct_laterals = 0",
            "needs images of both views",
        ),
        ("[split]\nfrontals = 3", "frontals is 3"),
        ("[split]\nfrontals = [3]", "frontals is"),
        ("[main]\nsteps = 0", "either steps or epochs"),
        ("[main]\nbatch = 1000000000000", "batch is"),
        ("[main]\noptimizer = 'sgd'", "optimizer is 'sgd', expected rmsprop or adamw"),
        ("[main]\nprecision = 8", 'precision is 8, expected a value like "auto"'),
        ("[main]\nprecision = 'float8'", "precision is 'float8', expected auto, float32"),
        ("[main.augmentation]\nmirror = 2.0", "mirror is 2.0, expected 0 to 1"),
        ("[main.augmentation]\nrotation = -1.0", "rotation is -1.0"),
        ("[main.augmentation]\nfull_range = 1", "full_range is 1"),
        ("[main.augmentation]\nrotation = inf", "rotation is inf"),
        ("[main]\nsteps = 2.5", "steps is 2.5"),
        ("base = 'best'", "base is 'best', expected one of default, thorough, few, paper, open"),
        ("base = []", "base is"),
        ("[main", "not TOML"),
        ("phantoms = " + "1" * 5000, "not TOML"),
        ("phantoms = " + "[" * 5000, "not TOML"),
    ],
)
def test_wrong_recipes_are_named_with_their_place(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(WrongUse, match=words):
        read_recipe(path)


def test_an_absent_recipe(tmp_path):
    with pytest.raises(MissingInput, match="No such file"):
        read_recipe(tmp_path / "mine.toml")
    with pytest.raises(WrongUse, match="no recipe 'best'"):
        find_recipe("best")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Schedule(augmentation=PLAIN),
        lambda: Schedule(augmentation=PLAIN, steps=3, epochs=3),
        lambda: Schedule(augmentation=PLAIN, steps=-3),
        lambda: Schedule(augmentation=PLAIN, epochs=3, laterals=-1),
        lambda: Schedule(augmentation=PLAIN, steps=3, rms_decay=1.0),
        lambda: Schedule(augmentation=PLAIN, steps=3, peak_learning_rate=0),
        lambda: Schedule(augmentation=PLAIN, steps=3, peak_learning_rate=NAN),
        lambda: Schedule(augmentation=PLAIN, steps=3, minutes=NAN),
        lambda: Schedule(augmentation=PLAIN, steps=3, warmup_steps=-1),
        lambda: Schedule(augmentation=PLAIN, steps=3, weight_decay=NAN),
        lambda: Schedule(augmentation=PLAIN, steps=3, optimizer="sgd"),
        lambda: Schedule(augmentation=PLAIN, steps=3, precision="float8"),
        lambda: BatchShares(phantom_frontals=NAN),
        lambda: BatchShares(frontals=0, phantom_frontals=0, ct_frontals=0),
        lambda: Recipe(negatives=0),
        lambda: Recipe(network="alexnet"),
        lambda: Recipe(network="paper"),  # with the preprocessing of the other
        lambda: SplitRecipe(training=0.9),
        lambda: SplitRecipe(training=0),
        lambda: SplitRecipe(training=NAN),
        lambda: SplitRecipe(validation=-0.1),
        lambda: SplitRecipe(frontals=(-1, 3)),
        lambda: PseudoLabelConfig(minimum=0),
        lambda: PseudoLabelConfig(laterals=0),
    ],
)
def test_values_that_make_no_sense(make):
    with pytest.raises(ValueError):
        make()


def test_epochs_replace_those_of_a_recipe_that_counts_them():
    paper, default = PRESETS["paper"].recipe, PRESETS["default"].recipe
    assert with_epochs(paper, 7).main.epochs == 7
    assert with_epochs(default, None) is default
    with pytest.raises(WrongUse, match="counts steps"):
        with_epochs(default, 7)
