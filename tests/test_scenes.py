"""Cuts and fades of clips, by pictures that are made here."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zmnet_core.styling.scenes import faded, glance, scenes_of, unfaded


def scenery(seed: int, count: int, speed: int = 2, noise: float = 0.01) -> list[torch.Tensor]:
    """A camera that moves over a landscape of soft blobs, [3, 90, 160], with a little noise."""
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, 6, 24, generator=generator)
    wide = torch.nn.functional.interpolate(small, (90, 160 + speed * count), mode="bicubic").clamp(0, 1)[0]
    frames = [wide[..., speed * index : speed * index + 160] for index in range(count)]
    return [(frame + noise * torch.randn(frame.shape, generator=generator)).clamp(0, 1) for frame in frames]


def looked_at(frames: list[torch.Tensor]) -> list:
    return scenes_of([glance(frame) for frame in frames])


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(6, 20), min_size=1, max_size=4), st.integers(0, 10**6), st.sampled_from([0, 1, 3]))
def test_cuts_are_found_where_they_are_and_nowhere_else(lengths, seed, speed):
    frames = [frame for place, length in enumerate(lengths) for frame in scenery(seed + place, length, speed)]
    starts = [sum(lengths[:place]) for place in range(len(lengths))]
    found = looked_at(frames)
    assert [scene.start for scene in found] == starts
    assert [scene.end for scene in found] == [*starts[1:], len(frames)]
    assert not any(part for scene in found for part in scene.fades)


@pytest.mark.parametrize("to", [0.0, 1.0], ids=["black", "white"])
@pytest.mark.parametrize("back", [False, True], ids=["away", "and back"])
def test_a_fade_is_measured_and_is_no_cut(to, back):
    parts = [0.0] * 8 + [index / 10 for index in range(11)] + ([1 - index / 10 for index in range(11)] if back else [])
    frames = [faded(frame, part, to) for frame, part in zip(scenery(1, len(parts), speed=1, noise=0), parts)]
    (scene,) = looked_at(frames)
    for index, part in enumerate(parts):
        assert scene.fades[index] == pytest.approx(part, abs=0.15)  # a tenth is taken for movement
        assert part < 0.2 or scene.towards[index] == to
    assert scene.fades[18] > 0.99 and scene.clearest == 0


def test_a_clip_may_begin_in_the_dark():
    parts = [1 - index / 10 for index in range(11)] + [0.0] * 10
    frames = [faded(frame, part, 0.0) for frame, part in zip(scenery(2, 21, speed=1), parts)]
    (scene,) = looked_at(frames)
    assert scene.fades[0] > 0.95 and scene.fades[-1] == 0 and scene.clearest >= 9


def test_a_dark_pause_between_two_scenes_is_a_cut_where_light_returns():
    black = torch.zeros(3, 90, 160)
    frames = scenery(3, 10) + [black] * 5 + scenery(4, 10)
    one, other = looked_at(frames)
    assert (one.end, other.start) == (15, 15)
    assert all(part > 0.99 for part in one.fades[10:]) and one.towards[10] == 0 and not any(other.fades)


def test_a_flash_is_no_cut():
    frames = scenery(5, 20, speed=1)
    frames[9] = faded(frames[9], 0.9, 1.0)
    (scene,) = looked_at(frames)
    assert scene.fades[9] == pytest.approx(0.9, abs=0.08) and scene.towards[9] == 1
    frames[9] = scenery(6, 1)[0]  # another picture for one frame
    assert len(looked_at(frames)) == 1


def test_something_that_slides_in_is_neither_cut_nor_fade():
    frames = scenery(7, 30, speed=0)
    for index, frame in enumerate(frames):
        frame[:, 20:70, : 3 * index] = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    (scene,) = looked_at(frames)
    assert not any(scene.fades)


@pytest.mark.parametrize("colour", [(0.02, 0.02, 0.02), (0.9, 0.1, 0.1), (0.98, 0.98, 0.98)])
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_what_widens_the_spread_of_light_makes_no_fade_of_what_was_before(colour, seed):
    frames = [0.4 + 0.2 * frame for frame in scenery(seed, 1, speed=0)] * 40  # hazy, until something clear slides in
    frames = [frame.clone() for frame in frames]
    for index, frame in enumerate(frames):
        frame[:, 20:70, : max(0, 4 * (index - 25))] = torch.tensor(colour)[:, None, None]
    (scene,) = looked_at(frames)
    assert not any(scene.fades)


def test_still_and_empty_clips():
    assert looked_at([]) == []
    (still,) = looked_at(scenery(8, 1))
    assert (still.start, still.end, still.fades) == (0, 1, (0.0,))
    for to in (0.0, 1.0):
        (scene,) = looked_at([torch.full((3, 90, 160), to)] * 4)
        assert scene.fades == (1.0,) * 4 and scene.towards == (to,) * 4
    (grey,) = looked_at([torch.full((3, 90, 160), 0.5)] * 4)  # neither black nor white: there is nothing to unfade
    assert grey.fades == (0.0,) * 4


@given(part=st.floats(0, 0.9), to=st.sampled_from([0.0, 1.0]))
@settings(deadline=None)
def test_what_is_faded_and_unfaded_is_as_before(part, to):
    picture = torch.linspace(0, 1, 48).view(3, 4, 4)
    torch.testing.assert_close(unfaded(faded(picture, part, to), part, to), picture, rtol=0, atol=1e-5)


def test_of_what_is_wholly_faded_nothing_is_left():
    noise = torch.rand(3, 8, 8) * 0.02
    assert faded(torch.rand(3, 8, 8), 1.0, 0.0).max() == 0 and faded(torch.rand(3, 8, 8), 1.0, 1.0).min() == 1
    assert unfaded(noise, 1.0, 0.0).max() <= 0.2  # the noise is not blown up beyond ten times
