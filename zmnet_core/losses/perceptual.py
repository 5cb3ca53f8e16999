"""The perceptual loss: Gram matrices (Eq. 1) and the content + style objective (Eq. 2).

Two forms of the same idea:

`paper`       L = λ_s Σ_S ‖G(φ_l(Y)) − G(φ_l(X_s))‖²_F / Z_l² + λ_c Σ_C ‖φ_l(Y) − φ_l(X_c)‖²_F / Z_l
`normalised`  every term divided by the size of its target:
              content ‖Δφ_l‖² / ‖φ_l(X_c)‖², style ‖ΔG_l‖² / ‖G_l(X_s)‖²
              so that every painting has the same say and the scale of the VGG weights cancels.

Of a painting the normalised form keeps Gram matrices, or (`moments`) each layer's mean and centred covariance apart;
at one scale, or over a pyramid of smaller copies of picture and painting, in which larger strokes count.

Everything here is float32, whatever autocast the networks run under.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..networks.colour_norm import AXES
from ..networks.vgg import LAYER_ORDER, VGG16

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
CONTENT_LAYERS = ("relu3_3",)
# Colour × 3: it has a tenth of light's variance and would hardly be heard beside it.
LIGHT_AND_COLOUR = (AXES[0], *(tuple(3 * part for part in colour) for colour in AXES[1:]))
COLOURS, BLOCK, DIRECTIONS, QUANTILES = "colours", 4, 32, 64  # of `colour_quantiles`; the block's side in px
PALETTE, BLOCKS = "palette", (4, 16)  # the palette's name among the style terms; px, sides of the blocks it is taken of


def gram_matrix(features: Tensor) -> Tensor:
    """G(φ) = Φ Φᵀ / Z with Φ the C × HW matrix of activations and Z = C·H·W (Eq. 1).

    Dividing by Z here is the paper's 1/Z² of Eq. 2 taken inside the norm, where it also serves two
    pictures of different sizes. [N, C, H, W] → [N, C, C], float32.
    """
    x = _pixels(features)
    with torch.autocast(features.device.type, enabled=False):
        return x.mT @ x / (x.shape[1] * x.shape[2])


def moments(features: Tensor) -> Tensor:
    """Centred covariance and mean of activations, side by side: [N, C, H, W] → [N, C, C + 1], float32.

    What whitening and colouring transforms match (Li et al. 2017): [Σ | μ], Σ = Φ̄ Φ̄ᵀ / HW with Φ̄ = Φ − μ. A Gram
    matrix is their sum, (Σ + μ μᵀ) / C, in which the mean outweighs contrast and texture.
    """
    x = _pixels(features)
    mean = x.mean(1, keepdim=True)
    centred = x - mean
    with torch.autocast(features.device.type, enabled=False):
        return torch.cat((centred.mT @ centred / x.shape[1], mean.mT), 2)


def _pixels(features: Tensor) -> Tensor:
    """[N, C, H, W] → [N, HW, C], float32; a view, whichever of the two memory formats the activations have."""
    return features.float().permute(0, 2, 3, 1).flatten(1, 2)


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """‖a − b‖² of each picture: [N, …] → [N], float32."""
    return (a.float() - b.float()).square().flatten(1).sum(1)


def squared_norm(a: Tensor) -> Tensor:
    """‖a‖² of each picture: [N, …] → [N], float32."""
    return a.float().square().flatten(1).sum(1)


def gram_error(found: Tensor, wanted: Tensor) -> Tensor:
    """‖G − G_s‖² / ‖G_s‖²: `gram_matrix`s → [N]."""
    return squared_distance(found, wanted) / squared_norm(wanted).clamp_min(1e-12)


def moments_error(found: Tensor, wanted: Tensor) -> Tensor:
    """½ ‖Σ − Σ_s‖² / ‖Σ_s‖² + ‖μ − μ_s‖² / tr Σ_s: `moments` → [N].

    A painting of one colour has no covariance: Σ_s counts as at least a thousandth of ‖μ_s‖².
    """
    sigma, mu = found[..., :-1], found[..., -1]
    sigma_s, mu_s = wanted[..., :-1], wanted[..., -1]
    least = 1e-3 * squared_norm(mu_s) + 1e-12
    spread = squared_distance(sigma, sigma_s) / torch.maximum(squared_norm(sigma_s), least.square())
    shift = squared_distance(mu, mu_s) / torch.maximum(sigma_s.float().diagonal(dim1=-2, dim2=-1).sum(-1), least)
    return spread / 2 + shift


def gram_and_moments_error(found: Tensor, wanted: Tensor) -> Tensor:
    """The mean of `moments_error` and of the `gram_error` of Σ + μ μᵀ, the same Gram matrices but for a factor: [N].

    Moments alone let means drift, which a Gram matrix sees first; Gram matrices alone let contrast go.
    """
    grams = (each[..., :-1].float() + each[..., -1:].float() * each[..., -1:].float().mT for each in (found, wanted))
    return (gram_error(*grams) + moments_error(found, wanted)) / 2


STATISTICS = {
    "gram": (gram_matrix, gram_error),
    "moments": (moments, moments_error),
    "gram+moments": (moments, gram_and_moments_error),
}


def palette(image: Tensor) -> Tensor:
    """Covariance and mean of the colours of a picture's blocks: [N, 3, H, W] → [N, len(BLOCKS), 3, 4], float32.

    Gram matrices see every pixel, so grain can stand in for the contrast between large areas, and a flat, greyish
    picture scores as well as a bold one. Averaged over a block grain is gone, and what is left is the palette.
    """
    found = []
    for side in BLOCKS:
        colours = F.avg_pool2d(image.float(), side).flatten(2)
        mean = colours.mean(2, keepdim=True)
        centred = colours - mean
        with torch.autocast(image.device.type, enabled=False):
            found.append(torch.cat((centred @ centred.transpose(1, 2) / colours.shape[2], mean), 2))
    return torch.stack(found, 1)


def palette_error(found: Tensor, wanted: Tensor, axes: Tensor | None = None) -> Tensor:
    """‖C − C_s‖² / (‖C‖² + ‖C_s‖²) + |μ − μ_s|² / (tr C_s + 0.01), the mean over the blocks' sides: `palette`s → [N].

    In the axes of `LIGHT_AND_COLOUR`; a caller that keeps these on the pictures' device gives them. Covariances go
    with the fourth power of contrast: divided by the painting's alone, a photograph against a sheet of bare paper would
    outweigh all others ten thousand times. Divided by both, no contrast and far too much count 1.
    """
    axes = found.new_tensor(LIGHT_AND_COLOUR) if axes is None else axes
    with torch.autocast(found.device.type, enabled=False):
        c, c_s = (axes @ each[..., :3] @ axes.T for each in (found, wanted))
        shift = (axes @ (found - wanted)[..., 3:]).square().sum((-2, -1))
    variance = c_s.diagonal(dim1=-2, dim2=-1).sum(-1)
    size = c.square().sum((-2, -1)) + c_s.square().sum((-2, -1))
    return (
        (c - c_s).square().sum((-2, -1)) / size.clamp_min(1e-6)
        + shift / (variance + 0.01)  # 0.01: a picture of one colour has no variance
    ).mean(1)


def colour_directions() -> Tensor:
    """DIRECTIONS unit vectors in RGB, always the same: [DIRECTIONS, 3]."""
    return F.normalize(torch.randn(DIRECTIONS, 3, generator=torch.Generator().manual_seed(0)), dim=1)


def colour_quantiles(image: Tensor, directions: Tensor) -> Tensor:
    """The colours of a picture's blocks, projected on each direction and sorted, as QUANTILES means of equal shares.

    They say what moments do not: how many greys lie between two colours. [N, 3, H, W] → [N, DIRECTIONS, QUANTILES],
    float32, whatever the size of the picture.
    """
    colours = F.avg_pool2d(image.float(), BLOCK).flatten(2)
    with torch.autocast(image.device.type, enabled=False):
        return F.adaptive_avg_pool1d((directions @ colours).sort(2).values, QUANTILES)


def colour_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Sliced W₂² of colours over their variance, mean (q − q_s)² / (var q_s + 0.003): `colour_quantiles` → [N]."""
    variance = wanted.float().var(2, correction=0).mean(1)  # 0.003: a picture of one colour has none
    return (found.float() - wanted.float()).square().mean((1, 2)) / (variance + 0.003)


