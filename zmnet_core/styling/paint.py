"""Whole pictures and batches: size, tiles, masks, colour kept, transparency.

The way of a picture: `Picture` → tensor → plan (plan.py) → match → canvas (smaller if the brush is larger, or for a
draft) → `model.apply` (in tiles if it is large) → enlarged, and revised if the model can → palette → calm → keep
colour → `Picture`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..errors import PictureError
from ..images.colour import recoloured
from ..images.masks import within_mask
from ..images.picture import Picture, fit_short_side, fitted_size, to_pil, to_tensor
from ..images.resize import resized
from ..networks.tnet import MIN_SIDE
from .calm import calmed
from .held import Held, painted_alone
from .look import Look
from .network import StyleTransfer
from .palette_of import painting_tensor, with_palette_read
from .plan import Plan, plan
from .reach import reached, walks, without_walk
from .recolouring import in_palette, with_palette_tables
from .regions import AnyStyle, Regions, apart, beside_tiles, between, cut
from .style import Style
from .tiling import TILE, automatic_tile, count_tiles, out_of_memory, paint_tiles, small_copy, watched

PLAIN = Look()


def stylize_tensor(
    model: StyleTransfer,
    contents: Tensor,
    style: AnyStyle,
    look: Look = PLAIN,
    *,
    mask: Tensor | None = None,
    held: Held | None = None,
    step: Callable[[], None] = lambda: None,
) -> Tensor:
    """Stylise [B, 3, H, W] of any size.

    Sides under 16 px are enlarged for the network and brought back. Where memory runs out, the picture is tried again
    in tiles, then in smaller tiles.

    Args:
        model, contents, style: as in `ZMNet.apply`; the style may be `Regions` of several.
        look: the knobs. `size` and `style_size` do nothing here: `stylize_picture` obeys the one, `encode_painting` the
            other.
        mask: [B or 1, 1, h, w] in 0..1, resized to the picture: mask · stylised + (1 − mask) · photograph.
        held: what `held.hold` found in another picture of this size, to be used in place of these pictures' own.
        step: called after every tile, or once if there are no tiles. If it raises an error, the work ends there.

    Raises:
        PictureError: the draft does not suit the picture.
        WrongModelError: a draft is wanted, and the model has no reviser; or `palette` or `match` is above 0, and the
            style has no colours.
        torch.cuda.OutOfMemoryError: memory does not suffice even for small tiles (on a CPU, too).
    """
    height, width = contents.shape[-2:]
    if min(height, width) < MIN_SIDE:  # the TNet's smallest picture; aspect does not matter at one pixel
        larger = F.interpolate(contents, (max(MIN_SIDE, height), max(MIN_SIDE, width)), mode="nearest")
        stylised = stylize_tensor(model, larger, style, look, mask=mask, held=held, step=step)
        return F.adaptive_avg_pool2d(stylised, (height, width))
    way = plan(model.reviser, height, width, look.brush, look.tile, look.draft)
    style, shown = apart(reached(model, contents, style, look) if held is None else held.style)
    seen = contents
    if held is not None and held.matched is not None:
        seen = with_palette_tables(contents, style, held.matched, look.match)
    elif look.match:
        seen = in_palette(contents, style, look.match)
    relative = way.revised and model.require_reviser().relative
    stylised = _within_memory(model, seen, style, way, step, held.statistics if held and not relative else None)
    if held is not None and held.shifts is not None:
        stylised = with_palette_tables(stylised, style, held.shifts, look.palette)
    elif look.palette:
        stylised = in_palette(stylised, style, look.palette, painted_alone(model, seen, style))
    stylised = calmed(contents, stylised, look.calm)
    if look.keep_colour:
        stylised = paint_tiles(recoloured, stylised, TILE, beside=[contents.to(stylised.device)], overlap=0)
    for each in (shown, mask):
        stylised = stylised if each is None else within_mask(contents, stylised, each)
    return stylised


def _within_memory(
    model: StyleTransfer,
    contents: Tensor,
    style: AnyStyle,
    way: Plan,
    step: Callable[[], None],
    statistics: Tensor | None = None,
) -> Tensor:
    """Painted, and brought to the picture's size, in tiles that memory suffices for."""
    while True:
        try:
            return _paint(model, contents, style, way, step, statistics)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            problem = str(error)  # not the error itself: its traceback holds on to the memory
        failed, smaller = way.tile or max(way.tiled), way.smaller
        if smaller is None:
            height, width = way.tiled
            raise torch.cuda.OutOfMemoryError(
                f"memory ran out on a picture of {width} × {height} px, even in tiles "
                f"of {failed} px. Close what else uses the memory, or scale the picture down. ({problem})"
            )
        way = smaller


