"""`zmnet optimise`: a picture by optimisation, with the eyes of a bundled model and nothing else."""

import signal

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import told_model
from tests.test_cli import PAINTING, PHOTO, pixels, zmnet
from zmnet_core.errors import PictureError, WrongModelError
from zmnet_core.evaluation import optimise as optimising
from zmnet_core.evaluation.baselines.ost import OST, OSTConfig
from zmnet_core.evaluation.optimise import Optimising, check_size, memory_for, optimise
from zmnet_core.images.picture import to_picture, to_pil, to_tensor
from zmnet_core.losses.perceptual import PerceptualLoss
from zmnet_core.model import ZMNet
from zmnet_core.styling.refine import loss_of


@pytest.fixture
def seeing(random_vgg):
    return told_model(random_vgg)


@pytest.fixture
def photograph(make_picture):
    return to_picture(to_pil(make_picture(72, 96, 5)[0]))


@pytest.fixture
def painting(make_picture):
    return to_pil(make_picture(80, 80, 3)[0])


def terms_between(model, picture, photograph, painting):
    eyes = model.pnet.vgg
    loss = PerceptualLoss(eyes, loss_of(eyes.last))
    pictures = (to_tensor(image)[None] for image in (picture.rgb, photograph.rgb))
    return loss(*pictures, loss.style_targets(to_tensor(painting)[None]))


def loss_between(*of):
    return float(terms_between(*of).total)


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
@pytest.mark.parametrize("start", ["model", "photograph"])
def test_the_loss_falls_from_either_start(seeing, photograph, painting, optimiser, start):
    losses = []
    how = Optimising(steps=12, optimiser=optimiser, start=start, style_size=80)
    result = optimise(seeing, photograph, painting, how=how, report=losses.append)
    assert len(losses) == 12 and result.rgb.size == (96, 72)
    begin = photograph
    if start == "model":
        begin = to_picture(seeing.stylize(photograph.rgb, painting))
    before, after = (loss_between(seeing, each, photograph, painting) for each in (begin, result))
    assert after < 0.9 * before


def test_bolder_keeps_less_of_the_photograph(seeing, photograph, painting):
    faithful, bold = (
        optimise(seeing, photograph, painting, how=Optimising(steps=16, bold=bold, start="photograph")).rgb
        for bold in (0.0, 1.0)
    )
    near, far = (terms_between(seeing, to_picture(image), photograph, painting) for image in (faithful, bold))
    assert near.content < 0.8 * far.content


def test_stopped_it_gives_the_best_so_far(seeing, photograph, painting):
    losses = []
    result = optimise(
        seeing, photograph, painting, how=Optimising(steps=40), report=losses.append, stop=lambda: len(losses) == 30
    )
    assert len(losses) == 30
    start = to_picture(seeing.stylize(photograph.rgb, painting))
    assert loss_between(seeing, result, photograph, painting) < loss_between(seeing, start, photograph, painting)


@pytest.mark.slow
def test_lbfgs_ends_below_adam_in_as_many_steps(vgg, paintings, photographs):
    """With the real VGG-16: random weights have other valleys."""
    content, painting = photographs[:1, :, :64, :64], paintings[:1, :, :64, :64]
    least = {}
    for optimiser in ("lbfgs", "adam"):
        ost = OST(vgg, OSTConfig(steps=40, optimiser=optimiser))
        least[optimiser] = float(ost.loss(ost(content, painting), content, painting))
    assert least["lbfgs"] < least["adam"]


def test_lbfgs_is_as_good_as_adam_at_its_end_in_fewer_steps(random_vgg, make_picture):
    seen = {}
    for optimiser in ("lbfgs", "adam"):
        seen[optimiser] = losses = []
        OST(random_vgg, OSTConfig(steps=40, optimiser=optimiser), losses.append)(
            make_picture(48, 64, 1), make_picture(40, 40, 2)
        )
    assert next(at for at, loss in enumerate(seen["lbfgs"]) if loss <= seen["adam"][-1]) < 39


