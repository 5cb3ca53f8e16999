"""Painted clips as people see them: in Chromium, and as FFmpeg converts them."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import bars, moving, seconds, write_clip
from tests.comfyui.comfy_page import CHROMIUM, FLAGS
from tests.test_clips import copy_of, inside, levels
from zmnet_core.images.clip_writing import ClipWriter
from zmnet_core.images.clips import Clip
from zmnet_core.images.unfinished import part_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

# What draws on a graphics card, without one. Where Chromium draws without that, its blue of BT.709 is off by 10.
COLOURS = [flag for flag in FLAGS if flag != "--disable-gpu"] + [
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--force-color-profile=srgb"),
]
SHOWN = """
async ([address, second]) => {
    const video = document.createElement("video");
    video.muted = true;
    video.src = address;
    await new Promise((done, failed) => {
        video.onloadeddata = done;
        video.onerror = () => failed(new Error(video.error.message));
    });
    video.currentTime = second;
    await new Promise(done => { video.onseeked = done; });
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return {size: [canvas.width, canvas.height], seconds: video.duration, pixels: [...data]};
}
"""


@pytest.fixture(scope="module")
def shown() -> Iterator:
    """Shows a clip at a second: its size, its length, and the picture [H, W, 3]."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=COLOURS)
        page = browser.new_page()

        def show(path: Path, second: float = 0.0) -> tuple[list[int], float, np.ndarray]:
            address = f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}"
            found = page.evaluate(SHOWN, [address, second])
            width, height = found["size"]
            picture = np.array(found["pixels"], np.uint8).reshape(height, width, 4)[..., :3]
            return found["size"], found["seconds"], picture

        yield show
        browser.close()


def through_ffmpeg(path: Path) -> np.ndarray:
    """The first frame as FFmpeg's own filter makes RGB of it, by the tags of the file, [H, W, 3]."""
    with av.open(str(path)) as container:
        stream, graph = container.streams.video[0], av.filter.Graph()
        scale = graph.add("scale", "flags=bicubic+accurate_rnd+full_chroma_int")  # else it is off by 3 by itself
        graph.link_nodes(
            graph.add_buffer(template=stream), scale, graph.add("format", "gbrp"), graph.add("buffersink")
        ).configure()
        graph.push(next(container.decode(stream)))
        return graph.pull().to_ndarray(format="rgb24")


def off(picture: np.ndarray, expected: np.ndarray) -> float:
    """By how many levels a bar is off, at most; the mean of each, since H.264 loses a little beside the borders."""
    each = (picture.astype(float) - expected)[:, inside()].reshape(len(picture), 8, 20, 3).mean((0, 2))
    return float(np.abs(each).max())


@pytest.mark.parametrize("matrix", [1, 6], ids=["709", "601"])
@pytest.mark.parametrize("full", [False, True], ids=["16..235", "0..255"])
@pytest.mark.parametrize("rows", [48, 720])
def test_colour_bars_are_shown_as_they_were(tmp_path, shown, matrix, full, rows):
    with Clip(write_clip(tmp_path / "a.mkv", [bars(256, rows)] * 3, matrix=matrix, full=full)) as clip:
        out, read = copy_of(clip, tmp_path / "b.mp4"), levels(clip[2])
    assert off(read, bars(256, rows)) <= 2
    assert off(through_ffmpeg(out), read) <= 2
    assert off(shown(out)[2], read) <= 2


def test_bars_of_the_wrong_matrix_would_be_seen(tmp_path, shown):
    tall = bars(256, 720)  # from here on Chromium takes what is not tagged for BT.709, and these are BT.601
    assert off(shown(write_clip(tmp_path / "a.mp4", [tall] * 3, matrix=6))[2], tall) <= 2
    assert off(shown(write_clip(tmp_path / "b.mp4", [tall] * 3, matrix=2))[2], tall) > 8


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (65, 49)])
def test_odd_sides_are_shown_with_one_more(tmp_path, shown, size):
    with Clip(write_clip(tmp_path / "a.mkv", moving(3, *size), format="yuv444p")) as clip:
        out = copy_of(clip, tmp_path / "b.mp4")
    assert shown(out)[0] == [size[0] + size[0] % 2, size[1] + size[1] % 2]


@pytest.mark.parametrize("stopped", [False, True], ids=["at its end", "in the middle of the work"])
def test_a_clip_is_played_to_its_end(tmp_path, shown, stopped):
    source, out = write_clip(tmp_path / "a.mp4", moving(50), sound="aac"), tmp_path / "b.mp4"
    with Clip(source) as clip, ClipWriter(out, clip) as writer:
        for index in range(40 if stopped else 50):
            writer.add(clip[index])
        if stopped:
            out = Path(shutil.copy(part_of(out), tmp_path / "c.mp4"))
            for index in range(40, 50):
                writer.add(clip[index])
    last = seconds(out)[-1]
    _, length, picture = shown(out, last)
    assert length == pytest.approx(last, abs=0.1) and length > (0.4 if stopped else 1.9)
    with Clip(out) as clip:
        expected = 255 * clip[len(clip) - 1].permute(1, 2, 0).numpy()
    assert np.abs(picture - expected).mean() < 8  # it enlarges chroma in its own way
