"""The inputs that say which layers take the style: switches, presets, weights."""

from __future__ import annotations

from comfy_api.latest import io

from ._core import core
from ._schema import chosen

SWITCHES, OWN = "switches", "own weights"


def layer_choice() -> io.Input:
    """Which layers take the style: by the three switches, by a preset, or by weights of one's own."""
    return io.Combo.Input(
        "layers",
        options=[SWITCHES, *core("styling.layering").PRESETS, OWN],
        default=SWITCHES,
        optional=True,
        tooltip="Which layers take the style. switches: those that are on above. colours only: light and colours "
        "come from the painting, edges and texture stay the photograph's. strokes: edges and texture come from the "
        "painting, and most of the photograph's light and colours stays. gentle edges: the painting's style, but only "
        "half of its edges. own weights: as layer_weights says. Where the style does not reach, the photograph's own "
        "remains.",
    )


def layer_weights() -> io.Input:
    """The weights of one's own."""
    return io.String.Input(
        "layer_weights",
        default=core("styling.layering").EXAMPLE,
        optional=True,
        tooltip="Only for own weights: how far each of the layers 1 to 9 takes the style, from 0 to 1.5, such as "
        "1:0.5,4-9:1. A layer that is left out does not take it. Strength multiplies all of them. Layers 1-3 carry "
        "mostly edges, 4-8 a little texture, 9 light and colours.",
    )


def layers_of(choice: str, weights: str, switches: dict[str, bool]) -> object:
    """What the library takes as `layers`."""
    presets = core("styling.layering").PRESETS
    if chosen(choice, [SWITCHES, *presets, OWN], "layers") == OWN:
        return core("styling.layering").parsed(weights, "layer_weights")
    return tuple(name for name, on in switches.items() if on) if choice == SWITCHES else presets[choice]


def layer_switch(id: str, name: str, what: str, numbers: str) -> io.Input:
    """The switch of one group of layers. Its name is not always its id, which is what saved workflows hold."""
    return io.Boolean.Input(
        id,
        display_name=name,
        default=True,
        tooltip=f"Whether the style reaches DIN layers {numbers}, which carry {what}. Turned off, these layers "
        "are neutral (Fig. 7 of the paper), which is an effect of its own.",
    )
