"""The command line: `zmnet`."""

from . import commands, optimising, workshop
from .application import app

__all__ = ["app", "commands", "optimising", "workshop"]  # the verbs, in the order in which `zmnet --help` lists them
