"""Curves of a few numbers over steps, drawn with Pillow: for pages that experiments write."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

COLOURS = ("#1e4ca0", "#c0392b", "#3a7d34", "#8e5aa8", "#b8860b", "#444444")
GRID, LETTERS = "#dddddd", 13
LEFT, RIGHT, ABOVE, BELOW = 56, 16, 40, 44  # px around the field


def chart(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    title: str,
    across: str,
    width: int = 640,
    height: int = 360,
) -> Image.Image:
    """Curves with points, from 0 upwards; across it is log(1 + x), so that the first steps have their room.

    Args:
        curves: name → points (x, y), x from 0 on, all finite.
        title: what y is.
        across: what x is.
        width, height: px.

    Raises:
        ValueError: there is no point, or one that cannot be drawn.
    """
    points = [point for curve in curves.values() for point in curve]
    if not points or not all(math.isfinite(x) and math.isfinite(y) and x >= 0 for x, y in points):
        raise ValueError("a chart is of points (x, y) with finite numbers and x from 0 on, of one at least.")
    farthest, highest = max(1.0, max(x for x, _ in points)), _above(max(y for _, y in points))
    image, font = Image.new("RGB", (width, height), "white"), ImageFont.load_default(LETTERS)
    draw, field = ImageDraw.Draw(image), (width - LEFT - RIGHT, height - ABOVE - BELOW)

    def place(x: float, y: float) -> tuple[float, float]:
        share = math.log1p(x) / math.log1p(farthest)
        return LEFT + share * field[0], ABOVE + (1 - max(0.0, y) / highest) * field[1]

    draw.text((LEFT, 10), title, "black", font)
    draw.text((width - RIGHT, height - 8), across, "black", font, anchor="rd")
    for number in range(5):
        y = highest * number / 4
        draw.line([place(0, y), place(farthest, y)], GRID)
        draw.text((LEFT - 6, place(0, y)[1]), f"{y:.3g}", "black", font, anchor="rm")
    for x in sorted({x for x, _ in points}):
        draw.text((place(x, 0)[0], height - BELOW + 6), f"{x:g}", "black", font, anchor="mt")
    right = width - RIGHT
    for index, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[index % len(COLOURS)]
        found = [place(x, y) for x, y in sorted(curve)]
        draw.line(found, colour, 2, joint="curve")
        for x, y in found:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), colour)
        draw.text((right, ABOVE + 4 + index * (LETTERS + 5)), name, colour, font, anchor="rt")
    return image


def _above(value: float) -> float:
    """The next round number: 1, 2, 4 or 8 times a power of ten, at or above the value."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(number * power for number in (1.0, 2.0, 4.0, 8.0, 10.0) if number * power >= value * (1 - 1e-9))
