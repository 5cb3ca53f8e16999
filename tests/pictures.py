"""Pictures whose every value is known."""

import torch
from torch import Tensor


def halves(left: float, right: float, side: int = 64) -> Tensor:
    """A picture of two grey halves."""
    image = torch.full((1, 3, side, side), left)
    image[..., side // 2 :] = right
    return image
