"""ZM-Net and what the paper holds it against, trained by the same loop on the same data with the same loss, and tested.

What differs is what stands in the PNet's place, and the list of paintings; see `evaluation.baselines`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data.pictures import Pictures, centre_square, centre_squares
from ..data.sampling import Stream, rng
from ..errors import DataNotFoundError
from ..evaluation.baselines.cin import CIN
from ..evaluation.baselines.concatenation import Concatenation
from ..evaluation.baselines.fst import FST
from ..evaluation.judge import Judge, Pair, Score, summarise
from ..files import replacing
from ..images.folders import find_pictures
from ..model import ZMNet
from ..networks.vgg import VGG16
from ..styling.style import Style
from .building import Make, prepared, unfreeze
from .checkpoints import latest_checkpoint
from .config import TrainingConfig
from .trainer import train

ZM_NET, CONCATENATION, CIN_, FST_ = "ZM-Net", "concatenation", "CIN", "FST"
KINDS: dict[str, type[ZMNet]] = {ZM_NET: ZMNet, CONCATENATION: Concatenation, CIN_: CIN, FST_: FST}


class Stopped(Exception):
    """Somebody has stopped a training before its end; the same command goes on with it."""


@dataclass(frozen=True)
class Entrant:
    """What takes part.

    Attributes:
        kind: one of KINDS.
        paintings: what it is trained on; with FST one. A CIN's rows are in this order.
    """

    kind: str
    paintings: Sequence[Path]

    @property
    def name(self) -> str:
        """For people: ZM-Net 10."""
        return self.kind if self.kind == FST_ else f"{self.kind} {len(self.paintings)}"

    @property
    def place(self) -> str:
        """For files: zm-net-10."""
        return self.name.replace(" ", "-").lower()

    def make(self) -> Make:
        """What makes its model."""
        if self.kind == ZM_NET:
            return prepared

        def made(config: TrainingConfig, vgg: VGG16) -> ZMNet:
            tnet, pnet = config.networks()
            if self.kind == CONCATENATION:
                like = prepared(config, vgg)  # with the eyes of a `vgg` PNet
                model: ZMNet = Concatenation(like.config["tnet"], like.config["pnet"])
                has = model.state_dict()
                model.load_state_dict({n: t for n, t in like.state_dict().items() if n in has}, strict=False)
            else:
                table: Any = {"kind": "table", "rows": len(self.paintings)}
                model = KINDS[self.kind](tnet, table)
            unfreeze(model)
            return model

        return made

    def trained(self, config: TrainingConfig, folder: Path) -> ZMNet:
        """The model after the run of `config` in a folder. A run that is over is not repeated, one that was stopped
        goes on.

        Raises:
            Stopped: it was stopped again.
            TrainingError: as `train`.
        """
        if _steps(folder) < config.max_train_steps:
            listed = folder.with_suffix(".txt")
            with replacing(listed) as temporary:
                temporary.write_bytes(b"".join(os.fsencode(file.resolve()) + b"\n" for file in self.paintings))
            going_on = "latest" if folder.is_dir() else None
            own = replace(config, style_dir=str(listed), validation_style_dir=str(listed), output_dir=str(folder))
            train(replace(own, resume_from_checkpoint=going_on), make=self.make())
        if _steps(folder) < config.max_train_steps:
            raise Stopped
        return KINDS[self.kind].from_pretrained(folder)

    def style(self, model: ZMNet, painting: Path, side: int) -> Style:
        """The style of a painting, looked at as in a training with squares of so many px. A table looks up its row."""
        if isinstance(model, CIN):
            return model.style(self.paintings.index(painting))
        picture = centre_square(Pictures([painting], (side, side))[0], side)
        return model.encode_style(picture[None], size=None)


def _steps(folder: Path) -> int:
    """How many steps of a run are done and kept."""
    last = latest_checkpoint(folder)
    return int(last.name.removeprefix("checkpoint-")) if last else 0


def losses(folder: Path, parts: int = 10) -> list[tuple[int, float]]:
    """The loss of a run as it went: its mean over each of so many parts, with the last step of each."""
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if "loss" in row]
    parts = min(parts, len(rows))
    cut = [rows[part * len(rows) // parts : (part + 1) * len(rows) // parts] for part in range(parts)]
    return [(each[-1]["step"], sum(row["loss"] for row in each) / len(each)) for each in cut]


def drawn(files: Sequence[Path], count: int, seed: int, what: str) -> list[Path]:
    """The first `count` of the files in an order that the seed draws: of a smaller count they are among them.

    Raises:
        DataNotFoundError: there are not so many.
    """
    if len(files) < count:
        raise DataNotFoundError(f"{count} {what} are needed, and there are {len(files)}: give more, or ask for fewer.")
    order = rng(seed, 0, 0, Stream.CHOICE).permutation(len(files))
    return [files[index] for index in order[:count]]


@dataclass(frozen=True)
class Data:
    """Photographs and paintings to train on, and unseen ones of both for the test."""

    contents: Path
    test: Path
    paintings: list[Path]
    test_contents: list[Path]
    test_paintings: list[Path]

    @classmethod
    def of(cls, folder: Path) -> Data:
        """Of a folder with content/train, styles/train, content/val and styles/val.

        Raises:
            PictureError: one of them holds no pictures.
        """
        parts = [find_pictures(folder / part) for part in ("styles/train", "content/val", "styles/val")]
        return cls(folder / "content/train", folder / "content/val", *parts)


class Test:
    """Pairs on which models are tried: photographs of the test, with paintings of which each gets one after the other.

    Args:
        size: the side of both, px.
        looked_at: the side at which PNets were trained to look at paintings, px.
    """

    __test__ = False  # of pytest, where this is imported

    def __init__(self, judge: Judge, contents: Sequence[Path], size: int, looked_at: int):
        self.judge, self.size, self.looked_at = judge, size, looked_at
        self.contents = [centre_squares([file], size) for file in contents]
        self._pairs: dict[tuple[int, Path], Pair] = {}

    def pair(self, index: int, painting: Path) -> Pair:
        """The photograph of a number with a painting; looked at once."""
        if (index, painting) not in self._pairs:
            picture = centre_squares([painting], self.size)
            self._pairs[index, painting] = self.judge.pair(self.contents[index], picture)
        return self._pairs[index, painting]

    @torch.no_grad()
    def picture(self, entrant: Entrant, model: ZMNet, index: int, painting: Path) -> Tensor:
        """The photograph of a number after a painting, [1, 3, H, W]."""
        pair = self.pair(index, painting)
        return model.apply(pair.content, entrant.style(model, painting, self.looked_at))

    def scores(
        self, painted: Callable[[int, Path], Tensor], paintings: Sequence[Path]
    ) -> dict[str, dict[str, float | None]]:
        """Medians and quartiles of the errors over the test's photographs, each after one of the paintings in turn."""
        found: list[Score] = []
        for index in range(len(self.contents)):
            painting = paintings[index % len(paintings)]
            found.append(self.judge(painted(index, painting), self.pair(index, painting)))
        return summarise(found)


