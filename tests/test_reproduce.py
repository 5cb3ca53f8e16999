"""The paper's experiments on a small data set, what they measure, and the plain change of light beside them."""

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.processes import ROOT, finish, start_alone
from zmnet_core.evaluation.baselines.illumination import illumination_change
from zmnet_core.images.colour import to_linear, to_srgb
from zmnet_core.images.picture import to_pil
from zmnet_core.model import ZMNet
from zmnet_core.signals.words import glove
from zmnet_core.training.words.noon_night import (
    PATH,
    UNTRAINED,
    Measures,
    colour_temperature,
    compression,
    lightness,
    monotonic,
    report,
)

# Illumination ----------------------------------------------------------------------------------


@given(exposure=st.floats(0.05, 1))
def test_light_is_multiplied_and_colours_keep_their_proportions(exposure):
    picture = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    darker = to_linear(illumination_change(picture, exposure))
    torch.testing.assert_close(darker, exposure * to_linear(picture), rtol=1e-3, atol=1e-4)


def test_srgb_and_linear_light_are_each_others_inverse_and_one_changes_nothing():
    values = torch.linspace(0, 1, 101)
    torch.testing.assert_close(to_srgb(to_linear(values)), values, rtol=0, atol=1e-5)
    assert float(to_linear(torch.tensor(0.5))) == pytest.approx(0.2140, abs=1e-4)
    picture = values[:64].expand(1, 3, 8, 64)
    torch.testing.assert_close(illumination_change(picture, 1.0), picture, rtol=0, atol=1e-5)


@pytest.mark.parametrize("exposure", [-0.1, math.nan, math.inf])
def test_light_that_is_none_is_refused(exposure):
    with pytest.raises(ValueError, match="the exposure is"):
        illumination_change(torch.zeros(1, 3, 16, 16), exposure)


# What is measured ------------------------------------------------------------------------------


def test_lightness_and_colour_temperature_of_known_light():
    grey = torch.full((1, 3, 16, 16), 0.5)
    assert lightness(grey) == pytest.approx(53.39, abs=0.05)
    assert colour_temperature(grey) == pytest.approx(6504, abs=15)  # D65
    warm = torch.tensor([1.0, 0.8, 0.6])[None, :, None, None].expand(1, 3, 16, 16)
    assert colour_temperature(warm) < 4500 < 6504 < colour_temperature(warm.flip(1))


def test_what_turns_back_is_not_monotonic():
    assert monotonic([1, 2, 2, 3]) and monotonic([3.0, 1.0]) and not monotonic([1, 3, 2])


def test_the_report_says_what_moves_one_way_only():
    rows = {text: Measures(90 - 50 * at, 6000 + 100 * (at == 0.4), at, 1 - at) for text, at in PATH.items()}
    lines = report({"serial": rows})
    assert "| noon | 90.0 | 6000 | 0.00 | 1.00 |" in [" ".join(line.split()) for line in lines]
    assert lines[-1].endswith("L* yes, colour temperature no, loss to noon yes, loss to night yes.")


def test_the_compression_is_of_the_trained_words_and_their_neighbours():
    table = glove()
    vectors = compression(table)
    assert len(vectors) > 12
    assert torch.equal(vectors[0], table["noon"])


# End to end ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_picture) -> Path:
    """Photographs and paintings, 64 px, nights darker."""
    folder = tmp_path_factory.mktemp("data")
    places = ["content/train", "content/val", "styles/train", "styles/made", "styles/val"]
    places += [f"attributes/{word}/{part}" for word in ("noon", "night") for part in ("train", "test")]
    for seed, place in enumerate(places * 4):
        path = folder / place / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        to_pil(make_picture(64, 72, seed)[0] * (0.1 if "night" in place else 1.0)).save(path)
    return folder


def reproduce(*arguments: object, vgg: Path) -> str:
    return finish(start_alone(ROOT / "train" / "reproduce.py", *arguments, ZMNET_VGG=str(vgg)), timeout=300)


