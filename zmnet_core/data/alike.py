"""Pictures that are one picture in several files: scaled, compressed, brightened or framed a little otherwise.

Two looks have to agree: the 64 bits of a difference hash (whether each of 8 × 8 places is brighter than its left
neighbour), and a copy of 16 × 16 px in colour, whatever its brightness and contrast. A part of a picture, or its mirror
image, is another picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HASH, GLANCE = 8, 16  # px, the sides of both looks
MOST_BITS = 10  # of the 64 by which two files of one picture differ
LEAST_CORRELATION = 0.92  # of their small copies
FLAT = 2 / 255  # a deviation below which a small copy has nothing to correlate
SAME_COLOUR = 8 / 255  # by which the colours of two flat pictures may differ
BLOCK = 2048  # pictures that are compared with all others at a time
LOOKED_AT = 4 * GLANCE  # px, the short side at which a picture is read for this


class Look(NamedTuple):
    """What is compared: `bits` [64] of ±1, and the small copy [16 · 16 · 3] in 0..1."""

    bits: NDArray[np.float32]
    glance: NDArray[np.float32]


def look_at(image: Image.Image) -> Look:
    """The look of an RGB picture."""
    grey = np.asarray(image.convert("L").resize((HASH + 1, HASH), Image.Resampling.BOX), np.int16)
    glance = np.asarray(image.resize((GLANCE, GLANCE), Image.Resampling.BOX), np.float32)
    bits = np.where(grey[:, 1:] > grey[:, :-1], 1, -1)
    return Look(bits.ravel().astype(np.float32), (glance / 255).ravel().astype(np.float32))


def groups(looks: list[Look]) -> list[int]:
    """Of every picture the number of its group, which is that of the group's first picture.

    What is like the same third picture is one group: so no two groups have pictures that are alike.
    """
    parent = list(range(len(looks)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    if looks:
        for one, other in _alike(np.stack([look.bits for look in looks]), np.stack([look.glance for look in looks])):
            first, second = sorted((root(one), root(other)))
            parent[second] = first
    return [root(index) for index in range(len(looks))]


def _alike(bits: NDArray[np.float32], glances: NDArray[np.float32]) -> list[tuple[int, int]]:
    centred = glances - glances.mean(1, keepdims=True)
    spread = np.sqrt((centred**2).mean(1))
    flat = spread < FLAT
    unit = centred / np.maximum(spread, FLAT)[:, None] / np.sqrt(glances.shape[1])
    found = []
    for start in range(0, len(bits), BLOCK):
        near = bits[start : start + BLOCK] @ bits.T >= bits.shape[1] - 2 * MOST_BITS
        for one, other in zip(*(side.tolist() for side in np.nonzero(near))):
            one += start
            if one >= other or flat[one] != flat[other]:
                continue
            if flat[one]:
                same = np.abs(glances[one] - glances[other]).max() <= SAME_COLOUR
            else:
                same = unit[one] @ unit[other] >= LEAST_CORRELATION
            if same:
                found.append((one, other))
    return found
