"""Apply ZM-Net and Animate Styles: pictures in, stylised pictures out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from comfy_api.latest import io

from ._core import core
from ._layers import SWITCHES, layer_choice, layer_switch, layer_weights, layers_of
from ._models import CarriedStyle, LoadedModel
from ._progress import Progress
from ._schema import (
    AUTO,
    DRAFTS,
    STEADY,
    TILES,
    USUAL,
    WALK,
    StyleType,
    chosen,
    draft,
    knob,
    optional_model,
    schema,
    steady,
    tile,
)
from ._tensors import Masks, Pictures, joined, pictures, tell_of_other_length

if TYPE_CHECKING:
    from torch import Tensor

    from zmnet_core.styling.look import Look
    from zmnet_core.styling.plan import Plan
    from zmnet_core.styling.regions import AnyStyle


def plan_of(model: LoadedModel, contents: Pictures, look: Look) -> Plan:
    """How the core will paint pictures of this size: what the progress bar and the memory manager are told."""
    return core("styling.plan").plan(model.net.reviser, *contents.shape, look.brush, look.tile, look.draft)


def following(style: AnyStyle, count: int) -> Callable[[int], AnyStyle]:
    """The style of each of `count` pictures, by its index.

    Of regions with several masks those follow the pictures. Another number of them is repeated or cut short, as of a
    mask (`_tensors.Masks`), with the same word in the log.

    Raises:
        ValueError: there are several styles, and not as many as pictures.
    """
    if len(style) not in (1, count) and any(len(each) > 1 for each in core("styling.regions").members(style)):
        raise ValueError(f"{len(style)} styles for {count} pictures: give one, or one for each picture.")
    tell_of_other_length(len(style), count)
    return lambda index: style[index % len(style)]


def shared_knobs() -> list[io.Input]:
    """The last inputs of both nodes."""
    return [
        *(knob("keep_colour"), tile(), knob("calm", optional=True), knob("brush", optional=True), draft()),
        knob("palette", optional=True),
        steady(),
        knob("match", optional=True),
        palette_of(),
    ]


def palette_of() -> io.Input:
    """A picture or a style whose colours are taken in place of the painting's."""
    text = core("styling.look").KNOBS["palette_of"].help
    return io.MultiType.Input("palette_of", types=[io.Image, StyleType], optional=True, tooltip=text)


def colours_of(given: Tensor | CarriedStyle | None) -> object:
    """What the library takes as `palette_of`, of an IMAGE or a STYLE."""
    if given is None:
        return None
    return given.style if isinstance(given, CarriedStyle) else pictures(given, "palette_of")[0]


def look_of(tile: str, draft: str, **knobs: object) -> Look:
    """The look of a node's inputs. A `palette_of` that nothing goes by is left out, with a word in the log: its wire
    may stay while sliders are moved.
    """
    if knobs["palette_of"] is not None and not knobs["palette"] and not knobs["match"]:
        logging.getLogger(__name__).warning("palette_of is not used: palette and match are both 0.")
        knobs["palette_of"] = None
    tiles, drafts = TILES[chosen(tile, TILES, "tile")], DRAFTS[chosen(draft, DRAFTS, "draft")]
    return core("styling.look").Look(tile=tiles, draft=drafts, **knobs)


