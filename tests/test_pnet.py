"""The parameter networks: not blind, not chained where they should not be, and near a plain norm at the start."""

import copy

import pytest
import torch
from torch import Tensor

from zmnet_core.networks.pnet import IMAGE_KINDS, PNet, StyleHeads, VGGPNet, build_pnet, mean_and_std, trainable
from zmnet_core.networks.tnet import din_sites
from zmnet_core.networks.vgg import VGG16

SITES = din_sites(8)


def untrained(kind: str, vgg: VGG16, calibration: Tensor) -> PNet:
    """A PNet as a training run starts with it; a `vgg` one calibrated on these paintings."""
    torch.manual_seed(0)
    pnet = build_pnet(kind, SITES, width=16, **({"vgg_width": vgg.width} if kind == "vgg" else {}))
    if isinstance(pnet, VGGPNet):
        pnet.vgg.load_state_dict(
            {name: weight for name, weight in vgg.state_dict().items() if name in pnet.vgg.state_dict()}
        )
        pnet.calibrate(pnet.features(calibration))
    return pnet


def styles(pnet: PNet, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        return pnet(pnet.features(pictures))


def by_site(values: Tensor) -> dict[str, Tensor]:
    """[N, 2, ΣC] → {site: [N, 2, C]}."""
    return dict(zip((site.name for site in SITES), values.split([site.channels for site in SITES], 2)))


@pytest.fixture(scope="module", params=IMAGE_KINDS)
def pnet(request, random_vgg, make_picture) -> PNet:
    calibration = torch.cat([make_picture(48, 48, seed) for seed in range(8)])
    return untrained(request.param, random_vgg, calibration)


def test_two_paintings_give_different_gammas_and_betas_at_every_site(pnet, make_picture):
    values = styles(pnet, torch.cat([make_picture(64, 64, 11), make_picture(64, 64, 12)]))
    for name, site in by_site(values).items():
        for row, letter in enumerate("γβ"):
            assert (site[0, row] - site[1, row]).abs().max() > 1e-4, f"{letter} at {name}"


def test_style_starts_close_to_a_plain_instance_norm(pnet, make_picture):
    values = styles(pnet, torch.cat([make_picture(64, 64, seed) for seed in range(4)]))
    assert values.shape == (4, 2, sum(site.channels for site in SITES))
    assert (values[:, 0] - 1).abs().median() < 0.1 and (values[:, 0] - 1).abs().max() < 1
    assert values[:, 1].abs().median() < 0.1 and values[:, 1].abs().max() < 1


def test_paintings_of_a_batch_do_not_see_each_other(pnet, make_picture):
    pictures = torch.cat([make_picture(48, 56, seed) for seed in range(3)])
    together = styles(pnet, pictures)
    for i in range(3):
        torch.testing.assert_close(styles(pnet, pictures[i : i + 1])[0], together[i], rtol=1e-4, atol=1e-4)


def test_gradients_reach_every_trainable_parameter(pnet, make_picture):
    features = pnet.features(make_picture(48, 48, 0, count=2))
    # The branches of residual layers start at zero; move them, or what lies before them gets none.
    twin = copy.deepcopy(pnet)
    for parameter in trainable(twin):
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    twin(features).square().sum().backward()
    for name, parameter in twin.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
        else:
            assert name.startswith("vgg.") and parameter.grad is None, name


@pytest.mark.slow
@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_two_crops_of_a_painting_are_nearer_than_two_paintings(kind, vgg, paintings):
    pnet = untrained(kind, vgg, paintings)
    first, second = styles(pnet, paintings[..., :128, :128]), styles(pnet, paintings[..., 64:, 64:])
    spread = torch.cat((first, second)).std(0).clamp_min(1e-6)

    def distances(a: Tensor, b: Tensor) -> Tensor:
        return ((a - b) / spread).square().flatten(1).mean(1).sqrt()

    same = distances(first, second).median()
    other = torch.cat([distances(first, second.roll(shift, 0)) for shift in range(1, len(paintings))]).median()
    assert same < 0.8 * other


@pytest.mark.slow
def test_real_paintings_differ_at_every_site_with_real_vgg_features(vgg, paintings):
    values = styles(untrained("vgg", vgg, paintings), paintings[:2])
    for name, site in by_site(values).items():
        difference = (site[0] - site[1]).abs().mean(1)
        assert difference.min() > 1e-2, name


def test_a_pnet_is_told_how_boldly_to_paint(make_picture):
    plain, told = (build_pnet("vgg", SITES, width=16, bold=bold) for bold in (False, True))
    told.load_state_dict(plain.state_dict(), strict=False)
    pictures = make_picture(64, 64, 1, count=2)
    features = plain.features(pictures)
    for bold in (None, torch.tensor([0.0, 1.0])):  # nothing has been learned yet
        torch.testing.assert_close(told(features, bold), plain(features))
    torch.nn.init.normal_(told.bold.weight)
    values = [told(features, torch.full((2,), bold)) for bold in (0.0, 0.5, 1.0)]
    torch.testing.assert_close(values[1], told(features))
    assert all((value - values[1]).abs().max() > 1e-3 for value in values[::2])
    mixed = told(features, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(mixed, torch.stack((values[0][0], values[2][1])))
    with pytest.raises(TypeError, match="cannot be told"):
        plain(features, torch.ones(2))


def dependencies(pnet: PNet, stages: torch.nn.ModuleList, layer: int, picture: Tensor) -> list[bool]:
    """Which stages the γ of one DIN layer (1..9) depends on."""
    start = sum(site.channels for site in SITES if site.layer < layer)
    size = sum(site.channels for site in SITES if site.layer == layer)
    leaves = [next(p for p in stage.parameters() if p.requires_grad) for stage in stages]
    gamma = pnet(pnet.features(picture))[:, 0, start : start + size]
    gradients = torch.autograd.grad(gamma.square().sum(), leaves, allow_unused=True)
    return [gradient is not None and bool(gradient.abs().max() > 0) for gradient in gradients]


def test_parallel_branches_do_not_see_each_other(make_picture):
    pnet = build_pnet("conv-parallel", SITES, width=8)
    for layer in range(1, 10):
        depends = dependencies(pnet, pnet.branches, layer, make_picture(32, 32, 0))
        assert depends == [branch == layer for branch in range(1, 10)]


def test_serial_layers_see_all_before_them_and_none_after(make_picture):
    pnet = build_pnet("conv", SITES, width=8)
    for block in pnet.layers[3:8]:
        torch.nn.init.normal_(block.conv2.weight, std=0.1)  # zero at the start: no gradient behind it
    for layer in range(1, 10):
        depends = dependencies(pnet, pnet.layers, layer, make_picture(32, 32, 0))
        assert depends == [stage <= layer for stage in range(1, 10)]


def test_means_and_deviations_are_over_space_by_hand():
    features = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]], [[2.0, 2.0], [2.0, 2.0]]]])
    torch.testing.assert_close(mean_and_std(features), torch.tensor([[4.0, 2.0, 5**0.5, 1e-3]]))


