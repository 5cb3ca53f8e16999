"""Photographs that are read front to back, for sets too large or too far away to be seeked in.

Every loader worker of every process is a lane. Shards are put into a new order each epoch, and dealt
out to the lanes; where there are fewer shards than lanes, each lane reads all of them and keeps
every n-th picture. A lane draws from a window of the next pictures, so neighbours in a shard
do not stay neighbours in a batch.

What a batch holds follows from (seed, step, processes, workers) alone. To go on at step k a lane
skips what it had drawn before: it runs through the same shards in the same order, without decoding
(nor, where the shard is a local tar file, reading) the pictures. So a run resumes bit for bit with the
same number of processes and workers; with others it goes on with the photographs in another order.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, count, islice

import torch
from torch.utils.data import IterableDataset, get_worker_info

from ..errors import PictureError, TrainingError
from ..images.folders import Say
from .contents import ContentBatch
from .decoding import Notes, decode
from .pictures import random_crop
from .sampling import Share, Stream, rng
from .sources import PictureFile, Shard, find_files, find_shards

logger = logging.getLogger(__name__)

WINDOW_SIZE = 256  # pictures a lane draws from; of remote shards their files' bytes are held, some 40 MB
MOST_BAD = 10_000  # pictures in a row that cannot be read, until a lane gives up
VALIDATION_SIZE = 64  # pictures that are kept for validation where none are named


class ContentStream(IterableDataset[ContentBatch]):
    """The photographs of this process, batch after batch without end.

    Args:
        shards: of pictures.
        batch_size, size, seed, share: as for `ContentBatches`.
        start: batch to begin with; batch k belongs to step k // accumulation.
    """

    def __init__(self, shards: list[Shard], batch_size: int, size: int, seed: int, share: Share, start: int = 0):
        self.shards, self.batch_size, self.size, self.seed = shards, batch_size, size, seed
        self.share, self.start = share, start

    def __iter__(self) -> Iterator[ContentBatch]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        first = self.start + worker  # the loader asks its workers in turn
        lane = self.share.process * workers + first % workers
        done = first // workers * self.batch_size
        notes: Notes = {}
        drawn = draw(self.shards, self.seed, lane, self.share.processes * workers, done, notes)
        for batch in count(first, workers):
            step, part = divmod(batch, self.share.accumulation)
            start = self.share.slot(part) * self.batch_size
            crops = [
                random_crop(picture, self.size, rng(self.seed, step, sample, Stream.CONTENT))
                for sample, picture in enumerate(islice(drawn, self.batch_size), start)
            ]
            yield ContentBatch(torch.stack(crops), dict(notes))
            notes.clear()


def draw(
    shards: list[Shard], seed: int, lane: int, lanes: int, skip: int, notes: Notes, window: int = WINDOW_SIZE
) -> Iterator[torch.Tensor]:
    """The pictures that one of `lanes` lanes draws, from the skip-th on: uint8 [3, H, W].

    One that cannot be read is replaced by another of the window, or, if none there can be, by the first that can be of
    all that the lane reads. A lane that skipped to this place finds the same: what it looks at next never depends on
    what could be read.

    Raises:
        TrainingError: none of many pictures in a row can be read.
    """
    files = lane_files(shards, seed, lane, lanes)
    ahead = list(islice(files, window))
    spare: torch.Tensor | None = None
    for number in count():
        place = int(rng(seed, number, lane, Stream.WINDOW).integers(len(ahead)))
        if number >= skip:
            picture = next(_readable(ahead[place:] + ahead[:place], notes), None)
            if picture is None:
                spare = picture = _spare(epoch_files(shards, seed, lane, lanes, 0), notes) if spare is None else spare
            if picture is None:
                raise TrainingError(
                    f"none of many pictures in a row could be read ({window} of them, and up to {MOST_BAD} from the "
                    f"beginning). {notes[str(ahead[place])].text.rstrip('.')}."
                )
            yield picture
        ahead[place] = next(files)


def _readable(files: Iterable[PictureFile], notes: Notes) -> Iterator[torch.Tensor]:
    return (picture for picture in (decode(file, None, notes) for file in files) if picture is not None)


def _spare(files: Iterable[PictureFile], notes: Notes) -> torch.Tensor | None:
    return next(_readable(islice(files, MOST_BAD), notes), None)


def epoch_files(shards: list[Shard], seed: int, lane: int, lanes: int, epoch: int) -> Iterator[PictureFile]:
    """What one of `lanes` lanes reads in one epoch; no two lanes read the same."""
    order = rng(seed, epoch, 0, Stream.SHARDS).permutation(len(shards))
    if len(shards) >= lanes:
        return chain.from_iterable(shards[index] for index in order[lane::lanes])
    return islice(chain.from_iterable(shards[index] for index in order), lane, None, lanes)


def lane_files(shards: list[Shard], seed: int, lane: int, lanes: int) -> Iterator[PictureFile]:
    """What one of `lanes` lanes reads, epoch after epoch without end.

    Raises:
        TrainingError: there is nothing for it in an epoch.
    """
    for epoch in count():
        empty = True
        for file in epoch_files(shards, seed, lane, lanes, epoch):
            empty = False
            yield file
        if empty:
            raise TrainingError(f"'{shards[0].name}' and its like ({len(shards)} shards) hold too few pictures.")


def split_shards(
    source: str,
    held_out: str | None,
    what: str,
    column: str = "image",
    own: Iterable[str | os.PathLike[str]] = (),
    say: Say = logger.warning,
) -> tuple[list[Shard], Sequence[PictureFile]]:
    """As `pictures.split`, for a source that is read front to back: shards for training, files for validation.

    Without a source for validation every 20th picture of every shard is left out of training, and the
    first 64 of these are taken.
    """
    try:
        shards = find_shards(source, column)
        if held_out:
            return shards, find_files(held_out, column, own, say)
    except PictureError as error:
        raise TrainingError(f"{what}: {error}") from None
    kept = list(islice(chain.from_iterable(replace(shard, held_out=False) for shard in shards), VALIDATION_SIZE))
    if not kept:
        raise TrainingError(f"{what}: the shards of '{source}' hold no picture.")
    return [replace(shard, held_out=True) for shard in shards], kept
