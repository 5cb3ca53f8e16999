"""The evaluation: what is measured once, what is kept between runs, which pairs count at a size."""

import json

import pytest
import torch
from PIL import Image

from tests.conftest import data_at
from zmnet_core.assets import PAIRS
from zmnet_core.errors import PictureError, WrongModelError
from zmnet_core.evaluation import methods as evaluation
from zmnet_core.evaluation import report as evaluation_report
from zmnet_core.evaluation.baselines.ost import OSTConfig
from zmnet_core.evaluation.cache import KeptPictures, ScoreCache
from zmnet_core.evaluation.comparison import Comparison
from zmnet_core.evaluation.figures import palette_distance
from zmnet_core.evaluation.judge import Judge, Score
from zmnet_core.evaluation.methods import (
    Result,
    Row,
    evaluate,
    large_enough,
    load_square,
    noise,
    ost_row,
    plain_rows,
    read_pairs,
    timed,
)
from zmnet_core.images.picture import to_pil
from zmnet_core.losses.perceptual import LossConfig
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import stylize_tensor


@pytest.fixture
def pairs(tmp_path, make_picture):
    files = []
    for seed in range(4):
        files.append(tmp_path / f"{seed}.png")
        to_pil(make_picture(72, 64, seed)[0]).save(files[-1])
    return [(files[0], files[1]), (files[2], files[3])]


