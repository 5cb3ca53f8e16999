"""Which layers of the TNet take the style, and how far: groups by name, or a weight for each of the nine.

Groups are switches, as in Fig. 7 of the paper: what is off is neutral (γ = 1, β = 0). A weight is a strength of one
layer: its γ, β go so far from the photograph's own style (0) towards the painting's (1). Nothing heavy is imported.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from ..errors import did_you_mean, number_expected, shortened
from ..networks.constants import DIN_LAYERS, FORMER_GROUPS, LAYER_GROUPS

Layers = tuple[str, ...] | Mapping[int, float] | str
GROUPS = tuple(LAYER_GROUPS)
LEAST, MOST = 0.0, 1.5  # of a weight, as of `strength`
EXAMPLE = "1:0.5,4-9:1"
PRESETS = {  # for those who would not choose layers by number
    "colours only": "7-9:1",
    "strokes": "1-8:1",
    "gentle edges": "1-3:0.5,4-9:1",
}
_PART = re.compile(r"(\d+)(?:\s*-\s*(\d+))?(?:\s*:\s*(.*))?")


def parsed(layers: object, called: str = "layers") -> tuple[str, ...] | dict[int, float]:
    """What `Look.layers` says: the groups that are on, by today's names; or the weights of all nine layers.

    Args:
        layers: names of groups, `("detail", "tones")` or "detail,tones"; or weights, `{1: 0.5, 4: 1}` or
            "1:0.5,4-9:1", where a group may stand for its layers: "detail:0.5,tones:1". A layer that is left out has
            the weight 0; one that is named without a weight beside others with one has 1.
        called: what the user calls it, for the messages.

    Raises:
        ValueError: a name or a layer that does not exist, a weight off its scale, a range that is reversed, a layer
            that is named twice, nothing at all.
    """
    if isinstance(layers, str):
        return _read(layers, called)
    if isinstance(layers, Mapping):
        return _weights(list(layers.items()), called)
    if isinstance(layers, Collection) and not isinstance(layers, (bytes, bytearray)):
        return _named([each for each in layers], called)
    raise ValueError(
        f"{called} is {shortened(repr(layers))} ({type(layers).__name__}): a list of names is expected, such as "
        f'["{GROUPS[0]}"], or weights, such as {{1: 0.5, 4: 1}} or "{EXAMPLE}".'
    )


def is_all(layers: tuple[str, ...] | dict[int, float]) -> bool:
    """Whether all layers take the whole style."""
    return set(layers) == set(GROUPS) or (isinstance(layers, dict) and set(layers.values()) == {1.0})


def chosen_layers(layers: object, called: str = "layers") -> tuple[int, ...]:
    """Which of the nine layers are meant, in order, where there is no more to say of one than whether it is.

    Args:
        layers: as of `parsed`, with the weights 0 and 1 alone; or numbers, `[4, 9]`.
        called: what the user calls it, for the messages.

    Raises:
        ValueError: as of `parsed`; or a layer has another weight, or none is left.
    """
    numbers = (
        [] if isinstance(layers, (str, bytes, Mapping)) else list(layers) if isinstance(layers, Collection) else []
    )
    if numbers and not any(isinstance(each, str) for each in numbers):
        found = parsed(dict.fromkeys(numbers, 1.0), called)
    else:
        found = parsed(layers, called)
    if not isinstance(found, dict):
        found = {layer: 1.0 for group in found for layer in LAYER_GROUPS[group] if layer <= DIN_LAYERS}
    for layer, weight in found.items():
        if weight not in (0, 1):
            raise ValueError(
                f"{called} gives layer {layer} the weight {weight:g}, and here a layer is in or out: leave the weight "
                f"away, as in 4-9 or {GROUPS[0]},{GROUPS[-1]}."
            )
    if not any(found.values()):
        raise ValueError(
            f"{called} is {shortened(repr(layers))}, which names none: give names ({', '.join(GROUPS)}) or 4-9."
        )
    return tuple(layer for layer, weight in found.items() if weight)


def _read(text: str, called: str) -> tuple[str, ...] | dict[int, float]:
    parts = [part.strip() for part in text.split(",")]
    if not any(parts):
        raise ValueError(f"{called} is {text!r}, which names none: give names ({', '.join(GROUPS)}) or {EXAMPLE}.")
    if not any(part[:1].isdigit() or ":" in part for part in parts):
        return _named(parts, called)
    found: list[tuple[object, object]] = []
    for part in parts:
        if (match := _PART.fullmatch(_in_numbers(part, called))) is None:
            raise ValueError(
                f"{called} has {shortened(repr(part))}, which is no layer or group with its weight, such as 4:0.5, "
                f"4-9:1 or {GROUPS[0]}:0.5 ({_numbers()})."
            )
        first, last, weight = match.groups()
        start, end = int(first), int(last or first)
        if end < start:
            raise ValueError(f"{called} has {part!r}, whose layers are the wrong way round: {end}-{start} is meant?")
        for layer in (start, end):
            _check_layer(layer, called)
        try:
            number = 1.0 if weight is None else float(weight)
        except ValueError:
            raise ValueError(f"{called} has {shortened(repr(part))}: {_expected()} after the colon.") from None
        found += [(layer, number) for layer in range(start, end + 1)]
    return _weights(found, called)


def _in_numbers(part: str, called: str) -> str:
    """ "detail:0.5" as "1-3:0.5"; what does not begin with the letter of a name stays as it is."""
    if not part[:1].isalpha():
        return part
    name, colon, weight = part.partition(":")
    (group,) = _named([name.strip()], called)
    first, last = _ends(group)
    return f"{first}-{last}{colon}{weight}"


def _ends(group: str) -> tuple[int, int]:
    """The first and the last DIN layer of a group; a norm of colours that goes with it is no layer with a number."""
    numbers = [layer for layer in LAYER_GROUPS[group] if layer <= DIN_LAYERS]
    return numbers[0], numbers[-1]


def _named(names: Sequence[object], called: str) -> tuple[str, ...]:
    for name in names:
        if not isinstance(name, str) or name not in (*GROUPS, *FORMER_GROUPS):
            hint = did_you_mean(name, (*GROUPS, *FORMER_GROUPS)) if isinstance(name, str) else ""
            hint = f" {hint}" if hint else f": choose from {', '.join(GROUPS)}, or give weights, such as {EXAMPLE}."
            raise ValueError(
                f"{called} has {shortened(repr(name))}, which does not exist{'.' if hint[0] == ' ' else ''}{hint}"
            )
    wanted = {FORMER_GROUPS.get(str(name), str(name)) for name in names}
    return tuple(group for group in GROUPS if group in wanted)


def _weights(pairs: list[tuple[object, object]], called: str) -> dict[int, float]:
    if not pairs:
        raise ValueError(f"{called} is empty: give weights, such as {{1: 0.5, 4: 1}}, or names.")
    found: dict[int, float] = {}
    for layer, weight in pairs:
        number = _check_layer(layer, called)
        if number in found:
            raise ValueError(f"{called} names layer {number} twice: one weight is expected.")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not LEAST <= weight <= MOST:
            raise ValueError(f"{called} gives layer {number} the weight {shortened(repr(weight))}: {_expected()}.")
        found[number] = float(weight)
    return {layer: found.get(layer, 0.0) for layer in range(1, DIN_LAYERS + 1)}


def _check_layer(layer: object, called: str) -> int:
    if isinstance(layer, bool) or not isinstance(layer, int) or not 1 <= layer <= DIN_LAYERS:
        raise ValueError(
            f"{called} has the layer {shortened(repr(layer))}, which does not exist: they are 1 to {DIN_LAYERS}."
        )
    return layer


def _expected() -> str:
    return f"{number_expected(False, LEAST, MOST, 1)} is expected"


def _numbers() -> str:
    return ", ".join("{} is {}-{}".format(name, *_ends(name)) for name in GROUPS)
