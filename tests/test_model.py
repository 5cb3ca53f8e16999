"""`ZMNet`: what a user calls, and a model's identity in files."""

import json

import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load_file

from zmnet_core.assets import BUNDLED
from zmnet_core.errors import PictureError, WeightsNotFoundError, WrongModelError
from zmnet_core.files import half, write_json, write_tensors
from zmnet_core.hub import locate as saved
from zmnet_core.hub.locate import CONFIG, bundled_models, find
from zmnet_core.images.picture import to_pil
from zmnet_core.images.resize import looked_at
from zmnet_core.model import ZMNet
from zmnet_core.networks.pnet import IMAGE_KINDS, build_pnet
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import encode_painting
from zmnet_core.styling.style import Style


@pytest.fixture
def folder(model, tmp_path):
    """The tiny model, saved."""
    model.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def contents(make_picture):
    return make_picture(40, 52, seed=1, count=2)


# Encode, apply ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_painting_to_picture_in_three_calls(make_model, make_picture, contents, kind):
    model = make_model(kind)
    stylised = model.apply(contents, model.encode_style(make_picture(50, 60, 7), size=48))
    assert stylised.shape == contents.shape
    assert 0 <= stylised.min() and stylised.max() <= 1
    assert stylised.std() > 0.01


def test_two_styles_give_two_pictures(model, contents, make_picture):
    one, other = (model.apply(contents, model.encode_style(make_picture(64, 64, seed), size=None)) for seed in (7, 8))
    assert (one - other).abs().mean() > 0.005


def test_stylize_looks_at_the_painting_at_the_size_asked_for(model, contents, make_picture):
    photograph, painting = to_pil(contents[0]), to_pil(make_picture(80, 120, 7)[0])
    expected = model.stylize(photograph, encode_painting(model, painting, Look(style_size=40)))
    assert model.stylize(photograph, painting, style_size=40) == expected != model.stylize(photograph, painting)


@pytest.mark.parametrize("option", ["size", "style_size"])
def test_sides_that_no_picture_has_are_refused(model, option):
    with pytest.raises(ValueError, match="size is 0: a whole number"):
        model.stylize(Image.new("RGB", (64, 64)), Image.new("RGB", (64, 64)), **{option: 0})


def test_one_style_a_picture_is_applied_in_order(model, contents, make_picture):
    styles = model.encode_style(torch.cat([make_picture(64, 64, 7), make_picture(64, 64, 8)]), size=None)
    together = model.apply(contents, styles)
    for i in range(2):
        alone = model.apply(contents[i : i + 1], styles[i])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-5)


def test_strength_1_is_the_style(model, contents, style):
    assert torch.equal(model.apply(contents, style, strength=1.0), model.apply(contents, style))


def test_strength_0_is_the_contents_own_style(model, contents, style):
    own = model.encode_style(contents)
    assert torch.equal(model.apply(contents, style, strength=0.0), model.apply(contents, own))


def test_strength_between_is_a_walk_in_the_space_of_styles(model, contents, style):
    own = model.encode_style(contents)
    between = Style(own.values + 0.3 * (style.values - own.values), style.sites, style.fingerprint)
    torch.testing.assert_close(
        model.apply(contents, style, strength=0.3), model.apply(contents, between), rtol=0, atol=1e-5
    )


def test_own_statistics_frozen_give_the_same_picture(model, contents, style):
    for strength in (1.0, 0.4):
        statistics = model.measure(contents, style, strength)
        frozen = model.apply(contents, style, strength, statistics)
        torch.testing.assert_close(frozen, model.apply(contents, style, strength), rtol=0, atol=1e-4)


def test_frozen_statistics_of_another_picture_are_used(model, contents, style, make_picture):
    statistics = model.measure(make_picture(40, 52, 5) * 0.3, style)
    assert not torch.allclose(
        model.apply(contents, style, statistics=statistics), model.apply(contents, style), atol=1e-3
    )


def test_paintings_are_looked_at_with_the_short_side_asked_for(model, make_picture):
    painting = make_picture(60, 90, 3)
    small = looked_at(painting, (32, 48))
    seen = model.encode_style(painting, size=32)
    torch.testing.assert_close(seen.values, model.encode_style(small, size=None).values)
    assert not torch.allclose(seen.values, model.encode_style(painting, size=None).values)


