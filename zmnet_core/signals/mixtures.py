"""Which weights make a mixture: of words in `signals`, of styles in `Style.blend`."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEAST = 1 / 3  # of the sum of weights, against that of their sizes: "2 night + -1 noon" is the furthest there is


def sums(weights: Sequence[float]) -> tuple[float, float]:
    """The sum of the weights and that of their sizes."""
    return sum(weights), sum(map(abs, weights))


def nearly_cancel(weights: Sequence[float]) -> bool:
    """Is their sum, by which a mixture is divided, not finite, negative or less than `LEAST` of their sizes?"""
    total, sizes = sums(weights)
    return not (1e-8 < total < math.inf and total >= (LEAST - 1e-6) * sizes)  # also NaN


def check_sum(weights: Sequence[float]) -> None:
    """ValueError if the weights of a mean `nearly_cancel`."""
    if nearly_cancel(weights):
        total, sizes = sums(weights)
        listed = ", ".join(f"{weight:g}" for weight in weights)
        raise ValueError(
            f"the weights {listed} sum to {total:g}; they are divided by their sum, so it must be finite, "
            f"positive and no less than a third of their sizes together ({sizes:g})."
        )
