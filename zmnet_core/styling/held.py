"""What the frames of a clip share: norms, strength and colours that go by a few pictures, and not by each frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.resize import resized
from ..networks.tnet import MIN_SIDE
from .look import LAYERS, Look
from .network import StyleTransfer
from .plan import plan
from .regions import AnyStyle, apart, mixed, onward
from .tiling import automatic_tile, small_copy

PLAIN = Look()
PALETTE_SIDE = 256  # px, the long side of what is painted small for its colours


@dataclass(frozen=True)
class Held:
    """What is held from frame to frame.

    Attributes:
        style: the style for the TNet, walked to the look's strength.
        statistics: μ and 1/σ of every norm, [1, 2, ΣC].
        painted: small copies of what the pictures that were looked at became, side by side, [1, 3, h, w]; None if the
            look has no palette.
    """

    style: AnyStyle
    statistics: Tensor
    painted: Tensor | None

    def towards(self, other: Held, share: float) -> Held:
        """What is held at `share` (0..1) of the way to another of the same look, for pictures of the same size."""
        painted = self.painted
        if painted is not None and other.painted is not None:
            # Of the pixels some are of the one and some of the other: the mean of colours would be grey.
            size = painted.shape[-2:]
            theirs = torch.rand(size, generator=torch.Generator().manual_seed(0)).to(painted.device) < share
            painted = torch.where(theirs, other.painted, painted)
        statistics = torch.lerp(self.statistics, other.statistics, share)
        return Held(onward(self.style, other.style, share), statistics, painted)


def hold(model: StyleTransfer, pictures: Tensor, style: AnyStyle, look: Look = PLAIN) -> Held:
    """What `paint.stylize_tensor` finds in pictures by itself: the mean of it, to be held for others of their size.

    Args:
        pictures: [N, 3, H, W] in 0..1.
        style: one, or regions, before the look's strength.
        look: as in `stylize_tensor`.
    """
    smallest = [max(MIN_SIDE, side) for side in pictures.shape[-2:]]
    if list(pictures.shape[-2:]) != smallest:
        pictures = F.interpolate(pictures, smallest, mode="nearest")
    way = plan(model.reviser, smallest[0], smallest[1], look.brush, look.tile, look.draft)
    if set(look.layers) != set(LAYERS):
        style = style.only(*look.layers)
    in_tiles = automatic_tile(*way.canvas) > 0 if way.revised else way.tile > 0
    styles, statistics, painted = [], [], []
    for picture in pictures.split(1):
        canvas = resized(picture, way.canvas)
        styles.append(model.style_for(small_copy(picture), style, look.strength))
        statistics.append(model.measure(small_copy(canvas) if in_tiles else canvas, styles[-1], draft=0))
        if look.palette:
            small = small_copy(canvas, PALETTE_SIDE)
            painted.append(model.apply(small, apart(styles[-1])[0], statistics=statistics[-1], draft=0))
    mean = styles[0] if len(styles) == 1 else mixed(styles)
    return Held(mean, torch.stack(statistics).mean(0), torch.cat(painted, 3) if painted else None)
