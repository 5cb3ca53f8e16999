"""Colours of a finished picture brought to a painting's."""

from dataclasses import replace

import pytest
import torch

from tests.conftest import picture_of
from zmnet_core.errors import WrongModelError
from zmnet_core.evaluation.figures import palette_distance
from zmnet_core.images.transport import KNOTS, PASSES, _rotations, colour_quantiles, transported
from zmnet_core.losses.variation import total_variation
from zmnet_core.styling import network, paint
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import animate, stylize_tensor
from zmnet_core.styling.style import Style


def two_colours(one, other, side=96):
    """[1, 3, side, side]: a left half and a right half."""
    picture = torch.empty(1, 3, side, side)
    picture[..., : side // 2] = torch.tensor(one).view(3, 1, 1)
    picture[..., side // 2 :] = torch.tensor(other).view(3, 1, 1)
    return picture


def test_the_axes_are_orthonormal_and_none_is_used_twice():
    axes = torch.cat(_rotations(torch.device("cpu")))
    for rotation in axes.view(-1, 3, 3):
        torch.testing.assert_close(rotation @ rotation.T, torch.eye(3), atol=1e-6, rtol=0)
        assert torch.linalg.det(rotation) > 0
    likeness = (axes @ axes.T).abs() - torch.eye(len(axes))
    assert likeness.max() < 0.999


def test_quantiles_of_a_ramp_are_equal_steps():
    ramp = torch.linspace(0, 1, 128).expand(1, 3, 100, 128)
    first = _rotations(torch.device("cpu"))[0].sum(1)  # of grey: how far along each axis
    found = colour_quantiles(ramp)
    assert found.shape == (1, PASSES, 3, KNOTS)
    for axis in range(3):
        ends = sorted((0.0, float(first[axis])))
        torch.testing.assert_close(found[0, 0, axis], torch.linspace(*ends, KNOTS), atol=0.01, rtol=0)


def test_two_colours_become_the_two_of_the_painting():
    """Lighter stays lighter: the way along each axis keeps the order."""
    picture, painting = two_colours((0.3, 0.3, 0.3), (0.5, 0.5, 0.5)), two_colours((0.1, 0.1, 0.4), (0.9, 0.8, 0.5))
    moved = transported(picture, colour_quantiles(painting))
    torch.testing.assert_close(moved[0, :, 40, 12], painting[0, :, 0, 0], atol=0.04, rtol=0)
    torch.testing.assert_close(moved[0, :, 40, 84], painting[0, :, 0, -1], atol=0.04, rtol=0)


def test_a_picture_in_its_own_colours_stays_as_it_is():
    picture = picture_of(90, 120, 3)
    assert (transported(picture, colour_quantiles(picture)) - picture).abs().max() < 2 / 255


def test_amount_is_how_far():
    picture, wanted = picture_of(80, 96, 3), colour_quantiles(0.5 * picture_of(80, 96, 4).flip(1))
    assert transported(picture, wanted, 0) is picture
    half, whole = transported(picture, wanted, 0.5), transported(picture, wanted, 1)
    inside = (whole > 0.01) & (whole < 0.99)
    torch.testing.assert_close(half[inside], ((picture + whole) / 2)[inside], atol=1e-5, rtol=0)


def test_the_palette_comes_nearer_and_grain_does_not_grow():
    picture, painting = (
        picture_of(256, 320, 1),
        picture_of(200, 256, 9).square() * torch.tensor([1, 0.6, 0.3]).view(3, 1, 1),
    )
    moved = transported(picture, colour_quantiles(painting))
    assert palette_distance(moved, painting) < 0.3 * palette_distance(picture, painting)
    spread = painting.std() / picture.std()
    assert total_variation(moved) < 1.3 * max(1, spread) * total_variation(picture)


@pytest.mark.parametrize("size", [(16, 16), (17, 300), (1, 40), (300, 16)])
def test_pictures_of_any_shape(size):
    picture = torch.rand(2, 3, *size)
    moved = transported(picture, colour_quantiles(torch.rand(1, 3, 64, 64) * 0.5))
    assert moved.shape == picture.shape and moved.isfinite().all() and 0 <= moved.min() <= moved.max() <= 1


def test_a_constant_picture_and_a_constant_painting():
    grey = torch.full((1, 3, 40, 40), 0.5)
    assert transported(picture_of(40, 40, 2), colour_quantiles(grey)).isfinite().all()
    moved = transported(grey, colour_quantiles(two_colours((0.2, 0.2, 0.2), (0.6, 0.6, 0.6))))
    assert moved.isfinite().all() and moved.std() < 1e-3  # one colour has nothing to tell two by


def test_every_picture_of_a_batch_goes_its_own_way():
    pictures, wanted = (
        torch.cat([picture_of(64, 64, 1), picture_of(64, 64, 2)]),
        colour_quantiles(picture_of(64, 64, 5)),
    )
    torch.testing.assert_close(transported(pictures, wanted)[1:], transported(pictures[1:], wanted), atol=1e-6, rtol=0)


def test_half_precision_keeps_its_type():
    picture = picture_of(64, 64, 1)
    moved = transported(picture.half(), colour_quantiles(picture_of(64, 64, 5)))
    assert moved.dtype == torch.float16
    assert (moved.float() - transported(picture, colour_quantiles(picture_of(64, 64, 5)))).abs().max() < 4 / 255


# With styles -----------------------------------------------------------------------------------


def test_a_style_carries_the_colours_through_its_arithmetic_and_its_file(model, tmp_path):
    one, other = (model.encode_style(picture_of(64, 64, seed), size=None) for seed in (1, 2))
    assert torch.equal(one.colours, colour_quantiles(picture_of(64, 64, 1)))
    torch.testing.assert_close((0.3 * one + 0.7 * other).colours, 0.3 * one.colours + 0.7 * other.colours)
    torch.testing.assert_close(one.towards(other, 0.7).colours, (0.3 * one + 0.7 * other).colours)
    assert one.only("weave").colours is one.colours
    one.save(tmp_path / "one.safetensors")
    assert torch.equal(Style.load(tmp_path / "one.safetensors").colours, one.colours)
    both = model.encode_style(torch.cat([picture_of(64, 64, seed) for seed in (1, 2)]), size=None)
    torch.testing.assert_close(both[1].colours, other.colours)
    with pytest.raises(ValueError, match="colours have shape"):
        Style(one.values, one.sites, one.fingerprint, "", one.colours[..., 1:])


def test_a_style_without_colours_loads_and_says_that_it_has_none(model, tmp_path):
    """Of words, or a file of before there were any."""
    whole = model.encode_style(picture_of(64, 64, 1))
    plain = Style(whole.values, whole.sites, whole.fingerprint, "night")
    plain.save(tmp_path / "old.safetensors")
    old = Style.load(tmp_path / "old.safetensors")
    assert old.colours is None and (0.5 * old + 0.5 * whole).colours is None
    photograph = picture_of(64, 80, 3)
    assert torch.equal(stylize_tensor(model, photograph, old), stylize_tensor(model, photograph, whole))
    with pytest.raises(WrongModelError, match="palette goes by a painting's colours, and 'night' has none"):
        stylize_tensor(model, photograph, old, Look(palette=0.5))


def test_the_style_that_has_no_colours_is_named_wherever_it_was_mixed_in(model, tmp_path):
    irises = model.encode_style(picture_of(64, 64, 1), name="irises")
    night = Style(irises.values, irises.sites, irises.fingerprint, "night")
    mixed = Style.blend([irises, night, irises], [1, 2, 3])
    mixed.save(tmp_path / "mixed.safetensors")
    photograph, look = picture_of(64, 80, 3), Look(palette=0.5)
    some = Look(palette=0.5, layers=("detail", "colour"))
    for use in (
        lambda: stylize_tensor(model, photograph, mixed, look),
        lambda: stylize_tensor(model, photograph, 2 * (irises + mixed), some),
        lambda: stylize_tensor(model, photograph, Style.load(tmp_path / "mixed.safetensors"), look),
        lambda: animate(model, photograph, irises, night, [0.0, 1.0], look),
        lambda: animate(model, photograph, irises, mixed, [0.0, 1.0], Look(palette=0.5, strength=0.5)),
    ):
        with pytest.raises(WrongModelError, match="palette goes by a painting's colours, and 'night' has none"):
            use()


def test_palette_is_a_finish_of_the_picture(model):
    photograph, style = picture_of(64, 80, 3), model.encode_style(picture_of(64, 64, 1))
    plain = stylize_tensor(model, photograph, style)
    assert torch.equal(
        stylize_tensor(model, photograph, style, Look(palette=0.8)), transported(plain, style.colours, 0.8)
    )


def test_less_strength_goes_less_far_and_strength_nought_stays_with_the_photograph(model):
    photograph, style = picture_of(96, 96, 3), model.encode_style(0.4 * picture_of(64, 64, 1))
    own = model.encode_style(photograph).colours
    for strength in (0.0, 0.5, 1.0, 1.5):  # beyond the style there are no colours to go to
        plain = stylize_tensor(model, photograph, style, Look(strength=strength))
        expected = transported(plain, torch.lerp(own, style.colours, min(strength, 1)))
        made = stylize_tensor(model, photograph, style, Look(strength=strength, palette=1))
        torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("look", [Look(palette=1), Look(palette=1, tile=32), Look(palette=1, brush=2)])
def test_the_photograph_is_looked_at_once_for_less_strength(model, look, monkeypatch):
    photograph, style, looks = picture_of(96, 96, 3), model.encode_style(picture_of(64, 64, 1)), []

    def counted(images):
        looks.append(images)
        return colour_quantiles(images)

    for module in (network, paint):
        monkeypatch.setattr(module, "colour_quantiles", counted, raising=False)
    stylize_tensor(model, photograph, style, look)
    assert not looks
    stylize_tensor(model, photograph, style, replace(look, strength=0.5))
    assert len(looks) == 1


@pytest.mark.parametrize("strength", [1.0, 0.6, 1.4])
def test_frames_go_from_one_palette_to_the_other(model, strength):
    photograph = picture_of(64, 64, 3)
    start, end = (model.encode_style(scale * picture_of(64, 64, 1)) for scale in (1.0, 0.3))
    look = Look(palette=1, strength=strength)
    made = animate(model, photograph, start, end, [0.0, 0.5, 1.0], look)
    light = made.mean((1, 2, 3))
    assert light[0] > light[1] > light[2]
    assert (made[2] - stylize_tensor(model, photograph, end, look)[0]).abs().max() < 4 / 255
