"""What the frames of a clip share: norms, strength and colours that go by a few pictures, and not by each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.colour_table import colour_shifts
from ..images.resize import resized
from ..networks.tnet import MIN_SIDE
from .look import LAYERS, Look
from .network import StyleTransfer
from .plan import plan
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
        shifts: how the colours of what is painted are brought to the painting's (`colour_table`); None if the look has
            no palette.
    """

    style: Style
    statistics: Tensor
    shifts: Tensor | None = None

    @staticmethod
    def mean(several: Sequence[Held]) -> Held:
        """What is held for several pictures of one size alike, with one look."""
        return _together(several, torch.stack([each.statistics for each in several]).mean(0))

    @staticmethod
    def median(several: Sequence[Held]) -> Held:
        """The same, but what only the fewer of the pictures have changes no statistics."""
        return _together(several, torch.stack([each.statistics for each in several]).quantile(0.5, dim=0))

    def towards(self, other: Held, share: float) -> Held:
        """What is held at `share` (0..1) of the way to another of the same look, for pictures of the same size."""
        statistics = torch.lerp(self.statistics, other.statistics, share)
        shifts = self.shifts
        if shifts is not None and other.shifts is not None:
            shifts = torch.lerp(shifts, other.shifts, share)
        return Held(self.style.towards(other.style, share), statistics, shifts)


def _together(several: Sequence[Held], statistics: Tensor) -> Held:
    if len(several) == 1:
        return several[0]
    shifts = [each.shifts for each in several if each.shifts is not None]
    style = Style.blend([each.style for each in several])
    return Held(style, statistics, torch.stack(shifts).mean(0) if shifts else None)


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
    if set(look.layers) != set(LAYERS):
        style = style.only(*look.layers)
    in_tiles = automatic_tile(*way.canvas) > 0 if way.revised else way.tile > 0
    found = []
    for picture in pictures.split(1):
        canvas = resized(picture, way.canvas)
        own = model.style_for(small_copy(picture), style, look.strength)
        statistics, shifts = model.measure(small_copy(canvas) if in_tiles else canvas, own, draft=0), None
        if look.palette and own.colours is not None:
            painted = model.apply(small_copy(canvas, PALETTE_SIDE), own, statistics=statistics, draft=0)
            shifts = colour_shifts(painted, own.colours)
        found.append(Held(own, statistics, shifts))
    return Held.mean(found)
