"""Training pictures: random crops of files, and what is computed once a painting.

Every random choice comes from `rng(seed, step, sample, stream)` and nothing else: step k of a run is
the same picture for picture whether the run was interrupted before it or not, and however its
batch is shared out over processes and accumulation steps (`Share`).
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import Dataset

from .decoding import Notes, decode
from .errors import PictureError, TrainingError
from .files import write_tensors
from .images import Side
from .losses import PerceptualLoss
from .model import ZMNet
from .pnet import PNet
from .sources import HELD_OUT, PictureFile, find_files

logger = logging.getLogger(__name__)

CONTENT, STYLE, CROP, VARIANT, SHARDS, WINDOW, SIDE, NOISE, REVISION, BOLD = range(10)  # streams of random numbers


def rng(seed: int, step: int, sample: int, stream: int) -> np.random.Generator:
    """The random numbers of one purpose for one sample of one step, over all processes."""
    return np.random.default_rng([seed, step, sample, stream])


@dataclass(frozen=True)
class Share:
    """Which part of every step's samples a process draws.

    A step has `processes` × `accumulation` parts of equal size; part m of process r holds the
    samples from (m · processes + r) · size on.
    """

    process: int = 0
    processes: int = 1
    accumulation: int = 1

    def slot(self, part: int) -> int:
        """The place of this process's part-th batch among all batches of the step."""
        return part * self.processes + self.process

    @property
    def slots(self) -> int:
        """Batches a step, over all processes."""
        return self.processes * self.accumulation


