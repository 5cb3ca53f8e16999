"""The reviser: a draft painted small, enlarged, and the photograph's fine detail in; the finished picture out.

A TNet's strokes have one size in pixels, so a large picture comes out of it finely woven. Here it paints a small one,
the draft Y₀, where strokes are large and the network sees far; a small network R then writes the fine detail at full
size (as LapStyle, Lin et al. 2021, does for one style; here for any):

    Y = Y₀ + R(Y₀, X_c − X̃_c; γ_r, β_r)        γ_r, β_r = heads(γ, β)

with Y₀ and X̃_c, the photograph as the TNet has seen it, enlarged to full size. R is guided by the style that guides
the TNet, whatever it was made of: its own γ_r, β_r are written from the style's γ, β.

    layer    1       2      3 …             3 + blocks          4 + blocks    5 + blocks
    conv     d e     d w    R w × blocks    u e, + layer 1      c3s1-e        c3s1-12, as 2 × 2 pixels of 3
    scale    γ x + β in each                                                  none

All of it on planes of half and of a quarter of the picture's sides. Scales and shifts without an instance norm: nothing
in R depends on the rest of the picture, so tiles need no statistics, and the noise of a flat sky is not blown up to
full contrast.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..images.resize import resized
from .areas import Areas
from .heads import ResidualLayer, StyleHeads
from .layers import Conv, UpsampleConv
from .regions import RegionScales
from .tnet import DOWNSAMPLING, MIN_SIDE, Site
from .typed import Modules

EDGE, BLOCKS = 24, 4  # of a reviser of which nothing else is said
DRAFT_SIDE = 384  # px, short side of a draft if the picture allows
DRAFT_GAIN, DETAIL_GAIN = 4.0, 12.0
LEAK = 0.2
LEAST_FACTOR, MOST_FACTOR = 1.5, 4.0  # how many times as large as its draft a picture may be


class Reviser(nn.Module):
    """Y₀, X_c, (γ, β) → Y.

    Args:
        numbers: ΣC of the TNet's styles.
        width: channels of the planes of a quarter of the picture's size.
        edge: channels of the planes of half its size.
        blocks: residual blocks.
        hidden: size of ψ, from which γ_r, β_r are written.
        draft: short side of the draft, px.
    """

    least_factor, most_factor = LEAST_FACTOR, MOST_FACTOR
    relative = False
    offset: Tensor
    spread: Tensor

    def __init__(
        self,
        numbers: int,
        width: int = 64,
        edge: int = EDGE,
        blocks: int = BLOCKS,
        hidden: int = 128,
        draft: int = DRAFT_SIDE,
    ):
        super().__init__()
        if min(width, edge, hidden) < 1 or blocks < 0:
            raise ValueError("a reviser's width, edge and hidden are numbers of channels, and its blocks 0 or more.")
        if draft < MIN_SIDE:
            raise ValueError(f"a draft cannot have a short side of {draft} px: {MIN_SIDE} or more.")
        self.draft = draft
        self.sites = (
            Site("d1", 1, edge),
            Site("d2", 2, width),
            *(Site(f"r{block + 1}", 3 + block, width) for block in range(blocks)),
            Site("u1", 3 + blocks, edge),
            Site("c1", 4 + blocks, edge),
        )
        self.down1 = Conv(6, edge, 3, stride=2)
        self.down2 = Conv(edge, width, 3, stride=2)
        self.blocks = Modules(Modules((Conv(width, width, 3), Conv(width, width, 3))) for _ in range(blocks))
        self.up = UpsampleConv(width, edge)
        self.fine = Conv(edge, edge, 3)
        self.out = Conv(edge, 3 * 4, 3)  # a block of 2 × 2 pixels
        for conv in (each for each in self.modules() if isinstance(each, nn.Conv2d)):
            # Without norms planes keep their size only by such weights (He et al. 2015); torch's own are a third.
            nn.init.kaiming_normal_(conv.weight, LEAK)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
        for _, second in self.blocks:
            with torch.no_grad():
                second.weight.mul_(0.1)  # a block starts near identity
        nn.init.zeros_(self.out.weight)  # at the start the picture is the enlarged draft
        # Set by `calibrate` to the mean and spread of the training paintings' γ, β.
        self.register_buffer("offset", torch.zeros(2 * numbers))
        self.register_buffer("spread", torch.ones(2 * numbers))
        self.enter = nn.Linear(2 * numbers, hidden)
        self.layers = Modules(ResidualLayer(hidden) for _ in range(2))
        self.heads = StyleHeads(self.sites, [hidden] * len(self.sites))

    @property
    def radius(self) -> int:
        """Pixels that it sees around each, an upper bound, a multiple of 4."""
        return DOWNSAMPLING * (5 + 2 * len(self.blocks))

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights, and of what it takes."""
        return self.out.weight.dtype

    @property
    def calibrated(self) -> bool:
        """Whether `calibrate` was called, now or before the weights were saved."""
        return bool(self.spread.ne(1).any())

    @torch.no_grad()
    def calibrate(self, styles: Tensor) -> None:
        """Take offset and spread from the γ, β [N, 2, ΣC] of many paintings."""
        numbers = styles.flatten(1).float()
        self.offset.copy_(numbers.mean(0))
        self.spread.copy_(numbers.std(0).clamp_min(1e-2))

    def parts(self, draft: Tensor, contents: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """What it sees at full size: see `enlarged`."""
        return enlarged(draft, contents.to(draft.device), seen.to(draft.device))

    def parameters_of(self, style: Tensor) -> Tensor:
        """γ_r, β_r of a style's values [N, 2, ΣC]: [N, 2, ΣC_r]."""
        psi = self.enter(((style.flatten(1) - self.offset) / self.spread).to(self.enter.weight.dtype))
        for layer in self.layers:
            psi = layer(psi)
        return self.heads([psi] * len(self.heads.gamma))

    def forward(self, draft: Tensor, detail: Tensor, style: Tensor, areas: Areas | None = None) -> Tensor:
        """Revise.

        Args:
            draft: Y₀, the enlarged draft, [N, 3, H, W], H and W ≥ 16, any parity.
            detail: X_c − X̃_c of the photographs, [N, 3, H, W].
            style: [N or 1, 2, ΣC], γ and β of every site of the TNet; with areas [N or 1, R, 2, ΣC].
            areas: where each of R styles is.

        Returns:
            [N, 3, H, W], not clamped.
        """
        scaled: Scales | RegionScales
        if areas is None:
            scaled = Scales(self.parameters_of(style))
        else:
            scaled = RegionScales(
                self.parameters_of(style.flatten(0, 1)).unflatten(0, style.shape[:2]), areas, DOWNSAMPLING
            )
        height, width = draft.shape[-2:]
        x, missing = torch.cat((draft, detail), 1), (0, -width % DOWNSAMPLING, 0, -height % DOWNSAMPLING)
        # To about unit variance; in place, as below: these planes are the largest.
        x[:, :3].sub_(0.5).mul_(DRAFT_GAIN)
        x[:, 3:].mul_(DETAIL_GAIN)
        if any(missing):
            x = F.pad(x, missing, mode="reflect")
        fine = active(scaled(self.down1, x))
        x = active(scaled(self.down2, fine))
        for conv1, conv2 in self.blocks:
            x = x + conv2(active(scaled(conv1, x)))
        x = active(scaled(self.up, x).add_(fine))
        x = active(scaled(self.fine, x))
        return F.pixel_shuffle(self.out(x), 2)[..., :height, :width].add_(draft)


def active(x: Tensor) -> Tensor:
    """Leaky ReLU, in place: without a norm in front a plain one can die, and the whole network with it."""
    return F.leaky_relu_(x, LEAK)


class Window(NamedTuple):
    """What a training step revises: a square of the pictures, of drafts with this short side; px.

    With `down` or `right`, 0..3, a part of it is revised once more, so many pixels further: the network's grid of
    4 px lies otherwise there, and what is the picture's own stays where it is.
    """

    draft: int
    top: int
    left: int
    size: int
    down: int = 0
    right: int = 0

    def of(self, pictures: Tensor) -> Tensor:
        """[N, C, H, W] → [N, C, size, size]."""
        return pictures[..., self.top : self.top + self.size, self.left : self.left + self.size]

    def shifted(self, window: Tensor) -> Tensor:
        """What is revised once more of a window [N, C, size, size]: [N, C, size − 4, size − 4]."""
        side = self.size - DOWNSAMPLING
        return window[..., self.down : self.down + side, self.right : self.right + side]


class Revised(NamedTuple):
    """A window of revised pictures, and of the enlarged drafts: [N, 3, size, size], not clamped.

    `again`, [N, 3, size − 4, size − 4], is what `Window.shifted` of them is revised to, if there is a shift.
    """

    image: Tensor
    draft: Tensor
    again: Tensor | None = None


class Scales:
    """γ_r conv(x) + β_r, site after site along one pass."""

    def __init__(self, values: Tensor):
        self.values, self._next = values, 0

    def __call__(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        site = slice(self._next, self._next + conv.out_channels)
        self._next = site.stop
        gamma, beta = self.values[:, :, site].to(x.dtype).unbind(1)
        if len(gamma) > 1:
            return torch.addcmul(beta[..., None, None], conv(x), gamma[..., None, None])
        # One style for all: the scale is part of the weights, which are far fewer than pixels.
        weight = gamma[0, :, None, None, None] * conv.weight
        bias = beta[0] if conv.bias is None else gamma[0] * conv.bias + beta[0]
        return torch.func.functional_call(conv, {"weight": weight, "bias": bias}, x)


def enlarged(draft: Tensor, contents: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """What a reviser sees: the draft enlarged to the photographs' size, and their detail beyond what the TNet has seen.

    Args:
        draft: Y₀ as painted, [N, 3, h, w].
        contents: X_c, [N, 3, H, W].
        seen: the photographs as the TNet has seen them, [N, 3, h, w].
    """
    size = contents.shape[-2:]
    return resized(draft, size), resized(seen, size).neg_().add_(contents)