class ApplyZMNet(io.ComfyNode):
    """Pictures + style → stylised pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetApply",
            display_name="Apply ZM-Net",
            description="Restyles pictures of any size in one pass of a small network. The result is as large as the "
            "picture, and transparency is kept.",
            search_aliases=[
                *(
                    "style transfer",
                    "neural style",
                    "painting",
                    "paint",
                    "brush",
                    "brush strokes",
                    "art",
                    "artistic style",
                ),
                *(
                    "stylize",
                    "restyle",
                    "filter",
                    "texture",
                    "palette",
                    "oil painting",
                    "watercolor",
                    "impressionism",
                    "van gogh",
                ),
                *("AdaIN", "zmnet apply"),
            ],
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="The photograph, or a batch of photographs, in RGB or RGBA.",
                ),
                StyleType.Input(
                    "style",
                    tooltip="The style to apply, from Encode Style, Encode Attribute, Blend Styles or Load Style.",
                ),
                optional_model(),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the style goes: white places are stylised, black ones stay as in the photograph, "
                    "grey ones lie between. The mask may have any size. Give one for all pictures, or one for each; a "
                    "batch of another length is repeated or cut short.",
                ),
                knob("strength"),
                layer_switch("detail", "detail", "mostly edges and detail", "1-3"),
                layer_switch("colour", "weave", "a little of the texture and hardly any colour", "4-6"),
                layer_switch("texture", "tones", "light and colours", "7-9"),
                *shared_knobs(),
                layer_choice(),
                layer_weights(),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The stylised pictures.")],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        style: CarriedStyle,
        model: LoadedModel | None = None,
        mask: Tensor | None = None,
        strength: float = USUAL.strength,
        detail: bool = True,
        colour: bool = True,
        texture: bool = True,
        keep_colour: bool = USUAL.keep_colour,
        tile: str = AUTO,
        calm: float = USUAL.calm,
        brush: float = USUAL.brush,
        draft: str = AUTO,
        palette: float = USUAL.palette,
        steady: str = STEADY[0],
        match: float = USUAL.match,
        palette_of: Tensor | CarriedStyle | None = None,
        layers: str = SWITCHES,
        layer_weights: str = "",
    ) -> io.NodeOutput:
        groups = {"detail": detail, "weave": colour, "tones": texture}
        look = look_of(
            tile,
            draft,
            strength=strength,
            layers=layers_of(layers, layer_weights, groups),
            keep_colour=keep_colour,
            calm=calm,
            brush=brush,
            palette=palette,
            match=match,
            palette_of=colours_of(palette_of),
        )
        contents = Pictures(image)
        model = style.model_or(model)
        way, styles = plan_of(model, contents, look), style.style
        count = len(contents) if len(contents) > 1 else len(styles)  # one picture comes out in each of several styles
        given = styles if len(styles) == 1 else following(styles, count)
        bar = Progress(way.steps * count)
        masks = None if mask is None else Masks(mask, count)
        frames = contents if len(contents) == count else [contents[0]] * count
        steady = STEADY[0] if len(contents) < count else chosen(steady, STEADY, "steady")
        clip, watching = core("styling.steady").stylize_clip, core("styling.tiling").watching
        with model.ready(way.pixels) as net, watching(bar.show if count == 1 else None):
            painted = clip(net, frames, given, look, steady=steady, masks=masks, step=bar.step)
            return io.NodeOutput(joined(bar.over(painted), count, contents))


class AnimateStyles(io.ComfyNode):
    """Pictures + two styles → frames that go from one to the other."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetAnimateStyles",
            display_name="Animate Styles",
            description="Makes a batch of frames that go from one style to another. Each frame is one pass of the "
            "network, since both styles have been read before.",
            search_aliases=["style interpolation", "morph styles", "style video", "zmnet animation"],
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="One picture, which is then shown in every frame; or a batch, such as a video, which keeps "
                    "its length (the number of frames below is then not used).",
                ),
                StyleType.Input("style_a", tooltip="The style of the first frame."),
                StyleType.Input(
                    "style_b", tooltip="The style of the last frame, or of the middle one with there_and_back."
                ),
                optional_model(),
                knob("frames", "Walk"),
                knob("smooth", "Walk"),
                knob("there_and_back", "Walk"),
                knob("strength"),
                *shared_knobs(),
            ],
            outputs=[
                io.Image.Output(display_name="frames", tooltip="The frames, for Save Animated WEBP or Create Video.")
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        style_a: CarriedStyle,
        style_b: CarriedStyle,
        model: LoadedModel | None = None,
        frames: int = WALK.frames,
        smooth: bool = WALK.smooth,
        there_and_back: bool = WALK.there_and_back,
        strength: float = USUAL.strength,
        keep_colour: bool = USUAL.keep_colour,
        tile: str = AUTO,
        calm: float = USUAL.calm,
        brush: float = USUAL.brush,
        draft: str = AUTO,
        palette: float = USUAL.palette,
        steady: str = STEADY[0],
        match: float = USUAL.match,
        palette_of: Tensor | CarriedStyle | None = None,
    ) -> io.NodeOutput:
        look = look_of(
            tile,
            draft,
            strength=strength,
            keep_colour=keep_colour,
            calm=calm,
            brush=brush,
            palette=palette,
            match=match,
            palette_of=colours_of(palette_of),
        )
        contents = Pictures(image)
        count = frames if len(contents) == 1 else len(contents)
        model = style_a.model_or(model or style_b.model)
        style_b.model_or(model)
        way = plan_of(model, contents, look)
        shares = core("styling.paint").shares_of(count, smooth, there_and_back)
        bar, ends = Progress(way.steps * count), (style_a.style, style_b.style)
        a, b = (following(style, count) for style in ends)
        still, clip = core("styling.paint").frames, core("styling.steady").stylize_clip
        between = core("styling.regions").between
        steady = chosen(steady, STEADY, "steady") if len(contents) == count else STEADY[0]
        photographs = contents if len(contents) == count else [contents[0]] * count
        with model.ready(way.pixels) as net:
            if len(contents) == len(ends[0]) == len(ends[1]) == 1:
                painted = still(net, contents[0][None], *ends, shares, look, step=bar.step)
            else:
                painted = clip(
                    net,
                    photographs,
                    lambda index: between(a(index), b(index), shares[index]),
                    look,
                    steady=steady,
                    step=bar.step,
                )
            return io.NodeOutput(joined(bar.over(painted), count, contents))
