"""Colour under transparency: nobody sees it, so it must not steer anything.

Transparent pixels get the colours of the visible ones around them before a network looks at the picture: pull and push
on a pyramid whose levels are weighted by alpha (Gortler et al., The Lumigraph, 1996).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

FAINT = 1 / 8  # below this alpha, a pixel's own colour fades into the filling
RIM = 4  # px: a pixel that has twice its alpha so near, or more, belongs to the soft rim of that


def filled(colours: Tensor, alpha: Tensor) -> Tensor:
    """Colours without what alpha hides.

    A pixel of alpha 0 gets the colour of the visible pixels around, near ones more than far ones. From an alpha of 1/2
    on a colour stays to the bit; so it does from 1/8 on, where nothing within 4 px has more than twice that alpha.
    Other pixels are faint, or the rim of something: they get a mixture, or where something within 4 px has four times
    their alpha the filling alone. A picture that is transparent everywhere becomes grey.

    Args:
        colours: [B, C, H, W] in 0..1, float32.
        alpha: [B or 1, 1, H, W] in 0..1.

    Returns:
        [B, C, H, W]; the same tensor if nothing is hidden.
    """
    share = _own_share(alpha.to(colours))
    if bool((share >= 1).all()):
        return colours
    if not bool(share.any()):
        return torch.full_like(colours, 0.5)
    share = share.expand(len(colours), -1, -1, -1)
    around = _filled_in(colours, share * alpha.to(colours))
    return torch.where(share >= 1, colours, torch.where(share > 0, torch.lerp(around, colours, share), around))


def _own_share(alpha: Tensor) -> Tensor:
    """How much each pixel keeps of its own colour, 0..1."""
    most = F.max_pool2d(alpha, (2 * RIM + 1, 1), 1, (RIM, 0))
    most = F.max_pool2d(most, (1, 2 * RIM + 1), 1, (0, RIM))
    return (4 * alpha / most.clamp_min(1e-6) - 1).clamp(0, 1) * (alpha / FAINT).clamp(0, 1)


def _filled_in(colours: Tensor, weight: Tensor) -> Tensor:
    """[B, C, H, W]: colours where the weight is 1, elsewhere those of the next coarser level that has any."""
    seen = torch.where(weight > 0, colours, torch.zeros_like(colours))
    if max(colours.shape[-2:]) == 1:
        return seen
    mean = F.avg_pool2d(weight, 2, ceil_mode=True)
    halved = F.avg_pool2d(seen * weight, 2, ceil_mode=True) / mean.clamp_min(1e-12)
    most = F.max_pool2d(weight, 2, ceil_mode=True)  # not the sum: however large, what is faint stays faint
    coarser = F.interpolate(_filled_in(halved, most), colours.shape[-2:], mode="bilinear")
    return torch.lerp(coarser, seen, weight)


def without_hidden_colour(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    """`filled` for PIL images of modes RGB and L of one size."""
    colours = torch.from_numpy(np.array(rgb)).permute(2, 0, 1)[None].float().div_(255)
    result = filled(colours, torch.from_numpy(np.array(alpha))[None, None].float().div_(255))
    if result is colours:
        return rgb
    return Image.fromarray(result[0].mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy())
