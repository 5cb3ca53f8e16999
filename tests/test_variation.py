"""Variation of pictures whose differences are known, and where it counts."""

import math

import pytest
import torch
import torch.nn.functional as F

from tests.pictures import halves
from zmnet_core.images.flatness import flatness
from zmnet_core.losses.variation import OCTAVES, flat_variation, total_variation
from zmnet_core.styling import calm
from zmnet_core.styling.calm import calmed


def test_total_variation_of_a_ramp_is_its_slope():
    ramp = 0.25 * torch.arange(8.0).expand(1, 3, 5, 8)
    assert total_variation(ramp).item() == pytest.approx(0.25)
    assert total_variation(ramp.transpose(2, 3)).item() == pytest.approx(0.25)
    assert total_variation(torch.full((1, 3, 4, 4), 0.5)).item() == 0


def test_a_picture_is_flat_where_no_edge_is_near():
    edge = halves(0.2, 0.9, 32)  # between columns 15 and 16
    for margin in (0, 4):
        found = flatness(edge, margin)
        assert found.shape == (1, 1, 32, 32)
        assert found[..., : 15 - margin].eq(1).all() and found[..., 17 + margin :].eq(1).all()
        assert found[..., 15 - margin : 17 + margin].lt(1e-6).all()
    slope = torch.linspace(0, 1, 41).expand(1, 3, 41, 41)  # 1/40 a pixel
    torch.testing.assert_close(flatness(slope), torch.full((1, 1, 41, 41), math.exp(-0.25)))


def test_the_photograph_itself_does_not_vary_beyond_the_photograph(make_picture):
    picture = make_picture(64, 64, 0)
    assert flat_variation(picture, picture).item() == 0
    assert flat_variation(picture.flip(3) / 2 + 0.25, torch.full_like(picture, 0.5)).item() > 0


def test_a_slope_in_a_flat_photograph_counts_in_every_octave():
    slope = torch.linspace(0, 0.63, 64).expand(1, 3, 64, 64)  # 0.01 a pixel
    flat = torch.full_like(slope, 0.5)
    assert flat_variation(slope, flat).item() == pytest.approx(0.01 * sum(OCTAVES), rel=1e-3)
    assert flat_variation(slope.transpose(2, 3), flat).item() == pytest.approx(0.01 * sum(OCTAVES), rel=1e-3)


def test_a_weave_counts_in_the_finest_octave_alone():
    weave = 0.5 + 0.1 * (torch.arange(64) % 2).expand(1, 3, 64, 64)
    assert flat_variation(weave, torch.full_like(weave, 0.5)).item() == pytest.approx(0.1, rel=1e-3)


def test_an_edge_may_grow_and_a_rim_beside_it_may_not():
    contents, taller, rimmed = halves(0.2, 0.8), halves(0.0, 1.0), halves(0.2, 0.8)
    rimmed[..., 42:46] += 0.2  # in the flat half, 10 px from the edge
    assert flat_variation(taller, contents).item() < 1e-6
    assert flat_variation(rimmed, contents).item() > 0.01


# Taken out of a finished picture ---------------------------------------------------------------


def woven(image: torch.Tensor) -> torch.Tensor:
    """The picture with stripes of ±0.1, two pixels wide."""
    stripes = 0.2 * (torch.arange(image.shape[-1]) // 2 % 2) - 0.1
    return image + stripes


def test_a_weave_in_a_flat_photograph_goes_and_a_slope_stays():
    slope = torch.linspace(0.2, 0.8, 64)[:, None].expand(1, 3, 64, 64)
    calm = calmed(torch.full((1, 3, 64, 64), 0.5), woven(slope), 1.0)
    inside = (..., slice(12, -12), slice(None))  # at the border a mean has one side only
    torch.testing.assert_close(calm[inside], slope[inside], rtol=0, atol=0.01)


def test_edges_keep_their_grain_and_do_not_bleed():
    photograph = halves(0.2, 0.8)
    calm = calmed(photograph, woven(photograph), 1.0)
    half = photograph.shape[-1] // 2
    torch.testing.assert_close(calm[..., half - 3 : half + 3], woven(photograph)[..., half - 3 : half + 3])
    for far in (slice(0, half - 8), slice(half + 8, None)):
        torch.testing.assert_close(calm[..., far], photograph[..., far], rtol=0, atol=0.03)


def test_half_as_calm_is_half_the_way():
    photograph, painted = torch.full((1, 3, 40, 40), 0.5), woven(torch.full((1, 3, 40, 40), 0.4))
    whole, half = (calmed(photograph, painted, amount) for amount in (1.0, 0.5))
    torch.testing.assert_close(half, (painted + whole) / 2)
    assert torch.equal(calmed(photograph, painted, 0.0), painted)


def test_tiles_leave_no_seams(make_picture, monkeypatch):
    photograph = F.avg_pool2d(make_picture(150, 40, 1), 9, 1, 4) / 4 + 0.4
    painted = make_picture(150, 40, 2)
    whole = calmed(photograph, painted, 1.0)
    monkeypatch.setattr(calm, "TILE", 32)
    torch.testing.assert_close(calmed(photograph, painted, 1.0), whole, rtol=0, atol=1e-5)
    assert (whole - painted).abs().mean() > 0.001


@pytest.mark.parametrize("amount", [-0.1, 1.1, math.nan])
def test_an_amount_off_the_scale_is_refused(amount):
    with pytest.raises(ValueError, match="from 0 "):
        calmed(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16), amount)