def test_pictures_come_back_in_their_own_type(model, contents, style):
    assert model.apply(contents.double(), style).dtype == torch.float64
    assert model.apply(contents.bfloat16(), style).dtype == torch.bfloat16


def test_apply_leaves_no_graph_and_no_change_behind(make_model, contents, make_picture):
    model = make_model().requires_grad_(True)
    before = contents.clone()
    style = model.encode_style(make_picture(64, 64, 7), size=None)
    assert not model.apply(contents, style).requires_grad and not style.values.requires_grad
    assert torch.equal(contents, before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_model_encodes_and_applies(make_model, make_picture, dtype):
    model, content, painting = make_model(), make_picture(16, 20, 1), make_picture(24, 24, 7)
    expected = model.apply(content, model.encode_style(painting, size=None))
    coarse = make_model().to(dtype)
    style = coarse.encode_style(painting, size=None)
    assert style.values.dtype == torch.float32
    assert (coarse.apply(content, style) - expected).abs().mean() < 0.03


# Refusing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "images, message",
    [
        (torch.rand(3, 32, 32), r"\[B, 3, H, W\] in 0..1; this tensor is \[3, 32, 32\]"),
        (torch.rand(1, 32, 32, 3), r"\[B, 3, H, W\].*\[1, 32, 32, 3\]"),
        (torch.rand(1, 4, 32, 32), r"\[B, 3, H, W\].*\[1, 4, 32, 32\]"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "torch.uint8. Divide by 255 first"),
    ],
    ids=["no batch", "channels last", "alpha", "integers"],
)
def test_pictures_of_another_form_are_refused_saying_which(model, style, images, message):
    for call in (model.encode_style, lambda i: model.apply(i, style), lambda i: model.measure(i, style)):
        with pytest.raises(ValueError, match=message):
            call(images)


def test_a_picture_that_is_too_small_for_the_network_is_a_painting_and_no_photograph(model, style):
    tiny = torch.rand(1, 3, 32, 15)
    for call in (model.apply, model.measure):
        with pytest.raises(ValueError, match="at least 16 px; this one is 15×32"):
            call(tiny, style)
    assert model.encode_style(tiny, size=None).values.isfinite().all()


def test_smallest_picture_works(model, style, make_picture):
    picture = make_picture(16, 16, 0)
    assert model.apply(picture, style).shape == picture.shape
    assert model.encode_style(picture, size=None).values.isfinite().all()


def test_another_number_of_styles_than_pictures_is_refused(model, contents, make_picture):
    styles = model.encode_style(make_picture(64, 64, 7, count=3), size=None)
    with pytest.raises(ValueError, match="3 styles for 2 pictures"):
        model.apply(contents, styles)


def test_style_of_another_model_is_refused_saying_which(make_model, contents, style):
    other = make_model(seed=5)
    with pytest.raises(
        WrongModelError,
        match=f"'blobs' was made by model {style.fingerprint[:8]}, not by model {other.fingerprint[:8]}",
    ):
        other.apply(contents, style)


# Identity --------------------------------------------------------------------------------------


def test_fingerprint_survives_half_precision_and_saving(make_model, folder):
    model = make_model()
    fingerprint = model.fingerprint
    assert len(fingerprint) == 64
    assert ZMNet.from_pretrained(folder).fingerprint == fingerprint
    assert model.half().fingerprint == fingerprint
    assert model.float().fingerprint == fingerprint


def test_fingerprint_changes_with_any_weight_of_the_tnet(model):
    seen = {model.fingerprint}
    for parameter in model.tnet.parameters():
        parameter.view(-1)[0] += 0.5
        seen.add(model.fingerprint)
    assert len(seen) == 1 + len(list(model.tnet.parameters()))


def test_fingerprint_does_not_depend_on_the_pnet(model):
    before = model.fingerprint
    for parameter in model.pnet.parameters():
        parameter.add_(1)
    assert model.fingerprint == before


def test_fingerprint_follows_weights_that_are_loaded(make_model, folder):
    other = make_model(seed=9)
    before = other.fingerprint
    other.load_weights(folder / "model.safetensors")
    assert other.fingerprint != before
    assert other.fingerprint == ZMNet.from_pretrained(folder).fingerprint


# Files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_saved_model_comes_back_to_the_bit(make_model, tmp_path, contents, make_picture, kind):
    model = make_model(kind)
    model.save_pretrained(tmp_path)
    loaded = ZMNet.from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    painting = make_picture(48, 48, 7)
    expected = model.apply(contents, model.encode_style(painting, size=None))
    assert torch.equal(loaded.apply(contents, loaded.encode_style(painting, size=None)), expected)


