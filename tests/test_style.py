"""`Style`: a vector space with a file format that refuses what is not its own."""

import errno
import json
import math
import os
import struct
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from zmnet_core.errors import WrongModelError
from zmnet_core.files import replacing, write_json, write_tensors
from zmnet_core.model import ZMNet
from zmnet_core.networks.constants import LAYER_GROUPS
from zmnet_core.networks.tnet import din_sites
from zmnet_core.styling.style import Style

SITES = din_sites(4)
CHANNELS = sum(site.channels for site in SITES)
WEIGHTS = st.floats(-3, 3)


def style_of(seed: int, count: int = 1, name: str = "", fingerprint: str = "f" * 64) -> Style:
    values = torch.randn(count, 2, CHANNELS, generator=torch.Generator().manual_seed(seed))
    return Style(values, SITES, fingerprint, name)


def rewritten(source: Path, target: Path, **changes: str | None) -> Path:
    """The style file with other metadata; None removes an entry."""
    with safe_open(source, "pt") as file:
        metadata = {**file.metadata(), **changes}
    save_file(load_file(source), target, {key: value for key, value in metadata.items() if value is not None})
    return target


@pytest.fixture
def a() -> Style:
    return style_of(1, name="a")


@pytest.fixture
def b() -> Style:
    return style_of(2, name="b")


@pytest.fixture
def saved(a, tmp_path) -> Path:
    return a.save(tmp_path / "a.safetensors")


# Arithmetic ------------------------------------------------------------------------------------


@given(WEIGHTS, WEIGHTS)
def test_sums_and_multiples_are_those_of_the_values(p, q):
    a, b = style_of(1), style_of(2)
    torch.testing.assert_close((p * a + b * q).values, p * a.values + q * b.values)
    torch.testing.assert_close((a - b).values, a.values - b.values)


@pytest.mark.parametrize(
    "two",
    [2, 2.0, np.float32(2), np.float64(2), np.int64(2), np.array(2.0), torch.tensor(2.0), torch.tensor(2)],
    ids=repr,
)
def test_numbers_of_every_kind_are_weights(a, b, two):
    for mixed, values in (
        (a * two, 2 * a.values),
        (two * a, 2 * a.values),
        (a / two, a.values / 2),
        (sum([a, b]) / two, (a.values + b.values) / 2),
        (two * a - b, 2 * a.values - b.values),
        (-a + b, b.values - a.values),
    ):
        assert isinstance(mixed, Style)
        torch.testing.assert_close(mixed.values, values)
    assert (two * a).name == "2 a"


@given(st.lists(st.floats(0.1, 5), min_size=1, max_size=4), st.floats(0.1, 10))
def test_blend_is_the_weighted_mean_whatever_the_weights_sum_to(weights, factor):
    styles = [style_of(seed) for seed in range(len(weights))]
    expected = sum(w * s.values for w, s in zip(weights, styles)) / sum(weights)
    torch.testing.assert_close(Style.blend(styles, weights).values, expected)
    torch.testing.assert_close(Style.blend(styles, [factor * w for w in weights]).values, expected)


def test_blend_without_weights_is_the_mean(a, b):
    torch.testing.assert_close(Style.blend([a, b]).values, (a.values + b.values) / 2)


def test_blend_of_one_style_with_itself_is_that_style(a):
    torch.testing.assert_close(Style.blend([a, a], [0.3, 0.9]).values, a.values)


def test_names_tell_how_a_style_was_mixed(a, b):
    assert (0.7 * a + 0.3 * b).name == "0.7 a + 0.3 b"


@pytest.mark.parametrize("weights", [[1.0], [1.0, 2.0, 3.0], []])
def test_blend_needs_one_weight_a_style(a, b, weights):
    with pytest.raises(ValueError, match=f"{len(weights)} weights for 2 styles"):
        Style.blend([a, b], weights)


