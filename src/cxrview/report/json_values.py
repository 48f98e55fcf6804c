"""Dataclasses <-> plain values for JSON: enums become their values, tuples become lists."""

import types
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints


def to_plain(value: Any) -> Any:
    """A value of dataclasses, enums, tuples, dicts, text and numbers -> what JSON holds."""
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def from_plain(kind: Any, value: Any) -> Any:
    """The inverse of `to_plain`: `kind` is a type as dataclasses annotate it.

    Raises TypeError, ValueError, KeyError or AttributeError where the value does not fit.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if value is None:
        return None
    if origin is types.UnionType:  # X | None
        return from_plain(next(one for one in inner if one is not type(None)), value)
    if origin is tuple:
        return tuple(from_plain(inner[0], item) for item in value)
    if origin is dict:
        return {key: from_plain(inner[1], item) for key, item in value.items()}
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{name: from_plain(hints[name], item) for name, item in value.items()})
    return kind(value)
