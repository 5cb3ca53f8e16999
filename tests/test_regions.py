"""Several styles in one picture: what masks mean, and that one pass paints each where it belongs."""

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.conftest import model_of, picture_of, values_of
from zmnet_core.errors import WrongModelError
from zmnet_core.images.masks import fitted, to_mask, within_mask
from zmnet_core.images.picture import to_pil
from zmnet_core.model import ZMNet
from zmnet_core.networks.areas import Areas, Level, parts_of
from zmnet_core.networks.regions import centred_
from zmnet_core.networks.tnet import RECEPTIVE_RADIUS, TNet
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import animate, stylize_each, stylize_tensor
from zmnet_core.styling.recolouring import in_palette, palette_tables, with_palette_tables
from zmnet_core.styling.regions import Regions, between, mixed
from zmnet_core.styling.steady import stylize_clip
from zmnet_core.styling.style import Style


@pytest.fixture(scope="module")
def model() -> ZMNet:
    return model_of()


@pytest.fixture(scope="module")
def styles(model) -> list[Style]:
    return [model.encode_style(picture_of(48, 48, seed), name=f"s{seed}") for seed in range(4)]


def halves(height: int, width: int) -> torch.Tensor:
    """1 on the left."""
    mask = torch.zeros(height, width)
    mask[:, : width // 2] = 1
    return mask


def quarters(height: int, width: int) -> list[torch.Tensor]:
    left, top = halves(height, width), halves(width, height).T
    return [left * top, left * (1 - top), (1 - left) * top, (1 - left) * (1 - top)]


PHOTO = picture_of(64, 96, 9)


# One region, and regions that are one ----------------------------------------------------------


@pytest.mark.parametrize("look", [Look(), Look(strength=0.6), Look(tile=32), Look(palette=1.0), Look(brush=2.0)])
def test_one_region_that_covers_everything_is_the_style_bit_for_bit(model, styles, look):
    regions = Regions([(styles[0], torch.ones(8, 8))], rest=styles[1])
    assert torch.equal(stylize_tensor(model, PHOTO, regions, look), stylize_tensor(model, PHOTO, styles[0], look))
    assert torch.equal(model.apply(PHOTO, regions), model.apply(PHOTO, styles[0]))


def test_two_regions_of_one_style_are_one(model, styles):
    same = Style.blend([styles[0]])  # equal, and another object
    regions = Regions([(styles[0], halves(64, 96)), (same, 1 - halves(64, 96))])
    assert torch.equal(model.apply(PHOTO, regions), model.apply(PHOTO, styles[0]))


@torch.no_grad()
def test_fields_of_one_style_change_nothing():
    """Levels taken away and given back, and weights that sum to 1, are nothing to see within one style."""
    tnet = TNet(8, palette=True)
    photo, style = picture_of(50, 70, 1), values_of(tnet)
    weights = torch.rand(1, 3, 50, 70).softmax(1)
    weights = torch.nn.functional.interpolate(weights[..., :4, :4], (50, 70), mode="bilinear")
    one = torch.zeros(1, 3, 50, 70)
    one[:, 1] = 1
    plain = tnet(photo, style)
    for own in (0.0, 1.0):
        torch.testing.assert_close(
            tnet(photo, style[:, None].expand(-1, 3, -1, -1), None, Areas(one, own)), plain, atol=2e-5, rtol=0
        )
    statistics = tnet.measure(photo, style[:, None].expand(-1, 3, -1, -1), Areas(one, 0.0))
    shared = statistics[:, 1:2].expand(-1, 3, -1, -1)
    mixture = tnet(photo, style[:, None].expand(-1, 3, -1, -1), shared, Areas(weights, 0.0))
    torch.testing.assert_close(mixture, plain, atol=2e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("palette", [False, True])
def test_far_ends_are_what_each_style_alone_gives_under_the_same_statistics(palette):
    tnet = TNet(8, palette=palette)
    width = 4 * RECEPTIVE_RADIUS
    photo, style = picture_of(32, width, 1), values_of(tnet, count=2)[None]
    weights = torch.stack((halves(32, width), 1 - halves(32, width)))[None]
    statistics = tnet.measure(photo, style, Areas(weights, 0.0))
    both = tnet(photo, style, statistics, Areas(weights, 0.0))
    for region, end in (
        (0, slice(None, width // 2 - RECEPTIVE_RADIUS)),
        (1, slice(width // 2 + RECEPTIVE_RADIUS, None)),
    ):
        only = torch.zeros_like(weights)
        only[:, region] = 1
        alone = tnet(photo, style, statistics, Areas(only, 0.0))
        torch.testing.assert_close(both[..., end], alone[..., end], atol=1e-5, rtol=0)
        assert (both - alone).abs().amax() > 0.05  # elsewhere it is another style


@torch.no_grad()
def test_moments_of_regions_are_those_of_their_pixels():
    x, weights = 3 + torch.randn(2, 5, 16, 24), torch.stack((halves(16, 24), 1 - halves(16, 24)))[None]
    x[..., 12:] = 10 * x[..., 12:] + 7
    mean, beyond, variance = centred_(x.clone(), Level(weights))
    parts = x[..., :12], x[..., 12:]
    torch.testing.assert_close(mean[:, 0], x.mean((2, 3)))
    torch.testing.assert_close(mean + beyond, torch.stack([part.mean((2, 3)) for part in parts], 1))
    expected = torch.stack([part.flatten(2).var(2, correction=0) for part in parts], 1)
    torch.testing.assert_close(variance, expected, rtol=1e-4, atol=0)


@torch.no_grad()
@pytest.mark.parametrize("palette", [False, True])
def test_in_a_small_picture_regions_are_normalised_as_the_whole_in_their_style(palette):
    """Of a picture no larger than the copies that are looked at, at the first site to the last digit."""
    tnet = TNet(8, palette=palette)
    photo, style = picture_of(64, 96, 1), values_of(tnet, count=2)
    photo[..., :48] *= 0.2
    weights = torch.stack((halves(64, 96), 1 - halves(64, 96)))[None]
    regions = tnet.measure(photo, style[None], Areas(weights, 0.0))
    own = tnet.measure(photo, style[None], Areas(weights, 1.0))
    for region in range(2):
        alone = tnet.measure(photo, style[region][None])
        first = slice(0, tnet.sites[0].channels)
        torch.testing.assert_close(regions[:, region, :, first], alone[..., first], rtol=1e-3, atol=1e-4)
        normed = slice(0, sum(site.channels for site in tnet.sites if site.name != "palette"))
        off, otherwise = ((each[:, region] / alone)[:, 1, normed].log2().abs().median() for each in (regions, own))
        assert off < 0.35 and off < otherwise


def test_the_border_is_no_brighter_edge_than_the_picture_has(model, styles):
    """β makes a step where regions meet, to which convolutions would answer with a glowing rim."""
    smooth = picture_of(8, 8, 3)
    photo = torch.nn.functional.interpolate(smooth, (96, 192), mode="bicubic").clamp(0, 1)
    ends = [model.apply(photo, style) for style in styles[:2]]
    mask = halves(96, 192)
    pasted = within_mask(ends[1], ends[0], mask[None, None])
    regions = model.apply(photo, Regions([(styles[0], mask)], rest=styles[1]))
    steps, reference = (each.diff(dim=-1).abs()[..., 80:112].amax() for each in (regions, pasted))
    inside = max(float(each.diff(dim=-1).abs().amax()) for each in ends)
    assert steps <= max(1.2 * reference, inside)


# Order, tiles, batches -------------------------------------------------------------------------


@given(order=st.permutations(range(3)))
@settings(max_examples=4)
def test_the_order_of_regions_changes_nothing(model, styles, order):
    found = styles[:3]
    masks = [picture_of(20, 30, 20 + seed)[0, 0] for seed in range(3)]
    pairs = list(zip(found, masks))
    first = stylize_tensor(model, PHOTO, Regions(pairs), Look(palette=0.5))
    other = stylize_tensor(model, PHOTO, Regions([pairs[place] for place in order]), Look(palette=0.5))
    torch.testing.assert_close(first, other, atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [(150, 210), (133, 301)])
def test_tiles_of_regions_equal_the_whole(model, styles, size):
    photo = picture_of(*size, 5)
    regions = Regions(list(zip(styles, quarters(*size))))
    whole, tiled = (stylize_tensor(model, photo, regions, Look(tile=tile)) for tile in (0, 64))
    assert (whole - tiled).abs().max() < 1e-4


def test_drafts_are_revised_by_region_in_tiles_as_in_one_piece():
    torch.manual_seed(0)
    model = ZMNet({"width": 8}, {"kind": "conv", "width": 8}, reviser={"width": 8, "edge": 8, "draft": 32}).eval()
    torch.nn.init.normal_(model.reviser.out.weight, std=0.1)
    for head in (*model.pnet.heads.gamma, *model.pnet.heads.beta, *model.reviser.heads.gamma):
        torch.nn.init.normal_(head.weight, std=0.3)
    photo = picture_of(96, 160, 5)
    pair = [model.encode_style(picture_of(48, 48, seed)) for seed in (0, 1)]
    mask = halves(96, 160)
    regions = Regions([(pair[0], mask)], rest=pair[1])
    whole, tiled = (stylize_tensor(model, photo, regions, Look(tile=tile)) for tile in (0, 64))
    torch.testing.assert_close(whole, tiled, atol=1e-5, rtol=0)
    torch.testing.assert_close(whole, model.apply(photo, regions), atol=1e-5, rtol=0)
    # The reviser alone: γ_r, β_r of each region far from the other are those of its style.
    draft, detail = photo, torch.zeros_like(photo)
    values, areas = regions.values, regions.areas((96, 160))
    with torch.no_grad():
        both = model.reviser(draft, detail, values, areas)
        for region, end in ((0, slice(0, 80 - model.reviser.radius)), (1, slice(80 + model.reviser.radius, None))):
            alone = model.reviser(draft, detail, values[:, region])
            torch.testing.assert_close(both[..., end], alone[..., end], atol=1e-4, rtol=1e-5)


def test_a_mask_for_each_picture(model, styles):
    photos = picture_of(48, 64, 7, count=2)
    masks = torch.stack((halves(48, 64), 1 - halves(48, 64)))
    regions = Regions([(styles[0], masks)], rest=styles[1])
    assert len(regions) == 2
    together = stylize_each(model, photos, regions)
    for index in range(2):
        alone = stylize_tensor(model, photos[index][None], Regions([(styles[0], masks[index])], rest=styles[1]))
        torch.testing.assert_close(together[index][None], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(model.apply(photos, regions), together, atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="of 2 and 3 pictures"):
        Regions([(styles[0], masks), (styles[1], torch.ones(3, 4, 4))])


# Knobs -----------------------------------------------------------------------------------------


def test_knobs_do_what_they_do_with_one_style(model, styles):
    regions = Regions([(styles[0], halves(64, 96))], rest=styles[1])
    plain = stylize_tensor(model, PHOTO, regions)
    own = stylize_tensor(model, PHOTO, styles[0], Look(strength=0.0))
    torch.testing.assert_close(stylize_tensor(model, PHOTO, regions, Look(strength=0.0)), own, atol=2e-3, rtol=0)
    mask = torch.zeros(1, 1, 64, 96)
    mask[..., :20, :] = 1
    masked = stylize_tensor(model, PHOTO, regions, mask=mask)
    torch.testing.assert_close(masked, within_mask(PHOTO, plain, mask))
    for look in (Look(calm=1.0), Look(keep_colour=True), Look(brush=2.0), Look(layers=("detail", "colour"))):
        assert (stylize_tensor(model, PHOTO, regions, look) - plain).abs().max() > 1e-3
    assert (
        plain - stylize_tensor(model, PHOTO, Regions([(styles[0], halves(64, 96))], styles[1], own=1.0))
    ).abs().max() > 1e-3


def test_each_region_gets_the_colours_of_its_painting(model):
    red, blue = torch.zeros(1, 3, 48, 48), torch.zeros(1, 3, 48, 48)
    red[:, 0], blue[:, 2] = picture_of(48, 48, 1)[:, 0], picture_of(48, 48, 2)[:, 0]
    regions = Regions([(model.encode_style(red), halves(64, 96))], rest=model.encode_style(blue))
    painted = stylize_tensor(model, PHOTO, regions, Look(palette=1.0))[0]
    left, right = painted[..., :44].mean((1, 2)), painted[..., 52:].mean((1, 2))
    assert left[0] > 0.2 and left[2] < 0.1 and right[2] > 0.2 and right[0] < 0.1
    vector = Style(model.encode_style(red).values, model.tnet.sites, model.fingerprint, "night")
    with pytest.raises(WrongModelError, match="'night' has none"):
        stylize_tensor(model, PHOTO, Regions([(vector, halves(4, 4))], rest=regions.styles[0]), Look(palette=1.0))


def test_regions_need_a_mask_for_all_frames_or_one_for_each(model, styles):
    frames = picture_of(32, 48, 4).expand(5, -1, -1, -1)
    regions = Regions([(styles[0], torch.ones(3, 32, 48) * 0.5)], rest=styles[1])
    for steady in ("off", "whole"):
        with pytest.raises(ValueError, match="regions with 3 masks for 5 frames: give one, or one a frame"):
            next(stylize_clip(model, frames, regions, steady=steady))


def test_clips_hold_regions_and_their_masks(model, styles):
    frames = picture_of(32, 48, 4).expand(5, -1, -1, -1)
    still = Regions([(styles[0], halves(32, 48))], rest=styles[1])
    painted = torch.stack(list(stylize_clip(model, frames, still, Look(palette=0.5), steady="whole")))
    assert (painted - painted[:1]).abs().max() < 1e-5
    moving = torch.stack([(torch.arange(48) < 8 * (index + 1)).float().expand(32, 48) for index in range(5)])
    regions = Regions([(styles[0], moving)], rest=styles[1])
    changing = torch.stack(list(stylize_clip(model, frames, regions, steady="whole")))
    a, b = (model.apply(frames[:1], style) for style in styles[:2])
    nearer = ((changing - a).abs().mean(1) < (changing - b).abs().mean(1)).float()
    assert nearer[4].mean() > nearer[0].mean() + 0.3  # the first style's place grows with its mask
    with pytest.raises(ValueError, match="masks"):
        Regions([(styles[0], moving), (styles[1], moving[:2])])


@pytest.mark.parametrize("own", [0.0, 0.5])
def test_a_palette_goes_by_what_is_painted_of_the_matched_photograph(model, styles, own):
    """So a picture, or a clip, is that of the photograph that was matched before."""
    regions = Regions([(styles[0], halves(64, 96))], rest=styles[1], own=own)
    both, palette = Look(match=0.8, palette=1.0), Look(palette=1.0)
    matched = in_palette(PHOTO, regions, 0.8)
    assert (matched - PHOTO).abs().mean() > 0.02
    expected = stylize_tensor(model, matched, regions, palette)
    torch.testing.assert_close(stylize_tensor(model, PHOTO, regions, both), expected, atol=1e-4, rtol=0)
    matched = with_palette_tables(PHOTO, regions, palette_tables(PHOTO, regions), 0.8)
    (frame,), (expected,) = (
        stylize_clip(model, *given, steady="whole") for given in ((PHOTO, regions, both), (matched, regions, palette))
    )
    torch.testing.assert_close(frame, expected, atol=1e-4, rtol=0)


# Mixing ----------------------------------------------------------------------------------------


def test_regions_mix_with_styles(model, styles):
    mask = halves(64, 96)
    regions = Regions([(styles[0], mask)], rest=styles[1])
    each = Regions([(0.3 * styles[0] + 0.7 * styles[2], mask)], rest=0.3 * styles[1] + 0.7 * styles[2])
    other = Regions([(styles[2], mask)], rest=styles[2] + 0 * styles[1])
    assert len(other.styles) == 1
    for half in (mixed([regions, styles[2]], [0.3, 0.7]), between(styles[2], regions, 0.3)):
        values = torch.einsum("mrhw,mrkc->mkchw", half.weights, half.values)
        wanted = torch.einsum("mrhw,mrkc->mkchw", each.weights, each.values)
        torch.testing.assert_close(values, wanted, atol=1e-5, rtol=1e-5)
    same = mixed([regions, Regions([(styles[2], mask)], rest=styles[3])])
    assert len(same.styles) == 2 and torch.equal(same.styles[1].values, Style.blend([styles[1], styles[3]]).values)
    with pytest.raises(ValueError, match="from 0 on"):
        mixed([regions, styles[2]], [-1, 2])
    batches = [Regions([(styles[0], torch.rand(count, 8, 8))], rest=styles[1]) for count in (2, 3)]
    three = model.encode_style(picture_of(48, 48, 5, 3))
    for others in (batches, [batches[0], three], [Regions([(three, mask)], rest=styles[1]), batches[0], styles[2]]):
        with pytest.raises(ValueError, match="^styles for 2 and 3 pictures cannot be mixed: give one for all pictures"):
            mixed(others)
    assert len(mixed([batches[1], three, regions])) == 3
    moving = animate(model, PHOTO, styles[0], regions, [0.0, 1.0])
    torch.testing.assert_close(moving[:1], model.apply(PHOTO, styles[0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(moving[1:], model.apply(PHOTO, regions), atol=1e-4, rtol=0)


# Masks -----------------------------------------------------------------------------------------


def test_overlaps_are_shared_and_holes_are_the_rests(styles):
    one, two = torch.zeros(4, 4), torch.zeros(4, 4)
    one[:, :3], two[:, 1] = 1, 0.5
    regions = Regions([(styles[0], one), (styles[1], two)], rest=styles[2])
    row = regions.weights[0, :, 0]
    torch.testing.assert_close(row, torch.tensor([[1, 2 / 3, 1, 0], [0, 1 / 3, 0, 0], [0, 0, 0, 1]]))
    assert regions.shown is None


@given(seed=st.integers(0, 99), has_rest=st.booleans(), size=st.sampled_from([(16, 16), (37, 90)]))
def test_weights_sum_to_one_at_any_size(styles, seed, has_rest, size):
    found = styles[:3]
    masks = [picture_of(10 + 7 * s, 30, seed + s)[0, 0].round(decimals=1) for s in range(2)]
    regions = Regions(zip(found, masks), rest=found[2] if has_rest else None)
    weights = regions.areas(size).weights
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(1), torch.ones(1, *size))


def test_without_a_rest_the_photograph_shows_through(model, styles):
    mask = halves(64, 96)
    alone = stylize_tensor(model, PHOTO, Regions([(styles[0], mask)]))
    assert torch.equal(alone, stylize_tensor(model, PHOTO, styles[0], mask=mask[None, None]))
    pair = model.apply(
        PHOTO, Regions([(styles[0], mask * halves(96, 64).T), (styles[1], mask * (1 - halves(96, 64).T))])
    )
    assert torch.equal(pair[..., 48:], PHOTO[..., 48:])
    assert (pair[..., :48] - PHOTO[..., :48]).abs().mean() > 0.02


def test_an_empty_mask_does_nothing_and_is_told_of(model, styles, caplog):
    with caplog.at_level(logging.WARNING):
        regions = Regions([(styles[0], torch.zeros(4, 4)), (styles[1], torch.ones(4, 4))])
    assert "region 1 ('s0') is empty" in caplog.text
    assert torch.equal(model.apply(PHOTO, regions), model.apply(PHOTO, styles[1]))
    nothing = Regions([(styles[0], torch.zeros(4, 4))])
    assert torch.equal(model.apply(PHOTO, nothing), PHOTO)


def test_pictures_are_masks(styles):
    light = Image.fromarray(np.array([[0, 255]], np.uint8))
    cut_out = Image.merge("RGBA", [light.point(lambda _: 200)] * 3 + [light])
    for picture in (
        light,
        light.convert("1"),
        light.convert("RGB"),
        light.convert("RGBA"),
        light.convert("P"),
        cut_out,
    ):
        assert to_mask(picture).flatten().tolist() == [0, 1], picture.mode
    assert to_mask(np.array([[True, False]])).flatten().tolist() == [1, 0]
    assert fitted(to_mask(light), (8, 8)).shape == (1, 1, 8, 8)


@pytest.mark.parametrize(
    "mask, error, text",
    [
        (torch.full((4, 4), float("nan")), ValueError, "NaN"),
        (torch.full((4, 4), 255.0), ValueError, "Divide by 255"),
        (torch.zeros(4, 4, dtype=torch.uint8), ValueError, "uint8"),
        (torch.zeros(1, 3, 4, 4), ValueError, r"\[1, 3, 4, 4\]"),
        (torch.zeros(0, 4), ValueError, r"\[0, 4\]"),
        ("mask.png", TypeError, "str"),
    ],
)
def test_what_is_no_mask_is_refused(styles, mask, error, text):
    with pytest.raises(error, match=text) as told:
        Regions([(styles[0], torch.ones(4, 4)), (styles[1], mask)])
    assert "region 2" in str(told.value)


def test_what_are_no_regions_is_refused(model, styles):
    with pytest.raises(ValueError, match="no region"):
        Regions([], rest=styles[0])
    with pytest.raises(TypeError, match="region 1 is Style"):
        Regions([styles[0]])
    with pytest.raises(TypeError, match="rest is"):
        Regions([(styles[0], torch.ones(4, 4))], rest=torch.ones(4, 4))
    with pytest.raises(ValueError, match="0 to 1"):
        Regions([(styles[0], torch.ones(4, 4))], own=2)
    foreign = model_of(seed=1).encode_style(picture_of(32, 32, 0))
    with pytest.raises(WrongModelError, match="different models"):
        Regions([(styles[0], torch.ones(4, 4))], rest=foreign)
    regions = Regions([(styles[0], halves(4, 4))], rest=styles[1])
    with pytest.raises(ValueError, match="measure with the same regions"):
        model.apply(PHOTO, regions, statistics=model.measure(PHOTO, styles[0])[:, None])


def test_pil_pictures_take_regions(model, styles):
    photo = to_pil(PHOTO[0])
    regions = Regions([(styles[0], Image.new("L", (10, 10), 255).crop((0, 0, 20, 10)))], rest=styles[1])
    assert model.stylize(photo, regions, strength=0.9).size == photo.size


@pytest.mark.parametrize("size", [(64, 96), (37, 53), (16, 16), (5, 200)])
def test_every_place_is_in_one_part_and_parts_of_one_region_are_its_own(size):
    height, width = size
    across = (torch.linspace(-2, 3, width) * torch.linspace(1, 2, height)[:, None]).clamp(0, 1)
    weights = torch.stack((across, 1 - across))
    weights[:, : height // 3] = torch.tensor([1.0, 0.0])[:, None, None]
    seen = torch.zeros(size)
    for rows, columns, region in parts_of(weights):
        seen[rows, columns] += 1
        inside = weights[:, rows, columns]
        if region is None:
            assert inside.amax((1, 2)).min() > 0 or min(inside.shape[1:]) <= 16
        else:
            assert (inside[region] == 1).all()
    assert (seen == 1).all()


def test_half_a_picture_is_one_part():
    weights = torch.stack((halves(64, 128), 1 - halves(64, 128)))
    assert [(part.columns.start, part.columns.stop, part.region) for part in parts_of(weights)] == [
        (0, 64, 0),
        (64, 128, 1),
    ]


@pytest.mark.parametrize("steady", ["first", "running", "whole"])
def test_a_clip_goes_from_regions_to_one_style(model, styles, steady):
    frames = picture_of(32, 48, 2).expand(30, -1, -1, -1)
    start = Regions([(styles[0], halves(32, 48))], rest=styles[1])
    painted = list(
        stylize_clip(model, frames, lambda index: between(start, styles[2], index / 29), steady=steady, rate=10)
    )
    assert len(painted) == 30
    ends = model.apply(frames[:1], start)[0], model.apply(frames[:1], styles[2])[0]
    assert all((found - wanted).abs().mean() < 0.02 for found, wanted in zip((painted[0], painted[-1]), ends))
    steps = torch.stack([(one - other).abs().mean() for one, other in zip(painted, painted[1:])])
    assert steps.max() < 4 * steps.mean()
