"""Safetensors files, perhaps from a stranger: what a file says it holds is looked at before any of it is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from safetensors import SafetensorError, safe_open

from .files import plainly_named

LONGEST_HEADER = 2**22  # bytes; the largest model that ships has 21 KB
FLOATS = ("F16", "BF16", "F32", "F64")  # what weights and styles are, by the format's names


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """The file, as `safetensors.safe_open` gives it.

    Raises:
        OSError: the system does not open it.
        SafetensorError: its header is damaged, does not fit the file, or is longer than 4 MiB.
    """
    with open(path, "rb") as file:  # `safe_open` hides why a file does not open
        length = int.from_bytes(file.read(8), "little")
        if LONGEST_HEADER < length <= os.fstat(file.fileno()).st_size:
            raise SafetensorError(f"its header has {length} bytes, and {LONGEST_HEADER} are the most")
    with plainly_named(path) as plain, safe_open(plain, framework="pt") as tensors:
        yield tensors


def shapes_of(file: Any) -> dict[str, list[int]]:
    """The shape of every tensor in a file that is `opened`."""
    return {name: file.get_slice(name).get_shape() for name in file.keys()}


def not_floats(file: Any) -> list[str]:
    """The tensors in a file that is `opened` whose numbers are no floats, and what they are, for messages."""
    kinds: Mapping[str, str] = {name: str(file.get_slice(name).get_dtype()) for name in file.keys()}
    return sorted(f"{name} is {kind}" for name, kind in kinds.items() if kind not in FLOATS)
