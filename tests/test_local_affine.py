"""The local affine reviser: photographs that stay photographs, in the colours of what is painted small."""

import pytest
import torch

from zmnet_core.images.resize import resized
from zmnet_core.model import ZMNet
from zmnet_core.networks.drafts import build_reviser, draft_size
from zmnet_core.networks.local_affine import LocalAffine, box, divided, drawn_photograph, halved, local_maps
from zmnet_core.networks.reviser import Reviser
from zmnet_core.styling.held import hold
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import stylize_tensor


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.fixture
def affine() -> ZMNet:
    torch.manual_seed(0)
    return ZMNet({"width": 8}, {"kind": "conv", "width": 8}, reviser={"kind": "local-affine", "draft": 32}).eval()


def test_an_affine_change_of_colours_is_found_exactly(random):
    """Y₀ = M X̃ + v: then A = M and b = v but for ε, and so is the photograph of any size."""
    photograph = resized(torch.rand(1, 3, 12, 16, generator=random), (96, 128))
    small = resized(photograph, (24, 32))
    matrix, offset = torch.rand(3, 3, generator=random), torch.rand(3, generator=random)

    def changed(picture):
        return torch.einsum("oi,nihw->nohw", matrix, picture) + offset[:, None, None]

    finish = LocalAffine(4, draft=24, radius=3)
    maps = local_maps(small, changed(small), 3, epsilon=1e-9)
    assert torch.allclose(maps[:, :9], matrix.reshape(1, 9, 1, 1).expand_as(maps[:, :9]), atol=2e-3)
    picture = finish(*finish.parts(changed(small), photograph, small), torch.zeros(1, 2, 1))
    assert (picture - changed(photograph)).abs().mean() < 0.02  # with the ε that it has


def test_the_same_picture_gives_the_photograph_and_a_flat_one_its_colour(random):
    photograph = resized(torch.rand(1, 3, 16, 16, generator=random), (64, 64))
    drawing = torch.rand(1, 3, 64, 64, generator=random)
    assert torch.allclose(drawn_photograph(photograph, drawing, drawing), photograph, atol=1e-4)
    grey = torch.full_like(photograph, 0.25)
    assert torch.allclose(drawn_photograph(photograph, photograph, grey), grey, atol=0.02)


def test_windows_that_were_dark_can_be_lit():
    """A house by day with dark panes comes out dark with lit panes, edges where they were: A turns light round."""
    day = torch.full((1, 3, 64, 64), 0.7)
    panes = torch.zeros(1, 1, 64, 64)
    for top in range(4, 60, 16):
        for left in range(4, 60, 16):
            panes[..., top : top + 8, left : left + 8] = 1
    day = day - 0.5 * panes
    night = torch.full_like(day, 0.1) + torch.tensor([0.8, 0.6, 0.3]).view(1, 3, 1, 1) * panes
    assert (drawn_photograph(day, day, night) - night).abs().mean() < 0.02


def test_division_by_a_covariance_and_means_of_squares(random):
    half = torch.rand(5, 3, 3, generator=random, dtype=torch.float64)
    matrices, rows = half @ half.mT + 0.1 * torch.eye(3), torch.rand(5, 2, 3, generator=random, dtype=torch.float64)
    upper = matrices[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
    assert torch.allclose(divided(rows[..., None, None], upper[..., None, None])[..., 0, 0], rows @ matrices.inverse())
    grey = torch.full((1, 6, 1, 1), 0.05)
    grey[:, [0, 3, 5]] += 1e-3  # what a window of greys gives, in single precision
    whole = grey[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].unflatten(1, (3, 3))
    assert torch.allclose(divided(whole, grey)[0, ..., 0, 0], torch.eye(3), atol=1e-5)

    picture = torch.rand(1, 1, 9, 9, generator=random)
    assert torch.allclose(box(picture, 2)[0, 0, 4, 4], picture[0, 0, 2:7, 2:7].mean())
    assert torch.allclose(box(torch.ones(1, 2, 3, 5), 3), torch.ones(1, 2, 3, 5))
    assert halved(picture).shape[-2:] == (5, 5)


@pytest.mark.parametrize("height, width, draft", [(16, 16, (16, 16)), (20, 300, (20, 300)), (64, 96, (32, 48)),
                                                  (640, 640, (80, 80))])  # fmt: skip
def test_every_picture_is_finished_however_small(affine, height, width, draft):
    assert draft_size(affine.reviser, height, width) == draft
    assert draft_size(affine.reviser, height, width, 0) is None


def test_apply_library_and_tiles_give_one_picture(affine, random):
    photograph = torch.rand(1, 3, 150, 203, generator=random)
    style = affine.encode_style(torch.rand(1, 3, 64, 64, generator=random))
    picture = affine.apply(photograph, style)
    assert picture.shape == photograph.shape
    assert torch.allclose(stylize_tensor(affine, photograph, style), picture, atol=1e-5)
    assert torch.allclose(stylize_tensor(affine, photograph, style, Look(tile=64)), picture, atol=1e-5)
    drawn = affine.apply(photograph, style, draft=0)
    small = resized(photograph, (32, 43))
    wanted = affine.revise(affine.apply(small, style, draft=0), photograph, small, style)
    assert torch.equal(picture, wanted) and not torch.allclose(picture, drawn, atol=1e-2)


def test_config_says_the_kind_and_strangers_are_refused(affine, tmp_path):
    affine.save_pretrained(tmp_path)
    again = ZMNet.from_pretrained(tmp_path)
    assert isinstance(again.reviser, LocalAffine) and again.reviser.draft == 32
    assert again.fingerprint == affine.fingerprint
    assert isinstance(build_reviser(10, {"width": 8}), Reviser)
    with pytest.raises(ValueError, match="no kind of reviser 'bilateral'"):
        build_reviser(10, {"kind": "bilateral"})
    with pytest.raises(TypeError):
        build_reviser(10, {"kind": "local-affine", "width": 8})
    with pytest.raises(ValueError, match="16 or more"):
        LocalAffine(4, draft=8)


def test_strength_walks_from_the_photograph_to_the_style(affine, random):
    photograph = torch.rand(1, 3, 48, 64, generator=random)
    style = affine.encode_style(torch.rand(1, 3, 64, 64, generator=random))
    own = affine.own_style(photograph.expand(2, -1, -1, -1))
    assert own.values.shape == (2, 2, affine.tnet.channels)
    assert torch.allclose(affine.apply(photograph, style, strength=0), photograph, atol=1e-5)
    far = [(affine.apply(photograph, style, strength=share) - photograph).abs().mean() for share in (0.2, 0.6, 1.0)]
    assert far == sorted(far) and far[0] > 1e-4


def test_frames_of_a_clip_keep_their_own_light(affine, random):
    """Norms are not held: a lighter frame comes out lighter by its own light, and not by its norms as well."""
    frame = 0.2 + 0.4 * resized(torch.rand(1, 3, 6, 8, generator=random), (48, 64)).clamp(0, 1)
    style = affine.encode_style(torch.rand(1, 3, 64, 64, generator=random))
    held = hold(affine, frame, style)
    for factor in (1.0, 1.3):
        lit = frame * factor
        assert torch.equal(stylize_tensor(affine, lit, style, held=held), stylize_tensor(affine, lit, style))
