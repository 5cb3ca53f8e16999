"""Apply ZM-Net and Animate Styles: pictures in, stylised pictures out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from ._core import core
from ._models import CarriedStyle, LoadedModel, progress
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
from ._tensors import image_of, masks, pictures

if TYPE_CHECKING:
    from torch import Tensor

    from zmnet_core.styling.look import Look
    from zmnet_core.styling.plan import Plan


def plan_of(model: LoadedModel, contents: Tensor, look: Look) -> Plan:
    """How the core will paint pictures of this size: what the progress bar and the memory manager are told."""
    return core("styling.plan").plan(model.net.reviser, *contents.shape[-2:], look.brush, look.tile, look.draft)


def shared_knobs() -> list[io.Input]:
    """The last inputs of both nodes."""
    return [
        *(knob("keep_colour"), tile(), knob("calm", optional=True), knob("brush", optional=True), draft()),
        knob("palette", optional=True),
        steady(),
    ]


def look_of(tile: str, draft: str, **knobs: object) -> Look:
    """The look of a node's inputs."""
    tiles, drafts = TILES[chosen(tile, TILES, "tile")], DRAFTS[chosen(draft, DRAFTS, "draft")]
    return core("styling.look").Look(tile=tiles, draft=drafts, **knobs)


def layers(id: str, what: str, numbers: str) -> io.Input:
    """The switch of one group of layers."""
    return io.Boolean.Input(
        id,
        default=True,
        tooltip=f"Whether the style reaches DIN layers {numbers}, which are mostly {what}. Turned off, these layers "
        "are neutral (Fig. 7 of the paper), which is an effect of its own.",
    )


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
                layers("detail", "edges and detail", "1-3"),
                layers("colour", "colours", "4-6"),
                layers("texture", "strokes and texture", "7-9"),
                *shared_knobs(),
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
    ) -> io.NodeOutput:
        groups = {"detail": detail, "colour": colour, "texture": texture}
        look = look_of(
            tile,
            draft,
            strength=strength,
            layers=tuple(name for name, on in groups.items() if on),
            keep_colour=keep_colour,
            calm=calm,
            brush=brush,
            palette=palette,
        )
        contents, alpha = pictures(image)
        model = style.model_or(model)
        way = plan_of(model, contents, look)
        several = masks(mask, max(len(contents), len(style.style)))
        step = progress(way.steps * len(contents))
        with model.ready(way.pixels) as net:
            if chosen(steady, STEADY, "steady") == STEADY[0] or len(contents) == 1:
                stylised = core("styling.paint").stylize_each(
                    net, contents, style.style, look, masks=several, step=step
                )
            else:
                given = style.style if len(style.style) == 1 else style.style.__getitem__
                stylised = core("styling.steady").stylize_frames(
                    net, contents, given, look, steady=steady, masks=several, step=step
                )
        return io.NodeOutput(image_of(stylised, alpha))


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
    ) -> io.NodeOutput:
        look = look_of(tile, draft, strength=strength, keep_colour=keep_colour, calm=calm, brush=brush, palette=palette)
        contents, alpha = pictures(image)
        count = frames if len(contents) == 1 else len(contents)
        model = style_a.model_or(model or style_b.model)
        style_b.model_or(model)
        way = plan_of(model, contents, look)
        shares = core("styling.paint").shares_of(count, smooth, there_and_back)
        step, a, b = progress(way.steps * count), style_a.style, style_b.style
        between = core("styling.regions").between
        with model.ready(way.pixels) as net:
            if chosen(steady, STEADY, "steady") == STEADY[0] or len(contents) == 1:
                stylised = core("styling.paint").animate(net, contents, a, b, shares, look, step=step)
            else:
                stylised = core("styling.steady").stylize_frames(
                    net, contents, lambda index: between(a, b, shares[index]), look, steady=steady, step=step
                )
        return io.NodeOutput(image_of(stylised, alpha))
