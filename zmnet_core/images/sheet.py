"""Pictures in a grid on white: every sheet of pictures that is shown to people."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .picture import to_pil

ABOVE = 12  # px that a line of titles is higher than its letters


def note(text: str, side: int, letters: int = 14) -> Image.Image:
    """A square of so many px with a text in place of a picture."""
    font = ImageFont.load_default(letters)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if font.getlength(longer) < side - 2 * letters else [*lines, word]
    square = Image.new("RGB", (side, side), "#eeeeee")
    place = (side / 2, side / 2)
    ImageDraw.Draw(square).multiline_text(place, "\n".join(lines), "black", font, anchor="mm", align="center")
    return square


def contact_sheet(
    rows: Sequence[Sequence[Image.Image | Tensor | None]],
    cell: int = 192,
    titles: Sequence[Sequence[str]] = (),
    labels: Sequence[str] = (),
    gap: int = 4,
    margin: int | None = None,
    letters: int = 10,
) -> Image.Image:
    """Each picture (PIL's, or [1, 3, H, W] in 0..1; None: a free place) in a square, made smaller if it has no room.

    Args:
        cell: side of the squares, px.
        titles: of the pictures of a row, above them; for the first rows, or for all.
        labels: of the rows, on their left.
        gap: px between pictures.
        margin: px around all of them; as the gap if left out.
        letters: height of titles and labels, px.
    """
    margin, step, font = gap if margin is None else margin, cell + gap, ImageFont.load_default(letters)
    left = margin + (8 + max(int(font.getlength(label)) for label in labels) if labels else 0)
    heads = [letters + ABOVE if row < len(titles) else 0 for row in range(len(rows))]
    width = left + max(map(len, rows)) * step - gap + margin
    sheet = Image.new("RGB", (width, margin + sum(heads) + len(rows) * step - gap + margin), "white")
    draw, top = ImageDraw.Draw(sheet), margin
    for row, pictures in enumerate(rows):
        for column, title in enumerate(titles[row] if heads[row] else ()):
            draw.text((left + 4 + column * step, top + 2), title, fill="black", font=font)
        top += heads[row]
        if labels:
            draw.text((4, top + cell // 2), labels[row], fill="black", font=font, anchor="lm")
        for column, picture in enumerate(pictures):
            if picture is None:
                continue
            image = picture.copy() if isinstance(picture, Image.Image) else to_pil(picture[0])
            image.thumbnail((cell, cell), Image.Resampling.LANCZOS)
            across, down = (cell - image.width) // 2, (cell - image.height) // 2
            sheet.paste(image, (left + column * step + across, top + down))
        top += step
    return sheet
