"""What the nodes' schemas have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from typing import Any

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


def grown(id: str, sockets: list[io.Input], always: int) -> list[io.Input]:
    """The first sockets, and the others in one input, which ComfyUI (where it can) shows one by one as needed."""
    if not hasattr(io, "Autogrow"):
        return sockets
    names = [socket.id for socket in sockets[always:]]
    template = io.Autogrow.TemplateNames(sockets[always], names=names, min=0)
    return [*sockets[:always], io.Autogrow.Input(id, template=template, optional=True)]


def plainly_named(inputs: dict[str, Any], groups: Iterable[str]) -> dict[str, Any]:
    """The sockets by their plain names, whatever ComfyUI calls them. One without growing sockets knows no
    "styles.style_3" of a workflow from one with them, and passes it on as it is.

    Args:
        groups: the ids of the inputs that grow.

    Raises:
        ValueError: a socket is connected under both of its names.
    """
    plain = dict(inputs)
    for group in groups:
        for name, value in (plain.pop(group, None) or {}).items():
            plain[f"{group}.{name}"] = value
        for name in [name for name in plain if name.startswith(f"{group}.")]:
            short = name.removeprefix(f"{group}.")
            if plain.get(short) is not None:
                raise ValueError(
                    f"{short} is connected twice: this workflow comes from another version of ComfyUI, and has a "
                    "socket of that name for either. Connect one of the two."
                )
            plain[short] = plain.pop(name)
    return plain
