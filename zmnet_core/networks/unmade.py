"""Networks without memory for their weights: to compare them with a file before any is taken, and to give them the
file's weights without drawing others first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

NOWHERE = "meta"  # torch's device of tensors that have a shape and no numbers
# What is left out, of tensors and of torch.nn.init.
WRITES = {"uniform_", "normal_", "fill_", "zero_", "mul_", "zeros_", "ones_", "constant_"}
WRITES |= {"kaiming_uniform_", "kaiming_normal_"}


class _NothingWritten(TorchFunctionMode):
    """Writes nothing where there is no memory: the first `normal_` there, or `eye`, takes torch 2.13 a second."""

    def __torch_function__(
        self, function: Callable[..., Any], types: object, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name, named = getattr(function, "__name__", ""), kwargs or {}
        if name in WRITES:
            tensor = args[0] if args else named["tensor"]
            if tensor.is_meta:
                return tensor
        if name == "eye":
            return torch.empty(*args, device=NOWHERE)
        return function(*args, **named)


@contextmanager
def unmade() -> Iterator[None]:
    """Networks made in here have parameters without memory, on the device `meta`; only their `constant`s are real."""
    with torch.device(NOWHERE), _NothingWritten():
        yield


def constant(values: Sequence[object]) -> Tensor:
    """The fixed numbers of a network as a tensor, on the device that networks are made on. No file brings them, so they
    are also real in a network that is not.
    """
    device = torch.get_default_device()
    return torch.tensor(values, device="cpu" if device.type == NOWHERE else device)


def made_like(own: Tensor, found: Tensor) -> Tensor:
    """What was found in a file, in the type and layout of a network's own tensor: in memory of its own, on the CPU."""
    return torch.empty_strided(own.shape, own.stride(), dtype=own.dtype, device="cpu").copy_(found)
