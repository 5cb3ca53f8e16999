"""Another picture whose colours are taken in place of the painting's: the knob `palette_of`."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ..errors import WrongModelError
from ..images.picture import fit_short_side, read_picture, to_picture, to_tensor
from ..images.transport import colour_quantiles
from ..networks.constants import STYLE_SIZE
from ..networks.tnet import MIN_SIDE
from .look import Look
from .network import as_painting
from .style import Style

LONGEST = 4  # : 1; of a longer painting the middle is looked at


@dataclass(frozen=True, eq=False)
class Palette:
    """A picture's colours, [1, PASSES, 3, KNOTS] of `images.transport.colour_quantiles`; a `palette_of` as well."""

    colours: Tensor


def painting_tensor(painting: Image.Image, size: int) -> Tensor:
    """A painting as the networks look at it: [1, 3, h, w] with a short side of `size` px, its middle if it is longer
    than 4 : 1. What is transparent in it is left out: the colours around take its place.

    As `network.as_painting` does with tensors; so large paintings need no tensor of their size.
    """
    painting = to_picture(painting).rgb
    longest = LONGEST * min(painting.size)
    left, top = (max(0, side - longest) // 2 for side in painting.size)
    box = (left, top, left + min(painting.width, longest), top + min(painting.height, longest))
    image = fit_short_side(painting.crop(box), size, MIN_SIDE, Image.Resampling.BILINEAR)
    return to_tensor(image)[None]


def palette_of(source: object) -> Tensor:
    """The colours of a picture or a style, [1, PASSES, 3, KNOTS]: those that `encode_style` finds in the like painting.

    Args:
        source: a `Style` of one painting, a `Palette`, a picture of PIL's or [1, 3, H, W] in 0..1, or a file of either.

    Raises:
        WrongModelError: a style has no colours, or is no style.
        ValueError: it is none of these, or several.
        PictureError, FileNotFoundError: the file cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        source = Style.load(path) if path.suffix == ".safetensors" else read_picture(path, size=STYLE_SIZE).rgb
    if isinstance(source, Style) and source.colours is None:
        raise WrongModelError(
            f"palette_of is {source.colourless or source.label}, which has no colours: a style of words never has, nor "
            "one that an older version encoded. Give the picture itself."
        )
    if isinstance(source, (Style, Palette)) and source.colours is not None:
        colours = source.colours
    elif isinstance(source, Image.Image):
        colours = colour_quantiles(painting_tensor(source, STYLE_SIZE))
    elif isinstance(source, Tensor) and source.dim() == 4 and source.shape[1] == 3 and source.is_floating_point():
        colours = colour_quantiles(as_painting(source, STYLE_SIZE))
    else:
        raise ValueError(
            f"palette_of is a {type(source).__name__}: a picture, a style, or a file of either is expected."
        )
    if len(colours) != 1 or not torch.isfinite(colours).all():
        raise ValueError(f"palette_of is one picture without NaN, or the style of one; these are {len(colours)}.")
    return colours


def with_palette_read(look: Look) -> Look:
    """The look with the colours of its `palette_of` in place of a picture or a file, which is then read only once."""
    if look.palette_of is None or isinstance(look.palette_of, Palette):
        return look
    return replace(look, palette_of=Palette(palette_of(look.palette_of)))
