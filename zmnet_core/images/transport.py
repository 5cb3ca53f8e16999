"""A finished picture's colours brought to a painting's: sliced optimal transport, without its grain.

After Pitié, Kokaram and Dahyot 2007 (iterative distribution transfer): seen along one axis of colour space, the best
way from one set of colours to another is the one that keeps their order, quantile to quantile. Done along three axes,
then along three others, and so on, the whole distribution goes there. Norms match mean and deviation only: a painting
of few colours far apart comes out as a smear of what lies between.

    x ← Rₖᵀ T(Rₖ x),   T taking each quantile of Rₖ x to the painting's,   k = 1 … PASSES

Quantiles of several paintings can be mixed, as styles can.

What is done to a small copy of the picture is brought to the picture itself as a shift that is locally linear in its
light (the guided filter of He, Sun and Tang 2010): edges stay where they are, and grain is hardly blown up, which is
what such maps are known for. In dark flat places the shift may differ from spot to spot, which shows as smears.
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

PASSES, KNOTS = 8, 17
SAMPLE = 128  # px, the most that the short side has of the copy whose colours are counted
SIDE, RADIUS = 256, 4  # px: of the copy whose shift is looked at; squares of 2 · RADIUS + 1 are shifted together
EPSILON = 1e-3  # variance of light (of 0..1) below which a place is flat: all of it is shifted alike
LEAST = 1e-5  # the difference of two knots: equal quantiles are told apart, and nothing is divided by zero


def colour_quantiles(images: Tensor) -> Tensor:
    """The quantiles of pictures' colours that are matched: [N, 3, H, W] in 0..1 → [N, PASSES, 3, KNOTS], float32."""
    colours = sampled(images)
    return torch.stack([_quantiles(axes @ colours) for axes in _rotations(images.device)], 1)


@torch.no_grad()
def transported(images: Tensor, quantiles: Tensor, amount: float = 1.0, like: Tensor | None = None) -> Tensor:
    """Move the colours of pictures to those that quantiles describe.

    Args:
        images: [N, 3, H, W] in 0..1.
        quantiles: [N or 1, PASSES, 3, KNOTS] that `colour_quantiles` gave, or a mixture of such.
        amount: 0 changes nothing, 1 goes all the way.
        like: pictures [N, 3, h, w] whose colours are counted in place of the images', such as a part of these.
    """
    if amount == 0:
        return images
    small, sample = _small(images, SIDE), sampled(images if like is None else like)
    shift = led(small.flatten(2), sample, quantiles.to(small)).view_as(small) - small
    light = small.mean(1, keepdim=True)
    mean, mean_shift = _box(light), _box(shift)
    slope = (_box(light * shift) - mean * mean_shift) / (_box(light * light) - mean * mean + EPSILON)
    offset = mean_shift - slope * mean
    lights, moved = images.float().mean(1, keepdim=True), []
    for channel in range(3):  # one after the other: large pictures have large planes
        a, b = (
            F.interpolate(_box(each[:, channel : channel + 1], RADIUS // 2), images.shape[-2:], mode="bilinear")
            for each in (slope, offset)
        )
        moved.append((images[:, channel : channel + 1].float() + amount * (a * lights + b)).clamp(0, 1))
    return torch.cat(moved, 1).to(images.dtype)


def _small(images: Tensor, side: int) -> Tensor:
    """A copy with a short side of so many px at most, by the means of areas, float32."""
    height, width = images.shape[-2:]
    scale = min(1.0, side / min(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return F.interpolate(images.float(), size, mode="area")


def sampled(images: Tensor) -> Tensor:
    """Those colours of pictures [N, 3, H, W] that are counted, [N, 3, P], float32."""
    return _small(images, SAMPLE).flatten(2)


def led(colours: Tensor, sample: Tensor, quantiles: Tensor) -> Tensor:
    """The passes: where colours [N, 3, Q] get to if those of the sample [N, 3, P] get to the quantiles."""
    for axes, wanted in zip(_rotations(colours.device), quantiles.unbind(1)):
        x, y = axes @ sample, axes @ colours
        found = _quantiles(x) + LEAST * (torch.arange(KNOTS, device=x.device) - KNOTS // 2)  # of one colour: the median
        wanted = wanted.expand_as(found)
        sample, colours = axes.T @ _mapped(x, found, wanted), axes.T @ _mapped(y, found, wanted)
    return colours


def _mapped(x: Tensor, found: Tensor, wanted: Tensor) -> Tensor:
    """[N, 3, P]: from the knots found to those wanted, straight between them, and beyond the last one shifted."""
    knot = (torch.searchsorted(found, x.contiguous()) - 1).clamp(0, KNOTS - 2)
    start, end = found.gather(2, knot), found.gather(2, knot + 1)
    low, high = wanted.gather(2, knot), wanted.gather(2, knot + 1)
    inside = x.clamp(found[..., :1], found[..., -1:])
    return low + (inside - start) / (end - start) * (high - low) + (x - inside)


def _quantiles(x: Tensor) -> Tensor:
    """[N, 3, P] → [N, 3, KNOTS]: from the least to the most, in equal parts of the pixels."""
    values = x.sort(2).values
    places = torch.linspace(0, x.shape[2] - 1, KNOTS, device=x.device)
    below = places.long().clamp(max=x.shape[2] - 2) if x.shape[2] > 1 else places.long()
    return torch.lerp(values[..., below], values[..., (below + 1).clamp(max=x.shape[2] - 1)], places - below)


@cache
def _rotations(device: torch.device) -> tuple[Tensor, ...]:
    """PASSES times three orthonormal axes, spread evenly over all rotations (Shoemake 1992 on a lattice)."""
    found = []
    for k in range(PASSES):
        share = (k + 0.5) / PASSES
        first, second = (2 * math.pi * (k * step % 1.0) for step in (math.sqrt(2), math.sqrt(3)))
        a, b = math.sqrt(1 - share), math.sqrt(share)
        w, x, y, z = b * math.cos(second), a * math.sin(first), a * math.cos(first), b * math.sin(second)
        found.append(
            torch.tensor(
                [
                    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
                ],
                device=device,
            )
        )
    return tuple(found)


def _box(x: Tensor, radius: int = RADIUS) -> Tensor:
    """Means of the squares around every pixel, of what of them lies in the picture."""
    return F.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)
