"""Refine Style: the style of one painting, optimised on photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from ._core import core
from ._models import CarriedStyle, LoadedModel
from ._progress import Progress
from ._schema import StyleType, optional_model, schema
from ._tensors import Pictures

if TYPE_CHECKING:
    from torch import Tensor

STEPS, MOST = 50, 1000  # by default, and at most
LAYERS = "1-9"  # all


class RefineStyle(io.ComfyNode):
    """Style + painting → the same style, closer to the painting."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetRefineStyle",
            display_name="Refine Style",
            description="Optimises the style of one painting, so that pictures come closer to it. The network stays as "
            "it is, and what is learned holds for all photographs. It takes a minute or two on a CPU, and seconds on a "
            "GPU.",
            search_aliases=["optimise style", "optimize style", "fine-tune style", "finetune", "zmnet refine"],
            inputs=[
                StyleType.Input(
                    "style",
                    tooltip="Where it begins: one style, usually that of the painting from Encode Style. A blend or "
                    "the style of words will do as well, and is led to the painting.",
                ),
                io.Image.Input(
                    "image",
                    tooltip="The painting that the style is to come closer to: one, with a short side of 64 px or "
                    "more.",
                ),
                io.Image.Input(
                    "photographs",
                    optional=True,
                    tooltip="A batch of photographs to learn on. If nothing is connected, four that come with the pack "
                    "are taken.",
                ),
                optional_model(),
                io.Int.Input(
                    "steps",
                    default=STEPS,
                    min=1,
                    max=MOST,
                    tooltip="How many steps of optimisation there are. More bring it closer, and the first ones bring "
                    "the most.",
                ),
                io.String.Input(
                    "layers",
                    default=LAYERS,
                    optional=True,
                    tooltip="Which of the layers 1 to 9 may change, such as 7-9 or 1,4-6, or by name: detail, weave, "
                    "tones. All others stay as they are.",
                ),
            ],
            outputs=[
                StyleType.Output(
                    display_name="style",
                    tooltip="The refined style, which carries its model; the one from before if it could not be "
                    "brought closer.",
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        style: CarriedStyle,
        image: Tensor,
        photographs: Tensor | None = None,
        model: LoadedModel | None = None,
        steps: int = STEPS,
        layers: str = LAYERS,
    ) -> io.NodeOutput:
        free = core("styling.layering").chosen_layers(layers)
        paintings = Pictures(image)
        if len(paintings) > 1:
            raise ValueError(f"a style is refined by one painting, and image is a batch of {len(paintings)}.")
        contents = None if photographs is None else each_of(Pictures(photographs, "photographs"))
        maker = style.model_or(model)
        refining = core("styling.refine")
        bar = Progress(steps)
        with maker.ready(refining.PIXELS) as net:
            refiner = refining.Refiner(net, style.style, paintings[0][None], contents, steps, free)
            for _ in refiner:
                bar.step()
                bar.show(refiner.look)
            refined = refiner.style
        return io.NodeOutput(CarriedStyle(refined, maker))


def each_of(photographs: Pictures) -> list[Tensor]:
    """Those of a batch, [1, 3, H, W] each."""
    return [photographs[index][None] for index in range(len(photographs))]
