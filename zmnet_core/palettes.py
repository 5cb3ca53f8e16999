"""Palettes: `zmnet_core.signals.palettes` under the name that programs know."""

from .images.colour import lab, srgb
from .signals.palettes import colours_of, histogram, palette_histogram, picture_histogram, rgb

__all__ = ["colours_of", "histogram", "lab", "palette_histogram", "picture_histogram", "rgb", "srgb"]
