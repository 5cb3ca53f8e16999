"""The command line: `zmnet`."""

from . import optimising
from .commands import app

__all__ = ["app", "optimising"]  # the verbs that are apart
