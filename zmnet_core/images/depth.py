"""What a file holds beside what Pillow hands on: the lower half of colours with 16 bits, and small chunks of PNG.

Pillow keeps the upper 8 bits of every sample of colour. That is enough, unless the values do not use them: those of 12
bits are black then. But Pillow can be told to take every second byte from the other side, so two readings are all 16.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from .png import small_chunks
from .ranges import BITS, is_dark

OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # which byte comes first
DEEP = tuple(f"{mode};16{order}" for mode in ("RGB", "RGBA") for order in OTHER)  # raw modes of Pillow
CHUNKS = (b"sBIT", b"cICP")


class Beneath(NamedTuple):
    """
    Attributes:
        samples: colours with all their 16 bits, [H, W, 3] or, with alpha, [H, W, 4], if the upper 8 say too little.
        whole: false if the lower 8 of them could not be had.
        chunks: those of a PNG file that Pillow does not look at.
    """

    samples: np.ndarray | None = None
    whole: bool = True
    chunks: dict[bytes, bytes] = {}

    @property
    def bits(self) -> int | None:
        """How many bits a PNG file says that its samples had at first (sBIT)."""
        found = self.chunks.get(b"sBIT", b"")
        return max(found[:3]) if found and 1 <= max(found[:3]) <= 16 else None


def loaded(image: Image.Image) -> Beneath:
    """Decode an opened image, and look at what is beneath."""
    tiles: list[Any] = list(getattr(image, "tile", []))
    file: Any = getattr(image, "filename", "") or getattr(image, "fp", None)
    page = image.tell() if tiles else 0
    chunks = {}
    if tiles and image.format == "PNG" and (stream := getattr(image, "fp", None)) is not None:
        chunks = small_chunks(stream, CHUNKS)
    image.load()
    tags: Any = getattr(image, "tag_v2", {})
    deep = all(_raw_mode(tile) in DEEP for tile in tiles) if tiles else _says_sixteen(tags)
    if image.mode not in ("RGB", "RGBA") or not deep:
        return Beneath(chunks=chunks)
    upper = np.asarray(image)
    known = Beneath(chunks=chunks)
    if not is_dark(upper, tags):
        return known
    try:
        lower = _lower(file, page) if tiles else None
    except OSError:  # the file is gone since it was opened
        lower = None
    if lower is None or lower.shape != upper.shape:
        return known._replace(samples=upper.astype(np.uint16) * 257, whole=False)
    return known._replace(samples=(upper.astype(np.uint16) << 8) | lower)


def _raw_mode(tile: Any) -> Any:
    return tile.args if isinstance(tile.args, str) else tile.args[0] if tile.args else None


def _says_sixteen(tags: Any) -> bool:
    """Had an image that was decoded before 16 bits, by its TIFF tags?"""
    bits = tags.get(BITS)
    return isinstance(bits, tuple) and len(bits) >= 3 and set(bits) == {16}


def _lower(file: Any, page: int) -> np.ndarray:
    """The lower 8 bits of every sample, [H, W, C]."""
    with Image.open(file) as twin:
        if page:
            twin.seek(page)
        tiles: Any = twin
        tiles.tile = [_other(tile) for tile in tiles.tile]
        twin.load()
        return np.array(twin)


def _other(tile: Any) -> Any:
    """The same part of the picture, read by its other bytes."""
    mode = _raw_mode(tile)
    mode = mode[:-1] + OTHER[mode[-1]]
    return tile._replace(args=mode if isinstance(tile.args, str) else (mode, *tile.args[1:]))
