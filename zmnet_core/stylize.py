"""Whole pictures: size, tiles, colour kept, transparency. PIL in, PIL out.

The straight way of a picture: `Picture` → tensor → `model.apply` (in tiles if it is large) →
keep colour → `Picture`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from .images import Picture, fit_short_side, to_pil, to_tensor
from .style import Style
from .tiling import TILE, WHOLE_PIXELS, count_tiles, paint_tiles, small_copy

if TYPE_CHECKING:
    from .model import ZMNet

# ITU-R BT.601: luma, and what is left of blue and red.
_TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def stylize_tensor(
    model: ZMNet,
    contents: Tensor,
    style: Style,
    strength: float = 1.0,
    keep_colour: bool = False,
    tile: int | None = None,
    step: Callable[[], None] = lambda: None,
) -> Tensor:
    """Stylise [B, 3, H, W] of any size.

    Args:
        model, contents, style, strength: as in `ZMNet.apply`.
        keep_colour: take brightness from the stylised picture and colour from the photograph.
        tile: side of the tiles, a multiple of 4. None: in one piece up to 2048 × 2048 pixels, else
            tiles of 1024. 0: always in one piece.
        step: called after every tile (once if there are none).
    """
    height, width = contents.shape[-2:]
    if tile is None:
        tile = TILE if height * width > WHOLE_PIXELS else 0
    if tile == 0 or count_tiles(height, width, tile) == 1:
        stylised = model.apply(contents, style, strength)
        step()
    else:
        small = small_copy(contents)
        style = model.style_for(small, style, strength)
        statistics = model.measure(small, style)
        stylised = paint_tiles(lambda part: model.apply(part, style, statistics=statistics), contents, tile, step)
    return with_colours_of(contents.to(stylised.device), stylised) if keep_colour else stylised


def with_colours_of(photograph: Tensor, stylised: Tensor) -> Tensor:
    """The stylised picture's luma with the photograph's chroma (YCbCr); [B, 3, H, W] in 0..1."""
    matrix = _TO_YCC.to(stylised)
    luma = torch.einsum("c,bchw->bhw", matrix[0], stylised)[:, None]
    chroma = torch.einsum("kc,bchw->bkhw", matrix[1:], photograph.to(stylised))
    return torch.einsum("ck,bkhw->bchw", matrix.inverse(), torch.cat((luma, chroma), 1)).clamp_(0, 1)


def stylize_picture(
    model: ZMNet,
    photograph: Picture,
    style: Style,
    strength: float = 1.0,
    size: int | None = None,
    keep_colour: bool = False,
    tile: int | None = None,
    step: Callable[[], None] = lambda: None,
) -> Picture:
    """Stylise a picture, keeping its transparency and colour profile.

    Args:
        size: short side of the result; None keeps the photograph's size. Sides under 16 px are
            enlarged for the network and brought back.
        others: as in `stylize_tensor`.
    """
    content = fit_short_side(photograph.rgb, size)
    wanted = content.size
    if min(wanted) < 16:  # the TNet's smallest picture; aspect does not matter at one pixel
        content = content.resize([max(16, side) for side in wanted], Image.Resampling.NEAREST)
    stylised = to_pil(stylize_tensor(model, to_tensor(content)[None], style, strength, keep_colour, tile, step)[0])
    if stylised.size != wanted:
        stylised = stylised.resize(wanted, Image.Resampling.BOX)
    alpha = photograph.alpha
    if alpha is not None and alpha.size != wanted:
        alpha = alpha.resize(wanted, Image.Resampling.LANCZOS)
    return Picture(stylised, alpha, photograph.icc_profile)


def encode_painting(model: ZMNet, painting: Image.Image, size: int = 256, name: str = "") -> Style:
    """A painting's style; the painting is looked at with a short side of `size` pixels.

    A long painting (more than 4 : 1) is looked at in its middle.
    """
    image = fit_short_side(painting, size, least=16)
    longest = 4 * min(image.size)
    if max(image.size) > longest:
        left, top = (max(0, side - longest) // 2 for side in image.size)
        image = image.crop((left, top, left + min(image.width, longest), top + min(image.height, longest)))
    return model.encode_style(to_tensor(image)[None], size=None, name=name)
