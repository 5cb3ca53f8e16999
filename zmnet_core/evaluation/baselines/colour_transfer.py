"""Colour transfer in its simplest form (after Reinhard et al. 2001, in RGB).

Every channel of the photograph gets the painting's mean and standard deviation: the palette's
lightness and tint, and nothing of the brush.
"""

from __future__ import annotations

import torch
from torch import Tensor


def colour_transfer(content: Tensor, painting: Tensor) -> Tensor:
    """[N, 3, H, W] and [N, 3, h, w] in 0..1 → [N, 3, H, W] in 0..1."""
    var_c, mean_c = torch.var_mean(content.float(), (2, 3), correction=0, keepdim=True)
    var_s, mean_s = torch.var_mean(painting.float(), (2, 3), correction=0, keepdim=True)
    scale = (var_s / var_c.clamp_min(1e-6)).sqrt()
    return ((content - mean_c) * scale + mean_s).clamp(0, 1)
