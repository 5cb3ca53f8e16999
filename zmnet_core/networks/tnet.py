"""The transformation network (TNet): a photograph and a style's γ, β in, the stylised picture out.

The network of Johnson et al. 2016 with dynamic instance normalisation (DIN, Eq. 3 of the ZM-Net
paper) in each of its first nine layers:

    layer    1       2     3      4 … 8           9     10       11
    conv     c9s1-w  d2w   d4w    R4w × 5         u2w   u w      c9s1-3
    norm     DIN     DIN   DIN    DIN + DIN each  DIN   none     none

w = 32 gives the paper's 32, 64, 128 channels: 14 DIN sites, 1,568 channels, 3,136 numbers a style.
Up-sampling is nearest + convolution and padding is reflected: neither checkerboard nor border.
Layer 10 has no norm: an instance norm with constant γ, β so near the output would give every style
the same mean and contrast again (measured: sepia pictures, whatever the painting). With `palette` the three colours of
the picture itself are normalised together and get the painting's (colour_norm.py), as one more site.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import torch.nn.functional as F
from torch import Tensor, nn

from ..images.colour import luma
from ..images.resize import resized
from .areas import Areas
from .colour_norm import AXES, NUMBERS
from .constants import DIN_LAYERS, PALETTE_LAYER, RESIDUAL_BLOCKS
from .described import Count
from .layers import DIN, Conv, PictureConv, ResidualConvs, UpsampleConv
from .regions import Alone, Probe, RegionDIN, together
from .typed import Modules
from .unmade import constant

KERNELS = (1, 3, 5, 7, 9)  # sides of the first and the last convolution
MIN_SIDE = 16  # pixels: the smallest picture whose quarter-size planes can still be reflected
PROBE = 128  # pixels, the long side of small copies on which regions are compared with the whole
DOWNSAMPLING = 4  # the residual blocks see the picture at a quarter of its size
RECEPTIVE_RADIUS = 4 + 1 + 2 + 2 * RESIDUAL_BLOCKS * DOWNSAMPLING + 4 + 2 + 4  # pixels, an upper bound


class Site(NamedTuple):
    """One place where the TNet normalises: its name, the layer it is in (DIN: 1..9), its channels."""

    name: str
    layer: int
    channels: int


def din_sites(width: int, edge: int | None = None) -> tuple[Site, ...]:
    """The DIN sites of a TNet of this width, in the order of the forward pass; `edge` as there."""
    sites = [Site("c9", 1, width if edge is None else edge), Site("d2w", 2, 2 * width), Site("d4w", 3, 4 * width)]
    for block in range(RESIDUAL_BLOCKS):
        sites += [Site(f"r{block + 1}.{half}", 4 + block, 4 * width) for half in (1, 2)]
    return (*sites, Site("u2w", DIN_LAYERS, 2 * width))


PALETTE_SITE = Site("palette", PALETTE_LAYER, NUMBERS)


class Trace(NamedTuple):
    """What a training step needs of a forward pass besides the picture."""

    image: Tensor  # [N, 3, H, W], not clamped: −0.05 … 1.05
    logits: Tensor  # [N, 3, H, W], before the sigmoid
    excess: Tensor  # [sites], mean squared excess of normalised values beyond 5 σ
    peaks: Tensor  # [sites], largest normalised value in σ


class TNetOptions(TypedDict, total=False):
    """The options of a `TNet`, as config.json has them."""

    width: Count
    edge: Count | None
    kernel: Count
    separable: bool
    palette: bool
    grey: bool


class TNet(nn.Module):
    """X_c, (γ, β) → Y.

    Args:
        width: w, 32 in the paper.
        edge: channels of the planes of the picture's size, layers 1 and 10; w if left out, as in the paper.
        kernel: side of the first and the last convolution, odd; 9 in the paper.
        separable: 3 × 3 + 1 × 1 in the residual blocks' convolutions (`SeparableConv`), an eighth of their cost.
        palette: the picture gets the painting's colours at the end (`normalise_colours`).
        grey: the network sees photographs without their colours, so that these come from the style alone.
    """

    axes: Tensor

    def __init__(
        self,
        width: int = 32,
        edge: int | None = None,
        kernel: int = 9,
        separable: bool = False,
        palette: bool = False,
        grey: bool = False,
    ):
        super().__init__()
        w, e = width, width if edge is None else edge
        if w < 1 or e < 1:
            raise ValueError(f"the TNet's width and edge are numbers of channels, not {w} and {e}.")
        if kernel not in KERNELS:
            raise ValueError(f"the kernel of the TNet's first and last convolution is 1, 3, 5, 7 or 9, not {kernel}.")
        self.width = width
        self.palette, self.grey = palette, grey
        self.register_buffer("axes", constant(AXES), persistent=False)
        self.sites = din_sites(w, e) + (PALETTE_SITE,) * palette
        self.c9 = Conv(3, e, kernel, bias=False)
        self.d2w = Conv(e, 2 * w, 3, stride=2, bias=False)
        self.d4w = Conv(2 * w, 4 * w, 3, stride=2, bias=False)
        self.residual = Modules(ResidualConvs(4 * w, separable) for _ in range(RESIDUAL_BLOCKS))
        self.u2w = UpsampleConv(4 * w, 2 * w, bias=False)
        self.uw = UpsampleConv(2 * w, e)
        self.out = PictureConv(e, 3, kernel)

    @property
    def channels(self) -> int:
        """Channels over all sites (1,568 at width 32)."""
        return sum(site.channels for site in self.sites)

    def forward(
        self, content: Tensor, style: Tensor, statistics: Tensor | None = None, areas: Areas | None = None
    ) -> Tensor:
        """Stylise.

        Args:
            content: [N, 3, H, W], 0..1, H and W ≥ 16, any parity.
            style: [N or 1, 2, C]: γ and β of every DIN site (a `Style`'s values); with areas [N or 1, R, 2, C].
            statistics: frozen μ, 1/σ from `measure`, else the picture's own.
            areas: where each of R styles is.

        Returns:
            [N, 3, H, W], 0..1.
        """
        din = self._norms(content, style, statistics, areas)
        return self._paint(self._logits(content, din), din).clamp(0, 1)

    def measure(self, content: Tensor, style: Tensor, areas: Areas | None = None) -> Tensor:
        """The statistics of a picture under a style: [N, 2, C], μ and 1/σ at every site; of areas [N, R, 2, C]."""
        din = self._norms(content, style, None, areas)
        planes = self._planes(content, din)
        if self.palette:  # else what comes after the last norm, some of the largest planes, is left out
            self._paint(self._drawn(planes, content, din), din)
        return din.statistics

    def trace(self, content: Tensor, style: Tensor) -> Trace:
        """A forward pass for training, with the values the penalties act on."""
        din = DIN(style[:, 0], style[:, 1], watch=True)
        logits = self._logits(content, din)
        return Trace(self._paint(logits, din), logits, din.excess, din.peaks)

    def _norms(self, content: Tensor, style: Tensor, statistics: Tensor | None, areas: Areas | None) -> DIN | RegionDIN:
        """What normalises in one pass: with one style, or with one for each area."""
        if areas is None:
            return DIN(style[:, 0], style[:, 1], frozen=statistics)
        alone = None if statistics is not None or areas.own == 1 else self._alone(content, style, areas.weights)
        return RegionDIN(style, areas, statistics, DOWNSAMPLING, alone)

    def _alone(self, content: Tensor, style: Tensor, weights: Tensor) -> Alone:
        """How each region differs from the whole of small copies of the content, painted once in each style."""
        height, width = content.shape[-2:]
        scale = min(1.0, PROBE / max(height, width))
        size = max(MIN_SIDE, round(height * scale)), max(MIN_SIDE, round(width * scale))
        small, places = resized(content, size), F.adaptive_avg_pool2d(weights, size)
        found = []
        for index in range(len(small)):
            values = style[index % len(style)]
            copies = small[index][None].expand(len(values), -1, -1, -1)
            probe = Probe(values[:, 0], values[:, 1], places[index % len(places)][:, None], DOWNSAMPLING)
            planes = self._planes(copies, probe)
            if self.palette:
                self._paint(self._drawn(planes, copies, probe), probe)
            found.append(probe.alone)
        return together(found)

    def _logits(self, content: Tensor, din: DIN | RegionDIN) -> Tensor:
        return self._drawn(self._planes(content, din), content, din)

    def _planes(self, content: Tensor, din: DIN | RegionDIN) -> Tensor:
        """Layers 1 to 9: [N, 2w, H/2, W/2]."""
        height, width = content.shape[-2:]
        x = luma(content).expand(-1, 3, -1, -1) if self.grey else content
        missing = (0, -width % DOWNSAMPLING, 0, -height % DOWNSAMPLING)
        if any(missing):
            x = F.pad(x, missing, mode="reflect")
        x = din.relu(self.c9(x * 2 - 1))
        x = din.relu(self.d2w(x))
        x = din.relu(self.d4w(x))
        for block in self.residual:
            # β of the second site would add a constant to x that every later norm takes away again.
            x = x + din(block.conv2(din.relu(block.conv1(x))), shift=False)
        return din.relu(self.u2w(x))

    def _drawn(self, planes: Tensor, content: Tensor, din: DIN | RegionDIN) -> Tensor:
        """Layers 10 and 11, [N, 3, H, W], without what fills the content's sides up."""
        height, width = content.shape[-2:]
        return self.out(din.plain(self.uw, planes).relu_())[..., :height, :width]

    def _paint(self, logits: Tensor, din: DIN | RegionDIN) -> Tensor:
        # A little wider than 0..1, so that pure black and white lie where the sigmoid still has a
        # gradient (|logit| ≈ 3) and no pixel need saturate to reach them.
        image = logits.float().sigmoid() * 1.1 - 0.05
        return din.colours(image, self.axes) if self.palette else image