def test_styles_for_other_numbers_of_pictures_are_not_added(model, make_picture):
    one, two, three = (model.encode_style(make_picture(48, 48, seed=n, count=n)) for n in (1, 2, 3))
    assert len(one + three) == len(Style.blend([three, one])) == 3
    with pytest.raises(ValueError, match="^styles for 2 and 3 pictures cannot be added: give one for all pictures"):
        Style.blend([two, one, three])
    with pytest.raises(ValueError, match="styles for 2 and 3 pictures cannot be added"):
        two - three


def test_blend_of_nothing_is_refused():
    with pytest.raises(ValueError, match="0 styles"):
        Style.blend([])


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_blend_with_weights_that_have_no_mean_is_refused(a, b, weights):
    with pytest.raises(ValueError, match="weights .* sum to"):
        Style.blend([a, b], weights)


def test_signs_and_odd_numbers(a):
    assert torch.equal((+a).values, a.values) and torch.equal((0 - a).values, -a.values)
    weight = torch.nn.Parameter(torch.tensor(0.5))
    assert torch.equal((weight * a).values, 0.5 * a.values) and torch.equal((a / weight).values, 2 * a.values)
    for odd in (math.nan, math.inf):
        with pytest.raises(ValueError, match="a finite number"):
            odd * a


def test_styles_of_two_models_are_not_added(a):
    other = style_of(3, fingerprint="0" * 64)
    with pytest.raises(WrongModelError, match="cannot be added: one was made by model f+, the other by model 00000000"):
        a + other
    with pytest.raises(WrongModelError):
        Style.blend([a, other])


@pytest.mark.parametrize("wrong", ["text", None, torch.ones(2), np.ones(1)])
def test_arithmetic_with_what_is_no_style_is_a_type_error(a, wrong):
    with pytest.raises(TypeError):
        a + wrong
    with pytest.raises(TypeError):
        a * wrong
    with pytest.raises(TypeError):
        a / wrong


def test_walk_goes_from_the_start_through_the_style_and_beyond(a, b):
    assert torch.equal(a.walk(b, 0.0).values, b.values)
    assert torch.equal(a.walk(b, 1.0).values, a.values)
    torch.testing.assert_close(a.walk(b, 0.25).values, b.values + 0.25 * (a.values - b.values))
    torch.testing.assert_close(a.walk(b, 1.5).values, b.values + 1.5 * (a.values - b.values))


# Layer groups ----------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [("detail",), ("weave",), ("tones",), ("detail", "tones"), ()])
def test_only_leaves_its_groups_and_makes_the_others_a_plain_norm(a, groups):
    kept, start = a.only(*groups), 0
    for site in SITES:
        here = (slice(None), slice(None), slice(start, start + site.channels))
        if any(site.layer in LAYER_GROUPS[group] for group in groups):
            assert torch.equal(kept.values[here], a.values[here]), site.name
        else:
            assert (kept.values[here][:, 0] == 1).all() and (kept.values[here][:, 1] == 0).all(), site.name
        start += site.channels
    assert kept.fingerprint == a.fingerprint and kept.sites == a.sites


def test_all_groups_together_are_the_whole_style(a):
    assert torch.equal(a.only(*LAYER_GROUPS).values, a.values)


def test_the_former_names_of_groups_still_mean_these_layers(a):
    assert torch.equal(a.only("colour").values, a.only("weave").values)
    assert torch.equal(a.only("texture", "detail").values, a.only("tones", "detail").values)


@given(st.lists(st.floats(0, 1.5), min_size=9, max_size=9), st.floats(0, 1))
def test_weights_walk_each_layer_by_itself_and_strength_multiplies_them(weights, strength):
    a, b = style_of(0), style_of(1)
    layers = dict(enumerate(weights, 1))
    walked, start = a.walk(b, strength, layers), 0
    for site in SITES:
        here = (..., slice(start, start + site.channels))
        share = strength * layers[site.layer]
        torch.testing.assert_close(walked.values[here], (1 - share) * b.values[here] + share * a.values[here])
        start += site.channels
    alike = a.walk(b, strength, dict.fromkeys(layers, 1.0))
    torch.testing.assert_close(alike.values, a.walk(b, strength).values)


