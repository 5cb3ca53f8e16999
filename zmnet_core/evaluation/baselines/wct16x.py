"""WCT with a VGG-19 of a sixteenth of the weights: "16x" of Collaborative Distillation.

Whitening and colouring: Li, Fang, Yang, Wang, Lu & Yang, *Universal Style Transfer via Feature Transforms* (NIPS 2017).
Small encoders and decoders: Wang, Li, Wang, Hu & Yang, *Collaborative Distillation for Ultra-Resolution Universal
Style Transfer* (CVPR 2020), https://github.com/MingSun-Tse/Collaborative-Distillation (MIT licence, Copyright 2020 Huan
Wang). Written anew after its mode `16x`; the checkpoints are read from a clone. Inference only.

From the deepest level (relu5_1) to the shallowest (relu1_1) the picture is encoded, its features get the mean and the
covariance of the painting's, and are decoded again:

    f ← Σ_s^½ Σ_c^-½ (f − μ_c) + μ_s,   Σ the covariance over the pixels, in float64
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .peers import WCT_16X, fingerprint, load_weights, padded

NAME = "WCT-16x"
CONVOLUTIONS = (2, 2, 4, 4)  # of the blocks before the last, which has one
WIDTHS = (16, 32, 64, 128, 128)  # channels of each block; of the first level's only block: 24
LEAST_EIGENVALUE = 1e-100  # smaller ones are none: the features do not go that way
STRIDE = 16  # of the deepest features


def _names(level: int) -> list[str]:
    """The convolutions of a level's encoder from the picture on; "" is the step to the next block."""
    names: list[str] = []
    for block, count in enumerate(CONVOLUTIONS[: level - 1], 1):
        names += [*(f"conv{block}{number}" for number in range(1, count + 1)), ""]
    return [*names, f"conv{level}1"]


def _width(level: int, name: str) -> int:
    """Channels that an encoder's convolution gives."""
    return 24 if level == 1 else WIDTHS[int(name[4]) - 1]


class _Encoder(nn.Module):
    """[N, 3, H, W] in 0..1 → activations of one level; a 1 × 1 convolution brings colours to VGG's form."""

    def __init__(self, level: int):
        super().__init__()
        self.level, self.conv0, inputs = level, nn.Conv2d(3, 3, 1), 3
        for name in filter(None, _names(level)):
            self.add_module(name, _convolution(inputs, _width(level, name)))
            inputs = _width(level, name)

    def forward(self, picture: Tensor) -> Tensor:
        x = self.conv0(picture)
        for name in _names(self.level):
            x = F.relu(self.get_submodule(name)(x)) if name else F.max_pool2d(x, 2)
        return x


class _Decoder(nn.Module):
    """The encoder mirrored: activations of one level → [N, 3, H, W], not below 0."""

    def __init__(self, level: int):
        super().__init__()
        self.level = level
        names = [name for name in _names(level) if name]
        for name, before in zip(names, ["", *names]):
            self.add_module(name, _convolution(_width(level, name), _width(level, before) if before else 3))

    def forward(self, x: Tensor) -> Tensor:
        for name in reversed(_names(self.level)):
            x = F.relu(self.get_submodule(name)(x)) if name else F.interpolate(x, scale_factor=2.0)
        return x


class WCT16x(nn.Module):
    """Stylises with the authors' checkpoints, through all five levels.

    Args:
        peers: folder that holds the clone `Collaborative-Distillation`.

    Raises:
        WeightsNotFoundError: its files are not there, or are something else.
    """

    def __init__(self, peers: Path):
        super().__init__()
        clone, levels = Path(peers) / WCT_16X, range(1, 6)
        self.encoders, self.decoders = (nn.ModuleList(map(kind, levels)) for kind in (_Encoder, _Decoder))
        for level, encoder, decoder in zip(levels, self.encoders, self.decoders):
            load_weights(encoder, clone, f"trained_models/wct_se_16x_new/{level}SE.pth", ignore="_aux")
            load_weights(decoder, clone, f"trained_models/wct_se_16x_new_sd/{level}SD.pth")
        self.eval().requires_grad_(False)
        self.key = f"{NAME} {fingerprint(self)}"

    def forward(self, content: Tensor, painting: Tensor) -> Tensor:
        """[1, 3, H, W] and [1, 3, h, w] in 0..1 → [1, 3, H, W] in 0..1; sides of at least 32 px."""
        height, width = content.shape[-2:]
        picture = padded(content, STRIDE)
        for encoder, decoder in zip(reversed(self.encoders), reversed(self.decoders)):
            picture = decoder(whiten_and_colour(encoder(picture), encoder(painting)))
        return picture[..., :height, :width].clamp(0, 1)


def whiten_and_colour(content: Tensor, style: Tensor) -> Tensor:
    """The content's features [1, C, H, W] with the mean and covariance of the style's [1, C, h, w]."""
    x, y = (features[0].flatten(1).cpu().double() for features in (content, style))
    mean = y.mean(1, keepdim=True)
    x, y = x - x.mean(1, keepdim=True), y - mean
    coloured = _power(y, 0.5) @ (_power(x, -0.5) @ x) + mean
    return coloured.to(content).view_as(content)


def _power(centred: Tensor, exponent: float) -> Tensor:
    """A power of the covariance of centred features [C, P], in the directions that have any: [C, C], float64."""
    _, values, vectors = torch.linalg.svd(centred @ centred.T / (centred.shape[1] - 1))
    some = values >= LEAST_EIGENVALUE
    return vectors[some].T * values[some].pow(exponent) @ vectors[some]


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")
