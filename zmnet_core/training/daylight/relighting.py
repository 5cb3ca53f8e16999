"""What a photograph by day would look like at other times, in other weather and seasons, by rule: a daylight model's
lessons.

All is done in linear light. Of the sky and of windows the rules know where they are (`finder`); what else lies in the
picture they do not know, so a face is lit as a wall is. Constants are of the eye: they were set by looking at sheets.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...images.colour import to_linear, to_srgb
from ...networks.local_affine import box
from ..words.noon_night import LUMINANCE
from .finder import SKY, WINDOWS


@dataclass(frozen=True)
class Scene:
    """A photograph taken apart.

    Attributes:
        linear: [1, 3, H, W], linear light.
        luminance: [1, 1, H, W], of it.
        grey: [1, 1, H, W], the same weights on sRGB: how light it looks.
        sky, windows: [1, 1, H, W], shares.
        height: [1, 1, H, 1], 0 at the horizon to 1 at the top of the picture.
        below: [1, 1, H, 1], 0 at the horizon to 1 at the lower edge.
        side: the short side, px.
        whiteness: [1, 1, H, W], 1 where a pixel has no hue.
    """

    linear: Tensor
    luminance: Tensor
    grey: Tensor
    sky: Tensor
    windows: Tensor
    height: Tensor
    below: Tensor
    side: int
    whiteness: Tensor

    @classmethod
    def of(cls, photograph: Tensor, areas: Tensor) -> Scene:
        """Of a photograph [1, 3, H, W] in 0..1 and what a `Finder` says of it."""
        side = min(photograph.shape[-2:])
        linear, grey = to_linear(photograph), _weighted(photograph)
        sky = step(guided(areas[:, SKY : SKY + 1], grey, max(2, side // 48), 3e-4), 0.35, 0.85)
        windows = guided(areas[:, WINDOWS : WINDOWS + 1], grey, max(1, side // 128), 2e-3)
        rows = torch.linspace(0, 1, photograph.shape[-2]).view(1, 1, -1, 1)
        horizon = ((sky > 0.5).float() * rows).amax((2, 3), keepdim=True).clamp(0.25, 1)
        whiteness = photograph.amin(1, keepdim=True) / (photograph.amax(1, keepdim=True) + 0.02)
        return cls(
            linear, _weighted(linear), grey, sky, step(windows, 0.30, 0.62) * (1 - sky),
            (1 - rows / horizon).clamp(0, 1), ((rows - horizon) / (1.01 - horizon)).clamp(0, 1), side, whiteness,
        )  # fmt: skip

    def texture(self, radius: float, least: float, most: float) -> Tensor:
        """How much lighter a pixel is than what is around it, as a factor."""
        return ((self.luminance + 0.05) / (blur(self.luminance, radius) + 0.05)).clamp(least, most)

    @property
    def lamps(self) -> Tensor:
        """Where there is light behind a window: not where it mirrors the sky."""
        return self.windows * step(blur(self.grey, 3), 0.85, 0.25)


def noon(scene: Scene) -> Tensor:
    """Itself, with the exposure of a bright day and a sky that is a little bluer."""
    gain = (0.20 / max(float(scene.luminance.mean()), 1e-3)) ** 0.35
    return scene.linear * min(max(gain, 0.9), 1.35) * torch.lerp(colour(1, 1, 1), colour(0.97, 1, 1.06), scene.sky)


def sunset(scene: Scene) -> Tensor:
    """Warm light, bluish shade, a sky from orange at the horizon to dark blue, the first lamps."""
    base = torch.lerp(scene.luminance.expand_as(scene.linear), scene.linear, 0.85)
    sun = torch.lerp(colour(0.40, 0.36, 0.50), colour(1.02, 0.62, 0.34), step(scene.grey, 0.15, 0.75))
    low, high = step(scene.height, 0, 0.35), step(scene.height, 0.3, 1)
    tones = torch.lerp(
        torch.lerp(colour(0.98, 0.46, 0.15), colour(0.74, 0.36, 0.21), low), colour(0.17, 0.19, 0.30), high
    )
    clouds = step(scene.whiteness, 0.72, 0.95) * step(scene.grey, 0.5, 0.95)
    sky = tones * (0.35 + 0.65 * scene.texture(scene.side / 10, 0.5, 1.7)) * 0.8
    sky = sky + clouds * high * colour(0.30, 0.13, 0.04)
    lamps = scene.lamps
    glow = lamps * colour(1, 0.62, 0.28) * 0.28
    return torch.lerp(base * sun * 0.72, sky, scene.sky) * (1 - 0.3 * lamps) + glow + 0.3 * blur(glow, scene.side / 40)


def night(scene: Scene) -> Tensor:
    """Weak bluish light from above, a dark blue sky, lit windows, and what these shed on the houses around."""
    around = blur(scene.luminance, scene.side / 10) + 0.04
    # The sun's strong contrasts are gone, and so are most colours.
    base = torch.lerp(scene.linear, scene.luminance.expand_as(scene.linear), 0.35) * around.clamp(max=1) ** -0.3 * 0.55
    lamps = scene.lamps
    glow = lamps * colour(1, 0.60, 0.22) * (0.45 + 0.75 * scene.grey)
    shed = sum(weight * blur(glow, scene.side / part) for weight, part in ((1.0, 100), (1.5, 28), (1.1, 8)))
    tones = torch.lerp(colour(0.018, 0.030, 0.068), colour(0.0025, 0.0065, 0.024), scene.height**0.8)
    sky = tones * (0.5 + 0.5 * scene.texture(scene.side / 12, 0.4, 1.9)) + 0.10 * blur(glow, scene.side / 6)
    picture = torch.lerp(base * colour(0.034, 0.052, 0.098) + 0.75 * shed * base, sky, scene.sky)
    return picture * (1 - 0.85 * lamps) + glow + 0.10 * blur(glow, scene.side / 70)


def overcast(scene: Scene) -> Tensor:
    """A white-grey sky, no sun, weak colours."""
    base = torch.lerp(scene.luminance.expand_as(scene.linear), scene.linear, 0.6)
    around = blur(scene.luminance, scene.side / 10) + 0.04
    clouds = (
        colour(0.46, 0.49, 0.53) * (0.45 + 0.55 * scene.texture(scene.side / 8, 0.6, 1.5)) * (1 - 0.25 * scene.height)
    )
    return torch.lerp(base * around.clamp(max=1) ** -0.25 * 0.52 * colour(0.95, 1, 1.06), clouds, scene.sky)


def fog(scene: Scene) -> Tensor:
    """The further, the more lost in white; far is what lies near the horizon."""
    base = torch.lerp(scene.luminance.expand_as(scene.linear), scene.linear, 0.55) * 0.75
    near = blur(scene.below * (1 - scene.sky), scene.side / 16)
    through = (0.38 + 0.55 * near) * (1 - scene.sky) + 0.15 * scene.sky
    return torch.lerp(colour(0.47, 0.50, 0.53) * (1 - 0.15 * scene.height), base, through)


def snow(scene: Scene) -> Tensor:
    """White where it was green, or faces the sky; a pale sky, bluish shade."""
    red, green, blue = scene.linear.split(1, 1)
    plants = step(green / (torch.maximum(red, blue) + 0.02), 1.02, 1.35)
    ground = step(scene.below * (1 - scene.sky), 0.35, 0.8) * step(scene.grey, 0.25, 0.6)
    white = torch.maximum(plants * step(scene.grey, 0.12, 0.4), ground) * (1 - scene.sky) * (1 - scene.windows)
    base = torch.lerp(scene.luminance.expand_as(scene.linear), scene.linear, 0.55) * colour(0.90, 0.97, 1.08)
    covered = scene.luminance.clamp_min(0.02) ** 0.45 * colour(0.78, 0.82, 0.88)
    pale = torch.lerp(colour(0.62, 0.66, 0.72), colour(0.42, 0.49, 0.60), scene.height)
    return torch.lerp(
        torch.lerp(base, covered, 0.85 * white), pale * (0.6 + 0.4 * scene.texture(scene.side / 8, 0.6, 1.5)), scene.sky
    )


def autumn(scene: Scene) -> Tensor:
    """Leaves from green to yellow, orange and red; lower, warmer light."""
    red, green, blue = scene.linear.split(1, 1)
    plants = step(green / (torch.maximum(red, blue) + 0.01), 0.98, 1.25) * (1 - scene.sky)
    leaf = torch.lerp(colour(0.85, 0.30, 0.05), colour(1.15, 0.68, 0.10), step(scene.grey, 0.12, 0.55))
    turned = green * 1.25 * leaf
    light = torch.lerp(colour(0.98, 0.92, 0.86), colour(1.08, 0.98, 0.84), step(scene.grey, 0.2, 0.7))
    return torch.lerp(scene.linear * light * 0.9, turned, 0.9 * plants)


TIMES = {
    "noon": noon, "sunset": sunset, "night": night, "overcast": overcast, "fog": fog, "snow": snow, "autumn": autumn,
}  # fmt: skip


@torch.no_grad()
def relit(photograph: Tensor, areas: Tensor) -> dict[str, Tensor]:
    """A photograph [1, 3, H, W] in 0..1 at every time of `TIMES`, in 0..1.

    Args:
        areas: of a `Finder`, [1, 3, H, W].
    """
    scene = Scene.of(photograph, areas)
    return {time: to_srgb(light(scene).clamp(0, 1)) for time, light in TIMES.items()}


def colour(red: float, green: float, blue: float) -> Tensor:
    """Linear light, [1, 3, 1, 1]."""
    return torch.tensor((red, green, blue), dtype=torch.float32).view(1, 3, 1, 1)


def step(x: Tensor, start: float, end: float) -> Tensor:
    """0 at `start`, 1 at `end`, smooth between them; `start` may be the larger."""
    t = ((x - start) / (end - start)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def blur(picture: Tensor, sigma: float) -> Tensor:
    """A Gaussian of σ px, on a smaller copy where σ is large; borders are continued."""
    if sigma < 0.5:
        return picture
    factor = max(1, int(sigma / 2))
    small = F.avg_pool2d(picture, factor, ceil_mode=True, count_include_pad=False)
    sigma /= factor
    reach = int(3 * sigma) + 1
    offsets = torch.arange(-reach, reach + 1).float()
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (weights / weights.sum()).expand(picture.shape[1], 1, 1, -1)
    small = F.conv2d(F.pad(small, (reach,) * 4, mode="replicate"), kernel, groups=picture.shape[1])
    small = F.conv2d(small, kernel.mT, groups=picture.shape[1])
    return F.interpolate(small, picture.shape[-2:], mode="bilinear", align_corners=False)


def guided(plane: Tensor, guide: Tensor, radius: int, epsilon: float) -> Tensor:
    """A plane [1, 1, H, W] smoothed, but for the edges of `guide` (He, Sun and Tang 2013)."""
    mean, aim = box(guide, radius), box(plane, radius)
    slope = (box(guide * plane, radius) - mean * aim) / (box(guide * guide, radius) - mean * mean + epsilon)
    return box(slope, radius) * guide + box(aim - slope * mean, radius)


def _weighted(picture: Tensor) -> Tensor:
    return (picture * picture.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)
