"""Gram matrices (Eq. 1) and the objective (Eq. 2), with the sums written out in plain Python."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.pictures import halves
from zmnet_core.losses.perceptual import (
    BLOCKS,
    COLOURS,
    DIRECTIONS,
    LIGHT_AND_COLOUR,
    PALETTE,
    QUANTILES,
    LossConfig,
    PerceptualLoss,
    colour_directions,
    colour_error,
    colour_quantiles,
    compress,
    gram_and_moments_error,
    gram_error,
    gram_matrix,
    moments,
    moments_error,
    palette,
    palette_error,
    saturation_penalty,
    squared_distance,
    squared_norm,
)


class TinyFeatures(nn.Module):
    """φ small enough for sums by hand: relu1_2 is the picture, relu2_2 its first two channels halved."""

    def forward(self, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        return {name: image if name == "relu1_2" else 0.5 * image[:, :2] for name in layers}


def gram_by_hand(features: list[list[float]]) -> list[list[float]]:
    """G[i][j] = Σ_p Φ[i][p] Φ[j][p] / (C · P), Φ a list of C channels of P pixels."""
    size = len(features) * len(features[0])
    return [[sum(a * b for a, b in zip(one, other)) / size for other in features] for one in features]


def distance_by_hand(a: list[list[float]], b: list[list[float]]) -> float:
    return sum((p - q) ** 2 for row, other in zip(a, b) for p, q in zip(row, other))


def norm_by_hand(a: list[list[float]]) -> float:
    return distance_by_hand(a, [[0.0] * len(row) for row in a])


def channels(picture: Tensor, factor: float = 1.0, count: int = 3) -> list[list[float]]:
    return [[factor * value for value in channel] for channel in picture[:count].flatten(1).tolist()]


@pytest.fixture
def three() -> tuple[Tensor, Tensor, Tensor]:
    """Stylised, photograph and painting, two each, [2, 3, 2, 2]."""
    return tuple(torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2, 3))


def tiny_loss(kind: str) -> PerceptualLoss:
    config = LossConfig(kind, 7.0, 2.0, {"relu1_2": 1.0, "relu2_2": 0.25}, ("relu2_2",))
    return PerceptualLoss(TinyFeatures(), config)


def test_gram_matrix_is_equation_1_by_hand():
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])  # C = 2, H·W = 2, Z = 4
    torch.testing.assert_close(gram_matrix(features), torch.tensor([[[5.0, 1.0], [1.0, 10.0]]]) / 4)


def test_gram_matrix_of_a_constant_picture_is_its_square_over_the_channels():
    torch.testing.assert_close(gram_matrix(torch.full((2, 5, 6, 7), 3.0)), torch.full((2, 5, 5), 9.0 / 5))


def test_gram_matrix_does_not_know_where_things_are():
    features = torch.rand(1, 4, 6, 6)
    shuffled = features.flatten(2)[..., torch.randperm(36)].view_as(features)
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(features))


def test_gram_matrix_of_a_picture_twice_the_size_is_the_same():
    features = torch.rand(2, 4, 6, 6)
    torch.testing.assert_close(gram_matrix(features.repeat(1, 1, 2, 2)), gram_matrix(features))


def test_gram_matrix_is_symmetric_and_positive():
    gram = gram_matrix(torch.randn(1, 6, 5, 5))[0]
    torch.testing.assert_close(gram, gram.T)
    assert torch.linalg.eigvalsh(gram).min() > -1e-6


def test_moments_are_covariance_and_mean_by_hand():
    features = torch.tensor([[[[1.0, 3.0]], [[2.0, -2.0]]]])  # means 2 and 0; deviations ∓1 and ±2
    torch.testing.assert_close(moments(features), torch.tensor([[[1.0, -2.0, 2.0], [-2.0, 4.0, 0.0]]]))


def test_a_gram_matrix_is_covariance_and_mean_in_one():
    features = torch.rand(2, 5, 6, 7)
    both = moments(features)
    sigma, mu = both[..., :-1], both[..., -1:]
    torch.testing.assert_close(gram_matrix(features), (sigma + mu @ mu.mT) / 5)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("statistic", [gram_matrix, moments])
def test_statistics_do_not_depend_on_the_memory_format(statistic, memory_format):
    features = torch.rand(2, 8, 6, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(statistic(features.to(memory_format=memory_format)), statistic(features))


def test_error_of_moments_by_hand():
    wanted = torch.tensor([[[3.0, 0.0, 1.0], [0.0, 4.0, 2.0]]])  # ‖Σ_s‖² = 25, tr Σ_s = 7
    found = torch.tensor([[[3.0, 0.0, 1.0], [0.0, 1.0, 9.0]]])  # ‖ΔΣ‖² = 9, ‖Δμ‖² = 49
    assert moments_error(found, wanted).item() == pytest.approx(9 / 25 / 2 + 49 / 7)
    assert moments_error(wanted, wanted).item() == 0


def test_error_of_moments_sees_lost_contrast_that_a_gram_matrix_hardly_does():
    picture = 4 + torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    pale = (picture + 3 * picture.mean((2, 3), keepdim=True)) / 4  # a quarter of the contrast, the same mean
    assert gram_error(gram_matrix(pale), gram_matrix(picture)).item() < 1e-4
    assert moments_error(moments(pale), moments(picture)).item() == pytest.approx((15 / 16) ** 2 / 2, rel=1e-3)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_error_of_moments_does_not_depend_on_the_scale_of_the_features(factor):
    y, s = (factor * torch.rand(1, 4, 6, 6, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    base = [torch.rand(1, 4, 6, 6, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    expected = moments_error(*map(moments, base))
    torch.testing.assert_close(moments_error(moments(y), moments(s)), expected, rtol=1e-3, atol=0)


def test_a_painting_of_one_colour_has_a_finite_error_and_gradient():
    picture = torch.rand(1, 3, 8, 8, requires_grad=True)
    error = moments_error(moments(picture), moments(torch.full((1, 3, 8, 8), 0.5)))
    compress(error, 2.0).sum().backward()
    assert error.isfinite() and picture.grad.isfinite().all()


@pytest.mark.parametrize("statistic", ["gram", "moments"])
def test_scales_compare_means_of_blocks(random_vgg, make_picture, statistic):
    config = LossConfig(statistic=statistic, scales=(1, 2, 4), style_layers={"relu1_1": 1.0, "relu2_2": 3.0})
    loss, (stylised, contents, painting) = PerceptualLoss(random_vgg, config), make_picture(64, 64, 3, count=3).split(1)
    terms = loss(stylised, contents, loss.style_targets(painting))
    plain = PerceptualLoss(random_vgg, replace(config, scales=(1,)))
    weighted = 0.0
    for scale in (1, 2, 4):
        y, s = (F.avg_pool2d(picture, scale) for picture in (stylised, painting))
        small = plain(y, F.avg_pool2d(contents, scale), plain.style_targets(s)).style
        for layer, weight in (("relu1_1", 1.0), ("relu2_2", 3.0)):
            name = layer if scale == 1 else f"{layer}/{scale}"
            torch.testing.assert_close(terms.style[name], small[layer])
            weighted += weight * small[layer].item() / 12
    content = plain(stylised, contents, plain.style_targets(painting)).content
    torch.testing.assert_close(terms.content, content)  # of the full size alone
    assert terms.total.item() == pytest.approx(5 * weighted + content.item(), rel=1e-5)
    assert len(terms.style) == 6


def test_smaller_copies_see_what_is_large_and_not_what_is_fine(vgg):
    fine = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    large = F.interpolate(fine[..., :16, :16], (128, 128))  # the same noise in blocks of eight
    flat = torch.full((1, 3, 128, 128), 0.5)
    loss = PerceptualLoss(vgg, LossConfig(statistic="moments", scales=(1, 4), style_layers={"relu2_2": 1.0}))
    grain, blocks = (loss(flat, flat, loss.style_targets(painting)).style for painting in (fine, large))
    assert grain["relu2_2/4"] / grain["relu2_2"] < 2 * blocks["relu2_2/4"] / blocks["relu2_2"]
    found = loss(fine, flat, loss.style_targets(large)).style
    assert found["relu2_2/4"] > 0.3  # grain at full size does not pass for blocks


@pytest.mark.parametrize(
    "options, message",
    [
        ({"statistic": "histogram"}, "the statistic is one of gram, moments"),
        ({"kind": "paper", "statistic": "moments"}, "Eq. 2 as printed has Gram matrices at one scale"),
        ({"kind": "paper", "scales": (1, 2)}, "Eq. 2 as printed has Gram matrices at one scale"),
        ({"scales": (0,)}, "scales are whole numbers from 1 on"),
        ({"scales": ()}, "scales are whole numbers from 1 on"),
    ],
)
def test_losses_that_do_not_exist_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LossConfig(**options)


def test_squares_are_sums_over_one_picture_each():
    a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    assert squared_distance(a, b).tolist() == [5.0, 13.0]
    assert squared_norm(a).tolist() == [5.0, 25.0]


def test_paper_loss_is_equation_2_by_hand(three):
    stylised, photograph, painting = three
    loss = tiny_loss("paper")
    terms = loss(stylised, photograph, loss.style_targets(painting))
    totals = []
    for y, x, s in zip(stylised, photograph, painting):
        content = distance_by_hand(channels(y, 0.5, 2), channels(x, 0.5, 2)) / 8  # Z = 2 · 2 · 2
        first = distance_by_hand(gram_by_hand(channels(y)), gram_by_hand(channels(s)))
        second = distance_by_hand(gram_by_hand(channels(y, 0.5, 2)), gram_by_hand(channels(s, 0.5, 2)))
        totals.append(7.0 * (first + 0.25 * second) + 2.0 * content)
    assert terms.total.item() == pytest.approx(sum(totals) / 2, rel=1e-5)


def test_normalised_loss_divides_every_term_by_the_size_of_its_target(three):
    stylised, photograph, painting = three
    loss = tiny_loss("normalised")
    terms = loss(stylised, photograph, loss.style_targets(painting))
    totals = []
    for y, x, s in zip(stylised, photograph, painting):
        content = distance_by_hand(channels(y, 0.5, 2), channels(x, 0.5, 2)) / norm_by_hand(channels(x, 0.5, 2))
        style = []
        for factor, count in ((1.0, 3), (0.5, 2)):
            target = gram_by_hand(channels(s, factor, count))
            style.append(distance_by_hand(gram_by_hand(channels(y, factor, count)), target) / norm_by_hand(target))
        totals.append(7.0 * (style[0] + 0.25 * style[1]) / 1.25 + 2.0 * content)
    assert terms.total.item() == pytest.approx(sum(totals) / 2, rel=1e-5)


def test_compression_acts_on_the_objective_and_not_on_the_terms_that_are_reported(three):
    stylised, photograph, painting = three
    config = LossConfig("normalised", 7.0, 2.0, {"relu1_2": 1.0, "relu2_2": 0.25}, ("relu2_2",), compression=0.3)
    loss, plain = PerceptualLoss(TinyFeatures(), config), tiny_loss("normalised")
    targets = loss.style_targets(painting)
    terms, uncompressed = loss(stylised, photograph, targets), plain(stylised, photograph, targets)
    assert all(torch.equal(terms.style[layer], uncompressed.style[layer]) for layer in terms.style)
    totals = []
    for first, second, content in zip(terms.style["relu1_2"], terms.style["relu2_2"], terms.content):
        bounded = [0.3 * math.log(1 + float(error) / 0.3) for error in (first, second)]
        totals.append(7.0 * (bounded[0] + 0.25 * bounded[1]) / 1.25 + 2.0 * float(content))
    assert terms.total.item() == pytest.approx(sum(totals) / 2, rel=1e-5)


def test_compression_leaves_small_errors_and_bounds_the_gradient_of_large_ones():
    error = torch.tensor([1e-4, 1.0, 100.0], requires_grad=True)
    compressed = compress(error, 0.5)
    compressed.sum().backward()
    assert compressed[0].item() == pytest.approx(1e-4, rel=1e-3)
    assert error.grad.tolist() == pytest.approx([1 / (1 + e / 0.5) for e in (1e-4, 1.0, 100.0)], rel=1e-5)
    assert torch.equal(compress(error, 0.0), error)


def test_normalised_loss_does_not_depend_on_the_scale_of_the_features(three):
    stylised, photograph, painting = three
    loss = tiny_loss("normalised")
    plain = loss(stylised, photograph, loss.style_targets(painting))
    scaled = loss(30 * stylised, 30 * photograph, loss.style_targets(30 * painting))
    torch.testing.assert_close(scaled.total, plain.total)


@pytest.mark.parametrize("kind", ["paper", "normalised"])
def test_loss_of_a_picture_against_itself_is_zero(kind, random_vgg, make_picture):
    loss, picture = PerceptualLoss(random_vgg, LossConfig(kind)), make_picture(64, 64, 0, count=2)
    terms = loss(picture, picture, loss.style_targets(picture))
    assert terms.total.item() == pytest.approx(0, abs=1e-8)
    other = loss(make_picture(64, 64, 5, count=2), picture, loss.style_targets(picture))
    assert other.total.item() > 1e-3


@pytest.mark.parametrize("kind", ["paper", "normalised"])
def test_black_target_gives_a_finite_loss(kind, three):
    loss = tiny_loss(kind)
    terms = loss(three[0], torch.zeros(2, 3, 2, 2), loss.style_targets(torch.zeros(2, 3, 2, 2)))
    assert math.isfinite(terms.total.item())


@pytest.mark.parametrize("kind", ["paper", "normalised"])
def test_a_small_step_down_the_gradient_lowers_the_loss(kind, random_vgg, make_picture):
    loss = PerceptualLoss(random_vgg, LossConfig(kind))
    targets = loss.style_targets(make_picture(48, 48, 1))
    content = make_picture(48, 48, 2)
    y = make_picture(48, 48, 3).requires_grad_()
    before = loss(y, content, targets).total
    before.backward()
    after = loss((y - 0.1 * y.grad / y.grad.norm()).detach(), content, targets).total
    assert after < before


def test_losses_are_float32_under_bfloat16_autocast(random_vgg, make_picture):
    loss, picture = PerceptualLoss(random_vgg), make_picture(64, 64, 0)
    painting, content = make_picture(64, 64, 1), make_picture(64, 64, 2)
    exact = loss(picture, content, loss.style_targets(painting))
    with torch.autocast("cpu", torch.bfloat16):
        grams = loss.style_targets(painting)
        terms = loss(picture, content, grams)
    assert {t.dtype for t in (terms.total, terms.content, *terms.style.values(), *grams.values())} == {torch.float32}
    torch.testing.assert_close(terms.total, exact.total, rtol=0.1, atol=0.05)


def test_gram_matrix_is_not_rounded_by_autocast():
    features = torch.rand(1, 8, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        under = gram_matrix(features)
    assert torch.equal(under, gram_matrix(features))


def test_half_precision_features_do_not_overflow_in_the_gram_matrix():
    features = torch.full((1, 2, 64, 64), 200.0, dtype=torch.float16)  # Σ of squares is 1.6e8
    torch.testing.assert_close(gram_matrix(features), torch.full((1, 2, 2), 20_000.0))


def test_targets_carry_no_gradient(random_vgg, make_picture):
    loss, picture = PerceptualLoss(random_vgg), make_picture(32, 32, 0).requires_grad_()
    assert not any(gram.requires_grad for gram in loss.style_targets(picture).values())
    assert not any(target.requires_grad for target in loss.content_targets(picture).values())


def test_palette_of_two_halves_is_their_mean_and_half_difference_squared():
    found = palette(halves(0.2, 0.8))
    assert found.shape == (1, len(BLOCKS), 3, 4)
    torch.testing.assert_close(found[..., :3], torch.full((1, len(BLOCKS), 3, 3), 0.3**2))
    torch.testing.assert_close(found[..., 3], torch.full((1, len(BLOCKS), 3), 0.5))


def test_palette_does_not_see_grain_that_gram_matrices_take_for_contrast():
    flat, board = halves(0.5, 0.5), torch.tensor([[0.2, 0.8], [0.8, 0.2]]).repeat(32, 32).expand(1, 3, 64, 64)
    bold = halves(0.2, 0.8)
    torch.testing.assert_close(gram_matrix(board), gram_matrix(bold))  # the same pixels
    torch.testing.assert_close(palette(board), palette(flat))
    wanted = palette(bold)
    assert palette_error(palette(board), wanted).item() == pytest.approx(1.0, abs=1e-4)  # no contrast at all
    assert palette_error(wanted, wanted).item() == 0


def test_palette_error_by_hand():
    found, wanted = palette(halves(0.3, 0.9)), palette(halves(0.2, 0.8))  # the same contrast, 0.1 brighter
    assert palette_error(found, wanted).item() == pytest.approx(3 * 0.1**2 / (3 * 0.3**2 + 0.01), rel=1e-4)


def test_palette_hears_a_wrong_hue_as_well_as_a_wrong_brightness():
    axes = torch.tensor(LIGHT_AND_COLOUR)
    torch.testing.assert_close(axes @ axes.T, torch.diag(torch.tensor([1.0, 9.0, 9.0])), atol=1e-4, rtol=0)
    red = torch.tensor([0.08, -0.04, -0.04])
    tinted = halves(0.2, 0.8) + red[None, :, None, None] * torch.sign(halves(-1.0, 1.0))
    tilted = palette_error(palette(tinted), palette(halves(0.2, 0.8)))  # one half cyan, the other red
    assert tilted.item() > 10 * palette_error(palette(halves(0.2, 0.8) * 1.03), palette(halves(0.2, 0.8))).item()


def test_palette_error_against_one_colour_is_bounded_and_has_a_gradient():
    bold, paper = halves(0.1, 0.9).requires_grad_(), halves(0.5, 0.5)  # the same mean: only contrast is wrong
    error = palette_error(palette(bold), palette(paper))
    error.sum().backward()
    assert error.item() == pytest.approx(1.0, abs=1e-4)
    assert bold.grad.isfinite().all()
    assert palette_error(palette(paper), palette(paper)).item() == 0


def test_gram_and_moments_are_the_mean_of_both_errors():
    found, wanted = torch.randn(2, 6, 9, 9) + 1, torch.randn(2, 6, 9, 9)
    error = gram_and_moments_error(moments(found), moments(wanted))
    both = moments_error(moments(found), moments(wanted)), gram_error(gram_matrix(found), gram_matrix(wanted))
    torch.testing.assert_close(error, sum(both) / 2)


def test_quantiles_of_colours_are_those_of_a_gradient_whatever_its_size():
    directions = colour_directions()
    torch.testing.assert_close(directions.square().sum(1), torch.ones(DIRECTIONS))
    shares = (torch.arange(QUANTILES) + 0.5) / QUANTILES  # what lies between 0 and 1 evenly has these
    along = directions.sum(1, keepdim=True)  # grey
    expected = torch.where(along > 0, along * shares, along * shares.flip(0))
    for side in (256, 512):
        grey = ((torch.arange(side) + 0.5) / side).expand(1, 3, side, side)
        found = colour_quantiles(grey, directions)
        torch.testing.assert_close(found, expected[None], atol=2e-3, rtol=0)


def test_colour_error_is_the_square_of_the_shift_over_the_variance():
    directions = colour_directions()
    one, other = (colour_quantiles(halves(low, low + 0.6), directions) for low in (0.2, 0.3))
    along = directions.sum(1).square()
    expected = 0.1**2 * along.mean() / (0.3**2 * along.mean() + 0.003)
    torch.testing.assert_close(colour_error(other, one), expected[None], rtol=1e-4, atol=0)


def test_colour_error_sees_what_moments_do_not():
    """Two halves and a gradient of the same mean and variance."""
    two, even = halves(0.2, 0.8), torch.linspace(0.5 - 0.3 * 3**0.5, 0.5 + 0.3 * 3**0.5, 256).repeat(3, 256, 1)[None]
    torch.testing.assert_close(palette(even), palette(two), atol=1e-2, rtol=0)
    quantiles = [colour_quantiles(each, colour_directions()) for each in (two, even)]
    assert colour_error(*quantiles) > 0.05 and colour_error(quantiles[0], quantiles[0]) == 0


def test_colours_have_a_say_only_where_they_are_weighted(random_vgg, make_picture):
    images = [make_picture(64, 64, seed) for seed in (1, 2, 3)]
    plain, heard = (PerceptualLoss(random_vgg, LossConfig(colour_weight=weight)) for weight in (0.0, 0.4))
    assert COLOURS not in plain.style_targets(images[2])
    terms = [loss(*images[:2], loss.style_targets(images[2])) for loss in (plain, heard)]
    torch.testing.assert_close(terms[1].each - terms[0].each, 5.0 * 0.4 * terms[1].style[COLOURS])


def test_each_picture_has_a_content_weight_of_its_own(random_vgg, make_picture):
    loss, contents = PerceptualLoss(random_vgg, LossConfig(content_weight=2.0)), make_picture(64, 64, 2, count=2)
    targets = loss.style_targets(make_picture(64, 64, 3, count=2))
    plain = loss(contents.flip(-1), contents, targets)
    heard = loss(contents.flip(-1), contents, targets, faithful=torch.tensor([1.0, 3.0]))
    torch.testing.assert_close(heard.each - plain.each, torch.tensor([0.0, 4.0]) * plain.content)


def test_palette_has_a_say_only_where_it_is_weighted(random_vgg, make_picture):
    images = [make_picture(64, 64, seed) for seed in (1, 2, 3)]
    terms = {}
    for weight in (0.0, 0.4):
        loss = PerceptualLoss(random_vgg, LossConfig(palette_weight=weight))
        targets = loss.style_targets(images[2])
        assert (PALETTE in targets) == (weight > 0)
        terms[weight] = loss(images[0], images[1], targets)
    error = palette_error(palette(images[0]), palette(images[2]))
    torch.testing.assert_close(terms[0.4].style[PALETTE], error)
    torch.testing.assert_close(terms[0.4].each - terms[0.0].each, 5.0 * 0.4 * error)


def test_saturation_penalty_by_hand():
    logits = torch.tensor([0.0, 3.5, -3.5, 4.5, -5.5])
    assert saturation_penalty(logits).item() == pytest.approx((0 + 0 + 0 + 1 + 4) / 5)


def test_layers_are_read_shallow_first_and_once():
    config = LossConfig(style_layers={"relu4_3": 1.0, "relu1_2": 1.0}, content_layers=("relu3_3", "relu1_2"))
    assert config.layers == ("relu1_2", "relu3_3", "relu4_3")


def test_unknown_kind_of_loss_is_refused():
    with pytest.raises(ValueError, match="'paper' or 'normalised', not 'gatys'"):
        LossConfig("gatys")


def test_checkpointing_changes_no_gradient(random_vgg, make_picture):
    contents, paintings = make_picture(32, 32, 1), make_picture(32, 32, 2)
    gradients = []
    for checkpointing in (False, True):
        loss = PerceptualLoss(random_vgg, LossConfig(), checkpointing)
        image = make_picture(32, 32, 3).requires_grad_()
        loss(image, contents, loss.style_targets(paintings)).total.backward()
        gradients.append(image.grad)
    assert torch.equal(*gradients)
