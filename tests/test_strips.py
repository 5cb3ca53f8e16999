"""Large convolutions in strips: the same numbers, less memory, and pauses in between."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from zmnet_core import Style
from zmnet_core.networks import layers, strips
from zmnet_core.networks.layers import plain_norm
from zmnet_core.networks.strips import convolve, pausing


class Stopped(Exception):
    """What the caller of a pass raises in a pause."""


@pytest.fixture
def contents(make_picture) -> torch.Tensor:
    return make_picture(32, 48, seed=3)


@pytest.fixture
def style(model, make_picture) -> Style:
    return model.encode_style(make_picture(48, 48, seed=4))


@pytest.fixture
def in_small_strips(monkeypatch):
    """Every convolution row by row, every operation plane by plane."""
    monkeypatch.setattr(strips, "STRIP", 1)
    monkeypatch.setattr(layers, "PLANES", 1)


@settings(deadline=None, max_examples=30)
@given(
    sides=st.tuples(st.integers(6, 20), st.integers(6, 20)),
    kernel_and_mode=st.sampled_from(
        [(1, "reflect"), (3, "reflect"), (9, "reflect"), (2, "replicate"), (3, "replicate")]
    ),
    stride=st.sampled_from([1, 2]),
    block=st.sampled_from([1, 2]),
    grouped=st.booleans(),
    strip=st.sampled_from([1, 5_000, 20_000]),
)
def test_strips_give_what_the_whole_gives(sides, kernel_and_mode, stride, block, grouped, strip):
    torch.manual_seed(0)
    (kernel, mode), inputs = kernel_and_mode, 4
    x, bias = torch.randn(2, inputs, *sides), torch.randn(8 * block**2)
    weight = torch.randn(8 * block**2, 1 if grouped else inputs, kernel, kernel)
    padding, groups = kernel // 2, inputs if grouped else 1
    whole = F.conv2d(F.pad(x, [padding] * 4, mode=mode), weight, bias, stride, groups=groups)
    expected = F.pixel_shuffle(whole, block)
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(strips, "STRIP", strip)
        found = convolve(x, weight, bias, stride, groups, padding, mode, block)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-5)


def test_a_model_paints_the_same_in_strips(model, style, contents, in_small_strips, monkeypatch):
    found = model.apply(contents, style)
    monkeypatch.undo()
    torch.testing.assert_close(found, model.apply(contents, style), rtol=0, atol=1e-5)


def test_a_norm_plane_by_plane_is_that_of_all(in_small_strips, monkeypatch):
    x, (gamma, beta) = torch.randn(1, 6, 20, 30) * 3 + 1, torch.randn(2, 6)
    apart = plain_norm(x, gamma, beta)
    monkeypatch.undo()
    for one, other in zip(apart, plain_norm(x, gamma, beta)):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_a_gradient_flows_through_the_whole(in_small_strips):
    x, weight = torch.randn(1, 3, 8, 8, requires_grad=True), torch.randn(4, 3, 3, 3)
    convolve(x, weight, padding=1).sum().backward()
    assert x.grad.abs().sum() > 0


def test_there_is_a_pause_in_every_strip_and_a_pass_can_be_stopped_there(model, style, contents, in_small_strips):
    def pauses(last: int = 0) -> int:
        """How many there are until the one in which the pass is stopped, or until its end."""
        count = 0

        def call() -> None:
            nonlocal count
            count += 1
            if count == last:
                raise Stopped

        with suppress(Stopped), pausing(call):
            model.apply(contents, style)
        model.apply(contents, style)  # outside nobody is called
        return count

    all = pauses()
    assert all > contents.shape[2]  # a row of the first layer alone is one
    assert [pauses(last) for last in (1, all // 2, all - 1)] == [1, all // 2, all - 1]
