"""How far each frame of a scene is faded to black or to white, by the mean and the spread of the frames' light.

A fade brings mean and spread together on a straight line to what it fades to. So a frame is compared with the last
clear one before its fade, or the first one after it: what is usual in the scene may itself be faded, or another view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

EMPTY = 0.015  # spread of light of a frame with nothing to be seen, 0..1
FADED = 0.1  # the least part that shows that there is a fade: what moves in a scene changes its spread, too
HALF_WAY = 0.5  # how far a fade goes at least: what comes into a picture, or a light that is dimmed, goes less far
OFF = 0.06  # how far the light of a faded frame may be from what the fade makes of it
AHEAD = 5  # frames in which a fade has to go on, or else it is over
ONWARD = 1 / 3  # of a fade's usual pace, at which it still goes on: many begin and end gently
DEEPEST = 0.02  # of what there is of a picture: frames with so little more than the least are as deep in the fade

Light = tuple[float, float]  # mean and spread


@dataclass(frozen=True)
class _Run:
    """Frames that are surely faded: from the first one to before the last, to 0 (black) or 1 (white)."""

    first: int
    last: int
    to: float


def fades_of(means: Tensor, spreads: Tensor) -> tuple[list[float], list[float]]:
    """Of the frames of one scene the part that is faded, 0..1, and for each what it is faded to, 0 or 1.

    Args:
        means, spreads: mean and standard deviation of the light of each frame, [N], 0..1.
    """
    lights: list[Light] = list(zip(means.tolist(), spreads.tolist()))
    seen = spreads > EMPTY
    if not seen.any():
        ends = [min((light, 0.0), (1 - light, 1.0)) for light, _ in lights]
        return [float(off <= OFF) for off, _ in ends], [to for _, to in ends]
    usual = float(spreads[seen].quantile(0.8))
    mean = float(means[spreads >= (1 - FADED) * usual].median())
    parts, towards = [0.0] * len(lights), [0.0] * len(lights)
    far = {to: [_far(light, to) for light in lights] for to in (0.0, 1.0)}
    runs, done = _runs(lights, (mean, usual)), 0
    for place, run in enumerate(runs):
        end = runs[place + 1].first if place + 1 < len(runs) else len(lights)
        start, found = _measured(lights, far[run.to], run, done, end, (mean, usual))
        if found and max(found) >= HALF_WAY:
            after = start + len(found)
            parts[start:after], towards[start:after] = found, [run.to] * len(found)
            done = after - (found[-1] == 0)  # the next fade may begin with the clear frame with which this one ends
        else:
            done = max(done, run.last)
    return parts, towards


def _left(light: Light, clear: Light, to: float) -> float:
    """What is left of a clear picture in a faded one, 0..1, by least squares on mean and spread."""
    (value, spread), (mean, usual) = light, clear
    return min(1.0, max(0.0, ((mean - to) * (value - to) + usual * spread) / _far(clear, to) ** 2))


def _far(light: Light, to: float) -> float:
    """How far a frame is from black or white: a fade makes it less in proportion."""
    return max(1e-6, math.hypot(light[0] - to, light[1]))


def _aside(light: Light, clear: Light, to: float) -> float:
    """How far a frame is from the line on which a fade of the clear picture goes."""
    left = _left(light, clear, to)
    return math.hypot(light[0] - to - left * (clear[0] - to), light[1] - left * clear[1])


def _runs(lights: Sequence[Light], clear: Light) -> list[_Run]:
    """Runs of frames that are surely faded, at least half way."""
    mean, usual = clear
    sure: list[tuple[bool, float]] = []
    deep: list[float] = []
    for light, spread in lights:
        part = min(1.0, max(0.0, 1 - spread / usual))
        off, to = min((abs(light - ((1 - part) * mean + part * to)), to) for to in (0.0, 1.0))
        sure.append((part > FADED and off <= OFF, to))
        deep.append(part)
    found: list[_Run] = []
    for (is_faded, to), places in groupby(range(len(lights)), key=sure.__getitem__):
        these = list(places)
        if not is_faded or max(deep[place] for place in these) < HALF_WAY:
            continue
        run = _Run(these[0], these[-1] + 1, to)
        if found and found[-1].to == to and _on_the_way(lights, found[-1].last - 1, run.first, to):
            run = _Run(found.pop().first, run.last, to)  # the view changed, too, in the fade
        found.append(run)
    return found


def _on_the_way(lights: Sequence[Light], one: int, other: int, to: float) -> bool:
    """Whether what lies between two frames lies between them in the fade."""
    near, far = sorted(_far(lights[place], to) for place in (one, other))
    return all(near <= _far(light, to) <= far for light in lights[one:other])


def _measured(
    lights: Sequence[Light], far: Sequence[float], run: _Run, start: int, end: int, usual: Light
) -> tuple[int, list[float]]:
    """The first frame of the whole fade, and the parts that are faded from there on.

    It is looked for from `start` to before `end`. Before its deepest frames it goes by the clear frame before it, and
    after them by the one after it; by one of them alone if there is no other, and by what is usual if there is none.

    Args:
        far: as `_far` says of every frame.
    """
    least = min(far[run.first : run.last])
    enough = least + DEEPEST * max(far[run.first : run.last])
    deepest = [place for place in range(run.first, run.last) if far[place] <= enough]
    before = _clear(lights, far, deepest[0], run.first, start - 1, run.to)
    after = _clear(lights, far, deepest[-1], run.last - 1, end, run.to)
    one = usual if before is None else lights[before]
    other = one if after is None else lights[after]
    one = other if before is None else one
    first = run.first if before is None else before
    last = run.last if after is None else after + 1
    parts = []
    for place in range(first, last):
        share = min(1.0, max(0.0, (place - deepest[0]) / max(1, deepest[-1] - deepest[0])))
        clear = one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])
        parts.append(0.0 if place in (before, after) else 1 - _left(lights[place], clear, run.to))
    return first, parts


def _clear(lights: Sequence[Light], far: Sequence[float], deepest: int, edge: int, end: int, to: float) -> int | None:
    """The clear frame next to a fade, from its deepest frame over its edge and before `end`; None if there is none.

    From the edge it goes outwards as long as the picture gets clearer at about the pace of the fade.
    """
    step = 1 if end > edge else -1
    if edge + step == end:
        return None
    place = edge + step
    long = abs(place - deepest)
    pace, spreading = (far[place] - far[deepest]) / long, (lights[place][1] - lights[deepest][1]) / long

    def goes_on(count: int) -> bool:
        later = place + step * count
        clearer = far[later] - far[place] > ONWARD * pace * count
        return clearer and lights[later][1] - lights[place][1] > -ONWARD * spreading * count  # or it fades to the other

    while place != end - step and any(map(goes_on, range(1, 1 + min(AHEAD, abs(end - step - place))))):
        place += step
    aside = [_aside(lights[inside], lights[place], to) for inside in range(deepest, place, step)]
    return place if pace > 0 and float(torch.tensor(aside).median()) <= OFF else None
