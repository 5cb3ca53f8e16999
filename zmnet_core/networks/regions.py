"""Several styles in one pass: γ and β as fields over the picture, made of soft masks at every site's own resolution.

At every DIN site, for region r with weight w_r (Σ_r w_r = 1 at every place), the norm of Eq. 3 becomes

    y = Σ_r w_r · (γ_r · (x − μ_r) / σ_r + β_r)

with μ_r of region r, and σ_r of region r or common to all. The convolutions between are the same for all regions, so
the cost hardly grows with their number, and their own reach makes the way from one region to the next.

Where regions meet, β makes a step, to which the next convolution answers more strongly than to anything in the
picture: a glowing rim, which then has all of σ. So every region's level λ_r, about the mean of what is rectified, is
taken from what goes into a convolution. Within a region that changes nothing: a convolution makes a constant of a
constant, which the next norm takes away; behind the last norm it is given back. λ_r is that of a normal distribution,

    E max(0, γ_r z + β_r) = β_r Φ(β_r / |γ_r|) + |γ_r| φ(β_r / |γ_r|)

so it goes by nothing in the picture, and tiles have the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .colour_norm import NUMBERS, colour_map, moments_of
from .layers import EPS
from .strips import pause

AT_ONCE = 2**17  # values that are worked on at a time on a CPU, as fast as it goes


class Areas(NamedTuple):
    """Where each style is.

    Attributes:
        weights: [N or 1, R, H, W], float32, as large as the picture; their sum over R is 1 at every place.
        own: how far σ is each region's own (1), and not common to all (0).
    """

    weights: Tensor
    own: float


class Pyramid:
    """The weights at the sizes of a network's planes: of the picture, as it is padded, and of a half and a quarter."""

    def __init__(self, weights: Tensor, multiple: int):
        height, width = weights.shape[-2:]
        missing = (0, -width % multiple, 0, -height % multiple)
        padded = F.pad(weights, missing, mode="reflect") if any(missing) else weights
        self._levels = {(height, width): weights, tuple(padded.shape[-2:]): padded}
        self._smallest = padded

    def at(self, height: int, width: int) -> Tensor:
        """[N or 1, R, height, width]."""
        while (height, width) not in self._levels:
            self._smallest = F.avg_pool2d(self._smallest, 2)
            self._levels[tuple(self._smallest.shape[-2:])] = self._smallest
        return self._levels[height, width]


