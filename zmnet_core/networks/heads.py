"""What all PNets share: the heads of Eq. 4-5, the residual layer of the fully connected ones, one interface."""

from __future__ import annotations

from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .colour_norm import AXES, palette_values
from .tnet import PALETTE_SITE, Site
from .typed import Modules
from .unmade import constant

ROW = "row"  # the signal that is the number of a style in a table, not what it looks like


class StyleHeads(nn.Module):
    """Eq. 4-5 for every DIN layer l: ψ_l → γ_l, β_l.

    A residual block is one layer with two sites; its two γ stand side by side in one W_γ. At the
    start W is small, b_γ = 1 and b_β = 0: close to a plain instance norm.
    """

    def __init__(self, sites: tuple[Site, ...], psi_sizes: list[int]):
        super().__init__()
        channels = [sum(s.channels for s in layer) for _, layer in groupby(sites, key=lambda s: s.layer)]
        if len(channels) != len(psi_sizes):
            raise ValueError(f"{len(psi_sizes)} vectors ψ for {len(channels)} DIN layers.")
        self.gamma = Modules(nn.Linear(d, c) for d, c in zip(psi_sizes, channels))
        self.beta = Modules(nn.Linear(d, c) for d, c in zip(psi_sizes, channels))
        for bias, heads in ((1.0, self.gamma), (0.0, self.beta)):
            for head in heads:
                nn.init.normal_(head.weight, std=0.1 / head.in_features**0.5)
                nn.init.constant_(head.bias, bias)

    def forward(self, psis: list[Tensor]) -> Tensor:
        """[ψ_1 … ψ_9], each [N, D_l] → [N, 2, ΣC], float32."""
        psis = [psi.to(self.gamma[0].weight.dtype) for psi in psis]
        gamma = torch.cat([head(psi) for head, psi in zip(self.gamma, psis)], 1)  # γ_l = ψ_l W_γ + b_γ
        beta = torch.cat([head(psi) for head, psi in zip(self.beta, psis)], 1)  # β_l = ψ_l W_β + b_β
        return torch.stack((gamma, beta), 1).float()

    @torch.no_grad()
    def start_from(self, style: Tensor) -> None:
        """Make `style`, γ and β [2, ΣC], the biases: what is written where ψ = 0."""
        for heads, values in ((self.gamma, style[0]), (self.beta, style[1])):
            for head, part in zip(heads, values.split([head.out_features for head in heads])):
                head.bias.copy_(part)


class PNet(nn.Module):
    """What all PNets share: `signal` says what X_s is ("image", or a vector's name); `features` does what needs
    no training.

    A training loop may keep `features(X_s)` of a painting and call the PNet on it ever after.

    Args:
        sites: the TNet's. A palette among them is not learned: a PNet of pictures reads it off the picture.

    Attributes:
        din_sites: the other sites, for which γ, β are learned.
        palette: whether there is one.
        bold: whether it can be told how boldly to paint.
    """

    signal = "image"
    heads: StyleHeads
    axes: Tensor

    def __init__(self, sites: tuple[Site, ...]):
        super().__init__()
        self.din_sites = tuple(site for site in sites if site != PALETTE_SITE)
        self.palette = PALETTE_SITE in sites
        self.bold: nn.Linear | None = None
        if self.palette and self.signal == "image":
            self.register_buffer("axes", constant(AXES), persistent=False)

    def with_palette(self, values: Tensor, images: Tensor) -> Tensor:
        """γ, β [N, 2, ΣC] of the other sites, and those of the pictures' colours behind them if there is a palette."""
        return torch.cat((values, palette_values(images, self.axes)), 2) if self.palette else values

    def features(self, signal: Tensor) -> Tensor:
        """The part of the network that is frozen (none here: the signal itself)."""
        return signal

    def forward(self, features: Tensor) -> Tensor:
        """`features(X_s)` → γ, β of all DIN sites, [N, 2, ΣC]."""
        raise NotImplementedError


class ResidualLayer(nn.Module):
    """ψ → ψ + MLP(ψ); the second linear starts at zero, so the layer starts as identity."""

    def __init__(self, size: int):
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.linear1 = nn.Linear(size, size)
        self.linear2 = nn.Linear(size, size)
        nn.init.zeros_(self.linear2.weight)
        nn.init.zeros_(self.linear2.bias)

    def forward(self, psi: Tensor) -> Tensor:
        return psi + self.linear2(F.relu(self.linear1(self.norm(psi))))
