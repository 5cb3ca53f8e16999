"""What a word is worth: the style loss of photographs repainted after it, to pictures of that word never trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...losses.perceptual import STYLE_LAYERS, gram_matrix, squared_distance, squared_norm
from ...markdown import table
from ...networks.tnet import TNet
from ...networks.vgg import VGG16

Grams = dict[str, Tensor]  # {layer: [N, C, C]}


class WordTest:
    """Repaints the same photographs after many styles.

    Args:
        tnet: of the model.
        vgg: the loss network.
        contents: [N, 3, H, W], photographs.
    """

    def __init__(self, tnet: TNet, vgg: VGG16, contents: Tensor):
        self.tnet, self.vgg, self.contents = tnet, vgg, contents

    @torch.no_grad()
    def grams(self, pictures: Tensor) -> Grams:
        """Gram matrices of pictures [P, 3, h, w]: of a word, or repainted."""
        features = self.vgg(pictures, STYLE_LAYERS)
        return {layer: gram_matrix(features[layer]) for layer in STYLE_LAYERS}

    @torch.no_grad()
    def painted(self, style: Tensor) -> Grams:
        """Those of the photographs, repainted after γ, β, [2, ΣC]."""
        return self.grams(self.tnet(self.contents, style[None]))

    @staticmethod
    def error(painted: Grams, wanted: Grams) -> float:
        """Median over photographs and pictures of the relative Gram error, mean of four layers."""
        errors = [
            [
                squared_distance(painted[layer], gram.expand_as(painted[layer])) / squared_norm(gram[None])
                for gram in wanted[layer]
            ]
            for layer in STYLE_LAYERS
        ]
        return float(torch.stack([torch.stack(layer) for layer in errors]).mean(0).median())


@dataclass(frozen=True)
class Table:
    """Errors {word: {method: error}}."""

    errors: Mapping[str, Mapping[str, float]]

    def mean(self, method: str) -> float:
        """The mean over words."""
        return sum(row[method] for row in self.errors.values()) / len(self.errors)

    def better(self, method: str, than: str) -> int:
        """On how many words one method is better than another."""
        return sum(row[method] < row[than] for row in self.errors.values())

    def lines(self, methods: Sequence[str]) -> list[str]:
        """A Markdown table: a line for each word, and the mean at the end."""
        rows = [[word, *(f"{row[method]:.2f}" for method in methods)] for word, row in self.errors.items()]
        rows.append(["**mean**", *(f"**{self.mean(method):.2f}**" for method in methods)])
        return list(table(["word", *methods], rows))
