"""The transformation network: its shape, and what must hold for any weights."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from zmnet_core.files import half
from zmnet_core.networks.constants import LAYER_GROUPS, PALETTE_LAYER
from zmnet_core.networks.layers import Conv, SeparableConv
from zmnet_core.networks.tnet import RECEPTIVE_RADIUS, TNet, din_sites


@pytest.fixture(scope="module")
def tnet() -> TNet:
    torch.manual_seed(1)
    tnet = TNet(8).requires_grad_(False)
    tnet.out.weight.mul_(8)  # the contrast of a trained network
    return tnet


def test_paper_width_has_14_sites_and_1568_channels():
    sites = din_sites(32)
    assert len(sites) == 14
    assert sum(site.channels for site in sites) == TNet(32).channels == 1568
    assert [site.channels for site in sites] == [32, 64, *[128] * 11, 64]


def test_residual_layers_have_two_sites_and_the_others_one():
    assert Counter(site.layer for site in din_sites(32)) == {
        layer: 2 if 4 <= layer <= 8 else 1 for layer in range(1, 10)
    }
    assert len({site.name for site in din_sites(32)}) == 14


def test_layer_groups_are_those_of_figure_7_and_cover_every_site():
    assert LAYER_GROUPS == {"detail": (1, 2, 3), "weave": (4, 5, 6), "tones": (7, 8, 9, PALETTE_LAYER)}
    layers = [layer for group in LAYER_GROUPS.values() for layer in group]
    assert sorted(layers) == sorted({site.layer for site in TNet(32, palette=True).sites})


def test_half_width_has_half_the_channels_and_works(make_picture, make_values):
    tnet = TNet(16)
    assert tnet.channels == 784
    assert tnet(make_picture(32, 32, 0), make_values(tnet)).shape == (1, 3, 32, 32)


def test_small_tnet_has_narrow_edges_and_separable_blocks(make_picture, make_values):
    tnet = TNet(16, edge=8, kernel=5, separable=True)
    assert [site.channels for site in tnet.sites] == [8, 32, *[64] * 11, 32]
    assert tnet.channels == 8 + 32 + 64 + 640 + 32
    assert sum(p.numel() for p in tnet.residual.parameters()) == 10 * (64 * 9 + 64 * 64)
    assert tnet.c9.kernel_size == tnet.out.kernel_size == (5, 5)
    for size in ((16, 16), (17, 23), (64, 50)):
        y = tnet(make_picture(*size, seed=0), make_values(tnet))
        assert y.shape == (1, 3, *size) and y.std() > 0


def test_separable_convolution_is_the_convolution_of_the_product_of_its_kernels(make_picture):
    conv = SeparableConv(3)
    across, each = conv[1].weight[:, :, 0, 0], conv[0].weight[:, 0]
    whole = torch.einsum("oi,iyx->oiyx", across, each)
    x = make_picture(16, 20, seed=0)
    plain = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), whole)
    torch.testing.assert_close(conv(x), plain)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"edge": 0}, {"kernel": 4}, {"kernel": 11}])
def test_impossible_shapes_are_refused(wrong):
    with pytest.raises(ValueError, match=f"not .*{next(iter(wrong.values()))}"):
        TNet(**wrong)


def test_first_ten_convolutions_and_the_last_are_johnsons():
    shapes = [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in TNet(32).modules()
        if isinstance(m, Conv)
    ]
    residual = [(128, 128, 3, 1)] * 10
    assert shapes == [
        (3, 32, 9, 1),
        (32, 64, 3, 2),
        (64, 128, 3, 2),
        *residual,
        (128, 64, 3, 1),
        (64, 32, 3, 1),
        (32, 3, 9, 1),
    ]


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (16, 131), (65, 130), (99, 101), (18, 19)])
def test_output_has_the_size_of_the_input(tnet, make_picture, make_values, size):
    y = tnet(make_picture(*size, seed=0), make_values(tnet))
    assert y.shape == (1, 3, *size)
    assert torch.isfinite(y).all()


@settings(max_examples=8)
@given(height=st.integers(16, 40), width=st.integers(16, 40))
def test_output_of_any_size_lies_in_0_to_1(tnet, make_picture, make_values, height, width):
    y = tnet(make_picture(height, width, seed=height), 5 * make_values(tnet, seed=width))
    assert y.shape == (1, 3, height, width)
    assert 0 <= y.min() and y.max() <= 1


def test_pure_black_and_white_are_within_reach(tnet, make_picture, make_values):
    y = tnet(make_picture(32, 32, 0), 5 * make_values(tnet))
    assert y.min() == 0 and y.max() == 1


def test_pictures_of_a_batch_give_what_each_gives_alone(tnet, make_picture, make_values):
    contents, styles = make_picture(33, 42, 0, count=3), make_values(tnet, count=3)
    together = tnet(contents, styles)
    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], tnet(contents[i : i + 1], styles[i : i + 1]), rtol=0, atol=1e-5)


def test_one_style_serves_every_picture_of_a_batch(tnet, make_picture, make_values):
    contents, style = make_picture(32, 32, 0, count=2), make_values(tnet)
    torch.testing.assert_close(tnet(contents, style), tnet(contents, style.expand(2, -1, -1)), rtol=0, atol=1e-6)


def test_every_gamma_and_beta_changes_the_picture_but_the_betas_that_a_norm_takes_off(tnet, make_picture, make_values):
    # After a residual block's sum comes no ReLU: its β shifts whole planes, and the mean of the
    # next norm takes that off again.
    content, style = make_picture(32, 32, 0), make_values(tnet)
    plain, start = tnet(content, style), 0
    for site in tnet.sites:
        for row, letter in enumerate("γβ"):
            changed = style.clone()
            changed[:, row, start : start + site.channels] += torch.linspace(-1, 1, site.channels)
            difference = (tnet(content, changed) - plain).abs().mean()
            without_effect = letter == "β" and site.name.endswith(".2")
            assert (difference < 1e-5) if without_effect else (difference > 1e-3), f"{site.name}, {letter}"
        start += site.channels


def test_residual_blocks_add_to_what_comes_in(tnet, make_picture, make_values):
    # γ = β = 0 in every block leaves the sums' other half: what layer 3 gave.
    content, style = make_picture(32, 32, 0), make_values(tnet)
    channels = [site.channels for site in tnet.sites]
    for site, part in zip(tnet.sites, style.split(channels, 2)):
        if 4 <= site.layer <= 8:
            part.zero_()
    assert tnet(content, style).std((2, 3)).min() > 0.01


def test_constant_picture_has_neither_frame_nor_checkerboard(tnet, make_values):
    y = tnet(torch.full((1, 3, 40, 52), 0.3), make_values(tnet))
    torch.testing.assert_close(y, y[..., 20:21, 20:21].expand_as(y), rtol=0, atol=2e-3)


def test_own_statistics_frozen_give_the_same_picture(tnet, make_picture, make_values):
    content, style = make_picture(45, 38, 0, count=2), make_values(tnet)
    statistics = tnet.measure(content, style)
    assert statistics.shape == (2, 2, tnet.channels)
    torch.testing.assert_close(tnet(content, style, statistics), tnet(content, style), rtol=0, atol=1e-4)


def test_tile_with_the_statistics_of_the_whole_is_a_piece_of_the_whole(tnet, make_picture, make_values):
    content, style = make_picture(180, 200, 0), make_values(tnet)
    statistics = tnet.measure(content, style)
    whole, tile = tnet(content, style, statistics), tnet(content[..., 20:, 24:], style, statistics)
    inner = (..., slice(RECEPTIVE_RADIUS, None), slice(RECEPTIVE_RADIUS, None))
    torch.testing.assert_close(tile[inner], whole[..., 20:, 24:][inner], rtol=0, atol=1e-4)
    assert not torch.allclose(tile, whole[..., 20:, 24:], atol=1e-3), "the border would do no harm anywhere"


def test_pixel_further_off_than_the_receptive_radius_has_no_say(tnet, make_picture, make_values):
    content, style = make_picture(160, 160, 0), make_values(tnet)
    statistics = tnet.measure(content, style)
    changed = content.clone()
    changed[..., 80, 80] = 1 - changed[..., 80, 80].round()
    rows, columns = (
        (tnet(changed, style, statistics) != tnet(content, style, statistics)).any(1)[0].nonzero(as_tuple=True)
    )
    reach = max((rows - 80).abs().max().item(), (columns - 80).abs().max().item())
    assert 20 < reach <= RECEPTIVE_RADIUS


def test_gradients_reach_every_parameter_and_the_style(make_picture, make_values):
    tnet = TNet(8)
    style = make_values(tnet).requires_grad_()
    trace = tnet.trace(make_picture(32, 32, 0), style)
    (trace.image - 0.5).square().sum().backward()
    for name, parameter in tnet.named_parameters():
        assert parameter.grad.abs().max() > 0, name
    gamma, beta = style.grad[0]
    unused = torch.cat([torch.full((s.channels,), s.name in {f"r{b}.2" for b in range(1, 6)}) for s in tnet.sites])
    assert (gamma != 0).float().mean() > 0.9 and (beta[~unused] != 0).float().mean() > 0.9
    # What a block adds to every pixel alike is taken away again by all later norms: left out, so
    # that it gets no gradient of rounding noise either.
    assert (beta[unused] == 0).all()


@torch.no_grad()
def test_no_constant_piles_up_on_the_residual_stream(make_picture, make_values):
    """Beside a large constant bfloat16 no longer sees the picture, and the norms are left with rounding."""
    torch.manual_seed(0)
    tnet, content = TNet(8), make_picture(64, 64, 0)
    style = make_values(tnet)
    pushed = style.clone()
    pushed[:, 1, torch.cat([torch.full((s.channels,), s.name.endswith(".2")) for s in tnet.sites])] += 1000
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(tnet(content, pushed), tnet(content, style))


def test_trace_is_the_forward_pass_before_clamping(tnet, make_picture, make_values):
    content, style = make_picture(32, 37, 0, count=2), make_values(tnet, count=2)
    trace = tnet.trace(content, style)
    torch.testing.assert_close(trace.image.clamp(0, 1), tnet(content, style))
    torch.testing.assert_close(trace.image, 1.1 * torch.sigmoid(trace.logits) - 0.05)
    assert trace.peaks.shape == trace.excess.shape == (len(tnet.sites),)
    assert (trace.peaks > 1).all()


def test_scale_of_a_convolution_before_a_norm_does_not_matter(make_picture, make_values):
    tnet = TNet(8).requires_grad_(False)
    content, style = make_picture(32, 32, 0), make_values(tnet)
    before = tnet(content, style)
    tnet.residual[2].conv1.weight.mul_(50)
    torch.testing.assert_close(tnet(content, style), before, rtol=0, atol=1e-3)


def test_bfloat16_network_gives_the_float32_picture_roughly(tnet, make_picture, make_values):
    content, style = make_picture(48, 48, 0), make_values(tnet)
    coarse = TNet(8)
    coarse.load_state_dict(tnet.state_dict())
    y = coarse.bfloat16()(content.bfloat16(), style)
    assert y.dtype == torch.float32
    assert (y - tnet(content, style)).abs().mean() < 0.03


def test_float16_network_with_weights_grown_in_training_stays_finite(make_picture, make_values):
    tnet = TNet(4).requires_grad_(False)
    content, style = make_picture(16, 20, 0), make_values(tnet)
    expected = tnet(content, style)
    for conv in (tnet.residual[1].conv1, tnet.u2w):
        conv.weight.mul_(4000)  # pre-norm values of some 10,000, as seen after 2,000 steps of plain Adam
    exported = half(tnet.state_dict())
    assert all(torch.isfinite(tensor).all() for tensor in exported.values())
    tnet.half().load_state_dict(exported)
    y = tnet(content.half(), style)
    assert torch.isfinite(y).all()
    assert (y - expected).abs().mean() < 0.02
