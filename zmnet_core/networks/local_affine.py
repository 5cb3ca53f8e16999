"""The photograph itself, in the colours that a TNet has given a small copy of it: for models that keep it a photograph.

A TNet draws everything anew, through planes of a quarter of the picture's sides and norms that forget how light the
picture was, so a face or a brick comes out softer than it was, and paler or darker. Here it draws a small copy twice,
in the wanted style, Y₀, and in a style of reference, X̃, in which a photograph is what it is. In every window ω the
affine map is found that comes nearest to taking X̃ to Y₀, and it is the photograph X_c that is mapped, at full size:

    A, b = argmin Σ_ω ‖A X̃ + b − Y₀‖² + ε ‖A − A₀‖²,        Y = Ā X_c + b̄        A [3, 3], b [3]

with Ā, b̄ the means over the windows that hold a pixel, enlarged (the guided filter of He, Sun and Tang 2013, in its
fast form of 2015), and A₀ the best map for the whole picture, which holds where a window is flat, as in a sky. What
blurs both drawings, or has faded both, is not in the map; the style of reference itself gives the photograph, value for
value. A lamp that is lit stays lit, for a window of the house was darker than its wall; but nothing is drawn that was
not there, so it is no way to make a painting.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .areas import Areas
from .tnet import MIN_SIDE

KIND = "local-affine"
DRAFT_SIDE = 288  # px, short side of what the TNet draws
RADIUS = 3  # of a window, in pixels of half the draft's size
EPSILON = 1e-3  # ε, of colours in 0..1
EPSILON_OF_ALL = 1e-4  # the same for A₀, which falls back on A = 1
ROWS, COLUMNS = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]  # of a symmetric matrix: its upper triangle
HALVED = 2  # the maps are found at half the draft's size: four times as fast, and smoother


class LocalAffine(nn.Module):
    """Y₀, X_c, X̃ → Y. What it does is learned by the TNet in front of it; its own weights are the style of reference.

    Args:
        numbers: ΣC of the TNet's styles.
        draft: short side of what the TNet draws, px.
        radius: of the windows, in pixels of half that size.
    """

    least_factor, most_factor = 1.0, 8.0  # how many times as large as its draft a picture may be
    dtype = torch.float32  # of its sums: the determinants of dark areas are small
    relative = True  # it goes by the difference of two drawings, so that norms need not be held from frame to frame
    radius = 0  # pixels that it sees around each of `parts`

    def __init__(self, numbers: int, draft: int = DRAFT_SIDE, radius: int = RADIUS):
        super().__init__()
        if draft < MIN_SIDE:
            raise ValueError(f"a draft cannot have a short side of {draft} px: {MIN_SIDE} or more.")
        self.draft, self.window = draft, radius
        self.reference = nn.Parameter(torch.stack((torch.ones(numbers), torch.zeros(numbers))))  # γ, β

    def parts(self, draft: Tensor, contents: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """What it needs at full size: the photographs, and Ā, b̄.

        Args:
            draft: Y₀ as drawn, [N, 3, h, w].
            contents: X_c, [N, 3, H, W].
            seen: X̃, the photographs drawn in the style of reference, [N, 3, h, w].

        Returns:
            [N, 3, H, W] and [N, 12, H, W], float32.
        """
        contents, seen, drawn = (each.to(draft.device, self.dtype) for each in (contents, seen, draft))
        return contents, maps_of(seen, drawn, contents.shape[-2:], self.window)

    def forward(self, contents: Tensor, maps: Tensor, style: Tensor, areas: Areas | None = None) -> Tensor:
        """Map the photographs: [N, 3, H, W], not clamped. Neither the style nor its areas matter any more."""
        return mapped(contents, maps)


def maps_of(seen: Tensor, drawn: Tensor, size: Sequence[int], radius: int) -> Tensor:
    """Ā and b̄ for a photograph of this height and width, [N, 12, H, W], of two drawings [N, 3, h, w]."""
    maps = local_maps(halved(seen), halved(drawn), radius)
    return F.interpolate(maps, size, mode="bilinear", align_corners=False)


def mapped(photographs: Tensor, maps: Tensor) -> Tensor:
    """Y = Ā X_c + b̄, [N, 3, H, W], not clamped."""
    return (maps[:, :9].unflatten(1, (3, 3)) * photographs[:, None]).sum(2) + maps[:, 9:]


def halved(pictures: Tensor) -> Tensor:
    """[N, 3, h, w] → [N, 3, ⌈h/2⌉, ⌈w/2⌉]."""
    return F.avg_pool2d(pictures, HALVED, ceil_mode=True, count_include_pad=False)


def local_maps(seen: Tensor, drawn: Tensor, radius: int, epsilon: float = EPSILON) -> Tensor:
    """Ā and b̄ of every pixel: [N, 12, h, w], A's rows and then b.

    Args:
        seen: X̃, [N, 3, h, w].
        drawn: Y₀, [N, 3, h, w].
        radius: of the windows, px.
        epsilon: ε; the larger, the more contrast a window has to have before it differs from the whole picture.
    """
    middle, level = (each.mean((2, 3), keepdim=True) for each in (seen, drawn))
    seen, drawn = seen - middle, drawn - level  # a covariance is a small difference of large numbers
    squares, both = seen[:, ROWS] * seen[:, COLUMNS], (drawn[:, :, None] * seen[:, None]).flatten(1, 2)
    unit = torch.eye(3, device=seen.device)[:, :, None, None]
    whole, squares_of_all = (each.mean((2, 3), keepdim=True) for each in (both, squares))
    everywhere = affine(whole, squares_of_all, unit, EPSILON_OF_ALL)
    mean, aim = box(seen, radius), box(drawn, radius)
    squares = box(squares, radius) - mean[:, ROWS] * mean[:, COLUMNS]
    both = box(both, radius) - (aim[:, :, None] * mean[:, None]).flatten(1, 2)
    linear = affine(both, squares, everywhere, epsilon)
    offset = level + aim - (linear * (middle + mean)[:, None]).sum(2)
    return box(torch.cat((linear.flatten(1, 2), offset), 1), radius)


def affine(both: Tensor, squares: Tensor, fallback: Tensor, epsilon: float) -> Tensor:
    """argmin ‖A x − y‖² + ε ‖A − A₀‖² = (Cov(y, x) + ε A₀) (Cov(x, x) + ε 1)⁻¹, [N, 3, 3, h, w].

    Args:
        both: Cov(y, x), [N, 9, h, w], by rows of y.
        squares: Cov(x, x), upper triangles [N, 6, h, w].
        fallback: A₀, [N or 1, 3, 3, h or 1, w or 1].
        epsilon: ε.
    """
    squares = squares + squares.new_tensor([epsilon, 0, 0, epsilon, 0, epsilon])[:, None, None]
    return divided(both.unflatten(1, (3, 3)) + epsilon * fallback, squares)


def divided(rows: Tensor, symmetric: Tensor) -> Tensor:
    """R S⁻¹ of rows [N, R, 3, h, w] and positive definite S, upper triangles [N, 6, h, w]: [N, R, 3, h, w].

    By S = L D Lᵀ, which loses no digits where S is nearly singular, as that of grey areas is, and is fast on every
    device, which `torch.linalg` with as many small matrices is not.
    """
    xx, xy, xz, yy, yz, zz = (plane[:, None] for plane in symmetric.unbind(1))
    second, third = xy / xx, xz / xx
    middle = yy - second * xy
    last = (yz - second * xz) / middle
    least = zz - third * xz - last * last * middle
    x, y, z = rows.unbind(2)
    y = y - second * x
    z = (z - third * x - last * y) / least
    y = y / middle - last * z
    return torch.stack((x / xx - second * y - third * z, y, z), 2)


def box(pictures: Tensor, radius: int) -> Tensor:
    """Means over squares of 2 radius + 1 px, [N, C, h, w] → the same; the border is continued."""
    padded = F.pad(pictures, (radius,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * radius + 1, 1)


def drawn_photograph(photograph: Tensor, seen: Tensor, drawn: Tensor, radius: int = RADIUS) -> Tensor:
    """The photograph [N, 3, H, W] after two drawings X̃, Y₀ of its own size: one differentiable pass, to train by."""
    return mapped(photograph, maps_of(seen, drawn, photograph.shape[-2:], radius))