class RegionDIN:
    """`DIN` with one γ, β for each region, site after site along one pass of the TNet.

    Args:
        style: [N or 1, R, 2, ΣC], γ and β of every region.
        areas: where the regions are.
        frozen: statistics of an earlier pass with as many regions, [N or 1, R, 2, ΣC] (μ, 1/σ).
        multiple: what the network enlarges sides to a multiple of.
    """

    def __init__(self, style: Tensor, areas: Areas, frozen: Tensor | None, multiple: int):
        self.gamma, self.beta = style.float().unbind(2)
        if frozen is not None and frozen.shape[1:3] != (style.shape[1], 2):
            raise ValueError(
                f"statistics of {style.shape[1]} regions are [N, {style.shape[1]}, 2, C], not {list(frozen.shape)}: "
                "measure with the same regions."
            )
        self.frozen, self.own, self.pyramid = frozen, areas.own, Pyramid(areas.weights.float(), multiple)
        self._next, self._site = 0, slice(0)
        self._level = style.new_zeros(0)
        self._moments: list[Tensor] = []

    def __call__(self, x: Tensor, shift: bool = True) -> Tensor:
        """Normalise at the next site; `shift=False` leaves β out."""
        x = x.contiguous()
        return blended_(x, self._weights(x), *self._at_next_site(x, shift))

    def relu(self, x: Tensor) -> Tensor:
        """Normalise at the next site, rectify, and take each region's level away."""
        x = x.contiguous()
        scale, offset = self._at_next_site(x, True)
        size, beta = self.gamma[..., self._site].abs().clamp_min(1e-6), self.beta[..., self._site]
        z = beta / size
        self._level = beta * torch.special.ndtr(z) + size * torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return blended_(x, self._weights(x), scale, offset, self._level)

    def plain(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """A convolution behind which there is no norm: the levels are given back."""
        y: Tensor = conv(x)
        level = self._level @ conv.weight.float().sum((2, 3)).T
        return blended_(y.contiguous(), self._weights(y), torch.ones_like(level), level)

    def _at_next_site(self, x: Tensor, shift: bool) -> tuple[Tensor, Tensor]:
        """Of the next site: γ_r / σ_r, and what is then added, [N, R, C] each. x is centred, unless μ is frozen."""
        site = slice(self._next, self._next + x.shape[1])
        self._next = site.stop
        if self.frozen is None:
            mean, statistics = centred_(x, self._weights(x), self.own)
            mu, rstd = statistics.unbind(2)
            self._moments.append(torch.stack((mu + mean, rstd), 2))
        else:
            mu, rstd = self.frozen[..., site].float().unbind(2)
        scale, self._site = self.gamma[..., site] * rstd, site
        return scale, (self.beta[..., site] if shift else 0) - mu * scale

    def _weights(self, x: Tensor) -> Tensor:
        return self.pyramid.at(x.shape[-2], x.shape[-1])

    def colours(self, image: Tensor, axes: Tensor) -> Tensor:
        """Give the finished picture, float32, the colours of the last site, each region those of its style."""
        site = slice(self._next, self._next + NUMBERS)
        self._next = site.stop
        weights = self.pyramid.at(*image.shape[-2:])
        painted = torch.zeros_like(image)
        found = []
        for region in range(weights.shape[1]):
            weight = weights[:, region : region + 1]
            if self.frozen is None:
                statistics = moments_of(image, axes, weight)
            else:
                statistics = self.frozen[:, region, :, site]
            found.append(statistics)
            gamma, beta = self.gamma[:, region, site], self.beta[:, region, site]
            matrix, offset = colour_map(gamma, beta, statistics, axes)
            planes = (matrix.expand(len(image), 3, 3) @ image.flatten(2) + offset[..., None]).view_as(image)
            painted.addcmul_(weight, planes)
        self._moments.append(torch.stack(found, 1))
        return painted

    @property
    def statistics(self) -> Tensor:
        """[N, R, 2, ΣC]: μ and 1/σ of every site passed so far."""
        return torch.cat(self._moments, 3)


class RegionScales:
    """γ_r conv(x) + β_r of a reviser with one γ_r, β_r for each region, site after site along one pass.

    Args:
        values: [N or 1, R, 2, ΣC_r].
        areas: where the regions are.
    """

    def __init__(self, values: Tensor, areas: Areas, multiple: int):
        self.gamma, self.beta = values.float().unbind(2)
        self.pyramid, self._next = Pyramid(areas.weights.float(), multiple), 0

    def __call__(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """[N, C, h, w] → what the convolution makes of it, scaled and shifted."""
        site = slice(self._next, self._next + conv.out_channels)
        self._next = site.stop
        y = conv(x)
        return blended_(y, self.pyramid.at(y.shape[-2], y.shape[-1]), self.gamma[..., site], self.beta[..., site])


def _parts(planes: Tensor) -> Iterator[slice]:
    """Pixels of planes [C, P] that are worked on at a time: what caches hold."""
    channels, pixels = planes.shape
    at_once = max(1, AT_ONCE // channels) if planes.device.type == "cpu" else pixels
    for start in range(0, pixels, at_once):
        yield slice(start, start + at_once)
        pause()


def centred_(x: Tensor, weights: Tensor, own: float) -> tuple[Tensor, Tensor]:
    """Take its mean from every plane, in place, and look at the regions.

    σ² is common to all, the mean of the regions' by their shares of the picture, or as far as `own` says each region's.
    A region of which nothing is in this picture has μ of the whole.

    Args:
        x: [N, C, h, w].
        weights: [N or 1, R, h, w].

    Returns:
        The means, [N, 1, C]; and of every region what μ is beyond that, and 1/σ, [N, R, 2, C]; float32.
    """
    means, found = [], []
    for index, planes in enumerate(x.flatten(2)):
        share, pixels = weights[index % len(weights)].flatten(1), planes.shape[1]
        mean = planes.mean(1, dtype=torch.float32)
        planes.sub_(mean[:, None].to(planes.dtype))
        pause()
        mass = share.sum(1, dtype=torch.float64)
        there, least = mass > 0, mass.clamp_min(1e-12)
        mu = torch.where(there, (planes.float() @ share.T).double() / least, 0)
        pause()
        # Row by row: over a whole plane a norm adds up in float32 as it goes (`layers.plain_norm`).
        rows = torch.linalg.vector_norm(x[index], dim=2, dtype=torch.float32).double()
        # What is left of a plane's square without its regions' means is the mean of their variances.
        common = ((rows.square().sum(1) - (mu.square() * mass).sum(1)) / pixels).clamp_min(0)[:, None]
        variance = common.expand_as(mu)
        if own:
            squares = mu.new_zeros(mu.shape)
            for part in _parts(planes):
                squares += planes[:, part].float().square() @ share[:, part].T
            each = (squares / least - mu.square()).clamp_min(0)
            variance = torch.where(there, torch.lerp(variance, each, own), variance)
        means.append(mean[None])
        found.append(torch.stack((mu.T, (variance + EPS).rsqrt().T), 1).float())
    return torch.stack(means), torch.stack(found)


def blended_(x: Tensor, weights: Tensor, scale: Tensor, offset: Tensor, level: Tensor | None = None) -> Tensor:
    """Σ_r w_r · (scale_r · x + offset_r), rectified and less the level if one is given, in place: fresh memory for
    planes of this size costs more than the sums.

    Args:
        x: [N, C, h, w]; what is not contiguous is copied.
        weights: [N or 1, R, h, w].
        scale, offset, level: [N or 1, R, C], float32.
    """
    x = x.contiguous()
    # max(0, y) − λ = max(y − λ, −λ): one operation less.
    fields = (scale, offset) if level is None else (scale, offset - level, -level)
    together = torch.cat([each.expand(max(map(len, fields)), -1, -1) for each in fields], 2)
    for index, planes in enumerate(x.flatten(2)):
        matrix, share = together[index % len(together)].T, weights[index % len(weights)].flatten(1)
        for part in _parts(planes):
            gain, shift, *least = (matrix @ share[:, part]).to(x.dtype).split(len(planes))
            inside = planes[:, part]
            torch.addcmul(shift, inside, gain, out=inside)
            if least:
                torch.maximum(inside, least[0], out=inside)
    return x