@dataclass(frozen=True)
class LossConfig:
    """Which loss, on which layers, how heavy.

    `style_layers` maps a layer to its weight among the style terms (they are averaged by weight in
    the normalised loss and summed by weight in the paper's). `compression` bounds the say of single
    paintings in the objective; the terms that are reported stay as they are.
    """

    kind: str = "normalised"
    style_weight: float = 5.0  # λ_s
    content_weight: float = 1.0  # λ_c
    style_layers: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STYLE_LAYERS, 1.0))
    content_layers: tuple[str, ...] = CONTENT_LAYERS
    compression: float = 0.0  # ε of `compress`; 0 leaves the style terms as they are
    palette_weight: float = 0.0  # of `palette_error` beside the mean of the layers' terms; 0: not computed
    colour_weight: float = 0.0  # of `colour_error`, the like
    statistic: str = "gram"  # what is matched of a layer, a key of STATISTICS
    scales: tuple[int, ...] = (1,)  # picture and painting are compared at 1/scale of their sides

    def __post_init__(self) -> None:
        if self.kind not in ("paper", "normalised"):
            raise ValueError(f"loss kind is 'paper' or 'normalised', not '{self.kind}'.")
        if self.statistic not in STATISTICS:
            raise ValueError(f"the statistic is one of {', '.join(STATISTICS)}, not '{self.statistic}'.")
        if self.kind == "paper" and (self.statistic, self.scales) != ("gram", (1,)):
            raise ValueError("Eq. 2 as printed has Gram matrices at one scale; the normalised loss has others, too.")
        if not self.scales or min(self.scales) < 1:
            raise ValueError(f"scales are whole numbers from 1 on, not {list(self.scales)}.")

    @property
    def kept(self) -> str:
        """What is kept of a painting's layer, a name: two statistics may be compared by the same numbers."""
        return "moments" if self.statistic == "gram+moments" else self.statistic

    @property
    def layers(self) -> tuple[str, ...]:
        """All layers the loss reads, shallow first."""
        wanted = {*self.style_layers, *self.content_layers}
        return tuple(name for name in LAYER_ORDER if name in wanted)


