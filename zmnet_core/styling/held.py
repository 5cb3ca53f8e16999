"""What the frames of a clip share: norms, strength and colours that go by a few pictures, and not by each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.resize import resized
from ..networks.tnet import MIN_SIDE, PROBE
from .look import Look
from .network import StyleTransfer
from .plan import plan
from .reach import reached
from .recolouring import palette_tables, with_palette_tables
from .regions import AnyStyle, Regions, apart, mixed, onward
from .tiling import automatic_tile, small_copy

PLAIN = Look()
PALETTE_SIDE = 256  # px, the long side of what is painted small for its colours


@dataclass(frozen=True)
class Held:
    """What is held from frame to frame.

    Attributes:
        style: the style for the TNet, walked to the look's strength.
        statistics: μ and 1/σ of every norm, [1, 2, ΣC].
        shifts: how the colours of what is painted are brought to the painting's, by `recolouring.palette_tables`; None
            if the look has no palette.
        matched: the like for the photographs before they are painted; None if the look matches none.
    """

    style: AnyStyle
    statistics: Tensor
    shifts: Tensor | None = None
    matched: Tensor | None = None

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
        shifts, matched = _between(self.shifts, other.shifts, share), _between(self.matched, other.matched, share)
        return Held(onward(self.style, other.style, share), statistics, shifts, matched)


def _between(one: Tensor | None, other: Tensor | None, share: float) -> Tensor | None:
    return one if one is None or other is None else torch.lerp(one, other, share)


def _together(several: Sequence[Held], statistics: Tensor) -> Held:
    if len(several) == 1:
        return several[0]
    tables = (_mean([getattr(each, name) for each in several]) for name in ("shifts", "matched"))
    return Held(mixed([each.style for each in several]), statistics, *tables)


def _mean(tables: Sequence[Tensor | None]) -> Tensor | None:
    there = [table for table in tables if table is not None]
    return torch.stack(there).mean(0) if there else None


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
    in_tiles = automatic_tile(*way.canvas) > 0 if way.revised else way.tile > 0
    found = []
    for picture in pictures.split(1):
        own = reached(model, picture, style, look)
        shifts = matched = None
        if look.match:
            matched = palette_tables(small_copy(picture, PALETTE_SIDE), own)
            picture = with_palette_tables(picture, own, matched, look.match)
        canvas = resized(picture, way.canvas)
        statistics = model.measure(small_copy(canvas) if in_tiles else canvas, own, draft=0)
        if look.palette:
            everywhere = apart(own)[0]
            painted = model.apply(small_copy(canvas, PALETTE_SIDE), everywhere, statistics=statistics, draft=0)
            shifts = palette_tables(painted, everywhere, painted_alone(model, canvas, everywhere))
        found.append(Held(own, statistics, shifts, matched))
    return Held.mean(found)


def painted_alone(model: StyleTransfer, pictures: Tensor, style: AnyStyle) -> list[Tensor] | None:
    """For `recolouring.in_palette`: small copies of pictures [N, 3, H, W], painted in the style of each region."""
    if not isinstance(style, Regions) or style.own:
        return None
    small = small_copy(pictures, PROBE)
    return [model.apply(small, each, draft=0) for each in style.styles]