def test_unknown_group_is_refused_with_the_list(a):
    with pytest.raises(ValueError, match="no layer group color; there are detail, weave, tones"):
        a.only("color", "detail")


# Several in one --------------------------------------------------------------------------------


def test_several_styles_are_counted_picked_and_walked_through():
    several = style_of(1, count=3)
    assert len(several) == 3
    assert several[1].values.shape == (1, 2, CHANNELS)
    assert torch.equal(several[1].values[0], several.values[1])
    assert len(several[1:]) == 2
    assert [len(one) for one in several] == [1, 1, 1]


@pytest.mark.parametrize("shape", [(2, CHANNELS), (1, 2, CHANNELS + 1), (1, 3, CHANNELS)])
def test_values_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=rf"shape \[N, 2, {CHANNELS}\], not"):
        Style(torch.zeros(shape), SITES, "f")


def test_to_changes_the_type_of_the_values_only(a):
    half = a.to(torch.float16)
    assert half.values.dtype == torch.float16 and a.values.dtype == torch.float32
    assert (half.name, half.sites, half.fingerprint) == (a.name, a.sites, a.fingerprint)


# Files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_file_gives_back_every_bit(tmp_path, count):
    style = style_of(5, count, name="Pappeln, „Monet“ ☂\n2")
    loaded = Style.load(style.save(tmp_path / "new" / "s.safetensors"))
    assert torch.equal(loaded.values, style.values)
    assert (loaded.sites, loaded.fingerprint, loaded.name) == (style.sites, style.fingerprint, style.name)
    assert len(loaded + style) == count


def test_style_of_the_paper_takes_12_kilobytes(tmp_path):
    sites = din_sites(32)
    path = Style(torch.zeros(1, 2, 1568), sites, "f" * 64).save(tmp_path / "s.safetensors")
    assert 3136 * 4 < path.stat().st_size < 14_000


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no style file '.*none.safetensors'"):
        Style.load(tmp_path / "none.safetensors")


def test_safetensors_file_of_something_else_is_refused(tmp_path):
    write_tensors(tmp_path / "other.safetensors", {"values": torch.zeros(1, 2, 3)})
    with pytest.raises(WrongModelError, match="other.safetensors' is not a ZM-Net style"):
        Style.load(tmp_path / "other.safetensors")


def test_file_of_a_newer_version_asks_for_an_update(saved, tmp_path):
    with pytest.raises(WrongModelError, match="style schema 2, this version reads 1: update"):
        Style.load(rewritten(saved, tmp_path / "new.safetensors", schema="2"))


def test_a_file_that_may_not_be_read_is_said_to_be_so(saved, model, tmp_path, monkeypatch):
    """safetensors would say that it is not there."""
    model.save_pretrained(tmp_path / "model")
    monkeypatch.setattr("builtins.open", Mock(side_effect=PermissionError(errno.EACCES, "Permission denied", "x")))
    with pytest.raises(WrongModelError, match="safetensors' cannot be read: you do not have the permission.$"):
        Style.load(saved)
    with pytest.raises(WrongModelError, match="safetensors' cannot be read: you do not have the permission.$"):
        model.load_weights(tmp_path / "model" / "model.safetensors")


@pytest.mark.parametrize(
    "damage",
    [
        {"sites": None},
        {"sites": "not JSON"},
        {"sites": json.dumps([["c9", 1]])},
        {"sites": json.dumps([["c9", 1, 3]])},
        {"fingerprint": None},
    ],
    ids=["no sites", "sites no JSON", "a site without channels", "fewer channels", "no fingerprint"],
)
def test_damaged_description_is_refused_naming_the_file(saved, tmp_path, damage):
    with pytest.raises(WrongModelError, match="bad.safetensors"):
        Style.load(rewritten(saved, tmp_path / "bad.safetensors", **damage))