def compress(error: Tensor, epsilon: float) -> Tensor:
    """ε·log(1 + e/ε): e where the error is small, logarithmic where it is large; ε = 0 leaves e.

    A flat or nearly black painting has a tiny Gram matrix and so a relative error ten times the
    others'. Uncompressed, its gradient is all that is left of the batch after clipping.
    """
    return epsilon * torch.log1p(error / epsilon) if epsilon else error


def term(layer: str, scale: int) -> str:
    """The name of one style term: the layer's, with the scale behind it unless that is 1: relu1_2, relu1_2/4."""
    return layer if scale == 1 else f"{layer}/{scale}"


class PerceptualTerms(NamedTuple):
    """Each term per picture, before λ: content [N] and style {term: [N]}.

    `each` is the loss of each picture, [N], the sum of `weighted_style` and `weighted_content`; `total` is its mean.
    """

    total: Tensor
    content: Tensor
    style: dict[str, Tensor]
    each: Tensor
    weighted_style: Tensor
    weighted_content: Tensor


class PerceptualLoss(nn.Module):
    """Eq. 2 over a frozen VGG-16.

    `checkpointing` trades time for memory: the loss network's activations, most of what a training
    step keeps, are computed a second time instead.

    Usage: `targets = loss.style_targets(paintings)`, then `loss(stylised, contents, targets)`.
    """

    axes: Tensor
    directions: Tensor

    def __init__(self, vgg: VGG16, config: LossConfig = LossConfig(), checkpointing: bool = False):
        super().__init__()
        self.vgg, self.config, self.checkpointing = vgg, config, checkpointing
        self.register_buffer("axes", torch.tensor(LIGHT_AND_COLOUR), persistent=False)
        self.register_buffer("directions", colour_directions(), persistent=False)

    @torch.no_grad()
    def style_targets(self, paintings: Tensor) -> dict[str, Tensor]:
        """What is matched of the paintings, by `term`: Gram matrices [N, C, C] or moments [N, C, C + 1]; and the
        palette and the colours, if they have a say.
        """
        if not self.config.style_layers:
            return {}
        layers = tuple(self.config.style_layers)
        statistic, _ = STATISTICS[self.config.statistic]
        targets: dict[str, Tensor] = {}
        for scale in self.config.scales:
            features = self.vgg(reduced(paintings, scale), layers)
            targets |= {term(layer, scale): statistic(features[layer]) for layer in layers}
        if self.config.palette_weight:
            targets[PALETTE] = palette(paintings)
        if self.config.colour_weight:
            targets[COLOURS] = colour_quantiles(paintings, self.directions)
        return targets

    @torch.no_grad()
    def content_targets(self, contents: Tensor) -> dict[str, Tensor]:
        """Activations of the photographs at the content layers."""
        return self.vgg(contents, self.config.content_layers)

    def forward(
        self,
        stylised: Tensor,
        contents: Tensor,
        style_targets: dict[str, Tensor],
        content_targets: dict[str, Tensor] | None = None,
        faithful: Tensor | None = None,
    ) -> PerceptualTerms:
        """The loss of N stylised pictures against N photographs and what `style_targets` gave for N paintings.

        `content_targets` of the same photographs are computed here unless they are given; `faithful`, [N], are factors
        of each picture's λ_c.
        """
        config = self.config
        first = config.layers if 1 in config.scales else config.content_layers
        features = self._features(stylised, first)
        targets = content_targets or self.content_targets(contents)
        content = stylised.new_zeros(stylised.shape[0], dtype=torch.float32)
        for layer in config.content_layers:
            error = squared_distance(features[layer], targets[layer])
            if config.kind == "paper":
                content = content + error / features[layer][0].numel()  # Z_l
            else:
                content = content + error / squared_norm(targets[layer]).clamp_min(1e-8)

        statistic, relative_error = STATISTICS[config.statistic]
        style: dict[str, Tensor] = {}
        weighted = torch.zeros_like(content)
        for scale in config.scales:
            if scale > 1:
                features = self._features(reduced(stylised, scale), tuple(config.style_layers))
            for layer, weight in config.style_layers.items():
                name = term(layer, scale)
                found, wanted = statistic(features[layer]), style_targets[name]
                error = squared_distance(found, wanted) if config.kind == "paper" else relative_error(found, wanted)
                style[name] = error
                weighted = weighted + weight * compress(error, config.compression)
        if config.kind == "normalised":
            weighted = weighted / (len(config.scales) * sum(config.style_layers.values()))
        if config.palette_weight:
            style[PALETTE] = palette_error(palette(stylised), style_targets[PALETTE].float(), self.axes)
            weighted = weighted + config.palette_weight * compress(style[PALETTE], config.compression)
        if config.colour_weight:
            style[COLOURS] = colour_error(colour_quantiles(stylised, self.directions), style_targets[COLOURS])
            weighted = weighted + config.colour_weight * compress(style[COLOURS], config.compression)
        faith = config.content_weight if faithful is None else config.content_weight * faithful
        weighted_style, weighted_content = config.style_weight * weighted, faith * content
        each = weighted_style + weighted_content
        return PerceptualTerms(each.mean(), content, style, each, weighted_style, weighted_content)

    def _features(self, pictures: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        if self.checkpointing:  # compute the loss network again in the backward pass, keep nothing of it
            return checkpoint(self.vgg, pictures, layers, use_reentrant=False)
        return self.vgg(pictures, layers)


def reduced(pictures: Tensor, scale: int) -> Tensor:
    """Means over blocks of scale × scale px: [N, C, H, W] → [N, C, H / scale, W / scale]."""
    return pictures if scale == 1 else F.avg_pool2d(pictures, scale)


def saturation_penalty(logits: Tensor, limit: float = 3.5) -> Tensor:
    """Mean squared excess of the output's logits beyond ±limit, where the sigmoid stops learning."""
    return F.relu(logits.float().abs() - limit).square().mean()
