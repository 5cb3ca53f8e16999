"""The command line: `zmnet`."""

from .app import app

__all__ = ["app"]
