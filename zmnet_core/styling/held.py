"""What the frames of a clip share: norms, strength and colours that go by a few pictures, and not by each frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.resize import resized
from ..images.transport import transported
from ..networks.tnet import MIN_SIDE
from .look import Look
from .network import StyleTransfer
from .plan import plan
from .reach import reached
from .style import Style
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
        seen: small copies of the pictures that were looked at, like `painted`; None if the look matches none.
    """

    style: Style
    statistics: Tensor
    painted: Tensor | None
    seen: Tensor | None = None

    def towards(self, other: Held, share: float) -> Held:
        """What is held at `share` (0..1) of the way to another of the same look, for pictures of the same size."""
        statistics = torch.lerp(self.statistics, other.statistics, share)
        painted, seen = _between(self.painted, other.painted, share), _between(self.seen, other.seen, share)
        return Held(self.style.towards(other.style, share), statistics, painted, seen)


def _between(one: Tensor | None, other: Tensor | None, share: float) -> Tensor | None:
    """Pictures whose pixels are some of the one and some of the other: the mean of colours would be grey."""
    if one is None or other is None:
        return one
    theirs = torch.rand(one.shape[-2:], generator=torch.Generator().manual_seed(0)).to(one.device) < share
    return torch.where(theirs, other, one)


def hold(model: StyleTransfer, pictures: Tensor, style: Style, look: Look = PLAIN) -> Held:
    """What `paint.stylize_tensor` finds in pictures by itself: the mean of it, to be held for others of their size.

    Args:
        pictures: [N, 3, H, W] in 0..1.
        style: one, before the look's strength.
        look: as in `stylize_tensor`.
    """
    smallest = [max(MIN_SIDE, side) for side in pictures.shape[-2:]]
    if list(pictures.shape[-2:]) != smallest:
        pictures = F.interpolate(pictures, smallest, mode="nearest")
    way = plan(model.reviser, smallest[0], smallest[1], look.brush, look.tile, look.draft)
    in_tiles = automatic_tile(*way.canvas) > 0 if way.revised else way.tile > 0
    styles, statistics, painted = [], [], []
    seen = torch.cat([small_copy(each, PALETTE_SIDE) for each in pictures.split(1)], 3) if look.match else None
    for picture in pictures.split(1):
        styles.append(reached(model, picture, style, look))
        if seen is not None and (colours := styles[-1].colours) is not None:
            picture = transported(picture, colours.to(picture.device), look.match, seen)
        canvas = resized(picture, way.canvas)
        statistics.append(model.measure(small_copy(canvas) if in_tiles else canvas, styles[-1], draft=0))
        if look.palette:
            small = small_copy(canvas, PALETTE_SIDE)
            painted.append(model.apply(small, styles[-1], statistics=statistics[-1], draft=0))
    mean = styles[0] if len(styles) == 1 else Style.blend(styles)
    return Held(mean, torch.stack(statistics).mean(0), torch.cat(painted, 3) if painted else None, seen)
