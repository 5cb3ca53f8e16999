"""Where every random choice comes from: `rng(seed, step, sample, stream)` and nothing else.

Step k of a run is the same picture for picture whether the run was interrupted before it or not, and however its batch
is shared out over processes and accumulation steps (`Share`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What random numbers are for; their streams are independent."""

    CONTENT = 0  # a photograph and its crop
    STYLE = 1  # a painting
    CROP = 2  # its crop
    VARIANT = 3  # the crop of a look that is kept
    SHARDS = 4  # the order of shards
    WINDOW = 5  # the place in a window of pictures read ahead
    SIDE = 6  # the side a painting is looked at with
    NOISE = 7  # of photographs
    REVISION = 8  # a draft's size, a window's place
    BOLD = 9  # how boldly to paint
    CHOICE = 10  # the photographs and paintings of an expansion
    TAUGHT, TAUGHT_CROP = 20, 21  # paintings that a PNet learns from another, their crops
    WORD, WORD_CROP = 30, 31  # words and their pictures, the pictures' crops
    RECOLOUR, DRAW = 32, 33  # colours that pictures get, and which pictures get them


def rng(seed: int, step: int, sample: int, stream: Stream) -> np.random.Generator:
    """The random numbers of one purpose for one sample of one step, over all processes."""
    return np.random.default_rng([seed, step, sample, stream])


@dataclass(frozen=True)
class Share:
    """Which part of every step's samples a process draws.

    A step has `processes` × `accumulation` parts of equal size; part m of process r holds the
    samples from (m · processes + r) · size on.
    """

    process: int = 0
    processes: int = 1
    accumulation: int = 1

    def slot(self, part: int) -> int:
        """The place of this process's part-th batch among all batches of the step."""
        return part * self.processes + self.process

    @property
    def slots(self) -> int:
        """Batches a step, over all processes."""
        return self.processes * self.accumulation
