"""The reviser: a draft painted small, enlarged, and the photograph's fine detail in; the finished picture out.

A TNet's strokes have one size in pixels, so a large picture comes out of it finely woven. Here it paints a small one,
the draft Y₀, where strokes are large and the network sees far; a small network R then writes the fine detail at full
size (as LapStyle, Lin et al. 2021, does for one style; here for any):

    Y = Y₀ + R(Y₀, X_c − X̃_c; γ_r, β_r)        γ_r, β_r = heads(γ, β)

with Y₀ and X̃_c, the photograph as the TNet has seen it, enlarged to full size. R is guided by the style that guides
the TNet, whatever it was made of: its own γ_r, β_r are written from the style's γ, β.

    layer    1       2      3 …                  3 + blocks    4 + blocks   5 + blocks
    conv     d w/2   d w    R w × blocks         u w/2         u e          c3s1-3
    scale    γ x + β in each, and                + layer 1     none         none

Scales and shifts without an instance norm: nothing in R depends on the rest of the picture, so tiles need no
statistics, and the noise of a flat sky is not blown up to full contrast.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .brush import resized
from .errors import WrongModelError
from .heads import ResidualLayer, StyleHeads
from .layers import Conv, PictureConv, UpsampleConv
from .tnet import DOWNSAMPLING, MIN_SIDE, Site

DRAFT_SIDE = 384  # px, short side of a draft if the picture allows
LEAST_FACTOR, MOST_FACTOR = 1.5, 4.0  # how many times as large as its draft a picture may be


class Reviser(nn.Module):
    """Y₀, X_c, (γ, β) → Y.

    Args:
        numbers: ΣC of the TNet's styles.
        width: channels of the planes of a quarter of the picture's size.
        edge: channels of the planes of the picture's size.
        blocks: residual blocks.
        hidden: size of ψ, from which γ_r, β_r are written.
        draft: short side of the draft, px.
    """

    def __init__(
        self,
        numbers: int,
        width: int = 48,
        edge: int = 12,
        blocks: int = 4,
        hidden: int = 128,
        draft: int = DRAFT_SIDE,
    ):
        super().__init__()
        if min(width // 2, edge, hidden) < 1 or blocks < 0:
            raise ValueError(
                "a reviser's width (2 or more), edge, blocks and hidden are numbers of channels and layers."
            )
        if draft < MIN_SIDE:
            raise ValueError(f"a draft cannot have a short side of {draft} px: {MIN_SIDE} or more.")
        self.draft = draft
        half, layers = width // 2, 3 + blocks
        self.sites = (
            Site("d1", 1, half),
            Site("d2", 2, width),
            *(Site(f"r{block + 1}", 3 + block, width) for block in range(blocks)),
            Site("u1", layers, half),
        )
        self.down1 = Conv(6, half, 3, stride=2)
        self.down2 = Conv(half, width, 3, stride=2)
        self.blocks = nn.ModuleList(
            nn.ModuleList((Conv(width, width, 3), Conv(width, width, 3))) for _ in range(blocks)
        )
        self.up1 = UpsampleConv(width, half)
        self.up2 = UpsampleConv(half, edge)
        self.out = PictureConv(edge, 3, 3)
        nn.init.zeros_(self.out.weight)  # at the start the picture is the enlarged draft
        nn.init.zeros_(self.out.bias)
        # Set by `calibrate` to the mean and spread of the training paintings' γ, β.
        self.register_buffer("offset", torch.zeros(2 * numbers))
        self.register_buffer("spread", torch.ones(2 * numbers))
        self.enter = nn.Linear(2 * numbers, hidden)
        self.layers = nn.ModuleList(ResidualLayer(hidden) for _ in range(2))
        self.heads = StyleHeads(self.sites, [hidden] * layers)

    @property
    def radius(self) -> int:
        """Pixels that it sees around each, an upper bound, a multiple of 4."""
        return DOWNSAMPLING * (4 + 2 * len(self.blocks))

    @property
    def calibrated(self) -> bool:
        """Whether `calibrate` was called, now or before the weights were saved."""
        return bool((self.spread != 1).any())

    @torch.no_grad()
    def calibrate(self, styles: Tensor) -> None:
        """Take offset and spread from the γ, β [N, 2, ΣC] of many paintings."""
        numbers = styles.flatten(1).float()
        self.offset.copy_(numbers.mean(0))
        self.spread.copy_(numbers.std(0).clamp_min(1e-2))

    def parameters_of(self, style: Tensor) -> Tensor:
        """γ_r, β_r of a style's values [N, 2, ΣC]: [N, 2, ΣC_r]."""
        psi = self.enter(((style.flatten(1) - self.offset) / self.spread).to(self.enter.weight.dtype))
        for layer in self.layers:
            psi = layer(psi)
        return self.heads([psi] * len(self.heads.gamma))

    def forward(self, draft: Tensor, detail: Tensor, style: Tensor) -> Tensor:
        """Revise.

        Args:
            draft: Y₀, the enlarged draft, [N, 3, H, W], H and W ≥ 16, any parity.
            detail: X_c − X̃_c of the photographs, [N, 3, H, W].
            style: [N or 1, 2, ΣC], γ and β of every site of the TNet.

        Returns:
            [N, 3, H, W], not clamped.
        """
        scale = Scales(self.parameters_of(style))
        height, width = draft.shape[-2:]
        x, missing = torch.cat((draft * 2 - 1, detail * 2), 1), (0, -width % DOWNSAMPLING, 0, -height % DOWNSAMPLING)
        if any(missing):
            x = F.pad(x, missing, mode="reflect")
        fine = scale(self.down1(x)).relu()
        x = scale(self.down2(fine)).relu()
        for conv1, conv2 in self.blocks:
            x = x + conv2(scale(conv1(x)).relu())
        x = (scale(self.up1(x)) + fine).relu()
        x = self.up2(x).relu()
        return draft + self.out(x)[..., :height, :width]


