"""Frames to files, and the frames of an animation."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from zmnet_core.errors import PictureError
from zmnet_core.images.video import write_video
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import animate, frames, shares_of


def greys(*levels: int, size=(32, 24)) -> list[Image.Image]:
    return [Image.new("RGB", size, (level,) * 3) for level in levels]


def test_gif_holds_every_frame_in_order_and_loops(tmp_path):
    path = write_video(tmp_path / "a.gif", iter(greys(0, 90, 180, 250)), fps=10)
    with Image.open(path) as image:
        levels = [float(np.asarray(frame.convert("L")).mean()) for frame in ImageSequence.Iterator(image)]
        assert image.info["duration"] == 100 and image.info["loop"] == 0
    assert levels == pytest.approx([0, 90, 180, 250], abs=3)


@pytest.mark.parametrize("size", [(32, 24), (33, 25)])
def test_mp4_holds_every_frame_in_order(tmp_path, size):
    av = pytest.importorskip("av")
    path = write_video(tmp_path / "a.mp4", iter(greys(0, 90, 180, 250, size=size)), fps=12.5)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate) == pytest.approx(12.5)
        levels = [float(frame.to_ndarray(format="gray").mean()) for frame in container.decode(stream)]
        assert (stream.width, stream.height) == (32, 24)
    assert levels == pytest.approx([0, 90, 180, 250], abs=6)


PURE = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (128, 128, 128), (0, 0, 0), (200, 30, 90)]


@pytest.mark.parametrize("height", [480, 720, 1080])
def test_colours_of_an_mp4_come_back_at_every_size(tmp_path, height):
    av = pytest.importorskip("av")
    frames = (Image.new("RGB", (64, height), colour) for colour in PURE)
    path = write_video(tmp_path / "a.mp4", frames, fps=10)
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    for frame, colour in zip(decoded, PURE, strict=True):
        # 1 is BT.709 of each, and 1 is 16..235: a player that obeys has nothing to guess.
        assert [frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range] == [1, 1, 1, 1]
        assert frame.to_ndarray(format="rgb24").reshape(-1, 3).mean(0) == pytest.approx(colour, abs=3)
        planes = frame.to_ndarray(format="yuv420p")
        y, u, v = (float(plane.mean()) for plane in (planes[:height], *np.split(planes[height:], 2)))
        y, u, v = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
        by_hand = y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u  # ITU-R BT.709-6, 3.2 and 3.3
        assert 255 * np.array(by_hand) == pytest.approx(colour, abs=3)


def test_what_breaks_leaves_the_old_file_and_no_other(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"old")

    def broken():
        yield from greys(0, 50)
        raise RuntimeError("the frame could not be made")

    with pytest.raises(RuntimeError, match="could not be made"):
        write_video(tmp_path / "a.gif", broken(), fps=10)
    assert (tmp_path / "a.gif").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "name, given, said", [("a.avi", 1, "ends in .gif or .mp4"), ("a.gif", 0, "at least one frame")]
)
def test_what_is_no_animation_is_refused(tmp_path, name, given, said):
    with pytest.raises(PictureError, match=said):
        write_video(tmp_path / name, greys(*[0] * given), fps=10)
    assert not list(tmp_path.iterdir())


def test_mp4_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(PictureError, match="pip install av"):
        write_video(tmp_path / "a.mp4", greys(0), fps=10)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"smooth": False}, [0, 0.25, 0.5, 0.75, 1]),
        ({"smooth": True}, [0, 0.1464466, 0.5, 0.8535534, 1]),
        ({"smooth": False, "there_and_back": True}, [0, 0.4, 0.8, 0.8, 0.4]),
    ],
)
def test_shares_of_the_second_style(options, expected):
    assert shares_of(5, **options) == pytest.approx(expected)


def test_frames_one_by_one_are_those_of_animate(model, make_picture):
    content = make_picture(32, 40, 1)
    start, end = (model.encode_style(make_picture(64, 64, seed), size=None) for seed in (7, 8))
    for strength in (1.0, 0.5):
        together = animate(model, content, start, end, [0, 0.3, 1], Look(strength=strength))
        single = torch.stack(list(frames(model, content, start, end, [0, 0.3, 1], Look(strength=strength))))
        assert torch.equal(single, together)
    assert torch.equal(animate(model, content, start, end, [0, 1])[0], model.apply(content, start)[0])


def test_nothing_is_encoded_for_a_frame(model, make_picture, monkeypatch):
    content, calls = make_picture(32, 40, 1), []
    start, end = (model.encode_style(make_picture(64, 64, seed), size=None) for seed in (7, 8))
    encode = model.encode_style
    monkeypatch.setattr(model, "encode_style", lambda *a, **k: calls.append(1) or encode(*a, **k))
    list(frames(model, content, start, end, shares_of(9)))
    assert not calls
    list(frames(model, content, start, end, shares_of(9), Look(strength=0.5)))
    assert len(calls) == 2  # the photograph, once for each end


@pytest.mark.parametrize("share", [float("nan"), float("inf")])
def test_shares_that_are_not_finite_are_refused(model, make_picture, style, share):
    for walk in (animate, lambda *arguments: list(frames(*arguments))):
        with pytest.raises(ValueError, match="the shares of the second style are numbers such as 0.5"):
            walk(model, make_picture(32, 40, 1), style, style, [0.0, share])


def test_another_number_of_pictures_than_frames_is_refused(model, make_picture, style):
    with pytest.raises(ValueError, match="2 pictures for 3 frames"):
        animate(model, make_picture(32, 32, 1, count=2), style, style, [0, 0.5, 1])


@pytest.mark.slow
def test_video_is_not_imported_with_the_library():
    code = "import sys, zmnet_core.styling.paint, zmnet_core.images.video; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