class Counted:
    """A method that counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, content, painting):
        self.calls += 1
        return (content + painting) / 2


def test_figures_are_made_once_whatever_the_judges(pairs, random_vgg, monkeypatch):
    scenes = []

    class Scene(evaluation.Scene):
        def __call__(self, *arguments):
            scenes.append(1)
            return super().__call__(*arguments)

    monkeypatch.setattr(evaluation, "Scene", Scene)
    judges = {"one": Judge(random_vgg), "two": Judge(random_vgg)}
    result = evaluate(plain_rows(), judges, pairs, 64)
    assert len(scenes) == 4  # two rows of two pairs
    assert len(result.figures["photograph"]) == 2 and result.scores["one"] == result.scores["two"]
    assert result.figures["photograph"][0].seconds >= 0


def test_kept_scores_save_the_method_and_new_judges_look_again(pairs, random_vgg, tmp_path):
    method, cache = Counted(), ScoreCache(tmp_path / "cache")
    rows, judge = [Row("mean", method, "mean of both")], Judge(random_vgg)
    first = evaluate(rows, {"one": judge}, pairs, 64, cache, pictures=0)
    again = evaluate(rows, {"one": judge}, pairs, 64, cache, pictures=0)
    assert method.calls == 2 and again.scores == first.scores
    for old, new in zip(first.figures["mean"], again.figures["mean"]):
        assert new.palette == old.palette and new.seconds == pytest.approx(old.seconds, rel=0.05)  # two digits
    both = evaluate(rows, {"one": judge, "two": judge}, pairs, 64, cache, pictures=0)
    assert method.calls == 4 and both.scores["two"] == first.scores["one"]
    evaluate(rows, {"one": judge}, pairs, 64, cache, pictures=1)  # a picture of the first is wanted
    assert method.calls == 5
    next((tmp_path / "cache" / "scores").iterdir()).write_text('{"scores": {"x": {"content": 1}}}')
    evaluate(rows, {"one": judge}, pairs, 64, cache, pictures=0)
    assert method.calls == 6  # a file of another form counts as nothing


def test_a_picture_from_disk_has_no_time_and_leaves_the_first_one(make_picture, tmp_path):
    kept = KeptPictures(Counted(), tmp_path, "key")
    content, painting = make_picture(64, 64, 0), make_picture(64, 64, 1)
    first, seconds = timed(kept, content, painting)
    again, none = timed(kept, content, painting)
    assert seconds >= 0 and none is None and torch.equal(first, again)


def test_optimisation_over_the_pyramid_is_kept_under_another_name(random_vgg, tmp_path):
    rows = [ost_row(random_vgg, 1, tmp_path, OSTConfig(2, loss=LossConfig(scales=s))) for s in ((1,), (1, 2, 4))]
    assert rows[0].key != rows[1].key


def test_pairs_whose_pictures_would_be_enlarged_are_told(pairs, tmp_path, make_picture):
    large = tmp_path / "large.png"
    to_pil(make_picture(128, 130, 9)[0]).save(large)
    pairs = [*pairs, (large, large), (large, pairs[0][0])]
    assert large_enough(pairs, 64) == pairs and large_enough(pairs, 72) == pairs  # by an eighth only
    assert large_enough(pairs, 80) == [(large, large)] and large_enough(pairs, 256) == []
    with pytest.raises(PictureError, match="large.png' is not a picture that Pillow can read"):
        large.write_text("no picture")
        large_enough(pairs, 64)


def test_the_lists_that_ship_are_pairs_and_none_comes_twice():
    for name, photographs, paintings in (("pairs-512.tsv", 54, 55), ("pairs-styleid.tsv", 20, 40)):
        lines = (PAIRS.parent / name).read_text().splitlines()
        found = [tuple(line.split("\t")) for line in lines if not line.startswith("#")]
        assert len(found) == len(set(found)) == 100
        assert [len(set(column)) for column in zip(*found)] == [photographs, paintings]


def test_pairs_of_512_px_are_as_large_as_they_say(data512):
    pairs = read_pairs(data512, PAIRS.parent / "pairs-512.tsv")
    assert all(min(Image.open(file).size) >= 512 for pair in pairs for file in pair)


@pytest.fixture
def data512():
    return data_at("data512")


def test_noise_of_the_photograph_is_what_came_in(pairs):
    found = noise(plain_rows()[:1], [pairs[0][1], pairs[1][1]])
    assert [gain.gain for gain in found["photograph"]] == pytest.approx([1, 1], rel=0.02)
    assert "gain" in evaluation_report.noise_text(found)
    assert evaluation_report.noise_report(found)["summary"]["photograph"]["gain"]["median"] == pytest.approx(
        1, rel=0.02
    )


# The whole of it -------------------------------------------------------------------------------


@pytest.fixture
def run(pairs, model, random_vgg_file, monkeypatch, tmp_path):
    """A comparison with a judge of random weights and without Magenta; what it says, and its folder."""

    def run(first=None, **options):
        monkeypatch.setenv("ZMNET_VGG", str(random_vgg_file))
        monkeypatch.setattr("zmnet_core.evaluation.comparison.magenta_rows", list)
        list_file = tmp_path / "pairs.tsv"
        list_file.write_text("".join(f"{a}\t{b}\n" for a, b in pairs))
        options = {"judges": ["vgg16"], "ost": 0, "gap": False, "noise": 0, "sizes": [64]} | options
        comparison = Comparison(tmp_path / "cache", list_file, data=tmp_path, **options)
        models = {"zm-net": first or model, "twin": model}
        return "\n".join(comparison.run(models, tmp_path / "out", {})), tmp_path / "out"

    return run


@pytest.mark.slow
def test_sizes_beyond_the_pictures_are_left_out_unless_they_may_be_enlarged(run):
    said, folder = run(sizes=[64, 96], limit=1)
    assert "96 px: none of the 2 pairs" in said and "--enlarge" in said and "1 pairs, 64 px" in said
    assert list(json.loads((folder / "evaluation.json").read_text())["sizes"]) == ["64"]
    said, folder = run(sizes=[64, 96], limit=1, enlarge=True)
    assert "none of" not in said
    assert list(json.loads((folder / "evaluation.json").read_text())["sizes"]) == ["64", "96"]
    with pytest.raises(PictureError, match="no pair are large enough"):
        run(sizes=[96])


@pytest.mark.slow
def test_the_report_has_every_column_and_the_json_every_figure(run):
    said, folder = run()
    assert "left out: MicroAST, WCT-16x" in said
    for column in ("content4", "half", "quarter", "palette", "contrast16", "flat", "rim", "total", "seconds"):
        assert f" {column}" in said
    size = json.loads((folder / "evaluation.json").read_text())["sizes"]["64"]
    assert {"content4", "style_half", "relu1_2"} <= size["vgg16"]["scores"]["zm-net"][0].keys()
    assert {"palette", "contrast16", "flat", "rim", "seconds"} == size["figures"]["zm-net"][0].keys()
    medians = size["vgg16"]["summary"]["zm-net"]
    assert medians["palette"]["median"] > 0 and medians["total"]["median"] > 0


def test_the_short_table_has_quartiles_of_the_first_judge_and_medians_of_the_others():
    def scores(*totals):
        return [Score(*[total / 10] * 6, total / 5, 0, 0, total) for total in totals]

    rows = {
        "Magenta": scores(1, 2, 3),
        "zm-net": scores(2, 4, 6),
        "zm-net, one pass": scores(1, 1, 1),
        "OST": scores(1),
    }
    judged = {"vgg16": rows, "vgg19": {name: each[::-1] for name, each in rows.items()}}
    whole, first = evaluation_report.brief(Result(list(rows), judged, {}), 64, "zmnet-base").split("\n\n")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in whole.splitlines()]
    assert cells[0] == ["3 pairs, 64 px", "content", "style (q1-q3)", "total (q1-q3)", "vgg19: style, total"]
    assert [name for name, *_ in cells[2:]] == ["Magenta", "zmnet-base", "zmnet-base, one pass"]
    assert cells[3][1:] == ["0.40", "0.80 (0.60-1.00)", "4.00 (3.00-5.00)", "0.80, 4.00"]
    lines = first.splitlines()
    assert len(lines) == 6 and lines[0].startswith("| 1 pairs, 64 px") and "| OST " in lines[-1]
    assert "2.00 (2.00-2.00)" in lines[3]  # of the first pair alone


@pytest.mark.slow
def test_in_brief_only_the_tables_are_said_and_the_folder_has_the_whole_report(run):
    said, folder = run(brief=True)
    assert said.splitlines()[0].startswith("| 2 pairs, 64 px ") and len(said.splitlines()) == 6
    report = (folder / "evaluation.txt").read_text()
    assert "left out: MicroAST" in report and "contrast16" in report


@pytest.mark.slow
def test_a_model_has_rows_for_its_knobs_and_for_one_pass(run, told, pairs):
    said, folder = run(first=told, bold=[0, 1], palette=[0.5])
    size = json.loads((folder / "evaluation.json").read_text())["sizes"]["64"]
    rows = ["zm-net", "zm-net, one pass", "zm-net, bold 0", "zm-net, bold 1", "zm-net, palette 0.5", "twin"]
    assert list(size["figures"])[-len(rows) :] == rows and all(row in said for row in rows)
    for row, options in (("zm-net, bold 1", {"bold": 1.0}), ("zm-net, one pass", {"draft": 0})):
        draft = options.pop("draft", None)
        photograph, painting = (load_square(file, 64) for file in pairs[0])
        picture = told.apply(photograph, told.encode_style(painting, **options), draft=draft)
        assert size["figures"][row][0]["palette"] == pytest.approx(palette_distance(picture, painting), rel=1e-4)
    moved = stylize_tensor(told, photograph, told.encode_style(painting), Look(palette=0.5))
    expected = pytest.approx(palette_distance(moved, painting), rel=1e-4)
    assert size["figures"]["zm-net, palette 0.5"][0]["palette"] == expected
    with pytest.raises(WrongModelError, match="cannot be told"):
        run(bold=[0.5, 1])


@pytest.mark.slow
def test_blind_sheets_show_the_models_and_not_the_photograph_again(run):
    said, folder = run(blind=2)
    assert "blind-key.json" in said
    key = json.loads((folder / "blind-key.json").read_text())
    assert [sorted(letters.values()) for letters in key.values()] == [["twin", "zm-net"]] * 2
    assert len(list((folder / "blind").iterdir())) == 2
