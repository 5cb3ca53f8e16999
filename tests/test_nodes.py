"""The ComfyUI nodes' own logic, without ComfyUI (tests/comfyui has the tests with it)."""

from __future__ import annotations

import importlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from tests.comfyui.comfy_standin import Interrupted, StandIn, install
from tests.conftest import picture_of
from zmnet_core import Style, ZMNet
from zmnet_core.errors import WrongModelError
from zmnet_core.images.transport import transported
from zmnet_core.styling.calm import calmed
from zmnet_core.styling.look import KNOBS, STEADY, Look, Walk, default_of, knobs_of
from zmnet_core.styling.paint import stylize_each, stylize_tensor
from zmnet_core.styling.regions import Regions
from zmnet_core.styling.steady import stylize_clip
from zmnet_core.styling.tiling import small_copy, smaller_tile

ROOT = Path(__file__).resolve().parent.parent
NODE_IDS = {
    "ZMNetLoad",
    "ZMNetEncodeStyle",
    "ZMNetEncodeAttribute",
    "ZMNetApply",
    "ZMNetBlendStyles",
    "ZMNetSaveStyle",
    "ZMNetLoadStyle",
    "ZMNetAnimateStyles",
    "ZMNetStylePreview",
    "ZMNetExamplePicture",
    "ZMNetStyleRegions",
    "ZMNetRefineStyle",
}


@pytest.fixture
def comfy(tmp_path, monkeypatch) -> StandIn:
    return install(monkeypatch, tmp_path)


@pytest.fixture
def nodes(comfy) -> SimpleNamespace:
    """The node classes by node id."""
    found = importlib.import_module("zmnet_nodes").NODES
    yield SimpleNamespace(**{node.define_schema().node_id: node for node in found})
    for name in [name for name in sys.modules if name.partition(".")[0] == "zmnet_nodes"]:
        del sys.modules[name]


@pytest.fixture
def loaded(nodes, comfy, model, tmp_path):
    """A tiny model as Load ZM-Net gives it."""
    model.save_pretrained(tmp_path / "models" / "zmnet" / "tiny")
    return nodes.ZMNetLoad.execute("tiny").result[0]


@pytest.fixture
def painting(make_picture) -> torch.Tensor:
    return make_picture(64, 64, seed=7).movedim(1, -1)


@pytest.fixture
def photo(make_picture) -> torch.Tensor:
    return make_picture(48, 64, seed=1).movedim(1, -1)


@pytest.fixture
def carried(nodes, loaded, painting):
    return nodes.ZMNetEncodeStyle.execute(loaded, painting).result[0][0]


def save(nodes, style, name: str, overwrite: bool = False):
    """Save Style as ComfyUI calls it: every input is a list."""
    return nodes.ZMNetSaveStyle.execute([style], [name], [overwrite])


def result(nodes, name, *args, **inputs):
    return getattr(nodes, name).execute(*args, **inputs).result[0]


@pytest.fixture
def seen(nodes, told, make_picture) -> SimpleNamespace:
    """A model that can refine, a style of its, the painting, and photographs as ComfyUI has them."""
    from zmnet_nodes._models import CarriedStyle, LoadedModel

    painting, photographs = make_picture(72, 80, 3), make_picture(64, 72, 5, count=2)
    carried = CarriedStyle(told.encode_style(painting, name="one"), LoadedModel(told, "told"))
    return SimpleNamespace(
        net=told, style=carried, painting=painting.movedim(1, -1), photographs=photographs.movedim(1, -1)
    )


# Schemas ---------------------------------------------------------------------------------------


def test_node_ids_are_those_that_workflows_hold(nodes):
    assert set(vars(nodes)) == NODE_IDS


def test_inputs_are_those_of_earlier_versions_in_their_order_and_new_ones_come_last(nodes):
    """Saved workflows hold values by place, API prompts by name. After a release its new inputs go into the file."""
    held = json.loads((ROOT / "tests" / "files" / "nodes.json").read_text())
    for node_id, inputs in held.items():
        assert [given.id for given in getattr(nodes, node_id).define_schema().inputs][: len(inputs)] == inputs


@pytest.mark.parametrize("node_id", sorted(NODE_IDS))
def test_every_input_is_explained(nodes, node_id):
    schema = getattr(nodes, node_id).define_schema()
    assert schema.category == "ZM-Net" and schema.description and schema.display_name
    assert all(given.options.get("tooltip") or given.id == "style" for given in schema.inputs)
    assert all(out.id is None and out.options["display_name"] for out in schema.outputs)


@pytest.mark.parametrize("node_id", sorted(NODE_IDS))
def test_every_node_has_a_help_page_that_names_its_inputs(nodes, node_id):
    page = (ROOT / "web" / "docs" / node_id / "en.md").read_text()
    schema = getattr(nodes, node_id).define_schema()
    assert page.startswith(f"# {schema.display_name}\n")
    ids = [given.id for given in schema.inputs]
    for id in ids:
        kind = re.sub(r"\d$", "", id)
        last = [other for other in ids if re.fullmatch(rf"{kind}\d", other)][-1:]
        assert id in page or f"{kind}1 … {last[0]}" in page


@pytest.mark.slow
def test_importing_the_nodes_loads_no_network(tmp_path):
    import subprocess

    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "import torch, pathlib; from tests.comfyui import comfy_standin\n"
        "patch = type('P', (), {'setitem': lambda s, d, k, v: d.update({k: v}), 'delitem': lambda s, d, k: None})()\n"
        f"comfy_standin.install(patch, pathlib.Path({str(tmp_path)!r}))\n"
        "import zmnet_nodes; [node.define_schema() for node in zmnet_nodes.NODES]\n"
        "print([name for name in ('zmnet_core.model', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Load ------------------------------------------------------------------------------------------


def test_load_says_what_was_searched_found_and_wanted(nodes, loaded, tmp_path):
    with pytest.raises(FileNotFoundError, match="no ZM-Net model 'moon'") as caught:
        nodes.ZMNetLoad.execute("moon")
    for said in (str(tmp_path / "models" / "zmnet"), "tiny", "config.json and model.safetensors", "hub_id"):
        assert said in str(caught.value)
    assert nodes.ZMNetLoad.validate_inputs("moon") == str(caught.value)
    assert nodes.ZMNetLoad.validate_inputs("tiny") is True


def test_a_broken_model_is_an_error_at_use_only(nodes, loaded, tmp_path):
    (tmp_path / "models" / "zmnet" / "tiny" / "model.safetensors").write_bytes(b"rubbish")
    assert "tiny" in nodes.ZMNetLoad.define_schema().inputs[0].options["options"]
    with pytest.raises(WrongModelError, match="safetensors"):
        nodes.ZMNetLoad.execute("tiny")


def test_load_runs_again_when_the_file_changed(nodes, loaded, tmp_path):
    before = nodes.ZMNetLoad.fingerprint_inputs("tiny", "", precision="auto")
    assert nodes.ZMNetLoad.fingerprint_inputs("tiny", "") == before
    file = tmp_path / "models" / "zmnet" / "tiny" / "model.safetensors"
    file.write_bytes(file.read_bytes() + b" ")
    assert nodes.ZMNetLoad.fingerprint_inputs("tiny", "") != before
    assert nodes.ZMNetLoad.fingerprint_inputs("gone", "") == "missing"