class Pictures:
    """Picture files as uint8 tensors.

    Args:
        files: one that cannot be used is replaced by the next one that can.
        short_side: resize to this when reading, or into this range (least, most); None keeps the file's size.
        in_memory: keep decoded pictures (uint8, on `device`) instead of reading them again.

    Attributes:
        notes: what was skipped or converted so far; whoever reads it may clear it.
    """

    def __init__(
        self,
        files: Sequence[PictureFile],
        short_side: Side = None,
        in_memory: bool = False,
        device: torch.device | str = "cpu",
    ):
        if not files:
            raise TrainingError("no pictures to train on.")
        self.files, self.short_side, self.in_memory, self.device = files, short_side, in_memory, device
        self.notes: Notes = {}
        self._kept: dict[int, Tensor] = {}
        self._bad: set[int] = set()

    def __len__(self) -> int:
        return len(self.files)

    def keep_all(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Decode all pictures by threads and keep them; where `enough` says so, the rest when they are wanted."""
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1), "decode") as threads:
            list(threads.map(lambda index: None if enough() else self._decoded(index), range(len(self))))

    def __getitem__(self, index: int) -> Tensor:
        """[3, H, W], uint8, sides of at least 64 px."""
        for offset in range(len(self.files)):
            picture = self._decoded((index + offset) % len(self.files))
            if picture is not None:
                return picture
        raise TrainingError(
            f"none of the {len(self.files)} pictures could be read; the first is '{self.files[0]}'. (If these are "
            "the ones held out for validation, every 20th: take the broken files away, or name others by "
            "--validation_content_dir, --validation_style_dir.)"
        )

    def _decoded(self, index: int) -> Tensor | None:
        """One file's picture; None if it is of no use."""
        if index in self._kept or index in self._bad:
            return self._kept.get(index)
        picture = decode(self.files[index], self.short_side, self.notes)
        if picture is None:
            self._bad.add(index)
            return None
        picture = picture.to(self.device)
        if self.in_memory:
            self._kept[index] = picture
        return picture


def random_crop(picture: Tensor, size: int, random: np.random.Generator, least: float = 0.5) -> Tensor:
    """A random square of a uint8 picture, mirrored half of the time: [3, size, size] in 0..1.

    Its side is between `least` × the short side and the short side, but no less than `size` where
    the picture allows: pictures are not enlarged without need.
    """
    _, height, width = picture.shape
    short = min(height, width)
    lowest = min(short, max(size, round(least * short)))
    side = int(random.integers(lowest, short + 1))
    top = int(random.integers(0, height - side + 1))
    left = int(random.integers(0, width - side + 1))
    crop = squares(picture[None, :, top : top + side, left : left + side].float() / 255, size)
    return (crop.flip(-1) if random.random() < 0.5 else crop)[0]


def sensor_noise(crops: Tensor, most: float, seed: int, step: int, slot: int) -> Tensor:
    """Normal noise for crops [B, 3, H, W], another in each channel; of every picture σ is drawn from 0..most.

    Made where the crops are, from (seed, step, slot), the batch's place among all of the step.
    """
    drawn = int(rng(seed, step, slot, NOISE).integers(2**63))
    random = torch.Generator(crops.device).manual_seed(drawn)
    sigma = most * torch.rand(crops.shape[0], 1, 1, 1, generator=random, device=crops.device)
    return sigma * torch.randn(crops.shape, generator=random, device=crops.device)


def drawn_bold(crops: Tensor, seed: int, step: int, slot: int) -> Tensor:
    """How boldly each of the crops [B, 3, H, W] is to be painted: [B], drawn from 0..1."""
    drawn = rng(seed, step, slot, BOLD).random(crops.shape[0])
    return torch.from_numpy(drawn).to(crops.device, torch.float32)


class ContentBatch(NamedTuple):
    """Crops of photographs [B, 3, size, size], and what was skipped or converted on the way to them."""

    crops: Tensor
    notes: Notes


class ContentBatches(Dataset):
    """The photographs of this process, batch after batch.

    Batch k belongs to step k // accumulation.
    """

    def __init__(self, pictures: Pictures, batch_size: int, size: int, seed: int, share: Share = Share()):
        self.pictures, self.batch_size, self.size, self.seed, self.share = pictures, batch_size, size, seed, share

    def __getitem__(self, batch: int) -> ContentBatch:
        step, part = divmod(batch, self.share.accumulation)
        first = self.share.slot(part) * self.batch_size
        crops = []
        for sample in range(first, first + self.batch_size):
            random = rng(self.seed, step, sample, CONTENT)
            crops.append(random_crop(self.pictures[int(random.integers(len(self.pictures)))], self.size, random))
        notes = dict(self.pictures.notes)  # a loader worker has a copy of its own, so they travel with the batch
        self.pictures.notes.clear()
        return ContentBatch(torch.stack(crops), notes)


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


class StyleBank:
    """Paintings, looked at by the PNet's frozen part and by the loss network.

    Args:
        pictures: the paintings.
        pnet, loss: give `features` and Gram matrices.
        sides: least and largest side of the square that is looked at; for every look one in between is drawn, but
            none that enlarges the painting. Where a painting is larger than the squares that a model is trained
            on, its strokes are then seen at several scales.
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
    ):
        self.pictures, self.pnet, self.loss, self.teacher, self.loss_side = pictures, pnet, loss, teacher, loss_side
        self.sides, self.variants, self.seed = sides, variants, seed
        self.cache = Path(cache) if cache else None
        self._taught_by = [teacher.fingerprint, teacher.config] if teacher else []  # before its weights are rounded
        self.device = next(loss.vgg.parameters()).device
        self._kept: dict[tuple[int, int], StyleTargets] = {}

    def batch(self, step: int, count: int, slot: int = 0, slots: int = 1) -> StyleTargets:
        """The targets of `count` paintings: those of batch `slot` among the `slots` of this step.

        The paintings of a step differ from each other, over all its batches, while there are enough.
        """
        total = count * slots
        order = rng(self.seed, step, 0, STYLE).choice(len(self.pictures), total, replace=total > len(self.pictures))
        chosen = [(int(order[sample]), sample) for sample in range(slot * count, (slot + 1) * count)]
        if self.variants == 0:
            sides = [self._sides(self.pictures[i], rng(self.seed, step, g, SIDE)) for i, g in chosen]
            crops = [
                random_crop(self.pictures[i], most, rng(self.seed, step, g, CROP))
                for (i, g), (_, most) in zip(chosen, sides)
            ]
            if len(set(sides)) == 1:
                return self._look(torch.stack(crops), sides[0][0])
            looks = [self._look(crop[None], side) for crop, (side, _) in zip(crops, sides)]
        else:
            looks = [self.look(i, int(rng(self.seed, step, g, CROP).integers(self.variants))) for i, g in chosen]
        return StyleTargets(
            torch.cat([look.features for look in looks]),
            {term: torch.cat([look.style[term] for look in looks]).float() for term in looks[0].style},
            torch.cat([look.taught for look in looks]) if self.teacher else None,
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
        drawn: dict[tuple[int, int], list[tuple[tuple[int, int], Tensor]]] = {}  # squares by sides
        for index, variant in keys:
            found = self._read(self._cache_file(index, variant)) if self.cache else None
            if found is not None:
                self._kept[index, variant] = found
                continue
            picture = self.pictures[index]
            side, most = self._sides(picture, rng(self.seed, index, variant, SIDE))
            if variant == 0:
                crop = centre_square(picture, most)
            else:
                crop = random_crop(picture, most, rng(self.seed, index, variant, VARIANT), least=0.6)
            drawn.setdefault((side, most), []).append(((index, variant), crop))
        for (side, _), squares in drawn.items():
            looks = self._look(torch.stack([crop for _, crop in squares]), side)
            for place, (key, _) in enumerate(squares):
                this = slice(place, place + 1)
                self._kept[key] = kept = StyleTargets(
                    looks.features[this].clone(),  # of its own: a slice would keep the whole batch
                    {term: values[this].to(torch.bfloat16) for term, values in looks.style.items()},
                    None if looks.taught is None else looks.taught[this].clone(),
                )
                if self.cache:
                    taught = {} if kept.taught is None else {"taught": kept.taught}
                    write_tensors(self._cache_file(*key), {"features": kept.features, **taught, **kept.style})

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
            tensors = load_file(file, str(self.device))
            features, taught = tensors.pop("features"), tensors.pop("taught") if self.teacher else None
            return StyleTargets(features, tensors, taught)
        except FileNotFoundError:
            return None
        except (SafetensorError, KeyError) as error:
            logger.warning("'%s' is damaged and made anew: %s", file, error)
            return None

    def _cache_file(self, index: int, variant: int) -> Path:
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
        digest = hashlib.sha256(self.pictures.files[index].read_bytes() + repr(recipe).encode()).hexdigest()
        return self.cache / digest[:2] / f"{digest[:32]}.safetensors"

    def _look(self, crops: Tensor, side: int) -> StyleTargets:
        crops = crops.to(self.device)
        seen = squares(crops, side)
        with torch.no_grad():
            taught = self.teacher.pnet(self.teacher.pnet.features(seen)) if self.teacher else None
            return StyleTargets(self.pnet.features(seen), self.loss.style_targets(crops), taught)


def squares(crops: Tensor, side: int) -> Tensor:
    """Square pictures [N, 3, S, S] in 0..1 resized to `side`."""
    if crops.shape[-1] == side:
        return crops
    return F.interpolate(crops, (side, side), mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def centre_square(picture: Tensor, size: int) -> Tensor:
    """The largest centred square of a uint8 picture as [3, size, size] in 0..1."""
    _, height, width = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return squares(picture[None, :, top : top + side, left : left + side].float() / 255, size)[0]


def split(
    source: str, held_out: str | None, what: str, column: str = "image"
) -> tuple[list[PictureFile], list[PictureFile]]:
    """Training and validation files: another source's for validation, or every 20th of this one.

    Args:
        source, held_out, column: as for `find_files`.
        what: the option's name, for messages.
    """
    try:
        files = find_files(source, column)
        if held_out:
            return files, find_files(held_out, column)
    except PictureError as error:
        raise TrainingError(f"{what}: {error}") from None
    if len(files) < 2:
        raise TrainingError(
            f"{what}: '{source}' holds one picture; at least two are needed, one of them for validation."
        )
    return [f for i, f in enumerate(files) if i % HELD_OUT], files[::HELD_OUT]
