"""The photographs and paintings that come with the pack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ._core import core, zmnet_core

if TYPE_CHECKING:
    from torch import Tensor

PICTURES = Path(zmnet_core.__file__).parent / "demo_pictures"


def example_pictures() -> dict[str, Path]:
    """Name → file, the photographs first."""
    return {file.stem: file for kind in ("contents", "styles") for file in sorted((PICTURES / kind).glob("*.jpg"))}


def read_example(name: str) -> Tensor:
    """One of them by its name, [1, 3, H, W] in 0..1."""
    images = core("images.picture")
    return images.to_tensor(images.read_picture(example_pictures()[name]).rgb)[None]