@pytest.mark.slow
def test_load_in_half_precision(nodes, loaded, photo, painting):
    half = nodes.ZMNetLoad.execute("tiny", precision="float16").result[0]
    assert half.net.tnet.out.weight.dtype == torch.float16
    carried = nodes.ZMNetEncodeStyle.execute(half, painting).result[0][0]
    out = result(nodes, "ZMNetApply", photo, carried, model=loaded)  # the same model to a style, in either precision
    assert out.dtype == torch.float32 and out.isfinite().all()


# Encode ----------------------------------------------------------------------------------------


def test_a_batch_of_paintings_is_averaged_or_listed(nodes, loaded, make_picture):
    batch = make_picture(64, 80, seed=3, count=3).movedim(1, -1)
    listed = nodes.ZMNetEncodeStyle.execute(loaded, batch, "list", name="monet").result[0]
    (mean,) = nodes.ZMNetEncodeStyle.execute(loaded, batch, "average", name="monet").result[0]
    assert [entry.style.name for entry in listed] == ["monet 1", "monet 2", "monet 3"]
    assert mean.style.name == "monet"
    values = torch.stack([entry.style.values for entry in listed]).mean(0)
    torch.testing.assert_close(mean.style.values, values)


def test_encode_equals_the_library(carried, loaded, painting):
    expected = loaded.net.encode_style(painting.movedim(-1, 1))
    torch.testing.assert_close(carried.style.values, expected.values)
    assert carried.model is loaded


def test_a_refined_style_is_that_of_the_library(nodes, comfy, seen):
    inputs = {"steps": 3, "layers": "detail,weave"}
    with torch.inference_mode():  # as ComfyUI runs nodes
        out = result(nodes, "ZMNetRefineStyle", seen.style, seen.painting.clone(), seen.photographs.clone(), **inputs)
    assert comfy.steps[-1] == [3, 3]
    contents = [each[None].movedim(-1, 1) for each in seen.photographs]
    expected = seen.style.style.refine(seen.net, seen.painting.movedim(-1, 1), contents, 3, ("detail", "weave"))
    assert not torch.equal(expected.values, seen.style.style.values)
    torch.testing.assert_close(out.style.values, expected.values, rtol=0, atol=0)
    assert out.model is seen.style.model and out.style.name == "one"


def test_photographs_of_the_pack_are_taken_if_none_are_connected(nodes, seen):
    out = result(nodes, "ZMNetRefineStyle", seen.style, seen.painting, steps=1)
    expected = seen.style.style.refine(seen.net, seen.painting.movedim(-1, 1), steps=1)
    torch.testing.assert_close(out.style.values, expected.values, rtol=0, atol=0)


def test_a_photograph_is_shown_while_a_style_is_refined(nodes, seen, previews):
    out = result(nodes, "ZMNetRefineStyle", seen.style, seen.painting, seen.photographs, steps=3)
    middle = seen.photographs[:1, :64, 4:68].movedim(-1, 1)
    assert [(kind, shown.size) for kind, shown, _ in previews] == [("JPEG", (64, 64))] * 3
    torch.testing.assert_close(
        array(previews[-1][1]), array(preview(seen.net.apply(middle, out.style, draft=0), 256)), atol=1e-2, rtol=0
    )


def test_cancel_stops_a_refinement(nodes, comfy, seen):
    comfy.cancelled = True
    with pytest.raises(Interrupted):
        result(nodes, "ZMNetRefineStyle", seen.style, seen.painting, seen.photographs)


def test_refine_style_refuses_in_words(nodes, seen, loaded, carried, make_picture):
    def refined(style=seen.style, painting=seen.painting, photographs=seen.photographs, **inputs):
        return result(nodes, "ZMNetRefineStyle", style, painting, photographs, **{"steps": 1, **inputs})

    for inputs, said in [
        ({"painting": seen.painting[:, :40]}, "the painting is 80 × 40 px, too small to learn from: 64"),
        ({"photographs": seen.photographs[:, :, :50]}, "the photograph is 50 × 64 px"),
        ({"painting": seen.photographs}, "image is a batch of 2"),
        ({"layers": "8-12"}, "layers has the layer 12, which does not exist: they are 1 to 9"),
        ({"layers": ""}, "names none"),
        ({"steps": 0}, "steps is 0"),
    ]:
        with pytest.raises(ValueError, match=said):
            refined(**inputs)
    with pytest.raises(WrongModelError, match="was made by"):
        refined(model=loaded)
    with pytest.raises(WrongModelError, match="no VGG-16"):
        refined(style=carried)
    regions = result(nodes, "ZMNetStyleRegions", rest=seen.style, style_1=seen.style, mask_1=torch.ones(1, 8, 8))
    with pytest.raises(ValueError, match="a style by region is several styles"):
        refined(style=regions)


def test_words_are_refused_by_a_model_of_pictures(nodes, loaded):
    with pytest.raises(WrongModelError, match="guided by pictures only, so words"):
        nodes.ZMNetEncodeAttribute.execute(loaded, "0.5 morning + 0.5 night")
    with pytest.raises(ValueError, match="no attribute was given"):
        nodes.ZMNetEncodeAttribute.execute(loaded, " ")


# Apply -----------------------------------------------------------------------------------------


def test_apply_equals_the_library(nodes, carried, photo):
    out = result(nodes, "ZMNetApply", photo, carried, strength=0.7)
    expected = carried.model.net.apply(photo.movedim(-1, 1), carried.style, 0.7)
    torch.testing.assert_close(out.movedim(-1, 1), expected)


def test_apply_keeps_alpha_and_leaves_its_input_alone(nodes, carried, photo):
    rgba = torch.cat((photo, torch.rand(1, 48, 64, 1).clamp_min(0.5)), -1)
    before = rgba.clone()
    out = result(nodes, "ZMNetApply", rgba, carried)
    assert torch.equal(out[..., 3:], rgba[..., 3:]) and torch.equal(rgba, before)
    torch.testing.assert_close(out[..., :3], result(nodes, "ZMNetApply", photo, carried))


def test_colours_that_alpha_hides_steer_nothing(nodes, loaded, carried, photo):
    alpha = torch.ones(1, 48, 64, 1)
    alpha[:, :30, :40] = 0
    hidden = [torch.cat((torch.where(alpha > 0, photo, colour), alpha), -1) for colour in (0.0, 1.0)]
    for node in ("ZMNetApply", "ZMNetAnimateStyles"):
        styles = (carried,) if node == "ZMNetApply" else (carried, carried)
        assert torch.equal(*(result(nodes, node, image, *styles) for image in hidden))
    one, other = (nodes.ZMNetEncodeStyle.execute(loaded, image).result[0][0].style.values for image in hidden)
    assert torch.equal(one, other)


def test_apply_takes_batches_grey_and_half_pictures(nodes, comfy, carried, photo):
    batch = torch.cat((photo, photo.flip(1), photo.flip(2)))
    out = result(nodes, "ZMNetApply", batch, carried)
    torch.testing.assert_close(out[1:2], result(nodes, "ZMNetApply", photo.flip(1), carried), atol=1e-4, rtol=0)
    assert comfy.steps[1] == [3, 3]
    assert result(nodes, "ZMNetApply", photo[..., :1].half(), carried).shape == photo.shape


