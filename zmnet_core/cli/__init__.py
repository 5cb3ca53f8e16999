"""The command line: `zmnet`."""

from .commands import app

__all__ = ["app"]
