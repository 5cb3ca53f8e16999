"""Colours as a guiding signal: histograms over CIELAB, of a picture or of a list of colours.

The bins stand at L* = 0, 25 … 100 and a*, b* = −75, −50 … 75: 5 × 7 × 7 = 245 numbers that sum to
one. A colour is shared out over the eight bins around it in proportion to its nearness (trilinear),
so that the histogram moves smoothly with the colours, and the histogram of a mixture is the mixture
of the histograms. Colours beyond the outermost bins count there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import SignalError
from ..images.colour import lab

SHAPE, LOWEST, STEP = (5, 7, 7), (0.0, -75.0, -75.0), 25.0
LOOKED_AT = 64  # short side, px, at which pictures are counted: pixels become the colours of small patches


def colours_of(pictures: Tensor) -> Tensor:
    """The CIELAB colours of pictures [N, 3, H, W] in 0..1, patch by patch: [N, P, 3]."""
    scale = min(1.0, LOOKED_AT / min(pictures.shape[-2:]))
    if scale < 1:
        shape = [round(side * scale) for side in pictures.shape[-2:]]
        pictures = F.interpolate(pictures.float(), shape, mode="bilinear", antialias=True, align_corners=False)
    return lab(pictures.flatten(2).transpose(1, 2))


def histogram(colours: Tensor, weights: Tensor | None = None) -> Tensor:
    """CIELAB colours [N, P, 3], weighted [N, P] or all alike → [N, 245], each with sum one."""
    count, shape = len(colours), torch.tensor(SHAPE, device=colours.device)
    place = (colours - torch.tensor(LOWEST).to(colours)) / STEP
    place = torch.minimum(place.clamp_min(0), (shape - 1).to(place))
    low = torch.minimum(place.floor().long(), shape - 2)
    high = place - low  # share of the upper bin along each axis
    weights = torch.ones_like(colours[..., 0]) if weights is None else weights.to(colours)
    bins = colours.new_zeros(count, SHAPE[0] * SHAPE[1] * SHAPE[2])
    for corner in product((0, 1), repeat=3):
        at = torch.tensor(corner, device=colours.device)
        share = torch.where(at.bool(), high, 1 - high).prod(-1)
        index = low + at
        flat = (index[..., 0] * SHAPE[1] + index[..., 1]) * SHAPE[2] + index[..., 2]
        bins.scatter_add_(1, flat, share * weights)
    return bins / bins.sum(1, keepdim=True)


def picture_histogram(pictures: Tensor) -> Tensor:
    """Histograms of pictures [N, 3, H, W] in 0..1: [N, 245]."""
    return histogram(colours_of(pictures))


def palette_histogram(colours: Sequence[str], weights: Sequence[float] | None = None) -> Tensor:
    """Histogram of a list of colours such as "#d9a441" or "#fc0": [245].

    Raises:
        SignalError: there is no colour, or one is not written like that, or the weights are not shares.
    """
    if not colours:
        raise SignalError("a palette has at least one colour, such as #d9a441.")
    shares = torch.tensor([1.0] * len(colours) if weights is None else [float(weight) for weight in weights])
    if len(shares) != len(colours) or not shares.isfinite().all() or (shares < 0).any() or shares.sum() <= 0:
        raise SignalError(f"the weights {shares.tolist()} are no shares of {len(colours)} colours.")
    return histogram(lab(torch.stack([rgb(colour) for colour in colours]))[None], shares[None])[0]


def rgb(colour: str) -> Tensor:
    """ "#rrggbb" or "#rgb" → [3] in 0..1.

    Raises:
        SignalError: the text is not written like that.
    """
    if not re.fullmatch("#([0-9a-fA-F]{3}){1,2}", colour):
        raise SignalError(f"'{colour}' is not a colour: write # and six or three hexadecimal digits, such as #d9a441.")
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    return torch.tensor([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
