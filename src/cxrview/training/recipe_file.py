"""Recipes as TOML: tables and keys named as in the recipe; what is left out keeps its default."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from cxrview.errors import MissingInput, WrongUse
from cxrview.training.recipe import PRESETS, GateRecipe, Recipe

BASE = "base"  # the name of the preset that a file changes
HAS_GATE = "has_gate"  # TOML has no null
RENAMED = {  # keys of version 0.1, accepted for one release
    "passes": "epochs",
    "peak_rate": "peak_learning_rate",
    "has_cosine": "cosine_decay",
    "decay": "rms_decay",
    "keeps_best": "keep_best",
    "share": "positive_share",
    "turn": "rotation",
    "photo": "photometric",
    "preparation": "preprocessing",
    "start": "pretraining",
    "start_steps": "pretraining_steps",
    "turns_laterals": "rotate_laterals",
    "least": "minimum",
    "pseudo": "pseudo_labels",
    "refused": "refused_share",
}


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


def _tables(values: Mapping[str, Any], path: str) -> Iterator[str]:
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    if path:
        yield f"\n[{path}]"
    yield from (f"{key} = {_toml(value)}" for key, value in plain.items())
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _tables(value, f"{path}.{key}" if path else key)


def recipe_text(recipe: Recipe, base: str) -> str:
    """Return the recipe as TOML, fully resolved: nothing is left to defaults that may change."""
    values = asdict(recipe)
    if recipe.gate is None:
        del values["gate"]
    return "\n".join(_tables({BASE: base, HAS_GATE: recipe.gate is not None, **values}, "")) + "\n"


def _has_type_of(old: Any, new: Any) -> bool:
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, float):
        return isinstance(new, int | float) and math.isfinite(new)
    if isinstance(old, tuple):
        integers = isinstance(new, list) and all(type(one) is int for one in new)
        return integers and len(new) == len(old)
    return isinstance(new, type(old))


def _changed(thing: Any, values: Mapping[str, Any], where: str) -> Any:
    """Return a dataclass with the values of a table in place of its own."""
    known = {field.name for field in fields(thing)}
    changes: dict[str, Any] = {}
    for key, new in values.items():
        name = key if key in known else RENAMED.get(key, key)
        if name not in known:
            raise WrongUse(f"{where}: no such setting: {key}; known: {', '.join(sorted(known))}")
        old = getattr(thing, name)
        if is_dataclass(old):
            if not isinstance(new, dict):
                raise WrongUse(f"{where}: {key} is a table")
            changes[name] = _changed(old, new, f"{where}, [{key}]")
        elif not _has_type_of(old, new):
            raise WrongUse(f"{where}: {key} is {new!r}, expected a value like {_toml(old)}")
        else:
            changes[name] = tuple(new) if isinstance(old, tuple) else new
    try:
        return replace(thing, **changes)
    except ValueError as error:
        raise WrongUse(f"{where}: {error}") from error


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WrongUse(f"{path}: not TOML: {error}") from error


def read_recipe(path: Path) -> tuple[Recipe, str]:
    """Return the recipe in a TOML file and the name of the preset that it changes.

    Raises MissingInput if there is no such file; WrongUse, naming the place, for what is no TOML,
    unknown settings and impossible values.
    """
    values = _parsed(path)
    base = values.pop(BASE, "default")
    if not isinstance(base, str) or base not in PRESETS:
        raise WrongUse(f"{path}: base is {base!r}, expected one of {', '.join(PRESETS)}")
    recipe = PRESETS[base].recipe
    has_gate = values.pop(HAS_GATE, recipe.gate is not None)
    recipe = replace(recipe, gate=(recipe.gate or GateRecipe()) if has_gate else None)
    changed: Recipe = _changed(recipe, values, str(path))
    return changed, base


def find_recipe(name: str) -> tuple[Recipe, str]:
    """Return the recipe of a preset's name or of a .toml file, and its preset's name.

    Raises WrongUse, MissingInput.
    """
    if name in PRESETS:
        return PRESETS[name].recipe, name
    if name.endswith(".toml"):
        return read_recipe(Path(name))
    raise WrongUse(f"no recipe {name!r}: {', '.join(PRESETS)}, or a file that ends in .toml")


def with_epochs(recipe: Recipe, epochs: int | None) -> Recipe:
    """Return the recipe with another number of epochs; WrongUse where it counts steps instead."""
    if epochs is None:
        return recipe
    main = recipe.view.main
    if not main.epochs:
        raise WrongUse("--epochs: this recipe counts steps; set [view.main] steps in a file")
    try:
        return replace(recipe, view=replace(recipe.view, main=replace(main, epochs=epochs)))
    except ValueError as error:
        raise WrongUse(f"--epochs: {error}") from error
