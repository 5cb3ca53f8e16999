"""The loss of one training step: the perceptual loss and what keeps the network out of its traps."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from .data import StyleTargets
from .losses import PerceptualLoss, saturation_penalty
from .model import ZMNet
from .throughput import Stopwatch
from .training_config import TrainingConfig
from .variation import flat_variation, total_variation


class Objective:
    """The loss of one step, on one process.

    With a `teacher` its pictures of the same photographs in the same styles are an aim as well, pixel by pixel:
    dense gradients that cost no loss network.
    """

    def __init__(self, config: TrainingConfig, perceptual: PerceptualLoss, teacher: ZMNet | None = None):
        self.config, self.perceptual, self.teacher = config, perceptual, teacher

    def __call__(
        self,
        model: nn.Module,
        contents: Tensor,
        targets: StyleTargets,
        identity: Tensor,
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
            watch: told of the networks' and the loss's time.
        """
        part = watch.part if watch else _untimed
        config, targets = self.config, targets.repeated(contents.shape[0] // targets.features.shape[0])
        with part("tnet"):  # the PNet in it is followed on its own
            trace = model(contents, targets.features)
        # Traps: a saturated output, or a few huge activations that steer the instance norms, feed
        # the Gram terms cheaply and end as black blobs. Both are made to cost from the first step.
        saturation, excess = saturation_penalty(trace.logits), trace.excess.sum()
        loss = config.saturation_weight * saturation + config.peak_weight * excess
        log = {"saturation": saturation, "excess": excess, "peaks": trace.peaks}
        if config.identity_steps or config.identity_every:
            log["pixels"] = pixel_loss(trace.image, contents)
            loss = loss + identity * config.pixel_weight * log["pixels"]
        if targets.taught is not None:
            with part("teacher"), torch.no_grad():
                aim = self.teacher.tnet(contents, targets.taught)
            log["teacher"] = pixel_loss(trace.image, aim)
            loss = loss + config.teacher_weight * log["teacher"]
        if targets.style:
            with part("loss"):
                terms = self.perceptual(trace.image, contents, targets.style)
            loss = loss + terms.total + config.tv_weight * total_variation(trace.image)
            if config.flat_weight:
                log["flat"] = flat_variation(trace.image, contents)
                loss = loss + config.flat_weight * log["flat"]
            log |= {"content": terms.content.mean()} | {k: error.mean() for k, error in terms.style.items()}
        return loss, {name: value.detach() for name, value in (log | {"loss": loss}).items()}


def _untimed(_: str) -> AbstractContextManager[None]:
    return nullcontext()


def pixel_loss(image: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of pixels and of their gradients: learns to keep edges sharp."""
    difference = image.float() - target.float()
    return difference.abs().mean() + total_variation(difference)
