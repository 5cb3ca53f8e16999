"""The experiment of Fig. 8-9 at a tiny size: its files, going on, and being stopped."""

import json

import pytest
import typer
from PIL import Image

from tests.conftest import told_model
from zmnet_core.errors import PictureError
from zmnet_core.evaluation.judge import Judge
from zmnet_core.images.picture import to_pil
from zmnet_core.reproduce.finetune import STARTS, finetune, reaches, spread
from zmnet_core.styling import refine


@pytest.fixture
def options(tmp_path, random_vgg, random_vgg_file, make_picture, monkeypatch) -> dict:
    """What makes the experiment small: a tiny model, three paintings, steps on one photograph."""
    monkeypatch.setenv("ZMNET_VGG", str(random_vgg_file))
    monkeypatch.setattr(refine, "bundled", lambda: [make_picture(64, 64, 5)])
    told_model(random_vgg).save_pretrained(tmp_path / "tiny")
    for folder, count in (("styles/train", 2), ("styles/val", 3), ("content/val", 2)):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for number in range(count):
            to_pil(make_picture(72, 72, seed=10 * count + number)[0]).save(tmp_path / "data" / folder / f"{number}.png")
    return {
        "output_dir": tmp_path / "out", "model": str(tmp_path / "tiny"), "data": tmp_path / "data", "paintings": 1,
        "photographs": 1, "known": 2, "steps": 5, "size": 64, "starts": ",".join(STARTS),
    }  # fmt: skip


def test_it_writes_a_page_with_its_numbers_and_pictures(options, capsys):
    finetune(**options)
    out = options["output_dir"]
    page = (out / "finetune.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == page.strip()
    parts = json.loads((out / "finetune.json").read_text())["parts"]
    assert [part["start"] for part in parts] == list(STARTS)
    for part in parts:
        assert [mark["steps"] for mark in part["marks"]] == [0, 1, 5]
        assert part["marks"][-1]["loss"] < part["marks"][0]["loss"]
        assert f"{part['marks'][-1]['loss']:.3f}" in page
    losses = {part["start"]: part["marks"][0]["loss"] for part in parts}
    assert len(set(losses.values())) == 3
    for name in ("finetune.jpg", "curve.png"):
        with Image.open(out / name) as picture:
            assert name in page and min(picture.size) > 300


@pytest.mark.slow
def test_what_is_done_is_not_done_again(options, capsys):
    finetune(**options)
    out = options["output_dir"]
    files = sorted((out / "parts").glob("*.json"))
    before = {file: file.stat().st_mtime_ns for file in files}
    first = (out / "finetune.json").read_text()
    files[0].unlink()
    finetune(**options)
    assert {file for file in files if file.stat().st_mtime_ns != before[file]} == {files[0]}
    assert (out / "finetune.json").read_text() == first
    finetune(**{**options, "steps": 1})  # other settings: nothing of before is taken for theirs
    assert all(file.stat().st_mtime_ns != before[file] for file in files)


def test_stopped_it_keeps_what_is_done_and_goes_on(options, monkeypatch, capsys):
    calls, judge = [], Judge.__call__

    def stopping(self, *given):
        calls.append(given)
        if len(calls) == 5:  # in the second of the parts, each of which is looked at three times
            raise KeyboardInterrupt
        return judge(self, *given)

    monkeypatch.setattr(Judge, "__call__", stopping)
    with pytest.raises(typer.Exit) as ended:
        finetune(**options)
    assert ended.value.exit_code == 130 and "the same command goes on" in capsys.readouterr().err
    out = options["output_dir"]
    assert [file.suffix for file in sorted((out / "parts").iterdir())] == [".json", ".safetensors"]
    assert not (out / "finetune.json").exists()
    finetune(**options)
    assert len(calls) == 5 + 2 * 3 and (out / "finetune.md").is_file()


def test_what_it_cannot_do_is_said_in_words(options):
    with pytest.raises(typer.BadParameter, match="'zero' is none of zero-shot, mean, other"):
        finetune(**{**options, "starts": "zero"})
    with pytest.raises(PictureError, match="has 3 pictures, and 6 are needed: ask for fewer"):
        finetune(**{**options, "paintings": 5})
    assert not options["output_dir"].exists()


def test_pictures_are_spread_over_a_folder(options):
    found = spread(options["data"] / "styles/val", 2)
    assert [file.name for file in found] == ["0.png", "1.png"]


def test_when_a_curve_reaches_a_goal():
    curve = [(0, 4.0), (1, 3.0), (5, 2.0)]
    assert reaches(curve, 3.5) == "1" and reaches(curve, 4) == "0" and reaches(curve, 1) == "not in 5"
