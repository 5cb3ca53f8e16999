"""Variation of pictures whose differences are known, and where it counts."""

import math

import pytest
import torch
from pictures import halves

from zmnet_core.variation import OCTAVES, flat_variation, flatness, total_variation


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
