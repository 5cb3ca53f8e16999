"""The loss of one step that trains a reviser on top of a model that stays as it is.

Whole photographs are drafted at a size drawn for the step, and a window of the enlarged drafts is revised. What is
learned there are strokes at the size of the finished picture: the painting's statistics at full size and at the halves
that the loss has, where the draft has decided the large forms, which the reviser must leave.
"""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from ..data.sampling import Stream, rng
from ..losses.perceptual import PerceptualLoss
from ..networks.reviser import LEAST_FACTOR, MOST_FACTOR, Window
from ..networks.tnet import DOWNSAMPLING
from .config import TrainingConfig
from .objective import noise_and_bold, pixel_loss, untimed, weighed
from .stopwatch import Stopwatch
from .style_bank import StyleTargets

FORMS = 4  # px, the side of the blocks whose means a reviser must leave as the draft has them
BORDER = 12  # px of a window in which the picture's end is seen too much for a look at the grid


class Drawn(NamedTuple):
    """What a batch of a step has by chance; noise and bold as of the `Objective`'s."""

    window: Window
    noise: Tensor | None
    bold: Tensor | None


class RevisionObjective:
    """As `Objective`, for a reviser."""

    def __init__(self, config: TrainingConfig, perceptual: PerceptualLoss):
        self.config, self.perceptual = config, perceptual

    def draw(self, contents: Tensor, step: int, slot: int) -> Drawn:
        """The draft's size and the window of the slot-th batch of a step; and the photographs' noise."""
        random, side, size = rng(self.config.seed, step, slot, Stream.REVISION), contents.shape[-1], self.config.window
        draft = int(random.integers(round(side / MOST_FACTOR), int(side / LEAST_FACTOR) + 1))
        top, left = (FORMS * int(random.integers((side - size) // FORMS + 1)) for _ in range(2))
        shift = divmod(int(random.integers(1, DOWNSAMPLING**2)), DOWNSAMPLING) if self.config.grid_weight else (0, 0)
        window = Window(draft, top, left, size, *shift)
        return Drawn(window, *noise_and_bold(self.config, contents, step, slot))

    def __call__(
        self,
        model: nn.Module,
        contents: Tensor,
        targets: StyleTargets,
        identity: Tensor,
        drawn: Drawn,
        watch: Stopwatch | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and what to log of it; arguments as of `Objective`."""
        part = watch.part if watch else untimed
        config, window = self.config, drawn.window
        targets = targets.repeated(contents.shape[0] // targets.features.shape[0])
        seen = contents if drawn.noise is None else contents + drawn.noise
        with part("tnet"):
            revised = model(seen, targets.features, drawn.bold, window)
        image, photograph = revised.image.float(), window.of(contents)
        outside = (F.relu(-image) + F.relu(image - 1)).square().mean()
        forms = (F.avg_pool2d(image, FORMS) - F.avg_pool2d(revised.draft.float(), FORMS)).abs().mean()
        loss = config.saturation_weight * outside + (1 - identity) * config.draft_weight * forms
        log = {"outside": outside, "forms": forms}
        if revised.again is not None:
            log["grid"] = inner((revised.again.float() - window.shifted(image)).abs()).mean()
            loss = loss + config.grid_weight * log["grid"]
        if config.identity_every:
            log["pixels"] = pixel_loss(image, photograph)
            loss = loss + identity * config.pixel_weight * log["pixels"]
        with part("loss"):
            terms = self.perceptual(image, photograph, targets.style)
        loss = loss + weighed(config, terms, image, photograph, log)
        return loss, {name: value.detach() for name, value in (log | {"loss": loss}).items()}


def inner(window: Tensor) -> Tensor:
    """A window without its border."""
    return window[..., BORDER:-BORDER, BORDER:-BORDER]
