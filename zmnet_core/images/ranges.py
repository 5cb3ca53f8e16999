"""What counts as white in pictures of more than 8 bits: integers of 16 bits (grey and colour) or 32, and floats.

Integers: white is the most that the file's bits can hold. If a TIFF file states MaxSampleValue, it is what the bits can
hold that this value needs, an even number of them: 4000 means 12 bits, so white is 4095. A picture in memory whose
integers have 32 bits (Pillow's mode I) states nothing: white is 255 if nothing is larger, else 65535 if nothing is
larger than that, else what an even number of bits can hold.

Floats: white is 1 if half of the values above 0, or more, are at most 1. What is brighter, as in HDR pictures, is cut
off. Otherwise white is 255 if 99 of 100 values are at most that, or 65535, or else the brightest value. Whoever reads
is told of that one, and of one that no value comes near. (If a few are very bright, it is 16 times what 99 of 100 do
not exceed.) SMaxSampleValue of a TIFF file comes before all this. Values that are NaN or infinite are black, and
counted.

A picture in which nothing is brighter than 1/4 of white would look dark; 14 bits in 16 are such a case. Its white is
lowered to an even number of bits that hold all its values (with sBIT of a PNG file, to that many), or, with floats, to
the brightest of them, and whoever reads is told. Where the file states MaxSampleValue or SMaxSampleValue, and where
white is 1 with floats, that is believed, unless nothing is brighter than 1/16 of it. They are also told if more than
1 % of the values are cut off. So no picture becomes black or white in silence.

In TIFF files in which white is 0 (WhiteIsZero), all this holds for the numbers as they are stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from ..errors import PictureError
from .metadata import Warn

BITS, SAMPLE_FORMAT, MAX_SAMPLE, S_MAX_SAMPLE = 258, 339, 281, 341  # tags of TIFF
COLOURS, WHITE_IS_ZERO = 262, 0  # PhotometricInterpretation
SIGNED = 2
DARK = 4  # a picture whose brightest value times this is below white looks dark
BLACK = 16  # and one with this, black: that is so even where the file states its white
CUT = 0.01  # of the values; more are not cut off in silence


def sixteen_bits(image: Image.Image, source: Image.Image, warn: Warn, bits: int | None = None) -> Image.Image:
    """Mode I;16, 0..65535, of a picture of mode I, I;16 or F.

    Args:
        source: the image as it was opened, which knows the file's tags.
        warn: told if the range is not the one that the file says, if many values are cut off, or some are no numbers.
        bits: how many a PNG file says it had at first (sBIT).

    Raises:
        PictureError: the picture holds NaN or infinite values only.
    """
    values = np.asarray(image).astype(np.float64)
    finite = np.isfinite(values)
    if odd := int(values.size - finite.sum()):
        if odd == values.size:
            raise PictureError("the picture holds nothing but NaN or infinite values.")
        warn(f"{odd} of its {values.size} values are NaN or infinite, and black")
    tags = getattr(source, "tag_v2", {})
    if image.mode == "I" and _first(tags, SAMPLE_FORMAT) != SIGNED and _first(tags, BITS) == 32:
        values[values < 0] += 2.0**32  # Pillow's integers are signed
    known = values[finite]
    if image.mode == "F":
        white, stated = _white_of_floats(known, tags, warn)
    else:
        white, stated = _white_of_integers(known, image.mode, source.format, tags)
    white = _lowered(known, white, stated, warn, bits, whole=image.mode != "F")
    if _first(tags, COLOURS) == WHITE_IS_ZERO:
        values = white - values
    values[~finite] = 0
    values /= white
    _tell_of_cut((values < -1 / 255) | (values > 1 + 1 / 255), white, warn)
    return Image.fromarray((values.clip(0, 1) * 65_535 + 0.5).astype(np.uint16))


def eight_bits(samples: np.ndarray, source: Image.Image, warn: Warn, bits: int | None = None) -> np.ndarray:
    """Levels 0..255 of colours with 16 bits, [H, W, 3] or, with alpha, [H, W, 4], by the same rule as grey.

    Args:
        samples: integers 0..65535.
        source, warn, bits: as of `sixteen_bits`.
    """
    colours = samples[..., :3]
    white, stated = _white_of_integers(colours, "RGB", source.format, getattr(source, "tag_v2", {}))
    white = _lowered(colours, white, stated, warn, bits)
    every = np.arange(65_536)
    _tell_of_cut(colours > white * (1 + 1 / 255), white, warn)
    levels = np.empty(samples.shape, np.uint8)
    for channel in range(samples.shape[2]):
        values = samples[..., channel]
        of = white if channel < 3 or values.max(initial=0) <= white else 65_535.0  # alpha may have all its bits
        levels[..., channel] = ((every / of).clip(0, 1) * 255 + 0.5).astype(np.uint8)[values]
    return levels


def is_dark(samples: np.ndarray, tags: Any) -> bool:
    """Would colours with 16 bits be read otherwise than by their upper 8?

    Args:
        samples: the upper 8, [H, W, C]; the fourth channel is alpha.
        tags: those of a TIFF file.
    """
    stated = _first(tags, MAX_SAMPLE)
    return int(samples[..., :3].max(initial=0)) < 256 // DARK or (stated is not None and 1 <= stated <= 16_383)


def _lowered(
    values: np.ndarray, white: float, stated: bool, warn: Warn, bits: int | None = None, whole: bool = True
) -> float:
    """White, lowered if the picture would look dark."""
    brightest = float(values.max(initial=0))
    if not 0 < brightest * (BLACK if stated else DARK) < white:
        return white
    lowered = brightest
    if whole:
        # By its own rules a PNG file has its values spread over 16 bits, whatever sBIT says: this one has not.
        lowered = 2.0**bits - 1 if bits and brightest < 2**bits else _holding(brightest)
    if lowered >= white:
        return white
    warn(f"its brightest value is {brightest:g} where white is {white:g}; it is read with {lowered:g} as white")
    return lowered


def _tell_of_cut(outside: np.ndarray, white: float, warn: Warn) -> None:
    """Tell if more than a little is not within 0 to white."""
    share = float(outside.mean()) if outside.size else 0.0
    if share > CUT:
        warn(f"{share:.0%} of its values are not within 0 to {white:g} and are cut off")


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


def _white_of_integers(values: np.ndarray, mode: str, format: str | None, tags: Any) -> tuple[float, bool]:
    """White, and whether the file states it."""
    stated = _first(tags, MAX_SAMPLE)
    if stated is not None and stated >= 1:
        return _holding(stated), True
    bits = _first(tags, BITS)
    if bits is not None and 1 <= bits <= 32:
        return 2.0 ** (bits - (_first(tags, SAMPLE_FORMAT) == SIGNED)) - 1, False
    if mode != "I" or format is not None:  # Pillow scales what PNG, PGM and JPEG 2000 hold to 16 bits
        return 65_535.0, False
    brightest = values.max(initial=0)
    return 255.0 if brightest <= 255 else 65_535.0 if brightest <= 65_535 else _holding(brightest), False


def _white_of_floats(values: np.ndarray, tags: Any, warn: Warn) -> tuple[float, bool]:
    """White, and whether that is sure: the file states it, or it is 1."""
    stated = _first(tags, S_MAX_SAMPLE)
    if stated is not None and 0 < stated < float("inf"):
        return stated, True
    above = values[values > 0]
    if not above.size or np.median(above) <= 1:
        return 1.0, True  # nearly all programs mean this
    most, brightest = float(np.quantile(above, 0.99)), float(above.max())
    if most <= 65_535:
        white = 255.0 if most <= 255 else 65_535.0
        if brightest * 2 < white <= brightest * DARK:
            warn(f"its values go up to {brightest:g}, and it is read with {white:g} as white")
        return white, False
    white = min(brightest, BLACK * most)
    warn(f"its values go up to {brightest:g}, and it is read with {white:g} as white")
    return white, False
