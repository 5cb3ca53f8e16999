"""How well a method stylises: the content and style errors of fixed pairs, the same for everyone.

For a pair (photograph, painting) and the method's picture Y, all relative to their targets:

    content   ‖φ(Y) − φ(X_c)‖² / ‖φ(X_c)‖²        at relu3_3; content4: at relu4_2
    style_l   ‖G_l(Y) − G_l(X_s)‖² / ‖G_l(X_s)‖²   at relu1_2, relu2_2, relu3_3, relu4_3; style: the mean of the four
    style_half, style_quarter   the same of Y and X_s at a half and a quarter of their sides: larger strokes
    total     content + 5 · style

What needs no network to look is in `figures`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from ..losses.perceptual import STYLE_LAYERS, gram_error, gram_matrix, reduced, squared_distance, squared_norm
from ..networks.vgg import VGG
from .figures import Figures, NoiseGain

CONTENT_LAYERS = {"content": "relu3_3", "content4": "relu4_2"}
SCALES = {"style": 1, "style_half": 2, "style_quarter": 4}  # the mean style error at 1/scale of the sides
STYLE_WEIGHT = 5.0

Method = Callable[[Tensor, Tensor], Tensor]  # content, painting → stylised; each [1, 3, H, W] in 0..1


@dataclass(frozen=True)
class Score:
    """The errors of one picture; lower is better."""

    content: float
    content4: float
    relu1_2: float
    relu2_2: float
    relu3_3: float
    relu4_3: float
    style: float  # mean of the four
    style_half: float
    style_quarter: float
    total: float  # content + 5 · style


@dataclass(frozen=True)
class Pair:
    """A photograph and a painting, [1, 3, H, W] each, with what pictures made of them are held against."""

    content: Tensor
    painting: Tensor
    content_features: dict[str, Tensor]
    grams: dict[int, dict[str, Tensor]]  # of the painting, {scale: {layer: Gram matrix}}


class Judge:
    """Scores pictures with one VGG, whatever the loss that a model was trained with."""

    def __init__(self, vgg: VGG):
        self.vgg = vgg

    @torch.no_grad()
    def pair(self, content: Tensor, painting: Tensor) -> Pair:
        """Look at a pair once, before any number of pictures are scored against it."""
        layers = tuple(CONTENT_LAYERS.values())
        grams = {scale: self._grams(painting, scale)[0] for scale in SCALES.values()}
        return Pair(content, painting, self.vgg(content, layers), grams)

    @torch.no_grad()
    def __call__(self, stylised: Tensor, pair: Pair) -> Score:
        """The errors of one picture [1, 3, H, W]."""
        errors: dict[str, float] = {}
        for name, scale in SCALES.items():
            grams, features = self._grams(stylised, scale)
            style = {layer: float(gram_error(grams[layer], gram)) for layer, gram in pair.grams[scale].items()}
            errors[name] = sum(style.values()) / len(style)
            if scale == 1:
                errors |= style
                for content, layer in CONTENT_LAYERS.items():
                    target = pair.content_features[layer]
                    errors[content] = float(squared_distance(features[layer], target) / squared_norm(target))
        return Score(**errors, total=errors["content"] + STYLE_WEIGHT * errors["style"])

    def _grams(self, picture: Tensor, scale: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Gram matrices of a picture at 1/scale of its sides, and the activations that content is compared in."""
        layers = (*STYLE_LAYERS, *CONTENT_LAYERS.values()) if scale == 1 else STYLE_LAYERS
        features = self.vgg(reduced(picture, scale), layers)
        return {layer: gram_matrix(features[layer]) for layer in STYLE_LAYERS}, features


def summarise(scores: Sequence[Score | Figures | NoiseGain]) -> dict[str, dict[str, float | None]]:
    """Median and quartiles of every value, of the pairs that have it: {value: {median, q1, q3}}; None if none has."""
    rows = [asdict(score) for score in scores]
    summary: dict[str, dict[str, float | None]] = {}
    for key in rows[0]:
        values = [row[key] for row in rows if row[key] is not None]
        found = np.percentile(values, (50, 25, 75)).tolist() if values else (None, None, None)
        summary[key] = dict(zip(("median", "q1", "q3"), found))
    return summary
