"""How far a style reaches: layers, their weights, strength, and whose colours there are."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ..errors import WrongModelError
from .layering import GROUPS, is_all
from .look import Look
from .network import StyleTransfer
from .palette_of import palette_of
from .recolouring import with_colours
from .regions import AnyStyle, members
from .tiling import small_copy


def walks(look: Look) -> bool:
    """Whether the style depends on the photograph's own."""
    return look.strength != 1 or (isinstance(look.by_layer, dict) and not is_all(look.by_layer))


def reached(model: StyleTransfer, contents: Tensor, style: AnyStyle, look: Look) -> AnyStyle:
    """The style for the TNet, with the colours that `palette` and `match` go by.

    Args:
        contents: the photographs [B, 3, H, W], whose own style is what is left where a style does not reach.
        style: one, or one for each of them; or `Regions`.

    Raises:
        WrongModelError: the style is another model's; `palette` or `match` is above 0, and there are no colours.
    """
    layers = look.by_layer
    if isinstance(layers, tuple) and not is_all(layers):
        style = style.only(*layers)
    without = [each.colourless or each.label for each in members(style) if each.colours is None]
    if (look.palette or look.match) and without and look.palette_of is None:
        knob = "palette" if look.palette else "match"
        raise WrongModelError(
            f"{knob} goes by a painting's colours, and {without[0]} has none: a style of words "
            "never has, nor one that an older version encoded. Encode the painting again, name a picture by "
            f"palette_of, or leave {knob} at 0."
        )
    if walks(look):
        weights = layers if isinstance(layers, dict) else None
        style = model.style_for(small_copy(contents), style, look.strength, weights)
    else:
        style = model.style_for(contents, style, 1.0)
    if look.palette_of is not None:
        style = with_colours(style, palette_of(look.palette_of))
    return style


def without_walk(look: Look) -> Look:
    """The look for styles that are `reached` already."""
    return replace(look, strength=1.0, layers=GROUPS)
