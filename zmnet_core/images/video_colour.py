"""The colours of a video's frames: from whatever a camera or an encoder wrote to sRGB.

What the file says is obeyed: matrix, range, primaries, and the curves of HDR. The curves of BT.601 and BT.709 are taken
for that of sRGB, as players do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .colour import to_linear, to_srgb

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.reformatter import VideoReformatter

# In the numbers of ITU-T H.273, as in FFmpeg.
FULL = 2  # FFmpeg's own: the range 0..255
UNTAGGED = 2
WEIGHTS = {  # matrix: the weight of red and of blue in luma
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
HD = 720  # rows from which an untagged picture is BT.709
PQ, HLG = 16, 18  # transfer curves
BT2020, DISPLAY_P3 = 9, 12  # primaries
TO_SRGB = {  # linear light to that of sRGB's primaries; ITU-R BT.2087-0 and SMPTE EG 432-1
    BT2020: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    DISPLAY_P3: ((1.2249, -0.2247, -0.0002), (-0.0420, 1.0419, 0.0001), (-0.0197, -0.0786, 1.0983)),
}
WHITE = 203.0  # cd/m² of a white sheet in HDR (ITU-R BT.2408)
PEAK = 1000.0  # cd/m² of the brightest that is told apart from brighter ones
KNEE = 0.5  # of white: what is darker stays as it is


def is_hdr(frame: VideoFrame) -> bool:
    """Whether its light goes beyond white, so that it has to be brought down."""
    return frame.color_trc in (PQ, HLG)


def srgb_of(frame: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int], interpolation: str) -> Tensor:
    """A decoded frame as [3, height, width] in 0..1, sRGB, float32.

    Args:
        reformatter: of this thread.
        size: width and height, px, to which it is scaled.
        interpolation: FFmpeg's name of the filter, for that and for chroma.
    """
    colours = torch.from_numpy(_rgb(frame, reformatter, size, interpolation))
    if is_hdr(frame):
        primaries = BT2020 if frame.color_primaries == UNTAGGED else frame.color_primaries
        return to_srgb(tone_mapped(in_primaries(light_of(colours, frame.color_trc), primaries)))
    if frame.color_primaries in TO_SRGB:
        return to_srgb(in_primaries(to_linear(colours), frame.color_primaries).clamp(0, 1))
    return colours


def _rgb(frame: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int], interpolation: str) -> Any:
    """R'G'B' in 0..1 as the matrix and the range of the frame say, [3, height, width]."""
    from av.video.reformatter import ColorRange, Colorspace, Interpolation

    bits = max((part.bits for part in frame.format.components), default=8)
    is_rgb = frame.format.is_rgb or frame.format.has_palette
    if is_rgb:
        bits, format = (8, "gbrp") if bits <= 8 else (16, "gbrp16le")
    else:
        bits = next((depth for depth in (8, 9, 10, 12, 14) if bits <= depth), 16)
        format = "yuv444p" if bits == 8 else f"yuv444p{bits}le"
    matrix, full = Colorspace.ITU709, ColorRange.JPEG  # on both sides: so the numbers keep their sense
    plain = reformatter.reformat(
        frame, *size, format, matrix, matrix, Interpolation[interpolation], full, full, threads=1
    )
    planes = np.empty((3, *size[::-1]), np.float32)
    for place, plane in zip((1, 2, 0), plain.planes):  # they are green, blue, red; or luma and what is left of these
        planes[place] = _plane(plane, bits)
    most = np.float32(2**bits - 1)
    if is_rgb:
        planes /= most
        return planes
    grey = len(frame.format.components) < 3
    is_full = frame.color_range == FULL or frame.format.name.startswith("yuvj") or (grey and frame.color_range == 0)
    step = np.float32(2 ** (bits - 8))
    of_red, of_blue = (
        np.float32(part) for part in WEIGHTS.get(frame.colorspace, WEIGHTS[1 if frame.height >= HD else 6])
    )
    red, luma, blue = planes  # in place, since the frames of some clips are large
    luma -= 0 if is_full else 16 * step
    luma /= most if is_full else 219 * step
    for chroma, part in ((blue, of_blue), (red, of_red)):
        chroma -= 128 * step
        chroma *= 2 * (1 - part) / (most if is_full else 224 * step)
        chroma += luma  # now it is B' or R'
    luma -= of_blue * blue
    luma -= of_red * red
    luma /= 1 - of_red - of_blue  # now it is G'
    return planes.clip(0, 1, out=planes)


def _plane(plane: Any, bits: int) -> Any:
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
    return rows[:, : plane.width]


def light_of(colours: Tensor, curve: int) -> Tensor:
    """R'G'B' of HDR, [3, H, W], as light that a display gives, 1 for white (203 cd/m²): ITU-R BT.2100-2."""
    if curve == PQ:
        root = colours.pow(1 / 78.84375)
        light = ((root - 0.8359375).clamp_min(0) / (18.8515625 - 18.6875 * root)).pow(1 / 0.1593017578125)
        return light * (10000 / WHITE)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = torch.where(colours <= 0.5, colours.square() / 3, (((colours - c) / a).exp() + b) / 12)
    luminance = torch.einsum("c,chw->hw", torch.tensor([0.2627, 0.6780, 0.0593]), scene)
    return scene * luminance.pow(0.2) * (PEAK / WHITE)


def in_primaries(light: Tensor, primaries: int) -> Tensor:
    """Linear light of other primaries in those of sRGB, [3, H, W]; outside of 0..1 where sRGB has no such colour."""
    if primaries not in TO_SRGB:
        return light
    return torch.einsum("kc,chw->khw", torch.tensor(TO_SRGB[primaries]), light)


def tone_mapped(light: Tensor) -> Tensor:
    """Light from 0 to beyond white, [3, H, W], in 0..1: what is dark stays, what is bright comes nearer to 1.

    From the knee on it is Reinhard's curve, without a bend in it, that ends at `PEAK`. The largest of the three colours
    goes by it, and the others with it, so that hues stay.
    """
    light = light.clamp_min(0)
    largest = light.amax(0)
    above, end = (largest - KNEE).clamp_min(0) / (1 - KNEE), (PEAK / WHITE - KNEE) / (1 - KNEE)
    above = above.clamp_max(end)
    mapped = largest.clamp_max(KNEE) + (1 - KNEE) * above * (1 + above / end**2) / (1 + above)
    return (light * (mapped / largest.clamp_min(1e-6))).clamp(0, 1)