@pytest.mark.parametrize("left", [0, 5, 200, -1])
def test_truncated_file_is_refused(saved, left):
    saved.write_bytes(saved.read_bytes()[:left])
    with pytest.raises(WrongModelError, match="a.safetensors' is not a whole safetensors file"):
        Style.load(saved)


def test_file_of_other_bytes_is_refused(saved):
    saved.write_bytes(struct.pack("<Q", 40) + b"{not the header of any safetensors file}")
    with pytest.raises(WrongModelError, match="not a whole safetensors file"):
        Style.load(saved)


def test_interrupted_write_leaves_the_old_file_and_no_other(saved, a):
    with pytest.raises(KeyboardInterrupt), replacing(saved) as temporary:
        temporary.write_bytes(b"half of the new fi")
        raise KeyboardInterrupt
    assert torch.equal(Style.load(saved).values, a.values)
    assert list(saved.parent.iterdir()) == [saved]


def test_two_that_write_one_file_at_once_do_not_share_a_temporary_name(tmp_path):
    with replacing(tmp_path / "a.json") as one, replacing(tmp_path / "a.json") as other:
        assert one != other and one.parent == other.parent == tmp_path and one.suffix == ".json"
        one.write_text("1")
        other.write_text("2")
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_write_that_fails_leaves_the_old_json(tmp_path):
    write_json(tmp_path / "config.json", {"width": 32})
    with pytest.raises(TypeError):
        write_json(tmp_path / "config.json", {"width": object()})
    assert json.loads((tmp_path / "config.json").read_text()) == {"width": 32}
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


def test_file_can_be_read_by_others_as_the_umask_allows(saved, tmp_path):
    (tmp_path / "plain").write_text("")
    assert saved.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("weights", [(1.0, -0.9), (1.0, -0.99), (-1.0, -1.0), (0.5, -1.0), (float("inf"), 1.0)])
def test_weights_that_nearly_cancel_are_refused(a, b, weights):
    with pytest.raises(ValueError, match="sum to .* no less than a third of their sizes"):
        Style.blend([a, b], weights)


def test_a_negative_weight_leads_away(a, b):
    torch.testing.assert_close(Style.blend([a, b], [1.5, -0.5]).values, a.values + 0.5 * (a.values - b.values))


# Files of earlier versions ---------------------------------------------------------------------

FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize("name, has_colours", [("style-without-colours", False), ("style", True)])
def test_styles_of_earlier_versions_load_and_fit_their_model(name, has_colours, tmp_path):
    style, model = Style.load(FILES / f"{name}.safetensors"), ZMNet.from_pretrained(FILES / "model")
    assert (style.name, style.fingerprint) == ("blobs", model.fingerprint)
    assert style.values.double().abs().sum().item() == pytest.approx(213.7042, abs=1e-3)
    assert (style.colours is not None) == has_colours
    blobs = torch.rand(1, 3, 5, 5, generator=torch.Generator().manual_seed(7))
    picture = torch.nn.functional.interpolate(blobs, (64, 64), mode="bicubic").clamp(0, 1)
    means = model.apply(picture, style).mean((0, 2, 3))
    torch.testing.assert_close(means, torch.tensor([0.5094, 0.5080, 0.5352]), rtol=0, atol=2e-4)  # as it was then
    again = Style.load(style.save(tmp_path / "again.safetensors"))
    assert torch.equal(again.values, style.values) and (again.colours is None) != has_colours


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_style_and_model_are_written_and_read_under_names_that_are_not_text(style, model, tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    named = replace(style, name=odd.name)
    kept = Style.load(named.save(odd / "style.safetensors"))
    assert torch.equal(kept.values, style.values) and kept.name == "caf\\udce9"
    model.save_pretrained(odd)
    assert ZMNet.from_pretrained(odd).fingerprint == kept.fingerprint
