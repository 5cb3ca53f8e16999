"""Optimisation-based transfer: where it must stay, where it must move, and that pictures do not see each other."""

import pytest
import torch

from zmnet_core.evaluation.baselines.ost import OST, OSTConfig
from zmnet_core.losses.perceptual import STYLE_LAYERS, LossConfig


@pytest.fixture
def pair(make_picture):
    return make_picture(48, 64, 1), make_picture(40, 40, 2)


def test_loss_falls_and_pixels_stay_in_range(random_vgg, pair):
    steps = []
    ost = OST(random_vgg, OSTConfig(steps=12), steps.append)
    stylised = ost(*pair)
    assert stylised.shape == pair[0].shape and 0 <= stylised.min() and stylised.max() <= 1
    assert ost.loss(stylised, *pair) < 0.7 * ost.loss(pair[0], *pair)
    assert len(steps) == 12


def test_coarse_steps_come_first_and_help(random_vgg, pair):
    plain, coarse = (OST(random_vgg, OSTConfig(steps=3, coarse_steps=n)) for n in (0, 12))
    assert coarse(*pair).shape == pair[0].shape
    assert coarse.loss(coarse(*pair), *pair) < plain.loss(plain(*pair), *pair)


def test_without_style_the_photograph_stays(random_vgg, pair):
    ost = OST(random_vgg, OSTConfig(steps=5, loss=LossConfig(style_weight=0.0)))
    torch.testing.assert_close(ost(*pair), pair[0], atol=1e-6, rtol=0)


def test_a_photograph_in_its_own_style_stays_near(random_vgg, pair):
    ost = OST(random_vgg, OSTConfig(steps=5))
    assert ost.loss(ost(pair[0], pair[0]), pair[0], pair[0]) < 0.02 * ost.loss(pair[0], *pair)


def test_pictures_of_a_batch_do_not_see_each_other(random_vgg, make_picture):
    contents, paintings = make_picture(32, 32, 3, 2), make_picture(32, 32, 4, 2)
    ost = OST(random_vgg, OSTConfig(steps=3, tv_weight=1.0))
    together = ost(contents, paintings)
    alone = torch.cat([ost(contents[i : i + 1], paintings[i : i + 1]) for i in range(2)])
    assert (together - alone).abs().mean() < 1e-3  # Adam divides by the gradient: where it is tiny, rounding shows
    losses = (ost.loss(pictures, contents, paintings) for pictures in (together, alone))
    torch.testing.assert_close(*losses, rtol=1e-2, atol=0)


def test_the_same_call_gives_the_same_bits(random_vgg, pair):
    ost = OST(random_vgg, OSTConfig(steps=3, bfloat16=True))
    assert torch.equal(ost(*pair), ost(*pair))


def test_works_where_gradients_are_switched_off(random_vgg, pair):
    ost = OST(random_vgg, OSTConfig(steps=2))
    with torch.no_grad():
        assert not torch.equal(ost(*pair), pair[0])


def test_what_adam_made_is_known_by_the_name_that_it_had_before_there_was_another_optimiser():
    """Kept pictures and expansions that were begun go by it."""
    plain = "start='photograph', tv_weight=0.0, bfloat16=False, loss=LossConfig("
    assert repr(OSTConfig(steps=7)).startswith(f"OSTConfig(steps=7, coarse_steps=0, learning_rate=0.03, {plain}")
    assert "optimiser='lbfgs'" in repr(OSTConfig(optimiser="lbfgs"))
    assert list(OSTConfig().described()) == [
        "steps", "coarse_steps", "learning_rate", "start", "tv_weight", "bfloat16", "loss",
    ]  # fmt: skip


def test_unknown_optimiser_is_refused():
    with pytest.raises(ValueError, match="optimiser is adam or lbfgs, not 'sgd'"):
        OSTConfig(optimiser="sgd")


def test_unknown_start_is_refused():
    with pytest.raises(ValueError, match="starts from photograph or colour transfer, not from 'noise'"):
        OSTConfig(start="noise")


def test_loss_of_each_picture_is_the_training_loss_of_that_picture_alone(random_vgg, make_picture):
    pictures, contents, paintings = (make_picture(32, 32, seed, 2) for seed in (5, 6, 7))
    ost = OST(random_vgg, OSTConfig(loss=LossConfig(style_layers=dict.fromkeys(STYLE_LAYERS, 2.0))))
    for i in range(2):
        alone = slice(i, i + 1)
        terms = ost.perceptual(pictures[alone], contents[alone], ost.perceptual.style_targets(paintings[alone]))
        torch.testing.assert_close(ost.loss(pictures, contents, paintings)[i], terms.total)