@pytest.mark.slow
def test_words_trains_both_pnets_and_writes_figure_and_numbers(tmp_path, data, make_model, random_vgg_file):
    make_model().save_pretrained(tmp_path / "base")
    options = ["--base", tmp_path / "base", "--data", data, "--output_dir", tmp_path / "out", "--steps", 3]
    said = reproduce("words", *options, "--width", 8, "--size", 64, vgg=random_vgg_file)
    assert "**illumination change**" in said and "**parallel**" in said
    assert (tmp_path / "out" / "words.png").stat().st_size > 10_000
    rows = json.loads((tmp_path / "out" / "words.json").read_text())["rows"]
    assert rows["illumination change"].keys() == PATH.keys()
    assert rows["illumination change"]["night"]["lightness"] < rows["illumination change"]["noon"]["lightness"]
    for name, kind in (("serial", "mlp"), ("parallel", "mlp-parallel")):
        assert set(rows[name]) == {*PATH, *UNTRAINED}
        model = ZMNet.from_pretrained(tmp_path / "out" / name)
        assert model.config["pnet"]["kind"] == kind and model.pnet.size == 2
        noon, night = model.encode_attribute("noon"), model.encode_attribute("night")
        assert (noon.values - night.values).abs().max() > 1e-4


@pytest.mark.slow
def test_serial_parallel_trains_both_alike_writes_its_page_and_goes_on(tmp_path, data, make_model, random_vgg_file):
    make_model().save_pretrained(tmp_path / "base")
    options = ["--base", tmp_path / "base", "--data", data, "--output_dir", tmp_path / "out", "--steps", 4]
    options += ["--width", 8, "--resolution", 64]
    said = reproduce("serial_parallel", *options, vgg=random_vgg_file)
    assert (tmp_path / "out/serial_parallel.jpg").stat().st_size > 5_000
    assert (tmp_path / "out/serial_parallel.md").read_text() in said
    report = json.loads((tmp_path / "out/serial_parallel.json").read_text())
    rows, tnet = report["rows"], ZMNet.from_pretrained(tmp_path / "base").fingerprint
    for name, kind in (("serial", "mlp"), ("parallel", "mlp-parallel")):
        model = ZMNet.from_pretrained(tmp_path / "out" / name)
        pnet = model.vector_pnets["glove"]
        assert model.fingerprint == tnet and model.config["attribute_pnets"]["glove"]["kind"] == kind
        assert rows[name]["parameters"] == sum(parameter.numel() for parameter in pnet.parameters())
        assert len(rows[name]["losses"]) == 4 and set(rows[name]["lightness"]) == {"noon", "night"}
    assert rows["serial"]["losses"] != rows["parallel"]["losses"]
    again = reproduce("serial_parallel", *options, vgg=random_vgg_file)  # both are complete: nothing is trained again
    assert json.loads((tmp_path / "out/serial_parallel.json").read_text()) == report and "noon" in again


@pytest.mark.slow
def test_expansion_trains_twice_on_the_lists_it_says(tmp_path, data, random_vgg_file):
    options = ["--style_dir", data / "styles/train", "--expanded_dir", data / "styles/made"]
    options += ["--content_dir", data / "content/train", "--test_content_dir", data / "content/val"]
    options += ["--test_style_dir", data / "styles/val", "--output_dir", tmp_path / "out"]
    options += ["--steps", 2, "--pnet", "conv", "--tnet_width", 4, "--resolution", 64, "--pairs", 2]
    said = reproduce("expansion", *options, vgg=random_vgg_file)
    table = " ".join(said.split())
    assert "| paintings alone | 4 |" in table and "| with expanded styles | 8 |" in table
    result = json.loads((tmp_path / "out" / "expansion.json").read_text())
    assert result["steps"] == 2 and set(result["median"]) == {"paintings alone", "with expanded styles"}
