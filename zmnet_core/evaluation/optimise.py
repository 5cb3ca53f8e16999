"""One picture optimised after one painting (`baselines.ost`), with a model's own eyes: for those who can wait.

The loss is that of refining a style (`styling.refine`): Gram matrices and moments, at full and half size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image

from ..errors import PictureError, WrongModelError
from ..images.picture import Picture, fit_short_side, to_pil, to_tensor
from ..networks.constants import AS_IT_IS
from ..networks.pnet import VGGPNet
from ..networks.vgg import LAYER_CHANNELS, LAYER_ORDER, WIDTH
from ..styling.look import Look
from ..styling.network import StyleTransfer
from ..styling.paint import encode_painting, stylize_tensor
from ..styling.palette_of import painting_tensor
from ..styling.refine import LEAST, loss_of, trainable
from .baselines.ost import HISTORY, OPTIMISERS, OST, OSTConfig

STARTS = ("model", "photograph")
STEPS = 100
BOLD_RANGE = 3.0  # λ_c is up to so many times as large, or as small, as in training with --pnet_bold
COPIES = 3.5  # measured: how many times the activations of the eyes are in memory at once, in float32
MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Optimising:
    """How a picture is optimised.

    Attributes:
        steps: looks at the loss; the first half of them at half the size, where they cost a quarter.
        optimiser: one of OPTIMISERS.
        bold: from 0 (faithful to the photograph) to 1 (the painting's manner first), as the knob of `Look`.
        start: one of STARTS: the picture that the model paints, or the photograph.
        style_size: the short side at which the painting is looked at, px; None: that of the picture.

    Raises:
        ValueError: a value that cannot be.
    """

    steps: int = STEPS
    optimiser: str = "lbfgs"
    bold: float = AS_IT_IS
    start: str = "model"
    style_size: int | None = None

    def __post_init__(self) -> None:
        for name, value, choices in (("optimiser", self.optimiser, OPTIMISERS), ("start", self.start, STARTS)):
            if value not in choices:
                raise ValueError(f"{name} is '{value}': {' or '.join(choices)} is expected.")
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}: a whole number from 1 on is expected.")
        Look(bold=self.bold)  # which refuses what is off its scale


def eyes_of(model: StyleTransfer) -> VGGPNet:
    """The PNet whose VGG-16 sees the loss.

    Raises:
        WrongModelError: the model has none.
    """
    if not isinstance(model.pnet, VGGPNet):
        raise WrongModelError(
            "this model has no VGG-16 to see a loss with, so it cannot optimise pictures: take one that is guided by "
            "paintings, such as zmnet-base or zmnet-bold."
        )
    return model.pnet


def memory_for(model: StyleTransfer, width: int, height: int) -> int:
    """Bytes that the optimising of a picture of this size takes, about, beside the model's own.

    Raises:
        WrongModelError: as `eyes_of`.
    """
    vgg, size, values = eyes_of(model).vgg, 1, 0.0
    for layer in LAYER_ORDER[: LAYER_ORDER.index(vgg.last) + 1]:
        size = {"2": 2, "3": 4, "4": 8}.get(layer[4], 1)
        values += LAYER_CHANNELS[layer] * vgg.width / WIDTH / size**2
    return round(4 * (COPIES * values + 3 * 2 * HISTORY) * width * height)


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a device; None if nobody says."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if not MEMINFO.is_file():
        return None
    lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines() if ":" in line)
    return 1024 * int(lines["MemAvailable"].split()[0]) if "MemAvailable" in lines else None


def check_size(model: StyleTransfer, width: int, height: int) -> int:
    """Refuse a picture that is too small to see, or too large for the memory; the bytes that it takes, about.

    Raises:
        PictureError: the message says which size would do.
        WrongModelError: as `eyes_of`.
    """
    if min(width, height) < LEAST:
        raise PictureError(f"the picture is {width} × {height} px, too small to optimise: {LEAST} px at least.")
    needed, free = memory_for(model, width, height), free_memory(model.tnet.out.weight.device)
    if free is not None and needed > free:
        fits = max(LEAST, int(0.9 * min(width, height) * (free / needed) ** 0.5))
        raise PictureError(
            f"to optimise {width} × {height} px takes about {needed / 2**30:.1f} GiB of memory, and "
            f"{free / 2**30:.1f} GiB are free: --size {fits} would do."
        )
    return needed


def optimise(
    model: StyleTransfer,
    photograph: Picture,
    painting: Image.Image,
    size: int | None = None,
    how: Optimising = Optimising(),
    report: Callable[[float], object] = lambda loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> Picture:
    """Optimise a picture after a painting, keeping its transparency, its tag as sRGB and its metadata.

    Args:
        model: one with a `vgg` PNet, whose eyes see the loss.
        size: the short side of the result, px; None: the photograph's.
        report: called after every step with its loss.
        stop: asked before every step; where it says so, the best so far is the result.

    Raises:
        PictureError: photograph or painting is smaller than 64 px, or the photograph too large for the memory.
        WrongModelError: the model has no eyes.
    """
    eyes, device = trainable(eyes_of(model).vgg), model.tnet.out.weight.device
    content = fit_short_side(photograph.rgb, size, full=photograph.full)
    check_size(model, *content.size)
    if min(painting.size) < LEAST:
        raise PictureError(
            f"the painting is {painting.width} × {painting.height} px, too small to learn from: {LEAST} px at least."
        )
    contents = to_tensor(content)[None].to(device)
    side = min(how.style_size or min(content.size), min(painting.size))
    style = painting_tensor(painting, max(LEAST, side)).to(device)
    loss = loss_of(eyes.last)
    loss = replace(loss, content_weight=loss.content_weight * BOLD_RANGE ** (1 - 2 * how.bold))
    config = OSTConfig(
        steps=how.steps - how.steps // 2, coarse_steps=how.steps // 2, optimiser=how.optimiser, loss=loss
    )
    start = contents
    if how.start == "model":
        bold = how.bold if model.pnet.bold is not None else AS_IT_IS
        start = stylize_tensor(model, contents, encode_painting(model, painting, Look(bold=bold)))
    stylised = to_pil(OST(eyes, config, report, stop)(contents, style, start)[0].cpu())
    alpha = photograph.alpha
    if alpha is not None and alpha.size != content.size:
        alpha = alpha.resize(content.size, Image.Resampling.LANCZOS)
    return replace(photograph, rgb=stylised, alpha=alpha, full=None)
