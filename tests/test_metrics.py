"""Scores by the networks: what must be nothing, and what must agree with the definition."""

import pytest
import torch
import torch.nn.functional as F

from zmnet_core.evaluation.figures import Figures
from zmnet_core.evaluation.judge import Judge, summarise
from zmnet_core.losses.perceptual import gram_matrix
from zmnet_core.networks.vgg19 import VGG19


@pytest.fixture
def judge(random_vgg):
    return Judge(random_vgg)


def test_identical_pictures_have_no_error_at_any_scale(judge, make_picture):
    picture = make_picture(64, 64, 1)
    score = judge(picture, judge.pair(picture, picture))
    assert (score.content, score.content4, score.style, score.style_half, score.style_quarter) == (0,) * 5
    assert score.total == 0


def test_style_at_half_and_quarter_is_that_of_smaller_copies(judge, make_picture):
    content, painting, picture = (make_picture(128, 128, seed) for seed in range(3))
    whole = judge(picture, judge.pair(content, painting))
    for scale, found in ((2, whole.style_half), (4, whole.style_quarter)):
        small = [F.avg_pool2d(each, scale) for each in (content, painting, picture)]
        assert judge(small[2], judge.pair(*small[:2])).style == pytest.approx(found, rel=1e-4)


def test_errors_are_relative_to_their_targets(judge, random_vgg, make_picture):
    content, painting, picture = (make_picture(64, 64, seed) for seed in range(3))
    score = judge(picture, judge.pair(content, painting))
    x, s, y = (random_vgg(each, ("relu3_3", "relu4_2", "relu4_3")) for each in (content, painting, picture))
    for layer, found in (("relu3_3", score.content), ("relu4_2", score.content4)):
        assert found == pytest.approx(float((y[layer] - x[layer]).square().sum() / x[layer].square().sum()), rel=1e-4)
    wanted = gram_matrix(s["relu4_3"])
    expected = float((gram_matrix(y["relu4_3"]) - wanted).square().sum() / wanted.square().sum())
    assert score.relu4_3 == pytest.approx(expected, rel=1e-4)
    assert score.total == pytest.approx(score.content + 5 * score.style)


def test_vgg19_judges_by_the_same_layers(make_picture):
    torch.manual_seed(0)
    judge = Judge(VGG19())
    content, painting = make_picture(64, 64, 0), make_picture(64, 64, 1)
    assert judge(content, judge.pair(content, painting)).content4 == 0


def test_summary_is_of_the_pairs_that_have_a_figure():
    rows = [Figures(palette, 1.0, flat, None) for palette, flat in ((0.1, None), (0.2, 0.5), (0.6, 0.7))]
    summary = summarise(rows)
    assert summary["palette"] == pytest.approx({"median": 0.2, "q1": 0.15, "q3": 0.4})
    assert summary["flat"]["median"] == pytest.approx(0.6)
    assert summary["rim"] == {"median": None, "q1": None, "q3": None}