def test_mask_mixes_softly_at_any_size(nodes, carried, photo):
    full = result(nodes, "ZMNetApply", photo, carried)
    for level in (0.0, 0.25, 1.0):
        out = result(nodes, "ZMNetApply", photo, carried, mask=torch.full((1, 7, 9), level))
        torch.testing.assert_close(out, level * full + (1 - level) * photo)


def test_masks_of_another_number_are_repeated_or_cut_short_with_a_word(nodes, carried, photo, caplog):
    full, black, white = result(nodes, "ZMNetApply", photo, carried), torch.zeros(1, 8, 8), torch.ones(1, 8, 8)
    batch, two = photo.repeat(3, 1, 1, 1), torch.cat((white, black))
    out = result(nodes, "ZMNetApply", batch, carried, mask=two)
    for picture, expected in zip(out, (full, photo, full)):
        torch.testing.assert_close(picture[None], expected)
    torch.testing.assert_close(result(nodes, "ZMNetApply", photo, carried, mask=two), full)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["2 masks for 3 pictures: they are repeated.", "2 masks for 1 picture: the others are left out."]
    for steady in STEADY[1:]:  # the third mask is the first again, in clips as well
        torch.testing.assert_close(result(nodes, "ZMNetApply", batch, carried, mask=two, steady=steady)[1], photo[0])


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (15, 16)])
def test_tiny_pictures_are_stylised(nodes, loaded, carried, photo, size):
    tiny = photo[:, : size[0], : size[1]]
    out = result(nodes, "ZMNetApply", tiny, carried, strength=0.5, palette=0.5, mask=torch.ones(1, *size))
    assert out.shape == tiny.shape and out.isfinite().all()
    frames = result(nodes, "ZMNetAnimateStyles", tiny, carried, carried, frames=2, strength=0.5)
    assert frames.shape == (2, *tiny.shape[1:]) and frames.isfinite().all()
    (style,) = result(nodes, "ZMNetEncodeStyle", loaded, tiny)
    assert result(nodes, "ZMNetApply", photo, style).isfinite().all()


def test_palette_is_that_of_the_library(nodes, carried):
    picture = picture_of(64, 80, 4).movedim(1, -1)
    plain, vivid = (result(nodes, "ZMNetApply", picture, carried, palette=amount).movedim(-1, 1) for amount in (0, 0.7))
    torch.testing.assert_close(vivid, transported(plain, carried.style.colours, 0.7))
    assert (vivid - plain).abs().mean() > 1e-3
    frames = result(nodes, "ZMNetAnimateStyles", picture, carried, carried, frames=2, palette=0.7)
    torch.testing.assert_close(frames[:1].movedim(-1, 1), vivid)


def test_match_and_palette_of_are_those_of_the_library(nodes, loaded, carried, make_picture):
    picture, other = (make_picture(64, 80, seed).movedim(1, -1) for seed in (4, 11))
    (theirs,) = result(nodes, "ZMNetEncodeStyle", loaded, other)
    look = Look(match=0.6, palette=0.7, palette_of=other.movedim(-1, 1))
    expected = stylize_tensor(carried.model.net, picture.movedim(-1, 1), carried.style, look)
    for source in (other, theirs):
        options = {"match": 0.6, "palette": 0.7, "palette_of": source}
        out = result(nodes, "ZMNetApply", picture, carried, **options).movedim(-1, 1)
        torch.testing.assert_close(out, expected)
        frames = result(nodes, "ZMNetAnimateStyles", picture, carried, carried, frames=2, **options).movedim(-1, 1)
        torch.testing.assert_close(frames[:1], expected)
    with pytest.raises(ValueError, match="palette_of: an IMAGE is"):
        nodes.ZMNetApply.execute(picture, carried, palette=1, palette_of=other[0])


def test_a_palette_that_nothing_goes_by_is_left_out_with_a_word(nodes, carried, photo, caplog):
    """Its wire may stay while sliders are moved."""
    for node, styles in (("ZMNetApply", [carried]), ("ZMNetAnimateStyles", [carried, carried])):
        more = {"frames": 2} if len(styles) > 1 else {}
        plain = result(nodes, node, photo, *styles, **more)
        assert not caplog.records
        assert torch.equal(result(nodes, node, photo, *styles, palette_of=photo.flip(1), **more), plain)
        said = [record.getMessage() for record in caplog.records]
        assert said == ["palette_of is not used: palette and match are both 0."]
        caplog.clear()


def test_layers_are_chosen_by_switches_presets_or_weights(nodes, carried, photo):
    presets = importlib.import_module("zmnet_core.styling.layering").PRESETS
    given = {given.id: given for given in nodes.ZMNetApply.define_schema().inputs}["layers"].options
    assert given["options"] == ["switches", *presets, "own weights"] and given["default"] == "switches"
    contents = photo.movedim(-1, 1)
    for choice, weights in {**presets, "own weights": "1:0.25,9:1"}.items():
        # The switches are for "switches" alone.
        out = result(nodes, "ZMNetApply", photo, carried, detail=False, layers=choice, layer_weights="1:0.25,9:1")
        expected = stylize_tensor(carried.model.net, contents, carried.style, Look(layers=weights))
        torch.testing.assert_close(out.movedim(-1, 1), expected)
    with pytest.raises(ValueError, match="^layer_weights names layer 1 twice"):
        nodes.ZMNetApply.execute(photo, carried, layers="own weights", layer_weights="1:0.25,1-9:1")
    with pytest.raises(ValueError, match="^layers is 'some'; choose one of switches"):
        nodes.ZMNetApply.execute(photo, carried, layers="some")


def test_calm_evens_out_what_is_flat(nodes, carried):
    slope = torch.linspace(0.2, 0.8, 64)[:, None, None].expand(1, 64, 64, 3)
    plain, calm = (result(nodes, "ZMNetApply", slope, carried, calm=amount).movedim(-1, 1) for amount in (0.0, 0.5))
    torch.testing.assert_close(calm, calmed(slope.movedim(-1, 1), plain, 0.5))
    assert (calm - plain).abs().max() > 1e-3
    frames = result(nodes, "ZMNetAnimateStyles", slope, carried, carried, frames=2, calm=0.5)
    torch.testing.assert_close(frames[:1].movedim(-1, 1), calm)


def test_defaults_and_ranges_of_nodes_are_those_of_the_library(nodes):
    inputs = {
        node: {given.id: given for given in getattr(nodes, node).define_schema().inputs}
        for node in ("ZMNetApply", "ZMNetAnimateStyles", "ZMNetEncodeStyle")
    }
    seen = set()
    for node, found in inputs.items():
        for cls in (Look, Walk):
            for name, knob in knobs_of(cls).items():
                if name == "palette_of" and name in found:
                    assert found[name].options["tooltip"] == knob.help and found[name].optional
                elif name in found and name not in ("tile", "draft", "layers"):  # choices
                    seen.add(name)
                    options = found[name].options
                    assert options["default"] == default_of(cls, name), (node, name)
                    assert options["tooltip"] == knob.help
                    if knob.least is not None:
                        assert (options["min"], options["max"]) == (knob.least, knob.most)
    assert seen == {
        *("strength", "keep_colour", "palette", "calm", "brush", "bold", "style_size", "match"),
        *knobs_of(Walk),
    }
    assert KNOBS["tile"].help in inputs["ZMNetApply"]["tile"].options["tooltip"]


