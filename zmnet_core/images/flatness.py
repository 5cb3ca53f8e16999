"""Where a picture is flat, and how it changes from pixel to pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """From pixel to pixel, across [N, C, H, W − 1] and down [N, C, H − 1, W]; float32."""
    return image.float().diff(dim=-1), image.float().diff(dim=-2)


def flatness(contents: Tensor, margin: int = 4) -> Tensor:
    """exp(−(d / 0.05)²), d the largest of the differences of pixels up to `margin` px away from their four neighbours.

    1 in skies and on walls, 0 along edges and in foliage. [N, 3, H, W] → [N, 1, H, W].
    """
    across, down = (steps.abs().amax(1, keepdim=True) for steps in differences(contents))
    sides = F.pad(across, (1, 0)), F.pad(across, (0, 1)), F.pad(down, (0, 0, 1, 0)), F.pad(down, (0, 0, 0, 1))
    steps = torch.stack(sides).amax(0)
    return torch.exp(-(F.max_pool2d(steps, 2 * margin + 1, 1, margin) / 0.05).square())