def test_loaded_model_is_ready_to_use(folder):
    loaded = ZMNet.from_pretrained(folder)
    assert not loaded.training and not any(parameter.requires_grad for parameter in loaded.parameters())


def test_half_precision_file_is_loaded_as_float32(folder, model):
    write_tensors(folder / "model.safetensors", half(model.state_dict()))
    loaded = ZMNet.from_pretrained(folder)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    assert all(torch.equal(t, model.state_dict()[n].half().float()) for n, t in loaded.state_dict().items())
    assert loaded.fingerprint == model.fingerprint


def test_keys_that_are_missing_unknown_or_of_another_shape_are_named(folder):
    state = load_file(folder / "model.safetensors")
    del state["tnet.c9.weight"]
    state["tnet.c10.bias"] = torch.zeros(3)
    state["tnet.out.weight"] = torch.zeros(3, 16, 9, 9)
    write_tensors(folder / "model.safetensors", state)
    with pytest.raises(WrongModelError) as error:
        ZMNet.from_pretrained(folder)
    for line in (
        "missing: tnet.c9.weight",
        "unknown: tnet.c10.bias",
        "wrong shape: tnet.out.weight is [3, 16, 9, 9], expected [3, 8, 9, 9]",
    ):
        assert line in str(error.value)


def test_weights_of_another_width_are_refused_and_not_loaded_in_part(make_model, tmp_path):
    narrow, wide = make_model(), ZMNet({"width": 16}, {"kind": "conv", "width": 8})
    wide.save_pretrained(tmp_path)
    before = {name: tensor.clone() for name, tensor in narrow.state_dict().items()}
    with pytest.raises(WrongModelError, match="and .* more"):
        narrow.load_weights(tmp_path / "model.safetensors")
    assert all(torch.equal(tensor, before[name]) for name, tensor in narrow.state_dict().items())


def test_truncated_weights_are_refused_by_name(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(WrongModelError, match="model.safetensors' cannot be read as safetensors"):
        ZMNet.from_pretrained(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_file_of_a_saved_model_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(WeightsNotFoundError, match=f"has no {name}: it is not a saved ZM-Net"):
        ZMNet.from_pretrained(folder)


def test_unknown_name_says_what_there_is():
    with pytest.raises(WeightsNotFoundError, match="no model 'zmnet-typo'. Bundled models: .*org/name"):
        ZMNet.from_pretrained("zmnet-typo")


def test_hub_id_that_cannot_be_had_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsNotFoundError, match="nobody/zmnet-nothing"):
        ZMNet.from_pretrained("nobody/zmnet-nothing", cache_dir=tmp_path)


def test_model_of_a_newer_version_asks_for_an_update(folder):
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"schema": 2, "tnet": {"depth": 3}})
    with pytest.raises(WrongModelError, match=r"config\.json' has schema 2, .* reads schema 1: .*Update zmnet"):
        ZMNet.from_pretrained(folder)
    with pytest.raises(WrongModelError, match="schema 2.*Update zmnet"):
        ZMNet(schema=2)


def test_model_of_a_schema_no_longer_read_says_what_to_do(folder):
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"schema": 0})
    with pytest.raises(
        WrongModelError, match="schema 0, which .* no longer reads.*Load it with the version that wrote"
    ):
        ZMNet.from_pretrained(folder)


def test_older_schemas_are_brought_up_to_the_present_one_step_by_step(folder, model, monkeypatch):
    def width_to_tnet(config):
        return {"tnet": {"channels": config["width"]}, "pnet": config["pnet"]}

    def channels_to_width(config):
        return config | {"tnet": {"width": config["tnet"]["channels"]}}

    write_json(folder / "config.json", {"schema": -1, "width": 8, "pnet": model.config["pnet"]})
    monkeypatch.setattr(saved, "UPGRADES", {-1: width_to_tnet, 0: channels_to_width})
    assert ZMNet.from_pretrained(folder).config == model.config


