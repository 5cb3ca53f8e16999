"""What a file holds beside what Pillow hands on: the lower half of colours with 16 bits, and small chunks of PNG.

Pillow keeps the upper 8 bits of every sample of colour. That is enough, unless the values do not use them: those of 12
bits are black then. But Pillow can be told to take every second byte from the other side, so two readings are all 16.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from .allowing import allowing
from .png import small_chunks
from .ranges import BITS, is_dark

OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # which byte comes first
# Raw modes of Pillow: of whole pixels, and of planes.
DEEP = tuple(f"{mode};16{order}" for mode in ("RGB", "RGBX", "RGBA", "R", "G", "B", "A") for order in OTHER)
GREY = "LA;16B"  # grey with alpha, which has no other side; but its bytes are those of RGBA with 8 bits
CHUNKS = (b"sBIT", b"cICP")


class Beneath(NamedTuple):
    """What is beneath an image that Pillow has decoded.

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
        """How many bits a PNG file says that its samples had at first (sBIT), if fewer than 16."""
        found = self.chunks.get(b"sBIT", b"")
        colours = found[:-1] if len(found) in (2, 4) else found  # the last of those is alpha's
        return max(colours) if colours and 1 <= max(colours) < 16 else None


def loaded(image: Image.Image) -> Beneath:
    """Decode an opened image, and look at what is beneath."""
    tiles: list[Any] = list(getattr(image, "tile", []))
    file: Any = getattr(image, "filename", "") or getattr(image, "fp", None)
    page = image.tell() if tiles else 0
    chunks = {}
    if tiles and image.format == "PNG" and (stream := getattr(image, "fp", None)) is not None:
        chunks = small_chunks(stream, CHUNKS)
    tags: Any = getattr(image, "tag_v2", {})
    if tiles and _says_sixteen(tags):
        image.tile = tiles = [_of_a_plane(tile, tags) for tile in tiles]  # type: ignore[attr-defined]  # of files only
    if image.format == "PPM":
        image.tile = tiles = [_of_ppm(tile) for tile in tiles]  # type: ignore[attr-defined]  # of files only
    _decode(image)
    deep = all(";16" in str(_raw_mode(tile)) for tile in tiles) if tiles else _says_sixteen(tags)
    if image.mode not in ("RGB", "RGBA") or not deep:
        return Beneath(chunks=chunks)
    upper = np.asarray(image)
    known = Beneath(chunks=chunks)
    if not is_dark(upper, tags):
        return known
    try:
        lower = _lower(file, page, tiles)
    except OSError:  # the file is gone since it was opened
        lower = None
    if lower is None or lower.shape != upper.shape:
        return known._replace(samples=upper.astype(np.uint16) * 257, whole=False)
    return known._replace(samples=(upper.astype(np.uint16) << 8) | lower)


def _decode(image: Image.Image) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if image.format == "TIFF" and limit and image.width * image.height > limit and getattr(image, "tile", []):
        with allowing():  # of these Pillow asks for the size again
            image.load_prepare()  # type: ignore[attr-defined]  # of files only
    image.load()


def _raw_mode(tile: Any) -> Any:
    args = tile[3]  # by number: packages that add formats may give plain tuples
    return args[0] if isinstance(args, tuple) and args else args


def _with_mode(tile: Any, mode: str) -> Any:
    """The tile with another raw mode."""
    args = tile[3]
    made = (*tile[:3], (mode, *args[1:]) if isinstance(args, tuple) else mode)
    return type(tile)(*made) if hasattr(tile, "_fields") else made


def _of_ppm(tile: Any) -> Any:
    """A tile of a PPM file with 16 bits, which Pillow would scale to 8 by itself."""
    if tile[0] != "ppm" or tuple(tile[3]) != ("RGB", 65_535):
        return tile
    return type(tile)("raw", *tile[1:3], ("RGB;16B", 0, 1)) if hasattr(tile, "_fields") else tile


def _says_sixteen(tags: Any) -> bool:
    """Had an image that was decoded before 16 bits, by its TIFF tags?"""
    bits = tags.get(BITS)
    return isinstance(bits, tuple) and len(bits) >= 3 and set(bits) == {16}


def _of_a_plane(tile: Any, tags: Any) -> Any:
    """A tile with 16 bits where Pillow takes it for one with 8: in uncompressed TIFF files that hold plane by plane."""
    mode = _raw_mode(tile)
    if tile[0] != "raw" or mode not in ("R", "G", "B", "A"):
        return tile
    return _with_mode(tile, f"{mode};16{'L' if tags.prefix == b'II' else 'B'}")


def _lower(file: Any, page: int, tiles: list[Any]) -> np.ndarray | None:
    """The lower 8 bits of every sample, [H, W, C]; None if Pillow has no way to read them."""
    modes = {_raw_mode(tile) for tile in tiles}
    if not modes or not modes <= {*DEEP, GREY}:
        return None
    with allowing():  # it was opened before, so it is not too large
        twin = Image.open(file)
    with twin:
        if page:
            twin.seek(page)
        twin.tile = [_other(tile) for tile in tiles]
        _decode(twin)
        found = np.array(twin)
    return found[..., [1, 1, 1, 3]] if GREY in modes else found


def _other(tile: Any) -> Any:
    """The same part of the picture, read by its other bytes."""
    mode = _raw_mode(tile)
    return _with_mode(tile, "RGBA" if mode == GREY else mode[:-1] + OTHER[mode[-1]])