class Window(NamedTuple):
    """What a training step revises: a square of the pictures, of drafts with this short side; px."""

    draft: int
    top: int
    left: int
    size: int

    def of(self, pictures: Tensor) -> Tensor:
        """[N, C, H, W] → [N, C, size, size]."""
        return pictures[..., self.top : self.top + self.size, self.left : self.left + self.size]


class Revised(NamedTuple):
    """A window of revised pictures, and of the enlarged drafts: [N, 3, size, size], not clamped."""

    image: Tensor
    draft: Tensor


class Scales:
    """γ_r x + β_r, site after site along one pass."""

    def __init__(self, values: Tensor):
        self.values, self._next = values, 0

    def __call__(self, x: Tensor) -> Tensor:
        site = slice(self._next, self._next + x.shape[1])
        self._next = site.stop
        gamma, beta = self.values[:, :, site, None, None].to(x.dtype).unbind(1)
        return torch.addcmul(beta, x, gamma)


def draft_size(reviser: Reviser | None, height: int, width: int, draft: int | None = None) -> tuple[int, int] | None:
    """Height and width of the draft of a picture, px; None: the picture is painted as it is.

    Args:
        reviser: of the model; without one there are no drafts.
        height, width: of the picture.
        draft: short side wanted. None: the reviser's own, larger for a picture more than `MOST_FACTOR` times as large,
            none for one less than `LEAST_FACTOR` times as large. 0: no draft.

    Raises:
        WrongModelError: a draft is wanted of a model without a reviser.
        ValueError: it would be too large for this picture, or smaller than any picture.
    """
    if draft == 0 or (reviser is None and draft is None):
        return None
    if reviser is None:
        raise WrongModelError(
            f"a draft of {draft} px is wanted, and this model has no reviser to bring it to the picture's size: leave "
            "the draft out, or take a model that has one (zmnet-bold)."
        )
    short = min(height, width)
    largest = int(short / LEAST_FACTOR)
    if draft is None:
        draft = max(reviser.draft, round(short / MOST_FACTOR))
        if draft > largest:
            return None
    elif not MIN_SIDE <= draft <= largest:
        room = f"it can be {MIN_SIDE} to {largest} px" if largest >= MIN_SIDE else "it is too small for one"
        raise ValueError(
            f"a draft with a short side of {draft} px does not suit a picture of {width} × {height} px: {room}; 0 "
            "paints it at full size."
        )
    return tuple(max(MIN_SIDE, round(side * draft / short)) for side in (height, width))


def can_revise(reviser: Reviser | None, canvas: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether what was painted on a canvas leaves a reviser something to do at the picture's size."""
    return reviser is not None and min(size) >= LEAST_FACTOR * min(canvas)


def enlarged(draft: Tensor, contents: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """What a reviser sees: the draft enlarged to the photographs' size, and their detail beyond what the TNet has seen.

    Args:
        draft: Y₀ as painted, [N, 3, h, w].
        contents: X_c, [N, 3, H, W].
        seen: the photographs as the TNet has seen them, [N, 3, h, w].
    """
    size = contents.shape[-2:]
    return resized(draft, size), contents - resized(seen, size)