def test_pictures_of_a_batch_do_not_see_each_other_with_lbfgs(random_vgg, make_picture):
    contents, paintings = make_picture(32, 32, 3, 2), make_picture(32, 32, 4, 2)
    ost = OST(random_vgg, OSTConfig(steps=6, optimiser="lbfgs"))
    together = ost(contents, paintings)
    alone = torch.cat([ost(contents[i : i + 1], paintings[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, alone, rtol=0, atol=0)
    assert 0 <= together.min() and together.max() <= 1


def test_what_cannot_be_is_refused_in_words(seeing, photograph, painting, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="optimiser is 'sgd': adam or lbfgs is expected"):
        Optimising(optimiser="sgd")
    with pytest.raises(ValueError, match="start is 'noise': model or photograph"):
        Optimising(start="noise")
    with pytest.raises(ValueError, match="bold is 2"):
        Optimising(bold=2)
    with pytest.raises(PictureError, match="painting is 80 × 40 px, too small"):
        optimise(seeing, photograph, painting.resize((80, 40)))
    with pytest.raises(PictureError, match="67 × 50 px, too small to optimise: 64"):
        optimise(seeing, photograph, painting, size=50)
    blind = ZMNet({"width": 8}, {"kind": "conv", "width": 8})
    with pytest.raises(WrongModelError, match="no VGG-16"):
        optimise(blind, photograph, painting)
    monkeypatch.setattr(optimising, "free_memory", lambda device: memory_for(seeing, 400, 300))
    assert check_size(seeing, 390, 300)
    with pytest.raises(PictureError, match=r"takes about .* GiB of memory, and .* free: --size 270 would do"):
        check_size(seeing, 800, 600)


# The command -----------------------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path):
    """A cut-out that lies on its side, with a name in it."""
    path = tmp_path / "in" / "cat.png"
    path.parent.mkdir()
    image = Image.open(PHOTO).resize((96, 72)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((96, 72)))
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "somebody"
    image.save(path, exif=exif)
    return path


def test_the_command_keeps_what_stylize_keeps(photo, tmp_path):
    files = [tmp_path / f"{name}.png" for name in ("optimised", "stylised")]
    said = zmnet("optimise", photo, "--style", PAINTING, "-o", files[0], "--steps", 4, "-m", "mini")
    assert "72 × 96 px, 4 steps: about" in said and str(files[0]) in said
    zmnet("stylize", photo, "--style", PAINTING, "-o", files[1], "-m", "mini")
    optimised, stylised = map(Image.open, files)
    assert optimised.mode == stylised.mode == "RGBA" and optimised.size == stylised.size == (72, 96)
    assert np.array_equal(np.asarray(optimised)[..., 3], np.asarray(stylised)[..., 3])
    assert optimised.getexif().get(0x013B) == stylised.getexif().get(0x013B) == "somebody"
    assert optimised.getexif().get(0x0112) == stylised.getexif().get(0x0112)
    assert np.abs(pixels(files[0]) - pixels(files[1])).mean() > 1


def test_a_ctrl_c_keeps_what_is_reached(photo, tmp_path, monkeypatch):
    look, done = OST._look, []

    def interrupted(self, *given):
        done.append(0)
        if len(done) == 5:
            signal.raise_signal(signal.SIGINT)
        return look(self, *given)

    monkeypatch.setattr(OST, "_look", interrupted)
    out = tmp_path / "out.png"
    said = zmnet("optimise", photo, "--style", PAINTING, "-o", out, "--steps", 60, "-m", "mini")
    assert "stopped after 5 of 60 steps: what is reached is written." in said
    assert Image.open(out).size == (72, 96)


@pytest.mark.parametrize(
    "options, said, status",
    [
        (["--optimiser", "lbgfs"], "'lbgfs' does not exist. Did you mean 'lbfgs'?", 2),
        (["--start", "noise"], "'noise' does not exist. There are model, photograph.", 2),
        (["--size", "40"], "too small to optimise: 64 px at least", 1),
        (["--style", "x.safetensors"], "is a style file, and holds no painting", 1),
        (["--style", "nothing.jpg"], "there is no picture 'nothing.jpg'", 1),
        (["-o", "out.xyz"], "ends in", 1),
    ],
)
def test_the_command_refuses_what_cannot_be_and_writes_nothing(photo, tmp_path, monkeypatch, options, said, status):
    monkeypatch.chdir(tmp_path)
    usual = {"--style": PAINTING, "-o": "out.png", "-m": "mini"} | dict([options])
    found = zmnet("optimise", photo, *(part for pair in usual.items() for part in pair), status=status)
    assert said in found.replace("│ │ ", "")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_neither_the_photograph_nor_a_clip_is_overwritten_or_taken(photo, tmp_path):
    before = photo.read_bytes()
    assert "would overwrite" in zmnet("optimise", photo, "--style", PAINTING, "-o", photo, status=1)
    assert photo.read_bytes() == before
    said = zmnet("optimise", tmp_path / "a.mp4", "--style", PAINTING, "-o", tmp_path / "b.png", status=1)
    assert "is a clip: photographs are optimised" in said
