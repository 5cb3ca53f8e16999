"""What layers carry: the measure by closed forms, and that the names of the groups and presets are true."""

from __future__ import annotations

import json
from statistics import median

import pytest
import torch

from tests.conftest import data_at, picture_of
from tests.processes import ROOT, finish, start_alone
from zmnet_core import ZMNet
from zmnet_core.assets import BUNDLED, DEMO_PICTURES
from zmnet_core.evaluation.layer_effects import QUANTITIES, Effects, layer_effects, parts, quantities
from zmnet_core.evaluation.methods import load_square
from zmnet_core.networks.constants import DIN_LAYERS
from zmnet_core.networks.pnet import IMAGE_KINDS
from zmnet_core.styling.layering import PRESETS, parsed

SIDE = 128
FLAT, BUSY = torch.ones(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)


def test_quantities_of_grey_are_its_lightness_and_nothing_else():
    found = quantities(torch.full((1, 3, 64, 64), 0.5), FLAT)
    torch.testing.assert_close(found["light"], torch.full((1, 1, 4, 4), 53.39), rtol=0, atol=0.05)
    for name in ("colour", "edges", "texture"):
        assert found[name].abs().max() < 0.02


def test_an_edge_is_an_edge_and_a_weave_is_texture():
    step = torch.zeros(1, 3, 64, 64)
    step[..., 32:] = 1
    edges = quantities(step, BUSY)["edges"]
    # The slopes across a step of 100 add up to 100: two cells of 4 px on each side see nearly all of it.
    torch.testing.assert_close(4 * edges[0, 0, 8].sum(), torch.tensor(100.0), rtol=0, atol=1)
    assert edges[..., :4].abs().max() < 0.01 and quantities(step, BUSY)["texture"].max() == 0
    weave = 0.5 + 0.1 * (torch.arange(64) % 2 * 2 - 1.0).expand(1, 3, 64, 64)
    texture = quantities(weave, FLAT)["texture"]
    light = (
        quantities(torch.full((1, 3, 64, 64), 0.6), FLAT)["light"]
        - quantities(torch.full((1, 3, 64, 64), 0.4), FLAT)["light"]
    )
    torch.testing.assert_close(texture[0, 0, 4, 4], light[0, 0, 0, 0] / 2, rtol=0.02, atol=0)


def test_all_layers_are_the_whole_way_and_none_is_nothing(model):
    effects = Effects(model, picture_of(SIDE, SIDE, 1), model.encode_style(picture_of(64, 64, 2)))
    assert effects.shares(range(1, DIN_LAYERS + 1)) == pytest.approx(dict.fromkeys(QUANTITIES, 1.0), abs=1e-4)
    assert effects.shares(()) == pytest.approx(dict.fromkeys(QUANTITIES, 0.0), abs=1e-4)
    assert torch.equal(
        effects.painted(range(1, DIN_LAYERS + 1)),
        model.apply(picture_of(SIDE, SIDE, 1), model.encode_style(picture_of(64, 64, 2)), draft=0),
    )


def test_medians_are_of_the_pairs(model):
    pairs = [Effects(model, picture_of(SIDE, SIDE, n), model.encode_style(picture_of(64, 64, n + 9))) for n in range(3)]
    found = layer_effects(pairs, ["tones"])
    assert set(found) == {"tones"} and parts()["tones"] == (7, 8, 9)
    for name in QUANTITIES:
        assert found["tones"]["alone"][name] == sorted(each.shares((7, 8, 9))[name] for each in pairs)[1]


# The bundled models ----------------------------------------------------------------------------


def paints_after_pictures(name: str) -> bool:
    """Whether a bundled model is guided by paintings."""
    return json.loads((BUNDLED / name / "config.json").read_text())["pnet"]["kind"] in IMAGE_KINDS


@pytest.fixture(
    scope="module", params=sorted(path.name for path in BUNDLED.iterdir() if paints_after_pictures(path.name))
)
def effects(request) -> list[Effects]:
    """The bundled paintings, each with a bundled photograph."""
    model = ZMNet.from_pretrained(request.param)
    photographs, paintings = (sorted((DEMO_PICTURES / kind).glob("*.jpg")) for kind in ("contents", "styles"))
    return [
        Effects(model, load_square(photographs[n % 4], SIDE), model.encode_style(load_square(painting, SIDE)))
        for n, painting in enumerate(paintings)
    ]


@pytest.mark.slow
def test_groups_carry_what_their_names_and_help_say(effects):
    found = layer_effects(effects, ["detail", "weave", "tones"])
    alone, without = ({name: found[name][how] for name in found} for how in ("alone", "without"))
    for what in ("light", "colour"):
        assert alone["tones"][what] > 0.7 and without["tones"][what] < 0.3, what
        for name in ("detail", "weave"):
            assert alone[name][what] < 0.15 and without[name][what] > 0.8, (name, what)
    assert max(alone["detail"], key=alone["detail"].__getitem__) == "edges"
    assert min(without["weave"], key=without["weave"].__getitem__) == "texture"


@pytest.mark.slow
def test_presets_do_what_they_are_called(effects):
    assert set(PRESETS) == {"colours only", "strokes", "gentle edges"}
    only = parsed(PRESETS["colours only"])
    assert [layer for layer, weight in only.items() if weight] == list(parts()["tones"])  # as above
    on = [layer for layer, weight in parsed(PRESETS["strokes"]).items() if weight]
    shares = [each.shares(on) for each in effects]
    strokes = {what: median(each[what] for each in shares) for what in QUANTITIES}
    assert max(strokes["light"], strokes["colour"]) < 0.3
    assert max(strokes["light"], strokes["colour"]) < min(strokes["edges"], strokes["texture"])


# The script ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_reproduce_draws_the_figure_with_its_figures(tmp_path, make_model):
    data_at("data/content/val")
    make_model().save_pretrained(tmp_path / "tiny")
    options = ["--output_dir", tmp_path / "out", "--model", tmp_path / "tiny", "--pairs", 1, "--size", 64]
    said = finish(start_alone(ROOT / "train" / "reproduce.py", "layers", *options), timeout=120)
    assert (tmp_path / "out" / "layers.md").read_text(encoding="utf-8").strip() == said.strip()
    found = json.loads((tmp_path / "out" / "layers.json").read_text())
    (rows,) = found["models"].values()
    assert list(rows) == list(parts()) and found["pairs"] == 1
    assert set(rows["9"]["alone"]) == set(QUANTITIES)
    from PIL import Image

    with Image.open(tmp_path / "out" / "layers.jpg") as sheet:
        assert sheet.size[0] > 5 * 192
