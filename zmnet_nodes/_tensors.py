"""ComfyUI's IMAGE [B, H, W, C] and MASK [B, H, W] as the library's tensors, and back.

A clip is one IMAGE and can be gigabytes. `Pictures`, `Masks` and `joined` take it picture by picture, so that there is
no third copy of it beside what comes in and what goes out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ._core import core

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Pictures:
    """The colours of an IMAGE, picture by picture: [3, H, W], float32 in 0..1.

    Where alpha is 0, they are those of the visible pixels around.

    Attributes:
        shape: height and width, px.
        alpha: [B, H, W, 1], if there is one.

    Raises:
        ValueError: the tensor is no IMAGE, has no pictures, or holds NaN.
    """

    def __init__(self, image: Tensor, what: str = "image"):
        if image.dim() == 4 and len(image) == 0:
            raise ValueError(
                f"{what}: the batch is empty, there is no picture in it. If it comes from a video, look whether it has "
                "frames, and whether anything is left of it after it was cut."
            )
        if image.dim() != 4 or image.shape[-1] not in (1, 3, 4) or 0 in image.shape:
            raise ValueError(
                f"{what}: an IMAGE is [batch, height, width, channels] with 1, 3 or 4 channels; "
                f"this is {list(image.shape)}."
            )
        self._image = image
        self.shape = (int(image.shape[1]), int(image.shape[2]))
        self.alpha = image[..., 3:] if image.shape[-1] == 4 else None
        for number, picture in enumerate(image, 1):  # all of them, before any is painted
            if not all(bound.isfinite() for bound in picture[..., :3].aminmax()):
                which = f" in picture {number} of {len(image)}" if len(image) > 1 else ""
                raise ValueError(
                    f"{what} holds NaN or infinite values{which}: the node before this one gave a broken picture."
                )
        if self.alpha is not None and not all(seen.nan_to_num(0).max() > 0 for seen in self.alpha):
            logging.getLogger(__name__).warning("%s is transparent everywhere, and read as grey.", what)

    def __len__(self) -> int:
        return len(self._image)

    def __getitem__(self, index: int) -> Tensor:
        picture = self._image[index]
        colours = picture[..., :3].float().movedim(-1, 0).expand(3, -1, -1).clamp(0, 1).contiguous()
        if self.alpha is None:
            return colours
        seen = self.alpha[index].float().nan_to_num(0).clamp(0, 1).movedim(-1, 0)
        return core("images.alpha").filled(colours[None], seen[None])[0]


def pictures(image: Tensor, what: str = "image") -> tuple[Tensor, Tensor | None]:
    """IMAGE → colours [B, 3, H, W] and alpha [B, H, W, 1], all at once: see `Pictures`."""
    import torch

    found = Pictures(image, what)
    return torch.stack([found[index] for index in range(len(found))]), found.alpha


def thinned(image: Tensor, side: int) -> Tensor:
    """Every n-th pixel of a much larger IMAGE, four to eight times as long as `side`, px, or as long as it was: what is
    only shown small need not be read whole.
    """
    every = max(1, max(image.shape[1:3]) // (4 * side)) if image.dim() == 4 else 1
    return image[:, ::every, ::every]


class Masks:
    """A MASK for each of `count` pictures: [1, h, w], float32.

    A batch of another length is repeated or cut short, as ComfyUI's own nodes do it, with a word in the log.

    Raises:
        ValueError: the tensor is no MASK.
    """

    def __init__(self, mask: Tensor, count: int):
        if mask.dim() == 2:
            mask = mask[None]
        if mask.dim() == 4 and mask.shape[1] == 1:
            mask = mask[:, 0]
        if mask.dim() != 3 or 0 in mask.shape:
            raise ValueError(f"mask: a MASK is [batch, height, width]; this is {list(mask.shape)}.")
        tell_of_other_length(len(mask), count)
        self._mask, self._count = mask, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Tensor:
        return self._mask[index % len(self._mask)].float().nan_to_num(0)[None]


def tell_of_other_length(masks: int, count: int) -> None:
    """Say what becomes of so many masks for `count` pictures, if it is neither one nor one for each."""
    if masks not in (1, count):
        end = "they are repeated" if masks < count else "the others are left out"
        logging.getLogger(__name__).warning("%d masks for %d picture%s: %s.", masks, count, "s" * (count > 1), end)


def joined(painted: Iterable[Tensor], count: int, like: Pictures) -> Tensor:
    """`count` pictures [3, H, W], as they come, → IMAGE, in the size and with the alpha of those they were made of."""
    import torch

    channels = 3 if like.alpha is None else 4
    image = torch.empty((count, *like.shape, channels), device=results_device(), dtype=results_type())
    for index, picture in enumerate(painted):
        image[index, ..., :3] = picture.movedim(0, -1)
        if like.alpha is not None:
            image[index, ..., 3:] = like.alpha[index % len(like)]
    return image


def image_of(colours: Tensor, alpha: Tensor | None = None) -> Tensor:
    """[B, 3, H, W] → IMAGE, on ComfyUI's device for results; alpha is put back."""
    import torch

    image = colours.movedim(1, -1)
    if alpha is not None:
        alpha = alpha.to(image).expand(len(image), -1, -1, -1)
        image = torch.cat((image, alpha), -1)
    return image.contiguous().to(results_device(), results_type())


def results_device() -> torch.device:
    """Where ComfyUI wants results."""
    import comfy.model_management as management

    return management.intermediate_device()


def results_type() -> torch.dtype:
    """In which type it wants them."""
    import comfy.model_management as management
    import torch

    return getattr(management, "intermediate_dtype", lambda: torch.float32)()  # from ComfyUI 0.17 on
