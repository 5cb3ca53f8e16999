"""Other people's networks: their loaders refuse what is not theirs, and their statistics are what the papers say."""

import os
from pathlib import Path

import pytest
import torch

from zmnet_core.errors import NotInstalledError, WeightsNotFoundError
from zmnet_core.evaluation.baselines.microast import MicroAST, _adain
from zmnet_core.evaluation.baselines.peers import MICROAST, WCT_16X, peers_folder
from zmnet_core.evaluation.baselines.wct16x import WCT16x, whiten_and_colour

PEERS = os.environ.get("ZMNET_PEERS")  # of the shell: `_environment` of conftest.py takes it from the tests
FIRST = {MicroAST: f"{MICROAST}/models/content_encoder_iter_160000.pth.tar"}
FIRST[WCT16x] = f"{WCT_16X}/trained_models/wct_se_16x_new/1SE.pth"
both = pytest.mark.parametrize("method", [MicroAST, WCT16x])


@pytest.fixture
def peers():
    """The folder of real clones."""
    for name in (MICROAST, WCT_16X):
        if not PEERS or not (Path(PEERS) / name).is_dir():
            pytest.skip(f"needs a folder $ZMNET_PEERS with a clone {name}")
    return Path(PEERS)


def test_without_a_folder_there_is_nothing_to_load(monkeypatch, tmp_path):
    with pytest.raises(NotInstalledError, match="--peers, or \\$ZMNET_PEERS"):
        peers_folder()
    monkeypatch.setenv("ZMNET_PEERS", str(tmp_path))
    assert peers_folder() == tmp_path and peers_folder(tmp_path / "other") == tmp_path / "other"


@both
def test_a_missing_clone_says_what_to_clone(method, tmp_path):
    with pytest.raises(WeightsNotFoundError, match="has to be a clone of https://github.com/(EndyWon|MingSun-Tse)/"):
        method(tmp_path)


@both
@pytest.mark.parametrize("content", ["text", "tensor", "other network", "code"])
def test_files_that_are_something_else_are_refused(method, content, tmp_path):
    file = tmp_path / FIRST[method]
    file.parent.mkdir(parents=True)
    if content == "text":
        file.write_text("version https://git-lfs.github.com/spec/v1\n")
    else:
        code = {"model": os.system}  # what only a full unpickler would make
        torch.save({"tensor": torch.zeros(3), "other network": {"w": torch.zeros(3)}, "code": code}[content], file)
    with pytest.raises(WeightsNotFoundError, match=file.name):
        method(tmp_path)


@both
def test_pictures_of_any_size_come_out_in_range(method, peers, make_picture):
    network = method(peers)
    for height, width in ((64, 64), (50, 71)):
        content, painting = make_picture(height, width, 1), make_picture(48, 70, 2)
        stylised = network(content, painting)
        assert stylised.shape == content.shape and 0 <= stylised.min() and stylised.max() <= 1
        assert (stylised - content).abs().mean() > 0.02
    grey = torch.full((1, 3, 64, 64), 0.5)
    assert network(grey, grey).isfinite().all() and network(content, grey).isfinite().all()
    assert network.key.startswith(("MicroAST ", "WCT-16x ")) and network.key == method(peers).key


def test_whitened_and_coloured_features_have_the_styles_mean_and_covariance():
    content = torch.rand(1, 5, 9, 11)
    style = torch.randn(5, 5) @ torch.rand(1, 5, 8, 8).flatten(2)
    found = whiten_and_colour(content, style.view(1, 5, 8, 8))
    assert found.shape == content.shape
    torch.testing.assert_close(found[0].flatten(1).cov(), style[0].cov(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.mean((2, 3)), style.mean(2), rtol=1e-4, atol=1e-5)


def test_features_without_variance_take_the_styles_mean():
    found = whiten_and_colour(torch.ones(1, 3, 4, 4), torch.rand(1, 3, 4, 4))
    assert found.flatten(2).std(2).max() < 1e-6


def test_adain_gives_the_styles_mean_and_deviation():
    content, style = torch.randn(1, 4, 8, 8), 3 * torch.randn(1, 4, 6, 9) + 2
    found = _adain(content, style)
    torch.testing.assert_close(found.mean((2, 3)), style.mean((2, 3)))
    torch.testing.assert_close(found.std((2, 3)), style.std((2, 3)), rtol=1e-4, atol=1e-4)
