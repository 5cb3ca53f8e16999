"""The node pack in a real ComfyUI: slow, and skipped where there is none (comfy_server.py says what is wanted)."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch
from PIL import Image

from tests.comfyui.comfy_server import ROOT, ComfyUI, Refused, api_of, error_of, events, reason_to_skip
from tests.comfyui.prompts import chain, scaled
from zmnet_core.images.picture import to_tensor
from zmnet_core.model import ZMNet
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import stylize_tensor
from zmnet_core.styling.regions import Regions
from zmnet_core.styling.style import Style
from zmnet_core.styling.tiling import small_copy

_reason = reason_to_skip()
pytestmark = [pytest.mark.slow, pytest.mark.comfyui, pytest.mark.skipif(_reason is not None, reason=str(_reason))]

EXAMPLES = [file for file in sorted((ROOT / "example_workflows").glob("*.json")) if "LoadVideo" not in file.read_text()]
LEVEL = 1 / 255 + 1e-6  # SaveImage cuts off instead of rounding


@pytest.fixture(scope="module")
def comfy(tmp_path_factory, make_model):
    server = ComfyUI(tmp_path_factory.mktemp("comfyui"))
    make_model().save_pretrained(server.base / "models" / "zmnet" / "tiny")
    broken = server.base / "models" / "zmnet" / "broken"
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps({"schema": 1}))
    (broken / "model.safetensors").write_bytes(b"rubbish")
    with server:
        yield server


@pytest.fixture(scope="module")
def info(comfy) -> dict:
    return comfy.get("/object_info")


def picture(name: str) -> torch.Tensor:
    return to_tensor(Image.open(next((ROOT / "zmnet_core" / "demo_pictures").rglob(name))))[None]


def array(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), dtype=np.float64) / 255


def assert_same(image: Image.Image, expected: torch.Tensor) -> None:
    difference = np.abs(array(image) - expected[0].permute(1, 2, 0).double().numpy()).max()
    assert difference <= LEVEL, f"the pictures are {difference * 255:.2f} levels apart"


# Start -----------------------------------------------------------------------------------------


def test_the_pack_starts_beside_others_and_fast(comfy, info):
    assert {name for name in info if name.startswith("ZMNet")} == {
        path.name for path in (ROOT / "web" / "docs").iterdir()
    }
    assert "IMPORT FAILED" not in comfy.log and "Error while calling" not in comfy.log
    line = next(line for line in comfy.log.splitlines() if "seconds:" in line and "comfyui-zm-net" in line)
    assert float(line.split("seconds")[0].split()[-1]) < 0.3
    assert "neighbour" in comfy.log


def test_help_and_translations_are_served(comfy):
    import urllib.request

    with urllib.request.urlopen(f"{comfy.url}/extensions/comfyui-zm-net/docs/ZMNetApply/en.md") as page:
        assert page.read().decode().startswith("# Apply ZM-Net")
    translated = comfy.get("/i18n")
    for file in (ROOT / "locales").glob("*/nodeDefs.json"):
        ours = json.loads(file.read_text(encoding="utf-8"))
        assert ours.items() <= translated[file.parent.name]["nodeDefs"].items()
    assert comfy.get("/workflow_templates")["comfyui-zm-net"]


# Results ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_example_workflows_run(comfy, info, file):
    prompt = api_of(json.loads(file.read_text()), info)
    done = comfy.run(prompt)
    assert done["status"]["status_str"] == "success", done["status"]
    saved = {
        id: comfy.pictures(done, id)
        for id in prompt
        if prompt[id]["class_type"].startswith("Save") and "images" in done["outputs"].get(id, {})
    }
    assert saved
    expected = library_results(prompt)
    for id, images in saved.items():
        if id in expected:
            assert_same(images[0], expected[id])


def test_workflows_saved_before_there_were_the_later_inputs_mean_the_same(info):
    """Draft, bold and palette came last: a workflow without their values gets the defaults, which change nothing."""
    later = {"ZMNetApply": ["auto", 0.0], "ZMNetAnimateStyles": ["auto", 0.0], "ZMNetEncodeStyle": [0.5]}
    shortened = set()
    for file in EXAMPLES:
        workflow = json.loads(file.read_text())
        today = api_of(workflow, info)
        for node in workflow["nodes"]:
            values = later.get(node["type"])
            if values and node["widgets_values"][-len(values) :] == values:
                del node["widgets_values"][-len(values) :]
                shortened.add(node["type"])
        assert api_of(workflow, info) == today
    assert shortened == set(later)


def test_a_workflow_of_an_earlier_version_runs_as_it_did(comfy, info):
    prompt = api_of(json.loads((ROOT / "tests" / "files" / "workflow.json").read_text()), info)
    done = comfy.run(prompt)
    assert done["status"]["status_str"] == "success", done["status"]
    (id,) = expected = library_results(prompt)
    assert_same(comfy.pictures(done, id)[0], expected[id])


def library_results(prompt: dict) -> dict[str, torch.Tensor]:
    """What the library alone gives for every Save Image of a prompt."""
    (model,) = (ZMNet.from_pretrained(n["inputs"]["model"]) for n in prompt.values() if n["class_type"] == "ZMNetLoad")

    def value(link: list) -> object:
        node = prompt[link[0]]
        given = {k: value(v) if isinstance(v, list) else v for k, v in node["inputs"].items()}
        kind = node["class_type"]
        if kind == "ZMNetExamplePicture":
            return picture(f"{given['picture']}.jpg")
        if kind == "LoadImage":
            return picture(given["image"])
        if kind == "ZMNetLoad":
            return model
        if kind == "ZMNetEncodeAttribute":
            return model.encode_attribute(given["text"])
        if kind == "ZMNetEncodeStyle":
            return model.encode_style(given["image"], given["style_size"])
        if kind == "ZMNetBlendStyles":
            numbers = [n for n in range(1, 9) if f"style_{n}" in given]
            blend = type(given["style_1"]).blend
            return blend([given[f"style_{n}"] for n in numbers], [given[f"weight_{n}"] for n in numbers])
        if kind == "ZMNetStylePreview":
            return given["style"]
        if kind == "SolidMask":
            return torch.full((1, 1, given["height"], given["width"]), given["value"])
        if kind == "FeatherMask":  # as ComfyUI does it, on the left and below only
            mask = given["mask"].clone()
            for x in range(given["left"]):
                mask[..., x] *= (x + 1.0) / given["left"]
            for y in range(given["bottom"]):
                mask[..., -y - 1, :] *= (y + 1.0) / given["bottom"]
            return mask
        if kind == "ZMNetStyleRegions":
            return Regions([(given["style_1"], given["mask_1"])], rest=given["rest"], own=given["own"])
        assert kind == "ZMNetApply"
        groups = tuple(name for name in ("detail", "colour", "texture") if given[name])
        assert given["tile"] == given["draft"] == "auto"
        knobs = {name: given[name] for name in ("strength", "keep_colour", "calm", "brush", "palette")}
        look = Look(layers=groups, **knobs)
        return stylize_tensor(model, given["image"], given["style"], look, mask=given.get("mask"))

    return {id: value(node["inputs"]["images"]) for id, node in prompt.items() if node["class_type"] == "SaveImage"}


def test_lists_of_styles_give_lists_of_pictures(comfy):
    prompt = chain()
    prompt["second"] = {"class_type": "LoadImage", "inputs": {"image": "red-boats-monet.jpg"}}
    prompt["both"] = {"class_type": "ImageBatch", "inputs": {"image1": ["painting", 0], "image2": ["second", 0]}}
    prompt["encode"]["inputs"].update(image=["both", 0], batch="list")
    assert len(comfy.pictures(comfy.run(prompt), "save")) == 2


def test_blend_takes_three_styles_under_the_names_of_every_version(comfy, make_model):
    """Where sockets grow, the third has another id: prompts of either kind work in either version."""
    model = make_model()
    names = [f"{name}.jpg" for name in ("irises-van-gogh", "red-boats-monet", "mada-primavesi-klimt")]
    styles = [model.encode_style(picture(name)) for name in names]
    expected = model.apply(picture("colosseum.jpg"), Style.blend(styles, [1, 1, 2]))
    for third in ("style_3", "styles.style_3"):
        prompt = chain()
        for number, name in enumerate(names, 1):
            prompt[f"file {number}"] = {"class_type": "LoadImage", "inputs": {"image": name}}
            inputs = {**prompt["encode"]["inputs"], "image": [f"file {number}", 0]}
            prompt[f"style {number}"] = {"class_type": "ZMNetEncodeStyle", "inputs": inputs}
        sockets = {"style_1": ["style 1", 0], "style_2": ["style 2", 0], third: ["style 3", 0], "weight_3": 2.0}
        weights = {f"weight_{number}": 1.0 for number in (1, 2)}
        prompt["blend"] = {"class_type": "ZMNetBlendStyles", "inputs": {**sockets, **weights}}
        prompt["apply"]["inputs"]["style"] = ["blend", 0]
        assert_same(comfy.pictures(comfy.run(prompt), "save")[0], expected)


def test_style_regions_paint_each_style_where_its_mask_is(comfy, make_model):
    model = make_model()
    names = [f"{name}.jpg" for name in ("irises-van-gogh", "red-boats-monet", "mada-primavesi-klimt")]
    styles = [model.encode_style(picture(name)) for name in names]
    photo = picture("colosseum.jpg")
    masks = torch.zeros(2, 1, 64, 64)
    masks[0, ..., :16, :], masks[1, ..., 40:, :] = 1, 1
    expected = stylize_tensor(model, photo, Regions(list(zip(styles, masks)), rest=styles[2]))
    for second in ("{}", "{}s.{}"):
        prompt = chain()
        for number, (name, top, height) in enumerate(zip(names, (0, 40, 0), (16, 24, 64)), 1):
            prompt[f"file {number}"] = {"class_type": "LoadImage", "inputs": {"image": name}}
            inputs = {**prompt["encode"]["inputs"], "image": [f"file {number}", 0]}
            prompt[f"style {number}"] = {"class_type": "ZMNetEncodeStyle", "inputs": inputs}
            prompt[f"white {number}"] = {
                "class_type": "SolidMask", "inputs": {"value": 1.0, "width": 64, "height": height}
            }  # fmt: skip
            prompt[f"mask {number}"] = {
                "class_type": "MaskComposite",
                "inputs": {
                    "destination": ["black", 0], "source": [f"white {number}", 0], "x": 0, "y": top, "operation": "add"
                },
            }  # fmt: skip
        prompt["black"] = {"class_type": "SolidMask", "inputs": {"value": 0.0, "width": 64, "height": 64}}
        sockets = {"style_1": ["style 1", 0], "mask_1": ["mask 1", 0], "rest": ["style 3", 0], "own": 0.0}
        sockets |= {second.format(*[kind] * second.count("{}")) + "_2": [f"{kind} 2", 0] for kind in ("style", "mask")}
        prompt["regions"] = {"class_type": "ZMNetStyleRegions", "inputs": sockets}
        prompt["apply"]["inputs"]["style"] = ["regions", 0]
        assert_same(comfy.pictures(comfy.run(prompt), "save")[0], expected)


def refining(steps: int, precision: str = "float32", **apply: object) -> dict:
    """A prompt whose style is refined on one photograph."""
    prompt = chain("zmnet-mini", **apply)
    prompt["load"]["inputs"]["precision"] = precision
    inputs = {"style": ["encode", 0], "image": ["painting", 0], "photographs": ["photo", 0], "steps": steps}
    prompt["refine"] = {"class_type": "ZMNetRefineStyle", "inputs": {**inputs, "layers": "7-9"}}
    prompt["apply"]["inputs"]["style"] = ["refine", 0]
    return prompt


def test_refine_style_does_what_the_library_does(comfy):
    model = ZMNet.from_pretrained("zmnet-mini")
    photo, painting = picture("colosseum.jpg"), picture("irises-van-gogh.jpg")
    start = model.encode_style(painting)
    refined = start.refine(model, painting, [photo], 2, "7-9")
    assert not torch.equal(start.values, refined.values)
    assert_same(comfy.pictures(comfy.run(refining(2)), "save")[0], model.apply(photo, refined))


def test_refine_style_works_on_a_model_in_half_precision(comfy):
    refined, plain = refining(2, "float16", strength=0.97), chain("zmnet-mini", strength=0.97)
    plain["load"]["inputs"]["precision"] = "float16"
    with_it, without = (array(comfy.pictures(comfy.run(prompt), "save")[0]) for prompt in (refined, plain))
    assert 0.5 / 255 < np.abs(with_it - without).mean() < 0.2


def test_cancel_works_within_a_step_while_a_style_is_refined(comfy):
    with comfy.listen() as messages:
        prompt_id = comfy.queue(refining(500))
        first = next(time.monotonic() for m in messages if m["type"] == "progress" and m["data"]["value"] == 1)
        step = next(time.monotonic() for m in messages if m["type"] == "progress" and m["data"]["value"] == 3) - first
    assert_cancel_works(comfy, prompt_id, within=1.0 + step)  # a pass backwards is one call, which ends first


def test_transparency_stays(comfy):
    prompt = chain(strength=0.9)
    prompt["mask"] = {"class_type": "SolidMask", "inputs": {"value": 0.25, "width": 64, "height": 64}}
    prompt["join"] = {"class_type": "JoinImageWithAlpha", "inputs": {"image": ["photo", 0], "alpha": ["mask", 0]}}
    prompt["apply"]["inputs"]["image"] = ["join", 0]
    (saved,) = comfy.pictures(comfy.run(prompt), "save")
    assert saved.mode == "RGBA" and saved.getchannel("A").getextrema() == (191, 191)


def test_styles_are_saved_listed_and_loaded(comfy, make_model):
    prompt = chain()
    prompt["keep"] = {"class_type": "ZMNetSaveStyle", "inputs": {"style": ["encode", 0], "filename": "van gogh/irises"}}
    done = comfy.run(prompt)
    assert "irises.safetensors" in done["outputs"]["keep"]["text"][0]
    name = "van gogh/irises.safetensors"
    listed = comfy.get("/object_info/ZMNetLoadStyle")["ZMNetLoadStyle"]["input"]["required"]["style_file"]
    assert name in (listed[1].get("options") or listed[0])
    assert comfy.pictures(done, "keep")  # what was saved is shown on the node
    second = chain()
    second.pop("load")  # the style finds its model
    second["encode"] = {"class_type": "ZMNetLoadStyle", "inputs": {"style_file": name}}
    model = make_model()
    expected = model.apply(picture("colosseum.jpg"), model.encode_style(picture("irises-van-gogh.jpg")))
    assert_same(comfy.pictures(comfy.run(second), "save")[0], expected)
    prompt["keep"]["inputs"]["overwrite"] = True
    assert comfy.run(prompt)["outputs"]["keep"]["text"] == done["outputs"]["keep"]["text"]


def test_errors_have_names_that_do_not_depend_on_the_folder(comfy):
    prompt = chain("zmnet-mini")
    prompt["apply"]["inputs"]["model"] = ["other", 0]
    prompt["other"] = {"class_type": "ZMNetLoad", "inputs": {"model": "zmnet-base"}}
    message = dict(comfy.run(prompt)["status"]["messages"])["execution_error"]
    assert message["exception_type"] == "zmnet_core.errors.WrongModelError"
    assert "made by zmnet-mini, not by zmnet-base" in message["exception_message"]


def test_words_and_colours_guide_the_bundled_model(comfy):
    model, text = ZMNet.from_pretrained("zmnet-base"), "0.5 night + 0.5 #d9a441"
    prompt = chain("zmnet-base")
    prompt["encode"] = {"class_type": "ZMNetEncodeAttribute", "inputs": {"model": ["load", 0], "text": text}}
    expected = model.apply(picture("colosseum.jpg"), model.encode_attribute(text))
    assert_same(comfy.pictures(comfy.run(prompt), "save")[0], expected)
    prompt["encode"]["inputs"]["text"] = "nigth"
    start = time.monotonic()
    said = error_of(comfy.run(prompt))
    assert "'night'" in said and "cannot be reached" in said
    assert time.monotonic() - start < 15  # transformers alone would try for 45 s


def test_previews_are_shown(comfy, make_model):
    prompt = chain()
    prompt["show"] = {"class_type": "ZMNetStylePreview", "inputs": {"style": ["encode", 0], "size": 128}}
    prompt["apply"]["inputs"]["style"] = ["show", 1]
    (shown,) = comfy.pictures(comfy.run(prompt), "show")
    model = make_model()
    sample = small_copy(picture("colosseum.jpg"), 128)
    assert_same(shown, model.apply(sample, model.encode_style(picture("irises-van-gogh.jpg"))))


def test_a_preview_does_not_make_a_broken_graph_a_success(comfy):
    prompt = chain()
    prompt["photo"] = {"class_type": "ZMNetExamplePicture", "inputs": {"picture": "coffee"}}
    prompt["show"] = {"class_type": "ZMNetStylePreview", "inputs": {"style": ["encode", 0], "size": 128}}
    prompt["apply"]["inputs"].pop("style")
    with pytest.raises(Refused, match="[Rr]equired input is missing"):
        comfy.queue(prompt)


# Behaviour -------------------------------------------------------------------------------------


def test_a_second_run_is_cached_and_a_changed_model_is_not(comfy, make_model):
    prompt = chain(strength=0.8)
    comfy.run(prompt)
    again = events(comfy.run(prompt))["execution_cached"]["nodes"]
    assert {"load", "encode", "apply"} <= set(again)
    file = comfy.base / "models" / "zmnet" / "tiny" / "config.json"
    file.touch()
    after = events(comfy.run(prompt))["execution_cached"]["nodes"]
    assert not {"load", "encode", "apply"} & set(after) and "photo" in after


def test_cancel_works_within_a_second(comfy):
    model = "zmnet-base" if (ROOT / "zmnet_core/weights/zmnet-base/model.safetensors").is_file() else "tiny"
    prompt = chain(model, strength=0.61)
    prompt["big"] = scaled(2400, 2400)
    prompt["many"] = {"class_type": "RepeatImageBatch", "inputs": {"image": ["big", 0], "amount": 4}}
    prompt["apply"]["inputs"].update(image=["many", 0], tile="512")
    with comfy.listen() as messages:
        prompt_id = comfy.queue(prompt)
        next(m for m in messages if m["type"] == "executing" and m["data"]["node"] == "apply")
        time.sleep(0.5)  # into the network
    assert_cancel_works(comfy, prompt_id)


def test_cancel_works_within_a_second_in_one_large_piece(comfy):
    prompt = chain("zmnet-base", strength=0.62)
    prompt["big"] = scaled(4096, 4096)
    prompt["apply"]["inputs"].update(image=["big", 0], tile="off")
    for seconds in (0.7, 3.0, 6.0):  # into the first layer, and further
        with comfy.listen() as messages:
            prompt_id = comfy.queue(prompt)
            next(m for m in messages if m["type"] == "executing" and m["data"]["node"] == "apply")
            time.sleep(seconds)
        assert_cancel_works(comfy, prompt_id)


def assert_cancel_works(comfy: ComfyUI, prompt_id: str, within: float = 1.0) -> None:
    start = time.monotonic()
    comfy.post("/interrupt")
    done = comfy.wait(prompt_id)
    assert "execution_interrupted" in events(done)
    assert time.monotonic() - start < within


def test_bad_inputs_are_refused_in_words(comfy):
    with pytest.raises(Refused, match="no ZM-Net model 'moon'.*Searched.*Found.*tiny"):
        comfy.queue(chain("moon"))
    with pytest.raises(Refused, match="strength"):
        comfy.queue(chain(strength=7))
    assert "safetensors" in error_of(comfy.run(chain("broken")))
    prompt = chain()
    prompt["words"] = {"class_type": "ZMNetEncodeAttribute", "inputs": {"model": ["load", 0], "text": "0.5 morning"}}
    prompt["apply"]["inputs"]["style"] = ["words", 0]
    assert "guided by pictures" in error_of(comfy.run(prompt))


def test_tiny_pictures_come_out_in_their_size(comfy):
    prompt = chain()
    prompt["tiny"] = scaled(8, 40)
    prompt["apply"]["inputs"]["image"] = ["tiny", 0]
    (saved,) = comfy.pictures(comfy.run(prompt), "save")
    assert saved.size == (8, 40)


def test_memory_returns(comfy):
    def run(strength: float) -> int:
        prompt = chain(strength=strength)
        prompt["big"] = scaled(768, 768)
        prompt["apply"]["inputs"]["image"] = ["big", 0]
        comfy.run(prompt)
        return comfy.memory()

    run(0.71), run(0.72)
    before = run(0.73)
    for index in range(5):
        after = run(0.74 + index / 100)
    assert after - before < 60e6


def test_progress_is_told_per_tile(comfy):
    heard = []
    with comfy.listen() as messages:
        prompt_id = comfy.queue(chain(tile="256", strength=0.55))
        for message in messages:
            if message["type"] == "progress" and message["data"].get("node") == "apply":
                heard.append((message["data"]["value"], message["data"]["max"]))
            if message["type"] == "executing" and message["data"]["node"] is None:
                break
    comfy.wait(prompt_id)
    assert heard and heard[-1][0] == heard[-1][1]
