"""What a description of networks may say. A config.json can come from anybody, so each value is looked at before it is
used.

The options and their types are those of the networks' own `TypedDict`s; numbers have their range there, too.
"""

from __future__ import annotations

import numbers
import types
import typing
from collections.abc import Mapping, Sequence
from reprlib import repr as shortened
from typing import Annotated, Any, NamedTuple

from ..errors import number_expected


class Span(NamedTuple):
    """The whole numbers that an option takes, both ends included."""

    least: int
    most: int


Count = Annotated[int, Span(1, 2**16)]  # of channels, of a vector's numbers, of pixels
Depth = Annotated[int, Span(0, 64)]  # of layers one after the other
Length = Annotated[int, Span(0, 2**12)]  # of a sequence


def check_options(options: object, kind: type, what: str) -> None:
    """Refuse options whose values cannot be. Options that `kind` does not know are left to the network, which refuses
    them.

    Args:
        kind: a `TypedDict` of the options.
        what: what they describe, for messages.

    Raises:
        ValueError: the options are no mapping, or a value has another type or is out of its range.
    """
    if not isinstance(options, Mapping):
        raise ValueError(f"{what} is {shortened(options)}, and options by name are expected")
    hints = typing.get_type_hints(kind, include_extras=True)
    for name, value in options.items():
        if name in hints and not _is(value, hints[name]):
            raise ValueError(f"{what}.{name} is {shortened(value)}, and {_in_words(hints[name])} is expected")


def _is(value: object, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        span = inner[1]
        return _is(value, inner[0]) and span.least <= typing.cast(int, value) <= span.most
    if origin in (typing.Union, types.UnionType):
        return any(_is(value, each) for each in inner)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(_is(k, inner[0]) and _is(v, inner[1]) for k, v in value.items())
    if origin is not None and issubclass(origin, Sequence):
        return isinstance(value, Sequence) and not isinstance(value, str) and all(_is(each, inner[0]) for each in value)
    if hint is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return isinstance(value, hint)


def _in_words(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return number_expected(True, inner[1].least, inner[1].most)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("null" if each is type(None) else _in_words(each) for each in inner)
    if origin is not None and issubclass(origin, Mapping):
        return "lists of words by name"
    if origin is not None:
        return "a list of words"
    return {bool: "true or false", str: "a word"}[hint]
