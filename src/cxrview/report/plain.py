"""Dataclasses <-> plain values that JSON holds; enums are values, tuples are lists."""

import types
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Made = TypeVar("Made")


def plain(value: Any) -> Any:
    """A value of dataclasses, enums, tuples, dicts, text and numbers -> what JSON holds."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(held) for key, held in value.items()}
    if isinstance(value, tuple | list):
        return [plain(held) for held in value]
    return value.value if isinstance(value, Enum) else value


def made(kind: Any, value: Any) -> Any:
    """The inverse of `plain`: `kind` is the type, as it is written in a dataclass."""
    origin, inner = get_origin(kind), get_args(kind)
    if value is None:
        return None
    if origin is types.UnionType:  # X | None
        return made(next(one for one in inner if one is not type(None)), value)
    if origin is tuple:
        return tuple(made(inner[0], held) for held in value)
    if origin is dict:
        return {key: made(inner[1], held) for key, held in value.items()}
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{name: made(hints[name], held) for name, held in value.items()})
    return kind(value)
