"""Whole pictures and batches: size, tiles, masks, colour kept, transparency.

The straight way of a picture: `Picture` → tensor → canvas (smaller if the brush is larger) → `model.apply` (in tiles
if it is large) → enlarged → calm → keep colour → `Picture`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .brush import canvas_size, resized
from .errors import PictureError
from .images import Picture, fit_short_side, to_pil, to_tensor
from .style import Style
from .tiling import TILE, WHOLE_PIXELS, count_tiles, out_of_memory, paint_tiles, small_copy, smaller_tile
from .tnet import MIN_SIDE
from .variation import calmed, check_calm

if TYPE_CHECKING:
    from .model import ZMNet

# ITU-R BT.601: luma, and what is left of blue and red.
_TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def stylize_tensor(
    model: ZMNet,
    contents: Tensor,
    style: Style,
    strength: float = 1.0,
    keep_colour: bool = False,
    tile: int | None = None,
    step: Callable[[], None] = lambda: None,
    mask: Tensor | None = None,
    calm: float = 0.0,
    brush: float = 1.0,
) -> Tensor:
    """Stylise [B, 3, H, W] of any size.

    Where memory runs out, the picture is tried again in tiles, then in smaller tiles.

    Args:
        model, contents, style, strength: as in `ZMNet.apply`.
        keep_colour: take brightness from the stylised picture and colour from the photograph.
        tile: side of the tiles, a multiple of 4. None: in one piece up to 2048 × 2048 pixels, else
            tiles of 1024. 0: always in one piece.
        step: called after every tile (once if there are none). What it raises ends the work.
        mask: [B or 1, 1, h, w] in 0..1, resized: mask · stylised + (1 − mask) · photograph.
        calm: 0..1, how much of the grain is taken out where the photograph is flat.
        brush: 1..4, how many times as large as learned the strokes are: the picture is painted at 1 / brush of its
            size and enlarged.

    Raises:
        ValueError: calm or brush are off their scales.
        torch.cuda.OutOfMemoryError: memory does not even suffice for small tiles (also on a CPU).
    """
    check_calm(calm)  # before minutes go by
    size = contents.shape[-2:]
    canvas = resized(contents, canvas_size(*size, brush))
    stylised = _within_memory(model, canvas, style, strength, tile, step)
    if canvas is not contents:
        stylised = resized(stylised, size).clamp(0, 1)
    stylised = calmed(contents, stylised, calm)
    if keep_colour:
        stylised = with_colours_of(contents.to(stylised.device), stylised)
    return stylised if mask is None else within_mask(contents, stylised, mask)


def _within_memory(
    model: ZMNet, contents: Tensor, style: Style, strength: float, tile: int | None, step: Callable[[], None]
) -> Tensor:
    """`model.apply` in tiles that memory suffices for."""
    height, width = contents.shape[-2:]
    if tile is None:
        tile = automatic_tile(height, width)
    while True:
        try:
            return _in_tiles(model, contents, style, strength, tile, step)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            problem = str(error)  # not the error itself: its traceback holds on to the memory
        failed, tile = tile or max(height, width), smaller_tile(height, width, tile)
        if tile is None:
            raise torch.cuda.OutOfMemoryError(
                f"memory ran out on a picture of {width} × {height} px, even in tiles "
                f"of {failed} px. Close what else uses the memory, or scale the picture down. ({problem})"
            )


def automatic_tile(height: int, width: int) -> int:
    """The side of the tiles for a picture of this size; 0: in one piece."""
    return TILE if height * width > WHOLE_PIXELS else 0


def count_steps(height: int, width: int, tile: int | None = None) -> int:
    """How often `stylize_tensor` calls `step` for canvases of this size (while memory suffices)."""
    tile = automatic_tile(height, width) if tile is None else tile
    return count_tiles(height, width, tile) if tile else 1


def _in_tiles(
    model: ZMNet, contents: Tensor, style: Style, strength: float, tile: int, step: Callable[[], None]
) -> Tensor:
    if tile == 0 or count_tiles(*contents.shape[-2:], tile) == 1:
        stylised = model.apply(contents, style, strength)
        step()
        return stylised
    small = small_copy(contents)
    style = model.style_for(small, style, strength)
    statistics = model.measure(small, style)
    return paint_tiles(lambda part: model.apply(part, style, statistics=statistics), contents, tile, step)


def stylize_each(
    model: ZMNet,
    contents: Tensor,
    style: Style,
    masks: Tensor | None = None,
    **options: object,
) -> Tensor:
    """Stylise a batch picture after picture, so that memory does not grow with the batch.

    Args:
        contents: [B, 3, H, W]. One picture with several styles gives a picture a style.
        style: one for all, or one a picture.
        masks: [B or 1, 1, h, w].
        options: of `stylize_tensor`.

    Returns:
        [B, 3, H, W] on the contents' device.
    """
    count = max(len(contents), len(style))
    for what, number in (
        ("pictures", len(contents)),
        ("styles", len(style)),
        ("masks", 1 if masks is None else len(masks)),
    ):
        if number not in (1, count):
            raise ValueError(f"{number} {what} where there are {count}: give one, or {count}.")
    result = contents.new_empty((count, *contents.shape[1:]))
    for index in range(count):
        result[index] = stylize_tensor(
            model,
            contents[index % len(contents)][None],
            style[index % len(style)],
            mask=None if masks is None else masks[index % len(masks)][None],
            **options,
        )[0]
    return result


def shares_of(count: int, smooth: bool = True, there_and_back: bool = False) -> list[float]:
    """How much of the second style there is in each of `count` frames, 0..1.

    Args:
        smooth: start and end slowly (a cosine); else the same change from frame to frame.
        there_and_back: come back to the first style for an endless loop; the last frame is one step before the first.
    """
    shares = [index / max(1, count - (not there_and_back)) for index in range(count)]
    if there_and_back:
        shares = [1 - abs(1 - 2 * share) for share in shares]
    return [(1 - math.cos(math.pi * share)) / 2 for share in shares] if smooth else shares


def animate(
    model: ZMNet,
    contents: Tensor,
    start: Style,
    end: Style,
    shares: Sequence[float],
    strength: float = 1.0,
    **options: object,
) -> Tensor:
    """Frames on the way from one style to another; nothing is encoded but the photograph, once.

    Args:
        contents: [1, 3, H, W], or one picture a frame.
        start, end: the styles of the first and of the last frame.
        shares: how much of `end` there is in each frame, 0..1.
        strength, options: of `stylize_tensor`.

    Raises:
        ValueError: shares that are not finite, or another number of pictures than frames.

    Returns:
        [frames, 3, H, W] on the contents' device.
    """
    if len(contents) not in (1, len(shares)):
        raise ValueError(f"{len(contents)} pictures for {len(shares)} frames: give one, or one a frame.")
    result = contents.new_empty((len(shares), *contents.shape[1:]))
    for index, frame in enumerate(frames(model, contents, start, end, shares, strength, **options)):
        result[index] = frame
    return result


def frames(
    model: ZMNet,
    contents: Tensor,
    start: Style,
    end: Style,
    shares: Sequence[float],
    strength: float = 1.0,
    **options: object,
) -> Iterator[Tensor]:
    """The frames of `animate` one by one, [3, H, W] each, so that memory does not grow with their number."""
    if not all(math.isfinite(share) for share in shares):
        raise ValueError(f"the shares of the second style are numbers such as 0.5, not {list(shares)}.")
    if strength != 1.0 and len(contents) == 1:  # the walk is linear: walk the two ends instead of every frame
        start, end = (model.style_for(small_copy(contents), style, strength) for style in (start, end))
        strength = 1.0
    start.require(end.fingerprint, "there is no way between the two styles")
    for index, share in enumerate(shares):
        style = replace(start, values=torch.lerp(start.values, end.values.to(start.values), share))
        yield stylize_tensor(model, contents[index % len(contents)][None], style, strength, **options)[0]


def within_mask(photograph: Tensor, stylised: Tensor, mask: Tensor) -> Tensor:
    """mask · stylised + (1 − mask) · photograph; the mask [B or 1, 1, h, w] is resized to fit."""
    mask = mask.to(stylised)
    if mask.shape[-2:] != stylised.shape[-2:]:
        mask = F.interpolate(mask, stylised.shape[-2:], mode="bilinear", antialias=True, align_corners=False)
    return torch.lerp(photograph.to(stylised), stylised, mask.clamp(0, 1))


def with_colours_of(photograph: Tensor, stylised: Tensor) -> Tensor:
    """The stylised picture's luma with the photograph's chroma (YCbCr); [B, 3, H, W] in 0..1."""
    matrix = _TO_YCC.to(stylised)
    luma = torch.einsum("c,bchw->bhw", matrix[0], stylised)[:, None]
    chroma = torch.einsum("kc,bchw->bkhw", matrix[1:], photograph.to(stylised))
    return torch.einsum("ck,bkhw->bchw", matrix.inverse(), torch.cat((luma, chroma), 1)).clamp_(0, 1)


def stylize_picture(
    model: ZMNet,
    photograph: Picture,
    style: Style,
    strength: float = 1.0,
    size: int | None = None,
    keep_colour: bool = False,
    tile: int | None = None,
    step: Callable[[], None] = lambda: None,
    calm: float = 0.0,
    brush: float = 1.0,
) -> Picture:
    """Stylise a picture, keeping its transparency and colour profile.

    Args:
        size: short side of the result; None keeps the photograph's size. Sides under 16 px are
            enlarged for the network and brought back.
        others: as in `stylize_tensor`.

    Raises:
        ValueError: a size below 1 px.
        PictureError: a photograph without pixels.
    """
    if size is not None and size < 1:
        raise ValueError(f"a picture cannot have a short side of {size} px: 1 or more.")
    if min(photograph.rgb.size) < 1:
        width, height = photograph.rgb.size
        raise PictureError(f"the picture has no pixels: it is {width}×{height}.")
    content = fit_short_side(photograph.rgb, size)
    wanted = content.size
    if min(wanted) < MIN_SIDE:  # the TNet's smallest picture; aspect does not matter at one pixel
        content = content.resize([max(MIN_SIDE, side) for side in wanted], Image.Resampling.NEAREST)
    contents = to_tensor(content)[None]
    painted = stylize_tensor(model, contents, style, strength, keep_colour, tile, step, calm=calm, brush=brush)
    stylised = to_pil(painted[0])
    if stylised.size != wanted:
        stylised = stylised.resize(wanted, Image.Resampling.BOX)
    alpha = photograph.alpha
    if alpha is not None and alpha.size != wanted:
        alpha = alpha.resize(wanted, Image.Resampling.LANCZOS)
    return Picture(stylised, alpha, photograph.icc_profile)


def encode_painting(model: ZMNet, painting: Image.Image, size: int = 256, name: str = "") -> Style:
    """A painting's style; the painting is looked at with a short side of `size` pixels.

    A painting longer than 4 : 1 is looked at in its middle.

    Raises:
        ValueError: a size below 16 px.
    """
    if size < MIN_SIDE:
        raise ValueError(f"a painting cannot be looked at with a short side of {size} px: {MIN_SIDE} or more.")
    longest = 4 * min(painting.size)
    left, top = (max(0, side - longest) // 2 for side in painting.size)
    box = (left, top, left + min(painting.width, longest), top + min(painting.height, longest))
    image = fit_short_side(painting.crop(box), size, least=MIN_SIDE)
    return model.encode_style(to_tensor(image)[None], size=None, name=name)
