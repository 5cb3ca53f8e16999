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
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # what ICC calls the numbers that Pillow calls by the mode
SAME = 2  # levels: profiles that differ from sRGB by no more are sRGB, rounded otherwise


@lru_cache(maxsize=1)
def srgb() -> bytes:
    """The sRGB profile that results are tagged with. It has a fixed date: equal pictures are equal files."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + bytes((7, 208, 0, 1, 0, 1)) + bytes(6) + made[36:]


def to_srgb(image: Image.Image, profile: bytes | None, warn: Warn) -> tuple[Image.Image, bool]:
    """A picture in sRGB, and whether its profile was obeyed.

    Args:
        image: mode L, I;16 (0..65535), RGB, CMYK or LAB.
        profile: of grey, RGB or CMYK numbers; one that is broken, or belongs to numbers of another kind, is ignored.
        warn: told of a profile that is ignored.

    Returns:
        Mode L or RGB; I;16 stays as it is where there is no profile for it.
    """
    if image.mode == "LAB":
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB"), False
    if profile:
        try:
            return _by_profile(image, profile), True
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            warn(f"its colour profile is not used: {str(error) or 'it is broken'}")
    return image.convert("RGB") if image.mode == "CMYK" else image, False


def _by_profile(image: Image.Image, data: bytes) -> Image.Image:
    """
    Raises:
        ValueError, ImageCms.PyCMSError, OSError: the profile is broken, or does not belong to such a picture.
    """
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    space = profile.profile.xcolor_space
    mode = SPACES.get(space)
    if mode == "L" and image.mode in ("L", "I;16"):
        return _by_curve(image, profile)
    if mode == "RGB" and image.mode in ("L", "I;16"):  # grey, written as R = G = B
        return _by_curve(image, profile)
    if mode != image.mode:
        raise ValueError(f"it is one for {space.strip()}, and the picture is {image.mode}")
    if mode == "RGB" and _is_srgb(data):
        return image
    return _converted(image, profile, mode)


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile, mode: str, flags: int = FLAGS) -> Image.Image:
    target = ImageCms.ImageCmsProfile(io.BytesIO(srgb()))
    transform = ImageCms.buildTransform(profile, target, mode, "RGB", INTENT, flags)
    return ImageCms.applyTransform(image, transform)


def _by_curve(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Grey through the profile's curve. (Little CMS bends a grey curve in the darks unless told not to optimise.)"""
    rgb = profile.profile.xcolor_space == "RGB "
    levels = np.arange(256, dtype=np.uint8)[None]
    ramp = Image.fromarray(levels)
    flags = FLAGS | ImageCms.Flags.NOOPTIMIZE
    if image.mode == "L":
        curve = np.asarray(_converted(ramp.convert("RGB") if rgb else ramp, profile, "RGB" if rgb else "L", flags))[0]
        return Image.fromarray(curve[np.asarray(image)])
    raise NotImplementedError
