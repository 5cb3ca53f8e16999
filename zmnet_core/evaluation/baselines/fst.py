"""FST, fast style transfer (Johnson, Alahi & Fei-Fei 2016; Ulyanov et al. 2017): a network for each style.

    y = γ (x − μ(x)) / σ(x) + β        with γ, β weights of the network as all others

There is no PNet and no signal. It is CIN with one row, and that is how it goes through the same loop; `Plain` is the
same network in torch's own layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn

from ...model import ZMNet
from ...networks.heads import PNet
from ...networks.layers import EPS
from ...networks.tnet import DOWNSAMPLING
from ...styling.style import Style
from .cin import CIN


class FST(CIN):
    """One painting's network: `FST({"width": 32})`; `fst.apply(photographs, fst.style())`."""

    def _made_pnet(self, options: Mapping[str, Any]) -> PNet:
        return super()._made_pnet({**options, "rows": 1})

    def style(self, row: int = 0, name: str = "") -> Style:
        """The style that the network has."""
        return super().style(row, name)


class Plain(nn.Module):
    """A TNet in one style, [2, ΣC], as torch's layers alone say it: `nn.InstanceNorm2d`, with γ and β its weights. (No
    palette, and no separable convolutions.)

    Slower than the TNet, and good for checks: [N, 3, H, W] in 0..1 with sides of a multiple of 4 → the same.
    """

    def __init__(self, model: ZMNet, style: Tensor):
        super().__init__()
        self.tnet, self.norms, first = model.tnet, nn.ModuleList(), 0
        for site in model.pnet.din_sites:
            norm = nn.InstanceNorm2d(site.channels, eps=EPS, affine=True)
            norm.load_state_dict(dict(zip(("weight", "bias"), style[:, first : first + site.channels])))
            self.norms.append(norm)
            first += site.channels

    def forward(self, content: Tensor) -> Tensor:
        """Layer after layer, as Johnson et al. draw it."""
        if any(side % DOWNSAMPLING for side in content.shape[-2:]):
            raise ValueError(f"the sides of the pictures are multiples of {DOWNSAMPLING} px here.")
        tnet, norms = self.tnet, iter(self.norms)
        x = content * 2 - 1
        for conv in (tnet.c9, tnet.d2w, tnet.d4w):
            x = F.relu(next(norms)(plain_convolution(conv, x)))
        for block in tnet.residual:
            first, second = (cast(nn.Conv2d, conv) for conv in (block.conv1, block.conv2))
            inner = F.relu(next(norms)(plain_convolution(first, x)))
            x = x + next(norms)(plain_convolution(second, inner))
        x = F.relu(next(norms)(plain_convolution(tnet.u2w, F.interpolate(x, scale_factor=2.0))))
        x = F.relu(plain_convolution(tnet.uw, F.interpolate(x, scale_factor=2.0)))
        return (plain_convolution(tnet.out, x).sigmoid() * 1.1 - 0.05).clamp(0, 1)


def plain_convolution(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution with reflected borders and the weights of `conv`, whatever `conv` makes of them."""
    side = conv.kernel_size[0] // 2
    return F.conv2d(F.pad(x, (side,) * 4, mode="reflect"), conv.weight, conv.bias, conv.stride)
