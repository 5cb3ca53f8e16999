"""Several styles in one pass: γ and β as fields over the picture, made of soft masks at every site's own resolution.

At every DIN site, for region r with weight w_r (Σ_r w_r = 1 at every place), the norm of Eq. 3 becomes

    y = Σ_r w_r · (γ_r · (x − μ_r) / σ_r + β_r)

with μ_r and σ_r as the whole picture has them in style r: those of the region, and what a small copy, painted once in
each style, has more as a whole than in that region. So a plain sky stays plain, and a face keeps its light and shade.
The convolutions between are the same for all regions, so the cost hardly grows with their number, and their own reach
makes the way from one region to the next.

Where regions meet, β makes a step, to which the next convolution answers more strongly than to anything in the
picture: a glowing rim, which then has all of σ. So every region's level λ_r, about the mean of what is rectified, is
taken from what goes into a convolution. Within a region that changes nothing: a convolution makes a constant of a
constant, which the next norm takes away; behind the last norm it is given back. λ_r is that of a normal distribution,

    E max(0, γ_r z + β_r) = β_r Φ(β_r / |γ_r|) + |γ_r| φ(β_r / |γ_r|)

so it goes by nothing in the picture, and tiles have the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .areas import Areas, Level, Pyramid
from .colour_norm import NUMBERS, colour_map, moments_of
from .layers import DIN, EPS
from .strips import pause


class Alone(NamedTuple):
    """What the whole of a small copy is beyond a region of it, if each style paints all of it: [N, R, ΣC] each.

    Attributes:
        mean: μ of the whole less μ of the region.
        whole, region: their σ².
        colours: what the norm of the finished picture's colours finds in the whole, [N, R, 2, NUMBERS]; None if there
            is no such norm.
    """

    mean: Tensor
    whole: Tensor
    region: Tensor
    colours: Tensor | None


class Probe(DIN):
    """`DIN` that also looks at a part of the picture.

    Args:
        gamma, beta: [N, ΣC].
        weights: [N, 1, h, w], of the part.
        multiple: as of `RegionDIN`.
    """

    def __init__(self, gamma: Tensor, beta: Tensor, weights: Tensor, multiple: int):
        super().__init__(gamma, beta)
        self._pyramid = Pyramid(weights.float(), multiple)
        self._found: list[tuple[Tensor, Tensor, Tensor]] = []
        self._colours: Tensor | None = None

    def __call__(self, x: Tensor, shift: bool = True) -> Tensor:
        """As `DIN`."""
        weights = self._pyramid.at(x.shape[-2], x.shape[-1]).weights
        mass = weights.sum((2, 3)).clamp_min(1e-6)
        part = (x * weights).sum((2, 3)) / mass
        variance = ((x - part[..., None, None]).square_() * weights).sum((2, 3)) / mass
        y = super().__call__(x, shift)
        mu, rstd = self._moments[-1].unbind(1)
        self._found.append((mu - part, (rstd**-2 - EPS).clamp_min(0), variance))
        return y

    def colours(self, image: Tensor, axes: Tensor) -> Tensor:
        """As `DIN.colours`."""
        image = super().colours(image, axes)
        self._colours = self._moments[-1]
        return image

    @property
    def alone(self) -> Alone:
        """The N styles as regions of one picture."""
        mean, whole, region = (torch.cat(each, 1)[None] for each in zip(*self._found))
        return Alone(mean, whole, region, None if self._colours is None else self._colours[None])


def together(several: Sequence[Alone]) -> Alone:
    """Those of several pictures."""
    colours = [each.colours for each in several if each.colours is not None]
    mean, whole, region = (torch.cat(each) for each in zip(*((one.mean, one.whole, one.region) for one in several)))
    return Alone(mean, whole, region, torch.cat(colours) if colours else None)


class RegionDIN:
    """`DIN` with one γ, β for each region, site after site along one pass of the TNet.

    Args:
        style: [N or 1, R, 2, ΣC], γ and β of every region.
        areas: where the regions are.
        frozen: statistics of an earlier pass with as many regions, [N or 1, R, 2, ΣC] (μ, 1/σ).
        multiple: what the network enlarges sides to a multiple of.
        alone: what a `Probe` has found; None: every region is normalised by itself.
    """

    def __init__(self, style: Tensor, areas: Areas, frozen: Tensor | None, multiple: int, alone: Alone | None = None):
        self.gamma, self.beta = style.float().unbind(2)
        if frozen is not None and frozen.shape[1:3] != (style.shape[1], 2):
            raise ValueError(
                f"statistics of {style.shape[1]} regions are [N, {style.shape[1]}, 2, C], not {list(frozen.shape)}: "
                "measure with the same regions."
            )
        self.frozen, self.own, self.pyramid = frozen, areas.own, Pyramid(areas.weights.float(), multiple)
        self.alone = alone
        self._next, self._site = 0, slice(0)
        self._level = style.new_zeros(0)
        self._moments: list[Tensor] = []

    def __call__(self, x: Tensor, shift: bool = True) -> Tensor:
        """Normalise at the next site; `shift=False` leaves β out."""
        x = x.contiguous()
        return blended_(x, self._at(x), *self._at_next_site(x, shift))

    def relu(self, x: Tensor) -> Tensor:
        """Normalise at the next site, rectify, and take each region's level away."""
        x = x.contiguous()
        scale, offset = self._at_next_site(x, True)
        size, beta = self.gamma[..., self._site].abs().clamp_min(1e-6), self.beta[..., self._site]
        z = beta / size
        self._level = beta * torch.special.ndtr(z) + size * torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return blended_(x, self._at(x), scale, offset, self._level)

    def plain(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """A convolution behind which there is no norm: the levels are given back."""
        y: Tensor = conv(x)
        level = self._level @ conv.weight.float().sum((2, 3)).T
        return blended_(y.contiguous(), self._at(y), torch.ones_like(level), level)

    def _at_next_site(self, x: Tensor, shift: bool) -> tuple[Tensor, Tensor]:
        """Of the next site: γ_r / σ_r, and what is then added, [N, R, C] each. x is centred, unless μ is frozen."""
        site = slice(self._next, self._next + x.shape[1])
        self._next = site.stop
        if self.frozen is None:
            mean, mu, variance = centred_(x, self._at(x))
            if self.alone is not None:
                mu, variance = self._as_alone(mu, variance, site)
            rstd = (variance + EPS).rsqrt()
            self._moments.append(torch.stack((mu + mean, rstd), 2))
        else:
            mu, rstd = self.frozen[..., site].float().unbind(2)
        scale, self._site = self.gamma[..., site] * rstd, site
        return scale, (self.beta[..., site] if shift else 0) - mu * scale

    def _as_alone(self, mu: Tensor, variance: Tensor, site: slice) -> tuple[Tensor, Tensor]:
        """μ and σ² of regions as they would be of the whole picture in their style, but for what is `own`."""
        assert self.alone is not None
        mean, whole, region = (each[..., site] for each in (self.alone.mean, self.alone.whole, self.alone.region))
        # Added where the whole has more, so that a flat region's noise, which is not in the small copy, is not scaled.
        all_of_it = torch.where(whole >= region, variance + whole - region, variance * whole / region.clamp_min(1e-12))
        return mu + (1 - self.own) * mean, torch.lerp(all_of_it, variance, self.own)

    def _at(self, x: Tensor) -> Level:
        return self.pyramid.at(x.shape[-2], x.shape[-1])

    def colours(self, image: Tensor, axes: Tensor) -> Tensor:
        """Give the finished picture, float32, the colours of the last site, each region those of its style."""
        site = slice(self._next, self._next + NUMBERS)
        self._next = site.stop
        weights = self.pyramid.at(*image.shape[-2:]).weights
        painted = torch.zeros_like(image)
        found = []
        for region in range(weights.shape[1]):
            weight = weights[:, region : region + 1]
            if self.frozen is None:
                statistics = moments_of(image, axes, weight)
                if self.alone is not None and self.alone.colours is not None:
                    statistics = torch.lerp(self.alone.colours[:, region], statistics, self.own)
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


def centred_(x: Tensor, level: Level) -> tuple[Tensor, Tensor, Tensor]:
    """Take its mean from every plane, in place, and look at the regions.

    A region of which nothing is in this picture has the mean and the variance of the whole.

    Args:
        x: [N, C, h, w].

    Returns:
        The means, [N, 1, C]; what the mean of every region is beyond that, [N, R, C]; its variance, [N, R, C]; float32.
    """
    means, beyond, variances = [], [], []
    for index, planes in enumerate(x):
        weights = level.of(index)
        mean = planes.mean((1, 2), keepdim=True, dtype=torch.float32)
        planes.sub_(mean.to(planes.dtype))
        pause()
        # Each part in float32, all of them in float64.
        sums, squares = torch.zeros(2, len(planes), len(weights), dtype=torch.float64, device=x.device)
        for rows, columns, region in level.parts(index, len(planes)):
            inside = planes[:, rows, columns].float()
            if region is None:
                share = weights[:, rows, columns].flatten(1).T
                sums += inside.flatten(1) @ share
                squares += inside.flatten(1).square() @ share
            else:
                sums[:, region] += inside.sum((1, 2))
                squares[:, region] += torch.linalg.vector_norm(inside, dim=2).square_().sum(1)
        mass = weights.flatten(1).sum(1, dtype=torch.float64)
        there, least = mass > 0, mass.clamp_min(1e-12)
        mu = torch.where(there, sums / least, 0)
        whole = squares.sum(1, keepdim=True) / mass.sum()
        variance = torch.where(there, (squares / least - mu.square()).clamp_min(0), whole)
        means.append(mean.view(1, -1))
        beyond.append(mu.T.float())
        variances.append(variance.T.float())
    return torch.stack(means), torch.stack(beyond), torch.stack(variances)


def blended_(x: Tensor, level: Level, scale: Tensor, offset: Tensor, least: Tensor | None = None) -> Tensor:
    """Σ_r w_r · (scale_r · x + offset_r), in place: fresh memory for planes of this size costs more than the sums.

    Args:
        x: [N, C, h, w]; what is not contiguous is copied.
        scale, offset: [N or 1, R, C], float32.
        least: the like; if it is given, the result is rectified and this taken away.
    """
    x = x.contiguous()
    # max(0, y) − λ = max(y − λ, −λ): one operation less.
    fields = (scale, offset) if least is None else (scale, offset - least, -least)
    together = torch.cat([each.expand(max(map(len, fields)), -1, -1) for each in fields], 2)
    for index, planes in enumerate(x):
        matrix, weights = together[index % len(together)].T, level.of(index)
        for rows, columns, region in level.parts(index, len(planes)):
            inside = planes[:, rows, columns]
            if region is None:
                share = weights[:, rows, columns]
                made = (matrix @ share.flatten(1)).view(-1, *share.shape[1:])
            else:
                made = matrix[:, region, None, None]
            gain, shift, *lowest = made.to(x.dtype).split(len(planes))
            torch.addcmul(shift, inside, gain, out=inside)
            if lowest:
                torch.maximum(inside, lowest[0], out=inside)
    return x
