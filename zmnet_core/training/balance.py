"""Whether λ_s and λ_c let both terms of the loss have a say, seen at the first step.

Under the loss as printed (Eq. 2) the content term goes with the square of the loss network's activations and the style
terms with their fourth power, so the λ_s of one file of weights is useless with another: of one pair of terms nothing
is learned, and the log, in which either falls, does not show it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..losses.perceptual import PerceptualLoss, PerceptualTerms
from .config import TrainingConfig

LEAST = 1e-4  # of the other's gradient: with less, a term has no say
LOOKS = 3  # photographs that are asked before a term is said to vanish; a flat one may have no gradient of its own


class Balance(NamedTuple):
    """The size of each term's gradient at the stylised picture, λ included: ‖∂(λ_s·style)/∂Y‖, ‖∂(λ_c·content)/∂Y‖."""

    style: float
    content: float

    @property
    def vanishes(self) -> bool:
        """Whether one of them has less than `LEAST` of the other's. What is 0 or not finite is another matter."""
        less, more = sorted(self)
        return 0 < less < LEAST * more < float("inf")

    def style_weight(self, now: float) -> float:
        """The λ_s with which both would be the same, of the one that is in use."""
        return now * self.content / self.style


def balance_of(terms: PerceptualTerms, picture: Tensor) -> Balance:
    """What the terms say of a picture that they were computed of, with gradients; their graph is kept."""
    return Balance(_gradient(terms.weighted_style, picture), _gradient(terms.weighted_content, picture))


def _gradient(part: Tensor, picture: Tensor) -> float:
    if not part.requires_grad:
        return 0.0
    (gradient,) = torch.autograd.grad(part.sum(), picture, retain_graph=True)
    return float(gradient.float().norm())


def balance_within(perceptual: PerceptualLoss, step: Callable[[], object]) -> Balance | None:
    """`balance_of` of the loss that `step` computes; None if it does not ask the loss network."""
    found: list[Balance] = []

    def look(_: nn.Module, given: tuple[Any, ...], terms: PerceptualTerms) -> None:
        found.append(balance_of(terms, given[0]))

    handle = perceptual.register_forward_hook(look)
    try:
        step()
    finally:
        handle.remove()
    return found[0] if found else None


def what_vanishes(config: TrainingConfig, perceptual: PerceptualLoss, step: Callable[[slice], object]) -> str | None:
    """For a warning: the term that has no say, by how much, and what to set; None where one photograph gives both one.

    Args:
        step: computes the loss of some of a batch's photographs.
    """
    looks: list[Balance] = []
    for i in range(min(LOOKS, config.train_batch_size)):
        look = balance_within(perceptual, partial(step, slice(i, i + 1)))
        if look is None or not look.vanishes:
            return None
        looks.append(look)
    look = looks[0]
    weak, strong = ("content term", "style terms") if look.content < look.style else ("style terms", "content term")
    share, wanted = min(look) / max(look), look.style_weight(config.style_weight)
    return (
        f"the {weak} will hardly be learned: at the first step the gradient is {share:.0e} times that of the {strong}, "
        f"with --loss {config.loss} --style_weight {config.style_weight:g} --content_weight "
        f"{config.content_weight:g}. With --style_weight {wanted:.1e} both would have the same say"
    )
