"""One way to another size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, C, H, W] → [B, C, *size], bicubic, with antialiasing where it shrinks; may leave 0..1 a little."""
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images.float(), size, mode="bicubic", antialias=True, align_corners=False).to(images.dtype)
