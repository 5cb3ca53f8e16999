"""How the weights of a training run move: learning rate, optimiser groups, one update, moving average.

Nothing here waits for the device: whether a gradient is finite is decided and obeyed there, and counted there, until
somebody asks (`Update.skipped`).
"""

from __future__ import annotations

import math

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ..model import ZMNet
from ..networks.pnet import VGGPNet, trainable
from ..networks.reviser import Reviser
from .config import TrainingConfig

BETA1 = 0.9  # of Adam, as in the paper
TOLD_SCALE = 30.0
WARM_UP, COOL_DOWN = 0.05, 0.2  # parts of the time of a run that has a budget


def learning_rate(config: TrainingConfig, step: int, time_spent: float | None = None) -> float:
    """The learning rate of a step: linear warm-up, then constant, cosine to 1 %, or × 0.1 decays.

    Args:
        time_spent: with `--time_budget`, the part of the time for steps that is over, 0..1. What falls follows the
            larger of this and of the part of the steps that is done, so that it has come down when either is over; what
            would not have come down by itself does so linearly in the last fifth. The warm-up is over after a twentieth
            of the time at the latest.
    """
    warmup = (step + 1) / max(1, config.lr_warmup_steps)
    at: float = step
    left = 1.0
    if time_spent is not None:
        warmup = max(warmup, time_spent / WARM_UP)
        at = max(step, time_spent * config.max_train_steps)
        if config.lr_scheduler != "cosine":
            left = max(0.01, min(1.0, (1 - at / config.max_train_steps) / COOL_DOWN))
    rate = config.learning_rate * min(1.0, warmup)
    if config.lr_scheduler == "cosine":
        progress = min(1.0, at / max(1, config.max_train_steps))
        return rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
    if config.lr_scheduler == "step":
        rate *= 0.1 ** int(at // config.lr_decay_steps)
    return rate * left


def make_optimizer(model: ZMNet, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW in groups; `scale` multiplies the learning rate of each.

    The TNet's convolutions before a norm are decayed: their scale has no effect, so under plain
    Adam it grows until half precision overflows. A `vgg` PNet's first layer reads ~2,000 numbers at
    once, a reviser's ~3,000, and an Adam step moves its output by the sum of their sizes: it learns that much slower
    (in proportion to fan-in, as in Yang et al. 2021). What tells a PNet how boldly to paint reads one number and
    starts at zero: it learns that much faster.
    """
    before_norm = [
        m.weight for n, m in model.tnet.named_modules() if isinstance(m, nn.Conv2d) and n not in ("uw", "out")
    ]
    entrance = [model.pnet.enter.weight] if isinstance(model.pnet, VGGPNet) else []
    if isinstance(model.reviser, Reviser):
        entrance.append(model.reviser.enter.weight)
    before_norm, entrance = ([p for p in group if p.requires_grad] for group in (before_norm, entrance))
    told = list(model.pnet.bold.parameters()) if model.pnet.bold is not None else []
    told = [p for p in told if p.requires_grad]
    special = {id(p) for p in before_norm + entrance + told}
    groups = [
        {"params": before_norm, "weight_decay": config.weight_decay, "scale": 1.0},
        {"params": [p for p in trainable(model) if id(p) not in special], "weight_decay": 0.0, "scale": 1.0},
    ]
    for weight in entrance:
        outputs, inputs = weight.shape
        groups.append({"params": [weight], "weight_decay": 0.0, "scale": min(1.0, outputs / inputs)})
    if told:
        groups.append({"params": told, "weight_decay": 0.0, "scale": TOLD_SCALE})
    # Fused: all parameters in one kernel, which also leaves a step out on the device's own word.
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(BETA1, config.adam_beta2), fused=True)


class MovingAverage(AveragedModel):
    """Exponential moving average of the weights that are trained, quick at first: min(decay, (1 + n) / (10 + n)).

    The rest is as it was when the average began.
    """

    module: ZMNet

    def __init__(self, model: ZMNet, decay: float):
        super().__init__(model)
        self.decay = decay
        self.requires_grad_(False)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module, counts: Tensor | bool = True) -> None:
        """Take up the model's weights; not if `counts`, which may lie on the device, is false."""
        pairs = [pair for pair in zip(self.module.parameters(), model.parameters()) if pair[1].requires_grad]
        averaged, current = map(list, zip(*pairs))
        n = self.n_averaged.float()
        decay = ((1 + n) / (10 + n)).clamp_max(self.decay) * (n > 0)
        way = torch._foreach_sub(current, averaged)
        torch._foreach_mul_(way, (1 - decay) * counts)
        torch._foreach_add_(averaged, way)
        self.n_averaged += counts


class Update:
    """One optimiser step and its trace in the average, unless the gradient is not finite.

    Args:
        wrapped: accelerate's wrapper around the optimiser of `make_optimizer`.
        average: follows the model.
    """

    def __init__(
        self, accelerator: Accelerator, model: ZMNet, wrapped: AcceleratedOptimizer, average: MovingAverage, most: float
    ):
        self.accelerator, self.model, self.wrapped, self.average, self.most = accelerator, model, wrapped, average, most
        self.optimizer: torch.optim.Optimizer = wrapped.optimizer
        self._parameters = list(trainable(model))
        self._skipped = torch.zeros(2, dtype=torch.int64, device=accelerator.device)  # in a row, in all
        self._in_all = torch.tensor([0, 1], device=accelerator.device)

    def restored(self) -> None:
        """After a checkpoint was loaded: an optimiser that was not fused brings its own options and places along."""
        for group in self.optimizer.param_groups:
            group.update(fused=True, foreach=None)
            for parameter in group["params"]:
                state = self.optimizer.state[parameter]
                if "step" in state:
                    state["step"] = torch.as_tensor(state["step"], dtype=torch.float32).to(parameter.device)

    def __call__(self, rate: float) -> Tensor:
        """Clip to `most` (0: not at all), step, average, forget the gradients; the gradient's norm before, a scalar on
        the device.

        Gradients are averaged over processes by now, so all of them decide alike.
        """
        norm = self.accelerator.clip_grad_norm_(self._parameters, self.most or math.inf)
        finite = norm.isfinite()
        for group in self.optimizer.param_groups:
            group["lr"] = group["scale"] * rate
        if self.accelerator.scaler is None:  # float16's scaler finds out for itself, and learns from it
            inf = (~finite).to(torch.float32)  # the kernel knows no other type
            self.optimizer.found_inf = inf  # type: ignore[attr-defined]  # where fused optimisers look
        self.wrapped.step()
        self.wrapped.zero_grad(set_to_none=True)
        self.average.update_parameters(self.model, finite)
        self._skipped = torch.where(finite, self._skipped * self._in_all, self._skipped + 1)
        return norm

    def skipped(self) -> tuple[int, int]:
        """Steps that were left out: in a row up to now, and in all. Waits for the device."""
        in_a_row, in_all = self._skipped.tolist()
        return in_a_row, in_all
