"""Validation: fixed photograph × unseen painting pairs, scored with the averaged weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import torch
from torch import Tensor

from ..data.decoding import Notes
from ..data.pictures import Pictures, centre_square
from ..data.sources import PictureFile
from ..evaluation.judge import Judge, Score, summarise
from ..files import replacing
from ..images.colour import luma
from ..images.resize import looked_at
from ..images.sheet import contact_sheet
from ..model import ZMNet
from ..networks.reviser import LEAST_FACTOR, MOST_FACTOR
from ..styling.style import Style
from .config import TrainingConfig
from .signals import Material
from .time_budget import TimeBudget


class Validation:
    """The pairs of one run and what they are held against.

    Setting it up looks at every pair, which takes about as long as scoring it: `budget` is told.

    Attributes:
        notes: what of these pictures was skipped or converted.
    """

    def __init__(
        self,
        config: TrainingConfig,
        contents: Sequence[PictureFile],
        styles: Material,
        judge: Judge,
        budget: TimeBudget,
    ):
        self.notes: Notes = {}

        def squares(files: Sequence[PictureFile], step: int) -> tuple[Sequence[Tensor], list[int]]:
            chosen = [(i * step) % len(files) for i in range(config.validation_pairs)]
            pictures = Pictures([files[i] for i in chosen])
            pictures.notes = self.notes
            found = [pictures.at(place) for place in range(len(chosen))]
            side = config.validation_resolution
            return [centre_square(picture, side)[None] for picture, _ in found], [chosen[at] for _, at in found]

        # Of a reviser: the middle of the sizes that it is trained for.
        middle = (LEAST_FACTOR * MOST_FACTOR) ** 0.5
        self.draft = round(config.validation_resolution / middle) if config.reviser_width else 0
        self.looked_at = (config.style_resolution, config.style_resolution)
        device = next(judge.vgg.parameters()).device
        self.judge, self.budget = judge, budget
        with budget.measure("validation"):
            paintings, self.paintings = squares(styles.files, 7)
            self.pairs = [judge.pair(c.to(device), s.to(device)) for c, s in zip(squares(contents, 3)[0], paintings)]
        self.signals = styles.signals

    @torch.no_grad()
    def __call__(self, model: ZMNet, grid: Path, before: tuple[str, ...] = ()) -> dict[str, float] | None:
        """Median errors; writes the picture grid: photograph, painting, stylised.

        None, and nothing is written, if on the way there is no longer time for the rest and, `before` the run's end,
        these.
        """
        rows: list[list[Tensor]] = []
        scores: list[Score] = []
        with self.budget.measure("validation"):
            for pair, index in zip(self.pairs, self.paintings):
                if not self.budget.allows("one pair", before):
                    return None
                with self.budget.measure("one pair"):
                    # At the side that the PNet learns to look with, not at the one it is judged at.
                    seen, guide = looked_at(pair.painting, self.looked_at), model.guide
                    read = self.signals.features(guide, seen, [index]) if self.signals else guide.features(seen)
                    values = guide(read)
                    stylised = model.apply(
                        pair.content, Style(values, model.tnet.sites, model.fingerprint), draft=self.draft
                    )
                    scores.append(self.judge(stylised, pair))
                shown = luma(pair.content).expand_as(pair.content) if model.tnet.grey else pair.content
                rows.append([shown, pair.painting, stylised])
            lines = [[*left, *(right or [])] for left, right in zip_longest(rows[::2], rows[1::2])]
            sheet = contact_sheet(lines)
            with replacing(grid) as temporary:
                sheet.save(temporary)
        medians = {key: value["median"] for key, value in summarise(scores).items()}
        return {f"val_{key}": median for key, median in medians.items() if median is not None}  # none is
