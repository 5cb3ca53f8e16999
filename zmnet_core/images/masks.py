"""Masks: read from whatever people have, brought to a picture's size, and put to use."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

SLACK = 0.05  # beyond 0..1, which sharp filters leave behind; such values are clipped


def to_mask(mask: Tensor | np.ndarray | Image.Image, what: str = "the mask") -> Tensor:
    """A mask as [M, 1, h, w], float32 in 0..1.

    Args:
        mask: a tensor or array [h, w], [M, h, w] or [M, 1, h, w] of booleans or of numbers in 0..1; or a PIL image, of
            which the light counts, or the alpha if anything in it is transparent (a cut-out).
        what: how messages call it.

    Raises:
        TypeError: it is something else.
        ValueError: another shape, integers (of which nobody knows whether 1 or 255 is white), NaN, or off 0..1.
    """
    if isinstance(mask, Image.Image):
        alpha = mask.convert("RGBA").getchannel("A")
        seen = alpha if np.asarray(alpha).min() < 255 else mask.convert("L")
        return torch.from_numpy(np.array(seen, np.float32) / 255)[None, None]
    if isinstance(mask, np.ndarray):
        mask = torch.from_numpy(np.ascontiguousarray(mask))
    if not isinstance(mask, Tensor):
        raise TypeError(f"{what} is {type(mask).__name__}: a tensor, an array or a PIL image is expected.")
    if not (mask.dim() in (2, 3) or (mask.dim() == 4 and mask.shape[1] == 1)) or 0 in mask.shape:
        raise ValueError(f"{what} is {list(mask.shape)}: a mask is [h, w], [M, h, w] or [M, 1, h, w].")
    if mask.dtype != torch.bool and not mask.is_floating_point():
        raise ValueError(f"{what} is {mask.dtype}: a mask is of booleans, or of numbers in 0..1. Divide by 255 first?")
    found = mask.detach().float().reshape(-1, 1, *mask.shape[-2:])
    low, high = (float(value) for value in torch.aminmax(found))
    if not math.isfinite(high - low):
        raise ValueError(f"{what} holds NaN or infinite values.")
    if low < -SLACK or high > 1 + SLACK:
        raise ValueError(f"{what} goes from {low:.3g} to {high:.3g}: a mask is in 0..1. Divide by 255 first?")
    return found.clamp(0, 1)


def fitted(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """[M, R, h, w] → [M, R, *size], linear: what sums to 1 still does."""
    if tuple(masks.shape[-2:]) == tuple(size):
        return masks
    return F.interpolate(masks, size, mode="bilinear", antialias=True, align_corners=False)


def within_mask(photograph: Tensor, stylised: Tensor, mask: Tensor) -> Tensor:
    """mask · stylised + (1 − mask) · photograph; the mask [B or 1, 1, h, w] is resized to fit."""
    mask = fitted(mask.to(stylised), (stylised.shape[-2], stylised.shape[-1]))
    return torch.lerp(photograph.to(stylised), stylised, mask.clamp(0, 1))
