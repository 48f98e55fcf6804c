"""Recipes as TOML: tables and keys named as in the recipe; what is left out keeps its default."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from cxrview.errors import MissingInput, WrongUse
from cxrview.training.recipe import DEFAULT_RECIPE, PRESETS, Recipe

BASE_KEY = "base"  # the name of the preset that a file changes


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    return repr(value)


def _toml_tables(values: Mapping[str, Any], path: str) -> Iterator[str]:
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    if path:
        yield f"\n[{path}]"
    yield from (f"{key} = {_toml_value(value)}" for key, value in plain.items())
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _toml_tables(value, f"{path}.{key}" if path else key)


def recipe_text(recipe: Recipe, base: str) -> str:
    """Return the recipe as TOML, fully resolved: nothing is left to defaults that may change."""
    return "\n".join(_toml_tables({BASE_KEY: base, **asdict(recipe)}, "")) + "\n"


def _fits(declared: Any, default: Any, override: Any) -> bool:
    """Whether a value can stand for one of a field's type; integers can for real numbers."""
    if isinstance(override, bool):
        return declared is bool
    if declared is float:
        return isinstance(override, int | float)
    if isinstance(default, tuple):
        integers = isinstance(override, list) and all(type(one) is int for one in override)
        return integers and len(override) == len(default)
    return isinstance(override, declared)


def _with_overrides(config: Any, overrides: Mapping[str, Any], place: str) -> Any:
    """Return a dataclass with the values of a table in place of its own.

    place: the file and table, for messages.
    """
    known = {field.name: field.type for field in fields(config)}
    changes: dict[str, Any] = {}
    for key, override in overrides.items():
        if key not in known:
            raise WrongUse(f"{place}: no such setting: {key}; known: {', '.join(sorted(known))}")
        default = getattr(config, key)
        if is_dataclass(default):
            if not isinstance(override, dict):
                raise WrongUse(f"{place}: {key} is a table")
            changes[key] = _with_overrides(default, override, f"{place}, [{key}]")
        elif not _fits(known[key], default, override):
            raise WrongUse(
                f"{place}: {key} is {override!r}, expected a value like {_toml_value(default)}"
            )
        else:
            changes[key] = tuple(override) if isinstance(default, tuple) else override
    try:
        return replace(config, **changes)
    except ValueError as error:
        raise WrongUse(f"{place}: {error}") from error


def _parse_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # also for a number of too many digits
        raise WrongUse(f"{path}: not TOML: {error}") from error


def read_recipe(path: Path) -> tuple[Recipe, str]:
    """Return the recipe in a TOML file and the name of the preset that it changes.

    Raises MissingInput if there is no such file; WrongUse, naming the place, for what is no TOML,
    unknown settings and impossible values.
    """
    overrides = _parse_toml(path)
    base = overrides.pop(BASE_KEY, "default")
    if not isinstance(base, str) or base not in PRESETS:
        raise WrongUse(f"{path}: base is {base!r}, expected one of {', '.join(PRESETS)}")
    changed: Recipe = _with_overrides(PRESETS[base].recipe, overrides, str(path))
    return changed, base


def recipe_of(values: Mapping[str, Any], place: str) -> Recipe:
    """Return the recipe with these values, as a model's card holds them; raises WrongUse.

    place: where the values come from, for messages. What is left out has its default.
    """
    recipe: Recipe = _with_overrides(DEFAULT_RECIPE, values, place)
    return recipe


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
    if not recipe.main.epochs:
        raise WrongUse("--epochs: this recipe counts steps; set [main] steps in a file")
    try:
        return replace(recipe, main=replace(recipe.main, epochs=epochs))
    except ValueError as error:
        raise WrongUse(f"--epochs: {error}") from error
