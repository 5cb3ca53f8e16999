"""Pictures of any size through the TNet: tiles that share one normalisation.

An instance norm looks at the whole picture, so tiles normalised each for itself differ in style and
show their edges. Here μ and σ of every norm are taken once, from a small copy of the picture, and
held; what is left of the TNet is convolutions, which see no further than `RECEPTIVE_RADIUS`
pixels. Tiles that overlap by that much are, value for value, cut from one big picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.tnet import DOWNSAMPLING, MIN_SIDE, RECEPTIVE_RADIUS

OVERLAP = -(-RECEPTIVE_RADIUS // DOWNSAMPLING) * DOWNSAMPLING  # tiles start where the stride does
WHOLE_PIXELS = 2048 * 2048  # up to here a picture goes through in one piece
TILE = 1024
SMALLEST_TILE = 128  # below this the overlap costs more than the tile
MEASURE_SIDE = 1024  # long side of the small copy that the statistics are taken from


_watch: ContextVar[Callable[[Tensor], None] | None] = ContextVar("watch", default=None)


@contextmanager
def watching(call: Callable[[Tensor], None] | None) -> Iterator[None]:
    """Show this the pictures that are painted inside while they come to be, [B, 3, H, W]: the draft of a large one, and
    one in tiles after every tile. Where nothing is painted yet, there is still the photograph, or the enlarged draft.

    It must neither change nor keep what it is shown, and values may leave 0..1 a little.
    """
    before = _watch.set(call)
    try:
        yield
    finally:
        _watch.reset(before)


def watched(picture: Tensor) -> None:
    """A picture as far as it is painted, for who is `watching`."""
    if (call := _watch.get()) is not None:
        call(picture)


def tiles(height: int, width: int, size: int, overlap: int = OVERLAP) -> Iterator[tuple[slice, slice, slice, slice]]:
    """Rows and columns to read (with overlap) and to keep (without), tile after tile."""
    for top in range(0, height, size):
        for left in range(0, width, size):
            keep_y, keep_x = slice(top, min(top + size, height)), slice(left, min(left + size, width))
            read_y, read_x = (
                slice(max(0, k.start - overlap), min(end, k.stop + overlap))
                for k, end in ((keep_y, height), (keep_x, width))
            )
            yield read_y, read_x, keep_y, keep_x


def automatic_tile(height: int, width: int) -> int:
    """The side of the tiles for a picture of this size; 0: in one piece."""
    return TILE if height * width > WHOLE_PIXELS else 0


def count_tiles(height: int, width: int, size: int) -> int:
    """How many tiles `tiles` gives."""
    return -(-height // size) * -(-width // size)


def small_copy(contents: Tensor, side: int = MEASURE_SIDE) -> Tensor:
    """[B, 3, H, W] shrunk so that the long side is at most `side` (never under 16 px)."""
    height, width = contents.shape[-2:]
    scale = side / max(height, width)
    if scale >= 1:
        return contents
    shape = [max(MIN_SIDE, round(height * scale)), max(MIN_SIDE, round(width * scale))]
    return F.interpolate(contents, shape, mode="bilinear", antialias=True, align_corners=False)


def paint_tiles(
    paint: Callable[..., Tensor],
    contents: Tensor,
    size: int,
    step: Callable[[], None] = lambda: None,
    beside: Sequence[Tensor] = (),
    overlap: int = OVERLAP,
) -> Tensor:
    """Run `paint` (a TNet with frozen statistics, or what has none) over tiles of [B, 3, H, W] and join them.

    Args:
        paint: [B, 3, h, w] → [B, 3, h, w]; sees no further than `overlap` pixels.
        size: side of what each tile keeps, a multiple of 4, px.
        step: called after every tile, for progress bars and cancellation.
        beside: more pictures of that size, whose tiles `paint` gets as well.
        overlap: pixels around each tile that `paint` sees as well, a multiple of 4.
    """
    if size < DOWNSAMPLING or size % DOWNSAMPLING:
        raise ValueError(f"the tile size is a multiple of {DOWNSAMPLING}, not {size}.")
    joined = contents.clone()
    height, width = contents.shape[-2:]
    for read_y, read_x, keep_y, keep_x in tiles(height, width, size, overlap):
        painted = paint(*(picture[..., read_y, read_x] for picture in (contents, *beside)))
        inner_y = slice(keep_y.start - read_y.start, keep_y.stop - read_y.start)
        inner_x = slice(keep_x.start - read_x.start, keep_x.stop - read_x.start)
        joined[..., keep_y, keep_x] = painted[..., inner_y, inner_x]
        watched(joined)
        step()
    return joined


def smaller_tile(height: int, width: int, tile: int) -> int | None:
    """The tile to try when memory ran out at `tile` (0: the whole picture); None: there is none."""
    size, side = TILE, min(tile or max(height, width), max(height, width))
    while size >= side:
        size //= 2
    return size if size >= SMALLEST_TILE else None


def out_of_memory(error: BaseException) -> bool:
    """Whether this is a device, or the machine, saying that memory ran out."""
    text = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    )
