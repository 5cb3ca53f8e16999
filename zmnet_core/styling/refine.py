"""A style refined: γ, β of one painting, moved from where the PNet has put them to where the loss is lower.

The fine-tuning of the paper (Fig. 8 and 9), with all weights as they are: 3,136 numbers learn, and no more.

    (γ, β)_{k+1} = (γ, β)_k − u · Adam(∇ L(TNet(X_c; γ, β); X_c, X_s))

L is Eq. 2 in its normalised form, over picture and painting at full, half and quarter size, as seen by the eyes of the
PNet. u is what γ and β usually are at their site (`units`): those of a palette are a fiftieth of those of a residual
block, and steps of one length for all would throw its colours about while the blocks hardly move. What is learned on a
few photographs holds for all: so few numbers cannot learn one by heart.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..assets import DEMO_PICTURES
from ..errors import PictureError, WrongModelError
from ..images.picture import read_picture, to_tensor
from ..images.resize import looked_at
from ..losses.perceptual import LossConfig, PerceptualLoss
from ..losses.variation import flat_variation
from ..networks.constants import DIN_LAYERS
from ..networks.pnet import VGGPNet
from ..networks.vgg import LAYER_ORDER
from .layering import Layers, chosen_layers
from .network import StyleTransfer
from .style import Style

STEPS = 50
LEARNING_RATE = 0.05  # of Adam, in `units`; falls to nothing (cosine)
RATIO = 8.0  # λ_s / λ_c
SCALES = (1, 2, 4)
FLAT_WEIGHT = 1.0
WINDOW = 256  # px, the side of what a step paints of a photograph
PHOTOGRAPH = 256  # px, the short side of a photograph from which windows are cut, if it is not smaller
PIXELS = (
    8 * WINDOW**2
)  # a step takes as much memory as painting a picture of so many: 6 kB are kept of each in a window
PAINTING = 512  # px, the short side at which the painting is looked at, if it is not smaller
LEAST = 64  # px, the least short side of a painting or photograph to learn from
WANTED = ("relu1_2", "relu2_2", "relu3_3", "relu4_1")  # the style layers, or the nearest before that the eyes have

M = TypeVar("M", bound=nn.Module)


class Refiner:
    """One painting's style, step by step: iterate over it, stop when you like, and take `style`.

    >>> refiner = Refiner(model, model.encode_style(painting), painting, photographs, steps=50)
    >>> for loss in refiner:
    ...     print(loss)
    >>> refiner.style

    Args:
        model: one with a `vgg` PNet, whose eyes see the loss.
        style: one, where it begins; it may be of another painting (the way of CIN), or of words.
        painting: X_s, [1, 3, H, W] in 0..1; a short side of more than 512 px is brought to that.
        photographs: X_c, [1, 3, h, w] each, any sizes; what is learned on them holds for others, too. None: four that
            come with the library.
        steps: how many there are to be: the learning rate falls to nothing over them.
        layers: which may change, in the forms of the knob `layers`, `"7-9"` or `("tones",)`, or by number, `[4, 9]`;
            all others stay as they are. The palette goes with layer 9. None: all change.
        seed: of the windows.

    Raises:
        WrongModelError: the style is another model's, or the model has no eyes.
        PictureError: the painting or a photograph is smaller than 64 px.
        ValueError: there is no photograph, not one style, or there are no such steps or layers.
    """

    def __init__(
        self,
        model: StyleTransfer,
        style: Style,
        painting: Tensor,
        photographs: Sequence[Tensor] | None = None,
        steps: int = STEPS,
        layers: Layers | Sequence[int] | None = None,
        seed: int = 0,
    ):
        if not isinstance(model.pnet, VGGPNet):
            raise WrongModelError(
                "this model has no VGG-16 to see a loss with, so it cannot refine styles: take one that is guided by "
                "paintings, such as zmnet-base or zmnet-bold."
            )
        style.require(model.fingerprint, name=model.name)
        check(style, steps)
        photographs = bundled() if photographs is None else photographs
        for what, picture in (("painting", painting), *(("photograph", each) for each in photographs)):
            if min(picture.shape[-2:]) < LEAST:
                width, height = picture.shape[-1], picture.shape[-2]
                raise PictureError(f"the {what} is {width} × {height} px, too small to learn from: {LEAST} at least.")
        if not photographs:
            raise ValueError("a style is refined on photographs: give one at least.")
        self.steps, self.done, self.start = steps, 0, style
        self._random = torch.Generator().manual_seed(seed)
        with torch.inference_mode(False), torch.no_grad():
            device = model.tnet.out.weight.device
            self._tnet, eyes = trainable(model.tnet), trainable(model.pnet.vgg)
            self._loss = PerceptualLoss(eyes, loss_of(eyes.last)).to(device)
            self._targets = self._loss.style_targets(fitted(painting, PAINTING).to(device, torch.float32))
            self._photographs = [fitted(each, PHOTOGRAPH).to("cpu", torch.float32) for each in photographs]
            self._begun = style.values.to(device, torch.float32).clone()
            self._units = units(style).to(device)
            self._moved = torch.zeros_like(self._begun)
            self._free = free(style, None if layers is None else chosen_layers(layers)).to(device)
        self._optimiser = torch.optim.Adam([self._moved], lr=LEARNING_RATE, betas=(0.9, 0.99))
        self._known: tuple[int, float] | None = None  # the loss after so many steps
        self.before = self.loss()

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[float]:
        """The loss of each step's window as the step found it."""
        while self.done < self.steps:
            yield self._step()

    @property
    def style(self) -> Style:
        """What has been reached; the one it began with, if the loss over all photographs is not below that one's."""
        return self.reached if self.done and self.loss() < self.before else self.start

    @property
    def reached(self) -> Style:
        """What has been reached, whatever its loss."""
        return replace(self.start, values=self._values.to(self.start.values, copy=True))

    @torch.no_grad()
    def look(self) -> Tensor:
        """What the middle of the first photograph looks like by now, [1, 3, h, w] in 0..1."""
        with torch.inference_mode(False):
            photograph = window(self._photographs[0]).to(self._values.device)
            return self._tnet(photograph, self._values)

    @torch.no_grad()
    def loss(self) -> float:
        """The mean loss over the middle of every photograph."""
        if self._known is None or self._known[0] != self.done:
            with torch.inference_mode(False):
                losses = [self._of(window(each), self._values).item() for each in self._photographs]
            self._known = self.done, sum(losses) / len(losses)
        return self._known[1]

    @property
    def _values(self) -> Tensor:
        return self._begun + self._units * self._moved

    def _of(self, photograph: Tensor, values: Tensor) -> Tensor:
        """The loss of one window, [1, 3, h, w]."""
        photograph = photograph.to(values.device)
        image = self._tnet.trace(photograph, values).image
        loss = self._loss(image, photograph, self._targets).total
        return loss + FLAT_WEIGHT * flat_variation(image, photograph)

    def _step(self) -> float:
        with torch.inference_mode(False), torch.enable_grad():
            photograph = self._photographs[self.done % len(self._photographs)]
            values = self._values.requires_grad_()
            loss = self._of(window(photograph, self._random), values)
            (gradient,) = torch.autograd.grad(loss, values)
            self._moved.grad = torch.where(self._free, gradient * self._units, 0)
            share = math.cos(math.pi * self.done / self.steps)
            self._optimiser.param_groups[0]["lr"] = LEARNING_RATE * (1 + share) / 2
            self._optimiser.step()
        self.done += 1
        return loss.item()


