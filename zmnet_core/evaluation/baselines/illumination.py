"""Plain illumination change: the photograph under more or less light, what the paper holds its words against.

    Y = sRGB(e · linear(X_c))

The exposure e multiplies linear light, as a camera's does; colours keep their proportions, and nothing else changes.
"""

from __future__ import annotations

import math

from torch import Tensor

from ...images.colour import to_linear, to_srgb


def illumination_change(contents: Tensor, exposure: float) -> Tensor:
    """[N, 3, H, W] in 0..1 → [N, 3, H, W] in 0..1, under `exposure` times the light; 1 changes nothing.

    Raises:
        ValueError: the exposure is negative or not finite.
    """
    if not (math.isfinite(exposure) and exposure >= 0):
        raise ValueError(f"the exposure is {exposure}; 1 leaves the photograph, 0.25 takes two stops of light away.")
    return to_srgb((exposure * to_linear(contents)).clamp(0, 1)).to(contents.dtype)
