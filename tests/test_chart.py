"""Curves: where points lie, and what cannot be drawn."""

import math

import numpy as np
import pytest
from PIL import ImageColor

from zmnet_core.images.chart import ABOVE, BELOW, COLOURS, LEFT, RIGHT, chart


def pixels(image, colour) -> np.ndarray:
    """Where a picture has a colour, [n, 2]: row, column."""
    return np.argwhere((np.asarray(image) == ImageColor.getrgb(colour)).all(2))


def test_points_lie_where_their_numbers_are():
    image = chart({"a": [(0, 4.0), (100, 1.0)]}, "loss", "steps", 400, 300)
    field = 300 - ABOVE - BELOW
    found = pixels(image, COLOURS[0])
    left, right = found[found[:, 1] <= LEFT + 1], found[found[:, 1] >= 400 - RIGHT]
    assert left[:, 0].mean() == pytest.approx(ABOVE, abs=1.5)
    assert right[right[:, 0] > ABOVE + 30][:, 0].mean() == pytest.approx(ABOVE + field * 3 / 4, abs=1.5)


def test_every_curve_has_its_colour_and_the_order_of_points_does_not_matter():
    curves = {"a": [(0, 1.0), (5, 0.5)], "b": [(5, 0.7), (0, 1.0)]}
    image = chart(curves, "loss", "steps")
    assert all(len(pixels(image, colour)) > 100 for colour in COLOURS[:2])
    assert not len(pixels(image, COLOURS[2]))
    turned = chart({name: points[::-1] for name, points in curves.items()}, "loss", "steps")
    assert image.tobytes() == turned.tobytes()


@pytest.mark.parametrize("points", [[], [(0, math.nan)], [(-1, 1.0)], [(math.inf, 1.0)]])
def test_what_cannot_be_drawn_is_refused(points):
    with pytest.raises(ValueError, match="a chart is of points"):
        chart({"a": points}, "loss", "steps")
