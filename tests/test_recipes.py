"""The paper's recipe parses to the paper's numbers, and a λ that lets one term of the loss vanish is warned of."""

import logging
import math
import runpy
from dataclasses import asdict, fields, replace

import pytest
import torch

from tests.processes import ROOT
from tests.test_training import forget_accelerate, make_config, training_environment  # noqa: F401
from zmnet_core.losses.perceptual import CONTENT_LAYERS, STYLE_LAYERS, LossConfig, PerceptualLoss
from zmnet_core.model import ZMNet
from zmnet_core.networks.pnet import ConvPNet
from zmnet_core.training.balance import LEAST, Balance, balance_of, what_vanishes
from zmnet_core.training.config import TrainingConfig, parse
from zmnet_core.training.objective import Objective
from zmnet_core.training.optimisation import MovingAverage, Update, learning_rate, make_optimizer
from zmnet_core.training.records import make_accelerator
from zmnet_core.training.style_bank import StyleTargets
from zmnet_core.training.trainer import build_model, train, unfreeze

CONFIGS = sorted((ROOT / "train/configs").glob("*.yaml"))
PAPER = {"paper-40k": 40_000, "paper-160k": 160_000}


def recipe(name: str) -> TrainingConfig:
    return parse(["--config", str(ROOT / f"train/configs/{name}.yaml")])


@pytest.mark.parametrize("name, steps", PAPER.items())
def test_the_papers_recipe_has_the_papers_numbers(name, steps):
    config = recipe(name)
    assert (config.train_batch_size, config.styles_per_batch, config.max_train_steps) == (4, 1, steps)
    assert (config.resolution, config.style_resolution, config.pnet) == (256, 256, "conv")
    assert config.loss_config() == LossConfig(
        "paper", config.style_weight, 1.0, dict.fromkeys(STYLE_LAYERS, 1.0), CONTENT_LAYERS
    )
    assert [learning_rate(config, step) for step in (0, 39_999)] == [1e-3, 1e-3]
    falls = [learning_rate(config, step) for step in (40_000, 80_000, 120_000, 159_999)]
    assert falls == pytest.approx([1e-4, 1e-5, 1e-6, 1e-6])


def test_both_lengths_of_it_are_one_recipe():
    one, other = (asdict(recipe(name)) for name in PAPER)
    assert [name for name in one if one[name] != other[name]] == ["max_train_steps"]


@pytest.mark.parametrize("name", PAPER)
def test_nothing_of_ours_is_in_the_papers_recipe(name, random_vgg):
    """Whatever option is added here later: at its value in the recipe the loss is Eq. 2 alone, and Adam is plain."""
    config = recipe(name)
    model = build_model(replace(config, tnet_width=8, pnet_width=8), random_vgg)
    assert isinstance(model.pnet, ConvPNet) and model.reviser is None
    optimizer = make_optimizer(model, config)
    for group in optimizer.param_groups:
        assert (group["betas"], group["weight_decay"], group["scale"]) == ((0.9, 0.999), 0.0, 1.0)
    perceptual = PerceptualLoss(random_vgg, config.loss_config())
    contents, painting = torch.rand(4, 3, 64, 64), torch.rand(1, 3, 64, 64)
    targets = StyleTargets(painting, perceptual.style_targets(painting))
    objective = Objective(config, perceptual)
    loss, _ = objective(model, contents, targets, torch.tensor(0.0), objective.draw(contents, 0, 0))
    image = model(contents, painting.expand(4, -1, -1, -1)).image
    assert loss.item() == pytest.approx(perceptual(image, contents, targets.repeated(4).style).total.item(), rel=1e-5)
    assert (config.identity_steps, config.identity_every, config.ema_decay, config.max_grad_norm) == (0, 0, 0, 0)
    assert config.init_from is config.teacher is None


def test_what_could_be_an_addition_stands_in_the_file():
    """So that the recipe stays what it is when a default changes."""
    text = (ROOT / "train/configs/paper-40k.yaml").read_text(encoding="utf-8")
    weights = {field.name for field in fields(TrainingConfig) if field.name.endswith("_weight")}
    elsewhere = {"teacher_weight", "pixel_weight", "draft_weight", "grid_weight"}  # of a teacher, identity, a reviser
    for name in {*weights, "compression", "ema_decay", "max_grad_norm", "weight_decay", "adam_beta2"} - elsewhere:
        assert f"\n{name}: " in text, name


def test_without_clipping_gradients_reach_adam_as_they_are(model):
    forget_accelerate()
    unfreeze(model)
    accelerator, config = make_accelerator(TrainingConfig()), TrainingConfig(adam_beta2=0.999)
    average = MovingAverage(model, 0.0)
    _, optimizer = accelerator.prepare(model, make_optimizer(model, config))
    update = Update(accelerator, model, optimizer, average, 0.0)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    size = math.sqrt(sum(parameter.numel() for parameter in model.parameters()))
    assert float(update(1e-3)) == pytest.approx(3.0 * size, rel=1e-4)
    for state in update.optimizer.state.values():
        torch.testing.assert_close(state["exp_avg"], torch.full_like(state["exp_avg"], 0.3))
        torch.testing.assert_close(state["exp_avg_sq"], torch.full_like(state["exp_avg_sq"], 9e-3))
    for parameter, averaged in zip(model.parameters(), average.module.parameters()):
        torch.testing.assert_close(parameter, averaged)  # a decay of 0: the average is the weights themselves


