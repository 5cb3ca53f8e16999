"""Where pictures are looked for: in the folder that is given, else in that of `$ZMNET_DATA`, and nowhere else."""

import pytest
from huggingface_hub import constants

from tests import conftest
from zmnet_core.assets import data_folder
from zmnet_core.errors import DataNotFoundError, WeightsNotFoundError
from zmnet_core.evaluation.methods import read_pairs
from zmnet_core.networks.vgg import load_vgg16


def test_missing_data_names_what_to_set(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMNET_DATA", str(tmp_path))
    (tmp_path / "data" / "styles").mkdir(parents=True)
    with pytest.raises(DataNotFoundError, match="data' has no labels.tsv. .* by --data, or .* ZMNET_DATA"):
        data_folder(None, "styles", "labels.tsv")
    assert data_folder(None, "styles") == tmp_path / "data"
    assert data_folder(tmp_path, "data") == tmp_path


def test_without_the_variable_there_is_no_default(monkeypatch, tmp_path):
    monkeypatch.delenv("ZMNET_DATA", raising=False)
    with pytest.raises(DataNotFoundError, match="styles, labels.tsv by --data, or .* ZMNET_DATA.* docs/evaluation.md"):
        data_folder(None, "styles", "labels.tsv")
    with pytest.raises(DataNotFoundError, match="content and styles by --data"):
        read_pairs(None)
    monkeypatch.setenv("ZMNET_DATA", "")
    with pytest.raises(DataNotFoundError):
        data_folder()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(WeightsNotFoundError, match=r"\$ZMNET_DATA \(not set\); timm"):
        load_vgg16()


def test_a_list_of_whole_paths_needs_no_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("ZMNET_DATA", raising=False)
    files = [tmp_path / name for name in ("a.jpg", "b.jpg")]
    for file in files:
        file.touch()
    (tmp_path / "pairs.tsv").write_text("\t".join(map(str, files)) + "\n")
    assert read_pairs(None, tmp_path / "pairs.tsv") == [tuple(files)]


@pytest.mark.parametrize("root", [None, "nowhere"])
def test_tests_without_their_data_are_skipped_and_fail_under_ci(root, monkeypatch, tmp_path):
    monkeypatch.setattr(conftest, "DATA", tmp_path / root if root else None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="data/styles"):
        conftest.data_at("data/styles")
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="data/styles.* because CI is set"):
        conftest.data_at("data/styles")
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(conftest, "DATA", tmp_path)
    assert conftest.data_at("data") == tmp_path / "data"