def test_brush_is_that_of_the_library(nodes, carried, photo):
    out = result(nodes, "ZMNetApply", photo, carried, brush=2.0)
    expected = stylize_tensor(carried.model.net, photo.movedim(-1, 1), carried.style, Look(brush=2.0))
    torch.testing.assert_close(out.movedim(-1, 1), expected)
    frames = result(nodes, "ZMNetAnimateStyles", photo, carried, carried, frames=2, brush=2.0)
    torch.testing.assert_close(frames[:1], out)


def test_bold_is_that_of_the_library(nodes, told, photo, tmp_path):
    from zmnet_nodes._models import LoadedModel

    loaded = LoadedModel(told, "told")
    styles = result(nodes, "ZMNetEncodeStyle", loaded, photo, bold=0.8)
    expected = told.encode_style(photo.movedim(-1, 1), bold=0.8)
    torch.testing.assert_close(styles[0].style.values, expected.values)
    assert not torch.equal(styles[0].style.values, told.encode_style(photo.movedim(-1, 1)).values)


def test_large_pictures_are_revised_in_as_many_steps_as_the_bar_has(nodes, comfy, told, make_picture):
    from zmnet_nodes._models import CarriedStyle, LoadedModel

    photo = make_picture(300, 520, seed=2).movedim(1, -1)
    carried = CarriedStyle(told.encode_style(make_picture(64, 64, seed=3)), LoadedModel(told, "told"))
    whole = result(nodes, "ZMNetApply", photo, carried)
    torch.testing.assert_close(whole.movedim(-1, 1), told.apply(photo.movedim(-1, 1), carried.style))
    tiled = result(nodes, "ZMNetApply", photo, carried, tile="256")
    assert comfy.steps[-1] == [6, 6]
    torch.testing.assert_close(tiled, whole, atol=1e-4, rtol=0)
    off = result(nodes, "ZMNetApply", photo, carried, draft="off")
    torch.testing.assert_close(off.movedim(-1, 1), told.apply(photo.movedim(-1, 1), carried.style, draft=0))
    with pytest.raises(ValueError, match="draft is '100'"):
        result(nodes, "ZMNetApply", photo, carried, draft="100")


@pytest.mark.parametrize("steady", STEADY)
def test_clips_are_as_steady_as_the_librarys(nodes, comfy, carried, other, make_picture, steady):
    clip = make_picture(48, 64, seed=3) * torch.linspace(0.3, 1, 5)[:, None, None, None]
    frames, mask = clip.movedim(1, -1), torch.ones(5, 48, 64)
    net, a, b = carried.model.net, carried.style, other.style
    out = result(nodes, "ZMNetApply", frames, carried, mask=mask, steady=steady)
    torch.testing.assert_close(out.movedim(-1, 1), torch.stack(list(stylize_clip(net, clip, a, steady=steady))))
    assert comfy.steps[-1] == [5, 5]
    moved = result(nodes, "ZMNetAnimateStyles", frames, carried, other, steady=steady, smooth=False)
    expected = stylize_clip(net, clip, lambda index: a.towards(b, index / 4), steady=steady)
    torch.testing.assert_close(moved.movedim(-1, 1), torch.stack(list(expected)))
    with pytest.raises(ValueError, match="steady is 'very'; choose one of off, first"):
        result(nodes, "ZMNetApply", frames, carried, steady="very")


@pytest.mark.parametrize(("node", "steady"), [("ZMNetApply", "off"), ("ZMNetAnimateStyles", "running")])
def test_clips_need_no_memory_but_for_the_result(nodes, carried, other, node, steady):
    """Nothing as large as a clip of one channel is made but the IMAGE that comes out, once."""
    clip, mask = torch.rand(64, 48, 64, 3), torch.rand(64, 48, 64)
    given = ([carried], {"mask": mask}) if node == "ZMNetApply" else ([carried, other], {})
    with Storages(clip, mask) as made:
        out = result(nodes, node, clip, *given[0], steady=steady, **given[1])
    assert out.shape == clip.shape
    assert [size for size in made.sizes.values() if size >= mask.nbytes] == [clip.nbytes]
    assert made.sizes[out.untyped_storage().data_ptr()] == clip.nbytes


