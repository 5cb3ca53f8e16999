"""The paper's experiments, one file each: a file NAME.py has a function NAME, whose parameters are its options."""

import importlib
import pkgutil
from collections.abc import Callable


def commands() -> list[Callable[..., object]]:
    """The commands of `train/reproduce.py`: one for each file here, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [getattr(importlib.import_module(f"{__name__}.{name}"), name) for name in names]
