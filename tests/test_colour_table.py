"""A painting's colours for clips, by one table."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import picture_of
from zmnet_core.evaluation.figures import palette_distance
from zmnet_core.images.colour_table import SIDE, colour_shifts, shifted
from zmnet_core.images.transport import colour_quantiles


def table(picture: torch.Tensor, painting: torch.Tensor) -> torch.Tensor:
    return colour_shifts(picture, colour_quantiles(painting))


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10**6), amount=st.floats(0, 1))
def test_equal_colours_are_shifted_alike_wherever_they_are(seed, amount):
    shifts = table(picture_of(48, 64, 1), picture_of(48, 64, 2))
    frame = picture_of(24, 32, seed)
    order = torch.randperm(24 * 32, generator=torch.Generator().manual_seed(seed))
    mixed = frame.flatten(2)[..., order].view_as(frame)
    expected = shifted(frame, shifts, amount).flatten(2)[..., order].view_as(frame)
    torch.testing.assert_close(shifted(mixed, shifts, amount), expected, rtol=0, atol=1e-6)


def test_a_picture_in_its_own_colours_stays_as_it_is():
    picture = picture_of(90, 120, 3)
    assert (shifted(picture, table(picture, picture)) - picture).abs().max() < 2 / 255


@settings(deadline=None, max_examples=15)
@given(shift=st.lists(st.floats(-0.25, 0.25), min_size=3, max_size=3))
def test_a_painting_that_is_the_picture_shifted_gives_that_shift(shift):
    picture = 0.3 + 0.4 * picture_of(64, 80, 3)
    painting = picture + torch.tensor(shift).view(1, 3, 1, 1)
    torch.testing.assert_close(shifted(picture, table(picture, painting)), painting, rtol=0, atol=0.01)


def test_an_entry_of_the_table_is_the_shift_of_its_own_colour():
    """A table that is linear is read without error, each axis in its place."""
    axis = torch.linspace(0, 1, SIDE)
    red, green, blue = torch.meshgrid(axis, axis, axis, indexing="ij")
    shifts = torch.stack((-0.5 * red, 0.25 * blue, -0.1 * green, torch.ones_like(red)))[None]
    frame = 0.7 * torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    r, g, b = frame.unbind(1)
    expected = torch.stack((0.5 * r, g + 0.25 * b, b - 0.1 * g), 1).clamp(0, 1)
    torch.testing.assert_close(shifted(frame, shifts), expected, rtol=0, atol=1e-6)


def test_the_mean_of_tables_is_led_by_each_where_it_has_pixels():
    dark, bright, painting = 0.3 * picture_of(64, 64, 1), 0.7 + 0.3 * picture_of(64, 64, 2), picture_of(64, 64, 5)
    tables = [table(picture, painting) for picture in (dark, bright)]
    together = torch.stack(tables).mean(0)
    for picture, own in zip((dark, bright), tables):
        torch.testing.assert_close(shifted(picture, together), shifted(picture, own), rtol=0, atol=0.1)
        assert (shifted(picture, together) - shifted(picture, own)).abs().mean() < 0.01


def test_amount_is_how_far():
    picture, shifts = picture_of(40, 48, 3), table(picture_of(40, 48, 3), 0.5 * picture_of(40, 48, 4))
    whole, half = shifted(picture, shifts), shifted(picture, shifts, 0.5)
    inside = (whole > 0.01) & (whole < 0.99)
    torch.testing.assert_close(half[inside], ((picture + whole) / 2)[inside], rtol=0, atol=1e-6)
    torch.testing.assert_close(shifted(picture, shifts, 0.0), picture)


def test_the_palette_comes_nearer_and_noise_does_not_grow():
    picture = picture_of(256, 320, 1)
    painting = picture_of(200, 256, 9).square() * torch.tensor([1, 0.6, 0.3]).view(3, 1, 1)
    shifts = table(picture, painting)
    moved = shifted(picture, shifts)
    assert palette_distance(moved, painting) < 0.3 * palette_distance(picture, painting)
    noise = 0.01 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    change = shifted((picture + noise).clamp(0, 1), shifts) - moved
    assert change.std() < 1.3 * max(1.0, float(painting.std() / picture.std())) * 0.01


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_of_one_colour_the_table_is_finite(level):
    grey = torch.full((1, 3, 40, 40), level)
    for like, painting in ((grey, picture_of(40, 40, 2)), (picture_of(40, 40, 2), grey), (grey, grey)):
        assert table(like, painting).isfinite().all()


def test_half_precision_keeps_its_type():
    picture, shifts = picture_of(32, 32, 1), table(picture_of(32, 32, 1), picture_of(32, 32, 2))
    half = shifted(picture.bfloat16(), shifts)
    assert half.dtype == torch.bfloat16 and (half.float() - shifted(picture, shifts)).abs().max() < 0.02
