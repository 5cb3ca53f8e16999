"""The command line: `zmnet`."""

from . import commands, workshop
from .application import app

__all__ = ["app", "commands", "workshop"]  # the verbs, in the order in which `zmnet --help` lists them