class Storages(TorchDispatchMode):
    """The sizes in bytes of all storages that are made inside, by their place."""

    def __init__(self, *given: torch.Tensor):
        super().__init__()
        self.given, self.sizes = {each.untyped_storage().data_ptr() for each in given}, {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for each in out if isinstance(out, (list, tuple)) else [out]:
            if isinstance(each, torch.Tensor) and (storage := each.untyped_storage()).data_ptr() not in self.given:
                self.sizes[storage.data_ptr()] = max(storage.nbytes(), self.sizes.get(storage.data_ptr(), 0))
        return out


def test_a_clip_of_one_frame_is_painted_as_others_are(nodes, carried, photo):
    for steady in STEADY:
        out = result(nodes, "ZMNetApply", photo, carried, steady=steady)
        torch.testing.assert_close(out, result(nodes, "ZMNetApply", photo, carried), atol=1e-4, rtol=0)
    dark = result(nodes, "ZMNetApply", torch.zeros_like(photo), carried, steady="whole")
    assert not dark.any()  # as the end of a fade


def test_one_picture_in_several_styles_and_styles_that_do_not_fit(nodes, carried, other, photo):
    both = type(carried)(Style(torch.cat((carried.style.values, other.style.values)), *made_by(carried)), carried.model)
    for steady in STEADY:
        out = result(nodes, "ZMNetApply", photo, both, steady=steady)
        for each, alone in zip(out, (carried, other), strict=True):
            torch.testing.assert_close(each[None], result(nodes, "ZMNetApply", photo, alone), atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="2 styles for 3 pictures: give one, or one for each"):
        result(nodes, "ZMNetApply", photo.repeat(3, 1, 1, 1), both)


def made_by(carried) -> tuple:
    return carried.style.sites, carried.style.fingerprint


# Previews --------------------------------------------------------------------------------------


@pytest.fixture
def previews(nodes, comfy, monkeypatch) -> list:
    """What is shown on nodes, all of it, with previews turned on."""
    monkeypatch.setattr("zmnet_nodes._progress.EVERY", 0.0)
    monkeypatch.setattr("zmnet_nodes._progress.SHARE", 1e9)
    comfy.args.preview_method, comfy.args.preview_size = "auto", 256
    return comfy.shown


def preview(picture: torch.Tensor, side: int) -> Image.Image:
    return importlib.import_module("zmnet_nodes._progress").preview(picture, side)


def array(image: Image.Image) -> torch.Tensor:
    """[H, W, 3] in 0..1."""
    return torch.from_numpy(np.array(image)).float() / 255


def test_a_picture_is_shown_as_far_as_it_is_painted(nodes, carried, make_picture, previews):
    photo = make_picture(128, 512, seed=2).movedim(1, -1)
    out = result(nodes, "ZMNetApply", photo, carried, tile="256")
    assert [(kind, size) for kind, _, size in previews] == [("JPEG", None)] * 3  # two tiles, and when it is done
    assert {shown.size for _, shown, _ in previews} == {(256, 64)}
    half, full, done = (array(shown) for _, shown, _ in previews)
    before, after = (array(preview(image.movedim(-1, 1), 256)) for image in (photo, out))
    torch.testing.assert_close(full, after, atol=0, rtol=0)
    torch.testing.assert_close(done, after, atol=0, rtol=0)
    torch.testing.assert_close(half[:, :126], after[:, :126], atol=0, rtol=0)
    torch.testing.assert_close(half[:, 130:], before[:, 130:], atol=0, rtol=0)


def test_of_a_large_picture_the_draft_is_shown_first(nodes, told, make_picture, previews):
    from zmnet_nodes._models import CarriedStyle, LoadedModel

    photo = make_picture(300, 520, seed=2).movedim(1, -1)
    carried = CarriedStyle(told.encode_style(make_picture(64, 64, seed=3)), LoadedModel(told, "told"))
    out = result(nodes, "ZMNetApply", photo, carried)
    draft, done = (shown for _, shown, _ in previews)
    torch.testing.assert_close(array(done), array(preview(out.movedim(-1, 1), 256)), atol=0, rtol=0)
    off = result(nodes, "ZMNetApply", photo, carried, draft="off").movedim(-1, 1)
    assert (array(draft.resize((64, 32))) - array(preview(off, 256).resize((64, 32)))).abs().mean() < 0.1


def test_a_batch_is_shown_picture_by_picture(nodes, carried, other, photo, previews):
    batch = torch.cat((photo, photo.flip(1), photo.flip(2)))
    for node, styles in (("ZMNetApply", [carried]), ("ZMNetAnimateStyles", [carried, other])):
        for steady in STEADY:
            out = result(nodes, node, batch, *styles, steady=steady)
            assert len(previews) == 3
            for (_, shown, _), painted in zip(previews, out):
                torch.testing.assert_close(array(shown), painted, atol=0.51 / 255, rtol=0)
            previews.clear()


def test_the_last_frame_is_shown_also_if_another_was_just_now(nodes, carried, other, photo, previews, monkeypatch):
    monkeypatch.setattr("zmnet_nodes._progress.EVERY", 3600.0)
    batch = torch.cat((photo, photo.flip(1), photo.flip(2)))
    for node, styles in (("ZMNetApply", [carried]), ("ZMNetAnimateStyles", [carried, other])):
        out = result(nodes, node, batch, *styles)
        ((_, shown, _),) = previews
        torch.testing.assert_close(array(shown), out[-1], atol=0.51 / 255, rtol=0)
        previews.clear()
    result(nodes, "ZMNetApply", photo, carried)  # a picture alone is seen anyway when the node is done
    assert not previews


def test_nothing_is_shown_where_no_previews_are_wanted(nodes, comfy, carried, photo, previews, monkeypatch):
    none = importlib.import_module("comfy.cli_args").LatentPreviewMethod.NoPreviews
    comfy.args.preview_method = none
    result(nodes, "ZMNetApply", photo.repeat(3, 1, 1, 1), carried)
    monkeypatch.setattr("zmnet_nodes._progress.EVERY", 3600.0)
    result(nodes, "ZMNetApply", photo.repeat(3, 1, 1, 1), carried)
    assert not previews


@pytest.mark.parametrize(("height", "width"), [(48, 64), (300, 1000), (2100, 1200)])
def test_previews_are_small_and_never_enlarged(nodes, height, width):
    slope = torch.linspace(0, 1, width).expand(3, height, width)
    shown = preview(slope, 256)
    assert max(shown.size) == min(256, max(height, width))
    assert abs(shown.width / shown.height - width / height) < 0.05 * width / height
    expected = torch.linspace(0, 1, shown.width)[None, :, None].expand(shown.height, -1, 3)
    assert (array(shown) - expected).abs().max() < 0.03
    assert preview(torch.full((3, 20, 20), torch.nan), 256).getextrema() == ((0, 0),) * 3


def test_previews_take_no_more_than_their_share_of_the_time(nodes, comfy, monkeypatch):
    progress = importlib.import_module("zmnet_nodes._progress")
    comfy.args.preview_method, now = "auto", [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])

    def made(picture, side):
        now[0] += cost
        return picture

    monkeypatch.setattr(progress, "preview", made)
    for cost, least in ((0.001, progress.EVERY), (0.05, 0.05 / progress.SHARE)):
        start, bar = now[0], progress.Progress(1000)
        comfy.shown.clear()
        for _ in range(1000):
            now[0] += 0.04
            bar.show(torch.zeros(3, 8, 8))
        assert 0.8 * 40 / least < len(comfy.shown) <= (now[0] - start) / least
        assert len(comfy.shown) * cost <= 2 * progress.SHARE * (now[0] - start)


def test_layers_switch_off(nodes, carried, photo):
    out = result(nodes, "ZMNetApply", photo, carried, texture=False)
    expected = carried.model.net.apply(photo.movedim(-1, 1), carried.style.only("detail", "weave"))
    torch.testing.assert_close(out.movedim(-1, 1), expected)


def test_tiles_move_the_progress_bar(nodes, comfy, carried, make_picture):
    result(nodes, "ZMNetApply", make_picture(300, 520, seed=2).movedim(1, -1), carried, tile="256")
    assert comfy.steps[-1] == [6, 6]


def test_cancel_stops_inside_the_network(nodes, comfy, carried, photo):
    comfy.cancelled = True
    with pytest.raises(Interrupted):
        result(nodes, "ZMNetApply", photo, carried)


@pytest.mark.parametrize(
    "image, said",
    [
        (torch.rand(1, 0, 64, 3), r"an IMAGE is \[batch"),
        (torch.zeros(0, 0, 0, 3), "the batch is empty, .* look whether it has frames"),  # as Get Video Components gives
        (torch.rand(64, 64, 3), r"an IMAGE is \[batch"),
        (torch.rand(1, 64, 64, 2), "1, 3 or 4 channels"),
        (torch.full((1, 64, 64, 3), torch.nan), "NaN or infinite values: the node before"),
        (
            torch.rand(3, 64, 64, 3).index_fill(0, torch.tensor(1), torch.inf),
            "values in picture 2 of 3: the node before",
        ),
    ],
)
def test_apply_refuses_what_is_no_picture(nodes, comfy, carried, image, said):
    for node, styles in (("ZMNetApply", [carried]), ("ZMNetAnimateStyles", [carried, carried])):
        bars = len(comfy.steps)
        with pytest.raises(ValueError, match=said):
            result(nodes, node, image, *styles)
        assert len(comfy.steps) == bars  # nothing was painted before


def test_apply_refuses_an_unknown_tile(nodes, carried, photo):
    with pytest.raises(ValueError, match="tile is '3'; choose one of auto"):
        result(nodes, "ZMNetApply", photo, carried, tile="3")


# Out of memory ---------------------------------------------------------------------------------


