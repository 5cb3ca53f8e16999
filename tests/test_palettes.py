"""Colours: CIELAB by known values, histograms that share out a colour and move smoothly with it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zmnet_core.errors import SignalError
from zmnet_core.images.colour import lab, recoloured, srgb, to_linear, to_srgb
from zmnet_core.signals.palettes import SHAPE, histogram, palette_histogram, picture_histogram, rgb
from zmnet_core.signals.words import SIGNALS

colours = st.from_regex("#[0-9a-f]{6}", fullmatch=True)


@pytest.mark.parametrize(
    "colour, expected",
    [
        ("#ffffff", (100, 0, 0)),
        ("#000000", (0, 0, 0)),
        ("#ff0000", (53.24, 80.09, 67.20)),  # the values of sRGB's primaries under D65
        ("#00ff00", (87.73, -86.18, 83.18)),
        ("#0000ff", (32.30, 79.19, -107.86)),
        ("#808080", (53.59, 0, 0)),
    ],
)
def test_lab_of_known_colours(colour, expected):
    torch.testing.assert_close(lab(rgb(colour)), torch.tensor(expected).float(), rtol=0, atol=0.02)


@given(colours)
def test_lab_and_back_is_the_colour(colour):
    torch.testing.assert_close(srgb(lab(rgb(colour))), rgb(colour), rtol=0, atol=1e-4)


def test_colours_that_srgb_cannot_show_are_clipped():
    found = srgb(torch.tensor([[50.0, 200.0, -200.0], [150.0, 0.0, 0.0], [-20.0, 0.0, 0.0]]))
    assert found.min() >= 0 and found.max() <= 1
    torch.testing.assert_close(found[1:], torch.tensor([[1.0] * 3, [0.0] * 3]))


@given(colours, st.floats(0, 1))
def test_recoloured_grey_has_the_light_of_the_one_and_the_hue_of_the_other(colour, level):
    grey, own = torch.full((1, 3, 1, 1), level), rgb(colour).view(1, 3, 1, 1)
    torch.testing.assert_close(recoloured(own, own), own, rtol=0, atol=1e-4)
    # Without colours what is left is the lightness, whose grey has the luminance of the picture: Y' = Σ w c.
    luminance = to_linear(rgb(colour)) @ torch.tensor([0.2126729, 0.7151522, 0.0721750])
    expected = to_srgb(luminance).expand(1, 3, 1, 1)
    torch.testing.assert_close(recoloured(own, grey), expected, rtol=0, atol=2e-3)
    # Grey of the colour's own lightness takes its hue whole.
    torch.testing.assert_close(recoloured(expected, own), own, rtol=0, atol=5e-3)


@given(st.lists(colours, min_size=1, max_size=5))
def test_histograms_are_shares(found):
    bins = palette_histogram(found)
    assert bins.shape == (SIGNALS["histogram"],) and bins.min() >= 0
    assert float(bins.sum()) == pytest.approx(1, abs=1e-5)
    assert int((bins > 0).sum()) <= 8 * len(found)


@given(colours)
def test_the_mean_of_the_bins_is_the_colour_where_the_bins_reach(colour):
    place = lab(rgb(colour))
    bins = palette_histogram([colour]).view(SHAPE)
    centres = [torch.arange(count) * 25.0 - (0 if axis == 0 else 75) for axis, count in enumerate(SHAPE)]
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        mean = (bins.sum(others) * centres[axis]).sum()
        assert float(mean) == pytest.approx(float(place[axis].clamp(centres[axis][0], centres[axis][-1])), abs=0.01)


@given(colours, colours, st.floats(0.05, 0.95))
def test_histogram_of_a_mixture_is_the_mixture_of_histograms(one, other, share):
    mixed = palette_histogram([one, other], [share, 1 - share])
    torch.testing.assert_close(
        mixed, share * palette_histogram([one]) + (1 - share) * palette_histogram([other]), rtol=0, atol=1e-5
    )


def test_a_colour_between_two_bins_is_in_both():
    bins = histogram(torch.tensor([[[50.0, 12.5, 0.0]]])).view(SHAPE)
    assert float(bins[2, 3, 3]) == pytest.approx(0.5) and float(bins[2, 4, 3]) == pytest.approx(0.5)


def test_histogram_of_a_picture_is_that_of_its_colours():
    picture = torch.empty(1, 3, 40, 40)
    picture[..., :10] = rgb("#d9a441")[:, None, None]
    picture[..., 10:] = rgb("#123a6b")[:, None, None]
    expected = palette_histogram(["#d9a441", "#123a6b"], [1, 3])
    torch.testing.assert_close(picture_histogram(picture)[0], expected, rtol=0, atol=1e-5)


def test_pictures_of_a_batch_do_not_mix(make_picture):
    pictures = torch.cat([make_picture(80, 100, 1), make_picture(80, 100, 2)])
    together = picture_histogram(pictures)
    for i in range(2):
        torch.testing.assert_close(picture_histogram(pictures[i : i + 1])[0], together[i])


def test_short_form_of_a_colour():
    assert torch.equal(rgb("#fc0"), rgb("#ffcc00"))


@pytest.mark.parametrize("colour", ["fc0", "#fc", "#12345", "#gggggg", "#1234567", "red"])
def test_what_is_no_colour_is_refused(colour):
    with pytest.raises(SignalError, match=f"'{colour}' is not a colour: .*#d9a441"):
        palette_histogram([colour])


@pytest.mark.parametrize("weights", [[1], [0, 0], [1, -1], [1, float("nan")]])
def test_weights_that_are_no_shares_are_refused(weights):
    with pytest.raises(SignalError, match="no shares of 2 colours"):
        palette_histogram(["#fff", "#000"], weights)


def test_an_empty_palette_is_refused():
    with pytest.raises(SignalError, match="at least one colour"):
        palette_histogram([])
