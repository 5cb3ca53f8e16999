"""ZM-Net: zero-shot image manipulation in real time.

>>> from zmnet_core import ZMNet
>>> model = ZMNet.from_pretrained("zmnet-base")
>>> model.stylize(photograph, painting).save("stylised.png")
"""

from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from .errors import ZMNetError
    from .model import ZMNet
    from .styling.regions import Regions
    from .styling.style import Style

__all__ = ["Regions", "Style", "ZMNet", "ZMNetError", "__version__"]


def __getattr__(name: str) -> object:
    # Loaded on first use: importing torch takes seconds, and `zmnet --help` does without it.
    from importlib import import_module

    modules = {"ZMNet": ".model", "Regions": ".styling.regions", "Style": ".styling.style", "ZMNetError": ".errors"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(modules[name], __name__), name)
