"""Pictures: reading, writing, sizes, tensors."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .folders import find_pictures
    from .formats import SUFFIXES, WRITABLE
    from .picture import Picture, fit_short_side, read_picture, to_picture, to_pil, to_tensor, write_picture

__all__ = [
    "SUFFIXES",
    "WRITABLE",
    "Picture",
    "find_pictures",
    "fit_short_side",
    "read_picture",
    "to_picture",
    "to_pil",
    "to_tensor",
    "write_picture",
]


def __getattr__(name: str) -> object:
    # Loaded on first use: whoever looks for files, or writes a video's frames, does without torch.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = {"find_pictures": "folders", "SUFFIXES": "formats", "WRITABLE": "formats"}.get(name, "picture")
    return getattr(import_module(f".{module}", __name__), name)
