"""A recipe <-> TOML: every table and value named as in the recipe, what is left out its default."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from cxrview.errors import MissingInput, WrongUse
from cxrview.training.recipe import GateRecipe, Recipe

BASE = "base"  # the name of the recipe that a file changes
NO_GATE = "has_gate"  # TOML has no null


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _tables(values: Mapping[str, Any], path: str) -> Iterator[str]:
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    if path:
        yield f"\n[{path}]"
    yield from (f"{key} = {_value(value)}" for key, value in plain.items())
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _tables(value, f"{path}.{key}" if path else key)


def recipe_text(recipe: Recipe, base: str) -> str:
    """As TOML, resolved: nothing is left to defaults that may change."""
    values = asdict(recipe)
    if recipe.gate is None:
        del values["gate"]
    return "\n".join(_tables({BASE: base, NO_GATE: recipe.gate is not None, **values}, "")) + "\n"


def _fitting(old: Any, new: Any) -> bool:
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, float):
        return isinstance(new, int | float)
    if isinstance(old, tuple):
        return isinstance(new, list) and all(isinstance(one, int) for one in new)
    return isinstance(new, type(old))


def _changed(thing: Any, values: Mapping[str, Any], where: str) -> Any:
    """A dataclass with the values of a table in place of its own."""
    known = {field.name for field in fields(thing)}
    made: dict[str, Any] = {}
    for key, new in values.items():
        if key not in known:
            raise WrongUse(f"{where}: no such setting: {key}; known: {', '.join(sorted(known))}")
        old = getattr(thing, key)
        if is_dataclass(old):
            if not isinstance(new, dict):
                raise WrongUse(f"{where}: {key} is a table")
            made[key] = _changed(old, new, f"{where}, [{key}]")
        elif not _fitting(old, new):
            raise WrongUse(f"{where}: {key} is {new!r}, wanted something like {_value(old)}")
        else:
            made[key] = tuple(new) if isinstance(old, tuple) else new
    try:
        return replace(thing, **made)
    except ValueError as error:
        raise WrongUse(f"{where}: {error}") from error


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path}: not TOML: {error}") from error


def read_recipe(path: Path, bases: Mapping[str, Recipe]) -> tuple[Recipe, str]:
    """A file -> the recipe, and the name of the one that it changes ("default" unless it says).

    Raises MissingInput if there is no such file; WrongUse, naming the place, for what is no TOML,
    unknown settings and values that cannot be.
    """
    values = _parsed(path)
    base = values.pop(BASE, "default")
    if base not in bases:
        raise WrongUse(f"{path}: base is {base!r}, wanted one of {', '.join(bases)}")
    recipe = bases[base]
    has_gate = values.pop(NO_GATE, recipe.gate is not None)
    recipe = replace(recipe, gate=(recipe.gate or GateRecipe()) if has_gate else None)
    changed: Recipe = _changed(recipe, values, str(path))
    return changed, base
