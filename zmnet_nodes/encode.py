"""Encode Style and Encode Attribute: what guides the network becomes a style."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from ._core import core
from ._models import CarriedStyle, LoadedModel
from ._progress import Progress
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
            description="Looks at a painting once and writes down its style, which is a few thousand numbers. Apply "
            "ZM-Net gives it to any picture.",
            search_aliases=["style of a painting", "style reference", "reference image", "zmnet encode"],
            inputs=[
                Model.Input("model", tooltip="The model from Load ZM-Net."),
                io.Image.Input("image", tooltip="The painting, or a batch of paintings."),
                io.Combo.Input(
                    "batch",
                    options=list(BATCHES),
                    default="average",
                    tooltip="What becomes of a batch of paintings. average: one style, the mean of all. list: one "
                    "style for each painting; the nodes after this one then run once for each.",
                ),
                knob("style_size"),
                io.String.Input(
                    "name",
                    default="",
                    optional=True,
                    tooltip="A name for people to read, which the style and its file carry. It may stay empty.",
                ),
                knob("bold", optional=True),
            ],
            outputs=[
                StyleType.Output(
                    display_name="style",
                    is_output_list=True,
                    tooltip="The style of the painting, which carries its model.",
                )
            ],
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
        bar = Progress(len(paintings))
        styles = []
        with model.ready(4 * style_size**2) as net:
            for index, painting in enumerate(paintings):
                label = f"{name} {index + 1}".strip() if len(paintings) > 1 and batch == "list" else name
                styles.append(net.encode_style(painting[None], style_size, label, bold).to("cpu"))
                bar.step()
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
            "'#d9a441 + dusk'. Such a style can be blended with those of paintings.",
            search_aliases=["text to style", "word style", "time of day", "zmnet attribute"],
            inputs=[
                Model.Input("model", tooltip="A model from Load ZM-Net that reads words, as zmnet-base does."),
                io.String.Input(
                    "text",
                    default="0.5 morning + 0.5 night",
                    tooltip="Words, phrases or colours such as #d9a441, joined by +. You may put a weight before each.",
                ),
            ],
            outputs=[
                StyleType.Output(display_name="style", tooltip="The style of the words, which carries its model.")
            ],
        )

    @classmethod
    def execute(cls, model: LoadedModel, text: str) -> io.NodeOutput:
        core("signals.mixtures").parse_mixture(text)  # says what is wrong with the text before anything is loaded
        with model.ready(0) as net:
            return io.NodeOutput(CarriedStyle(net.encode_attribute(text).to("cpu"), model))
