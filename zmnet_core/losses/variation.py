"""Variation from pixel to pixel: of a picture, and where its photograph has none.

A Gram matrix does not say where a painting has its texture, so a network that is trained by it spreads texture evenly:
in a sky it shows as a weave, pixel by pixel, and as rims along roofs and as blotches in the means of larger blocks.
Where variation costs more it goes elsewhere; what is left can be taken out of a finished picture (styling/calm.py).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.flatness import differences, flatness

OCTAVES = (1, 2, 4, 8)  # px, sides of the blocks whose means `flat_variation` compares


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels; a scalar."""
    across, down = differences(image)
    return across.abs().mean() + down.abs().mean()


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
