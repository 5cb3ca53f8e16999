"""Convolutions of large pictures on a CPU, some rows at a time, and places where a pass can be stopped.

The numbers are the same to the bit. The padded copy and what the kernel copies for itself are as small as the strip,
and between two strips there is a pause: whoever waits can stop the pass there, within some tenths of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor

STRIP = 2e9  # multiplications: a tenth of a second or two on two cores; a picture of 768 × 768 hardly reaches it
PLANES = 2**25  # values: the like for operations value by value

_pause: ContextVar[Callable[[], None] | None] = ContextVar("pause", default=None)


@contextmanager
def pausing(call: Callable[[], None]) -> Iterator[None]:
    """Call this in every pause of every pass inside; what it raises ends the pass."""
    before = _pause.set(call)
    try:
        yield
    finally:
        _pause.reset(before)


def pause() -> None:
    """A place where a pass can be stopped."""
    if not torch.compiler.is_compiling() and (call := _pause.get()) is not None:
        call()


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    groups: int = 1,
    padding: int = 0,
    mode: str = "reflect",
    block: int = 1,
) -> Tensor:
    """`F.conv2d` of the padded planes; then every block² channels are laid out as block × block pixels of a plane.

    Args:
        x: [N, C, H, W].
        weight: [outputs · block², C / groups, K, K].
        bias: [outputs · block²].
        padding: rows and columns at each border, fewer than K / 2 if they are reflected, than K if replicated.
        mode: how they are filled, as in `F.pad`.

    Returns:
        [N, outputs, block · H', block · W'] with H' = (H + 2 padding − K) // stride + 1, and so W'.
    """
    pause()
    height, width = x.shape[-2:]

    def part(first: int, last: int) -> Tensor:
        """What comes of the rows first … last − 1, of which some lie in the padding."""
        rows = x[:, :, max(first, 0) : min(last, height)]
        if padding:
            rows = F.pad(rows, (padding, padding, max(-first, 0), max(last - height, 0)), mode=mode)
        y = F.conv2d(rows, weight, bias, stride, groups=groups)
        return F.pixel_shuffle(y, block) if block > 1 else y

    if torch.compiler.is_compiling() or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return part(-padding, height + padding)
    n, outputs, side = len(x), len(weight), weight.shape[2]
    down, across = ((length + 2 * padding - side) // stride + 1 for length in (height, width))
    rows = max(1, int(STRIP // (n * across * weight.numel())))
    if rows >= down or x.device.type != "cpu":
        return part(-padding, height + padding)
    y = x.new_empty(n, outputs // block**2, block * down, block * across)
    for top in range(0, down, rows):
        end = min(top + rows, down)
        y[:, :, block * top : block * end] = part(top * stride - padding, (end - 1) * stride - padding + side)
        pause()
    return y
