"""Where several styles are in one picture: soft masks at the sizes of a network's planes, and the parts of these."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from .strips import pause

AT_ONCE = 2**19  # values that are worked on at a time on a CPU, as fast as it goes
BLOCK = 16  # pixels, the side of the squares of which it is asked whether they are one region's
ALL, NOBODY = 1 - 1e-6, -1  # the weight of a region where there is no other; the owner of what is several regions'


class Areas(NamedTuple):
    """Where each style is.

    Attributes:
        weights: [N or 1, R, H, W], float32, as large as the picture; their sum over R is 1 at every place.
        own: how far μ and σ are each region's own (1), and not those of the whole picture in its style (0).
    """

    weights: Tensor
    own: float


class Part(NamedTuple):
    """A rectangle of a plane, and the region that all of it belongs to; None: to several."""

    rows: slice
    columns: slice
    region: int | None


class Level:
    """The weights at one size of planes, [N or 1, R, h, w], and in which parts they are worked on."""

    def __init__(self, weights: Tensor):
        self.weights = weights
        self._parts: dict[int, list[Part]] = {}

    def of(self, index: int) -> Tensor:
        """Those of a picture: [R, h, w]."""
        return self.weights[index % len(self.weights)]

    def parts(self, index: int, channels: int) -> Iterator[Part]:
        """The plane of a picture, part by part, each so small that caches hold it in so many channels."""
        place = index % len(self.weights)
        if place not in self._parts:
            self._parts[place] = parts_of(self.weights[place])
        on_cpu = self.weights.device.type == "cpu"
        for rows, columns, region in self._parts[place]:
            width = columns.stop - columns.start
            some = max(1, AT_ONCE // (channels * width)) if on_cpu else rows.stop - rows.start
            for top in range(rows.start, rows.stop, some):
                yield Part(slice(top, min(top + some, rows.stop)), columns, region)
            pause()


class Pyramid:
    """The weights at the sizes of a network's planes: of the picture, as it is padded, and of a half and a quarter."""

    def __init__(self, weights: Tensor, multiple: int):
        height, width = weights.shape[-2:]
        missing = (0, -width % multiple, 0, -height % multiple)
        padded = F.pad(weights, missing, mode="reflect") if any(missing) else weights
        self._levels = {tuple(each.shape[-2:]): Level(each) for each in (weights, padded)}
        self._smallest = padded

    def at(self, height: int, width: int) -> Level:
        """Those of planes [N, C, height, width]."""
        while (height, width) not in self._levels:
            self._smallest = F.avg_pool2d(self._smallest, 2)
            self._levels[tuple(self._smallest.shape[-2:])] = Level(self._smallest)
        return self._levels[height, width]


def parts_of(weights: Tensor) -> list[Part]:
    """Weights [R, h, w] → rectangles that are one region's, which is most of a picture, and those between."""
    height, width = weights.shape[-2:]
    if weights.device.type != "cpu":
        return [Part(slice(0, height), slice(0, width), None)]
    least = -F.max_pool2d(-weights[None], BLOCK, ceil_mode=True)[0]
    most, region = least.max(0)
    found: list[Part] = []
    above: dict[tuple[int, int, int], int] = {}  # where in `found` those are that reach down to the row of blocks
    for row, owners in enumerate(region.where(most > ALL, NOBODY).tolist()):
        here, column = {}, 0
        for owner, run in groupby(owners):
            start, column = column, column + sum(1 for _ in run)
            columns = slice(start * BLOCK, min(column * BLOCK, width))
            rows = slice(row * BLOCK, min((row + 1) * BLOCK, height))
            place = above.get((owner, start, column))
            if place is None:
                place = len(found)
                found.append(Part(rows, columns, None if owner == NOBODY else owner))
            else:
                found[place] = found[place]._replace(rows=slice(found[place].rows.start, rows.stop))
            here[owner, start, column] = place
        above = here
    return found
