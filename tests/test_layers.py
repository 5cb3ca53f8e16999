"""Dynamic instance normalisation (Eq. 3) against sums written out by hand and against PyTorch's own."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zmnet_core.networks.layers import DIN, EPS, Conv, PictureConv, UpsampleConv, plain_norm


def assert_same_with_gradients(conv: nn.Module, x: torch.Tensor, plain: torch.Tensor) -> None:
    """conv(x) is `plain`, which was made of x and conv.weight, and so are its gradients."""
    torch.testing.assert_close(conv(x), plain)
    probe = torch.rand_like(plain)
    fast = torch.autograd.grad((conv(x) * probe).sum(), [x, conv.weight])
    slow = torch.autograd.grad((plain * probe).sum(), [x, conv.weight])
    torch.testing.assert_close(fast, slow)


def activations(*shape: int, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 2


def gammas_and_betas(n: int, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    return 1 + 0.5 * activations(n, channels, seed=1), activations(n, channels, seed=2)


def test_din_is_equation_3_by_hand():
    x = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]], [[0.0, 0.0], [0.0, 4.0]]]])
    y = DIN(torch.tensor([[2.0, -1.0]]), torch.tensor([[0.5, 10.0]]))(x)
    for channel, gamma, beta in ((0, 2.0, 0.5), (1, -1.0, 10.0)):
        pixels = x[0, channel].flatten().tolist()
        mu = sum(pixels) / 4
        sigma = math.sqrt(sum((p - mu) ** 2 for p in pixels) / 4 + EPS)
        expected = [gamma * (p - mu) / sigma + beta for p in pixels]
        assert y[0, channel].flatten().tolist() == pytest.approx(expected, abs=1e-5)


def test_gamma_one_and_beta_zero_is_plain_instance_norm():
    x = activations(3, 5, 9, 7)
    torch.testing.assert_close(DIN(torch.ones(3, 5), torch.zeros(3, 5))(x), F.instance_norm(x, eps=EPS))


def test_one_style_for_all_pictures_is_conditional_instance_norm():
    x, (gamma, beta) = activations(4, 6, 8, 8), gammas_and_betas(1, 6)
    affine = nn.InstanceNorm2d(6, eps=EPS, affine=True)
    affine.load_state_dict({"weight": gamma[0], "bias": beta[0]})
    torch.testing.assert_close(DIN(gamma, beta)(x), affine(x))


def test_every_picture_gets_its_own_style():
    x, (gamma, beta) = activations(3, 4, 6, 5), gammas_and_betas(3, 4)
    expected = gamma[..., None, None] * F.instance_norm(x, eps=EPS) + beta[..., None, None]
    torch.testing.assert_close(DIN(gamma, beta)(x), expected)


def test_sites_take_their_channels_in_order():
    gamma, beta = gammas_and_betas(2, 7)
    first, second = activations(2, 3, 8, 8), activations(2, 4, 4, 4, seed=5)
    din = DIN(gamma, beta)
    torch.testing.assert_close(din(first), DIN(gamma[:, :3], beta[:, :3])(first))
    torch.testing.assert_close(din(second), DIN(gamma[:, 3:], beta[:, 3:])(second))


def test_gradients_are_those_of_instance_norm():
    inputs = [activations(2, 3, 5, 5), *gammas_and_betas(2, 3)]
    pull = activations(2, 3, 5, 5, seed=9)

    def gradients(norm):
        leaves = [t.clone().requires_grad_() for t in inputs]
        return torch.autograd.grad((norm(*leaves) * pull).sum(), leaves)

    ours = gradients(lambda x, g, b: DIN(g, b)(x))
    theirs = gradients(lambda x, g, b: g[..., None, None] * F.instance_norm(x, eps=EPS) + b[..., None, None])
    for mine, reference in zip(ours, theirs):
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-4)


def test_training_does_not_magnify_the_gradient_of_a_flat_plane_and_leaves_that_of_others():
    x, (gamma, beta) = activations(1, 3, 8, 8), gammas_and_betas(1, 3)
    x[0, 1] = 0.7
    pull = activations(1, 3, 8, 8, seed=9)

    def gradients(watch):
        leaves = [t.clone().requires_grad_() for t in (x, gamma, beta)]
        return torch.autograd.grad((DIN(*leaves[1:], watch=watch)(leaves[0]) * pull).sum(), leaves)

    (plain, *of_style), (trained, *of_style_trained) = gradients(False), gradients(True)
    assert plain[0, 1].abs().max() > 100 * plain[0, 0].abs().max(), "no plane to be held down"
    assert trained[0, 1].abs().max() < 1e-3
    torch.testing.assert_close(trained[0, ::2], plain[0, ::2], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(of_style_trained, of_style)


def test_pictures_of_a_batch_do_not_see_each_other():
    x, (gamma, beta) = activations(3, 4, 6, 6), gammas_and_betas(3, 4)
    together = DIN(gamma, beta)(x)
    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], DIN(gamma[i : i + 1], beta[i : i + 1])(x[i : i + 1]))
    changed = x.clone()
    changed[0] = 100 * changed[0] - 7
    assert torch.equal(DIN(gamma, beta)(changed)[1:], together[1:])


def test_statistics_are_mean_and_inverse_deviation():
    x = activations(2, 3, 6, 7)
    din = DIN(*gammas_and_betas(2, 3))
    din(x)
    var, mean = torch.var_mean(x, (2, 3), correction=0)
    torch.testing.assert_close(din.statistics, torch.stack((mean, (var + EPS).rsqrt()), 1))


def test_frozen_statistics_of_the_picture_itself_change_nothing():
    x, (gamma, beta) = activations(3, 4, 9, 8), gammas_and_betas(3, 4)
    own = DIN(gamma, beta)
    expected = own(x)
    torch.testing.assert_close(DIN(gamma, beta, frozen=own.statistics)(x), expected)


def test_crop_with_the_statistics_of_the_whole_is_the_crop_of_the_result():
    x, (gamma, beta) = activations(2, 4, 16, 16), gammas_and_betas(1, 4)
    whole = DIN(gamma, beta)
    expected = whole(x)[..., 3:11, 5:9]
    crop = x[..., 3:11, 5:9]
    torch.testing.assert_close(DIN(gamma, beta, frozen=whole.statistics)(crop), expected)
    assert not torch.allclose(DIN(gamma, beta)(crop), expected, atol=0.1), "its own statistics would do as well"


def test_statistics_of_one_picture_serve_a_batch():
    x, (gamma, beta) = activations(3, 4, 8, 8), gammas_and_betas(1, 4)
    first = DIN(gamma, beta)
    expected = first(x[:1])
    batch = DIN(gamma, beta, frozen=first.statistics)(x[:1].expand(3, -1, -1, -1))
    torch.testing.assert_close(batch, expected.expand(3, -1, -1, -1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("frozen", [False, True])
def test_half_precision_activations_of_20000_do_not_overflow(dtype, frozen):
    x = (20_000 * torch.sign(activations(2, 3, 8, 8) - 2) + 300 * activations(2, 3, 8, 8, seed=4)).to(dtype)
    gamma, beta = gammas_and_betas(2, 3)
    exact = DIN(gamma, beta)
    expected = exact(x.float())
    din = DIN(gamma, beta, frozen=exact.statistics if frozen else None)
    y = din(x)
    assert y.dtype == dtype
    torch.testing.assert_close(y.float(), expected, rtol=0.02, atol=0.05)
    if not frozen:
        assert din.statistics.dtype == torch.float32
        torch.testing.assert_close(din.statistics, exact.statistics, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_style_works_on_float32_activations(dtype):
    x, (gamma, beta) = activations(2, 3, 8, 8), (t.to(dtype) for t in gammas_and_betas(2, 3))
    y = DIN(gamma, beta)(x)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, DIN(gamma.float(), beta.float())(x))


def test_constant_plane_becomes_beta_and_not_nan():
    y = DIN(torch.full((1, 2), 5.0), torch.tensor([[0.25, -3.0]]))(torch.full((1, 2, 6, 6), 0.7))
    torch.testing.assert_close(y, torch.tensor([0.25, -3.0]).view(1, 2, 1, 1).expand(1, 2, 6, 6), rtol=0, atol=1e-3)


@given(scale=st.floats(0.05, 50), shift=st.floats(-50, 50))
def test_brightness_and_contrast_of_the_activations_do_not_matter(scale, shift):
    x, (gamma, beta) = activations(1, 2, 8, 8), gammas_and_betas(1, 2)
    torch.testing.assert_close(DIN(gamma, beta)(scale * x + shift), DIN(gamma, beta)(x), rtol=2e-3, atol=2e-3)


def test_peak_and_excess_of_one_spike_by_hand():
    # One pixel of 100 stands at 1: mean 1/100, variance 99/100², so the spike is at √99 σ.
    x = torch.zeros(1, 1, 10, 10)
    x[0, 0, 4, 7] = 1000
    din = DIN(torch.full((1, 1), 3.0), torch.full((1, 1), 9.0), watch=True)
    din(x)
    assert din.peaks.tolist() == pytest.approx([math.sqrt(99)], rel=1e-4)
    assert din.excess.tolist() == pytest.approx([(math.sqrt(99) - 5) ** 2 / 100], rel=1e-4)


def test_excess_has_a_gradient_that_shrinks_the_spike():
    x = torch.zeros(1, 1, 10, 10)
    x[0, 0, 4, 7] = 1.0
    x += 0.01 * torch.randn(x.shape)
    x.requires_grad_()
    din = DIN(torch.ones(1, 1), torch.zeros(1, 1), watch=True)
    din(x)
    din.excess.sum().backward()
    stepped = DIN(torch.ones(1, 1), torch.zeros(1, 1), watch=True)
    stepped((x - 0.01 * x.grad).detach())
    assert x.grad.abs().max() > 0
    assert stepped.excess.item() < din.excess.item()


def test_convolution_of_a_constant_picture_shows_no_border():
    for kernel, stride in ((9, 1), (3, 1), (3, 2)):
        y = Conv(3, 4, kernel, stride)(torch.full((1, 3, 16, 16), 0.6))
        torch.testing.assert_close(y, y[..., 4:5, 4:5].expand_as(y))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 5), (8, 8)])
def test_upsampling_convolution_is_a_convolution_of_every_pixel_repeated_twice(size, bias):
    x = activations(2, 3, *size).double().requires_grad_()
    conv = UpsampleConv(3, 5, bias=bias).double()
    large = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    plain = F.conv2d(F.pad(large, (1, 1, 1, 1), mode="reflect"), conv.weight, conv.bias)
    assert_same_with_gradients(conv, x, plain)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(6, 6), (6, 16), (12, 8)])
def test_picture_convolution_is_the_plain_convolution(size, bias):
    x = activations(2, 5, *size).double().requires_grad_()
    conv = PictureConv(5, 3, 9, bias=bias).double()
    plain = Conv.forward(conv, x)
    assert_same_with_gradients(conv, x, plain)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (64, 64), (300, 400)])
@pytest.mark.parametrize("mean", [0.0, 1000.0])
def test_plain_norm_is_the_kernels(size, mean):
    x = activations(1, 6, *size) + mean
    x[:, 2] = 0.7  # flat
    gamma, beta = torch.randn(6), torch.randn(6)
    given = x.clone()
    ours = plain_norm(x, gamma, beta)
    theirs = torch.native_batch_norm(x.double(), gamma.double(), beta.double(), None, None, True, 0.0, EPS)
    tolerance = 5e-5 if mean == 0 else 2e-3  # float32 holds 1000 to 6e-5, and a flat plane is multiplied by 316
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(one.double(), other, rtol=tolerance, atol=tolerance * 3)
    assert torch.equal(x, given)


@pytest.mark.parametrize("size", [(4096, 4096), (16, 400_000), (400_000, 16)])
def test_plain_norm_is_right_for_planes_of_any_size(size):
    """What is added up over millions of values in float32 must not drift: double precision is the measure."""
    x = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0)) / 2 + 3
    variance, mean = torch.var_mean(x.double(), correction=0)
    _, mu, rstd = plain_norm(x, torch.ones(1), torch.zeros(1))
    assert mu.item() == pytest.approx(mean.item(), rel=1e-6)
    assert rstd.item() == pytest.approx((variance + EPS).rsqrt().item(), rel=1e-5)
