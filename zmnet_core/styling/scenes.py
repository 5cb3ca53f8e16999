"""What a clip is made of: scenes between cuts, and how far each frame is faded to black or to white.

It goes by small copies alone, so that a whole clip can be looked at before it is painted. A style transfer network
stretches every frame to the painting's light and dark, a black one as well. So a fade has to be known: the picture in
it is painted as if it were not faded, and the result is faded (`unfaded`, `faded`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.colour import TO_YCC
from .fades import EMPTY, fades_of

GLANCE = (18, 32)  # pixels of a small copy, height and width
CUT, ABOVE = 0.35, 3.0  # change that is a cut, if it is so many times what there is around it
BLOCKS = (3, 4)  # of a glance, high and wide: half of them change with a cut, and fewer with what comes into a picture
AROUND = 5  # frames on each side that are around
LEAST_LEFT = 0.1  # of what is left of a picture no more than this is amplified: the rest is noise


@dataclass(frozen=True)
class Scene:
    """Frames between two cuts.

    Attributes:
        start, end: the first frame, and the one after the last.
        fades: for every frame the part that is faded, 0..1.
        towards: for every frame what it is faded to, 0 (black) or 1 (white).
    """

    start: int
    end: int
    fades: tuple[float, ...]
    towards: tuple[float, ...]

    @property
    def clearest(self) -> int:
        """The first frame with nothing faded, or else the one with the least."""
        return self.start + min(range(len(self.fades)), key=self.fades.__getitem__)


def glance(frame: Tensor) -> Tensor:
    """A small copy, [3, 18, 32], of a frame [3, H, W] in 0..1."""
    return F.interpolate(frame[None].float(), GLANCE, mode="area")[0].cpu()


def scenes_of(glances: Sequence[Tensor]) -> list[Scene]:
    """The scenes of a clip, by a `glance` at each of its frames, which may be in bytes.

    A frame that lights up, or is black, between two that are alike is no cut. A cut in the dark is where the dark ends.
    """
    if not glances:
        return []
    luma = torch.tensor(TO_YCC[0])
    lights = (torch.einsum("c,chw->hw", luma, _floats(each)) for each in glances)
    means, spreads = torch.tensor([[float(each.mean()), float(each.std(correction=0))] for each in lights]).unbind(1)
    cuts = _cuts(glances, (spreads > EMPTY).tolist())
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(glances)]):
        fades, towards = fades_of(means[start:end], spreads[start:end])
        found.append(Scene(start, end, tuple(fades), tuple(towards)))
    return found


def _cuts(glances: Sequence[Tensor], seen: Sequence[bool]) -> list[int]:
    """Frames with which another scene begins. Frames in which nothing is seen belong to the scene before."""
    frames = [index for index, there in enumerate(seen) if there]

    @lru_cache(AROUND)  # of a long clip all would be a lot of memory
    def plain(place: int) -> Tensor:
        flat = _floats(glances[frames[place]]).flatten()
        return F.normalize(flat - flat.mean(), dim=0)  # free of the fade, which is a shift and a scale

    def change(one: int, other: int) -> float:
        return 1 - float(plain(one) @ plain(other))

    def everywhere(one: int, other: int) -> bool:
        (own, telling), (others, also) = (_blocks(_floats(glances[frames[place]])) for place in (one, other))
        there, changed = telling | also, 1 - (own * others).sum(1)
        return not there.any() or float(changed[there].median()) > CUT

    changes = [0.0, *(change(place - 1, place) for place in range(1, len(frames)))]
    cuts, last = [], 0
    for place in range(1, len(frames)):
        around = sorted(changes[max(1, place - AROUND) : place] + changes[place + 1 : place + 1 + AROUND])
        usual = around[len(around) // 2] if around else 0.0
        if changes[place] <= max(CUT, ABOVE * usual) or not everywhere(place - 1, place):
            continue
        flash = place + 1 < len(frames) and change(place - 1, place + 1) < CUT  # what was there comes back
        back = place > 1 and place - 1 != last and change(place - 2, place) < CUT
        if not flash and not back:
            cuts.append(frames[place])
            last = place
    return cuts


def _blocks(glance: Tensor) -> tuple[Tensor, Tensor]:
    """Blocks of [3, h, w] about their means, of length 1, [B, P]; and in which something is seen, [B]."""
    high, wide = (side // count for side, count in zip(glance.shape[-2:], BLOCKS))
    blocks = F.unfold(glance[None], (high, wide), stride=(high, wide))[0].mT
    blocks = blocks - blocks.mean(1, keepdim=True)
    return F.normalize(blocks, dim=1), blocks.std(1, correction=0) > EMPTY


def _floats(glance: Tensor) -> Tensor:
    return glance if glance.is_floating_point() else glance / 255


def unfaded(frame: Tensor, part: float, to: float) -> Tensor:
    """The picture in a faded frame, 0..1, as far as it can still be seen: (frame − part · to) / (1 − part)."""
    if part == 0:
        return frame
    return ((frame - part * to) / max(1 - part, LEAST_LEFT)).clamp(0, 1)


def faded(picture: Tensor, part: float, to: float) -> Tensor:
    """A picture, faded: (1 − part) · picture + part · to."""
    return picture if part == 0 else picture * (1 - part) + part * to
