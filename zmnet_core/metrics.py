"""How well a method stylises: the content and style errors of fixed pairs, the same for everyone.

For a pair (photograph, painting) and the method's picture Y, all relative to their targets:

    content   ‖φ(Y) − φ(X_c)‖² / ‖φ(X_c)‖²        at relu3_3
    style_l   ‖G_l(Y) − G_l(X_s)‖² / ‖G_l(X_s)‖²   at relu1_2, relu2_2, relu3_3, relu4_3
    total     content + 5 · mean of the four style errors
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from .images import to_pil
from .losses import STYLE_LAYERS, LossConfig, PerceptualLoss
from .vgg import VGG16

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


class Judge:
    """Scores pictures with one VGG-16, whatever the loss that a model was trained with."""

    def __init__(self, vgg: VGG16):
        self.loss = PerceptualLoss(vgg, LossConfig(kind="normalised", style_weight=5.0))

    @torch.no_grad()
    def __call__(self, stylised: Tensor, content: Tensor, painting: Tensor) -> Score:
        """One picture's score; [1, 3, H, W] each, the painting of any size."""
        terms = self.loss(stylised, content, self.loss.style_targets(painting))
        style = {layer: float(error) for layer, error in terms.style.items()}
        return Score(content=float(terms.content), **style, style=float(np.mean(list(style.values()))), total=float(terms.total))


@torch.no_grad()
def score_pairs(judge: Judge, method: Method, pairs: Iterable[tuple[Tensor, Tensor]]) -> tuple[list[Score], list[Tensor]]:
    """Run a method over pairs of [1, 3, H, W]; the scores and the pictures."""
    scores, pictures = [], []
    for content, painting in pairs:
        stylised = method(content, painting)
        scores.append(judge(stylised, content, painting))
        pictures.append(stylised)
    return scores, pictures


def summarise(scores: list[Score]) -> dict[str, dict[str, float]]:
    """Median and quartiles of every error: {error: {median, q1, q3}}."""
    rows = [asdict(score) for score in scores]
    columns = ("content", *STYLE_LAYERS, "style", "total")
    quartiles = {key: np.percentile([row[key] for row in rows], (25, 50, 75)) for key in columns}
    return {key: {"median": float(m), "q1": float(lo), "q3": float(hi)} for key, (lo, m, hi) in quartiles.items()}


def contact_sheet(rows: list[list[Tensor]], cell: int = 192, titles: list[str] | None = None) -> Image.Image:
    """Pictures [1, 3, H, W] in a grid, each fitted into a square of `cell` pixels on white."""
    head = 22 if titles else 0
    columns = max(len(row) for row in rows)
    sheet = Image.new("RGB", (columns * (cell + 4) + 4, len(rows) * (cell + 4) + 4 + head), "white")
    for column, title in enumerate(titles or []):
        ImageDraw.Draw(sheet).text((8 + column * (cell + 4), 6), title, fill="black")
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            image = to_pil(picture[0])
            image.thumbnail((cell, cell), Image.Resampling.LANCZOS)
            x = 4 + j * (cell + 4) + (cell - image.width) // 2
            y = 4 + head + i * (cell + 4) + (cell - image.height) // 2
            sheet.paste(image, (x, y))
    return sheet
