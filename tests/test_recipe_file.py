"""A recipe written and read back is the same recipe; a wrong file is named with its place."""

import pytest

from cxrview.errors import MissingInput, WrongUse
from cxrview.training.kinds import KINDS
from cxrview.training.recipe import GateRecipe
from cxrview.training.recipe_file import read_recipe, recipe_text

BASES = {name: kind.recipe for name, kind in KINDS.items()}


@pytest.mark.parametrize("written", BASES)
@pytest.mark.parametrize("named", BASES)
def test_a_resolved_recipe_reads_back_whatever_the_defaults_become(tmp_path, written, named):
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text(BASES[written], base=named))
    assert read_recipe(path, BASES) == (BASES[written], named)


def test_a_file_changes_only_what_it_names(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'base = "paper"\nhas_gate = true\n[view.main]\npasses = 3\npeak_rate = 1\n'
        "[view.main.augmentation]\nturn = 10\n[split]\nfrontals = [10, 5]\n"
    )
    recipe, base = read_recipe(path, BASES)
    main, old = recipe.view.main, BASES["paper"].view.main
    assert base == "paper"
    assert (main.passes, main.peak_rate, main.augmentation.turn) == (3, 1, 10)
    assert (main.laterals, main.augmentation.shear) == (old.laterals, old.augmentation.shear)
    assert recipe.split.frontals == (10, 5)
    assert recipe.gate == GateRecipe()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("views = 3", "no such setting: views; known: gate, pseudo, refused, split, view"),
        ("[view.main]\nstep = 3", r"\[view\], \[main\]: no such setting: step"),
        ("view = 3", "view is a table"),
        ("refused = 'all'", "refused is 'all', wanted something like 0.009"),
        ("[view]\nphantoms = true", "phantoms is True"),
        ("[view]\nturns_laterals = 1", "turns_laterals is 1"),
        ("[split]\nfrontals = 3", "frontals is 3"),
        ("[view.main]\nsteps = 0", "either steps or passes"),
        ("base = 'best'", "base is 'best', wanted one of default, thorough, few, paper, open"),
        ("[view", "not TOML"),
    ],
)
def test_wrong_recipes_are_named_with_their_place(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(WrongUse, match=words):
        read_recipe(path, BASES)


def test_an_absent_recipe(tmp_path):
    with pytest.raises(MissingInput, match="No such file"):
        read_recipe(tmp_path / "mine.toml", BASES)


def test_a_gate_takes_no_steps_back():
    with pytest.raises(ValueError, match="not negative"):
        GateRecipe(start_steps=-1)
