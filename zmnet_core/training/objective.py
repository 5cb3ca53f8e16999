"""The loss of one training step: the perceptual loss and what keeps the network out of its traps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..data.contents import drawn_bold, sensor_noise
from ..losses.perceptual import PerceptualLoss, PerceptualTerms, saturation_penalty
from ..losses.variation import flat_variation, total_variation
from ..model import ZMNet
from .config import TrainingConfig
from .stopwatch import Stopwatch
from .style_bank import StyleTargets

BOLD_RANGE = 3.0  # λ_c is up to so many times as large, or as small, where the PNet is told how boldly to paint


Step = Callable[..., tuple[Tensor, dict[str, Tensor]]]  # what an objective is called as, compiled or not


class Drawn(NamedTuple):
    """What a batch of a step has by chance.

    noise: [B, 3, H, W], added to the photographs that the network sees; the loss looks at clean ones.
    bold: [B], how boldly to paint, told to the PNet; photographs of one painting may differ.
    """

    noise: Tensor | None = None
    bold: Tensor | None = None

    @property
    def faithful(self) -> Tensor | None:
        """[B], factors of λ_c: from BOLD_RANGE where bold is 0 to its inverse where it is 1."""
        return None if self.bold is None else BOLD_RANGE ** (1 - 2 * self.bold)


NOTHING = Drawn()


class Objective:
    """The loss of one step, on one process.

    With a `teacher` its pictures of the same photographs in the same styles are an aim as well, pixel by pixel:
    dense gradients that cost no loss network.
    """

    def __init__(self, config: TrainingConfig, perceptual: PerceptualLoss, teacher: ZMNet | None = None):
        self.config, self.perceptual, self.teacher = config, perceptual, teacher

    def draw(self, contents: Tensor, step: int, slot: int) -> Drawn:
        """What the slot-th batch of a step has by chance."""
        return Drawn(*noise_and_bold(self.config, contents, step, slot))

    def __call__(
        self,
        model: nn.Module,
        contents: Tensor,
        targets: StyleTargets,
        identity: Tensor,
        drawn: Drawn = NOTHING,
        watch: Stopwatch | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and what to log of it (detached tensors: reading them would make a GPU wait).

        The same operations whatever `identity` says, so that a compiled step is one graph.

        Args:
            model: `ZMNet`, or accelerate's wrapper around it.
            contents: [B, 3, H, W]; B is a multiple of the number of paintings S.
            targets: of S paintings; each guides B / S photographs in a row.
            identity: a scalar, 1 where the targets are the photographs' own, so that the photograph itself is the aim,
                and 0 where they are a painting's.
            drawn: what `draw` gave.
            watch: told of the networks' and the loss's time.
        """
        part = watch.part if watch else untimed
        config, targets = self.config, targets.repeated(contents.shape[0] // targets.features.shape[0])
        seen = contents if drawn.noise is None else contents + drawn.noise
        with part("tnet"):  # the PNet in it is followed on its own
            trace = model(seen, targets.features, drawn.bold)
        # Traps: a saturated output, or a few huge activations that steer the instance norms, feed
        # the Gram terms cheaply and end as black blobs. Both are made to cost from the first step.
        saturation, excess = saturation_penalty(trace.logits), trace.excess.sum()
        loss = config.saturation_weight * saturation + config.peak_weight * excess
        log = {"saturation": saturation, "excess": excess, "peaks": trace.peaks}
        if config.identity_steps or config.identity_every:
            log["pixels"] = pixel_loss(trace.image, contents)
            loss = loss + identity * config.pixel_weight * log["pixels"]
        if self.teacher is not None and targets.taught is not None:
            with part("teacher"), torch.no_grad():
                aim = self.teacher.tnet(contents, targets.taught)
            log["teacher"] = pixel_loss(trace.image, aim)
            loss = loss + config.teacher_weight * log["teacher"]
        if targets.style:
            with part("loss"):
                terms = self.perceptual(trace.image, contents, targets.style, faithful=drawn.faithful)
            loss = loss + weighed(config, terms, trace.image, contents, log)
        return loss, {name: value.detach() for name, value in (log | {"loss": loss}).items()}


def weighed(
    config: TrainingConfig, terms: PerceptualTerms, image: Tensor, contents: Tensor, log: dict[str, Tensor]
) -> Tensor:
    """The perceptual terms, total variation and that of flat places, weighed; what there is to log goes into `log`."""
    loss = terms.total + config.tv_weight * total_variation(image)
    if config.flat_weight:
        log["flat"] = flat_variation(image, contents)
        loss = loss + config.flat_weight * log["flat"]
    log |= {"content": terms.content.mean()} | {k: error.mean() for k, error in terms.style.items()}
    return loss


def untimed(_: str) -> AbstractContextManager[None]:
    """In place of `Stopwatch.part`."""
    return nullcontext()


def noise_and_bold(
    config: TrainingConfig, contents: Tensor, step: int, slot: int
) -> tuple[Tensor | None, Tensor | None]:
    """Those of `Drawn`, as the run wants them."""
    noise = sensor_noise(contents, config.content_noise, config.seed, step, slot) if config.content_noise else None
    bold = drawn_bold(contents, config.seed, step, slot) if config.pnet_bold else None
    return noise, bold


def pixel_loss(image: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of pixels and of their gradients: learns to keep edges sharp."""
    difference = image.float() - target.float()
    return difference.abs().mean() + total_variation(difference)
