"""`zmnet demo`: the bundled photographs in the styles of the bundled paintings, on one sheet."""

from __future__ import annotations

from PIL import Image, ImageOps

from ..assets import DEMO_PICTURES
from ..images.picture import Picture, fit_short_side, read_picture
from ..images.sheet import contact_sheet
from ..model import ZMNet
from ..styling.paint import encode_painting, stylize_picture

CELL = 288


def demo_sheet(model: ZMNet, cell: int = CELL) -> Image.Image:
    """Photographs down the left, paintings along the top, every combination between."""
    photographs = [read_picture(path).rgb for path in sorted((DEMO_PICTURES / "contents").glob("*.jpg"))]
    paintings = [read_picture(path).rgb for path in sorted((DEMO_PICTURES / "styles").glob("*.jpg"))]
    styles = [encode_painting(model, painting) for painting in paintings]
    rows = [[None, *(_square(painting, cell) for painting in paintings)]]
    for photograph in photographs:
        square = _square(fit_short_side(photograph, cell), cell)
        rows.append([square, *(stylize_picture(model, Picture(square), style).rgb for style in styles)])
    return contact_sheet(rows, cell, gap=8, margin=24)


def _square(picture: Image.Image, side: int) -> Image.Image:
    return ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)
