"""Optimisation-based style transfer (the paper's OST; Gatys, Ecker & Bethge 2016).

No network is trained: the pixels of one picture are moved until its VGG-16 features have the
photograph's content and the painting's Gram matrices (Eq. 2). Minutes a picture on a CPU, and about
as low as the loss gets: the bound that a feed-forward network is measured against.

    Y_0 = X_c,   Y_{k+1} = clamp(Y_k − Adam(∇_Y L(Y_k; X_c, X_s)), 0, 1)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ...losses.perceptual import LossConfig, PerceptualLoss
from ...losses.variation import total_variation
from ...networks.vgg import VGG16
from .colour_transfer import colour_transfer

STARTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "photograph": lambda content, painting: content,
    "colour transfer": colour_transfer,
}


@dataclass(frozen=True)
class OSTConfig:
    """One way to optimise; its `repr` names a result in a cache.

    `coarse_steps` come first, at half the size, where a step costs a quarter; the change that they made
    is enlarged and added. `bfloat16` runs VGG-16 under autocast (the losses stay float32): about twice as fast
    where the hardware multiplies bfloat16 (GPUs, AMX), and slower where it does not.
    """

    steps: int = 200
    coarse_steps: int = 0
    learning_rate: float = 0.03  # of Adam, on pixels in 0..1; falls to a tenth of it (cosine)
    start: str = "photograph"  # Y_0: one of STARTS
    tv_weight: float = 0.0
    bfloat16: bool = False
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        if self.start not in STARTS:
            raise ValueError(f"OST starts from {' or '.join(STARTS)}, not from '{self.start}'.")


class OST:
    """Stylises by optimisation.

    >>> ost = OST(load_vgg16(), OSTConfig(steps=300))
    >>> stylised = ost(photographs, paintings)

    Args:
        report: called after every step.
    """

    def __init__(self, vgg: VGG16, config: OSTConfig | None = None, report: Callable[[], object] = lambda: None):
        self.config, self.report = config or OSTConfig(), report
        self.perceptual = PerceptualLoss(vgg, self.config.loss)

    def __call__(self, contents: Tensor, paintings: Tensor) -> Tensor:
        """[N, 3, H, W] and [N, 3, h, w] → [N, 3, H, W], all in 0..1; picture i from photograph i and painting i."""
        contents, paintings = contents.float(), paintings.float()
        pictures = STARTS[self.config.start](contents, paintings)
        if self.config.coarse_steps:
            small, contents_2, paintings_2 = (halve(images) for images in (pictures, contents, paintings))
            change = self._optimise(small, contents_2, paintings_2, self.config.coarse_steps) - small
            pictures = (pictures + resize(change, pictures.shape[-2:])).clamp(0, 1)  # fine detail is still the start's
        return self._optimise(pictures, contents, paintings, self.config.steps)

    @torch.no_grad()
    def loss(self, pictures: Tensor, contents: Tensor, paintings: Tensor) -> Tensor:
        """Eq. 2 of each picture, in float32: [N]."""
        return self.perceptual(pictures, contents, self.perceptual.style_targets(paintings)).each

    @torch.enable_grad()
    def _optimise(self, pictures: Tensor, contents: Tensor, paintings: Tensor, steps: int) -> Tensor:
        config, kind = self.config, contents.device.type
        pictures = pictures.clone().requires_grad_()
        optimizer = torch.optim.Adam([pictures], lr=config.learning_rate)
        with torch.autocast(kind, torch.bfloat16, enabled=config.bfloat16):
            targets = self.perceptual.style_targets(paintings), self.perceptual.content_targets(contents)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = config.learning_rate * (0.55 + 0.45 * math.cos(math.pi * step / steps))
            with torch.autocast(kind, torch.bfloat16, enabled=config.bfloat16):
                loss = self.perceptual(pictures, contents, *targets).each.sum()  # the sum: no picture sees another
            if config.tv_weight:
                loss = loss + config.tv_weight * len(pictures) * total_variation(pictures)
            (pictures.grad,) = torch.autograd.grad(loss, pictures)
            optimizer.step()
            with torch.no_grad():
                pictures.clamp_(0, 1)
            self.report()
        return pictures.detach()


def resize(images: Tensor, size: tuple[int, ...]) -> Tensor:
    """[N, C, H, W] → [N, C, *size], anti-aliased."""
    return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False)


def halve(images: Tensor) -> Tensor:
    """Half the size, at least 32 px, in 0..1."""
    return resize(images, tuple(max(32, side // 2) for side in images.shape[-2:])).clamp(0, 1)
