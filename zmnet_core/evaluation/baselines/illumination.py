"""Plain illumination change: the photograph under more or less light, what the paper holds its words against.

    Y = sRGB(e · linear(X_c))

The exposure e multiplies linear light, as a camera's does; colours keep their proportions, and nothing else changes.
"""

from __future__ import annotations

import math

from torch import Tensor


def illumination_change(contents: Tensor, exposure: float) -> Tensor:
    """[N, 3, H, W] in 0..1 → [N, 3, H, W] in 0..1, under `exposure` times the light; 1 changes nothing.

    Raises:
        ValueError: the exposure is negative or not finite.
    """
    if not (math.isfinite(exposure) and exposure >= 0):
        raise ValueError(f"the exposure is {exposure}; 1 leaves the photograph, 0.25 takes two stops of light away.")
    return to_srgb((exposure * to_linear(contents)).clamp(0, 1)).to(contents.dtype)


def to_linear(srgb: Tensor) -> Tensor:
    """sRGB in 0..1 → linear light in 0..1 (IEC 61966-2-1), float32."""
    srgb = srgb.float()
    return ((srgb + 0.055) / 1.055).pow(2.4).where(srgb > 0.04045, srgb / 12.92)


def to_srgb(linear: Tensor) -> Tensor:
    """Linear light in 0..1 → sRGB in 0..1, float32."""
    linear = linear.float()
    return (1.055 * linear.clamp_min(1e-8).pow(1 / 2.4) - 0.055).where(linear > 0.0031308, 12.92 * linear)
