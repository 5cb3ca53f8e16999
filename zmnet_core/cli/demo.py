"""`zmnet demo`: the bundled photographs in the styles of the bundled paintings, on one sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image, ImageOps

from ..assets import DEMO_PICTURES
from ..images.picture import Picture, fit_short_side, read_picture
from ..images.sheet import contact_sheet
from ..model import ZMNet
from ..styling.paint import encode_painting, stylize_picture

CELL = 288


def demo_pictures() -> tuple[list[Image.Image], list[Image.Image]]:
    """The bundled photographs, and the bundled paintings."""
    photographs, paintings = (
        [read_picture(path).rgb for path in sorted((DEMO_PICTURES / kind).glob("*.jpg"))]
        for kind in ("contents", "styles")
    )
    return photographs, paintings


def demo_sheet(
    model: ZMNet,
    photographs: Sequence[Image.Image],
    paintings: Sequence[Image.Image],
    cell: int = CELL,
    step: Callable[[], object] = lambda: None,
) -> Image.Image:
    """Photographs down the left, paintings along the top, every combination between; `step` is called after each."""
    styles = [encode_painting(model, painting) for painting in paintings]
    rows = [[None, *(_square(painting, cell) for painting in paintings)]]
    for photograph in photographs:
        square = _square(fit_short_side(photograph, cell), cell)
        rows.append([square])
        for style in styles:
            rows[-1].append(stylize_picture(model, Picture(square), style).rgb)
            step()
    return contact_sheet(rows, cell, gap=8, margin=24)


def _square(picture: Image.Image, side: int) -> Image.Image:
    return ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)
