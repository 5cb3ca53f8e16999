"""The lessons of a daylight model: a folder with `photograph/NAME.jpg`, and for every time `TIME/NAME.jpg` as large.

Whoever has pictures of his own (of webcams, say) makes such a folder with any times; `words.json` in it says which
words mean them: {"night": ["night", "midnight"], …}.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ...errors import TrainingError, in_words
from ...files import replacing, write_json
from ...images.folders import find_pictures
from ...images.picture import read_picture, to_pil, to_tensor
from .finder import BUILDINGS, SKY, Finder
from .relighting import relit

PHOTOGRAPH, WORDS = "photograph", "words.json"
SIDE, LONGEST = 288, 1.6  # px of the short side, and how many times as long the other may be
QUALITY = 95
OUTDOORS = {SKY: 0.08, BUILDINGS: 0.4}  # shares of a photograph, of which one is enough
INDOORS_KEPT = 0.3  # of the others: faces and food are lit as well
LIT, LAMPS = 0.33, 0.008  # how light a lamp is at night, and the share of lamps in a picture that has some
DARKEST = 0.22  # mean grey: a photograph by night is no lesson
# What the seven times are called in lessons. Other words, such as dusk, dawn and morning, are left to be guessed.
CALLED = {
    "noon": ("noon", "midday", "daylight", "daytime"),
    "sunset": ("sunset", "golden hour"),
    "night": ("night", "midnight", "nighttime"),
    "overcast": ("overcast", "cloudy"),
    "fog": ("fog", "foggy", "mist"),
    "snow": ("snow", "snowy", "winter"),
    "autumn": ("autumn", "fall"),
}


def write_lessons(
    photographs: Sequence[Path],
    finder: Finder,
    folder: Path,
    side: int = SIDE,
    seed: int = 0,
    step: Callable[[], None] = lambda: None,
) -> int:
    """Relight photographs by rule; one that is there already is not made again. How many there are then.

    Raises:
        TrainingError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / WORDS, {time: list(words) for time, words in CALLED.items()})
    count = 0
    for index, file in enumerate(photographs):
        count += _write(
            file, f"{index:05d}-{file.stem[:40]}.jpg", finder, folder, side, random.Random(f"{seed} {index}")
        )
        step()
    return count


@torch.no_grad()
def _write(file: Path, name: str, finder: Finder, folder: Path, side: int, choice: random.Random) -> bool:
    if (folder / PHOTOGRAPH / name).is_file():
        return True
    photograph = small(read_picture(file).rgb, side)
    if float(photograph.mean()) < DARKEST:
        return False
    with torch.autocast("cpu", torch.bfloat16):
        areas = finder(photograph).float()
    shares = (areas > 0.5).float().mean((0, 2, 3))
    if not any(shares[area] > least for area, least in OUTDOORS.items()) and choice.random() > INDOORS_KEPT:
        return False
    pictures = {**relit(photograph, areas), PHOTOGRAPH: photograph}  # the photograph last: then the lesson is whole
    for time, picture in pictures.items():
        try:
            (folder / time).mkdir(parents=True, exist_ok=True)
            with replacing(folder / time / name) as temporary:
                to_pil(picture[0]).save(temporary, "JPEG", quality=QUALITY, subsampling=0)
        except OSError as error:
            raise TrainingError(f"'{folder / time / name}' cannot be written: {in_words(error)}.") from error
    return True


def small(picture: Image.Image, side: int) -> Tensor:
    """The middle of a photograph, [1, 3, H, W] in 0..1, sides multiples of 8."""
    width, height = picture.size
    short = min(width, height)
    width, height = min(width, round(LONGEST * short)), min(height, round(LONGEST * short))
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    scale = side / short
    size = max(side, round(width * scale)) // 8 * 8, max(side, round(height * scale)) // 8 * 8
    picture = picture.resize(size, Image.Resampling.LANCZOS, (left, top, left + width, top + height))
    return to_tensor(picture)[None]


class Lessons:
    """A folder of lessons, in memory.

    Attributes:
        times: the folders beside `photograph`, as in words.json.
        words: of each time.
    """

    def __init__(self, folder: Path, size: int):
        self.words = _words(folder)
        self.times = list(self.words)
        files = [file.name for file in find_pictures(folder / PHOTOGRAPH)]
        self.pictures: list[Tensor] = []
        for name in files:
            missing = [time for time in self.times if not (folder / time / name).is_file()]
            if missing:
                raise TrainingError(
                    f"'{folder / PHOTOGRAPH / name}' has no picture in {' and '.join(missing)}: every time of {WORDS} "
                    "has one of the same name for every photograph."
                )
            planes = [_opened(folder / time / name) for time in (PHOTOGRAPH, *self.times)]
            if len({plane.shape for plane in planes}) > 1:
                raise TrainingError(
                    f"the pictures '{name}' in '{folder}' differ in size; they are to lie over each other."
                )
            if min(planes[0].shape[-2:]) >= size:
                self.pictures.append(torch.stack(planes))
        if not self.pictures:
            raise TrainingError(f"'{folder}' has no photograph of {size} px or more to learn from.")
        self.size = size
        lit = [float((self.bright(each)).mean()) for each in self.pictures]
        self.with_lamps = [index for index, share in enumerate(lit) if share > LAMPS] or list(range(len(lit)))

    def bright(self, pictures: Tensor) -> Tensor:
        """Where it is light at night, [H, W]; nowhere if there is no night."""
        if "night" not in self.times:
            return torch.zeros(pictures.shape[-2:])
        return (pictures[1 + self.times.index("night")].float().mean(0) > LIT * 255).float()

    def draw(self, choice: random.Random) -> Tensor:
        """One lesson: the photograph and every time of it, [1 + T, 3, size, size] in 0..1; every second has lamps."""
        index = choice.choice(self.with_lamps) if choice.random() < 0.5 else choice.randrange(len(self.pictures))
        pictures = self.pictures[index]
        top, left = (choice.randrange(side - self.size + 1) for side in pictures.shape[-2:])
        pictures = pictures[..., top : top + self.size, left : left + self.size].float() / 255
        return pictures.flip(-1) if choice.random() < 0.5 else pictures


def _words(folder: Path) -> dict[str, list[str]]:
    try:
        words = json.loads((folder / WORDS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"'{folder / WORDS}' cannot be read ({error}): make lessons with train/daylight.py."
        ) from error
    if (
        not isinstance(words, dict)
        or not words
        or not all(isinstance(value, list) and value for value in words.values())
    ):
        raise TrainingError(f'\'{folder / WORDS}\' says no words: it is to be like {{"night": ["night", "midnight"]}}.')
    return words


def _opened(file: Path) -> Tensor:
    return (to_tensor(read_picture(file).rgb) * 255).round().byte()
