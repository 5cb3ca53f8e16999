"""Colour profiles: every picture is brought to sRGB on the way in, since that is what the networks have learned from.

Relative colorimetric with black point compensation, as browsers and photo editors show pictures.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from .metadata import Warn

INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
USUAL = ImageCms.Flags.BLACKPOINTCOMPENSATION
EXACT = USUAL | ImageCms.Flags.NOOPTIMIZE
SPACES = {"RGB ": "RGB", "GRAY": "grey", "CMYK": "CMYK"}  # by the name that they have in a profile
KINDS = {"RGB": "RGB", "L": "grey", "I;16": "grey", "CMYK": "CMYK"}  # by Pillow's mode
SAME = 2  # levels: profiles that differ from sRGB by no more are sRGB, rounded otherwise


@lru_cache(maxsize=1)
def srgb() -> bytes:
    """The sRGB profile that results are tagged with. It has a fixed date: equal pictures are equal files."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + bytes((7, 208, 0, 1, 0, 1)) + bytes(6) + made[36:]


def to_srgb(image: Image.Image, profile: bytes | None, warn: Warn) -> tuple[Image.Image, bool]:
    """A picture in sRGB, mode L or RGB, and whether its profile was obeyed.

    Args:
        image: mode L, I;16 (0..65535), RGB, CMYK or LAB.
        profile: of grey, RGB or CMYK numbers; one that is broken, or belongs to numbers of another kind, is ignored.
        warn: told of a profile that is ignored.
    """
    if image.mode == "LAB":
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB"), False
    if profile:
        try:
            return _obeyed(image, profile), True
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            why = str(error) if isinstance(error, ValueError) else "it is broken"
            warn(f"its colour profile is left out: {why}")
    return _eight_bits(image) if image.mode != "CMYK" else image.convert("RGB"), False


def from_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """An sRGB picture, mode RGB, in the numbers of another profile; None if that is no profile of RGB numbers to write.

    What sRGB shows lies within the wide spaces (Display P3, Adobe RGB, ProPhoto), so nothing is lost but rounding.
    """
    try:
        target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if target.profile.xcolor_space != "RGB ":
            return None
        if _is_srgb(profile):
            return image
        return _converted(image, ImageCms.ImageCmsProfile(io.BytesIO(srgb())), "RGB", target=target)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):  # one for reading only, or it is broken
        return None


def _obeyed(image: Image.Image, data: bytes) -> Image.Image:
    """
    Raises:
        ValueError: the profile belongs to numbers of another kind.
        ImageCms.PyCMSError, OSError, TypeError: it is broken.
    """
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    space = profile.profile.xcolor_space
    if space == "GRAY" and image.mode in ("L", "I;16"):
        # Through a table, since Little CMS bends a grey curve in the darks unless it is told not to optimise.
        levels = np.arange(256, dtype=np.uint8) if image.mode == "L" else np.arange(65_536, dtype=np.uint16)
        table = _converted(Image.fromarray(levels[None]), profile, image.mode, EXACT)
        return Image.fromarray(np.asarray(table)[0][np.asarray(image)])
    if space == "RGB " and image.mode in ("L", "I;16", "RGB"):
        image = _eight_bits(image)
        return image if _is_srgb(data) else _converted(image.convert("RGB"), profile, "RGB")
    if space == "CMYK" and image.mode == "CMYK":
        return _converted(image, profile, "CMYK")
    raise ValueError(f"it is one for {SPACES.get(space, space.strip())}, and the picture is {KINDS[image.mode]}")


def _converted(
    image: Image.Image,
    profile: ImageCms.ImageCmsProfile,
    mode: str,
    flags: ImageCms.Flags = USUAL,
    target: ImageCms.ImageCmsProfile | None = None,
) -> Image.Image:
    """From a profile's numbers to RGB in the target, which is sRGB if left out."""
    target = target or ImageCms.ImageCmsProfile(io.BytesIO(srgb()))
    transform = ImageCms.buildTransform(profile, target, mode, "RGB", INTENT, flags)
    return transform.apply(image)


@lru_cache(maxsize=16)
def _is_srgb(data: bytes) -> bool:
    """Does a profile for RGB mean nothing but sRGB? Then the numbers stay to the bit."""
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    found = np.asarray(_converted(Image.fromarray(grid), ImageCms.ImageCmsProfile(io.BytesIO(data)), "RGB"))
    return bool(np.abs(found.astype(int) - grid).max() <= SAME)


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode != "I;16":
        return image
    return Image.fromarray((np.asarray(image).astype(np.float32) / 257 + 0.5).astype(np.uint8))