def test_smaller_tiles_when_memory_runs_out(model, style, make_picture, monkeypatch):
    picture, most = make_picture(320, 320, seed=4), 300 * 330
    real = type(model).apply

    def apply(self, contents, *args, **options):
        if contents[0, 0].numel() > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return real(self, contents, *args, **options)

    monkeypatch.setattr(type(model), "apply", apply)
    expected = stylize_tensor(model, picture, style, Look(tile=128))
    assert torch.equal(stylize_tensor(model, picture, style), expected)
    most = 10
    with pytest.raises(torch.cuda.OutOfMemoryError, match=r"320 × 320 px, even in tiles of 128 px"):
        stylize_tensor(model, picture, style)


def test_other_errors_are_not_taken_for_memory(model, style, make_picture, monkeypatch):
    def apply(*_, **__):
        raise RuntimeError("the kernel is broken")

    monkeypatch.setattr(type(model), "apply", apply)
    with pytest.raises(RuntimeError, match="kernel is broken"):
        stylize_tensor(model, make_picture(320, 320, seed=4), style)


def test_tiles_shrink_to_128():
    assert [smaller_tile(3000, 2000, tile) for tile in (0, 1024, 512, 256, 128)] == [1024, 512, 256, 128, None]
    assert smaller_tile(300, 200, 0) == 256 and smaller_tile(120, 100, 0) is None


# Blend, animate, save, load, preview -----------------------------------------------------------


@pytest.fixture
def other(nodes, loaded, make_picture):
    return nodes.ZMNetEncodeStyle.execute(loaded, make_picture(64, 64, seed=8).movedim(1, -1)).result[0][0]


def blend(nodes, **inputs):
    """Blend Styles as ComfyUI calls it: every input is a list."""
    return result(nodes, "ZMNetBlendStyles", **{k: v if isinstance(v, list) else [v] for k, v in inputs.items()})


def test_blend_divides_by_the_sum_and_skips_what_is_not_there(nodes, carried, other):
    out = blend(nodes, style_1=carried, style_4=other, weight_1=1.0, weight_4=3.0, weight_2=9.0)
    torch.testing.assert_close(out.style.values, 0.25 * carried.style.values + 0.75 * other.style.values)
    assert out.model is carried.model
    with pytest.raises(ValueError, match="sum to 0"):
        blend(nodes, style_1=carried, style_2=other, weight_1=0.0, weight_2=0.0)


def test_blend_takes_lists_of_any_length(nodes, loaded, other, make_picture):
    batch = make_picture(64, 80, seed=3, count=12).movedim(1, -1)
    listed = nodes.ZMNetEncodeStyle.execute(loaded, batch, "list").result[0]
    values = torch.stack([entry.style.values for entry in listed])
    out = blend(nodes, style_1=listed, style_2=other, weight_1=0.5, weight_2=6.0)
    torch.testing.assert_close(out.style.values, 0.5 * values.mean(0) + 0.5 * other.style.values)
    weights = [float(number) for number in range(12)]
    out = blend(nodes, style_1=listed, weight_1=weights)
    torch.testing.assert_close(out.style.values, torch.einsum("n,n...->...", torch.tensor(weights) / 66, values))
    with pytest.raises(ValueError, match="weight_1 is a list of 2 numbers, style_1 one of 12 styles"):
        blend(nodes, style_1=listed, weight_1=[1.0, 2.0])


@pytest.mark.parametrize("form", ["nested", "dotted"])
def test_blend_knows_grown_sockets_of_every_version(nodes, carried, other, form):
    expected = blend(nodes, style_1=carried, style_3=other, weight_3=3.0)
    if form == "nested":
        found = nodes.ZMNetBlendStyles.execute(style_1=[carried], styles={"style_3": [other]}, weight_3=[3.0]).result[0]
    else:
        found = nodes.ZMNetBlendStyles.execute(**{"style_1": [carried], "styles.style_3": [other], "weight_3": [3.0]})
        found = found.result[0]
    torch.testing.assert_close(found.style.values, expected.style.values)
    with pytest.raises(ValueError, match="style_3 is connected twice"):
        nodes.ZMNetBlendStyles.execute(style_1=[carried], style_3=[other], styles={"style_3": [carried]})


def test_a_picture_that_is_transparent_everywhere_is_told_of(nodes, carried, photo, caplog):
    hidden = torch.cat((photo, torch.zeros_like(photo[..., :1])), -1)
    result(nodes, "ZMNetApply", hidden, carried)
    assert "image is transparent everywhere, and read as grey." in caplog.text


def test_a_preview_keeps_transparency(nodes, carried, photo):
    half = torch.cat((photo, torch.full_like(photo[..., :1], 0.5)), -1)
    shown = nodes.ZMNetStylePreview.execute(carried, image=half, size=64).result[0]
    assert shown.shape[-1] == 4 and (shown[..., 3] - 0.5).abs().max() < 1e-3


def test_animation_goes_from_a_to_b(nodes, comfy, carried, other, photo):
    frames = result(nodes, "ZMNetAnimateStyles", photo, carried, other, frames=5)
    assert len(frames) == 5 and comfy.steps[-1] == [5, 5]
    torch.testing.assert_close(frames[:1], result(nodes, "ZMNetApply", photo, carried))
    torch.testing.assert_close(frames[-1:], result(nodes, "ZMNetApply", photo, other))


def test_animation_there_and_back_meets_b_in_the_middle(nodes, carried, other, photo):
    frames = result(nodes, "ZMNetAnimateStyles", photo, carried, other, frames=6, there_and_back=True, strength=0.5)
    torch.testing.assert_close(frames[3:4], result(nodes, "ZMNetApply", photo, other, strength=0.5), atol=1e-4, rtol=0)
    torch.testing.assert_close(frames[2], frames[4], atol=1e-4, rtol=0)


def test_animation_keeps_the_length_of_a_video(nodes, carried, other, photo):
    video = torch.cat((photo, photo.flip(1), photo.flip(2)))
    assert len(result(nodes, "ZMNetAnimateStyles", video, carried, other, frames=9)) == 3


def test_saved_styles_load_and_nothing_is_overwritten(nodes, carried, photo, tmp_path):
    for _ in range(2):
        save(nodes, carried, "monet/irises")
    names = nodes.ZMNetLoadStyle.define_schema().inputs[0].options["options"]
    assert names == ["monet/irises.safetensors", "monet/irises_2.safetensors"]
    back = result(nodes, "ZMNetLoadStyle", names[0])
    assert torch.equal(back.style.values, carried.style.values) and back.style.name == "irises"
    with_model = result(nodes, "ZMNetApply", photo, back, model=carried.model)
    torch.testing.assert_close(with_model, result(nodes, "ZMNetApply", photo, carried))


def test_a_style_is_overwritten_on_request(nodes, loaded, carried, make_picture, tmp_path):
    other = nodes.ZMNetEncodeStyle.execute(loaded, make_picture(64, 64, seed=8).movedim(1, -1)).result[0][0]
    save(nodes, carried, "irises")
    done = save(nodes, other, "irises", overwrite=True)
    assert nodes.ZMNetLoadStyle.define_schema().inputs[0].options["options"] == ["irises.safetensors"]
    assert torch.equal(result(nodes, "ZMNetLoadStyle", "irises.safetensors").style.values, other.style.values)
    assert done.ui["text"] == (f"Saved {tmp_path / 'output' / 'zmnet_styles' / 'irises.safetensors'}",)


