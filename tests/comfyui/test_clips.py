"""Clips through ComfyUI's own video nodes, and the previews: slow, and skipped where there is no ComfyUI."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from tests.clips import write_clip
from tests.comfyui.comfy_server import ROOT, ComfyUI, api_of, error_of, reason_to_skip
from tests.comfyui.prompts import chain, scaled
from zmnet_core.images.clips import Clip
from zmnet_core.images.colour import TO_YCC
from zmnet_core.model import ZMNet
from zmnet_core.styling.paint import encode_painting, shares_of
from zmnet_core.styling.steady import stylize_clip

_reason = reason_to_skip()
pytestmark = [pytest.mark.slow, pytest.mark.comfyui, pytest.mark.skipif(_reason is not None, reason=str(_reason))]

DEMO = ROOT / "zmnet_core" / "demo_pictures"
WIDTH, HEIGHT, FRAMES, CUT, FADE = 160, 96, 30, 20, 8  # of the clip; the frame that a cut comes before, and faded ones


@pytest.fixture(scope="module")
def comfy(tmp_path_factory):
    server = ComfyUI(tmp_path_factory.mktemp("comfyui"))
    write_clip(server.base / "input" / "clip.mp4", shots(), sound="aac")
    write_clip(server.base / "input" / "one.mp4", shots()[:1])
    with server:
        yield server


@pytest.fixture(scope="module")
def info(comfy) -> dict:
    return comfy.get("/object_info")


def shots() -> list[np.ndarray]:
    """A pan over a photograph that fades to black, and after a cut one over another."""
    found = []
    for index in range(FRAMES):
        name, place = ("colosseum", index) if index < CUT else ("chelsea", index - CUT)
        with Image.open(DEMO / "contents" / f"{name}.jpg") as photograph:
            small = np.asarray(photograph.convert("RGB").resize((WIDTH + 2 * FRAMES, HEIGHT)), np.float64)
        light = 1 - max(0, index - (CUT - FADE) + 1) / FADE if index < CUT else 1
        found.append(np.round(small[:, 2 * place : 2 * place + WIDTH] * light).astype(np.uint8))
    return found


def workflow(name: str, info: dict) -> dict:
    return api_of(json.loads((ROOT / "example_workflows" / f"{name}.json").read_text()), info)


def one(prompt: dict, kind: str) -> str:
    (found,) = (id for id, node in prompt.items() if node["class_type"] == kind)
    return found


def library(clip: Path, names: list[str]) -> list[torch.Tensor]:
    """What the library makes of the clip in the style of a painting, or on the way between those of two."""
    model = ZMNet.from_pretrained("zmnet-mini")
    styles = [encode_painting(model, Image.open(DEMO / "styles" / f"{name}.jpg")) for name in names]
    shares = shares_of(FRAMES)
    given = styles[0] if len(styles) == 1 else lambda index: styles[0].towards(styles[1], shares[index])
    with Clip(clip) as frames:
        return list(stylize_clip(model, list(frames), given, steady="whole"))


def light(frame: torch.Tensor) -> float:
    """The mean luma, 0..255."""
    return 255 * float(torch.einsum("c,chw->hw", torch.tensor(TO_YCC[0]), frame).mean())


def loudness(file: Path) -> float:
    """The root of the mean square of the sound."""
    with av.open(str(file)) as container:
        waves = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])
    return float(np.sqrt(np.square(waves).mean()))


@pytest.mark.parametrize(
    ("name", "paintings"),
    [("zmnet_video", ["irises-van-gogh"]), ("zmnet_video_two_styles", ["red-boats-monet", "irises-van-gogh"])],
)
def test_example_workflows_keep_sound_rate_and_length_and_give_the_librarys_pictures(comfy, info, name, paintings):
    prompt = workflow(name, info)
    done = comfy.run(prompt)
    assert done["status"]["status_str"] == "success", done["status"]
    (file,) = comfy.saved(done, one(prompt, "SaveVideo"))
    with av.open(str(file)) as container:
        (picture,), (sound,) = container.streams.video, container.streams.audio
        assert picture.average_rate == 25 and (picture.width, picture.height) == (WIDTH, HEIGHT)
        seconds = float(sound.duration * sound.time_base)
    assert abs(seconds - FRAMES / 25) < 0.05
    loud, before = loudness(file), loudness(comfy.base / "input" / "clip.mp4")
    # 0.3.64 makes two channels of one, each 3 dB below it.
    assert before > 0.1 and min(abs(loud / before - 1), abs(loud / before - 0.5**0.5)) < 0.05
    with Clip(file) as clip:
        written = list(clip)
    assert len(written) == FRAMES
    expected = library(comfy.base / "input" / "clip.mp4", paintings)
    errors = [float((a - b).abs().mean()) for a, b in zip(written, expected)]
    assert max(errors) < 0.03, errors  # ComfyUI writes with losses
    assert light(written[CUT - 1]) < 20 < 60 < light(written[0])  # black at the end of the fade
    assert all(light(b) < light(a) + 2 for a, b in zip(written[CUT - FADE - 1 :], written[CUT - FADE : CUT]))
    first = (written[CUT] - written[CUT + 1]).abs().mean()
    assert first < 0.5 * (written[CUT] - written[CUT - 1]).abs().mean()  # nothing of one shot is in the other


def test_a_clip_of_one_frame(comfy, info):
    prompt = workflow("zmnet_video", info)
    prompt[one(prompt, "LoadVideo")]["inputs"]["file"] = "one.mp4"
    done = comfy.run(prompt)
    assert done["status"]["status_str"] == "success", done["status"]
    with Clip(comfy.saved(done, one(prompt, "SaveVideo"))[0]) as clip:
        assert len(list(clip)) == 1


def test_an_empty_batch_is_refused_in_words(comfy, info):
    """ComfyUI gives an empty batch for what is cut off behind the end of a clip."""
    if "Video Slice" not in info:
        pytest.skip("this ComfyUI cannot cut clips")
    prompt = workflow("zmnet_video", info)
    frames = one(prompt, "GetVideoComponents")
    prompt["cut"] = {
        "class_type": "Video Slice",
        "inputs": {
            "video": prompt[frames]["inputs"]["video"],
            "start_time": 99.0,
            "duration": 1.0,
            "strict_duration": False,
        },
    }
    prompt[frames]["inputs"]["video"] = ["cut", 0]
    assert "the batch is empty" in error_of(comfy.run(prompt))


def painted(**apply: object) -> dict:
    """One picture of many tiles."""
    prompt = chain("zmnet-mini", **{"tile": "256", **apply})
    prompt["apply"]["inputs"]["image"] = ["large", 0]
    for name, picture in (("photo", "colosseum"), ("painting", "irises-van-gogh")):
        prompt[name] = {"class_type": "ZMNetExamplePicture", "inputs": {"picture": picture}}
    return prompt | {"large": scaled(1600, 1200)}


@pytest.fixture
def _asked(info) -> None:
    if "search_aliases" not in info["ZMNetApply"]:
        pytest.skip("this ComfyUI does not ask the page for a preview method, but --preview-method")


@pytest.mark.usefixtures("_asked")
def test_a_large_picture_is_shown_as_far_as_it_is_painted(comfy):
    with comfy.watch() as seen:
        done = comfy.wait(comfy.queue(painted(), preview_method="auto"))
    assert seen and {node for node, _ in seen} == {"apply"}
    (result,) = (
        np.asarray(each.convert("RGB").resize((512, 384)), np.float64) for each in comfy.pictures(done, "save")
    )
    gaps = []
    for _, picture in seen:
        assert picture.size == (512, 384)
        off = np.abs(np.asarray(picture, np.float64) - result).mean(2)
        gaps.append(off.mean())
        assert off[:70, :70].mean() < 8  # the first tile
    assert gaps == sorted(gaps, reverse=True) and gaps[0] > 8  # and the photograph where nothing is painted yet


@pytest.mark.usefixtures("_asked")
def test_a_batch_is_shown_by_its_last_finished_picture_and_nothing_where_none_is_wanted(comfy):
    prompt = painted(tile="auto", strength=0.9)
    prompt["large"]["inputs"].update(width=320, height=240)
    prompt["many"] = {"class_type": "RepeatImageBatch", "inputs": {"image": ["large", 0], "amount": 40}}
    prompt["apply"]["inputs"]["image"] = ["many", 0]
    with comfy.watch() as seen:
        done = comfy.wait(comfy.queue(prompt, preview_method="auto"))
    result = np.asarray(comfy.pictures(done, "save")[0].convert("RGB"), np.float64)
    assert seen and all(node == "apply" and picture.size == (320, 240) for node, picture in seen)
    assert all(np.abs(np.asarray(picture, np.float64) - result).mean() < 8 for _, picture in seen)
    prompt["apply"]["inputs"]["strength"] = 0.8
    with comfy.watch() as seen:
        comfy.wait(comfy.queue(prompt, preview_method="none"))
    assert not seen
