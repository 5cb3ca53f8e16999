"""The parameter networks (PNet): a guiding signal X_s in, γ and β of every DIN site out.

Serial (Eq. 4-5): one deep network; its layer l gives a vector ψ_l, and

    γ_l = ψ_l W_γ + b_γ        β_l = ψ_l W_β + b_β

Parallel: a shallow network of its own for every l, the same two lines at the end.

| config word     | signal | ψ_l                                                                   |
|-----------------|--------|-----------------------------------------------------------------------|
| `conv`          | image  | mean and std of layer l of a CNN of the TNet's shape (the paper's)     |
| `conv-parallel` | image  | mean and std of a shallow CNN of its own                               |
| `vgg`           | image  | layer l of a residual MLP on the mean and std of frozen VGG-16 layers  |
| `mlp`, `mlp-parallel`, `gru` | words, histograms | see vector_pnet.py                            |

ψ_l of an image is pooled over space to means and standard deviations. There is no normalisation
over space on the way: after an instance norm every painting has mean 0 and deviation 1, and the
PNet would be blind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from .colour_norm import NUMBERS, palette_values
from .constants import RESIDUAL_BLOCKS
from .described import Count
from .heads import PNet, ResidualLayer, StyleHeads
from .layers import Conv
from .tnet import Site
from .typed import Modules
from .vector_pnet import Compression, GRUPNet, MLPPNet, ParallelMLPPNet, VectorOptions
from .vgg import LAYER_CHANNELS, VGG16, WIDTH


def mean_and_std(features: Tensor) -> Tensor:
    """Per-channel mean and standard deviation over space: [N, C, H, W] → [N, 2C], float32."""
    x = features.float()
    mean = x.mean((2, 3), keepdim=True)
    var = (x - mean).square_().mean((2, 3))  # two passes: seven times faster here than torch.var_mean, as exact
    return torch.cat((mean.flatten(1), (var + 1e-6).sqrt()), 1)


class ConvBlock(nn.Module):
    """Two convolutions around a skip; the second starts at zero, so the block starts as identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = Conv(channels, channels, 3)
        self.conv2 = Conv(channels, channels, 3)
        for parameter in self.conv2.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.conv2(F.relu(self.conv1(x))))


class ConvPNet(PNet):
    """The paper's serial image PNet: the TNet's first nine layers without their norms.

    Args:
        sites: the TNet's DIN sites.
        width: channels of the first layer.
    """

    def __init__(self, sites: tuple[Site, ...], width: int = 32):
        super().__init__(sites)
        w = width
        self.layers = Modules(
            [
                nn.Sequential(Conv(3, w, 9), nn.ReLU()),
                nn.Sequential(Conv(w, 2 * w, 3, stride=2), nn.ReLU()),
                nn.Sequential(Conv(2 * w, 4 * w, 3, stride=2), nn.ReLU()),
                *(ConvBlock(4 * w) for _ in range(RESIDUAL_BLOCKS)),
                # Layer 9 up-samples in the TNet. Here only its mean and std are used, which
                # up-sampling does not change, so it is left out.
                nn.Sequential(Conv(4 * w, 2 * w, 3), nn.ReLU()),
            ]
        )
        sizes = [w, 2 * w, *[4 * w] * (1 + RESIDUAL_BLOCKS), 2 * w]
        self.heads = StyleHeads(self.din_sites, [2 * c for c in sizes])

    def forward(self, features: Tensor) -> Tensor:
        x, psis = features * 2 - 1, []
        for layer in self.layers:
            x = layer(x)
            psis.append(mean_and_std(x))  # ψ_l
        return self.with_palette(self.heads(psis), features)


class ParallelConvPNet(PNet):
    """The paper's parallel image PNet: a shallow CNN for every DIN layer, none sees another's ψ."""

    def __init__(self, sites: tuple[Site, ...], width: int = 32):
        super().__init__(sites)
        w, layers = width, self.din_sites[-1].layer
        self.branches = Modules(
            nn.Sequential(Conv(3, w, 5, stride=2), nn.ReLU(), Conv(w, 2 * w, 3, stride=2), nn.ReLU())
            for _ in range(layers)
        )
        self.heads = StyleHeads(self.din_sites, [4 * w] * layers)

    def forward(self, features: Tensor) -> Tensor:
        x = features * 2 - 1
        return self.with_palette(self.heads([mean_and_std(branch(x)) for branch in self.branches]), features)