def test_save_style_shows_what_it_saved(nodes, carried):
    """The style on a sample, below the file's name; of a style whose model is not known only the name."""
    one, other = (save(nodes, carried, name).ui["images"][0] for name in ("irises", "waves"))
    below = one.shape[0] - 256
    assert one.shape == other.shape and one.shape[1] >= 256
    assert not torch.equal(one[:below], other[:below]) and torch.equal(one[below:], other[below:])
    assert one[below:].std() > 0.05
    bare = save(nodes, type(carried)(carried.style), "irises", overwrite=True).ui["images"][0]
    assert torch.equal(bare[: below - 8], one[: below - 8]) and bare[below:].min() < 0.2  # in words that it is not here
    assert not torch.equal(bare[below:], one[below:])


def test_a_loaded_style_finds_its_model_and_says_so_where_it_cannot(nodes, carried, photo, tmp_path):
    expected = result(nodes, "ZMNetApply", photo, carried)
    save(nodes, carried, "irises")
    (tmp_path / "models" / "zmnet" / "broken").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "models" / "zmnet" / "broken" / name).write_text("{}")
    stamp = nodes.ZMNetLoadStyle.fingerprint_inputs("irises.safetensors")
    back = result(nodes, "ZMNetLoadStyle", "irises.safetensors")
    assert back.model.name == "tiny" and result(nodes, "ZMNetLoadStyle", "irises.safetensors").model is back.model
    torch.testing.assert_close(result(nodes, "ZMNetApply", photo, back), expected)
    (tmp_path / "models" / "zmnet" / "tiny" / "config.json").rename(tmp_path / "config.json")
    assert nodes.ZMNetLoadStyle.fingerprint_inputs("irises.safetensors") != stamp
    alone = result(nodes, "ZMNetLoadStyle", "irises.safetensors")
    with pytest.raises(ValueError, match="by tiny.* put its model's folder into models/zmnet, or connect Load ZM-Net"):
        result(nodes, "ZMNetApply", photo, alone)


@pytest.mark.parametrize("name", ["zmnet-base", "zmnet-mini"])
def test_styles_of_bundled_models_find_them_also_by_the_fingerprint_alone(nodes, comfy, name):
    net = ZMNet.from_pretrained(name)
    values = net.encode_style(torch.rand(1, 3, 64, 64), size=64).values
    Style(values, net.tnet.sites, net.fingerprint).save(comfy.root / "models" / "zmnet_styles" / "mine.safetensors")
    found = result(nodes, "ZMNetLoadStyle", "mine.safetensors")
    assert found.model.name == name and repr(found).endswith(f"by {name})")


def test_a_list_of_styles_is_saved_under_one_name_each(nodes, loaded, make_picture, tmp_path):
    paintings = make_picture(64, 64, seed=5, count=3).movedim(1, -1)
    styles = nodes.ZMNetEncodeStyle.execute(loaded, paintings, batch="list").result[0]
    for overwrite in (False, True, True):
        done = nodes.ZMNetSaveStyle.execute(styles, ["lst"], [overwrite])
        assert len(done.result[0]) == 3 and len(done.ui["images"]) == len(done.ui["text"]) == 3
    names = nodes.ZMNetLoadStyle.define_schema().inputs[0].options["options"]
    assert names == ["lst.safetensors", "lst_2.safetensors", "lst_3.safetensors"]
    for name, style in zip(names, styles):
        assert torch.equal(result(nodes, "ZMNetLoadStyle", name).style.values, style.style.values)
    nodes.ZMNetSaveStyle.execute(styles, ["a", "b", "c"], [True])
    assert {"a.safetensors", "b.safetensors", "c.safetensors"} < set(
        nodes.ZMNetLoadStyle.define_schema().inputs[0].options["options"]
    )


