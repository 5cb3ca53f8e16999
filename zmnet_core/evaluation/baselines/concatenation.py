"""Concatenation (as Li et al. 2017 guide a network): the style is joined to the planes, as planes of one value each.

What the next convolution makes of such planes is a number for each of its outputs, a bias:

    W ∗ [x, ψ 1] = W_x ∗ x + β,   β_k = Σ_c ψ_c Σ_ij W_ψ[k, c, i, j]

everywhere where borders are reflected; where they are filled with zeros β is a β_ijk that is smaller along them. So
concatenation is dynamic instance normalisation whose γ no style changes. A norm right behind such a convolution would
take its β away again, so ψ is joined to what a norm has made, by a 1 × 1 convolution:

    [diag(γ), W_β] ∗ [(x − μ) / σ, ψ 1] + b_β = γ (x − μ) / σ + β,   β = ψ W_β + b_β
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...model import ZMNet
from ...networks.heads import PNet, StyleHeads
from ...networks.pnet import PNetConfig
from ...networks.tnet import PALETTE_SITE
from .cin import SPEED


class BiasHeads(StyleHeads):
    """Eq. 4-5 without W_γ: ψ_l → β_l, and a γ_l that is learned but is the same for every style."""

    def __init__(self, pnet: PNet):
        sites = pnet.din_sites if pnet.signal == "image" else (*pnet.din_sites, *[PALETTE_SITE] * pnet.palette)
        super().__init__(sites, [head.in_features for head in pnet.heads.beta])
        del self.gamma
        self.moved = nn.Parameter(torch.zeros(sum(site.channels for site in sites)))

    @property
    def scale(self) -> Tensor:
        """γ of all sites, [ΣC]; it learns as fast as a table's."""
        return 1 + SPEED * self.moved

    def forward(self, psis: list[Tensor]) -> Tensor:
        """[ψ_1 … ψ_9], each [N, D_l] → [N, 2, ΣC], float32."""
        beta = torch.cat([head(psi.to(head.weight.dtype)) for head, psi in zip(self.beta, psis)], 1)
        return torch.stack((self.scale.expand_as(beta), beta), 1).float()


class Concatenation(ZMNet):
    """A ZM-Net that is told of the style by concatenation; its arguments are those of `ZMNet`."""

    def _made_pnet(self, options: PNetConfig) -> PNet:
        pnet = super()._made_pnet(options)
        pnet.heads = BiasHeads(pnet)
        return pnet


def joined(planes: Tensor, psi: Tensor) -> Tensor:
    """Planes [N, C, H, W] and behind them ψ [N, D] as D planes of one value each: [N, C + D, H, W]."""
    return torch.cat((planes, psi[..., None, None].expand(*psi.shape, *planes.shape[-2:])), 1)


def bias_of(weight: Tensor, psi: Tensor) -> Tensor:
    """β [N, K] that a convolution's weights [K, C + D, h, w] make of ψ [N, D], which is behind C other planes."""
    return psi @ weight[:, -psi.shape[1] :].sum((2, 3)).T
