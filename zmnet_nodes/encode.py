"""Encode Style and Encode Attribute: what guides the network becomes a style."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from ._core import core
from ._models import CarriedStyle, LoadedModel, progress
from ._schema import USUAL, Model, StyleType, chosen, knob, schema
from ._tensors import pictures

if TYPE_CHECKING:
    from torch import Tensor

BATCHES = ("average", "list")


class EncodeStyle(io.ComfyNode):
    """Paintings → style."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetEncodeStyle",
            display_name="Encode Style",
            description="Looks at a painting once and writes down its style: 3,136 numbers that Apply ZM-Net gives "
            "to any picture.",
            search_aliases=["style transfer", "painting to style", "reference image", "zmnet encode"],
            inputs=[
                Model.Input("model", tooltip="From Load ZM-Net."),
                io.Image.Input("image", tooltip="A painting, or a batch of them."),
                io.Combo.Input(
                    "batch",
                    options=list(BATCHES),
                    default="average",
                    tooltip="What a batch of paintings becomes. average: one style, their mean. list: a style each; "
                    "the nodes after this one run once for each.",
                ),
                knob("style_size"),
                io.String.Input(
                    "name",
                    default="",
                    optional=True,
                    tooltip="Carried by the style and its file, for people. May stay empty.",
                ),
                knob("bold", optional=True),
            ],
            outputs=[StyleType.Output(display_name="style", is_output_list=True, tooltip="Carries its model.")],
        )

    @classmethod
    def execute(
        cls,
        model: LoadedModel,
        image: Tensor,
        batch: str = "average",
        style_size: int = USUAL.style_size,
        name: str = "",
        bold: float = USUAL.bold,
    ) -> io.NodeOutput:
        chosen(batch, BATCHES, "batch")
        paintings, _ = pictures(image)
        net = model.ready(4 * style_size**2)
        step = progress(len(paintings))
        styles = []
        for index, painting in enumerate(paintings):
            label = f"{name} {index + 1}".strip() if len(paintings) > 1 and batch == "list" else name
            styles.append(net.encode_style(painting[None], style_size, label, bold).to("cpu"))
            step()
        if batch == "average":
            styles = [type(styles[0]).blend(styles)]
        carried = [CarriedStyle(style, model) for style in styles]
        return io.NodeOutput([carried[0].named(name)] if batch == "average" else carried)


class EncodeAttribute(io.ComfyNode):
    """Words or colours → style."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetEncodeAttribute",
            display_name="Encode Attribute",
            description="Turns words or colours into a style, alone or mixed: '0.5 morning + 0.5 night', "
            "'#d9a441 + dusk'. Its style blends with those of paintings.",
            search_aliases=["text to style", "word style", "time of day", "zmnet attribute"],
            inputs=[
                Model.Input("model", tooltip="From Load ZM-Net; a model that reads words, as zmnet-base does."),
                io.String.Input(
                    "text",
                    default="0.5 morning + 0.5 night",
                    tooltip="Words, phrases or colours such as #d9a441, joined by +, each with a weight before it if "
                    "you like.",
                ),
            ],
            outputs=[StyleType.Output(display_name="style", tooltip="Carries its model.")],
        )

    @classmethod
    def execute(cls, model: LoadedModel, text: str) -> io.NodeOutput:
        core("signals.words").parse_mixture(text)  # says what is wrong with the text before anything is loaded
        return io.NodeOutput(CarriedStyle(model.ready(0).encode_attribute(text).to("cpu"), model))