def _paint(
    model: StyleTransfer,
    contents: Tensor,
    style: AnyStyle,
    way: Plan,
    step: Callable[[], None],
    statistics: Tensor | None,
) -> Tensor:
    canvas = resized(contents, way.canvas)
    if not way.revised:
        painted = _in_tiles(model, canvas, style, way.tile, step, statistics)
        return painted if canvas is contents else resized(painted, way.size).clamp(0, 1)
    draft = _in_tiles(model, canvas, style, automatic_tile(*way.canvas), statistics=statistics)
    watched(draft)
    if way.steps == 1:
        picture = model.revise(draft, contents, canvas, style)
        step()
        return picture
    return revise_tiles(model, draft, contents, canvas, style, way.tile, step)


def _in_tiles(
    model: StyleTransfer,
    contents: Tensor,
    style: AnyStyle,
    tile: int,
    step: Callable[[], None] = lambda: None,
    statistics: Tensor | None = None,
) -> Tensor:
    """`model.apply` without drafts."""
    height, width = contents.shape[-2:]
    if tile == 0 or count_tiles(height, width, tile) == 1:
        stylised = model.apply(contents, style, statistics=statistics, draft=0)
        step()
        return stylised
    if statistics is None:
        statistics = model.measure(small_copy(contents), style, draft=0)

    def painted(part: Tensor, *weights: Tensor) -> Tensor:
        return model.apply(part, cut(style, *weights), statistics=statistics, draft=0)

    return paint_tiles(painted, contents, tile, step, beside_tiles(style, contents))


@torch.no_grad()
def revise_tiles(
    model: StyleTransfer,
    draft: Tensor,
    contents: Tensor,
    seen: Tensor,
    style: AnyStyle,
    tile: int,
    step: Callable[[], None],
) -> Tensor:
    """`model.revise` in tiles, as if in one piece: a reviser does not depend on the rest of the picture."""
    reviser = model.require_reviser()
    first, second = model.parts(draft, contents, seen)

    def revised(*parts: Tensor) -> Tensor:
        own = cut(style, *parts[2:])
        areas = own.areas(parts[0].shape[-2:]) if isinstance(own, Regions) else None
        return reviser(*(part.to(reviser.dtype) for part in parts[:2]), style.values, areas).clamp(0, 1).to(first.dtype)

    return paint_tiles(revised, first, tile, step, [second, *beside_tiles(style, first)], reviser.radius)


def stylize_each(
    model: StyleTransfer,
    contents: Tensor,
    style: AnyStyle,
    look: Look = PLAIN,
    *,
    masks: Tensor | None = None,
    step: Callable[[], None] = lambda: None,
) -> Tensor:
    """Stylise a batch one picture at a time, so that memory does not grow with the batch.

    Args:
        contents: [B, 3, H, W]. One picture with several styles gives one result for each style.
        style: one for all pictures, or one for each.
        masks: [B or 1, 1, h, w].
        look, step: as in `stylize_tensor`.

    Returns:
        [B, 3, H, W] on the contents' device.
    """
    look, count = with_palette_read(look), max(len(contents), len(style))
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
            look,
            mask=None if masks is None else masks[index % len(masks)][None],
            step=step,
        )[0]
    return result


def shares_of(count: int, smooth: bool = True, there_and_back: bool = False) -> list[float]:
    """How much of the second style there is in each of `count` frames, 0..1.

    Args:
        smooth: start and end slowly (a cosine); otherwise every frame changes by the same amount.
        there_and_back: come back to the first style for an endless loop; the last frame is one step before the first.
    """
    shares = [index / max(1, count - (not there_and_back)) for index in range(count)]
    if there_and_back:
        shares = [1 - abs(1 - 2 * share) for share in shares]
    return [(1 - math.cos(math.pi * share)) / 2 for share in shares] if smooth else shares


