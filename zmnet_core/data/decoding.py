"""Picture files as training pictures: what is of no use is skipped, what can be is converted, and both are noted."""

from __future__ import annotations

import io
import logging
from collections import Counter
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from PIL import Image
from torch import Tensor

from ..errors import PictureError, in_words
from ..images.allowing import allowing
from ..images.picture import Side, fit_short_side, read_picture
from ..networks.tnet import MIN_SIDE
from .rows import EmptyRow
from .sources import PictureFile

logger = logging.getLogger(__name__)

LEAST_SIDE = 64  # px; what is smaller is enlarged to this, what is smaller than MIN_SIDE is skipped
SKIPPED = ("missing", "empty", "damaged", "tiny")
NAMED = 10  # pictures skipped, and pictures converted, that the log names


class Note(NamedTuple):
    """What became of a picture: `missing`, `empty` (a row without one), `damaged`, `tiny` (skipped); `CMYK`, `16-bit`,
    `animated`, `enlarged`, `odd` (something in the file was left out, or read otherwise than one may think)."""

    kind: str
    text: str


Notes = dict[str, Note]  # by the picture's name


def decode(file: PictureFile, short_side: Side, notes: Notes) -> Tensor | None:
    """A picture as uint8 [3, H, W] with sides of at least 64 px; None if it is of no use.

    Args:
        short_side: resize to this, or into this range (least, most); None keeps the file's size.
        notes: told of what was skipped or converted.
    """
    name = str(file)
    try:
        data = file.read_bytes()
    except OSError as error:
        notes[name] = Note("missing", f"'{name}' cannot be read: {in_words(error)}")
        return None
    except PictureError as error:
        notes[name] = Note("empty" if isinstance(error, EmptyRow) else "damaged", str(error))
        return None
    remarks: list[str] = []
    try:
        image = read_picture(name, data, remarks.append).rgb
    except PictureError as error:
        notes[name] = Note("damaged", str(error))
        return None
    short = min(image.size)
    if short < MIN_SIDE:
        notes[name] = Note("tiny", f"'{name}' is {image.width}×{image.height} px, {MIN_SIDE} are the least")
        return None
    kind = "enlarged" if short < LEAST_SIDE else _unusual(data)
    if kind:
        notes[name] = Note(kind, f"'{name}' ({kind})")
    elif remarks:
        notes[name] = Note("odd", f"'{name}': {remarks[0]}")
    image = fit_short_side(image, short_side, LEAST_SIDE)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _unusual(data: bytes) -> str | None:
    with allowing(), Image.open(io.BytesIO(data)) as image:  # which was read, so it is not too large
        if image.mode == "CMYK":
            return "CMYK"
        if image.mode == "F" or image.mode.startswith("I"):
            return "16-bit"
        # Telephones hide a second picture in a JPEG (MPO): no animation.
        return "animated" if getattr(image, "is_animated", False) and image.format != "MPO" else None


class Tally:
    """What was skipped and what converted, over all loader workers and processes; each picture counts once."""

    def __init__(self, accelerator: Accelerator):
        self.accelerator = accelerator
        self._known: Notes = {}
        self._new: Notes = {}
        self._named: Counter[bool] = Counter()

    def add(self, notes: Notes) -> None:
        """Take up notes of this process."""
        self._new |= {name: note for name, note in notes.items() if name not in self._known}

    def report(self) -> dict[str, int]:
        """Pictures by kind so far. All processes call this together; the main one logs the first ten of either sort."""
        gathered = gather_object([self._new])
        self._new = {}
        for name, note in (item for notes in gathered for item in notes.items()):
            if name in self._known:
                continue
            self._known[name] = note
            skipped = note.kind in SKIPPED
            self._named[skipped] += 1
            if self.accelerator.is_main_process and self._named[skipped] <= NAMED:
                logger.warning("%s: %s", "skipped" if skipped else "converted", note.text)
        return dict(Counter(note.kind for note in self._known.values()))
