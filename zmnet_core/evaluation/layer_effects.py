"""What each layer of a TNet carries of a style: light, colour, edges, texture (Fig. 7 of the paper, with figures).

For a photograph X_c and a painting X_s, let Y₀ be the picture in which every layer has the photograph's own γ, β, and Y
the one in which all have the painting's. Of a picture P in which some layers have the painting's and the others the
photograph's, the share of a quantity f is how far it goes from the one to the other:

    share = ⟨f(P) − f(Y₀), f(Y) − f(Y₀)⟩ / |f(Y) − f(Y₀)|²          0: as Y₀, 1: as Y

with f one of

    light       L* of areas of 16 × 16 px
    colour      a* and b* of these areas
    edges       slope of L* (blurred, σ 1 px) where the photograph is not flat, in areas of 4 × 4 px
    texture     deviation of what a blur of σ 3 px takes away of L*, where the photograph is flat, of 8 × 8 px

Layers are turned on alone, and turned off alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from statistics import median

import torch.nn.functional as F
from torch import Tensor

from ..images.colour import lab
from ..images.flatness import differences, flatness
from ..networks.constants import DIN_LAYERS, LAYER_GROUPS
from ..styling.network import StyleTransfer
from ..styling.style import Style
from .figures import blurred

QUANTITIES = ("light", "colour", "edges", "texture")
AREA, EDGE_AREA, TEXTURE_AREA = 16, 4, 8  # px
FINE, COARSE = 1.0, 3.0  # px, σ
LEAST = 1e-6  # of a change, for a share of it

Shares = dict[str, float]


class Effects:
    """What is found for one photograph [1, 3, H, W] and one painting.

    Raises:
        WrongModelError: the style is another model's, or the model is not guided by pictures.
    """

    def __init__(self, model: StyleTransfer, photograph: Tensor, style: Style):
        self._model, self._photograph, self._style = model, photograph, style
        self._own = model.encode_style(photograph)
        self._flat = flatness(F.avg_pool2d(photograph, 3, 1, 1, count_include_pad=False))
        self._start = quantities(self.painted(()), self._flat)
        end = quantities(self.painted(range(1, DIN_LAYERS + 1)), self._flat)
        self._way = {name: end[name] - self._start[name] for name in QUANTITIES}

    def painted(self, layers: Collection[int]) -> Tensor:
        """The picture in which these DIN layers have the painting's γ, β; the palette's site goes with the last."""
        weights = {layer: float(layer in layers) for layer in range(1, DIN_LAYERS + 1)}
        return self._model.apply(self._photograph, self._style.walk(self._own, 1.0, weights), draft=0)

    def shares(self, layers: Collection[int]) -> Shares:
        """How far each quantity goes with these layers alone."""
        found = quantities(self.painted(layers), self._flat)
        way = self._way
        return {
            name: float(
                ((found[name] - self._start[name]) * way[name]).sum() / way[name].square().sum().clamp_min(LEAST)
            )
            for name in QUANTITIES
        }


def quantities(picture: Tensor, flat: Tensor) -> dict[str, Tensor]:
    """f of a picture [1, 3, H, W] in 0..1, by name; `flat`, [1, 1, H, W], is where its photograph is flat."""
    colours = lab(picture.float().movedim(1, -1)).movedim(-1, 1)
    areas, light = F.avg_pool2d(colours, AREA), colours[:, :1]
    across, down = differences(blurred(light, FINE, "reflect"))
    slope = (F.pad(across, (0, 1)).square() + F.pad(down, (0, 0, 0, 1)).square()).sqrt()
    fine = (light - blurred(light, COARSE, "reflect")).square()
    weight = F.avg_pool2d(flat, TEXTURE_AREA).clamp_min(0.05)  # of hardly any flat pixels there is no deviation
    return {
        "light": areas[:, :1],
        "colour": areas[:, 1:],
        "edges": F.avg_pool2d(slope * (1 - flat), EDGE_AREA),
        "texture": (F.avg_pool2d(fine * flat, TEXTURE_AREA) / weight).sqrt(),
    }


def parts() -> dict[str, tuple[int, ...]]:
    """What is turned on and off: every layer, and every group of them."""
    layers = {str(layer): (layer,) for layer in range(1, DIN_LAYERS + 1)}
    return layers | {name: tuple(n for n in group if n <= DIN_LAYERS) for name, group in LAYER_GROUPS.items()}


def layer_effects(effects: Iterable[Effects], names: Collection[str] = ()) -> dict[str, dict[str, Shares]]:
    """Medians over pairs, by part of `parts` (those named; all if none are): {"alone": …, "without": …}."""
    chosen = {name: layers for name, layers in parts().items() if not names or name in names}
    found: dict[str, dict[str, list[Shares]]] = {name: {"alone": [], "without": []} for name in chosen}
    for each in effects:
        for name, layers in chosen.items():
            found[name]["alone"].append(each.shares(layers))
            found[name]["without"].append(each.shares(set(range(1, DIN_LAYERS + 1)) - set(layers)))
    return {name: {how: _medians(shares) for how, shares in both.items()} for name, both in found.items()}


def _medians(shares: Collection[Mapping[str, float]]) -> Shares:
    return {name: median(each[name] for each in shares) for name in QUANTITIES}
