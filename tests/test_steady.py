"""Clips that do not flicker: what is held from frame to frame, and fades that stay fades."""

from __future__ import annotations

import pytest
import torch

from tests.test_scenes import scenery
from zmnet_core.styling.held import hold
from zmnet_core.styling.look import STEADY, Look
from zmnet_core.styling.paint import stylize_tensor
from zmnet_core.styling.scenes import faded
from zmnet_core.styling.steady import stylize_clip

LOOKS = {
    "plain": Look(),
    "palette": Look(palette=1.0),
    "strength": Look(strength=0.7),
    "layers": Look(layers=("detail", "texture")),
    "brush": Look(brush=2.0),
    "tiles": Look(tile=32),
}


@pytest.fixture
def style(model, make_picture):
    return model.encode_style(make_picture(64, 64, seed=9))


@pytest.fixture
def other(model, make_picture):
    return model.encode_style(make_picture(64, 64, seed=10))


def clip(model, frames, style, look=LOOKS["plain"], **options) -> torch.Tensor:
    return torch.stack(list(stylize_clip(model, torch.stack(frames), style, look, **options)))


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_what_a_picture_finds_in_itself_may_as_well_be_held(model, style, make_picture, look):
    picture = make_picture(80, 96, seed=2)
    alone = stylize_tensor(model, picture, style, look)
    held = stylize_tensor(model, picture, style, look, held=hold(model, picture, style, look))
    # For its colours the picture is painted small, which has fewer of them.
    torch.testing.assert_close(held, alone, rtol=0, atol=0.08 if look.palette else 1e-4)


def test_off_is_frame_by_frame(model, style):
    frames = scenery(1, 3)
    expected = torch.cat([stylize_tensor(model, frame[None], style) for frame in frames])
    torch.testing.assert_close(clip(model, frames, style, steady="off"), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "look", [LOOKS["plain"], LOOKS["palette"], LOOKS["strength"]], ids=["plain", "palette", "strength"]
)
@pytest.mark.parametrize("steady", ["first", "whole"])
def test_what_slides_in_changes_nothing_beyond_its_surroundings(model, style, steady, look):
    frames = [frame.repeat(1, 1, 2) for frame in scenery(2, 1, speed=0, noise=0)] * 6
    frames = [frame.clone() for frame in frames]
    for index, frame in enumerate(frames):
        frame[:, 20:60, : 8 * index] = torch.tensor([0.95, 0.1, 0.1])[:, None, None]
    far = (..., slice(250, None))  # further than the network sees
    moved = clip(model, frames, style, look, steady=steady)[far]
    own = clip(model, frames, style, look, steady="off")[far]
    assert (own - own[:1]).abs().max() > 0.02
    assert (moved - moved[:1]).abs().max() < (0.02 if look.palette else 1e-4)


@pytest.mark.parametrize("to", [0.0, 1.0], ids=["black", "white"])
@pytest.mark.parametrize("steady", [way for way in STEADY if way != "off"])
def test_a_fade_stays_a_fade(model, style, steady, to):
    parts = [0.0] * 5 + [index / 6 for index in range(7)]
    frames = [faded(frame, part, to) for frame, part in zip(scenery(3, 12, speed=1, noise=0), parts)]
    painted = clip(model, frames, style, steady=steady)
    assert (painted[-1] - to).abs().max() < 0.02
    means = painted.mean((1, 2, 3))
    away = (means[5:] - to).abs()
    assert (away[1:] <= away[:-1] + 0.03).all()  # it gets there step by step


@pytest.mark.slow
def test_running_goes_slowly_from_one_to_the_next_and_whole_stays(model, style):
    frames = [frame * (0.6 + 0.4 * index / 47) for index, frame in enumerate(scenery(4, 48, speed=0, noise=0))]
    still = [frames[0]] * 48
    steps = (clip(model, frames, style, steady="running").diff(dim=0)).abs().amax((1, 2, 3))
    assert steps.max() < 0.1
    torch.testing.assert_close(clip(model, still, style)[0], clip(model, still, style)[-1])


def test_a_cut_begins_anew(model, style):
    one, other = scenery(5, 4), scenery(6, 4)
    together = clip(model, one + other, style, steady="first")
    torch.testing.assert_close(together[4:], clip(model, other, style, steady="first"))


@pytest.mark.parametrize("steady", STEADY)
def test_a_style_may_change_along_the_clip(model, style, other, steady):
    frames = scenery(7, 1, speed=0, noise=0) * 30
    painted = clip(model, frames, lambda index: style.towards(other, index / 29), steady=steady)
    for index, wanted in ((0, style), (29, other)):
        expected = stylize_tensor(model, frames[index][None], wanted)[0]
        torch.testing.assert_close(painted[index], expected, rtol=0, atol=1e-3)
    assert painted.diff(dim=0).abs().max() < 0.2


@pytest.mark.parametrize("steady", STEADY)
@pytest.mark.parametrize("start", [1, 7, 13])
def test_a_clip_may_be_begun_anywhere_and_is_as_if_from_the_first_on(model, style, other, steady, start):
    frames = scenery(5, 9) + scenery(6, 5)  # with a cut
    options = {"style": lambda index: style.towards(other, index / 13), "steady": steady}
    torch.testing.assert_close(clip(model, frames, **options, start=start), clip(model, frames, **options)[start:])


def test_masks_follow(model, style):
    frames = scenery(8, 4)
    masks = torch.zeros(4, 1, 90, 160)
    masks[2:] = 1
    painted = clip(model, frames, style, masks=masks)
    torch.testing.assert_close(painted[:2], torch.stack(frames[:2]))
    torch.testing.assert_close(painted[2:], clip(model, frames, style)[2:])


def test_what_cannot_be_is_refused(model, style):
    frames = scenery(9, 3)
    with pytest.raises(ValueError, match="steady is 'frist', which does not exist. Did you mean 'first'?"):
        clip(model, frames, style, steady="frist")
    with pytest.raises(ValueError, match="2 masks for 3 frames"):
        clip(model, frames, style, masks=torch.zeros(2, 1, 8, 8))
