"""The size of the strokes: pictures are painted on a smaller canvas and enlarged.

The strokes that a TNet has learned have one size in pixels, so the larger a picture, the finer it is painted.
On a canvas of 1 / `brush` of its sides they come out `brush` times as large; the photograph's finest detail is lost.
"""

from __future__ import annotations

from ..networks.tnet import MIN_SIDE
from .look import KNOBS


def canvas_size(height: int, width: int, brush: float) -> tuple[int, int]:
    """Height and width at which a picture is painted, px: no side below `MIN_SIDE` unless it was so."""
    KNOBS["brush"].check("brush", brush)
    height, width = (max(min(side, MIN_SIDE), round(side / brush)) for side in (height, width))
    return height, width
