"""Whose colours a picture gets, and when: another picture's (`palette_of`), before it is painted (`match`), its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.conftest import picture_of
from zmnet_core.errors import WrongModelError
from zmnet_core.evaluation.figures import palette_distance
from zmnet_core.images.colour import lab, recoloured
from zmnet_core.images.picture import to_pil, to_tensor
from zmnet_core.images.transport import colour_quantiles, transported
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import animate, encode_painting, stylize_each, stylize_tensor
from zmnet_core.styling.palette_of import Palette, palette_of
from zmnet_core.styling.steady import stylize_clip


@pytest.fixture
def photograph():
    return picture_of(96, 80, 3)


@pytest.fixture
def style(model):
    return model.encode_style(picture_of(64, 64, 1))


@pytest.fixture
def other():
    """Another picture: red and yellow."""
    return picture_of(64, 64, 5) * torch.tensor([0.3, 0.2, 0.0]).view(3, 1, 1) + torch.tensor([0.7, 0.2, 0.1]).view(
        3, 1, 1
    )


# palette_of ------------------------------------------------------------------------------------


def test_a_picture_in_whatever_form_has_the_colours_that_its_style_has(model, other, tmp_path):
    image = to_pil(other[0])
    image.save(tmp_path / "other.png")
    encoded = encode_painting(model, image)
    encoded.save(tmp_path / "other.safetensors")
    files = [tmp_path / "other.png", str(tmp_path / "other.png"), tmp_path / "other.safetensors"]
    for source in (image, encoded, Palette(encoded.colours), *files):
        assert torch.equal(palette_of(source), encoded.colours)
    tensor = to_tensor(image)[None]
    assert torch.equal(palette_of(tensor), model.encode_style(tensor).colours)


def test_the_result_has_that_pictures_colours_and_not_the_paintings(model, photograph, style, other):
    own = stylize_tensor(model, photograph, style, Look(palette=1))
    theirs = stylize_tensor(model, photograph, style, Look(palette=1, palette_of=other))
    assert palette_distance(theirs, other) < 0.3 * palette_distance(own, other)
    expected = transported(stylize_tensor(model, photograph, style), palette_of(other), 1)
    torch.testing.assert_close(theirs, expected)
    itself = stylize_tensor(model, photograph, style, Look(palette=1, palette_of=style))
    torch.testing.assert_close(itself, own)


def test_words_can_borrow_colours_and_strength_does_not_thin_them(model, photograph, style, other):
    words = replace(style, colours=None, name="night")
    with pytest.raises(WrongModelError, match="'night' has none: .*name a picture by palette_of"):
        stylize_tensor(model, photograph, words, Look(palette=1))
    painted = stylize_tensor(model, photograph, words, Look(palette=1, palette_of=other, strength=0.5))
    plain = stylize_tensor(model, photograph, style, Look(strength=0.5))
    torch.testing.assert_close(painted, transported(plain, palette_of(other), 1))
    with pytest.raises(WrongModelError, match="palette_of is 'night', which has no colours"):
        stylize_tensor(model, photograph, style, Look(palette=1, palette_of=words))


@pytest.mark.parametrize(
    "wrong", [torch.zeros(3, 8, 8), torch.zeros(2, 3, 32, 32), torch.full((1, 3, 32, 32), torch.nan)]
)
def test_several_pictures_or_none_are_refused(model, photograph, style, wrong):
    with pytest.raises(ValueError, match="palette_of is"):
        stylize_tensor(model, photograph, style, Look(palette=1, palette_of=wrong))


# match -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [0.4, 1.0])
def test_match_is_the_photograph_in_the_paintings_colours_painted(model, photograph, style, amount):
    expected = model.apply(transported(photograph, style.colours, amount), style)
    torch.testing.assert_close(stylize_tensor(model, photograph, style, Look(match=amount)), expected)
    assert (expected - model.apply(photograph, style)).abs().max() > 1e-3


def test_match_goes_by_palette_of_and_palette_comes_after(model, photograph, style, other):
    both = stylize_tensor(model, photograph, style, Look(match=1, palette=1, palette_of=other))
    expected = model.apply(transported(photograph, palette_of(other)), style)
    torch.testing.assert_close(both, transported(expected, palette_of(other)))


def test_a_matched_photograph_is_still_the_photograph_where_it_counts(model, photograph, style):
    """The colours that are kept, and what a mask leaves, are those of the photograph as it was."""
    mask = torch.zeros(1, 1, 96, 80)
    mask[..., 40:] = 1
    painted = stylize_tensor(model, photograph, style, Look(match=1))
    kept = stylize_tensor(model, photograph, style, Look(match=1, keep_colour=True), mask=mask)
    assert torch.equal(kept[..., :40], photograph[..., :40])
    torch.testing.assert_close(kept[..., 40:], recoloured(painted, photograph)[..., 40:])


def test_kept_colours_are_the_photographs_in_lab(model, style):
    photograph = 0.4 + 0.2 * picture_of(64, 64, 3)  # muted, so that sRGB can show it at the painted light
    painted = 0.3 + 0.4 * stylize_tensor(model, photograph, style)
    found = lab(recoloured(painted, photograph).movedim(1, -1))
    torch.testing.assert_close(found[..., 0], lab(painted.movedim(1, -1))[..., 0], rtol=0, atol=0.05)
    torch.testing.assert_close(found[..., 1:], lab(photograph.movedim(1, -1))[..., 1:], rtol=0, atol=0.05)


# Tiles, drafts, batches, clips ------------------------------------------------------------------


LOOKS = {
    "match": Look(match=0.8),
    "palette_of": Look(palette=0.8, palette_of=picture_of(64, 64, 6)),
    "weights": Look(layers={1: 0.5, 9: 1.0}, strength=0.9),
    "keep_colour": Look(keep_colour=True),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_tiles_are_cut_from_the_picture_in_one_piece(model, style, look):
    photograph = picture_of(200, 160, 3)
    whole = stylize_tensor(model, photograph, style, look)
    torch.testing.assert_close(
        stylize_tensor(model, photograph, style, replace(look, tile=64)), whole, rtol=0, atol=2e-3
    )


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_batches_and_frames_are_their_pictures(model, style, look):
    photographs = torch.cat([picture_of(64, 80, seed) for seed in (3, 4)])
    expected = torch.cat([stylize_tensor(model, each, style, look) for each in photographs.split(1)])
    torch.testing.assert_close(stylize_each(model, photographs, style, look), expected)
    frames = animate(model, photographs[:1], style, style, [0.0, 0.5, 1.0], look)
    torch.testing.assert_close(frames, expected[:1].expand_as(frames), rtol=0, atol=1e-4)


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("steady", ["first", "whole"])
def test_still_frames_stay_still_and_are_what_the_picture_alone_is(model, style, look, steady):
    photograph = picture_of(64, 80, 3)
    frames = torch.stack(list(stylize_clip(model, photograph.expand(3, -1, -1, -1), style, look, steady=steady)))
    assert torch.equal(frames[0], frames[2])
    alone = stylize_tensor(model, photograph, style, look)
    # A clip's colours are shifted by a table, a picture's by what lies around each pixel: alike, and not the same.
    assert (frames[:1] - alone).abs().mean() < (0.05 if look.palette or look.match else 0.001)


def test_a_photograph_of_the_paintings_colours_is_matched_already(model, style, photograph):
    quantiles = colour_quantiles(photograph)
    matched = stylize_tensor(model, photograph, style, Look(match=1, palette_of=Palette(quantiles)))
    torch.testing.assert_close(matched, stylize_tensor(model, photograph, style), rtol=0, atol=0.02)


# Weights ---------------------------------------------------------------------------------------


def test_weights_alike_are_that_strength_and_of_1_the_style_alone(model, style, photograph):
    for weight in (0.0, 0.3, 1.5):
        weighed = stylize_tensor(model, photograph, style, Look(layers=dict.fromkeys(range(1, 10), weight)))
        torch.testing.assert_close(weighed, stylize_tensor(model, photograph, style, Look(strength=weight)))
    whole = stylize_tensor(model, photograph, style, Look(layers="1-9"))
    assert torch.equal(whole, stylize_tensor(model, photograph, style))


def test_a_weight_is_of_its_layer_alone(model, style, photograph):
    own = model.encode_style(photograph)
    values, start = own.values.clone(), 0
    for site in model.tnet.sites:
        here = (..., slice(start, start + site.channels))
        if site.layer in (4, 9):
            values[here] = torch.lerp(own.values[here], style.values[here], 0.4 if site.layer == 4 else 0.8)
        start += site.channels
    expected = model.apply(photograph, replace(style, values=values))
    found = stylize_tensor(model, photograph, style, Look(layers="4:0.5,9:1", strength=0.8))
    torch.testing.assert_close(found, expected)
