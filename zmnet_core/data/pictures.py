"""Picture files as tensors: decoded, kept, cropped, split into those to train on and those held out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ..errors import PictureError, TrainingError
from ..images.folders import Say
from ..images.picture import Side
from ..images.resize import looked_at
from .decoding import Notes, decode
from .sources import HELD_OUT, PictureFile, find_files

logger = logging.getLogger(__name__)


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
        return self.at(index)[0]

    def at(self, index: int) -> tuple[Tensor, int]:
        """The same, and the index of the file that it was read from."""
        for offset in range(len(self.files)):
            found = (index + offset) % len(self.files)
            picture = self._decoded(found)
            if picture is not None:
                return picture, found
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


def squares(crops: Tensor, side: int) -> Tensor:
    """Square pictures [N, 3, S, S] in 0..1 resized to `side`."""
    return crops if crops.shape[-1] == side else looked_at(crops, (side, side))


def centre_square(picture: Tensor, size: int) -> Tensor:
    """The largest centred square of a uint8 picture as [3, size, size] in 0..1."""
    _, height, width = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return squares(picture[None, :, top : top + side, left : left + side].float() / 255, size)[0]


def centre_squares(files: Sequence[PictureFile], size: int, notes: Notes | None = None) -> Tensor:
    """[N, 3, size, size] in 0..1: the centre square of each picture file.

    Args:
        notes: told of what was skipped (the next one takes its place) or converted.
    """
    pictures = Pictures(files)
    if notes is not None:
        pictures.notes = notes
    return torch.stack([centre_square(pictures[index], size) for index in range(len(pictures))])


def split(
    source: str,
    held_out: str | None,
    what: str,
    column: str = "image",
    own: Iterable[str | os.PathLike[str]] = (),
    say: Say = logger.warning,
) -> tuple[Sequence[PictureFile], Sequence[PictureFile]]:
    """Training and validation files: another source's for validation, or every 20th of this one.

    Args:
        source, held_out, column, own, say: as for `find_files`.
        what: the option's name, for messages.
    """
    try:
        files = find_files(source, column, own, say)
        if held_out:
            return files, find_files(held_out, column, own, say)
    except PictureError as error:
        raise TrainingError(f"{what}: {error}") from None
    if len(files) < 2:
        raise TrainingError(
            f"{what}: '{source}' holds one picture; at least two are needed, one of them for validation."
        )
    return [f for i, f in enumerate(files) if i % HELD_OUT], files[::HELD_OUT]
