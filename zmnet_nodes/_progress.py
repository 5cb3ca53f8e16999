"""The progress bar of a node, with the picture as far as it is painted, and the place where Cancel is obeyed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ._core import core

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

EVERY = 0.5  # s between two previews: ComfyUI takes some milliseconds to encode one
SHARE = 0.01  # of the time may go into making previews; the encoding is about as much again


class Progress:
    """A progress bar of `steps` steps.

    Previews are made only if ComfyUI's own setting asks for them (Live preview method, or --preview-method), in its
    size (--preview-size), and so seldom that they take less than 2 % of the time; beside them the last frame of
    several is always shown, since it stays.
    """

    def __init__(self, steps: int):
        from comfy.utils import ProgressBar

        self._bar = ProgressBar(steps)
        self._side = preview_side()
        self._next = time.perf_counter() + EVERY

    def step(self) -> None:
        """To be called once for every step. If Cancel was pressed, this raises ComfyUI's exception."""
        import comfy.model_management as management

        self._bar.update(1)
        management.throw_exception_if_processing_interrupted()

    def show(self, picture: Tensor | Callable[[], Tensor], always: bool = False) -> bool:
        """A picture, [3, H, W] or [1, 3, H, W], as far as it is done, or what makes one. It is shown if the last one
        is long ago, or always; whether it was is returned.
        """
        start = time.perf_counter()
        if not self._side or (start < self._next and not always):
            return False
        picture = picture() if callable(picture) else picture
        # ComfyUI would also enlarge a smaller picture to a size that it is told.
        self._bar.update_absolute(self._bar.current, preview=("JPEG", preview(picture, self._side), None))
        now = time.perf_counter()
        self._next = now + max(EVERY, (now - start) / SHARE)
        return True

    def over(self, frames: Iterable[Tensor]) -> Iterator[Tensor]:
        """The frames, [3, H, W] each, shown as they come; the last one of several whenever it comes."""
        several, shown, frame = False, True, None
        for index, frame in enumerate(frames):
            several, shown = index > 0, self.show(frame)
            yield frame
        if several and not shown and frame is not None:
            self.show(frame, always=True)


def preview_side() -> int:
    """The long side of previews, px; 0: none are wanted."""
    from comfy.cli_args import LatentPreviewMethod, args

    return 0 if args.preview_method == LatentPreviewMethod.NoPreviews else args.preview_size


def preview(picture: Tensor, side: int) -> Image.Image:
    """A small copy, at most `side` px long. What is much larger is thinned out first: a preview must cost nothing."""
    picture = picture if picture.dim() == 4 else picture[None]
    every = max(1, max(picture.shape[-2:]) // (2 * side))
    small = core("styling.tiling").small_copy(picture[:1, :, ::every, ::every].float(), side)
    return core("images.picture").to_pil(small[0].nan_to_num(0))
