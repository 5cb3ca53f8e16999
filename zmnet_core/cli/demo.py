"""`zmnet demo`: the bundled photographs in the styles of the bundled paintings, on one sheet."""

from __future__ import annotations

from PIL import Image, ImageOps

from ..assets import DEMO_PICTURES
from ..images.picture import Picture, fit_short_side, read_picture
from ..model import ZMNet
from ..styling.paint import encode_painting, stylize_picture

CELL, GAP, MARGIN = 288, 8, 24


def contact_sheet(model: ZMNet, cell: int = CELL) -> Image.Image:
    """Photographs down the left, paintings along the top, every combination between."""
    photographs = [read_picture(path).rgb for path in sorted((DEMO_PICTURES / "contents").glob("*.jpg"))]
    paintings = [read_picture(path).rgb for path in sorted((DEMO_PICTURES / "styles").glob("*.jpg"))]
    step, corner = cell + GAP, cell + GAP + MARGIN
    size = (corner + step * len(paintings) + MARGIN, corner + step * len(photographs) + MARGIN)
    sheet = Image.new("RGB", size, "white")
    for column, painting in enumerate(paintings):
        sheet.paste(ImageOps.fit(painting, (cell, cell), Image.Resampling.LANCZOS), (corner + step * column, MARGIN))
    styles = [encode_painting(model, painting) for painting in paintings]
    for row, photograph in enumerate(photographs):
        top = corner + step * row
        square = ImageOps.fit(fit_short_side(photograph, cell), (cell, cell), Image.Resampling.LANCZOS)
        sheet.paste(square, (MARGIN, top))
        for column, style in enumerate(styles):
            stylised = stylize_picture(model, Picture(square), style).rgb
            sheet.paste(stylised, (corner + step * column, top))
    return sheet
