"""The warping error, against closed forms, and the table of it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clips import moving, write_clip
from tests.conftest import picture_of
from tests.test_cli import zmnet
from zmnet_core.evaluation.warping import Motion, mean_error, motion, seen_in_both, warped, warping_error

STILL = Motion(torch.zeros(2, 24, 32), torch.ones(24, 32, dtype=torch.bool))


def moved(x: float, y: float, height: int = 24, width: int = 32) -> torch.Tensor:
    return torch.tensor([float(x), float(y)]).view(2, 1, 1).expand(2, height, width)


@settings(deadline=None, max_examples=20)
@given(x=st.integers(-6, 6), y=st.integers(-6, 6), seed=st.integers(0, 999))
def test_a_known_shift_has_no_error(x, y, seed):
    wide = picture_of(40, 48, seed)[0]
    first, second = wide[:, 8:32, 8:40], wide[:, 8 - y : 32 - y, 8 - x : 40 - x]  # what was at (8, 8) is x, y further
    seen = seen_in_both(moved(x, y), moved(-x, -y))
    assert seen.sum() == (24 - abs(y)) * (32 - abs(x))  # the rest has left the picture
    assert warping_error(first, second, Motion(moved(x, y), seen)) < 1e-9


@settings(deadline=None, max_examples=20)
@given(jump=st.floats(-0.5, 0.5), share=st.floats(0.1, 1.0))
def test_a_jump_of_light_gives_its_square(jump, share):
    picture = picture_of(24, 32, 3)[0]
    assert warping_error(picture, picture + jump, STILL) == pytest.approx(jump**2, abs=1e-6)
    rows = max(1, round(24 * share))  # where nothing is seen, nothing counts
    seen = torch.zeros(24, 32, dtype=torch.bool)
    seen[:rows] = True
    other = picture + jump
    other[:, rows:] = 7
    assert warping_error(picture, other, Motion(STILL.flow, seen)) == pytest.approx(jump**2, abs=1e-6)


def test_half_a_pixel_of_a_ramp_is_half_a_step():
    ramp = (torch.arange(32.0) / 32).expand(1, 24, 32)
    torch.testing.assert_close(warped(ramp, moved(0.5, 0))[..., :-1], (ramp + 0.5 / 32)[..., :-1])


def test_what_is_hidden_or_jumps_is_not_seen():
    there, back = moved(0.0, 0.0).clone(), moved(0.0, 0.0).clone()
    there[0, :, 16:] = 4  # the right half moves: at its border the flow jumps, and it does not come back
    seen = seen_in_both(there, back)
    assert seen[:, :14].all() and not seen[:, 15:].any()


def test_the_mean_is_over_the_frames_that_are_so_far_apart():
    frames = [torch.full((3, 24, 32), value) for value in (0.0, 0.1, 0.3, 0.3)]
    assert mean_error(frames, [STILL] * 3, 1) == pytest.approx((0.01 + 0.04 + 0) / 3, abs=1e-6)
    assert mean_error(frames, [STILL] * 2, 2) == pytest.approx((0.09 + 0.04) / 2, abs=1e-6)
    unseen = Motion(STILL.flow, ~STILL.seen)
    assert mean_error(frames, [unseen, STILL, STILL], 1) == pytest.approx(0.02, abs=1e-6)
    assert math.isnan(mean_error(frames, [unseen], 1))


def test_the_flow_finds_a_shift():
    pytest.importorskip("cv2", reason="opencv-python-headless finds the motion")
    wide = torch.nn.functional.avg_pool2d(picture_of(140, 180, 5), 5, 1)[0]
    first, second = wide[:, 8:104, 8:136], wide[:, 10:106, 5:133]
    found = motion(first, second)
    assert (found.flow - moved(3, -2, 96, 128))[:, found.seen].abs().median() < 0.2
    assert found.seen.float().mean() > 0.6
    assert warping_error(first, second, found) < 0.05 * warping_error(
        first, second, Motion(torch.zeros(2, 96, 128), found.seen)
    )


@pytest.mark.slow
def test_the_table_has_each_way_of_being_steady(tmp_path):
    pytest.importorskip("cv2", reason="opencv-python-headless finds the motion")
    (tmp_path / "clips").mkdir()
    write_clip(tmp_path / "clips" / "a.mp4", moving(16))
    said = zmnet("evaluate", "--clips", tmp_path / "clips", "--size", 64, "-m", "mini", "-o", tmp_path / "out")
    for row in ("clip itself", "zmnet-mini, off", "zmnet-mini, first", "zmnet-mini, running", "zmnet-mini, whole"):
        assert f"| {row}" in said
    written = (tmp_path / "out" / "steadiness.txt").read_text(encoding="utf-8")
    assert " ".join(written.split()) in said


def test_what_is_no_folder_of_clips_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        said = zmnet("evaluate", "--clips", folder, "-m", "mini", "-o", tmp_path / "out", status=1)
        assert "is no folder with clips in it" in said


def test_without_opencv_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    from zmnet_core.errors import NotInstalledError

    with pytest.raises(NotInstalledError, match="pip install opencv-python-headless"):
        motion(torch.rand(3, 32, 32), torch.rand(3, 32, 32))
