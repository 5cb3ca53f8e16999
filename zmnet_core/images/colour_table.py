"""A painting's colours for the frames of a clip: one table says for every colour how far it is shifted.

`transport` looks at each picture's surroundings pixel by pixel, so that in dark flat places a little noise changes the
shift from frame to frame. Here the shift depends on the colour alone: what stays as it is in a clip keeps its colour.
The table is smooth, so that grain is hardly blown up: each entry is the mean of the shifts of the colours about it,

    s(c) = Σ w(c − x) (T(x) − x) / Σ w(c − x),

over the pixels x that were looked at and, with little weight, over the table's own colours, as some are in no pixel.
T is the transport, w a Gaussian in the space of colours.
"""

from __future__ import annotations

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from .transport import led, sampled

SIDE = 17  # entries along each axis, R, G and B, from 0 to 1
SPREAD = 1.0  # σ of the Gaussian, in entries
UNSEEN = 0.01  # the weight of all of the table's own colours, of that of all pixels


@torch.no_grad()
def colour_shifts(like: Tensor, quantiles: Tensor) -> Tensor:
    """The table that brings colours as there are in pictures to those that quantiles describe.

    Args:
        like: [1, 3, h, w] in 0..1.
        quantiles: [1, PASSES, 3, KNOTS], of `transport.colour_quantiles`.

    Returns:
        [1, 4, SIDE, SIDE, SIDE]: for every R, G, B the two sums, the upper one with R, G, B; float32. The mean of the
        tables of several pictures is that of all their pixels.
    """
    sample = sampled(like)
    axis = torch.linspace(0, 1, SIDE, device=like.device)
    own = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(1)[None]
    colours = torch.cat((sample, own), 2)
    shifts = (led(colours, sample, quantiles.to(colours)) - colours)[0]
    weights = torch.full_like(shifts[:1], 1 / sample.shape[2])
    weights[:, sample.shape[2] :] = UNSEEN / own.shape[2]
    return _blurred(_spread_out(colours[0].clamp(0, 1), torch.cat((shifts, torch.ones_like(weights))) * weights))[None]


def shifted(images: Tensor, shifts: Tensor, amount: float = 1.0) -> Tensor:
    """Pictures [N, 3, H, W] in 0..1 with their colours shifted by a table, `amount` (0..1) of the way."""
    places = images.float().flip(1).movedim(1, 3)[:, None] * 2 - 1  # the last axis of the table comes first
    table = (shifts[:, :3] / shifts[:, 3:]).to(places).expand(len(images), -1, -1, -1, -1)
    by = F.grid_sample(table, places, "bilinear", "border", align_corners=True)[:, :, 0]
    return (images.float() + amount * by).clamp(0, 1).to(images.dtype)


def _spread_out(colours: Tensor, values: Tensor) -> Tensor:
    """Values [C, P] of colours [3, P] shared out among the eight entries around each: [C, SIDE, SIDE, SIDE]."""
    places = colours * (SIDE - 1)
    low = places.long().clamp(max=SIDE - 2)
    above = places - low
    sums = values.new_zeros(len(values), SIDE**3)
    for corner in product((0, 1), repeat=3):
        red, green, blue = (low[axis] + up for axis, up in enumerate(corner))
        shares = [above[axis] if up else 1 - above[axis] for axis, up in enumerate(corner)]
        sums.index_add_(1, (red * SIDE + green) * SIDE + blue, values * shares[0] * shares[1] * shares[2])
    return sums.view(-1, SIDE, SIDE, SIDE)


def _blurred(table: Tensor) -> Tensor:
    """[C, SIDE, SIDE, SIDE] blurred by the Gaussian; zeros lie around it."""
    reach = round(3 * SPREAD)
    gaussian = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=table.device) / SPREAD) ** 2)
    for axis in range(3):
        shape, padding = [1] * 5, [0] * 3
        shape[2 + axis], padding[axis] = len(gaussian), reach
        table = F.conv3d(table[:, None], gaussian.view(shape), padding=padding)[:, 0]
    return table
