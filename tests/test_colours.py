"""Grey photographs coloured by a histogram: what is measured, against closed forms, and the page."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT, picture_of
from tests.processes import finish, start_alone
from zmnet_core.images.colour import lab, luma, srgb
from zmnet_core.model import ZMNet
from zmnet_core.reproduce.colours import GREY, LIT, MEAN, MODEL, chroma_distance, coloured, mean_colour, measured


def flat(lightness: float, a: float, b: float) -> torch.Tensor:
    """A picture of one CIELAB colour, [1, 3, 64, 64]."""
    return srgb(torch.tensor([lightness, a, b])).view(1, 3, 1, 1).expand(1, 3, 64, 64)


@given(angle=st.floats(0, 6.28), size=st.floats(1, 20))
def test_the_distance_of_two_colours_is_their_mean_projection(angle, size):
    """Sliced W₁ of two points at distance d in the plane: the mean of |d cos θ|, 2 d / π."""
    way = torch.tensor([angle]).cos().item() * size, torch.tensor([angle]).sin().item() * size
    found = chroma_distance(flat(55, 0, 0), flat(55, *way))
    assert found == pytest.approx(2 / torch.pi * size, rel=0.02, abs=0.02)
    assert chroma_distance(flat(40, *way), flat(70, *way)) < 0.05  # light has no say


def test_the_mean_colour_keeps_the_light_and_has_the_pictures_mean():
    grey = luma(flat(60, 0, 0) * torch.linspace(0.7, 1, 64)).expand(-1, 3, -1, -1)
    made = mean_colour(grey, flat(50, 12, -9))
    before, after = (lab(each.permute(0, 2, 3, 1)) for each in (grey, made))
    torch.testing.assert_close(after[..., 0], before[..., 0], rtol=0, atol=0.1)
    torch.testing.assert_close(after[..., 1:].mean((0, 1, 2)), torch.tensor([12.0, -9.0]), rtol=0, atol=0.2)


def test_a_picture_is_at_no_distance_from_itself():
    picture = picture_of(64, 64, 0)
    palette, colours, chroma, difference = measured(picture, picture, picture)
    assert palette == colours == difference == 0 and chroma == pytest.approx(1)
    assert measured(luma(picture).expand(-1, 3, -1, -1), picture, picture)[2] < 0.01


@pytest.fixture
def colouring() -> ZMNet:
    torch.manual_seed(0)
    model = ZMNet({"width": 8, "grey": True}, {"kind": "mlp", "signal": "histogram", "size": 4, "width": 8})
    return model.eval().requires_grad_(False)


def test_the_models_colours_are_put_onto_the_photographs_own_light(colouring):
    photograph = picture_of(64, 64, 0) * 0.5 + 0.25
    made = coloured(colouring, photograph, picture_of(64, 64, 1))
    assert set(made) == {GREY, MEAN, MODEL, LIT}
    light = [lab(made[name].permute(0, 2, 3, 1))[..., 0] for name in (GREY, LIT)]
    assert (light[0] - light[1]).abs().mean() < 2


@pytest.mark.slow
def test_reproduce_measures_a_model_and_refuses_one_of_pictures(colouring, picture_folder, tmp_path):
    colouring.save_pretrained(tmp_path / "model")
    options = ["--content_dir", picture_folder, "--output_dir", tmp_path / "out", "--pairs", 4, "--size", 64]
    script = ROOT / "train" / "reproduce.py"
    said = finish(start_alone(script, "colours", "--model", tmp_path / "model", *options))
    assert (tmp_path / "out/colours.md").read_text() in said and (tmp_path / "out/colours.jpg").stat().st_size > 5000
    medians = json.loads((tmp_path / "out/colours.json").read_text())["medians"]
    assert medians["its own"][GREY]["difference"] == medians["another picture's"][GREY]["difference"] > 0
    assert medians["its own"][GREY]["chroma"] < 0.02
    process = start_alone(script, "colours", "--model", "zmnet-mini", *options)
    _, errors = process.communicate(timeout=300)
    assert process.returncode and "'zmnet-mini' is not guided by histograms" in " ".join(errors.split())