def test_weights_that_git_lfs_has_not_fetched_are_told_apart(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n")
    with pytest.raises(WrongModelError, match="git lfs pull"):
        ZMNet.from_pretrained(folder)


@pytest.mark.parametrize(
    "config",
    [
        "{",
        '{"hidden_size": 768, "model_type": "bert"}',
        '{"schema": 1, "tnet": {"widht": 8}, "pnet": {"kind": "conv"}}',
        '{"schema": 1, "tnet": {"width": 8}, "pnet": {"kind": "rnn"}}',
    ],
    ids=["broken JSON", "another library's", "unknown option", "unknown PNet"],
)
def test_config_that_describes_no_model_is_refused_by_name(folder, config):
    (folder / "config.json").write_text(config)
    with pytest.raises(WrongModelError, match=r"config\.json"):
        ZMNet.from_pretrained(folder)


def test_config_says_what_the_network_is(folder, model):
    expected = {"schema": 1, "tnet": {"width": 8}, "pnet": {"kind": "conv", "width": 8}}
    assert json.loads((folder / "config.json").read_text()) == model.config == expected


def test_long_pictures_are_looked_at_in_their_middle(model, make_picture):
    long = make_picture(32, 400, 1)
    middle = long[..., 136:264]
    assert torch.equal(model.encode_style(long, size=None).values, model.encode_style(middle, size=None).values)
    tall = long.transpose(2, 3)
    assert torch.equal(
        model.encode_style(tall, size=None).values, model.encode_style(tall[:, :, 136:264], size=None).values
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_pictures_that_are_not_numbers_are_refused(model, style, make_picture, value):
    picture = make_picture(32, 32, 1)
    picture[0, 1, 3, 5] = value
    for call in (lambda: model.encode_style(picture), lambda: model.apply(picture, style)):
        with pytest.raises(ValueError, match="NaN or infinite"):
            call()


def test_pictures_in_0_to_255_are_refused(model, contents, style):
    with pytest.raises(ValueError, match="Divide by 255"):
        model.apply(contents * 255, style)


def test_a_negative_strength_is_refused(model, contents, style):
    with pytest.raises(ValueError, match="strength is -0.5"):
        model.apply(contents, style, strength=-0.5)


def test_a_network_without_channels_is_refused():
    with pytest.raises(ValueError, match="tnet.width is -1, and a whole number from 1 to 65536"):
        ZMNet({"width": -1})


# Input that is none ----------------------------------------------------------------------------


def test_what_is_no_batch_of_pictures_is_refused(model, contents, style):
    with pytest.raises(TypeError, match="not Image: zmnet_core.images.to_tensor"):
        model.apply(to_pil(contents[0]), style)
    with pytest.raises(TypeError, match="not ndarray"):
        model.encode_style(contents.numpy())
    with pytest.raises(ValueError, match=r"this tensor is \[0, 3, 40, 52\]"):
        model.apply(contents[:0], style)
    with pytest.raises(PictureError, match="no pixels: it is 0×10"):
        model.stylize(Image.new("RGB", (0, 10)), style)


def test_a_strength_beyond_the_scale_is_refused(model, contents, style):
    assert model.apply(contents, style, strength=1.5).shape == contents.shape
    for strength in (1.51, -0.1, float("nan")):
        with pytest.raises(ValueError, match="from 0 to 1.5"):
            model.apply(contents, style, strength=strength)


def test_weights_with_nan_are_refused(folder):
    state = load_file(folder / "model.safetensors")
    name = sorted(state)[0]
    state[name].view(-1)[0] = float("nan")
    write_tensors(folder / "model.safetensors", state)
    with pytest.raises(WrongModelError, match=f"holds NaN or infinite weights \\({name}\\)"):
        ZMNet.from_pretrained(folder)


def test_a_file_in_place_of_its_folder_is_refused_at_once(folder):
    with pytest.raises(WeightsNotFoundError, match="is a file: give its folder, '.*saved'"):
        ZMNet.from_pretrained(folder / "model.safetensors")


def test_bundled_models_answer_to_their_short_names_unless_a_folder_has_it(tmp_path, monkeypatch):
    assert bundled_models()
    for name in bundled_models():
        assert find(name.removeprefix("zmnet-"))(CONFIG) == BUNDLED / name / CONFIG
    (tmp_path / "base").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find("base")(CONFIG) == BUNDLED / "zmnet-base" / CONFIG  # a folder of something else
    (tmp_path / "base" / CONFIG).write_text("{}")
    assert find("base")(CONFIG).resolve() == tmp_path / "base" / CONFIG


# Told how boldly to paint ----------------------------------------------------------------------


def test_a_model_is_told_how_boldly_to_paint(told, make_picture):
    painting = make_picture(64, 64, seed=3)
    faithful, usual, bold = (told.encode_style(painting, bold=bold) for bold in (0, 0.5, 1))
    assert torch.equal(usual.values, told.encode_style(painting).values)
    assert all((style.values - usual.values).abs().max() > 1e-2 for style in (faithful, bold))
    told_so = told.pnet(told.pnet.features(looked_at(painting, (256, 256))), torch.ones(1))
    torch.testing.assert_close(bold.values, told_so)


def test_boldness_that_cannot_be_is_refused(told, model, make_picture):
    painting = make_picture(64, 64, seed=3)
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="bold is"):
            told.encode_style(painting, bold=wrong)
    with pytest.raises(WrongModelError, match="leave it at 0.5"):
        model.encode_style(painting, bold=0.7)
    with pytest.raises(TypeError, match="bold"):
        build_pnet("conv", model.tnet.sites, bold=True)


def test_a_told_model_is_saved_and_loaded(told, make_picture, tmp_path):
    told.save_pretrained(tmp_path)
    loaded, painting = ZMNet.from_pretrained(tmp_path), make_picture(64, 64, seed=3)
    for bold in (0.0, 1.0):
        values = [each.encode_style(painting, bold=bold).values for each in (told, loaded)]
        torch.testing.assert_close(*values)


# As any module ---------------------------------------------------------------------------------


def test_a_knob_that_apply_does_not_take_is_answered_with_who_does(model, style, contents):
    with pytest.raises(
        TypeError, match="^apply has no option 'palette', which is a knob .*model.stylize.*stylize_tensor"
    ):
        model.apply(contents, style, palette=1)
    with pytest.raises(TypeError, match="^apply has no option 'strenght'. Did you mean 'strength'"):
        model.apply(contents, style, strenght=1)


def test_a_model_says_what_it_is_in_a_few_lines(told):
    for name in bundled_models():
        text = repr(ZMNet.from_pretrained(name))
        assert text.startswith("ZMNet(\n  ") and len(text.splitlines()) <= 15
    base = repr(ZMNet.from_pretrained("zmnet-base"))
    assert "tnet: {'width': 32}, 1,674,467 parameters" in base and "reads words (sentence), trained on" in base
    assert "no reviser" in base and "reviser: {'width': 8" in repr(told)
    words = ZMNet(
        {"width": 8}, {"kind": "mlp", "signal": "glove", "size": 4, "width": 8, "words": {"times": ["noon", "dusk"]}}
    )
    assert "noon" not in repr(words) and "reads words (GloVe's) (glove), trained on 2 words" in repr(words)
    assert "Conv" in repr(words.tnet)


def test_apply_of_a_function_is_that_of_every_module(model):
    seen = []
    assert model.apply(seen.append) is model
    assert seen[-1] is model and model.tnet.c9 in seen
    with pytest.raises(TypeError, match="apply needs a style"):
        model.apply(torch.rand(1, 3, 32, 32))


@pytest.mark.slow
def test_a_compiled_tnet_keeps_fingerprint_styles_and_saved_names(model, contents, style, tmp_path):
    before, expected = model.fingerprint, model.apply(contents, style)
    model.tnet = torch.compile(model.tnet, backend="eager")
    assert model.fingerprint == before
    torch.testing.assert_close(model.apply(contents, style), expected)
    model.save_pretrained(tmp_path)
    assert not any("_orig_mod" in name for name in load_file(tmp_path / "model.safetensors"))
    assert ZMNet.from_pretrained(tmp_path).fingerprint == before
    model.load_weights(tmp_path / "model.safetensors")
    torch.testing.assert_close(model.apply(contents, style), expected)


def test_weights_that_are_changed_in_place_are_noticed(model):
    before = model.fingerprint
    with torch.no_grad():
        model.tnet.out.bias.add_(1)
    assert model.fingerprint != before


@pytest.mark.slow
def test_double_precision_gives_the_same_picture(model, told, contents, make_picture):
    for net, pictures in ((model, contents), (told, make_picture(100, 100, 3))):
        style = net.encode_style(pictures[:1])
        expected = net.apply(pictures, style)
        found = net.double().apply(pictures.double(), net.encode_style(pictures[:1].double()))
        assert found.dtype == torch.float64
        torch.testing.assert_close(found.float(), expected, atol=2e-3, rtol=0)
