"""Tiles with frozen statistics are cut from one big picture."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zmnet_core.model import ZMNet
from zmnet_core.networks.tnet import TNet
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import stylize_tensor
from zmnet_core.styling.tiling import OVERLAP, count_tiles, paint_tiles, small_copy, tiles


@pytest.fixture(scope="module")
def model() -> ZMNet:
    torch.manual_seed(0)
    return ZMNet({"width": 8}, {"kind": "conv", "width": 8}).eval()


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([4, 32, 100]))
@settings(max_examples=60, deadline=None)
def test_kept_parts_cover_every_pixel_once(height, width, size):
    seen = torch.zeros(height, width)
    count = 0
    for read_y, read_x, keep_y, keep_x in tiles(height, width, size):
        seen[keep_y, keep_x] += 1
        count += 1
        assert read_y.start % 4 == 0 and read_x.start % 4 == 0
        assert read_y.start <= keep_y.start and keep_y.stop <= read_y.stop <= height
        assert read_x.start <= keep_x.start and keep_x.stop <= read_x.stop <= width
    assert (seen == 1).all()
    assert count == count_tiles(height, width, size)


@pytest.mark.parametrize("height, width", [(150, 210), (133, 301), (64, 500)])
@torch.no_grad()
def test_tiles_equal_the_whole_picture_under_the_same_statistics(height, width):
    torch.manual_seed(1)
    tnet = TNet(8)
    content, style = torch.rand(2, 3, height, width), torch.randn(1, 2, tnet.channels)
    statistics = tnet.measure(content, style)
    whole = tnet(content, style, statistics)
    tiled = paint_tiles(lambda part: tnet(part, style, statistics), content, 64)
    assert (whole - tiled).abs().max() < 1e-4


@torch.no_grad()
def test_overlap_is_needed():
    """With less overlap than the receptive radius the tiles would differ: the bound is not idle."""
    torch.manual_seed(1)
    tnet = TNet(8)
    content, style = torch.rand(1, 3, 256, 256), torch.randn(1, 2, tnet.channels)
    statistics = tnet.measure(content, style)
    whole = tnet(content, style, statistics)
    near = OVERLAP - 16
    part = tnet(content[..., 128 - near :, :], style, statistics)[..., near:, :]
    assert (part - whole[..., 128:, :]).abs().max() > 1e-6


@pytest.mark.parametrize("size", [0, 3, 30])
def test_a_tile_size_off_the_stride_is_refused(size):
    with pytest.raises(ValueError, match="multiple of 4"):
        paint_tiles(lambda part: part, torch.rand(1, 3, 64, 64), size)


def test_small_copy_keeps_the_aspect_and_never_enlarges():
    assert small_copy(torch.rand(1, 3, 100, 50), 200).shape[-2:] == (100, 50)
    assert small_copy(torch.rand(1, 3, 400, 200), 200).shape[-2:] == (200, 100)
    assert small_copy(torch.rand(1, 3, 10, 4000), 200).shape[-2:] == (16, 200)


def test_no_seam_is_stronger_than_the_picture_elsewhere(model):
    torch.manual_seed(2)
    smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8), (512, 512), mode="bicubic").clamp(0, 1)
    style = model.encode_style(torch.rand(1, 3, 64, 64))
    stylised = stylize_tensor(model, smooth, style, Look(tile=128))
    steps = stylised.diff(dim=-1).abs().amax((0, 1, 2))
    seams = torch.tensor([127, 255, 383])
    elsewhere = torch.ones(511, dtype=torch.bool)
    elsewhere[seams] = False
    assert steps[seams].max() <= steps[elsewhere].max()


def test_progress_is_told_of_every_tile(model):
    style = model.encode_style(torch.rand(1, 3, 64, 64))
    calls = []
    stylize_tensor(model, torch.rand(1, 3, 200, 100), style, Look(tile=64), step=lambda: calls.append(1))
    assert len(calls) == count_tiles(200, 100, 64)
    calls.clear()
    stylize_tensor(model, torch.rand(1, 3, 200, 100), style, step=lambda: calls.append(1))
    assert len(calls) == 1


def test_calm_off_the_scale_is_refused_before_anything_is_painted(model):
    style = model.encode_style(torch.rand(1, 3, 64, 64))
    with pytest.raises(ValueError, match="calm is 2"):
        stylize_tensor(model, torch.rand(1, 3, 64, 64), style, Look(calm=2), step=lambda: pytest.fail("painted"))
