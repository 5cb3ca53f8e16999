"""Grain taken out of flat places of a finished picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.flatness import flatness
from .look import KNOBS
from .tiling import TILE, paint_tiles

BOX = 13  # px, the side of the means that replace the weave, whose threads are up to 8 px apart


def calmed(contents: Tensor, stylised: Tensor, amount: float) -> Tensor:
    """The stylised pictures without their grain where the photographs are flat.

    Every pixel goes towards the mean of the flat pixels around it, the farther the flatter its own place is: skies
    and walls become smooth, and edges do not bleed into them.

    Args:
        contents, stylised: [B, 3, H, W] in 0..1.
        amount: 0 changes nothing, 1 leaves no grain.

    Raises:
        ValueError: an amount outside of 0..1.
    """
    KNOBS["calm"].check("calm", amount)
    if amount == 0:
        return stylised

    def calmed_tile(y: Tensor, x: Tensor) -> Tensor:
        # The photograph's own noise is no texture: its means of 3 × 3.
        flat = flatness(F.avg_pool2d(x.to(y.device).float(), 3, 1, 1, count_include_pad=False))
        y = y.float()
        return torch.lerp(y, _blurred(flat * y) / _blurred(flat).clamp_min(1e-6), amount * flat)

    return paint_tiles(calmed_tile, stylised, TILE, beside=[contents])


def _blurred(image: Tensor) -> Tensor:
    """Means of boxes of means of boxes; zeros lie around the picture."""
    return F.avg_pool2d(F.avg_pool2d(image, BOX, 1, BOX // 2), BOX, 1, BOX // 2)
