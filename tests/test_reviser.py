"""The reviser: drafts, plans, tiles, and that the picture is the draft with detail."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zmnet_core.errors import WrongModelError
from zmnet_core.images.resize import resized
from zmnet_core.model import ZMNet
from zmnet_core.networks.drafts import draft_size
from zmnet_core.networks.reviser import LEAST_FACTOR, MOST_FACTOR, Reviser, Scales, Window
from zmnet_core.networks.tnet import MIN_SIDE
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import animate, stylize_each, stylize_tensor, within_mask
from zmnet_core.styling.plan import plan
from zmnet_core.styling.tiling import TILE, WHOLE_PIXELS, count_tiles

DRAFT = 48


def with_reviser(model: ZMNet, seed: int = 0, **options: object) -> ZMNet:
    """The model with a reviser that leaves its marks."""
    torch.manual_seed(seed)
    described = {name: model.config[name] for name in ("tnet", "pnet")}
    revised = ZMNet(**described, reviser={"width": 8, "edge": 4, "hidden": 8, "blocks": 2, "draft": DRAFT} | options)
    revised.load_state_dict(model.state_dict(), strict=False)
    torch.nn.init.normal_(revised.reviser.out.weight, std=0.03)
    torch.nn.init.normal_(revised.reviser.out.bias, std=0.1)
    for head in (*revised.reviser.heads.gamma, *revised.reviser.heads.beta):
        torch.nn.init.normal_(head.weight, std=0.3)
    return revised.eval().requires_grad_(False)


@pytest.fixture
def reviser() -> Reviser:
    return Reviser(5, width=8, edge=4, blocks=2, hidden=8, draft=DRAFT)


@pytest.fixture
def revising(model) -> ZMNet:
    return with_reviser(model)


# The network -----------------------------------------------------------------------------------


def test_a_fresh_reviser_gives_the_enlarged_draft(reviser, make_picture):
    draft, detail = make_picture(65, 47, seed=1, count=2), make_picture(65, 47, seed=2, count=2)
    assert torch.equal(reviser(draft, detail, torch.randn(1, 2, 5)), draft)


def test_a_model_without_a_reviser_revises_nothing(model, style, make_picture):
    draft, contents = make_picture(32, 32, seed=1), make_picture(64, 64, seed=2)
    with pytest.raises(WrongModelError, match="no reviser"):
        model.revise(draft, contents, draft, style)


def test_scales_are_gamma_x_plus_beta_site_after_site():
    values = torch.tensor([[[2.0, 3.0, 4.0], [10.0, 20.0, 30.0]]])  # γ, β of sites of two and of one channel
    for count in (1, 2):  # one style for all, or one a picture
        scaled, x = Scales(values.repeat(count, 1, 1)), torch.ones(count, 1, 1, 1)
        two, one = torch.nn.Conv2d(1, 2, 1), torch.nn.Conv2d(1, 1, 1)
        for conv in (two, one):
            torch.nn.init.constant_(conv.weight, 5)
            torch.nn.init.constant_(conv.bias, 1)
        assert scaled(two, x).flatten(1).tolist() == [[22.0, 38.0]] * count
        assert scaled(one, x * 2).flatten(1).tolist() == [[74.0]] * count


@torch.no_grad()
def test_every_style_of_a_batch_guides_its_own_picture(revising, make_picture, make_values):
    draft, detail = make_picture(48, 64, seed=1, count=2), make_picture(48, 64, seed=2, count=2) - 0.5
    styles = make_values(revising.tnet, count=2)
    both = revising.reviser(draft, detail, styles)
    for one in range(2):
        alone = revising.reviser(draft[one : one + 1], detail[one : one + 1], styles[one : one + 1])
        torch.testing.assert_close(both[one : one + 1], alone, atol=1e-5, rtol=1e-5)
    assert (both - revising.reviser(draft, detail, styles.flip(0))).abs().max() > 1e-2


@torch.no_grad()
@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_it_sees_no_further_than_its_radius(model, make_picture, make_values, blocks):
    reviser = with_reviser(model, blocks=blocks).reviser
    style, draft, detail = make_values(model.tnet), *make_picture(160, 160, seed=1, count=2)[:, None]
    at = 80
    before = reviser(draft, detail, style)
    draft[..., at, at] += 1
    reached = ((reviser(draft, detail, style) - before).abs().amax((0, 1)) > 0).nonzero()
    assert 4 * (1 + 2 * blocks) < (reached - at).abs().max() <= reviser.radius


def test_a_window_is_cut_where_it_says():
    pictures = torch.arange(36.0).view(1, 1, 6, 6)
    assert Window(16, 1, 2, 2).of(pictures).flatten().tolist() == [8, 9, 14, 15]


# Which pictures have drafts --------------------------------------------------------------------


@given(st.integers(1, 6000), st.integers(1, 6000))
def test_a_draft_is_smaller_by_the_factors_a_reviser_is_made_for(height, width):
    reviser = Reviser(1, width=2, edge=1, blocks=0, hidden=1, draft=384)
    size, short = draft_size(reviser, height, width), min(height, width)
    if size is None:
        assert short < LEAST_FACTOR * (384 + 1)
        return
    assert min(size) >= 384
    assert LEAST_FACTOR <= short / min(size) <= MOST_FACTOR + 0.01
    for side, before in zip(size, (height, width), strict=True):  # no picture is bent
        assert abs(side - before * min(size) / short) <= 0.5


@pytest.mark.parametrize("draft, message", [(200, "can be 16 to 80 px"), (81, "16 to 80"), (15, "16 to 80")])
def test_a_draft_that_does_not_suit_the_picture_is_refused(reviser, draft, message):
    with pytest.raises(ValueError, match=message):
        draft_size(reviser, 120, 300, draft)
    with pytest.raises(ValueError, match="too small for one"):
        draft_size(reviser, 20, 300, 16)
    assert draft_size(reviser, 120, 300, 80) == (80, 200)


def test_without_a_reviser_there_are_no_drafts(model, style, make_picture):
    contents = make_picture(200, 100, seed=1)
    assert draft_size(None, 4000, 4000) is None
    assert torch.equal(model.apply(contents, style, draft=0), model.apply(contents, style))
    with pytest.raises(WrongModelError, match="has no reviser"):
        model.apply(contents, style, draft=32)


def test_options_that_make_no_reviser_are_refused():
    for wrong in ({"width": 0}, {"edge": 0}, {"blocks": -1}, {"hidden": 0}, {"draft": 8}):
        with pytest.raises(ValueError):
            Reviser(3, **wrong)


# A picture's way -------------------------------------------------------------------------------


@torch.no_grad()
def test_a_large_picture_is_painted_small_enlarged_and_revised(revising, model, make_picture):
    contents = make_picture(150, 203, seed=1)
    style = revising.encode_style(make_picture(64, 64, seed=7), size=None)
    seen = resized(contents, (DRAFT, 65))
    y0 = model.tnet(seen, style.values)
    detail = contents - resized(seen, (150, 203))
    expected = revising.reviser(resized(y0, (150, 203)), detail, style.values).clamp(0, 1)
    assert torch.equal(revising.apply(contents, style), expected)
    assert (expected - resized(y0, (150, 203))).abs().max() > 0.05  # it did something
    assert torch.equal(revising.apply(contents, style, draft=0), model.apply(contents, style))
    assert not torch.equal(revising.apply(contents, style, draft=90), expected)


def test_a_small_picture_is_painted_as_it_is(revising, model, make_picture):
    contents = make_picture(70, 90, seed=1)  # less than 1.5 × 48
    style = revising.encode_style(contents, size=None)
    assert torch.equal(revising.apply(contents, style), model.apply(contents, style))


def test_styles_made_without_the_reviser_fit(revising, model, style, make_picture):
    assert revising.fingerprint == model.fingerprint
    assert revising.apply(make_picture(100, 100, seed=1), style).isfinite().all()


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_tiles_are_cut_from_one_picture(revising, style, make_picture, strength):
    contents = make_picture(150, 203, seed=1)
    whole = stylize_tensor(revising, contents, style, Look(strength=strength))
    steps = []
    tiled = stylize_tensor(revising, contents, style, Look(strength=strength, tile=64), step=lambda: steps.append(1))
    torch.testing.assert_close(tiled, whole, atol=2e-5, rtol=0)
    assert len(steps) == count_tiles(150, 203, 64) == plan(revising.reviser, 150, 203, tile=64).steps


def test_statistics_are_those_of_the_draft(revising, style, make_picture):
    contents = make_picture(150, 203, seed=1)
    statistics = revising.measure(contents, style)
    torch.testing.assert_close(revising.apply(contents, style, statistics=statistics), revising.apply(contents, style))
    small = revising.measure(resized(contents, (DRAFT, 65)), style)
    torch.testing.assert_close(statistics, small)


def test_masks_batches_and_frames_are_revised(revising, style, make_picture):
    contents = make_picture(100, 120, seed=1, count=2)
    plain = stylize_tensor(revising, contents[:1], style)
    assert torch.equal(stylize_each(revising, contents, style)[:1], plain)
    mask = torch.zeros(1, 1, 100, 120)
    mask[..., 60:] = 1
    masked = stylize_tensor(revising, contents[:1], style, mask=mask)
    torch.testing.assert_close(masked, within_mask(contents[:1], plain, mask))
    torch.testing.assert_close(animate(revising, contents[:1], style, style, [0.0, 1.0])[1:], plain)
    assert stylize_each(revising, contents.half(), style).dtype == torch.half


def test_a_brush_leaves_detail_to_the_reviser(revising, model, style, make_picture):
    contents = make_picture(64, 64, seed=1)  # too small for a draft of its own
    painted = stylize_tensor(revising, contents, style, Look(brush=2.0))
    seen = resized(contents, (32, 32))
    expected = revising.revise(model.tnet(seen, style.values), contents, seen, style)
    torch.testing.assert_close(painted, expected)
    plain = stylize_tensor(revising, contents, style, Look(brush=2.0, draft=0))
    torch.testing.assert_close(plain, stylize_tensor(model, contents, style, Look(brush=2.0)))


@given(
    st.integers(MIN_SIDE, 9000), st.integers(MIN_SIDE, 9000), st.floats(1, 4), st.sampled_from([None, 0, 256, 2048]),
    st.booleans(),
)  # fmt: skip
def test_plans(height, width, brush, tile, revised):
    reviser = Reviser(1, width=2, edge=1, blocks=0, hidden=1, draft=384) if revised else None
    found = plan(reviser, height, width, brush, tile)
    assert found.size == (height, width)
    assert all(MIN_SIDE <= side <= before for side, before in zip(found.canvas, found.size, strict=True))
    assert not found.revised or (revised and min(found.size) >= LEAST_FACTOR * min(found.canvas))
    area = math.prod(found.tiled)
    if tile is None:
        assert found.tile == (TILE if area > WHOLE_PIXELS else 0)
    assert found.steps == (count_tiles(*found.tiled, found.tile) if found.tile else 1)
    assert 0 < found.pixels <= max(math.prod(found.canvas), area)
    if found.smaller:
        assert found.smaller.steps > found.steps and found.smaller.pixels <= found.pixels


# Files -----------------------------------------------------------------------------------------


def test_a_model_with_a_reviser_is_saved_and_loaded(revising, style, make_picture, tmp_path):
    revising.save_pretrained(tmp_path)
    loaded = ZMNet.from_pretrained(tmp_path)
    contents = make_picture(100, 120, seed=1)
    torch.testing.assert_close(loaded.apply(contents, style), revising.apply(contents, style))
    with pytest.raises(WrongModelError, match="unknown: reviser"):
        ZMNet.from_pretrained(tmp_path, reviser=None)


def test_calibration_normalises_the_styles_of_the_paintings(reviser):
    styles = 3 + 2 * torch.randn(500, 2, 5)
    assert not reviser.calibrated
    reviser.calibrate(styles)
    assert reviser.calibrated
    normalised = (styles.flatten(1) - reviser.offset) / reviser.spread
    torch.testing.assert_close(normalised.mean(0), torch.zeros(10), atol=1e-4, rtol=0)
    torch.testing.assert_close(normalised.std(0), torch.ones(10), atol=1e-4, rtol=0)
