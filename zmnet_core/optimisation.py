"""How the weights of a training run move: learning rate, optimiser groups, moving average."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .model import ZMNet
from .pnet import VGGPNet, trainable
from .training_config import TrainingConfig


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The learning rate of a step: linear warm-up, then constant, cosine to 1 %, or × 0.1 decays."""
    warmup = min(1.0, (step + 1) / max(1, config.lr_warmup_steps))
    if config.lr_scheduler == "cosine":
        progress = min(1.0, step / max(1, config.max_train_steps))
        return config.learning_rate * warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
    if config.lr_scheduler == "step":
        return config.learning_rate * warmup * 0.1 ** (step // config.lr_decay_steps)
    return config.learning_rate * warmup


def make_optimizer(model: ZMNet, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW in three groups; `scale` multiplies the learning rate of each.

    The TNet's convolutions before a norm are decayed: their scale has no effect, so under plain
    Adam it grows until half precision overflows. A `vgg` PNet's first layer reads ~2,000 numbers at
    once, and an Adam step moves its output by the sum of their sizes: it learns that much slower
    (in proportion to fan-in, as in Yang et al. 2021).
    """
    before_norm = [
        m.weight for n, m in model.tnet.named_modules() if isinstance(m, nn.Conv2d) and n not in ("uw", "out")
    ]
    entrance = [model.pnet.enter.weight] if isinstance(model.pnet, VGGPNet) else []
    special = {id(p) for p in before_norm + entrance}
    groups = [
        {"params": before_norm, "weight_decay": config.weight_decay, "scale": 1.0},
        {"params": [p for p in trainable(model) if id(p) not in special], "weight_decay": 0.0, "scale": 1.0},
    ]
    if entrance:
        outputs, inputs = entrance[0].shape
        groups.append({"params": entrance, "weight_decay": 0.0, "scale": min(1.0, outputs / inputs)})
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))


def make_average(model: nn.Module, decay: float) -> AveragedModel:
    """Exponential moving average of the weights, quick at first: min(decay, (1 + n) / (10 + n))."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + int(count)) / (10 + int(count))))

    return AveragedModel(model, multi_avg_fn=update)
