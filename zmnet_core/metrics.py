"""How well a method stylises: the content and style errors of fixed pairs, the same for everyone.

For a pair (photograph, painting) and the method's picture Y, all relative to their targets:

    content   ‖φ(Y) − φ(X_c)‖² / ‖φ(X_c)‖²        at relu3_3
    style_l   ‖G_l(Y) − G_l(X_s)‖² / ‖G_l(X_s)‖²   at relu1_2, relu2_2, relu3_3, relu4_3
    total     content + 5 · mean of the four style errors
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from .images import to_pil
from .losses import STYLE_LAYERS, gram_matrix, squared_distance, squared_norm
from .vgg import VGG16

CONTENT_LAYER, STYLE_WEIGHT = "relu3_3", 5.0

Method = Callable[[Tensor, Tensor], Tensor]  # content, painting → stylised; each [1, 3, H, W] in 0..1


@dataclass(frozen=True)
class Score:
    """The errors of one picture; lower is better."""

    content: float
    relu1_2: float
    relu2_2: float
    relu3_3: float
    relu4_3: float
    style: float  # mean of the four
    total: float  # content + 5 · style


@dataclass(frozen=True)
class Pair:
    """A photograph and a painting, [1, 3, H, W] each, with what pictures made of them are held against."""

    content: Tensor
    painting: Tensor
    content_features: Tensor
    grams: dict[str, Tensor]


class Judge:
    """Scores pictures with one VGG-16, whatever the loss that a model was trained with."""

    def __init__(self, vgg: VGG16):
        self.vgg = vgg

    @torch.no_grad()
    def pair(self, content: Tensor, painting: Tensor) -> Pair:
        """Look at a pair once, before any number of pictures are scored against it."""
        features = self.vgg(painting, STYLE_LAYERS)
        grams = {layer: gram_matrix(features[layer]) for layer in STYLE_LAYERS}
        return Pair(content, painting, self.vgg(content, (CONTENT_LAYER,))[CONTENT_LAYER], grams)

    @torch.no_grad()
    def __call__(self, stylised: Tensor, pair: Pair) -> Score:
        """The errors of one picture [1, 3, H, W]."""
        features = self.vgg(stylised, STYLE_LAYERS)
        target = pair.content_features
        content = float(squared_distance(features[CONTENT_LAYER], target) / squared_norm(target))
        style = {
            layer: float(squared_distance(gram_matrix(features[layer]), gram) / squared_norm(gram))
            for layer, gram in pair.grams.items()
        }
        mean = sum(style.values()) / len(style)
        return Score(content, **style, style=mean, total=content + STYLE_WEIGHT * mean)


def summarise(scores: list[Score]) -> dict[str, dict[str, float]]:
    """Median and quartiles of every error: {error: {median, q1, q3}}."""
    rows = [asdict(score) for score in scores]
    summary = {}
    for key in rows[0]:
        q1, median, q3 = np.percentile([row[key] for row in rows], (25, 50, 75))
        summary[key] = {"median": float(median), "q1": float(q1), "q3": float(q3)}
    return summary


def contact_sheet(
    rows: list[list[Tensor]], cell: int = 192, titles: list[str] | None = None, labels: list[str] | None = None
) -> Image.Image:
    """Pictures [1, 3, H, W] in a grid, each fitted into a square of `cell` pixels on white.

    Args:
        titles: of the columns, above them.
        labels: of the rows, on their left.
    """
    head = 22 if titles else 0
    side = 8 + max(int(ImageDraw.Draw(Image.new("L", (1, 1))).textlength(label)) for label in labels) if labels else 0
    columns = max(len(row) for row in rows)
    sheet = Image.new("RGB", (side + columns * (cell + 4) + 4, len(rows) * (cell + 4) + 4 + head), "white")
    for column, title in enumerate(titles or []):
        ImageDraw.Draw(sheet).text((side + 8 + column * (cell + 4), 6), title, fill="black")
    for i, label in enumerate(labels or []):
        ImageDraw.Draw(sheet).text((4, head + 4 + i * (cell + 4) + cell // 2), label, fill="black", anchor="lm")
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            image = to_pil(picture[0])
            image.thumbnail((cell, cell), Image.Resampling.LANCZOS)
            x = side + 4 + j * (cell + 4) + (cell - image.width) // 2
            y = 4 + head + i * (cell + 4) + (cell - image.height) // 2
            sheet.paste(image, (x, y))
    return sheet
