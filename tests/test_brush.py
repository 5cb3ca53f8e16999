"""The size of the strokes: the canvas, and what it leaves as it was."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zmnet_core.images.colour import recoloured
from zmnet_core.images.resize import resized
from zmnet_core.networks.tnet import MIN_SIDE
from zmnet_core.styling.brush import canvas_size
from zmnet_core.styling.look import KNOBS, Look
from zmnet_core.styling.paint import stylize_each, stylize_tensor, within_mask


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(1, KNOBS["brush"].most))
def test_the_canvas_is_smaller_by_the_brush_and_never_too_small_to_paint_on(height, width, brush):
    for side, before in zip(canvas_size(height, width, brush), (height, width), strict=True):
        assert min(before, MIN_SIDE) <= side <= before
        assert abs(side - before / brush) <= 0.5 or side == min(before, MIN_SIDE)


def test_a_brush_of_1_is_the_picture_as_learned(model, style, make_picture):
    contents = make_picture(61, 47, seed=1)
    assert torch.equal(stylize_tensor(model, contents, style, Look(brush=1.0)), model.apply(contents, style))


@pytest.mark.parametrize("tile", [None, 32])
def test_the_picture_is_that_of_the_smaller_photograph_enlarged(model, style, make_picture, tile):
    contents = make_picture(128, 96, seed=1)
    painted = stylize_tensor(model, contents, style, Look(brush=2.0, tile=tile))
    small = stylize_tensor(model, resized(contents, (64, 48)), style, Look(tile=tile))
    assert painted.shape == contents.shape
    torch.testing.assert_close(painted, resized(small, (128, 96)).clamp(0, 1))


def test_resizing_keeps_what_is_even_and_what_rises_evenly():
    even = torch.full((1, 3, 40, 60), 0.3)
    torch.testing.assert_close(resized(even, (17, 23)), torch.full((1, 3, 17, 23), 0.3))
    slope = (torch.arange(64) + 0.5).div(64).expand(1, 3, 64, 64)  # by the middles of its pixels
    for size in (32, 96):
        expected = (torch.arange(size) + 0.5).div(size).expand(1, 3, size, size)
        inside = slice(size // 8, -(size // 8))
        torch.testing.assert_close(resized(slope, (size, size))[..., inside], expected[..., inside])


def test_mask_and_colours_stay_as_fine_as_the_photograph(model, style, make_picture):
    contents, mask = make_picture(64, 64, seed=1), torch.zeros(1, 1, 64, 64)
    mask[..., 31:] = 1
    painted = stylize_tensor(model, contents, style, Look(brush=2.0))
    masked = stylize_tensor(model, contents, style, Look(brush=2.0), mask=mask)
    assert torch.equal(masked[..., :31], contents[..., :31])
    torch.testing.assert_close(masked, within_mask(contents, painted, mask))
    kept = stylize_tensor(model, contents, style, Look(brush=2.0, keep_colour=True))
    torch.testing.assert_close(kept, recoloured(painted, contents))


def test_half_precision_pictures_come_back_as_such(model, style, make_picture):
    contents = make_picture(64, 64, seed=1).half()
    assert stylize_each(model, contents, style, Look(brush=1.5)).dtype == torch.half


@pytest.mark.parametrize("brush", [0.5, 4.5, math.nan])
def test_a_brush_off_the_scale_is_refused_before_anything_is_painted(model, style, make_picture, brush):
    with pytest.raises(ValueError, match="brush is .* from 1 to 4 is expected"):
        stylize_tensor(
            model, make_picture(64, 64, seed=1), style, Look(brush=brush), step=lambda: pytest.fail("painted")
        )
