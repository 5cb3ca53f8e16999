"""Where windows, the sky and buildings are in a photograph: a small head on what VGG-16 sees.

Only lessons need it: the model that is taught looks at the photograph alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from ...errors import TrainingError
from ...images.folders import find_pictures
from ...networks.typed import Modules
from ...networks.vgg import LAYER_CHANNELS, VGG16, WIDTH
from ..words.teaching import budget

WINDOWS, SKY, BUILDINGS = range(3)  # channels
SEEN = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
BRIGHTNESS = 0.1  # of activations, to about unit variance
TAKEN, HIDDEN = 32, (64, 32)
CROP, BATCH = 192, 4  # px
LEARNING_RATE, LEAST_RATE = 1e-3, 5e-2


class Finder(nn.Module):
    """[N, 3, H, W] in 0..1 → the share of windows, sky and buildings in every pixel, [N, 3, H, W] in 0..1.

    Args:
        vgg: with the four layers `SEEN`; it stays as it is.
    """

    def __init__(self, vgg: VGG16):
        super().__init__()
        self.vgg = vgg
        self.take = Modules(nn.Conv2d(LAYER_CHANNELS[layer] * vgg.width // WIDTH, TAKEN, 1) for layer in SEEN)
        wide, narrow = HIDDEN
        self.mix = nn.Sequential(
            nn.Conv2d(TAKEN * len(SEEN), wide, 3, padding=1), nn.ReLU(),
            nn.Conv2d(wide, narrow, 3, padding=1), nn.ReLU(), nn.Conv2d(narrow, 3, 1),
        )  # fmt: skip

    def logits(self, pictures: Tensor) -> Tensor:
        """[N, 3, ⌊H/2⌋, ⌊W/2⌋]."""
        with torch.no_grad():
            found = self.vgg(pictures, SEEN)
        planes = [F.avg_pool2d(found[SEEN[0]], 2), *(found[layer] for layer in SEEN[1:])]
        size = planes[0].shape[-2:]
        taken = [
            F.interpolate(take(plane * BRIGHTNESS), size, mode="bilinear") for take, plane in zip(self.take, planes)
        ]
        return self.mix(F.relu(torch.cat(taken, 1)))

    def forward(self, pictures: Tensor) -> Tensor:
        shares = torch.sigmoid(self.logits(pictures).float())
        return F.interpolate(shares, pictures.shape[-2:], mode="bilinear", align_corners=False)

    def save(self, file: Path) -> None:
        """The head alone, about 0.5 MB."""
        torch.save({name: value for name, value in self.state_dict().items() if not name.startswith("vgg.")}, file)

    @classmethod
    def load(cls, file: Path, vgg: VGG16) -> Finder:
        """What `save` wrote."""
        finder = cls(vgg)
        missing = finder.load_state_dict(torch.load(file, weights_only=True), strict=False).missing_keys
        if any(not name.startswith("vgg.") for name in missing):
            raise TrainingError(f"{file} is no head of a finder: make one with `train/daylight.py find`.")
        return finder.eval()


@dataclass(frozen=True)
class Labelled:
    """One picture with labels.

    Attributes:
        picture: [3, H, W], 0..1.
        areas: [3, H, W], 0 or 1.
        known: [3, H, W], 0 where it was not said.
        facade: shown from far away as well, and set into other pictures.
    """

    picture: Tensor
    areas: Tensor
    known: Tensor
    facade: bool = False

    def stacked(self) -> Tensor:
        """[1, 9, H, W]."""
        return torch.cat((self.picture, self.areas, self.known))[None]


def paris(folder: Path) -> Iterator[Labelled]:
    """The Art Deco façades of Paris (Gadde, Marlet and Paragios 2016): images/NAME.png, labels/NAME.txt."""
    for file in find_pictures(folder / "images"):
        label = np.loadtxt(folder / "labels" / f"{file.stem}.txt", dtype=np.int64)
        shop, window, sky = (torch.from_numpy(label == number) for number in (1, 3, 5))
        known = torch.from_numpy(label >= 0)
        areas = torch.stack((window, sky, ~sky & known)).float()
        yield Labelled(_opened(file), areas, torch.stack((known & ~shop, known, known)).float(), facade=True)


def camvid(folder: Path, every: int = 2) -> Iterator[Labelled]:
    """Streets of CamVid (Brostow and others 2009) as SegNet's tutorial has them: train/NAME.png, trainannot/NAME.png.

    Windows of its buildings are not labelled; that there are none elsewhere is.
    """
    for file in find_pictures(folder / "train")[::every]:
        label = torch.from_numpy(np.array(Image.open(folder / "trainannot" / file.name)).astype(np.int64))
        sky, building, known = label == 0, label == 1, label != 11
        areas = torch.stack((torch.zeros_like(sky), sky, building)).float()
        yield Labelled(_opened(file), areas, torch.stack((known & ~building, known, known)).float())


def without_windows(files: Sequence[Path], side: int = 400) -> Iterator[Labelled]:
    """Photographs of people, food, animals or nature: there are no windows in them, and no more is said."""
    for file in files:
        with Image.open(file) as opened:
            opened.thumbnail((side, side))
            picture = _tensor(opened)
        known = torch.zeros_like(picture)
        known[WINDOWS] = 1
        yield Labelled(picture, torch.zeros_like(picture), known)


def crop(pictures: Sequence[Labelled], choice: random.Random, size: int = CROP) -> Tensor:
    """One lesson [9, size, size]: façades near and far, set into other pictures, a little askew, in any light."""
    facades, others = ([each for each in pictures if each.facade is kind] for kind in (True, False))
    chosen = choice.choice(facades if facades and (not others or choice.random() < 0.45) else others)
    stacked = chosen.stacked()
    fits = size / min(stacked.shape[-2:])
    scale = choice.uniform(0.28, 1.3) if chosen.facade and others else choice.uniform(fits, max(fits, 1.0))
    piece = _scaled(stacked, scale)
    if min(piece.shape[-2:]) < size:
        behind = choice.choice(others or facades).stacked()
        whole = _cut(_scaled(behind, 1.05 * size / min(behind.shape[-2:])), size, size, choice)
        height, width = (min(side, size) for side in piece.shape[-2:])
        top, left = choice.randrange(size - height + 1), choice.randrange(size - width + 1)
        whole[..., top : top + height, left : left + width] = _cut(piece, height, width, choice)
        piece = whole
    else:
        piece = _cut(piece, size, size, choice)
    if choice.random() < 0.5:
        piece = piece.flip(-1)
    askew = torch.tensor([[[1, choice.uniform(-0.15, 0.15), 0], [choice.uniform(-0.2, 0.2), 1, 0]]])
    piece = F.grid_sample(piece, F.affine_grid(askew, list(piece.shape), align_corners=False), align_corners=False)[0]
    light = torch.tensor([choice.uniform(0.8, 1.2) for _ in range(3)])[:, None, None] * choice.uniform(0.6, 1.15)
    picture = (piece[:3].clamp(0, 1) ** choice.uniform(0.6, 1.7) * light).clamp(0, 1)
    return torch.cat((picture, piece[3:6], piece[6:].floor()))


def teach(
    finder: Finder, pictures: Sequence[Labelled], minutes: float = 0, steps: int | None = None, seed: int = 0
) -> float:
    """Teach the head by cross-entropy where labels are known, for so many minutes or steps; the last mean loss."""
    if not pictures:
        raise TrainingError("there are no labelled pictures to learn areas from.")
    choice, mean = random.Random(seed), 0.0
    head = [parameter for name, parameter in finder.named_parameters() if not name.startswith("vgg.")]
    optimizer = torch.optim.Adam(head, LEARNING_RATE)
    for step, used in enumerate(tqdm(budget(steps, minutes), "finder", unit="step", mininterval=5)):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * max(LEAST_RATE, 1 - used)
        picture, areas, known = torch.stack([crop(pictures, choice) for _ in range(BATCH)]).split(3, 1)
        areas, known = F.avg_pool2d(areas, 2), -F.max_pool2d(-known, 2)
        with torch.autocast("cpu", torch.bfloat16):
            logits = finder.logits(picture)
        error = F.binary_cross_entropy_with_logits(logits.float(), areas.clamp(0, 1), reduction="none")
        loss = (error * known).mean((0, 2, 3)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean += (loss.item() - mean) / min(step + 1, 20)
    return mean


def _opened(file: Path) -> Tensor:
    with Image.open(file) as picture:
        return _tensor(picture)


def _tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).float() / 255


def _scaled(stacked: Tensor, scale: float) -> Tensor:
    size = [max(1, round(side * scale)) for side in stacked.shape[-2:]]
    return F.interpolate(stacked, size, mode="bilinear", antialias=scale < 1, align_corners=False)


def _cut(stacked: Tensor, height: int, width: int, choice: random.Random) -> Tensor:
    top, left = (choice.randrange(side - wanted + 1) for side, wanted in zip(stacked.shape[-2:], (height, width)))
    return stacked[..., top : top + height, left : left + width].clone()
