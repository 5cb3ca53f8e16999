"""Paintings as a step wants them: what is computed once a painting, and kept."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from ..data.pictures import Pictures, centre_square, random_crop
from ..data.sampling import Stream, rng
from ..errors import PictureError
from ..files import read_tensors, write_tensors
from ..images.resize import looked_at
from ..losses.perceptual import PerceptualLoss
from ..model import ZMNet
from ..networks.heads import ROW, PNet
from ..networks.vector_pnet import joined
from .signals import Signals

logger = logging.getLogger(__name__)


class StyleTargets(NamedTuple):
    """What a step needs of its paintings: PNet features [S, …], what the loss matches of them
    (`PerceptualLoss.style_targets`), and the γ, β [S, 2, ΣC] that a teacher writes for them, if there is one.
    """

    features: Tensor
    style: dict[str, Tensor]
    taught: Tensor | None = None

    def repeated(self, times: int) -> StyleTargets:
        """Those of each painting so many times in a row: of the photographs that it guides."""
        if times == 1:
            return self
        return StyleTargets(
            self.features.repeat_interleave(times, 0),
            {term: wanted.repeat_interleave(times, 0) for term, wanted in self.style.items()},
            None if self.taught is None else self.taught.repeat_interleave(times, 0),
        )

    def some(self, which: slice) -> StyleTargets:
        """Those of some of the paintings."""
        return StyleTargets(
            self.features[which],
            {term: wanted[which] for term, wanted in self.style.items()},
            None if self.taught is None else self.taught[which],
        )


class StyleBank:
    """Paintings, looked at by the PNet's frozen part and by the loss network.

    Args:
        pictures: the paintings.
        pnet, loss: give `features` and Gram matrices.
        sides: least and largest side of the square that is looked at; for every look one in between is drawn, but
            none that enlarges the painting. Where a painting is larger than the squares that a model is trained
            on, its strokes are then seen at several scales.
        signals: what the PNet reads in place of the pictures; None: the pictures.
        loss_side: side of the square that the loss looks at; the PNet sees the same square reduced to its own side.
            Not enlarged either. None: the PNet's side.
        variants: how many looks are kept of a painting: the first is the whole painting's centre
            square, the others random crops. What they give is computed once and kept (Gram
            matrices in bfloat16: 0.7 MB a look). 0: a fresh crop every time, nothing kept.
        cache: folder where kept looks stay between runs, under a name made of the painting's bytes
            and of everything that shaped the look; None keeps them in memory only.
        teacher: a trained model whose γ, β for the paintings are wanted as well.
    """

    def __init__(
        self,
        pictures: Pictures,
        pnet: PNet,
        loss: PerceptualLoss,
        sides: tuple[int, int],
        variants: int,
        seed: int,
        cache: str | os.PathLike[str] | None = None,
        teacher: ZMNet | None = None,
        loss_side: int | None = None,
        signals: Signals | None = None,
    ):
        self.pictures, self.pnet, self.loss, self.teacher, self.loss_side = pictures, pnet, loss, teacher, loss_side
        self.sides, self.variants, self.seed, self.signals = sides, variants, seed, signals
        self.cache = Path(cache) if cache else None
        self._taught_by = [teacher.fingerprint, teacher.config] if teacher else []  # before its weights are rounded
        self.device = next(loss.vgg.parameters()).device
        self._kept: dict[tuple[int, int], StyleTargets] = {}

    def batch(self, step: int, count: int, slot: int = 0, slots: int = 1) -> StyleTargets:
        """The targets of `count` paintings: those of batch `slot` among the `slots` of this step.

        The paintings of a step differ from each other, over all its batches, while there are enough.
        """
        total = count * slots
        random = rng(self.seed, step, 0, Stream.STYLE)
        if self.signals:
            order = self.signals.drawn(random, total)
        else:
            order = random.choice(len(self.pictures), total, replace=total > len(self.pictures)).tolist()
        chosen = [(order[sample], sample) for sample in range(slot * count, (slot + 1) * count)]
        if self.variants == 0:
            pictures, seen = zip(*(self.pictures.at(i) for i, _ in chosen))
            sides = [
                self._sides(picture, rng(self.seed, step, g, Stream.SIDE)) for picture, (_, g) in zip(pictures, chosen)
            ]
            crops = [
                random_crop(picture, most, rng(self.seed, step, g, Stream.CROP))
                for picture, (_, g), (_, most) in zip(pictures, chosen, sides)
            ]
            if len(set(sides)) == 1:
                return self._look(torch.stack(crops), sides[0][0], seen)
            looks = [self._look(crop[None], side, [i]) for crop, (side, _), i in zip(crops, sides, seen)]
        else:
            looks = [self.look(i, int(rng(self.seed, step, g, Stream.CROP).integers(self.variants))) for i, g in chosen]
        return StyleTargets(
            joined([look.features for look in looks]),
            {term: torch.cat([look.style[term] for look in looks]).float() for term in looks[0].style},
            torch.cat([look.taught for look in looks if look.taught is not None]) if self.teacher else None,
        )

    def look(self, index: int, variant: int) -> StyleTargets:
        """One kept look at one painting."""
        if (index, variant) not in self._kept:
            self._keep([(index, variant)])
        return self._kept[index, variant]

    def keep_all(self, together: int = 16, enough: Callable[[], bool] = lambda: False) -> None:
        """Make all looks, so many of them `together`; where `enough` says so, the rest when they are wanted.

        Worth it on a GPU, which is idle at one picture a time. On a CPU, where it is not, looks are made as they come.
        """
        keys = [(index, variant) for index in range(len(self.pictures)) for variant in range(self.variants)]
        for start in range(0, len(keys), together):
            if enough():
                return
            self._keep(keys[start : start + together])

    def _keep(self, keys: list[tuple[int, int]]) -> None:
        """Read looks from the cache, or make them: those whose squares have the same sides together."""
        drawn: dict[tuple[int, int], list[tuple[tuple[int, int], Tensor, int]]] = {}  # squares by sides
        for index, variant in keys:
            file = self._cache_file(index, variant)
            found = self._read(file) if file else None
            if found is not None:
                self._kept[index, variant] = found
                continue
            picture, seen = self.pictures.at(index)
            side, most = self._sides(picture, rng(self.seed, index, variant, Stream.SIDE))
            if variant == 0:
                crop = centre_square(picture, most)
            else:
                crop = random_crop(picture, most, rng(self.seed, index, variant, Stream.VARIANT), least=0.6)
            drawn.setdefault((side, most), []).append(((index, variant), crop, seen))
        for (side, _), crops in drawn.items():
            looks = self._look(torch.stack([crop for _, crop, _ in crops]), side, [seen for *_, seen in crops])
            for place, (key, *_) in enumerate(crops):
                this = slice(place, place + 1)
                self._kept[key] = kept = StyleTargets(
                    looks.features[this].clone(),  # of its own: a slice would keep the whole batch
                    {term: values[this].to(torch.bfloat16) for term, values in looks.style.items()},
                    None if looks.taught is None else looks.taught[this].clone(),
                )
                if file := self._cache_file(*key):
                    taught = {} if kept.taught is None else {"taught": kept.taught}
                    write_tensors(file, {"features": kept.features, **taught, **kept.style})

    def _sides(self, picture: Tensor, random: np.random.Generator) -> tuple[int, int]:
        """The sides at which the PNet and the loss look at a picture. The PNet's: in the range, every ratio as likely,
        but not enlarging the picture.
        """
        (least, most), short = self.sides, min(picture.shape[-2:])
        side = round(least * (max(least, min(most, short)) / least) ** random.random())
        return side, max(side, min(self.loss_side or side, short))

    def _read(self, file: Path) -> StyleTargets | None:
        """A look from the cache; None if it is not there, or damaged (then it is made again)."""
        try:
            tensors = read_tensors(file, str(self.device))
            features, taught = tensors.pop("features"), tensors.pop("taught") if self.teacher else None
            return StyleTargets(features, tensors, taught)
        except FileNotFoundError:
            return None
        except (SafetensorError, KeyError) as error:
            logger.warning("'%s' is damaged and made anew: %s", file, error)
            return None

    def _cache_file(self, index: int, variant: int) -> Path | None:
        """Where a look is kept; None: in memory only."""
        if self.cache is None:
            return None
        try:
            painting = self.pictures.files[index].read_bytes()
        except (OSError, PictureError):  # another takes its place, which may be a third one in the next run
            return None
        drawn = variant > 0 or self.sides[0] < self.sides[1]
        recipe = [self.sides, index * drawn, variant, self.seed * drawn, self.pictures.short_side]
        recipe += [
            sorted(self.loss.config.style_layers),
            self.loss.config.palette_weight > 0,
            type(self.pnet).__name__,
            getattr(self.pnet, "taps", None),
        ]
        recipe += [torch.is_autocast_enabled(self.device.type), self.loss.vgg.fingerprint]
        kept = self.loss.config.kept
        if (kept, self.loss.config.scales, self.loss_side) != ("gram", (1,), None):
            recipe += [kept, self.loss.config.scales, self.loss_side]
        recipe += self._taught_by + ["palette"] * self.pnet.palette
        recipe += ["colours"] * (self.loss.config.colour_weight > 0)
        if self.signals:
            recipe += self.signals.recipe(self.pnet, index)
        recipe += [index] * (self.pnet.signal == ROW)  # the same painting may have another number in another run
        digest = hashlib.sha256(painting + repr(recipe).encode()).hexdigest()
        return self.cache / digest[:2] / f"{digest[:32]}.safetensors"

    def own(self, contents: Tensor) -> Tensor:
        """What the PNet reads of photographs [N, 3, H, W] that are their own style."""
        return self.signals.own(self.pnet, contents) if self.signals else self.pnet.features(contents)

    def _look(self, crops: Tensor, side: int, seen_of: Sequence[int]) -> StyleTargets:
        """Of squares [N, 3, S, S] of so many pictures, by index."""
        crops = crops.to(self.device)
        seen = looked_at(crops, (side, side))
        own = torch.tensor(seen_of, device=self.device) if self.pnet.signal == ROW else seen
        with torch.no_grad():
            taught = self.teacher.pnet(self.teacher.pnet.features(seen)) if self.teacher else None
            read = self.signals.features(self.pnet, seen, seen_of) if self.signals else self.pnet.features(own)
            return StyleTargets(read, self.loss.style_targets(crops), taught)