def check(style: Style, steps: int) -> None:
    """Refuse what cannot be refined.

    Raises:
        ValueError: there are no such steps, or not one style.
    """
    if not isinstance(style, Style):
        raise ValueError("a style by region is several styles: refine each of them, and then put them together.")
    if len(style) != 1:
        raise ValueError(f"one style is refined at a time, and these are {len(style)}: take style[0], and so on.")
    if steps < 1:
        raise ValueError(f"steps is {steps}: a whole number from 1 on is expected.")


def free(style: Style, layers: Sequence[int] | None) -> Tensor:
    """Which channels may change, [ΣC]."""
    channels = [
        torch.full((site.channels,), layers is None or min(site.layer, DIN_LAYERS) in layers, dtype=torch.bool)
        for site in style.sites
    ]
    return torch.cat(channels)


def units(style: Style) -> Tensor:
    """What γ and β of each site usually are, [1, 2, ΣC]: the mean |γ| over its channels; half the mean |β|, or a
    quarter of the mean |γ| where that is more, since a site may begin without any β.
    """
    found = []
    for part in style.values.float().abs().split([site.channels for site in style.sites], 2):
        gamma, beta = part.mean(2, keepdim=True).unbind(1)
        found.append(torch.stack((gamma, torch.maximum(beta / 2, gamma / 4)), 1).expand_as(part))
    return torch.cat(found, 2)


def loss_of(last: str) -> LossConfig:
    """Eq. 2 for eyes that end at the activation `last`."""
    seen = LAYER_ORDER[: LAYER_ORDER.index(last) + 1]
    style = {max((each for each in seen if each <= layer), key=LAYER_ORDER.index): 1.0 for layer in WANTED}
    content = "relu3_3" if "relu3_3" in seen else last
    return LossConfig(
        style_weight=RATIO, style_layers=style, content_layers=(content,), statistic="gram+moments", scales=SCALES
    )


def trainable(module: M) -> M:
    """The module, or a copy in float32 that a gradient can pass, if it was made in inference mode (as ComfyUI's nodes
    run) or is in half precision, in which small steps are lost.
    """
    tensors = (*module.parameters(), *module.buffers())
    if not any(tensor.is_inference() or tensor.dtype != torch.float32 for tensor in tensors):
        return module
    return copy.deepcopy(module).float().requires_grad_(False)


def bundled() -> list[Tensor]:
    """The photographs that come with the library, [1, 3, H, W] each."""
    files = sorted((DEMO_PICTURES / "contents").glob("*.jpg"))
    return [to_tensor(read_picture(file).rgb)[None] for file in files]


def fitted(picture: Tensor, side: int) -> Tensor:
    """[1, 3, H, W] with a short side of `side` px at most."""
    least = min(picture.shape[-2:])
    return picture if least <= side else looked_at(picture, [round(each * side / least) for each in picture.shape[-2:]])


def window(photograph: Tensor, random: torch.Generator | None = None) -> Tensor:
    """A square of a photograph [1, 3, h, w], by chance, or else its middle."""
    height, width = photograph.shape[-2:]
    side = min(WINDOW, height, width)
    shares = [0.5, 0.5] if random is None else torch.rand(2, generator=random).tolist()
    top, left = (round(share * (length - side)) for share, length in zip(shares, (height, width)))
    return photograph[..., top : top + side, left : left + side]
