"""Variation from pixel to pixel: of a picture, and where its photograph has none.

A Gram matrix does not say where a painting has its texture, so a network that is trained by it spreads texture evenly:
in a sky it shows as a weave, pixel by pixel, and as rims along roofs and as blotches in the means of larger blocks.
Where variation costs more it goes elsewhere; what is left of it can be taken out of a finished picture (`calmed`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .tiling import TILE, paint_tiles

OCTAVES = (1, 2, 4, 8)  # px, sides of the blocks whose means `flat_variation` compares
BOX = 13  # px, the side of the means that replace the weave, whose threads are up to 8 px apart


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels; a scalar."""
    return sum(steps.abs().mean() for steps in differences(image))


def differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """From pixel to pixel, across [N, C, H, W − 1] and down [N, C, H − 1, W]; float32."""
    return image.float().diff(dim=-1), image.float().diff(dim=-2)


def flat_variation(image: Tensor, contents: Tensor) -> Tensor:
    """Total variation beyond the photograph's where that is flat, summed over octaves (`OCTAVES`); a scalar."""
    total = image.new_zeros((), dtype=torch.float32)
    for side in OCTAVES:
        y, x = (F.avg_pool2d(each.float(), side) for each in (image, contents))
        flat = flatness(x, 4 // side)
        weights = flat[..., 1:], flat[..., 1:, :]
        for steps, wanted, weight in zip(differences(y), differences(x), weights, strict=True):
            total = total + (weight * F.relu(steps.abs() - wanted.abs())).mean()
    return total


def flatness(contents: Tensor, margin: int = 4) -> Tensor:
    """exp(−(d / 0.05)²), d the largest of the differences of pixels up to `margin` px away from their four neighbours.

    1 in skies and on walls, 0 along edges and in foliage. [N, 3, H, W] → [N, 1, H, W].
    """
    across, down = (steps.abs().amax(1, keepdim=True) for steps in differences(contents))
    sides = F.pad(across, (1, 0)), F.pad(across, (0, 1)), F.pad(down, (0, 0, 1, 0)), F.pad(down, (0, 0, 0, 1))
    steps = torch.stack(sides).amax(0)
    return torch.exp(-(F.max_pool2d(steps, 2 * margin + 1, 1, margin) / 0.05).square())


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
    check_calm(amount)
    if amount == 0:
        return stylised

    def calmed_tile(y: Tensor, x: Tensor) -> Tensor:
        # The photograph's own noise is no texture: its means of 3 × 3.
        flat = flatness(F.avg_pool2d(x.to(y.device).float(), 3, 1, 1, count_include_pad=False))
        y = y.float()
        return torch.lerp(y, _blurred(flat * y) / _blurred(flat).clamp_min(1e-6), amount * flat)

    return paint_tiles(calmed_tile, stylised, TILE, beside=[contents])


def check_calm(amount: float) -> None:
    """ValueError if `calmed` would not take this amount."""
    if not 0 <= amount <= 1:
        raise ValueError(f"calm is {amount}: a number from 0 (the pictures as they are) to 1 (flat places smooth).")


def _blurred(image: Tensor) -> Tensor:
    """Means of boxes of means of boxes; zeros lie around the picture."""
    return F.avg_pool2d(F.avg_pool2d(image, BOX, 1, BOX // 2), BOX, 1, BOX // 2)
