"""How steady a clip is: the warping error of Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018.

Each frame is laid over an earlier one by the motion that is seen in the clip before it was painted, and what differs is
squared:

    E = Σ M (V₁(x) − V₂(x + w(x)))² / Σ M,

w being the optical flow from the earlier frame to the later one, and M 1 where a point is seen in both, after Ruder,
Dosovitskiy and Brox, "Artistic Style Transfer for Videos", GCPR 2016: the flow there and back meets, and does not jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import NotInstalledError
from ..images.colour import TO_YCC

PACKAGE = "opencv-python-headless"


@dataclass(frozen=True)
class Motion:
    """What moved between two frames.

    Attributes:
        flow: [2, H, W], px to the right and down, from the first to the second.
        seen: [H, W], whether a point of the first is seen in the second as well.
    """

    flow: Tensor
    seen: Tensor


def motion(first: Tensor, second: Tensor) -> Motion:
    """The motion between two frames, [3, H, W] in 0..1: the flow of Kroeger et al. 2016 (DIS, of OpenCV).

    Raises:
        NotInstalledError: there is no OpenCV.
    """
    there, back = _flow(first, second), _flow(second, first)
    return Motion(there, seen_in_both(there, back))


def seen_in_both(there: Tensor, back: Tensor) -> Tensor:
    """Where points of the first frame are seen in the second, [H, W], by the flows [2, H, W] there and back."""
    returned = warped(back, there)
    size = there.square().sum(0)
    meets = (there + returned).square().sum(0) <= 0.01 * (size + returned.square().sum(0)) + 0.5
    steps = sum(torch.gradient(there, dim=dim)[0].square().sum(0) for dim in (1, 2))
    return meets & (steps <= 0.01 * size + 0.002) & _inside(there)


def warping_error(first: Tensor, second: Tensor, between: Motion) -> float:
    """E of two frames of a painted clip, [3, H, W] in 0..1; NaN if no point is seen in both."""
    squares = (first - warped(second, between.flow)).square().mean(0)
    return float(squares[between.seen].mean())


def mean_error(frames: Sequence[Tensor], motions: Sequence[Motion], apart: int) -> float:
    """The mean of E over a clip, for frames that are so far apart; motions[i] leads from frame i to frame i + apart."""
    errors = [warping_error(frames[index], frames[index + apart], each) for index, each in enumerate(motions)]
    known = [error for error in errors if error == error]
    return sum(known) / len(known) if known else float("nan")


def warped(picture: Tensor, flow: Tensor) -> Tensor:
    """What a picture [C, H, W] has at x + w(x), between its pixels the mean of them: [C, H, W]."""
    height, width = picture.shape[1:]
    x, y = _places(flow)
    grid = torch.stack((2 * x / max(1, width - 1) - 1, 2 * y / max(1, height - 1) - 1), -1)
    return F.grid_sample(picture[None], grid[None], "bilinear", "border", align_corners=True)[0]


def _places(flow: Tensor) -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(*(torch.arange(side, dtype=flow.dtype) for side in flow.shape[1:]), indexing="ij")
    return x + flow[0], y + flow[1]


def _inside(flow: Tensor) -> Tensor:
    x, y = _places(flow)
    return (x >= 0) & (x <= flow.shape[2] - 1) & (y >= 0) & (y <= flow.shape[1] - 1)


def _flow(first: Tensor, second: Tensor) -> Tensor:
    try:
        import cv2
    except ImportError as error:
        raise NotInstalledError(f"{error.name} is not installed: pip install {PACKAGE}") from error
    luma = torch.tensor(TO_YCC[0])
    grey = [(255 * torch.einsum("c,chw->hw", luma, each)).round().byte().numpy() for each in (first, second)]
    maker: Any = cv2  # whose own types lack it
    found: np.ndarray = maker.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)
    return torch.from_numpy(found).permute(2, 0, 1)