def animate(
    model: StyleTransfer,
    contents: Tensor,
    start: AnyStyle,
    end: AnyStyle,
    shares: Sequence[float],
    look: Look = PLAIN,
    *,
    step: Callable[[], None] = lambda: None,
) -> Tensor:
    """Frames on the way from one style to another; nothing is encoded but the photograph, once.

    Args:
        contents: [1, 3, H, W], or one picture for each frame.
        start, end: the styles of the first and of the last frame.
        shares: how much of `end` there is in each frame, 0..1.
        look, step: as in `stylize_tensor`.

    Raises:
        ValueError: a share is not finite, or there are not as many pictures as frames.

    Returns:
        [frames, 3, H, W] on the contents' device.
    """
    if len(contents) not in (1, len(shares)):
        raise ValueError(f"{len(contents)} pictures for {len(shares)} frames: give one, or one a frame.")
    result = contents.new_empty((len(shares), *contents.shape[1:]))
    for index, frame in enumerate(frames(model, contents, start, end, shares, look, step=step)):
        result[index] = frame
    return result


def frames(
    model: StyleTransfer,
    contents: Tensor,
    start: AnyStyle,
    end: AnyStyle,
    shares: Sequence[float],
    look: Look = PLAIN,
    *,
    step: Callable[[], None] = lambda: None,
) -> Iterator[Tensor]:
    """The frames of `animate` one by one, [3, H, W] each, so that memory does not grow with their number."""
    if not all(math.isfinite(share) for share in shares):
        raise ValueError(f"the shares of the second style are numbers such as 0.5, not {list(shares)}.")
    look = with_palette_read(look)
    if walks(look) and len(contents) == 1:  # the walk is linear: walk the two ends instead of every frame
        start, end = (reached(model, contents, style, look) for style in (start, end))
        look = without_walk(look)
    start.require(end.fingerprint, "there is no way between the two styles", end.model)
    for index, share in enumerate(shares):
        style = between(start, end, share)
        yield stylize_tensor(model, contents[index % len(contents)][None], style, look, step=step)[0]


def stylize_picture(
    model: StyleTransfer,
    photograph: Picture,
    style: AnyStyle,
    look: Look = PLAIN,
    *,
    step: Callable[[], None] = lambda: None,
) -> Picture:
    """Stylise a picture, keeping its transparency, its tag as sRGB and its metadata.

    Raises:
        PictureError: the photograph has no pixels. Other errors are those of `stylize_tensor`.
    """
    if min(photograph.rgb.size) < 1:
        width, height = photograph.rgb.size
        raise PictureError(f"the picture has no pixels: it is {width}×{height}.")
    content = fit_short_side(photograph.rgb, look.size, full=photograph.full)
    stylised = to_pil(stylize_tensor(model, to_tensor(content)[None], style, look, step=step)[0])
    alpha = photograph.alpha
    if alpha is not None and alpha.size != content.size:
        alpha = alpha.resize(content.size, Image.Resampling.LANCZOS)
    return replace(photograph, rgb=stylised, alpha=alpha, full=None)


def steps_of(model: StyleTransfer, size: tuple[int, int], look: Look = PLAIN) -> int:
    """How often `stylize_picture` calls its `step` for a photograph of this size (width and height, px), if memory
    suffices: once for every tile.

    Raises:
        PictureError, WrongModelError: as for `stylize_tensor`.
    """
    width, height = fitted_size(size, look.size)
    return plan(model.reviser, height, width, look.brush, look.tile, look.draft).steps


def encode_painting(model: StyleTransfer, painting: Image.Image, look: Look = PLAIN, name: str = "") -> Style:
    """A painting's style, looked at with a short side of `look.style_size` pixels and painted as boldly as it says.

    A painting longer than 4 : 1 is looked at in its middle. What is transparent in it is left out of the look: the
    colours around take its place.

    Raises:
        WrongModelError: this model cannot be told how boldly to paint.
    """
    return model.encode_style(painting_tensor(painting, look.style_size), size=None, name=name, bold=look.bold)
