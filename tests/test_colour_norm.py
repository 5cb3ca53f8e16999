"""Dynamic colour normalisation: a picture gets a painting's palette by construction."""

import pytest
import torch

from zmnet_core.model import ZMNet
from zmnet_core.networks.colour_norm import AXES, EPSILON, normalise_colours, palette_values
from zmnet_core.styling.style import Style


def colours_of(image):
    """Mean and covariance of a picture's colours, float64."""
    flat = image.double().flatten(2)
    mean = flat.mean(2, keepdim=True)
    return mean[..., 0], (flat - mean) @ (flat - mean).mT / flat.shape[2]


def test_axes_are_orthonormal():
    axes = torch.tensor(AXES)
    torch.testing.assert_close(axes @ axes.T, torch.eye(3), rtol=0, atol=1e-6)


def test_the_result_has_the_paintings_mean_and_covariance(make_picture):
    picture, painting = make_picture(64, 48, 1), 0.3 + 0.5 * make_picture(32, 96, 2)
    painted, _ = normalise_colours(picture, *palette_values(painting).unbind(1))
    (mean, covariance), (wanted, wanted_covariance) = colours_of(painted), colours_of(painting)
    torch.testing.assert_close(mean, wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(covariance, wanted_covariance, rtol=0, atol=2 * EPSILON)


def test_a_picture_in_its_own_colours_stays_as_it_is(make_picture):
    picture = make_picture(40, 56, 3, count=2)
    painted, _ = normalise_colours(picture, *palette_values(picture).unbind(1))
    torch.testing.assert_close(painted, picture, rtol=0, atol=1e-5)


def test_lighter_stays_lighter(make_picture):
    picture, painting = make_picture(32, 32, 1), make_picture(32, 32, 2)
    painted, _ = normalise_colours(picture, *palette_values(painting).unbind(1))
    order = picture.sum(1).flatten().argsort()
    assert (painted.sum(1).flatten()[order].diff() >= -1e-5).all()


def test_a_site_turned_off_changes_nothing_and_half_an_amount_goes_half_the_way(make_picture):
    picture, painting = make_picture(32, 32, 1), make_picture(32, 32, 2)
    gamma, beta = palette_values(painting).unbind(1)
    off, _ = normalise_colours(picture, torch.ones(1, 6), torch.zeros(1, 6))
    torch.testing.assert_close(off, picture, rtol=0, atol=1e-5)
    whole, _ = normalise_colours(picture, gamma, beta)
    half, _ = normalise_colours(picture, gamma, beta * torch.tensor([1, 1, 1, 0.5, 1, 1]))
    torch.testing.assert_close(half, (picture + whole) / 2, rtol=0, atol=1e-5)


def test_frozen_statistics_make_a_part_equal_to_the_part_of_the_whole(make_picture):
    picture, painting = make_picture(48, 48, 1), make_picture(32, 32, 2)
    values = palette_values(painting).unbind(1)
    whole, statistics = normalise_colours(picture, *values)
    part, _ = normalise_colours(picture[..., :20, 8:], *values, statistics)
    torch.testing.assert_close(part, whole[..., :20, 8:], rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_picture_of_one_colour_is_finite_and_its_noise_is_held_down(make_picture, value):
    flat = torch.full((1, 3, 32, 32), value) + 1e-3 * torch.randn(1, 3, 32, 32)
    flat.requires_grad_()
    painted, _ = normalise_colours(flat, *palette_values(make_picture(32, 32, 2)).unbind(1))
    painted.square().sum().backward()
    assert painted.isfinite().all() and flat.grad.isfinite().all()
    assert painted.std((2, 3)).max() < 60 * 1e-3


@pytest.fixture
def palette_model():
    torch.manual_seed(1)
    return ZMNet({"width": 8, "palette": True}, {"kind": "conv", "width": 8}).eval().requires_grad_(False)


@pytest.mark.parametrize("kind", ["conv", "conv-parallel", "vgg"])
def test_a_model_with_a_palette_paints_in_the_paintings_colours(kind, make_picture):
    torch.manual_seed(1)
    model = ZMNet({"width": 8, "palette": True}, {"kind": kind, "width": 8}).eval().requires_grad_(False)
    content, painting = make_picture(64, 64, 1), 0.3 + 0.3 * make_picture(64, 64, 2)
    style = model.encode_style(painting)
    assert style.values.shape[2] == model.tnet.channels == sum(site.channels for site in model.tnet.sites)
    mean, covariance = colours_of(model.apply(content, style))
    wanted, wanted_covariance = colours_of(painting)
    torch.testing.assert_close(mean, wanted, rtol=0, atol=1e-2)
    torch.testing.assert_close(covariance, wanted_covariance, rtol=0, atol=2e-3)
    assert (model.pnet.features(painting).shape == painting.shape) == (kind != "vgg")


def test_styles_of_a_palette_blend_save_and_switch_off(palette_model, make_picture, tmp_path):
    content, paintings = make_picture(64, 64, 1), [0.3 + 0.3 * make_picture(64, 64, seed) for seed in (2, 3)]
    a, b = (palette_model.encode_style(painting) for painting in paintings)
    mean, _ = colours_of(palette_model.apply(content, 0.5 * a + 0.5 * b))
    torch.testing.assert_close(mean, sum(colours_of(p)[0] for p in paintings) / 2, rtol=0, atol=1e-2)
    loaded = Style.load(a.save(tmp_path / "a.safetensors"))
    assert torch.equal(palette_model.apply(content, loaded), palette_model.apply(content, a))
    all_groups = a.only("detail", "weave", "tones")
    assert torch.equal(all_groups.values, a.values)
    assert torch.equal(a.only("weave").values[0, :, -6:], torch.tensor([[1.0] * 6, [0.0] * 6]))


def test_tiles_share_the_palette(palette_model, make_picture):
    content = make_picture(96, 96, 1)
    style = palette_model.encode_style(make_picture(64, 64, 2))
    statistics = palette_model.measure(content, style)
    assert statistics.shape == (1, 2, palette_model.tnet.channels)
    frozen = palette_model.apply(content, style, statistics=statistics)
    torch.testing.assert_close(frozen, palette_model.apply(content, style), rtol=0, atol=1e-4)


def test_strength_nothing_has_the_photographs_colours(palette_model, make_picture):
    content, painting = 0.2 + 0.5 * make_picture(64, 64, 1), make_picture(64, 64, 2)
    painted = palette_model.apply(content, palette_model.encode_style(painting), strength=0)
    torch.testing.assert_close(colours_of(painted)[0], colours_of(content)[0], rtol=0, atol=1e-2)


def test_the_bundled_bold_model_paints_in_the_paintings_colours(make_picture):
    model = ZMNet.from_pretrained("zmnet-bold")
    content, painting = make_picture(96, 96, 1), 0.3 + 0.3 * make_picture(96, 96, 2)
    mean, covariance = colours_of(model.apply(content, model.encode_style(painting)))
    wanted, wanted_covariance = colours_of(painting)
    torch.testing.assert_close(mean, wanted, rtol=0, atol=2e-2)
    torch.testing.assert_close(covariance, wanted_covariance, rtol=0, atol=5e-3)


def test_a_palette_makes_another_model_of_the_same_weights(palette_model):
    plain = ZMNet({"width": 8}, {"kind": "conv", "width": 8})
    plain.load_state_dict(palette_model.state_dict())
    assert plain.fingerprint != palette_model.fingerprint
    assert plain.state_dict().keys() == palette_model.state_dict().keys()
