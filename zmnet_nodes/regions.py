"""Style Regions: each style where its mask is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ._core import core
from ._models import CarriedStyle
from ._schema import StyleType, plainly_named, schema
from ._tensors import Masks

if TYPE_CHECKING:
    from torch import Tensor

PLACED = range(1, 7)
FORMER = ("styles", "masks")  # what the sockets from the second on were groups of, which a prompt may still say


class StyleRegions(io.ComfyNode):
    """Styles + masks → one style that is another in every region.

    The sockets are fixed pairs. Two inputs that grow would close up one without the other, and styles would get masks
    of others.
    """

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetStyleRegions",
            display_name="Style Regions",
            description="Puts several styles into one picture, each where its mask is. Apply ZM-Net paints them in one "
            "pass.",
            search_aliases=["regional style", "masked style", "style mask", "multiple styles", "zmnet regions"],
            inputs=[
                *(socket for number in PLACED for socket in pair(number)),
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
                    tooltip="How far each region gets its own contrast: 0 gives it the one that its style has in the "
                    "whole picture, so that a plain sky stays plain; 1 paints each region as if it were a picture by "
                    "itself.",
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
        inputs = plainly_named(inputs, FORMER)
        pairs: dict[str, tuple[CarriedStyle, Tensor]] = {}
        for number in PLACED:
            style, mask = inputs.get(f"style_{number}"), inputs.get(f"mask_{number}")
            if (style is None) != (mask is None):
                there, missing = ("style", "mask") if mask is None else ("mask", "style")
                raise ValueError(f"{there}_{number} is connected, and {missing}_{number} is not: connect both.")
            if style is not None and mask is not None:
                pairs[f"style_{number}"] = style, mask
        carried = [style for style, _ in pairs.values()] + [rest] * (rest is not None)
        regions = core("styling.regions")
        if any(isinstance(each.style, regions.Regions) for each in carried if each is not None):
            raise ValueError("one of the styles is made of regions already: connect its styles one by one.")
        count = max(len(mask) if mask.dim() > 2 else 1 for _, mask in pairs.values())
        placed = [(style.style, batch_of(mask, count)) for style, mask in pairs.values()]
        made = regions.Regions(placed, rest and rest.style, own, list(pairs))
        return io.NodeOutput(CarriedStyle(made, next((each.model for each in carried if each and each.model), None)))


def pair(number: int) -> tuple[io.Input, io.Input]:
    """The sockets of one region."""
    optional = number > PLACED.start
    style = StyleType.Input(
        f"style_{number}",
        optional=optional,
        tooltip="The style of one region, which goes where the mask of the same number is white.",
    )
    mask = io.Mask.Input(
        f"mask_{number}",
        optional=optional,
        tooltip="Where the style of the same number goes: white places take it, black ones do not. The mask may be "
        "soft and of any size. Where masks overlap, each style has its share.",
    )
    return style, mask


def batch_of(mask: Tensor, count: int) -> Tensor:
    """A MASK as [1 or count, 1, h, w] in 0..1, one for all pictures or one for each of `count`."""
    import torch

    each = Masks(mask, count)
    several = mask.dim() > 2 and len(mask) > 1
    return torch.stack([each[index] for index in range(count if several else 1)]).clamp(0, 1)