def config_of(
    data: Data, resolution: int, style_resolution: int, steps: int, batch: int, styles: int, width: int, pnet: str,
    pnet_width: int, seed: int,
) -> TrainingConfig:  # fmt: skip
    """The run of every entrant, with `styles` paintings a step, or as many below as divide the batch.

    No steps with the photograph as its own style: a table has no row for it.
    """
    styles = max(count for count in range(1, styles + 1) if batch % count == 0)
    return TrainingConfig(
        content_dir=str(data.contents), validation_content_dir=str(data.test),
        resolution=resolution, style_resolution=style_resolution, style_variants=1, train_batch_size=batch,
        styles_per_batch=styles, max_train_steps=steps, tnet_width=width, pnet=pnet, pnet_width=pnet_width,
        learning_rate=2e-3, lr_scheduler="cosine", lr_warmup_steps=max(1, steps // 20), compression=0.5,
        ema_decay=0.99, calibration_paintings=64, checkpointing_steps=max(1, min(1000, steps // 4)),
        checkpoints_total_limit=1,
        validation_steps=steps + 1, validation_pairs=1, validation_resolution=64,
        logging_steps=max(1, min(20, steps // 20)), seed=seed,
    )  # fmt: skip


def by_the_paper(config: TrainingConfig) -> TrainingConfig:
    """The same run with the paper's learning rate: 1e-3, a tenth of it after every 40,000 steps."""
    return replace(config, learning_rate=1e-3, lr_scheduler="step", lr_decay_steps=40_000, lr_warmup_steps=1)