class VGGPNet(PNet):
    """Serial PNet on the channel statistics of a frozen VGG-16.

    A painting's statistics at `taps` never change, so training needs them once a painting, and the
    network starts from features that already know texture. The VGG-16 layers travel with the model.

    Args:
        sites: the TNet's DIN sites.
        width: size of every ψ_l.
        taps: VGG-16 layers whose means and standard deviations are read.
        bold: the network is told as well how boldly to paint.
        vgg_width: as `width` of `VGG16`.
    """

    offset: Tensor
    spread: Tensor

    def __init__(
        self,
        sites: tuple[Site, ...],
        width: int = 256,
        taps: Sequence[str] = ("relu1_2", "relu2_2", "relu3_3", "relu4_1"),
        bold: bool = False,
        vgg_width: int = WIDTH,
    ):
        super().__init__(sites)
        if not taps:
            raise ValueError("a PNet of kind 'vgg' reads at least one layer of VGG-16: its taps are empty.")
        self.taps = tuple(taps)
        self.vgg = VGG16(self.taps[-1], vgg_width)
        size = 2 * sum(LAYER_CHANNELS[tap] * vgg_width // WIDTH for tap in self.taps)
        # Set by `calibrate` to the statistics' mean and spread over the training paintings.
        self.register_buffer("offset", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.enter = nn.Linear(size, width)
        if bold:
            self.bold = nn.Linear(1, width, bias=False)
            nn.init.zeros_(self.bold.weight)
        self.layers = Modules(ResidualLayer(width) for _ in range(self.din_sites[-1].layer))
        self.heads = StyleHeads(self.din_sites, [width] * self.din_sites[-1].layer)

    @torch.no_grad()
    def features(self, signal: Tensor) -> Tensor:
        """[N, 3, H, W] in 0..1 → [N, F], float32: mean and std of every channel at the taps; of a palette its 12
        numbers behind them.
        """
        activations = self.vgg(signal, self.taps)
        seen = [mean_and_std(activations[tap]) for tap in self.taps]
        return torch.cat([*seen, palette_values(signal, self.axes).flatten(1)] if self.palette else seen, 1)

    @torch.no_grad()
    def calibrate(self, features: Tensor) -> None:
        """Take offset and spread from the features [N, F] of many paintings; one alone has no spread, which stays."""
        statistics = features[:, : len(self.offset)]
        self.offset.copy_(statistics.mean(0))
        if len(statistics) > 1:
            self.spread.copy_(statistics.std(0).clamp_min(1e-3))

    def forward(self, features: Tensor, bold: Tensor | None = None) -> Tensor:
        """`features(X_s)` → γ, β of all DIN sites, [N, 2, ΣC]; `bold`, [N], is 0 (faithful to the photograph) … 1, of a
        PNet that can be told; without it 0.5.
        """
        normalised = (features[:, : len(self.offset)] - self.offset) / self.spread
        psi, psis = self.enter(normalised.to(self.enter.weight.dtype)), []
        if bold is not None:  # λ_s / λ_c that the pictures were trained for, as in Babaeizadeh and Ghiasi 2018
            if self.bold is None:
                raise TypeError("this PNet cannot be told how boldly to paint.")
            psi = psi + self.bold((2 * bold[:, None] - 1).to(psi.dtype))  # so that 0.5 is what there is without
        for layer in self.layers:
            psi = layer(psi)
            psis.append(psi)  # ψ_l
        values = self.heads(psis)
        return torch.cat((values, features[:, len(self.offset) :].view(-1, 2, NUMBERS)), 2) if self.palette else values


KINDS: dict[str, type[PNet]] = {
    "conv": ConvPNet,
    "conv-parallel": ParallelConvPNet,
    "vgg": VGGPNet,
    "mlp": MLPPNet,
    "mlp-parallel": ParallelMLPPNet,
    "gru": GRUPNet,
}
IMAGE_KINDS = tuple(kind for kind, pnet in KINDS.items() if pnet.signal == "image")


class PNetOptions(VectorOptions, total=False):
    """The options of all PNets; each takes its own of them."""

    width: Count
    taps: Sequence[str]
    bold: bool
    vgg_width: Count


class PNetConfig(PNetOptions, total=False):
    """A PNet as config.json describes it."""

    kind: str


class AttributePNetConfig(Compression, total=False):
    """A PNet for words or colours beside an image PNet; its signal is the name it goes by."""

    kind: str
    width: Count


def build_pnet(kind: str, sites: tuple[Site, ...], **options: Unpack[PNetOptions]) -> PNet:
    """A PNet by its config word; `options` are its class's keyword arguments."""
    if kind not in KINDS:
        raise ValueError(f"there is no PNet of kind '{kind}'; choose one of {', '.join(KINDS)}.")
    make: Callable[..., PNet] = KINDS[kind]  # which refuses the options that are another's
    return make(sites, **options)


def trainable(module: nn.Module) -> Iterator[nn.Parameter]:
    """The parameters that a training run changes."""
    return (p for p in module.parameters() if p.requires_grad)