NO_NAMES = [
    "",
    "../up",
    "/etc/passwd",
    "a/../../b",
    "folder/",
    "a:b",
    "..",
    ".hidden",
    "a/.b",
    "x" * 300,
    "CON",
    "nul.x",
    "a\nb",
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_save_stays_in_its_folder(nodes, carried, name):
    with pytest.raises(ValueError, match="is no name for a style file"):
        save(nodes, carried, name)


def test_a_style_that_cannot_be_saved_is_said_in_words(nodes, carried, tmp_path):
    (tmp_path / "output").mkdir(exist_ok=True)
    (tmp_path / "output" / "zmnet_styles").touch()
    with pytest.raises(ValueError, match="irises.safetensors' could not be written: a file stands where a folder is"):
        save(nodes, carried, "irises")


def test_load_style_says_what_was_searched_and_found(nodes, carried, tmp_path):
    save(nodes, carried, "irises")
    message = nodes.ZMNetLoadStyle.validate_inputs("moon.safetensors")
    for said in ("'moon.safetensors'", str(tmp_path / "output" / "zmnet_styles"), "irises.safetensors", "Save Style"):
        assert said in message
    with pytest.raises(FileNotFoundError, match="no style file 'moon.safetensors'"):
        nodes.ZMNetLoadStyle.execute("moon.safetensors")


def test_a_style_of_another_model_is_refused(nodes, carried, make_model, photo, tmp_path):
    make_model(seed=5).save_pretrained(tmp_path / "models" / "zmnet" / "stranger")
    stranger = nodes.ZMNetLoad.execute("stranger").result[0]
    with pytest.raises(WrongModelError, match="made by tiny, not by stranger"):
        result(nodes, "ZMNetApply", photo, carried, model=stranger)


def test_a_preview_of_a_large_picture_does_not_read_it_whole(nodes, carried):
    large = torch.linspace(0, 1, 1200)[None, :, None, None] * torch.linspace(0.2, 1, 1600)[:, None].expand(-1, 3)
    out = nodes.ZMNetStylePreview.execute(carried, image=large, size=64).result[0]
    expected = stylize_tensor(carried.model.net, small_copy(large.movedim(-1, 1), 64), carried.style)
    assert out.shape == (1, 48, 64, 3)
    assert (out.movedim(-1, 1) - expected).abs().mean() < 0.01
    with Storages(large) as made:
        nodes.ZMNetStylePreview.execute(carried, image=large, size=64)
    assert max(made.sizes.values()) < large.nbytes / 4


def test_preview_is_shown_on_the_node(nodes, carried, photo):
    done = nodes.ZMNetStylePreview.execute(carried, size=64)
    assert max(done.result[0].shape[1:3]) == 64 and done.ui.images is done.result[0]
    assert done.result[1] is carried  # so that it may stand between two nodes
    assert nodes.ZMNetStylePreview.execute(carried, image=photo).result[0].shape == photo.shape


# The library's side ----------------------------------------------------------------------------


def test_a_batch_is_worked_through_picture_by_picture(model, style, make_picture):
    seen, batch = [], make_picture(48, 48, seed=6, count=4)
    model.tnet.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    assert stylize_each(model, batch, style).shape == batch.shape
    assert seen == [1, 1, 1, 1]


# Example pictures ------------------------------------------------------------------------------


def test_every_example_picture_can_be_had_and_another_is_refused(nodes):
    (picture,) = nodes.ZMNetExamplePicture.define_schema().inputs
    assert len(picture.options["options"]) == 10 and picture.options["default"] == "coffee"
    for name in picture.options["options"]:
        image = result(nodes, "ZMNetExamplePicture", name)
        file = next((ROOT / "zmnet_core" / "demo_pictures").rglob(f"{name}.jpg"))
        with Image.open(file) as expected:
            assert torch.equal(image[0], torch.from_numpy(np.array(expected.convert("RGB"))).float() / 255)
    with pytest.raises(ValueError, match="picture is 'mona lisa'; choose one of astronaut, "):
        nodes.ZMNetExamplePicture.execute("mona lisa")


@pytest.mark.parametrize("file", sorted((ROOT / "example_workflows").glob("*.json")), ids=lambda file: file.stem)
def test_example_workflows_need_no_picture_of_the_users(nodes, file):
    workflow = json.loads(file.read_text())
    kinds = [node["type"] for node in workflow["nodes"]]
    assert "LoadImage" not in kinds and "ZMNetExamplePicture" in kinds
    (picture,) = nodes.ZMNetExamplePicture.define_schema().inputs
    for node in workflow["nodes"]:
        if node["type"] == "ZMNetExamplePicture":
            assert node["widgets_values"][0] in picture.options["options"]


def test_style_regions_put_each_style_where_its_mask_is(nodes, loaded):
    a, b = (nodes.ZMNetEncodeStyle.execute(loaded, torch.rand(1, 32, 32, 3) ** power).result[0][0] for power in (1, 3))
    image, mask = torch.rand(1, 32, 48, 3), torch.zeros(1, 32, 48)
    mask[..., :24] = 1
    both = result(nodes, "ZMNetStyleRegions", style_1=a, mask_1=mask, rest=b)
    painted = result(nodes, "ZMNetApply", image=image, style=both)
    wanted = Regions([(a.style, mask)], rest=b.style)
    same = loaded.net.apply(image.movedim(-1, 1), wanted).movedim(1, -1)
    torch.testing.assert_close(painted, same, atol=1e-5, rtol=0)
    grown = result(
        nodes, "ZMNetStyleRegions", style_1=a, mask_1=mask, styles={"style_2": b}, masks={"mask_2": 1 - mask}
    )
    torch.testing.assert_close(result(nodes, "ZMNetApply", image=image, style=grown), painted, atol=1e-4, rtol=0)
    flat = result(
        nodes, "ZMNetStyleRegions", **{"style_1": a, "mask_1": mask, "styles.style_2": b, "masks.mask_2": 1 - mask}
    )
    assert torch.equal(flat.style.weights, grown.style.weights)
    alone = result(nodes, "ZMNetStyleRegions", style_1=a, mask_1=mask)
    torch.testing.assert_close(result(nodes, "ZMNetApply", image=image, style=alone)[:, :, 24:], image[:, :, 24:])
    assert result(nodes, "ZMNetStylePreview", style=both).shape[-1] == 3
    blend = result(nodes, "ZMNetBlendStyles", style_1=[both], style_2=[b])
    assert isinstance(blend.style, Regions)
    with pytest.raises(ValueError, match="no file"):
        nodes.ZMNetSaveStyle.execute(style=[both], filename=["x"])
    with pytest.raises(ValueError, match="mask_2 is not: connect both"):
        nodes.ZMNetStyleRegions.execute(style_1=a, mask_1=mask, style_2=b)
    with pytest.raises(ValueError, match="regions already"):
        nodes.ZMNetStyleRegions.execute(style_1=both, mask_1=mask)


def test_sockets_of_style_regions_are_pairs(nodes):
    """Where they grew in two groups, one that was disconnected moved the styles up and not their masks."""
    inputs = nodes.ZMNetStyleRegions.define_schema().inputs
    ids = [given.id for given in inputs]
    assert ids == [f"{kind}_{number}" for number in range(1, 7) for kind in ("style", "mask")] + ["rest", "own"]
    assert [given.id for given in inputs if not given.optional] == ["style_1", "mask_1"]


def test_a_pair_may_be_left_out(nodes, loaded, carried, other):
    left, right = halves = [torch.zeros(1, 8, 8), torch.ones(1, 8, 8)]
    left[..., :4], right[..., :4] = 1, 0
    some = result(nodes, "ZMNetStyleRegions", style_1=carried, mask_1=left, style_4=other, mask_4=right).style
    wanted = Regions(list(zip((carried.style, other.style), halves)))
    assert torch.equal(some.weights, wanted.weights) and some.styles == wanted.styles


@pytest.mark.parametrize("masks, count", [(2, 5), (5, 3), (3, 3)])
def test_masks_of_regions_of_another_number_are_repeated_or_cut_short(
    nodes, carried, other, photo, caplog, masks, count
):
    """As those of Apply ZM-Net itself, with the same word in the log."""
    generator = torch.Generator().manual_seed(7)
    given = torch.rand(masks, 8, 8, generator=generator)
    batch = torch.cat([photo.roll(index, 1) for index in range(count)])
    style = result(nodes, "ZMNetStyleRegions", style_1=carried, mask_1=given, rest=other)
    for node, styles in (("ZMNetApply", [style]), ("ZMNetAnimateStyles", [style, style])):
        caplog.clear()
        out = result(nodes, node, batch, *styles)
        end = "they are repeated" if masks < count else "the others are left out"
        said = [record.getMessage() for record in caplog.records]
        assert said == ([f"{masks} masks for {count} pictures: {end}."] * len(styles) if masks != count else [])
        for index, frame in enumerate(batch):
            alone = result(nodes, "ZMNetStyleRegions", style_1=carried, mask_1=given[index % masks], rest=other)
            expected = result(nodes, "ZMNetApply", frame[None], alone)
            torch.testing.assert_close(out[index : index + 1], expected, atol=1e-5, rtol=0)


def test_one_picture_is_painted_by_each_mask_of_regions(nodes, carried, other, photo):
    given = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(8))
    style = result(nodes, "ZMNetStyleRegions", style_1=carried, mask_1=given, rest=other)
    out = result(nodes, "ZMNetApply", photo, style)
    walk = result(nodes, "ZMNetAnimateStyles", photo, style, style, frames=4)
    assert len(out) == 3
    for index in range(4):
        torch.testing.assert_close(walk[index], out[index % 3], atol=1e-5, rtol=0)


def test_an_empty_mask_is_told_of_by_its_socket_and_its_style(nodes, carried, other, caplog):
    empty, named = torch.zeros(1, 8, 8), replace(other, style=replace(other.style, name="irises"))
    nameless = replace(other, style=replace(other.style, name=""))
    for style, called in ((named, "style_3 ('irises')"), (nameless, "style_3")):
        caplog.clear()
        result(nodes, "ZMNetStyleRegions", style_1=carried, mask_1=1 - empty, style_3=style, mask_3=empty)
        (said,) = [record.getMessage() for record in caplog.records]
        assert said == f"The mask of {called} is empty: its style does nothing."
