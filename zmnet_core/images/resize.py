"""Ways to another size."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, C, H, W] → [B, C, *size], bicubic, with antialiasing where it shrinks; may leave 0..1 a little."""
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images.float(), size, mode="bicubic", antialias=True, align_corners=False).to(images.dtype)


def looked_at(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """[N, 3, H, W] in 0..1 → [N, 3, *size], float32, 0..1: as PIL's Lanczos, which the models have seen paintings by.

    Across first, then down, cut to 0..1 after each, as PIL does; but not rounded to 8 bits.
    """
    height, width = pictures.shape[-2:]
    if (height, width) == tuple(size):
        return pictures.float().clamp(0, 1)
    across, down = (
        lanczos(before, after).to(pictures.device) for before, after in ((width, size[1]), (height, size[0]))
    )
    return (down @ (pictures.float() @ across.T).clamp_(0, 1)).clamp_(0, 1)


@lru_cache(16)
def lanczos(source: int, target: int) -> Tensor:
    """[target, source]: how much of each pixel of a row goes into each pixel of a row of another length, float32.

    sinc(x) sinc(x / 3) for |x| < 3, x the distance in pixels of the longer row; each row sums to 1.
    """
    scale = max(source / target, 1.0)
    middle = (torch.arange(target, dtype=torch.float64) + 0.5) * source / target
    x = (torch.arange(source) + 0.5 - middle[:, None]) / scale
    weights = torch.where(x.abs() < 3, torch.special.sinc(x) * torch.special.sinc(x / 3), 0.0)
    return (weights / weights.sum(1, keepdim=True)).float()
