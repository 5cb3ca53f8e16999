"""The whole of `zmnet evaluate`: which rows, which sizes, which judges, and the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from .baselines.ost import OSTConfig
from .errors import NotInstalledError, PictureError, ZMNetError
from .evaluation import (
    JUDGES,
    MODEL,
    PAIRS,
    TRAINING_PAIRS,
    Result,
    default_data,
    evaluate,
    magenta_rows,
    model_row,
    ost_row,
    plain_rows,
    read_pairs,
)
from .evaluation_cache import ScoreCache
from .evaluation_report import gap, gap_text, size_report, size_text, write_report
from .metrics import Judge
from .model import ZMNet
from .vgg import load_vgg16


@dataclass
class Comparison:
    """What to compare on.

    Attributes:
        cache: folder of what is kept between runs.
        pairs: list of photograph TAB painting; None: the one that ships.
        training_pairs: the same with training paintings; None: the one that ships, if `pairs` is as well.
        data: folder that the lists' paths start in; None: `$ZMNET_DATA/data`.
        limit: only the first pairs of the lists.
        sizes: sides of the pictures, px; the first is also the zero-shot gap's.
        judges: names in `evaluation.JUDGES`.
        ost: how many pairs are optimised, with `ost_coarse_steps` steps of Adam at half the size and `ost_steps` more;
            0 leaves the row out.
        gap: measure the zero-shot gap.
    """

    cache: Path
    pairs: Path | None = None
    training_pairs: Path | None = None
    data: Path | None = None
    limit: int | None = None
    sizes: list[int] = field(default_factory=lambda: [256, 512])
    judges: list[str] = field(default_factory=lambda: list(JUDGES))
    ost: int = 20
    ost_steps: int = 100
    ost_coarse_steps: int = 100
    gap: bool = True

    def run(self, models: dict[str, ZMNet], output: Path, about: dict[str, object]) -> Iterator[str]:
        """Evaluate, write the report to `output`, and say it line by line.

        Args:
            models: by row name; the first, "zm-net", is the one that the others are held against.
            about: what else to put into the JSON.

        Raises:
            ZMNetError: a judge, a size or a list that cannot be used.
        """
        for size in self.sizes:
            if size % 4:
                raise PictureError(f"--size {size}: a multiple of 4 is expected.")
        data = self.data or default_data()
        pairs = read_pairs(data, self.pairs or PAIRS, self.limit)
        device = next(models[MODEL].parameters()).device
        judges = self._judges(device)
        rows, notes = plain_rows(), []
        try:
            rows += magenta_rows()
        except NotInstalledError as error:
            notes.append(f"left out: Magenta ({error})")
        yield from notes
        ours = [model_row(model, name) for name, model in models.items()]
        cache = ScoreCache(self.cache)

        results: dict[int, Result] = {}
        for size in self.sizes:
            last = []
            if self.ost:
                config = OSTConfig(steps=self.ost_steps, coarse_steps=self.ost_coarse_steps)
                last = [ost_row(load_vgg16().to(device), self.ost, self.cache, config)]
            results[size] = evaluate([*rows, *ours, *last], judges, pairs, size, cache, device)
        report: dict[str, object] = about | {
            "fingerprint": models[MODEL].fingerprint,
            "pairs": len(pairs),
            "left_out": notes,
            "sizes": {str(size): size_report(result) for size, result in results.items()},
        }
        text = [size_text(result, size) for size, result in results.items()]

        training = self.training_pairs or (TRAINING_PAIRS if self.pairs is None else None)
        if self.gap and training:
            size, seen = self.sizes[0], read_pairs(data, training, self.limit)
            again = evaluate([*rows, ours[0]], judges, seen, size, cache, device, " training paintings")
            gaps = {judge: gap(results[size].scores[judge], again.scores[judge]) for judge in judges}
            report["zero_shot_gap_percent"] = gaps
            report["training_paintings"] = {str(size): size_report(again)}
            text.append(gap_text(gaps, size, len(seen)))
        yield from text
        yield from map(str, write_report(output, report, "\n".join([*notes, *text]), results))

    def _judges(self, device: torch.device) -> dict[str, Judge]:
        for name in self.judges:
            if name not in JUDGES:
                raise ZMNetError(f"there is no judge '{name}': choose among {', '.join(JUDGES)}.")
        return {name: Judge(JUDGES[name]().to(device)) for name in dict.fromkeys(self.judges)}
