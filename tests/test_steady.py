"""Clips that do not flicker: what is held from frame to frame, and fades that stay fades."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_scenes import scenery
from zmnet_core.evaluation.figures import palette_distance
from zmnet_core.images.colour import TO_YCC
from zmnet_core.styling.held import Held, hold
from zmnet_core.styling.look import STEADY, Look
from zmnet_core.styling.paint import stylize_tensor
from zmnet_core.styling.scenes import Scene, faded
from zmnet_core.styling.steady import REACH, _Way, stylize_clip

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
    if look.palette:  # by a table of colours: the colours are as near to the painting's, if not place by place
        painting = make_picture(64, 64, seed=9)
        plain = palette_distance(stylize_tensor(model, picture, style), painting)
        assert palette_distance(held, painting) < palette_distance(alone, painting) + 0.2 * plain
    else:
        torch.testing.assert_close(held, alone, rtol=0, atol=1e-4)


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
@pytest.mark.parametrize("to", [0.0, 1.0], ids=["black", "white"])
def test_fades_of_twenty_paintings_end_in_black_and_white(model, make_picture, to):
    frames = [faded(scenery(3, 1)[0][:, :32, :48], part, to) for part in (0.0, 0.0, 0.5, 1.0)]
    for seed in range(20):
        painted = 255 * clip(model, frames, model.encode_style(make_picture(64, 64, seed=seed)))
        luma = torch.einsum("c,nchw->n", torch.tensor(TO_YCC[0]), painted) / painted[0, 0].numel()
        assert luma[-1] < 20 if to == 0 else luma[-1] > 235


def areas(frames: torch.Tensor) -> torch.Tensor:
    """The mean colours of squares of 15 px."""
    return torch.nn.functional.avg_pool2d(frames, 15)


def with_visitor(frame: torch.Tensor, count: int, comes: int, goes: int) -> list[torch.Tensor]:
    """A still picture, [3, 90, 160], into whose left half something slides within 6 frames, and out again."""
    frames = [frame.clone() for _ in range(count)]
    for index, each in enumerate(frames):
        each[:, 10:70, : 12 * max(0, min(6, index - comes, goes - index))] = torch.tensor([0.95, 0.1, 0.1])[
            :, None, None
        ]
    return frames


@pytest.mark.slow
def test_running_does_not_mind_what_passes_and_goes_slowly_to_what_stays(model, style):
    still = scenery(2, 1, speed=0, noise=0)[0].repeat(1, 1, 2)
    for goes, most in ((60, 0.05), (999, 1 / 3)):
        frames = with_visitor(still, 96, 48, goes)
        own, running = (
            areas(clip(model, frames, style, steady=steady, rate=6))[..., 16:] for steady in ("off", "running")
        )
        second = (running[6:] - running[:-6]).abs().max()
        assert second < most * (own - own[:1]).abs().max()


@settings(deadline=None, max_examples=20)
@given(length=st.integers(1, 300), second=st.integers(1, 60), start=st.integers(0, 9), key=st.integers(0, 299))
def test_the_frames_that_running_goes_by_are_those_around(length, second, start, key):
    scene = Scene(start, start + length, (0.0,) * length, (0.0,) * length)
    key = start + key % length
    for places in (references := _Way(scene, "running", second, None).references(key)):
        assert places == sorted(set(places))
        assert all(scene.start <= place < scene.end and (place - start) % second == 0 for place in places)
        assert all(abs(place - key) <= 2 * REACH * second for place in places)
    inside = 2 * REACH * second <= key - start < length - 2 * REACH * second
    if inside and (key - start) % second == 0:  # so that of what changes evenly, there is neither more nor less
        assert len(references) == 2 * REACH + 1
        assert sum(map(sum, references)) == key * (2 * REACH + 1) ** 2
        assert [sorted(places)[REACH] for places in references] == [
            key + step * second for step in range(-REACH, REACH + 1)
        ]


def test_running_follows_a_dusk(model, style):
    """Light falls to half within ten seconds: what is painted is as bright as of frames that go by themselves."""
    picture = scenery(4, 1, speed=0, noise=0)[0]
    frames = [picture * (1 - 0.5 * index / 39) for index in range(40)]
    own, running, whole = (clip(model, frames, style, steady=way, rate=4) for way in ("off", "running", "whole"))
    assert (running - own)[16:-16].abs().max() < 0.02 < (whole - own).abs().max()
    assert (running - own).abs().mean() < 0.35 * (whole - own).abs().mean()
    assert running.diff(dim=0).abs().max() < 0.05


def test_held_things_are_mixed_entry_by_entry(model, style, make_picture):
    look = Look(palette=1.0)
    several = [hold(model, make_picture(64, 64, seed=seed), style, look) for seed in range(5)]
    statistics = torch.stack([each.statistics for each in several])
    torch.testing.assert_close(Held.mean(several).statistics, statistics.mean(0))
    torch.testing.assert_close(Held.median(several).statistics, statistics.sort(0).values[2])
    assert Held.median([several[1]]) is several[1]
    half = several[0].towards(several[1], 0.5)
    torch.testing.assert_close(half.shifts, Held.mean(several[:2]).shifts)
    torch.testing.assert_close(half.statistics, statistics[:2].mean(0))


@pytest.mark.parametrize("look", [LOOKS["plain"], LOOKS["palette"]], ids=["plain", "palette"])
def test_a_still_camera_with_noise_flickers_no_more_than_frame_by_frame(model, style, look):
    generator = torch.Generator().manual_seed(0)
    still = scenery(5, 1, speed=0, noise=0)[0]
    still[:, :40] *= 0.1  # a dark sky, almost flat
    frames = [(still + torch.randn(still.shape, generator=generator) * 2 / 255).clamp(0, 1) for _ in range(24)]

    def flicker(steady: str) -> torch.Tensor:
        painted = clip(model, frames, style, look, steady=steady)
        return torch.stack(
            (painted.diff(dim=0).square().mean().sqrt(), areas(painted).diff(dim=0).square().mean().sqrt())
        )

    own = flicker("off")
    for steady in STEADY[1:]:
        assert (flicker(steady) <= 1.02 * own).all(), steady


@pytest.mark.slow
def test_whole_stays(model, style):
    frames = clip(model, scenery(4, 1, speed=0, noise=0) * 48, style)
    torch.testing.assert_close(frames[0], frames[-1])


def test_a_frame_to_go_by_may_be_chosen(model, style):
    frames = scenery(5, 4) + scenery(6, 4)
    chosen = clip(model, frames, style, steady="first", reference=2)
    torch.testing.assert_close(chosen[2], clip(model, frames[2:3], style, steady="off")[0], rtol=0, atol=1e-4)
    assert (chosen[0] - clip(model, frames, style, steady="first")[0]).abs().max() > 1e-3
    torch.testing.assert_close(chosen[4:], clip(model, frames, style, steady="first")[4:])  # of another scene


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
    for steady, reference in (("first", 3), ("first", -1), ("whole", 0)):
        with pytest.raises(ValueError, match="a frame to go by, from 0 to 2, may be chosen where steady is 'first'"):
            clip(model, frames, style, steady=steady, reference=reference)
    with pytest.raises(ValueError, match="2 masks for 3 frames"):
        clip(model, frames, style, masks=torch.zeros(2, 1, 8, 8))
