"""What the nodes' schemas have in common."""

from __future__ import annotations

import dataclasses

from comfy_api.latest import io

CATEGORY = "ZM-Net"
Model = io.Custom("ZMNET_MODEL")
StyleType = io.Custom("ZMNET_STYLE")

_KNOWN = {field.name for field in dataclasses.fields(io.Schema)}


def schema(**fields: object) -> io.Schema:
    """An io.Schema in our category, without the fields that an older ComfyUI does not know."""
    return io.Schema(**{name: value for name, value in {"category": CATEGORY, **fields}.items() if name in _KNOWN})


def optional_model(id: str = "model") -> io.Input:
    """The model socket of nodes whose STYLE usually carries its model."""
    return Model.Input(
        id,
        optional=True,
        tooltip="Not needed where the style comes from Encode Style: it carries its model. "
        "Connect Load ZM-Net for a style loaded from a file.",
    )


def slider(id: str, default: float, min: float, max: float, step: float, tooltip: str, **more: object) -> io.Input:
    """A number that is set by a slider."""
    shown = io.NumberDisplay.slider
    return io.Float.Input(
        id, default=default, min=min, max=max, step=step, display_mode=shown, tooltip=tooltip, **more
    )


def strength() -> io.Input:
    """How far the pictures go towards the style."""
    return slider(
        "strength",
        default=1.0,
        min=0.0,
        max=1.5,
        step=0.05,
        tooltip="0: nearly the photograph, 1: the style, above 1: more than the style. Another value than 1 costs a "
        "little time: the photograph's own style is encoded too.",
    )


def keep_colour() -> io.Input:
    """Brightness from the stylised picture, colour from the photograph."""
    return io.Boolean.Input(
        "keep_colour",
        default=False,
        tooltip="Take only light, dark and texture from the style; the colours stay the photograph's.",
    )


def calm() -> io.Input:
    """How much grain is taken out of flat places.

    Behind the first inputs and optional, as `brush` is, so that workflows saved before there was one keep their
    values and run.
    """
    return slider(
        "calm",
        optional=True,
        default=0.0,
        min=0.0,
        max=1.0,
        step=0.05,
        tooltip="Takes grain and weave out of skies, walls and what else is flat in the photograph. 0: as the network "
        "paints them, 1: smooth.",
    )


def brush() -> io.Input:
    """How large the strokes are."""
    return slider(
        "brush",
        optional=True,
        default=1.0,
        min=1.0,
        max=4.0,
        step=0.25,
        tooltip="Strokes so many times as large: the picture is painted at 1 / brush of its size and enlarged, which "
        "is faster too. 2 suits pictures from 1024 px on; fine detail of the photograph is lost.",
    )


def bold() -> io.Input:
    """How boldly to paint."""
    return slider(
        "bold",
        optional=True,
        default=0.5,
        min=0.0,
        max=1.0,
        step=0.05,
        tooltip="How boldly to paint, of a model that can be told (zmnet-bold). 0: faithful to the photograph, 1: the "
        "painting's manner before all. Other models are used at 0.5.",
    )


TILES = {"auto": None, "off": 0, "256": 256, "512": 512, "1024": 1024, "2048": 2048}


def tile() -> io.Input:
    """Side of the tiles for large pictures."""
    return io.Combo.Input(
        "tile",
        options=list(TILES),
        default="auto",
        tooltip="Large pictures go through in tiles without seams. auto: in one piece up to 2048 x 2048 pixels, "
        "else tiles of 1024. Smaller tiles need less memory and more time. When memory runs out, smaller tiles "
        "are tried by themselves.",
    )


def chosen(value: str, options: object, what: str) -> str:
    """The value of a drop-down, checked (not every ComfyUI does).

    Raises:
        ValueError: it is none of the options.
    """
    if value not in options:
        raise ValueError(f"{what} is '{value}'; choose one of {', '.join(options)}.")
    return value