# The balance of the terms ----------------------------------------------------------------------


def test_balance_by_hand():
    picture = torch.tensor([[1.0, 2.0]], requires_grad=True)
    terms = type("Terms", (), {})()
    terms.weighted_style, terms.weighted_content = 5 * picture.square().sum(1), 0.1 * picture.sum(1)
    found = balance_of(terms, picture)
    assert found.style == pytest.approx(math.sqrt(10**2 + 20**2)) and found.content == pytest.approx(0.1 * math.sqrt(2))
    assert found.style_weight(5.0) * found.style / 5.0 == pytest.approx(found.content)
    terms.weighted_content = torch.zeros(1)
    assert balance_of(terms, picture).content == 0


@pytest.mark.parametrize(
    "style, content, vanishes",
    [(1, 1, False), (1, 0.9 * LEAST, True), (0.9 * LEAST, 1, True), (1, 1.1 * LEAST, False), (1, 0, False)]
    + [(math.nan, 1, False), (math.inf, 1, False)],
)
def test_a_term_vanishes_below_a_ten_thousandth_of_the_other(style, content, vanishes):
    assert Balance(style, content).vanishes == vanishes


@pytest.mark.usefixtures("training_environment")
@pytest.mark.parametrize("weak, factor", [("content term", 1e6), ("style terms", 1e-6)])
def test_a_lambda_that_lets_a_term_vanish_is_warned_of_with_what_to_set(
    make_config,  # noqa: F811
    random_vgg,
    tmp_path,
    caplog,
    weak,
    factor,
):
    def warned(name: str, **options: object) -> list[str]:
        forget_accelerate()
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            train(make_config(tmp_path / name, max_train_steps=1, validation_pairs=1, loss="paper", **options))
        return [text for text in caplog.messages if "hardly be learned" in text]

    (text,) = warned("far", style_weight=0.01 * factor)
    assert text.startswith(f"the {weak} will hardly be learned: at the first step the gradient is ")
    assert f"--loss paper --style_weight {0.01 * factor:g} --content_weight 1" in text
    wanted = float(text.split("With --style_weight ")[1].split(" ")[0])
    assert warned("near", style_weight=wanted) == []


@pytest.mark.usefixtures("training_environment")
def test_what_is_off_on_purpose_is_not_warned_of(make_config, tmp_path, caplog):  # noqa: F811
    with caplog.at_level(logging.WARNING):
        for name, options in {
            "content": {"style_weight": 0.0},
            "style": {"content_weight": 0.0},
            "neither": {"style_weight": 0.0, "content_weight": 0.0, "identity_every": 1},
        }.items():
            forget_accelerate()
            train(make_config(tmp_path / name, max_train_steps=1, validation_pairs=1, **options))
    assert not [text for text in caplog.messages if "hardly be learned" in text]


@pytest.mark.slow
@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_no_set_that_ships_lets_a_term_vanish(file, vgg, photographs, paintings):
    """With the real loss network and, of its default λ under Eq. 2, that it would be seen."""
    config = replace(recipe(file.stem), tnet_width=16, pnet_width=16 if recipe(file.stem).pnet == "conv" else 0)
    model = ZMNet(*config.networks()) if config.pnet == "conv" else build_model(replace(config, init_from=None), vgg)
    perceptual = PerceptualLoss(vgg, config.loss_config())

    def look_at(loss):
        def step(some: slice) -> None:
            painting, photograph = paintings[some], photographs[some]
            with torch.no_grad():
                image = model(photograph, model.pnet.features(painting), *[torch.ones(1)] * config.pnet_bold).image
            loss(image.requires_grad_(), photograph, loss.style_targets(painting))

        return step

    if config.loss_config().style_layers:
        assert what_vanishes(config, perceptual, look_at(perceptual)) is None
    if file.stem in PAPER:
        off = replace(config, style_weight=TrainingConfig().style_weight)
        loss = PerceptualLoss(vgg, off.loss_config())
        text = what_vanishes(off, loss, look_at(loss))
        assert text is not None and text.startswith("the content term will hardly be learned")


def test_the_script_measures_both_terms(picture_folder, random_vgg_file, monkeypatch, capsys):
    monkeypatch.setenv("ZMNET_VGG", str(random_vgg_file))
    weigh = runpy.run_path(str(ROOT / "train/weigh_terms.py"))["weigh"]
    weigh(str(picture_folder), str(picture_folder), pairs=2, resolution=64)
    head, _, row = capsys.readouterr().out.splitlines()
    cells = dict(zip((cell.strip() for cell in head.split("|")[1:-1]), (cell.strip() for cell in row.split("|")[1:-1])))
    assert cells["network"] == "untrained"
    assert float(cells["λ_s"]) == pytest.approx(1 / float(cells["gradients"]), rel=0.1)
