"""What can be measured of a stylised picture without any network: colours, contrast, grain and rims in flat places.

For a photograph X_c, a painting X_s and the picture Y, in 0..1:

    palette     how far Y's colours are from the painting's: sliced Wasserstein-1 distance at 128 px; 0 is the same
    contrast16  spread of the lightness of areas of 16 px, as a multiple of the painting's; 1 is the same
    flat        mean difference of neighbouring pixels of Y where X_c is flat, as a multiple of the painting's
    rim         waves of 2.5 to 10 px there, 4 to 14 px from an edge, as a share of the painting's deviation

and of a method, `noise_gain`: what it makes of a sky that has a sensor's noise and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.colour import luma
from ..images.flatness import differences, flatness
from ..losses.variation import total_variation

PALETTE_SIDE, DIRECTIONS, SEED = 128, 64, 0
BLOCK = 16  # px, the side of the areas whose contrast counts
NEAR, FAR = 4, 14  # px from an edge: where rims are looked for
FINE, COARSE = 2.5, 10.0  # px, σ of the two blurs whose difference is a rim
LEAST_FLAT, LEAST_RIM = 0.1, 0.01  # share of a photograph that has to be flat, and beside edges, for a figure
SKY, SKY_SIDE, NOISE = (0.45, 0.75), 512, 1 / 255
GRAIN = 8.0  # px, σ of the blur that grain is the difference to
PERIOD, RING, BORDER = 4, 0.02, 16  # px; in cycles a pixel; px that are left out


@dataclass(frozen=True)
class Figures:
    """One picture's figures. None: the photograph has too few flat places, or nothing was timed."""

    palette: float
    contrast16: float
    flat: float | None
    rim: float | None
    seconds: float | None = None  # of the processor's time (all threads), or on a GPU of the clock's


class Scene:
    """A photograph and a painting [1, 3, H, W], looked at once for any number of pictures made of them."""

    def __init__(self, content: Tensor, painting: Tensor):
        self.painting = painting
        self.flat = flatness(content, NEAR)
        self.rims = self.flat - flatness(content, FAR)
        self.variation = float(total_variation(painting))
        self.deviation = float(painting.float().var((2, 3), correction=0).mean().sqrt())  # about each channel's mean

    @torch.no_grad()
    def __call__(self, stylised: Tensor, seconds: float | None = None) -> Figures:
        """The figures of a picture [1, 3, H, W]."""
        return Figures(
            palette_distance(stylised, self.painting),
            block_contrast(stylised) / max(block_contrast(self.painting), 1e-3),
            self._grain(stylised),
            self._rims(stylised),
            seconds,
        )

    def _grain(self, stylised: Tensor) -> float | None:
        """Mean |difference| of neighbours across plus down, weighted by flatness, over the painting's."""
        if float(self.flat.mean()) < LEAST_FLAT or self.variation < 1e-4:
            return None
        weights = self.flat[..., 1:], self.flat[..., 1:, :]
        steps = (each.abs().mean(1, keepdim=True) for each in differences(stylised))
        return sum(_mean(step, weight) for step, weight in zip(steps, weights)) / self.variation

    def _rims(self, stylised: Tensor) -> float | None:
        """Mean |difference of the two blurs of flat places alone| in the ring beside edges, over the deviation."""
        enough = float(self.flat.mean()) >= LEAST_FLAT and float(self.rims.mean()) >= LEAST_RIM
        if not enough or self.deviation < 1e-3:
            return None
        fine, coarse = (blurred_within(stylised, self.flat, sigma) for sigma in (FINE, COARSE))
        return _mean((fine - coarse).abs().mean(1, keepdim=True), self.rims) / self.deviation


@torch.no_grad()
def palette_distance(a: Tensor, b: Tensor) -> float:
    """Sliced W₁ of the colours of two pictures [1, 3, H, W], each brought to 128 × 128 px by the means of areas.

    The mean over 64 fixed directions u of the mean |difference| of the sorted projections u·colour.
    """
    random = torch.Generator().manual_seed(SEED)
    directions = F.normalize(torch.randn(DIRECTIONS, 3, generator=random), dim=1).to(a.device)
    side = (PALETTE_SIDE, PALETTE_SIDE)
    colours = (F.interpolate(picture.float(), side, mode="area")[0].flatten(1) for picture in (a, b))
    first, second = ((directions @ each).sort(1).values for each in colours)
    return float((first - second).abs().mean())


def block_contrast(picture: Tensor) -> float:
    """Deviation of the lightness (Rec. 601 luma) of blocks of 16 × 16 px."""
    return float(F.avg_pool2d(luma(picture.float()), BLOCK).std(correction=0))


def blurred(picture: Tensor, sigma: float, mode: str = "constant") -> Tensor:
    """Gaussian blur of [N, C, H, W]; around it lie zeros, or what `F.pad` has as a mode."""
    reach = math.ceil(3 * sigma)
    kernel = torch.exp(-torch.arange(-reach, reach + 1.0, device=picture.device).square() / (2 * sigma**2))
    kernel, channels = kernel / kernel.sum(), picture.shape[1]
    x = F.pad(picture.float(), (reach,) * 4, mode=mode)
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):
        x = F.conv2d(x, kernel.view(shape).expand(channels, *(-1,) * 3), groups=channels)
    return x


def blurred_within(picture: Tensor, weight: Tensor, sigma: float) -> Tensor:
    """Gaussian blur that sees only where the weight [N, 1, H, W] is."""
    return blurred(picture * weight, sigma) / blurred(weight, sigma).clamp_min(1e-6)


# A method's noise ------------------------------------------------------------------------------


@dataclass(frozen=True)
class NoiseGain:
    """What a method makes of a smooth sky."""

    gain: float  # grain in units of the noise that came in
    peak: float  # of the spectrum, at a period of 4 px, in units of the median of its ring


def noisy_sky(side: int = SKY_SIDE, noise: float = NOISE) -> Tensor:
    """Grey that goes from .45 at the top to .75, with normal noise, another in each channel: [1, 3, side, side]."""
    sky = torch.linspace(*SKY, side).view(1, 1, side, 1)
    return sky + noise * torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(SEED))


@torch.no_grad()
def noise_gain(stylised: Tensor) -> NoiseGain:
    """Grain and grid of a stylised `noisy_sky`.

    Grain is the deviation of what a Gaussian blur (σ 8 px) takes away. The peak is the amplitude of its lightness at
    1/4 cycle a pixel, across or down (the greater), where the grids of strided and up-sampling layers show, over the
    median amplitude of all directions between .23 and .27.
    """
    inside = slice(BORDER, stylised.shape[-2] // PERIOD * PERIOD - BORDER)
    high = (stylised.float() - blurred(stylised, GRAIN, "reflect"))[..., inside, inside]
    side = high.shape[-1]
    window = torch.hann_window(side, device=high.device)
    light = high.mean((0, 1))
    spectrum = torch.fft.fft2((light - light.mean()) * window * window[:, None]).abs()
    across = torch.fft.fftfreq(side, device=high.device)
    ring = spectrum[((across.square() + across[:, None].square()).sqrt() - 1 / PERIOD).abs() < RING]
    peak = max(float(spectrum[side // PERIOD, 0]), float(spectrum[0, side // PERIOD]))
    return NoiseGain(float(high.std(correction=0)) / NOISE, peak / max(float(ring.median()), 1e-9))


def _mean(values: Tensor, weights: Tensor) -> float:
    return float((values * weights).sum() / weights.sum())
