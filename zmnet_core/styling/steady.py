"""Clips: every frame painted by what its scene shares, so that nothing flickers, and fades stay fades."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from torch import Tensor

from .held import Held, hold
from .look import Look, check_steady
from .network import StyleTransfer
from .paint import PLAIN, stylize_tensor
from .palette_of import with_palette_read
from .regions import AnyStyle, Regions, as_many, masked_as
from .scenes import Scene, faded, glance, scenes_of, unfaded

RATE = 24.0  # frames a second, if nobody says
REACH = 2  # seconds before and after that `running` goes by; one frame of each second is looked at
WHOLE = 8  # frames that `whole` looks at
STYLES = 12  # frames between those for which a style that changes is looked at again


class Frames(Protocol):
    """The frames of a clip: a list of [3, H, W] in 0..1, a tensor of them, or what reads them when asked. So masks."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Tensor: ...


def stylize_clip(
    model: StyleTransfer,
    frames: Frames,
    style: AnyStyle | Callable[[int], AnyStyle],
    look: Look = PLAIN,
    *,
    steady: str = "whole",
    reference: int | None = None,
    rate: float = RATE,
    masks: Frames | None = None,
    scenes: Sequence[Scene] | None = None,
    start: int = 0,
    step: Callable[[], None] = lambda: None,
) -> Iterator[Tensor]:
    """The frames of a clip, stylised one by one, [3, H, W] each: memory does not grow with their number.

    Args:
        frames: all of one size.
        style: one for all of them, or a function that gives the style of each frame by its number; or `Regions`, with
            a mask for all frames or one for each.
        look, step: as in `stylize_tensor`.
        steady: one of `STEADY`.
        reference: for `first`, the frame that its scene goes by, by its number from 0; the other scenes go by their
            first clear one.
        rate: frames a second, for `running`.
        masks: [1 or as many as frames, 1, h, w].
        scenes: what `scenes_of` found, if it has been asked already.
        start: the first frame that is given. It and those after it are as if all were.

    Raises:
        ValueError: there is no such way of being steady, no such frame to go by, or not as many masks as frames.
    """
    check_steady(steady)
    if reference is not None and (steady != "first" or not 0 <= reference < len(frames)):
        raise ValueError(
            f"reference is {reference} and steady is '{steady}': a frame to go by, from 0 to {len(frames) - 1}, may be "
            "chosen where steady is 'first'."
        )
    if masks is not None and len(masks) not in (1, len(frames)):
        raise ValueError(f"{len(masks)} masks for {len(frames)} frames: give one, or one a frame.")
    if isinstance(style, Regions) and len(style) > 1:
        if len(style) != len(frames):
            raise ValueError(f"regions with {len(style)} masks for {len(frames)} frames: give one, or one a frame.")
        style = style.__getitem__
    style_of = style if callable(style) else lambda _: style
    look = with_palette_read(look)

    def mask_of(index: int) -> Tensor | None:
        return None if masks is None else masks[index % len(masks)][None]

    if steady == "off":
        for index in range(start, len(frames)):
            frame = frames[index][None]
            yield stylize_tensor(model, frame, style_of(index), look, mask=mask_of(index), step=step)[0]
        return
    if scenes is None:
        scenes = scenes_of([glance(frames[index]) for index in range(len(frames))])
    for scene in scenes:
        if scene.end <= start:
            continue
        way = _Way(scene, steady, max(1, round(rate)), reference)
        held_at = _holder(model, frames, way, style_of, look, changing=callable(style))
        for index in range(max(scene.start, start), scene.end):
            part, to = scene.fades[index - scene.start], scene.towards[index - scene.start]
            frame, held = unfaded(frames[index], part, to)[None], held_at(index)
            held = replace(held, style=masked_as(held.style, style_of(index)))
            painted = partial(stylize_tensor, model, frame, held.style, look, mask=mask_of(index), held=held, step=step)
            yield faded(painted()[0], part, to)  # a name here would keep it while the next one is painted


@dataclass(frozen=True)
class _Way:
    """How the frames of one scene are steady.

    Attributes:
        second: so many frames long.
        reference: the frame to go by, if one was chosen.
    """

    scene: Scene
    steady: str
    second: int
    reference: int | None

    def references(self, key: int) -> list[list[int]]:
        """The frames that are looked at for the frame `key`: the mean is held of the median of each of these lists."""
        scene = self.scene
        if self.steady == "first":
            chosen = self.reference
            return [[chosen if chosen is not None and scene.start <= chosen < scene.end else scene.clearest]]
        clear = [scene.start + place for place, part in enumerate(scene.fades) if part == 0] or [scene.clearest]
        if self.steady == "running":
            nearest = {place: min(clear, key=lambda index: abs(index - place)) for place in self._around(key, 2)}
            return [[nearest[each] for each in self._around(place)] for place in self._around(key)]
        if len(clear) <= WHOLE:
            return [[index] for index in clear]
        return [[clear[round(place * (len(clear) - 1) / (WHOLE - 1))]] for place in range(WHOLE)]

    def _around(self, key: int, times: int = 1) -> list[int]:
        """One frame of each second of the scene, within `REACH` seconds of the frame `key`, or so many times that."""
        places = range(self.scene.start, self.scene.end, self.second)
        return [place for place in places if abs(place - key) <= times * REACH * self.second]

    def apart(self, changing: bool) -> int:
        """Frames between those for which references are looked at."""
        length = self.scene.end - self.scene.start
        return min([length] + [self.second] * (self.steady == "running") + [STYLES] * changing)


def _holder(
    model: StyleTransfer,
    frames: Frames,
    way: _Way,
    style_of: Callable[[int], AnyStyle],
    look: Look,
    changing: bool,
) -> Callable[[int], Held]:
    """What is held at each frame of a scene. Between two frames for which it is looked for, it goes straight from one
    to the other; what lies behind is forgotten.
    """
    scene, apart = way.scene, way.apart(changing)
    found: dict[int, Held] = {}  # for frames
    looked: dict[int, Held] = {}  # at frames

    def look_at(index: int, style: AnyStyle) -> Held:
        if index not in looked:
            place = index - scene.start
            picture = unfaded(frames[index], scene.fades[place], scene.towards[place])
            looked[index] = hold(model, picture[None], style, look)
        return looked[index]

    def at(key: int) -> Held:
        if key not in found:
            if changing:
                looked.clear()
            style, references = style_of(key), way.references(key)
            for old in looked.keys() - {index for each in references for index in each}:
                del looked[old]
            found[key] = Held.mean([Held.median([look_at(index, style) for index in each]) for each in references])
            for old in [index for index in found if index < key - apart]:
                del found[old]
        return found[key]

    def held_at(index: int) -> Held:
        before = scene.start + (index - scene.start) // apart * apart
        after = min(before + apart, scene.end - 1)
        if index == before or after <= before or not (changing or way.steady == "running"):
            return at(before)
        if not as_many(at(before).style, at(after).style):  # between regions and one style there are others
            return at(index)
        return at(before).towards(at(after), (index - before) / (after - before))

    return held_at
