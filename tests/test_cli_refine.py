"""`zmnet encode --refine`: the library's result, what is kept at Ctrl-C, and what is refused."""

import pytest
import torch
from typer.testing import CliRunner

from tests.conftest import told_model
from zmnet_core.cli import app
from zmnet_core.images.picture import read_picture, to_pil, to_tensor
from zmnet_core.model import ZMNet
from zmnet_core.styling.paint import encode_painting
from zmnet_core.styling.refine import Refiner
from zmnet_core.styling.style import Style


@pytest.fixture
def files(tmp_path, random_vgg, make_picture):
    """A model, a painting, a photograph, and a place for the style."""
    told_model(random_vgg).save_pretrained(tmp_path / "tiny")
    for name, picture in (("painting", make_picture(80, 72, 3)), ("photo", make_picture(64, 64, 5))):
        to_pil(picture[0]).save(tmp_path / f"{name}.png")
    return tmp_path


def encode(files, *options, painting="painting.png", status=0):
    """Run the command in this process; its whole output."""
    given = ["encode", files / painting, "-m", files / "tiny", "-o", files / "o.safetensors", *options]
    result = CliRunner().invoke(app, [str(each) for each in given])
    assert result.exit_code == status, result.output + repr(result.exception)
    return " ".join(result.output.replace("│", " ").split())


def tensor(file):
    return to_tensor(read_picture(file).rgb)[None]


def test_it_refines_as_the_library_does(files):
    model, painting = ZMNet.from_pretrained(files / "tiny"), tensor(files / "painting.png")
    photograph = tensor(files / "photo.png")
    said = encode(files, "--refine", 4, "--refine-on", files / "photo.png", "--refine-layers", "detail,7-9:1")
    written = Style.load(files / "o.safetensors")
    start = encode_painting(model, read_picture(files / "painting.png").rgb)
    expected = start.refine(model, painting, [photograph], 4, [1, 2, 3, 7, 8, 9])
    assert not torch.equal(written.values, start.values)
    torch.testing.assert_close(written.values, expected.values, rtol=0, atol=0)
    assert "before" in said and "now" in said


def test_ctrl_c_keeps_what_is_reached(files, monkeypatch):
    step = Refiner._step

    def stopping(self):
        if self.done == 3:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Refiner, "_step", stopping)
    said = encode(files, "--refine", 20, "--refine-on", files / "photo.png")
    assert "stopped after 3 of 20 steps: what is reached is written" in said
    monkeypatch.setattr(Refiner, "_step", step)
    model, painting = ZMNet.from_pretrained(files / "tiny"), tensor(files / "painting.png")
    start = encode_painting(model, read_picture(files / "painting.png").rgb)
    refiner = Refiner(model, start, painting, [tensor(files / "photo.png")], 20)
    for _ in zip(range(3), refiner):
        pass
    written = Style.load(files / "o.safetensors")
    torch.testing.assert_close(written.values, refiner.style.values, rtol=0, atol=0)


@pytest.mark.parametrize(
    "options, said",
    [
        (["--refine", 2, "--refine-layers", "8-12"], "--refine-layers has the layer 12, which does not exist"),
        (["--refine", 2, "--refine-layers", "colour:0.5"], "the weight 0.5, and here a layer is in or out"),
        (["--refine", 2, "--refine-layers", ""], "names none"),
        (["--refine-layers", "1"], "layers are for --refine STEPS"),
        (["--refine", 2, "--attribute", "night"], "one painting is refined: give one picture, no words"),
        (["--refine", 2, "--refine-on", "nowhere.png"], "there is no picture 'nowhere.png'"),
        (["--refine", 5000], "1000"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(files, options, said):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zmnet_core.cli.commands.load_model", lambda *_: pytest.fail("the model was loaded"))
        output = encode(files, *options, status=1 if "nowhere.png" in options else 2)
    assert said in output and not (files / "o.safetensors").exists()


def test_a_painting_that_is_too_small_is_refused_in_words(files, make_picture):
    to_pil(make_picture(40, 90, 1)[0]).save(files / "small.png")
    said = encode(files, "--refine", 2, "--refine-on", files / "photo.png", painting="small.png", status=1)
    assert "error: the painting is 90 × 40 px, too small to learn from: 64 at least." in said
    assert not (files / "o.safetensors").exists()


def test_a_style_file_is_no_painting(files):
    encode(files)
    said = encode(files, "--refine", 2, painting="o.safetensors", status=2)
    assert "no style file" in said
