"""What the nodes' schemas have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from comfy_api.latest import io

from ._core import core

CATEGORY = "ZM-Net"
Model = io.Custom("ZMNET_MODEL")
StyleType = io.Custom("ZMNET_STYLE")

USUAL, WALK = core("styling.look").Look(), core("styling.look").Walk()

_KNOWN = {field.name for field in dataclasses.fields(io.Schema)}


def schema(**fields: object) -> io.Schema:
    """An io.Schema in our category, without the fields that an older ComfyUI does not know."""
    return io.Schema(**{name: value for name, value in {"category": CATEGORY, **fields}.items() if name in _KNOWN})


def optional_model(id: str = "model") -> io.Input:
    """The model socket of nodes whose STYLE usually carries its model."""
    return Model.Input(
        id,
        optional=True,
        tooltip="Rarely needed: a style carries the model that made it. Connect Load ZM-Net only if a style was loaded "
        "from a file and its model is not in the list of that node.",
    )


def knob(name: str, of: str = "Look", **more: object) -> io.Input:
    """The input of one knob of the library (`zmnet_core.styling.look`): its default, range, step and words.

    What came after the first release stands behind the other inputs and is optional, so that workflows saved before
    keep their values and run.
    """
    look = core("styling.look")
    found = look.knobs_of(getattr(look, of))[name]
    options = {"default": look.default_of(getattr(look, of), name), "tooltip": found.help, **more}
    if found.least is None:
        return io.Boolean.Input(name, **options)
    options |= {"min": found.least, "max": found.most, "step": found.step}
    if found.whole:
        return io.Int.Input(name, **options)
    return io.Float.Input(name, display_mode=io.NumberDisplay.slider, **options)


AUTO = "auto"
TILES = {AUTO: None, "off": 0, "256": 256, "512": 512, "1024": 1024, "2048": 2048}


def tile() -> io.Input:
    """Side of the tiles for large pictures: a choice, as people set it rarely."""
    return io.Combo.Input("tile", options=list(TILES), default=AUTO, tooltip=_choice("tile"))


DRAFTS = {AUTO: None, "off": 0, "256": 256, "384": 384, "512": 512, "768": 768}


def draft() -> io.Input:
    """Side of the draft of large pictures."""
    return io.Combo.Input("draft", options=list(DRAFTS), default=AUTO, optional=True, tooltip=_choice("draft"))


STEADY = core("styling.look").STEADY


def steady() -> io.Input:
    """What the frames of a clip go by."""
    text = core("styling.look").STEADY_HELP
    return io.Combo.Input("steady", options=list(STEADY), default=STEADY[0], optional=True, tooltip=text)


def _choice(name: str) -> str:
    """The library's text, which speaks of numbers and of leaving them out, for a drop-down."""
    return f"auto leaves the choice to the program, off means 0. {core('styling.look').KNOBS[name].help}"


def chosen(value: str, options: Collection[str], what: str) -> str:
    """The value of a drop-down, checked (not every ComfyUI does).

    Raises:
        ValueError: it is none of the options.
    """
    if value not in options:
        raise ValueError(f"{what} is '{value}'; choose one of {', '.join(options)}.")
    return value
