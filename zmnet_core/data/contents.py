"""Batches of photographs, and what a step does to them by chance."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from .decoding import Notes
from .pictures import Pictures, random_crop
from .sampling import Share, Stream, rng

ALONE = Share()


def sensor_noise(crops: Tensor, most: float, seed: int, step: int, slot: int) -> Tensor:
    """Normal noise for crops [B, 3, H, W], another in each channel; of every picture σ is drawn from 0..most.

    Made where the crops are, from (seed, step, slot), the batch's place among all of the step.
    """
    drawn = int(rng(seed, step, slot, Stream.NOISE).integers(2**63))
    random = torch.Generator(crops.device).manual_seed(drawn)
    sigma = most * torch.rand(crops.shape[0], 1, 1, 1, generator=random, device=crops.device)
    return sigma * torch.randn(crops.shape, generator=random, device=crops.device)


def drawn_bold(crops: Tensor, seed: int, step: int, slot: int) -> Tensor:
    """How boldly each of the crops [B, 3, H, W] is to be painted: [B], drawn from 0..1."""
    drawn = rng(seed, step, slot, Stream.BOLD).random(crops.shape[0])
    return torch.from_numpy(drawn).to(crops.device, torch.float32)


class ContentBatch(NamedTuple):
    """Crops of photographs [B, 3, size, size], and what was skipped or converted on the way to them."""

    crops: Tensor
    notes: Notes


class ContentBatches(Dataset[ContentBatch]):
    """The photographs of this process, batch after batch.

    Batch k belongs to step k // accumulation.
    """

    def __init__(self, pictures: Pictures, batch_size: int, size: int, seed: int, share: Share = ALONE):
        self.pictures, self.batch_size, self.size, self.seed, self.share = pictures, batch_size, size, seed, share

    def __getitem__(self, batch: int) -> ContentBatch:
        step, part = divmod(batch, self.share.accumulation)
        first = self.share.slot(part) * self.batch_size
        crops = []
        for sample in range(first, first + self.batch_size):
            random = rng(self.seed, step, sample, Stream.CONTENT)
            crops.append(random_crop(self.pictures[int(random.integers(len(self.pictures)))], self.size, random))
        notes = dict(self.pictures.notes)  # a loader worker has a copy of its own, so they travel with the batch
        self.pictures.notes.clear()
        return ContentBatch(torch.stack(crops), notes)
