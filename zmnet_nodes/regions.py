"""Style Regions: each style where its mask is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ._core import core
from ._models import CarriedStyle
from ._schema import StyleType, grown, plainly_named, schema
from ._tensors import Masks

if TYPE_CHECKING:
    from torch import Tensor

PLACED = range(1, 9)
ALWAYS = 1  # how many sockets of each kind are there from the start
GROWN = {"styles": "style_", "masks": "mask_"}  # the inputs of the others, and how these are called


class StyleRegions(io.ComfyNode):
    """Styles + masks → one style that is another in every region."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        styles = [
            StyleType.Input(
                f"style_{number}",
                optional=number > ALWAYS,
                tooltip="The style of one region, which goes where the mask of the same number is white.",
            )
            for number in PLACED
        ]
        places = [
            io.Mask.Input(
                f"mask_{number}",
                optional=number > ALWAYS,
                tooltip="Where the style of the same number goes: white places take it, black ones do not. The mask "
                "may be soft and of any size. Where masks overlap, each style has its share.",
            )
            for number in PLACED
        ]
        return schema(
            node_id="ZMNetStyleRegions",
            display_name="Style Regions",
            description="Puts several styles into one picture, each where its mask is. Apply ZM-Net paints them in one "
            "pass.",
            search_aliases=["regional style", "masked style", "style mask", "multiple styles", "zmnet regions"],
            inputs=[
                *grown("styles", styles, ALWAYS),
                *grown("masks", places, ALWAYS),
                StyleType.Input(
                    "rest",
                    optional=True,
                    tooltip="The style of what no mask covers. If nothing is connected, the photograph shows there.",
                ),
                io.Float.Input(
                    "own",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    optional=True,
                    display_mode=io.NumberDisplay.slider,
                    tooltip="How far each region gets its own contrast: 0 gives all the same, so that a plain sky "
                    "stays plain; 1 paints each region as if it were a picture by itself.",
                ),
            ],
            outputs=[
                StyleType.Output(
                    display_name="style", tooltip="All of it as one style, for Apply ZM-Net; it carries the model."
                )
            ],
        )

    @classmethod
    def execute(cls, rest: CarriedStyle | None = None, own: float = 0.0, **inputs: Any) -> io.NodeOutput:
        inputs = plainly_named(inputs, GROWN)
        pairs: list[tuple[CarriedStyle, Tensor]] = []
        for number in PLACED:
            style, mask = inputs.get(f"style_{number}"), inputs.get(f"mask_{number}")
            if (style is None) != (mask is None):
                there, missing = ("style", "mask") if mask is None else ("mask", "style")
                raise ValueError(f"{there}_{number} is connected, and {missing}_{number} is not: connect both.")
            if style is not None and mask is not None:
                pairs.append((style, mask))
        carried = [style for style, _ in pairs] + [rest] * (rest is not None)
        regions = core("styling.regions")
        if any(isinstance(each.style, regions.Regions) for each in carried if each is not None):
            raise ValueError("one of the styles is made of regions already: connect its styles one by one.")
        count = max(len(mask) if mask.dim() > 2 else 1 for _, mask in pairs)
        placed = [(style.style, batch_of(mask, count)) for style, mask in pairs]
        made = regions.Regions(placed, rest and rest.style, own)
        return io.NodeOutput(CarriedStyle(made, next((each.model for each in carried if each and each.model), None)))


def batch_of(mask: Tensor, count: int) -> Tensor:
    """A MASK as [1 or count, 1, h, w] in 0..1, one for all pictures or one for each of `count`."""
    import torch

    each = Masks(mask, count)
    several = mask.dim() > 2 and len(mask) > 1
    return torch.stack([each[index] for index in range(count if several else 1)]).clamp(0, 1)
