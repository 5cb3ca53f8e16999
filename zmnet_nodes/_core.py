"""The only file that knows where zmnet_core is."""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["core", "zmnet_core"]

if TYPE_CHECKING or not (__package__ or "").rpartition(".")[0]:  # at the top: pytest, pip, type checkers
    import zmnet_core
else:  # below a parent package: ComfyUI
    from .. import zmnet_core


def core(module: str) -> ModuleType:
    """A module of zmnet_core, loaded when a node first needs it: ComfyUI's start stays fast."""
    return import_module(f"{zmnet_core.__name__}.{module}")
