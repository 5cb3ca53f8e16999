"""The paper's tables and figures at tiny budgets: what they write, that they go on where they were stopped, what they
refuse."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import typer

from zmnet_core.data.pictures import Pictures
from zmnet_core.errors import DataNotFoundError, TrainingError
from zmnet_core.evaluation.baselines.cin import CIN
from zmnet_core.images.picture import read_picture, to_pil
from zmnet_core.losses.perceptual import PerceptualLoss
from zmnet_core.reproduce.capacity import BUDGETS, capacity
from zmnet_core.reproduce.table1 import table1
from zmnet_core.reproduce.zeroshot import zeroshot
from zmnet_core.training import contest, experiments
from zmnet_core.training.contest import CIN_, ZM_NET, Data, Entrant, Stopped, config_of, drawn, losses
from zmnet_core.training.objective import Objective
from zmnet_core.training.style_bank import StyleBank


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_picture) -> Path:
    """Photographs and paintings, 64 px."""
    folder = tmp_path_factory.mktemp("data")
    for seed, place in enumerate(["content/train", "content/val", "styles/train", "styles/val"] * 4):
        path = folder / place / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        to_pil(make_picture(64, 72, seed)[0]).save(path)
    return folder


@pytest.fixture(autouse=True)
def _vgg(random_vgg_file, monkeypatch):
    monkeypatch.setenv("ZMNET_VGG", str(random_vgg_file))


def no_training(*_, **__):
    raise AssertionError("what is done is trained again")


def check_page(folder: Path, name: str) -> dict:
    """The numbers of a page whose files are there."""
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith("# ") and "**The paper:**" in text and "**Here:**" in text and f"]({name}.jpg)" in text
    assert 1_000 < (folder / f"{name}.jpg").stat().st_size <= experiments.MOST
    assert min(read_picture(folder / f"{name}.jpg").size) > 100
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["results"]


@pytest.mark.slow
def test_capacity_trains_four_and_its_page_says_so(tmp_path, data, monkeypatch, capsys):
    options = dict(output_dir=tmp_path, data=data, steps=2, few=2, many=3, width=4, pairs=2)
    capacity(**options)
    found = check_page(tmp_path, "capacity")
    assert list(found) == ["CIN 2", "ZM-Net 2", "CIN 3", "ZM-Net 3"]
    assert all(len(each["training"]) == 2 and each["test"]["total"]["median"] > 0 for each in found.values())
    assert len(CIN.from_pretrained(tmp_path / "cin-3")) == 3
    text = (tmp_path / "capacity.md").read_text(encoding="utf-8")
    monkeypatch.setattr(contest, "train", no_training)
    (tmp_path / "capacity.md").unlink()
    capacity(**options)
    assert (tmp_path / "capacity.md").read_text(encoding="utf-8") == text
    with pytest.raises(TrainingError, match=r"holds capacity with steps 2 \(now 3\): go on with the same options, or"):
        capacity(**options | {"steps": 3})


@pytest.mark.slow
def test_zeroshot_trains_on_more_and_more_styles_and_networks_of_one(tmp_path, data, monkeypatch):
    options = dict(output_dir=tmp_path, data=data, steps=2, many=3, networks=1, width=4, pairs=2)
    zeroshot(**options)
    found = check_page(tmp_path, "zeroshot")
    assert list(found) == ["ZM-Net 1", "ZM-Net 3", "concatenation 3", "FST"]
    assert {part for each in list(found.values())[:-1] for part in each} == {"seen", "unseen", "beside FST"}
    monkeypatch.setattr(contest, "train", no_training)
    zeroshot(**options)


@pytest.mark.slow
def test_table1_times_all_and_sets_the_papers_figures_beside_them(tmp_path, monkeypatch):
    options = dict(output_dir=tmp_path, steps=2, size=64, repeat=1, model="zmnet-mini")
    table1(**options)
    found = check_page(tmp_path, "table1")
    seconds = found["cpu"]["seconds"]
    assert set(seconds) == {"a new style", "a known style", "OST, L-BFGS", "FST, training"}
    assert all(value > 0 for value in seconds.values()) and seconds["a new style"] > seconds["a known style"]
    assert "15.860 |        417.37" in (tmp_path / "table1.md").read_text(encoding="utf-8")
    monkeypatch.setattr(contest, "train", no_training)
    table1(**options)


def config_for(data: Path, steps: int):
    return config_of(Data.of(data), 64, 64, steps, 2, 2, 4, "conv", 4, 0)


def test_a_training_that_is_stopped_goes_on_to_the_same_bits(tmp_path, data, monkeypatch):
    entrant = Entrant(CIN_, Data.of(data).paintings[:3])
    whole = entrant.trained(config_for(data, 4), tmp_path / "whole").state_dict()
    step, done = Objective.__call__, []

    def stopped(self, *given):
        done.append(0)
        if len(done) == 2:
            signal.raise_signal(signal.SIGINT)
        return step(self, *given)

    monkeypatch.setattr(Objective, "__call__", stopped)
    with pytest.raises(Stopped):
        entrant.trained(config_for(data, 4), tmp_path / "stopped")
    found = entrant.trained(config_for(data, 4), tmp_path / "stopped").state_dict()
    assert len(done) == 1 + 4  # none twice; before the first one the terms of the loss were weighed
    assert all(torch.equal(tensor, whole[name]) for name, tensor in found.items())


def test_an_experiment_that_is_stopped_says_how_it_goes_on(tmp_path, capsys):
    with pytest.raises(typer.Exit) as end, experiments.going_on(tmp_path):
        raise Stopped
    assert end.value.exit_code == 130 and "the same command goes on with it" in capsys.readouterr().err


def test_entrants_have_the_same_options_but_for_the_list(data):
    a, b = (config_for(data, 4) for _ in range(2))
    assert a == b and a.identity_steps == a.identity_every == 0
    files = Data.of(data).paintings
    assert drawn(files, 2, 0, "paintings") == drawn(files, 4, 0, "paintings")[:2]
    assert drawn(files, 4, 0, "paintings") != drawn(files, 4, 3, "paintings")


def test_the_loss_on_its_way_is_the_mean_of_each_part(tmp_path):
    lines = [{"step": step, "loss": float(step)} for step in range(1, 8)] + [{"step": 7, "val_total": 1.0}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert losses(tmp_path, 3) == [(2, 1.5), (4, 3.5), (7, 6.0)]
    assert len(losses(tmp_path, 10)) == 7


def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, data):
    place = tmp_path / "out"
    with pytest.raises(DataNotFoundError, match=r"160 paintings \(styles/train\) are needed, and there are 4"):
        capacity(place, data=data)
    with pytest.raises(DataNotFoundError, match=r"20 photographs \(content/val\) are needed, and there are 4"):
        zeroshot(place, data=data, many=3)
    with pytest.raises(TrainingError, match="--budget 'papre' does not exist: choose one of small, paper. Did"):
        capacity(place, budget="papre", data=data)
    with pytest.raises(TrainingError, match="--steps 0 is too small"):
        zeroshot(place, data=data, steps=0)
    with pytest.raises(typer.BadParameter, match="32 px is too small"):
        table1(place, size=32)
    assert not place.exists()
    place.write_text("")
    with pytest.raises(TrainingError, match="is a file: name a folder"):
        capacity(place, data=data, many=3, few=2, pairs=2)


def test_the_papers_budget_has_the_papers_numbers():
    paper = BUDGETS[experiments.PAPER]
    assert (paper.few, paper.many, paper.steps, paper.batch, paper.styles) == (10, 20_938, 160_000, 4, 1)
    small = BUDGETS[experiments.SMALL]  # each of the many styles is seen as often as in the paper
    seen, theirs = (each.steps * each.styles / each.many for each in (small, paper))
    assert seen == pytest.approx(theirs, rel=0.05)
    assert replace(small, steps=1) == experiments.budget_of(BUDGETS, "small", steps=1)


def test_a_table_needs_photographs_that_are_not_their_own_style(data, tmp_path):
    entrant = Entrant(CIN_, Data.of(data).paintings)
    with pytest.raises(TrainingError, match="a table of styles has no row for photographs"):
        entrant.trained(replace(config_for(data, 4), identity_steps=1), tmp_path / "run")


def test_one_painting_alone_gives_a_model_that_paints(data, tmp_path, make_picture):
    """The spread of its features is that of nothing."""
    config = replace(config_for(data, 2), pnet="vgg", pnet_width=8, styles_per_batch=1)
    model = Entrant(ZM_NET, Data.of(data).paintings[:1]).trained(config, tmp_path / "run")
    assert model.apply(make_picture(64, 64, 1), model.encode_style(make_picture(64, 64, 2))).isfinite().all()


def test_a_painting_is_looked_at_as_in_training(data, model, random_vgg):
    """At another side, or resized in another way, a PNet sees other strokes, and was never taught what they mean."""
    files, perceptual = Data.of(data).paintings, PerceptualLoss(random_vgg)
    bank = StyleBank(Pictures(files, (64, 64)), model.pnet, perceptual, (64, 64), 1, 0)
    found = Entrant(ZM_NET, files).style(model, files[2], 64).values
    torch.testing.assert_close(found, model.pnet(bank.look(2, 0).features), rtol=0, atol=0)
