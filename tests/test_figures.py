"""Figures of pictures whose colours, contrast, grain and rims are known."""

import math

import pytest
import torch

from tests.pictures import halves
from zmnet_core.evaluation import figures
from zmnet_core.evaluation.figures import Scene, block_contrast, noise_gain, noisy_sky, palette_distance


def flat_colour(*rgb, side=64):
    return torch.tensor(rgb).view(1, 3, 1, 1).expand(1, 3, side, side)


def columns(low, high, height=64, width=64):
    """Grey columns of one pixel, low and high by turns."""
    return torch.where(torch.arange(width) % 2 == 0, low, high).expand(1, 3, height, width)


def chequered(low, high, block, side=64):
    squares = torch.arange(side) // block
    return torch.where((squares + squares[:, None]) % 2 == 0, low, high).expand(1, 3, side, side)


# Colours and contrast --------------------------------------------------------------------------


def test_palette_of_two_flat_colours_is_their_distance_projected():
    a, b, c = (flat_colour(*rgb) for rgb in ((0.2, 0.5, 0.5), (0.6, 0.5, 0.5), (0.4, 0.5, 0.5)))
    found = palette_distance(a, b)
    assert found == pytest.approx(0.4 / 2, rel=0.1)  # mean |cos| over a sphere: 1/2; 64 directions come near
    assert palette_distance(a, c) == pytest.approx(found / 2, rel=1e-4) == palette_distance(c, a)
    assert palette_distance(a, a) == 0


def test_palette_does_not_see_where_colours_are_nor_the_pictures_size():
    left, right = halves(0.1, 0.7, 256), halves(0.7, 0.1, 128)
    assert palette_distance(left, right) == pytest.approx(0, abs=1e-6)


def test_contrast_of_areas_sees_large_squares_and_no_grain():
    assert block_contrast(chequered(0.3, 0.7, 16)) == pytest.approx(0.2, rel=1e-4)
    assert block_contrast(chequered(0.3, 0.7, 1)) == pytest.approx(0, abs=1e-6)
    scene = Scene(flat_colour(0.5, 0.5, 0.5), chequered(0.3, 0.7, 16))
    assert scene(chequered(0.4, 0.6, 16)).contrast16 == pytest.approx(0.5, rel=1e-4)
    assert scene(flat_colour(0.9, 0.1, 0.2)).contrast16 == pytest.approx(0, abs=1e-6)


# Flat places -----------------------------------------------------------------------------------


def test_grain_in_flat_places_is_a_multiple_of_the_paintings():
    scene = Scene(flat_colour(0.5, 0.5, 0.5), columns(0.3, 0.7))
    assert scene(columns(0.45, 0.55)).flat == pytest.approx(0.25)
    assert scene(flat_colour(0.1, 0.2, 0.3)).flat == 0


def test_grain_at_edges_is_free():
    scene = Scene(halves(0.2, 0.8), columns(0.3, 0.7))
    edge = halves(0.2, 0.8)
    edge[..., 28:36] = columns(0.0, 1.0, width=8)  # up to 4 px from it
    assert scene(edge).flat == pytest.approx(0, abs=1e-6)
    assert scene(halves(0.0, 1.0)).flat == pytest.approx(0, abs=1e-6)


def test_a_photograph_without_flat_places_has_no_such_figures():
    busy, painting = columns(0.2, 0.8), columns(0.3, 0.7)
    assert Scene(busy, painting)(painting).flat is None and Scene(busy, painting)(painting).rim is None
    assert Scene(flat_colour(0.5, 0.5, 0.5), painting)(painting).rim is None  # nothing is near an edge
    bare = flat_colour(0.9, 0.9, 0.8)  # paper: nothing to take a share of
    assert Scene(halves(0.2, 0.8), bare)(painting).flat is None and Scene(halves(0.2, 0.8), bare)(painting).rim is None


def test_rims_are_waves_that_one_blur_leaves_and_the_other_takes():
    photograph = torch.full((1, 3, 512, 64), 0.5)
    photograph[..., 31:33] = 0.9  # a pole
    painting = chequered(0.3, 0.7, 16)  # deviation 0.2
    wave = 2 * math.pi / 32 * torch.arange(512.0)
    waves = (0.5 + 0.1 * wave.cos())[:, None].expand(1, 3, 512, 64)
    passed = [math.exp(-((2 * math.pi / 32 * sigma) ** 2) / 2) for sigma in (figures.FINE, figures.COARSE)]
    expected = 0.1 * 2 / math.pi * (passed[0] - passed[1]) / 0.2
    assert Scene(photograph, painting)(waves).rim == pytest.approx(expected, rel=0.05)
    assert Scene(photograph, painting)(flat_colour(0.3, 0.6, 0.1, side=512)[..., :64]).rim == pytest.approx(0, abs=1e-5)


def test_what_is_far_from_an_edge_is_no_rim():
    photograph, painting = halves(0.5, 0.9, 128), chequered(0.3, 0.7, 16)
    far, near = (torch.full((1, 3, 128, 128), 0.5) for _ in range(2))
    far[..., 2:6] += 0.2
    near[..., 52:56] += 0.2  # 9 to 12 px from the edge
    rims = [Scene(photograph, painting)(picture).rim for picture in (far, near)]
    assert rims[0] < 0.02 * rims[1]


# Noise -----------------------------------------------------------------------------------------


def test_a_sky_that_stays_as_it_is_has_a_gain_of_one_and_no_peak():
    found = noise_gain(noisy_sky())
    assert found.gain == pytest.approx(1, rel=0.02) and found.peak < 3
    assert noise_gain(noisy_sky(noise=3 / 255)).gain == pytest.approx(3, rel=0.02)
    assert noise_gain(noisy_sky(256)).gain == pytest.approx(1, rel=0.02)
    assert noisy_sky(256, 0)[0, :, 0, 0].tolist() == pytest.approx([0.45] * 3)


@pytest.mark.parametrize("across", [True, False])
def test_a_grid_of_four_pixels_is_a_peak_and_one_of_five_is_not(across):
    def grid(period):
        stripes = (torch.arange(512) % period == 0) / 255
        return noisy_sky() + (stripes if across else stripes[:, None])

    assert noise_gain(grid(4)).peak > 20 and noise_gain(grid(5)).peak < 3
