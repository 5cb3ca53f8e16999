"""Dynamic colour normalisation: what DIN (Eq. 3) does to a channel, done to the three colours of the picture at once.

    y' = Γ L(y)⁻¹ (y − μ(y)) + β,      L Lᵀ = Σ(y) + ε

with μ, Σ the mean and covariance of the picture's colours and Γ, β those of the painting: Γ Γᵀ = Σ(X_s) + ε and
β = μ(X_s). The picture gets the painting's palette by construction (mean, contrast, saturation, hues), whatever the
network makes of its forms. Instance norms cannot do that: there is none at the output, and they know no covariances.

L is the Cholesky factor in axes of light and two colours, light first: light stays light, only stretched and
shifted, and colours are mixed of light and colours. So no edge is turned over, and there is a closed form.
"""

from __future__ import annotations

import torch
from torch import Tensor

NUMBERS = 6  # of the site: Γ row by row in γ; the three of the mean, the amount and two zeros in β
EPSILON = 1e-4  # variance (of 0..1), so that a picture without colours is not blown up to noise
# Rows: light, red against cyan, green against blue; orthonormal.
AXES = ((0.57735027, 0.57735027, 0.57735027), (0.81649658, -0.40824829, -0.40824829), (0.0, 0.70710678, -0.70710678))


def palette_values(images: Tensor, axes: Tensor | None = None) -> Tensor:
    """Γ and β of pictures' own colours: [N, 3, H, W] in 0..1 → [N, 2, 6], float32; the amount is 1.

    `axes` are `AXES` as a tensor, of a caller that keeps them on the pictures' device.
    """
    mean, factor = _moments(images, _float32(axes, images))
    one = torch.ones_like(mean[:, :1])
    return torch.stack((factor, torch.cat((mean, one, 0 * one, 0 * one), 1)), 1)


def normalise_colours(
    images: Tensor, gamma: Tensor, beta: Tensor, statistics: Tensor | None = None, axes: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Give pictures the colours that γ and β say.

    Args:
        images: [N, 3, H, W], float32.
        gamma, beta: [N or 1, 6] each. The amount in β, 0..1, is how far the picture goes there: with γ = 1 and β = 0,
            as of a site that is turned off, it stays as it is.
        statistics: frozen μ and L of an earlier call, [N or 1, 2, 6].
        axes: as of `palette_values`.

    Returns:
        [N, 3, H, W], not clamped; and the statistics that were used, [N, 2, 6].
    """
    axes = _float32(axes, images)
    if statistics is None:
        statistics = moments_of(images, axes)
    matrix, offset = colour_map(gamma, beta, statistics, axes)
    planes = matrix.expand(len(images), 3, 3) @ images.flatten(2) + offset[..., None]
    return planes.view_as(images), statistics


def moments_of(images: Tensor, axes: Tensor | None = None, weights: Tensor | None = None) -> Tensor:
    """The statistics of `normalise_colours`: μ and L of pictures' colours, [N, 3, H, W] → [N, 2, 6], float32.

    Args:
        axes: as of `palette_values`.
        weights: [N or 1, 1, H, W], how much each pixel counts.
    """
    mean, factor = _moments(images, _float32(axes, images), weights)
    return torch.stack((torch.cat((mean, torch.zeros_like(mean)), 1), factor), 1)


def colour_map(gamma: Tensor, beta: Tensor, statistics: Tensor, axes: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """What takes red, green and blue of a picture to the colours that γ and β say: a matrix [N, 3, 3], what is added
    [N, 3]; the arguments are those of `normalise_colours`.
    """
    axes = _float32(axes, statistics)
    mean, factor = statistics[:, 0, :3].float(), statistics[:, 1].float()
    gamma, beta = gamma.float(), beta.float()
    same = torch.eye(3, device=mean.device)
    with torch.autocast(mean.device.type, enabled=False):
        way = _lower(gamma) @ _inverse(_lower(factor)) - same
        shift = beta[:, :3] - mean - (way @ mean[..., None])[..., 0]
        amount = beta[:, 3:4]
        return axes.T @ (same + amount[..., None] * way) @ axes, (amount * shift) @ axes


def _float32(axes: Tensor | None, images: Tensor) -> Tensor:
    """The axes unrounded: a model in half precision has rounded its own."""
    if axes is not None and axes.dtype == torch.float32:
        return axes
    return images.new_tensor(AXES, dtype=torch.float32)


def _moments(images: Tensor, axes: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean [N, 3] and Cholesky factor [N, 6] of the pictures' colours, in `AXES`."""
    with torch.autocast(images.device.type, enabled=False):
        colours = axes @ images.float().flatten(2)
        if weights is None:
            mean = colours.mean(2, keepdim=True)
            centred = colours - mean
            covariance = centred @ centred.mT / colours.shape[2]
        else:
            shares = weights.float().flatten(2)
            shares = shares / shares.sum(2, keepdim=True).clamp_min(1e-12)
            mean = (colours * shares).sum(2, keepdim=True)
            centred = colours - mean
            covariance = (centred * shares) @ centred.mT
    return mean[..., 0], _cholesky(covariance)


def _cholesky(covariance: Tensor) -> Tensor:
    """L with L Lᵀ = Σ + ε, row by row: [N, 3, 3] → [N, 6]."""
    (xx, _, _), (xy, yy, _), (xz, yz, zz) = ([covariance[:, i, j] for j in range(3)] for i in range(3))
    a = (xx + EPSILON).sqrt()
    b, d = xy / a, xz / a
    c = (yy + EPSILON - b * b).clamp_min(EPSILON / 2).sqrt()
    e = (yz - d * b) / c
    f = (zz + EPSILON - d * d - e * e).clamp_min(EPSILON / 2).sqrt()
    return torch.stack((a, b, c, d, e, f), 1)


def _lower(rows: Tensor) -> Tensor:
    """[N, 6] → [N, 3, 3], the lower triangle row by row."""
    a, b, c, d, e, f = rows.unbind(1)
    o = torch.zeros_like(a)
    return torch.stack((a, o, o, b, c, o, d, e, f), 1).view(-1, 3, 3)


def _inverse(lower: Tensor) -> Tensor:
    """The inverse of lower triangles, [N, 3, 3]."""
    a, c, f = (lower[:, i, i] for i in range(3))
    b, d, e = lower[:, 1, 0], lower[:, 2, 0], lower[:, 2, 1]
    return _lower(torch.stack((1 / a, -b / (a * c), 1 / c, (b * e - c * d) / (a * c * f), -e / (c * f), 1 / f), 1))
