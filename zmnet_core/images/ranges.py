"""What counts as white in pictures of more than 8 bits: grey with integers of 16 or 32 bits, and with floats.

Integers: white is the most that the file's bits can hold. If a TIFF file states MaxSampleValue, it is what the bits can
hold that this value needs, an even number of them: 4000 means 12 bits, so white is 4095. A picture in memory whose
integers have 32 bits (Pillow's mode I) states nothing: white is 255 if nothing is larger, else 65535 if nothing is
larger than that, else what an even number of bits can hold.

Floats: white is 1 if half of the values above 0, or more, are at most 1. What is brighter, as in HDR pictures, is cut
off. Otherwise white is 255 if 99 of 100 values are at most that, else 65535. SMaxSampleValue of a TIFF file comes
before all this.

A picture in which nothing is brighter than 1/16 of white would look black. Its white is lowered to an even number of
bits that hold all its values, or, with floats, to the brightest of them, and whoever reads is told. They are also told
if more than 1 % of the values are cut off. So no picture becomes black or white in silence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from ..errors import PictureError
from .metadata import Warn

BITS, SAMPLE_FORMAT, MAX_SAMPLE, S_MAX_SAMPLE = 258, 339, 281, 341  # tags of TIFF
SIGNED = 2
DARK = 16  # a picture whose brightest value times this is below white looks black
CUT = 0.01  # of the values; more are not cut off in silence


def sixteen_bits(image: Image.Image, source: Image.Image, warn: Warn) -> Image.Image:
    """Mode I;16, 0..65535, of a picture of mode I, I;16 or F.

    Args:
        source: the image as it was opened, which knows the file's tags.
        warn: told if the range is not the one that the file says, or if many values are cut off.

    Raises:
        PictureError: the picture holds NaN or infinite values.
    """
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise PictureError("the picture holds NaN or infinite values.")
    tags = getattr(source, "tag_v2", {})
    if image.mode == "I" and _first(tags, SAMPLE_FORMAT) != SIGNED and _first(tags, BITS) == 32:
        values[values < 0] += 2.0**32  # Pillow's integers are signed
    white = (_white_of_floats if image.mode == "F" else _white_of_integers)(values, image.mode, source.format, tags)
    brightest = float(values.max(initial=0))
    if 0 < brightest * DARK < white:
        lowered = brightest if image.mode == "F" else _holding(brightest)
        if lowered < white:
            warn(f"its brightest value is {brightest:g} where white is {white:g}; it is read with {lowered:g} as white")
            white = lowered
    scaled = values / white
    outside = float(((scaled < -1 / 255) | (scaled > 1 + 1 / 255)).mean()) if scaled.size else 0.0
    if outside > CUT:
        warn(f"{outside:.0%} of its values are not within 0 to {white:g} and are cut off")
    return Image.fromarray((scaled.clip(0, 1) * 65_535 + 0.5).astype(np.uint16))


def _first(tags: Any, tag: int) -> float | None:
    """A tag's first number; None if it is not there, or odd."""
    try:
        value = tags.get(tag)
        return float(value[0] if isinstance(value, tuple) else value)
    except (AttributeError, TypeError, ValueError, IndexError, ArithmeticError):
        return None


def _holding(value: float) -> float:
    """The largest integer of the least even number of bits, 8 or more, that hold this one."""
    bits = max(8, int(value).bit_length())
    return float(2 ** (bits + bits % 2) - 1)


def _white_of_integers(values: np.ndarray, mode: str, format: str | None, tags: Any) -> float:
    stated = _first(tags, MAX_SAMPLE)
    if stated is not None and stated >= 1:
        return _holding(stated)
    bits = _first(tags, BITS)
    if bits is not None and 1 <= bits <= 32:
        return 2.0 ** (bits - (_first(tags, SAMPLE_FORMAT) == SIGNED)) - 1
    if mode != "I" or format is not None:  # Pillow scales what PNG, PGM and JPEG 2000 hold to 16 bits
        return 65_535.0
    brightest = values.max(initial=0)
    return 255.0 if brightest <= 255 else 65_535.0 if brightest <= 65_535 else _holding(brightest)


def _white_of_floats(values: np.ndarray, mode: str, format: str | None, tags: Any) -> float:
    stated = _first(tags, S_MAX_SAMPLE)
    if stated is not None and 0 < stated < float("inf"):
        return stated
    above = values[values > 0]
    if not above.size or np.median(above) <= 1:
        return 1.0
    return 255.0 if np.quantile(above, 0.99) <= 255 else 65_535.0
