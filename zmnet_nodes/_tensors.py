"""ComfyUI's IMAGE [B, H, W, C] and MASK [B, H, W] as the library's tensors, and back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ._core import core

if TYPE_CHECKING:
    from torch import Tensor


def pictures(image: Tensor, what: str = "image") -> tuple[Tensor, Tensor | None]:
    """IMAGE → colours [B, 3, H, W], float32 in 0..1, and alpha [B, H, W, 1] if there is one.

    Where alpha is 0, the colours are those of the visible pixels around.

    Raises:
        ValueError: the tensor is no IMAGE, or holds NaN.
    """
    if image.dim() != 4 or image.shape[-1] not in (1, 3, 4) or 0 in image.shape:
        raise ValueError(
            f"{what}: an IMAGE is [batch, height, width, channels] with 1, 3 or 4 channels; "
            f"this is {list(image.shape)}."
        )
    colours = image[..., :3].float().movedim(-1, 1)
    if not colours.isfinite().all():
        raise ValueError(f"{what} holds NaN or infinite values: the node before this one gave a broken picture.")
    colours = colours.expand(-1, 3, -1, -1).clamp(0, 1).contiguous()
    if image.shape[-1] < 4:
        return colours, None
    alpha = image[..., 3:]
    seen = alpha.float().nan_to_num(0).clamp(0, 1).movedim(-1, 1)
    if not seen.flatten(1).any(1).all():
        logging.getLogger(__name__).warning("%s is transparent everywhere, and read as grey.", what)
    return core("images.alpha").filled(colours, seen), alpha


def masks(mask: Tensor | None, count: int) -> Tensor | None:
    """MASK [B, H, W] (or [H, W]) → [count or 1, 1, H, W], float32.

    A batch of another length is repeated or cut short, as ComfyUI's own nodes do it.

    Raises:
        ValueError: the tensor is no MASK.
    """
    if mask is None:
        return None
    if mask.dim() == 2:
        mask = mask[None]
    if mask.dim() == 4 and mask.shape[1] == 1:
        mask = mask[:, 0]
    if mask.dim() != 3 or 0 in mask.shape:
        raise ValueError(f"mask: a MASK is [batch, height, width]; this is {list(mask.shape)}.")
    if len(mask) > 1:  # one is for all pictures, and need not be copied for each
        mask = mask.repeat(-(-count // len(mask)), 1, 1)[:count]
    return mask.float().nan_to_num(0)[:, None]


def image_of(colours: Tensor, alpha: Tensor | None = None) -> Tensor:
    """[B, 3, H, W] → IMAGE, on ComfyUI's device for results; alpha is put back."""
    import comfy.model_management as management
    import torch

    image = colours.movedim(1, -1)
    if alpha is not None:
        alpha = alpha.to(image).expand(len(image), -1, -1, -1)
        image = torch.cat((image, alpha), -1)
    dtype = getattr(management, "intermediate_dtype", lambda: torch.float32)()  # from ComfyUI 0.17 on
    return image.contiguous().to(management.intermediate_device(), dtype)