def test_means_and_deviations_are_float32_where_float16_would_overflow():
    pooled = mean_and_std(torch.tensor([[[[60_000.0, -60_000.0]]]], dtype=torch.float16))
    torch.testing.assert_close(pooled, torch.tensor([[0.0, 60_000.0]]), rtol=1e-3, atol=1)


def test_heads_are_equations_4_and_5_by_hand():
    heads = StyleHeads(SITES, [3] * 9)
    psis = [torch.rand(2, 3) for _ in range(9)]
    values, start = heads(psis), 0
    for layer, psi in enumerate(psis):
        size = heads.gamma[layer].out_features
        for row, head in enumerate((heads.gamma[layer], heads.beta[layer])):
            expected = psi @ head.weight.T + head.bias
            torch.testing.assert_close(values[:, row, start : start + size], expected)
        start += size
    assert start == values.shape[2]


def test_heads_refuse_a_wrong_number_of_vectors():
    with pytest.raises(ValueError, match="8 vectors ψ for 9 DIN layers"):
        StyleHeads(SITES, [3] * 8)


def test_calibrated_features_have_mean_0_and_deviation_1(random_vgg, make_picture):
    pictures = torch.cat([make_picture(48, 48, seed) for seed in range(6)])
    pnet = untrained("vgg", random_vgg, pictures)
    normalised = (pnet.features(pictures) - pnet.offset) / pnet.spread
    torch.testing.assert_close(normalised.mean(0), torch.zeros(normalised.shape[1]), rtol=0, atol=1e-3)
    assert normalised.std(0).max() < 1.001
    assert normalised.std(0).median() == pytest.approx(1, abs=1e-3)


def test_vgg_inside_a_pnet_is_not_trained():
    pnet = build_pnet("vgg", SITES)
    inside = {id(parameter) for parameter in pnet.vgg.parameters()}
    assert inside and not any(id(parameter) in inside for parameter in trainable(pnet))


@pytest.mark.parametrize("kind", IMAGE_KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_pnet_gives_float32_styles(kind, dtype, random_vgg, make_picture):
    picture = make_picture(32, 32, 0)
    pnet = untrained(kind, random_vgg, torch.cat([make_picture(32, 32, seed) for seed in range(6)]))
    expected = styles(pnet, picture)
    values = styles(pnet.to(dtype), picture.to(dtype))
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, expected, rtol=0, atol=0.1)


def test_unknown_kind_is_refused_with_the_list():
    with pytest.raises(ValueError, match="no PNet of kind 'rnn'; choose one of conv, conv-parallel, vgg"):
        build_pnet("rnn", SITES)
