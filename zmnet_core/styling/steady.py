"""Clips: every frame painted by what its scene shares, so that nothing flickers, and fades stay fades."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from .held import Held, hold
from .look import Look, check_steady
from .network import StyleTransfer
from .paint import PLAIN, stylize_tensor
from .regions import AnyStyle, Regions, masked_as
from .scenes import Scene, faded, glance, scenes_of, unfaded

KEY = 24  # frames between those that `running` looks at
WHOLE = 8  # frames that `whole` looks at
STYLES = 12  # frames between those for which a style that changes is looked at again


class Frames(Protocol):
    """The frames of a clip: a list of [3, H, W] in 0..1, a tensor of them, or what reads them when asked."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Tensor: ...


def stylize_clip(
    model: StyleTransfer,
    frames: Frames,
    style: AnyStyle | Callable[[int], AnyStyle],
    look: Look = PLAIN,
    *,
    steady: str = "whole",
    masks: Tensor | None = None,
    scenes: Sequence[Scene] | None = None,
    step: Callable[[], None] = lambda: None,
) -> Iterator[Tensor]:
    """The frames of a clip, stylised one by one, [3, H, W] each: memory does not grow with their number.

    Args:
        frames: all of one size.
        style: one for all of them, or a function that gives the style of each frame by its number; or `Regions`, with
            a mask for all frames or one for each.
        look, step: as in `stylize_tensor`.
        steady: one of `STEADY`.
        masks: [1 or as many as frames, 1, h, w].
        scenes: what `scenes_of` found, if it has been asked already.

    Raises:
        ValueError: there is no such way of being steady, or not as many masks as frames.
    """
    check_steady(steady)
    if masks is not None and len(masks) not in (1, len(frames)):
        raise ValueError(f"{len(masks)} masks for {len(frames)} frames: give one, or one a frame.")
    if isinstance(style, Regions) and len(style) > 1:
        style = style.__getitem__
    style_of = style if callable(style) else lambda _: style

    def mask_of(index: int) -> Tensor | None:
        return None if masks is None else masks[index % len(masks)][None]

    if steady == "off":
        for index in range(len(frames)):
            frame = frames[index][None]
            yield stylize_tensor(model, frame, style_of(index), look, mask=mask_of(index), step=step)[0]
        return
    if scenes is None:
        scenes = scenes_of([glance(frames[index]) for index in range(len(frames))])
    for scene in scenes:
        held_at = _holder(model, frames, scene, style_of, look, steady, changing=callable(style))
        for index in range(scene.start, scene.end):
            part, to = scene.fades[index - scene.start], scene.towards[index - scene.start]
            frame, held = unfaded(frames[index], part, to)[None], held_at(index)
            held = replace(held, style=masked_as(held.style, style_of(index)))
            painted = stylize_tensor(model, frame, held.style, look, mask=mask_of(index), held=held, step=step)[0]
            yield faded(painted, part, to)


def stylize_frames(
    model: StyleTransfer,
    contents: Tensor,
    style: AnyStyle | Callable[[int], AnyStyle],
    look: Look = PLAIN,
    *,
    steady: str = "whole",
    masks: Tensor | None = None,
    step: Callable[[], None] = lambda: None,
) -> Tensor:
    """`stylize_clip` of a clip that is a batch, [B, 3, H, W] in 0..1 → the like, on the contents' device."""
    result = torch.empty_like(contents)
    for index, frame in enumerate(stylize_clip(model, contents, style, look, steady=steady, masks=masks, step=step)):
        result[index] = frame
    return result


def _holder(
    model: StyleTransfer,
    frames: Frames,
    scene: Scene,
    style_of: Callable[[int], AnyStyle],
    look: Look,
    steady: str,
    changing: bool,
) -> Callable[[int], Held]:
    """What is held at each frame of a scene. Between two frames at which it is looked for, it goes straight from one to
    the other; what lies behind is forgotten.
    """
    apart = min([KEY] * (steady == "running") + [STYLES] * changing, default=scene.end - scene.start)
    found: dict[int, Held] = {}

    def at(key: int) -> Held:
        if key not in found:
            for old in [index for index in found if index < key - apart]:
                del found[old]
            pictures = torch.stack([_clear(frames, scene, index) for index in _references(scene, key, steady)])
            found[key] = hold(model, pictures, style_of(key), look)
        return found[key]

    def held_at(index: int) -> Held:
        before = scene.start + (index - scene.start) // apart * apart
        after = min(before + apart, scene.end - 1)
        if index == before or after <= before or not (changing or steady == "running"):
            return at(before)
        return at(before).towards(at(after), (index - before) / (after - before))

    return held_at


def _references(scene: Scene, key: int, steady: str) -> list[int]:
    """The frames that are looked at for the frame `key`."""
    if steady == "first":
        return [scene.clearest]
    clear = [scene.start + place for place, part in enumerate(scene.fades) if part == 0] or [scene.clearest]
    if steady == "running":
        return [min(clear, key=lambda index: abs(index - key))]
    if len(clear) <= WHOLE:
        return clear
    return [clear[round(place * (len(clear) - 1) / (WHOLE - 1))] for place in range(WHOLE)]


def _clear(frames: Frames, scene: Scene, index: int) -> Tensor:
    place = index - scene.start
    return unfaded(frames[index], scene.fades[place], scene.towards[place])
