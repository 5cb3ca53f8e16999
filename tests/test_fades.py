"""Fades of clips, by closed forms: a picture times a straight line to black or to white."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_scenes import scenery
from zmnet_core.styling.scenes import Scene, faded, glance, scenes_of, unfaded
from zmnet_core.styling.steady import stylize_clip

PICTURES = {  # mean and spread of light
    "bright and flat": (0.87, 0.05),
    "bright and hazy": (0.87, 0.08),
    "dark and flat": (0.12, 0.05),
    "normal": (0.5, 0.2),
}
DOWN = [place / 20 for place in range(1, 20)]
UP = DOWN[::-1]
SHAPES = {  # the part that is faded, frame by frame
    "straight to it": [0.0, *DOWN, 1.0, 1.0, 1.0],
    "out": [0.0] * 12 + [*DOWN, 1.0, 1.0],
    "out for a second": [0.0, *DOWN, *[1.0] * 60],
    "in": [1.0, 1.0, *UP, *[0.0] * 12],
    "straight in": [1.0, *UP, 0.0],
    "out and in": [0.0] * 9 + [*DOWN, 1.0, *UP] + [0.0] * 9,
    "nothing but out and in": [0.0, *DOWN, 1.0, *UP, 0.0],
    "in and out": [1.0, *UP, 0.0, *DOWN, 1.0],
    "not all the way": [0.0] * 5 + [part for part in DOWN if part <= 0.8] + [0.8] * 3,
    "slowly": [0.0] * 5 + [place / 80 for place in range(1, 81)],
}


def picture_of(light: float, spread: float, seed: int = 1) -> torch.Tensor:
    plain = scenery(seed, 1, noise=0)[0]
    luma = torch.einsum("c,chw->hw", torch.tensor([0.299, 0.587, 0.114]), plain)
    return (light + (plain - luma.mean()) * spread / luma.std(correction=0)).clamp(0, 1)


def scene_of(frames: list[torch.Tensor]) -> Scene:
    (scene,) = scenes_of([(255 * glance(frame)).round().to(torch.uint8) for frame in frames])
    return scene


@pytest.mark.parametrize("to", [0.0, 1.0], ids=["black", "white"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("light", PICTURES.values(), ids=PICTURES)
def test_of_every_frame_the_part_that_is_faded_is_found_and_the_picture_in_it(light, shape, to):
    picture = picture_of(*light)
    frames = [(255 * faded(picture, part, to)).round() / 255 for part in shape]
    scene = scene_of(frames)
    torch.testing.assert_close(torch.tensor(scene.fades), torch.tensor(shape), rtol=0, atol=0.02)
    assert [part == 0 for part in scene.fades] == [part == 0 for part in shape]
    for frame, part, found, towards in zip(frames, shape, scene.fades, scene.towards):
        assert part == 0 or towards == to
        if part < 0.9:  # the mean: one level of a byte is as much as 1 / (1 - part) of them
            assert float((unfaded(frame, found, to) - picture).mean()) == pytest.approx(0, abs=0.02)


@given(
    seed=st.integers(0, 10**6),
    light=st.sampled_from(list(PICTURES.values())),
    length=st.integers(4, 60),
    still=st.integers(0, 30),
    to=st.sampled_from([0.0, 1.0]),
    gentle=st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_a_fade_grows_from_nothing_to_all_whatever_its_length(seed, light, length, still, to, gentle):
    line = torch.linspace(0, 1, length + 1)
    line = (1 - torch.cos(torch.pi * line)) / 2 if gentle else line
    shape = [0.0] * still + line.tolist()
    scene = scene_of([faded(picture_of(*light, seed), part, to) for part in shape])
    torch.testing.assert_close(torch.tensor(scene.fades), torch.tensor(shape), rtol=0, atol=0.03)
    assert all(later >= earlier - 0.005 for earlier, later in zip(scene.fades, scene.fades[1:]))


@pytest.mark.parametrize("held", [1, 6])
@pytest.mark.parametrize("views", [((0.8, 0.08), (0.55, 0.12)), ((0.55, 0.12), (0.8, 0.08))])
def test_before_and_after_a_fade_there_may_be_different_views(views, held):
    shape = [0.0] * 6 + [0.2, 0.4, 0.6, 0.8] + [1.0] * held + [0.8, 0.6, 0.4, 0.2] + [0.0] * 6
    before, after = (picture_of(*view) for view in views)  # of one place, so that there is no cut
    frames = [before] * (10 + held) + [after] * 10
    scene = scene_of([faded(frame, part, 0.0) for frame, part in zip(frames, shape)])
    torch.testing.assert_close(torch.tensor(scene.fades), torch.tensor(shape), rtol=0, atol=0.02)


@given(seed=st.integers(0, 10**6), to=st.sampled_from([0.0, 1.0]), length=st.integers(8, 40))
@settings(deadline=None, max_examples=20)
def test_a_fade_of_a_moving_view_goes_all_the_way_without_gaps(seed, to, length):
    shape = [0.0] * 30 + [place / length for place in range(1, length + 1)]
    views = scenery(seed, len(shape), speed=1)
    scene = scene_of([faded(view, part, to) for view, part in zip(views, shape)])
    torch.testing.assert_close(torch.tensor(scene.fades), torch.tensor(shape), rtol=0, atol=0.08)
    assert all(scene.fades[place] for place, part in enumerate(shape) if part > 0.1)


def test_two_fades_may_share_the_clear_frame_between_them():
    shape = [1.0, *UP, 0.0, *DOWN, 1.0]
    towards = [0.0] * 21 + [1.0] * 20
    frames = [faded(picture_of(0.5, 0.2), part, to) for part, to in zip(shape, towards)]
    scene = scene_of(frames)
    torch.testing.assert_close(torch.tensor(scene.fades), torch.tensor(shape), rtol=0, atol=0.02)
    assert [to for to, part in zip(scene.towards, shape) if part] == [to for to, part in zip(towards, shape) if part]


@pytest.mark.parametrize("steady", ["first", "whole"])
def test_a_painted_fade_gets_darker_and_darker(model, make_picture, steady):
    shape = SHAPES["straight to it"]
    picture = picture_of(*PICTURES["bright and hazy"])
    frames = torch.stack([(255 * faded(picture, part, 0.0)).round() / 255 for part in shape])
    style = model.encode_style(make_picture(64, 64, seed=9))
    painted = torch.stack(list(stylize_clip(model, frames, style, steady=steady))).mean((1, 2, 3))
    assert float((painted[1:] - painted[:-1]).max()) <= 3 / 255
    expected = painted[0] * (1 - torch.tensor(shape))  # as if the painted picture were faded
    torch.testing.assert_close(painted, expected, rtol=0, atol=0.03)
