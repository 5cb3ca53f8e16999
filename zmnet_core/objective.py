"""The loss of one training step: the perceptual loss and what keeps the network out of its traps."""

from __future__ import annotations

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
        self, model: nn.Module, contents: Tensor, targets: StyleTargets, identity: bool, watch: Stopwatch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and what to log of it (detached tensors: reading them would make a GPU wait).

        Args:
            model: `ZMNet`, or accelerate's wrapper around it.
            contents: [B, 3, H, W]; B is a multiple of the number of paintings S.
            targets: of S paintings; each guides B / S photographs in a row.
            watch: told of the networks' and the loss's time.
            identity: the targets are the photographs' own, so the photograph itself is the aim.
        """
        config, repeat = self.config, contents.shape[0] // targets.features.shape[0]
        with watch.part("tnet"):  # the PNet in it is followed on its own
            trace = model(contents, targets.features.repeat_interleave(repeat, 0))
        # Traps: a saturated output, or a few huge activations that steer the instance norms, feed
        # the Gram terms cheaply and end as black blobs. Both are made to cost from the first step.
        saturation, excess = saturation_penalty(trace.logits), trace.excess.sum()
        loss = config.saturation_weight * saturation + config.peak_weight * excess
        log = {"saturation": saturation, "excess": excess, "peaks": trace.peaks}
        if identity:
            log["pixels"] = pixel_loss(trace.image, contents)
            loss = loss + config.pixel_weight * log["pixels"]
        if targets.taught is not None:
            with watch.part("teacher"), torch.no_grad():
                aim = self.teacher.tnet(contents, targets.taught.repeat_interleave(repeat, 0))
            log["teacher"] = pixel_loss(trace.image, aim)
            loss = loss + config.teacher_weight * log["teacher"]
        if targets.grams:
            grams = {layer: gram.repeat_interleave(repeat, 0) for layer, gram in targets.grams.items()}
            with watch.part("loss"):
                terms = self.perceptual(trace.image, contents, grams)
            loss = loss + terms.total + config.tv_weight * total_variation(trace.image)
            if config.flat_weight:
                log["flat"] = flat_variation(trace.image, contents)
                loss = loss + config.flat_weight * log["flat"]
            if not identity:
                log |= {"content": terms.content.mean()} | {k: error.mean() for k, error in terms.style.items()}
        return loss, {name: value.detach() for name, value in (log | {"loss": loss}).items()}


def pixel_loss(image: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of pixels and of their gradients: learns to keep edges sharp."""
    difference = image.float() - target.float()
    return difference.abs().mean() + total_variation(difference)
