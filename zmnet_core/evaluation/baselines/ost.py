"""Optimisation-based style transfer (the paper's OST; Gatys, Ecker & Bethge 2016).

No network is trained: the pixels of one picture are moved until its VGG-16 features have the
photograph's content and the painting's Gram matrices (Eq. 2). Minutes a picture on a CPU, and about
as low as the loss gets: the bound that a feed-forward network is measured against.

    Y_0 = X_c,   Y_{k+1} = clamp(Y_k − Adam(∇_Y L(Y_k; X_c, X_s)), 0, 1)

or, as Gatys et al. do it, with L-BFGS, which looks along its way for the best length of each stride; pixels are kept in
0..1 inside of L there. One step is one look at L and its gradient with either.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

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


OPTIMISERS = ("adam", "lbfgs")
FIRST = 0.01  # of 0..1, the mean length of the first stride of L-BFGS
HISTORY = 20  # strides that L-BFGS remembers; each takes two pictures of memory


class _Enough(Exception):
    """The last step is done; torch's L-BFGS ends in no other way between two looks."""


@dataclass(frozen=True)
class OSTConfig:
    """One way to optimise; its `repr` names a result in a cache.

    `coarse_steps` come first, at half the size, where a step costs a quarter; the change that they made
    is enlarged and added. `bfloat16` runs VGG-16 under autocast (the losses stay float32): about twice as fast
    where the hardware multiplies bfloat16 (GPUs, AMX), and slower where it does not.
    """

    steps: int = 200
    coarse_steps: int = 0
    optimiser: str = "adam"  # one of OPTIMISERS
    learning_rate: float = 0.03  # of Adam, on pixels in 0..1; falls to a tenth of it (cosine)
    start: str = "photograph"  # Y_0: one of STARTS
    tv_weight: float = 0.0
    bfloat16: bool = False
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        if self.start not in STARTS:
            raise ValueError(f"OST starts from {' or '.join(STARTS)}, not from '{self.start}'.")
        if self.optimiser not in OPTIMISERS:
            raise ValueError(f"OST's optimiser is {' or '.join(OPTIMISERS)}, not '{self.optimiser}'.")

    def described(self) -> dict[str, Any]:
        """The values by name. Of Adam nothing is said: what was made before there was another is known again."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in self._unsaid}

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.described().items())
        return f"{type(self).__name__}({said})"

    @property
    def _unsaid(self) -> tuple[str, ...]:
        return ("optimiser",) if self.optimiser == "adam" else ()


class OST:
    """Stylises by optimisation.

    >>> ost = OST(load_vgg16(), OSTConfig(steps=300))
    >>> stylised = ost(photographs, paintings)

    Args:
        report: called after every step with the loss that it found, the mean of the pictures.
        stop: asked after every step; where it says so, the picture so far is the result.
    """

    def __init__(
        self,
        vgg: VGG16,
        config: OSTConfig | None = None,
        report: Callable[[float], object] = lambda loss: None,
        stop: Callable[[], bool] = lambda: False,
    ):
        self.config, self.report, self.stop = config or OSTConfig(), report, stop
        self.perceptual = PerceptualLoss(vgg, self.config.loss)

    def __call__(self, contents: Tensor, paintings: Tensor, start: Tensor | None = None) -> Tensor:
        """[N, 3, H, W] and [N, 3, h, w] → [N, 3, H, W], all in 0..1; picture i from photograph i and painting i.

        `start`, [N, 3, H, W], is Y_0 in place of the configuration's.
        """
        contents, paintings = contents.float(), paintings.float()
        pictures = STARTS[self.config.start](contents, paintings) if start is None else start.float()
        if self.config.coarse_steps:
            small, contents_2, paintings_2 = (halve(images) for images in (pictures, contents, paintings))
            change = self._optimise(small, contents_2, paintings_2, self.config.coarse_steps) - small
            pictures = (pictures + resize(change, pictures.shape[-2:])).clamp(0, 1)  # fine detail is still the start's
        return self._optimise(pictures, contents, paintings, self.config.steps)

    @torch.no_grad()
    def loss(self, pictures: Tensor, contents: Tensor, paintings: Tensor) -> Tensor:
        """Eq. 2 of each picture, in float32: [N]."""
        return self.perceptual(pictures, contents, self.perceptual.style_targets(paintings)).each

    def _optimise(self, pictures: Tensor, contents: Tensor, paintings: Tensor, steps: int) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            if self.config.optimiser == "adam":
                return self._adam(pictures, contents, paintings, steps)
            parts = zip(pictures.split(1), contents.split(1), paintings.split(1))  # apart: a stride has one length
            return torch.cat([self._lbfgs(picture, content, painting, steps) for picture, content, painting in parts])

    def _targets(self, contents: Tensor, paintings: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        with torch.autocast(contents.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            return self.perceptual.style_targets(paintings), self.perceptual.content_targets(contents)

    def _look(self, pictures: Tensor, contents: Tensor, targets: tuple[dict[str, Tensor], dict[str, Tensor]]) -> Tensor:
        """L, the sum over pictures: none sees another."""
        with torch.autocast(contents.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            loss = self.perceptual(pictures, contents, *targets).each.sum()
        if self.config.tv_weight:
            loss = loss + self.config.tv_weight * len(pictures) * total_variation(pictures)
        return loss

    def _adam(self, pictures: Tensor, contents: Tensor, paintings: Tensor, steps: int) -> Tensor:
        config, targets = self.config, self._targets(contents, paintings)
        pictures = pictures.clone().requires_grad_()
        optimizer = torch.optim.Adam([pictures], lr=config.learning_rate)
        for step in range(steps):
            if self.stop():
                break
            optimizer.param_groups[0]["lr"] = config.learning_rate * (0.55 + 0.45 * math.cos(math.pi * step / steps))
            loss = self._look(pictures, contents, targets)
            (pictures.grad,) = torch.autograd.grad(loss, pictures)
            optimizer.step()
            with torch.no_grad():
                pictures.clamp_(0, 1)
            self.report(loss.item() / len(pictures))
        return pictures.detach()

    def _lbfgs(self, picture: Tensor, content: Tensor, painting: Tensor, steps: int) -> Tensor:
        """The best picture that was looked at in so many steps."""
        targets, done = self._targets(content, painting), 0
        best, least = picture, math.inf
        # torch's first stride changes all numbers by 1 together: in this unit that is FIRST a pixel.
        unit = FIRST * picture.numel()
        free = (picture / unit).contiguous().requires_grad_()
        optimizer = torch.optim.LBFGS(
            [free], max_iter=steps, max_eval=2 * steps, tolerance_grad=0, tolerance_change=0, history_size=HISTORY,
            line_search_fn="strong_wolfe",
        )  # fmt: skip

        def look() -> Tensor:
            nonlocal done, best, least
            if done == steps or self.stop():
                raise _Enough
            loss = self._look((free * unit).clamp(0, 1), content, targets)
            free.grad = torch.autograd.grad(loss, free)[0].contiguous()  # torch's L-BFGS reads no other memory format
            done += 1
            if loss.item() < least:
                best, least = (free.detach() * unit).clamp(0, 1), loss.item()
            self.report(loss.item())
            return loss.detach()

        try:
            optimizer.step(look)
        except _Enough:
            pass
        return best


def resize(images: Tensor, size: tuple[int, ...]) -> Tensor:
    """[N, C, H, W] → [N, C, *size], anti-aliased."""
    return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False)


def halve(images: Tensor) -> Tensor:
    """Half the size, at least 32 px, in 0..1."""
    return resize(images, tuple(max(32, side // 2) for side in images.shape[-2:])).clamp(0, 1)
