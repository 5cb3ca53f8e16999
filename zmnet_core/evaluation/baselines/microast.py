"""MicroAST (Wang, Zhao, Zuo, Li, Chen, Xing & Lu, AAAI 2023), arbitrary stylisation with 0.5 million weights.

The networks are written anew after https://github.com/EndyWon/MicroAST (MIT licence, Copyright 2022 Zhizhong Wang);
the checkpoints are read from a clone of it, at its commit 5a6c905 or any that has the same files. Inference only.

Two encoders of the same form look at photograph and painting: features f₁ and, one residual block further, f₂. Of the
painting's the modulator makes a weight w_i and a bias b_i for every channel; the decoder gives the photograph's
features the mean and deviation of the painting's (AdaIN) and passes them through residual blocks whose convolutions
K are modulated by them, coarse ones first:

    x ← dec₁(AdaIN(f₂, s₂); w₂, b₂),   x ← dec₂(AdaIN(x, s₁); w₁, b₁),   Y = up-sampling layers(x)
    dec(x; w, b) = x + w·K₂ h + b·h,   h = relu(w·K₁ x + b·x)
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .peers import MICROAST, fingerprint, load_weights, padded

WIDTHS, STRIDE = (16, 32, 64), 4  # channels at 1, 1/2 and 1/4 of the picture's sides
NAME = "MicroAST"


class _Convolution(nn.Module):
    """A convolution with reflection at the border, under the name that it has in the checkpoints."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1, groups: int = 1):
        super().__init__()
        self.conv_layer = nn.Conv2d(
            inputs, outputs, side, stride, padding=side // 2, padding_mode="reflect", groups=groups
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_layer(x)


class _Residual(nn.Module):
    """x + K₂ relu(K₁ x), or with a painting's weight and bias [N, C, 1, 1] the modulated form."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.conv2 = _Convolution(channels, channels, 3), _Convolution(channels, channels, 3)

    def forward(self, x: Tensor, modulation: tuple[Tensor, Tensor] | None = None) -> Tensor:
        if modulation is None:
            return x + self.conv2(F.relu(self.conv1(x)))
        weight, bias = modulation
        hidden = F.relu(weight * self.conv1(x) + bias * x)
        return x + weight * self.conv2(hidden) + bias * hidden


class _Encoder(nn.Module):
    """[N, 3, H, W] → features f₁, f₂ of 64 channels at a quarter of the sides."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_Convolution(3, WIDTHS[0], 9), nn.ReLU()]
        for inputs, outputs in zip(WIDTHS, WIDTHS[1:]):
            layers += [_Convolution(inputs, outputs, 3, stride=2, groups=inputs), nn.ReLU()]
            layers += [_Convolution(outputs, outputs, 1), nn.ReLU()]
        self.enc1 = nn.Sequential(*layers, _Residual(WIDTHS[-1]))
        self.enc2 = nn.Sequential(_Residual(WIDTHS[-1]))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        first = self.enc1(picture)
        return first, self.enc2(first)


class _Modulator(nn.Module):
    """A painting's features → for f₁ and f₂ a weight and a bias [N, C, 1, 1]."""

    weight1: nn.Sequential
    bias1: nn.Sequential
    weight2: nn.Sequential
    bias2: nn.Sequential

    def __init__(self) -> None:
        super().__init__()
        channels = WIDTHS[-1]
        for name in ("weight1", "bias1", "weight2", "bias2"):
            depthwise = _Convolution(channels, channels, 3, groups=channels)
            self.add_module(name, nn.Sequential(depthwise, nn.AdaptiveAvgPool2d(1)))

    def forward(self, features: tuple[Tensor, Tensor]) -> list[tuple[Tensor, Tensor]]:
        first, second = features
        return [(self.weight1(first), self.bias1(first)), (self.weight2(second), self.bias2(second))]


class _Decoder(nn.Module):
    """Features of the photograph, in the painting's statistics → a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.dec1, self.dec2 = _Residual(WIDTHS[-1]), _Residual(WIDTHS[-1])
        layers: list[nn.Module] = []
        for inputs, outputs in zip(WIDTHS[:0:-1], WIDTHS[-2::-1]):
            layers += [nn.Upsample(scale_factor=2, mode="bilinear")]
            layers += [_Convolution(inputs, outputs, 3, groups=outputs), nn.ReLU()]
            layers += [_Convolution(outputs, outputs, 1), nn.ReLU()]
        self.dec3 = nn.Sequential(*layers, _Convolution(WIDTHS[0], 3, 9))

    def forward(
        self, content: tuple[Tensor, Tensor], style: tuple[Tensor, Tensor], modulation: list[tuple[Tensor, Tensor]]
    ) -> Tensor:
        x = self.dec1(_adain(content[1], style[1]), modulation[1])
        return self.dec3(self.dec2(_adain(x, style[0]), modulation[0]))


class MicroAST(nn.Module):
    """Stylises with the authors' checkpoints.

    Args:
        peers: folder that holds the clone `MicroAST`.

    Raises:
        WeightsNotFoundError: its files are not there, or are something else.
    """

    def __init__(self, peers: Path):
        super().__init__()
        clone = Path(peers) / MICROAST
        self.content_encoder, self.style_encoder = _Encoder(), _Encoder()
        self.modulator, self.decoder = _Modulator(), _Decoder()
        for name, network in self.named_children():
            load_weights(network, clone, f"models/{name}_iter_160000.pth.tar")
        self.eval().requires_grad_(False)
        self.key = f"{NAME} {fingerprint(self)}"

    def forward(self, content: Tensor, painting: Tensor) -> Tensor:
        """[N, 3, H, W] and [N, 3, h, w] in 0..1 → [N, 3, H, W] in 0..1; sides of at least 16 px."""
        height, width = content.shape[-2:]
        style = self.style_encoder(painting)
        stylised = self.decoder(self.content_encoder(padded(content, STRIDE)), style, self.modulator(style))
        return stylised[..., :height, :width].clamp(0, 1)


def _adain(content: Tensor, style: Tensor) -> Tensor:
    """The content's features with the mean and deviation of the style's, in every channel."""
    (var_c, mean_c), (var_s, mean_s) = (torch.var_mean(x, (2, 3), keepdim=True) for x in (content, style))
    return (content - mean_c) * ((var_s + 1e-5) / (var_c + 1e-5)).sqrt() + mean_s
