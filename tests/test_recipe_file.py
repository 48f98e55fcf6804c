"""A recipe written and read back is the same recipe; a wrong file is named with its place."""

import pytest

from cxrview.errors import MissingInput, WrongUse
from cxrview.training.augment import Augmentation
from cxrview.training.recipe import (
    PRESETS,
    GateRecipe,
    PseudoLabelConfig,
    Schedule,
    SplitRecipe,
    ViewRecipe,
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


@pytest.mark.parametrize(
    "text",
    [
        "[view.main]\nepochs = 3\npeak_learning_rate = 1\n[view.main.augmentation]\nrotation = 10",
        "[view.main]\npasses = 3\npeak_rate = 1\n[view.main.augmentation]\nturn = 10",
    ],
    ids=["keys of today", "keys of version 0.1"],
)
def test_a_file_changes_only_what_it_names(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(f'base = "paper"\nhas_gate = true\n{text}\n[split]\nfrontals = [10, 5]\n')
    recipe, base = read_recipe(path)
    main, old = recipe.view.main, PRESETS["paper"].recipe.view.main
    assert base == "paper"
    assert (main.epochs, main.peak_learning_rate, main.augmentation.rotation) == (3, 1, 10)
    assert (main.laterals, main.augmentation.shear) == (old.laterals, old.augmentation.shear)
    assert recipe.split.frontals == (10, 5)
    assert recipe.gate == GateRecipe()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("views = 3", "no such setting: views; known: gate, pseudo_labels, refused_share, split"),
        ("[view.main]\nstep = 3", r"\[view\], \[main\]: no such setting: step"),
        ("view = 3", "view is a table"),
        ("refused_share = 'all'", "refused_share is 'all', expected a value like 0.02"),
        ("refused_share = nan", "refused_share is nan"),
        ("refused_share = 1.5", "refused_share is 1.5, expected 0 to 1"),
        ("[view]\nphantoms = true", "phantoms is True"),
        ("[view]\nphantoms = -1", "phantoms is -1"),
        ("[view]\nphantom_side = 0", "phantom_side is 0"),
        ("[view]\npreprocessing = 'best'", "preprocessing is 'best', expected one of film"),
        ("[view]\nrotate_laterals = 1", "rotate_laterals is 1"),
        ("[split]\nfrontals = 3", "frontals is 3"),
        ("[split]\nfrontals = [3]", "frontals is"),
        ("[view.main]\nsteps = 0", "either steps or epochs"),
        ("[view.main]\nbatch = 1000000000000", "batch is"),
        ("[view.main]\npositive_share = inf", "positive_share is inf"),
        ("[view.main]\npositive_share = 1.0", "needs both classes"),
        ("[view.main.augmentation]\nmirror = 2.0", "mirror is 2.0, expected 0 to 1"),
        ("[view.main.augmentation]\nrotation = -1.0", "rotation is -1.0"),
        ("base = 'best'", "base is 'best', expected one of default, thorough, few, paper, open"),
        ("base = []", "base is"),
        ("[view", "not TOML"),
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
        lambda: ViewRecipe(phantom_frontals=NAN),
        lambda: GateRecipe(pretraining_steps=-1),
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
    assert with_epochs(paper, 7).view.main.epochs == 7
    assert with_epochs(default, None) is default
    with pytest.raises(WrongUse, match="counts steps"):
        with_epochs(default, 7)
