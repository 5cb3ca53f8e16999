"""The wheel, in an environment of its own: what is in it, and that it trains without the clone."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def tracked(*paths: str) -> list[str]:
    """The files of the repository, as git knows them."""
    done = subprocess.run(["git", "ls-files", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy: setuptools leaves a build folder behind, and takes up what an older one holds."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked("zmnet_core", "zmnet_nodes", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", folder, source]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("*.whl")
    return file


def test_all_of_the_library_is_in_the_wheel_and_nothing_that_cannot_be_imported(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"zmnet_core"}
    assert set(tracked("zmnet_core")) <= names


@pytest.mark.parametrize("start", [["-m", "zmnet_core.cli", "train"], ["-m", "zmnet_core.training"]])
def test_an_installed_library_trains_in_an_empty_folder(wheel, picture_folder, random_vgg_file, tmp_path, start):
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    (tmp_path / "empty").mkdir()
    options = {"content_dir": picture_folder, "style_dir": picture_folder, "output_dir": "run", "max_train_steps": 1}
    options |= {"resolution": 64, "style_resolution": 64, "train_batch_size": 1, "validation_pairs": 1}
    options |= {"validation_resolution": 64, "tnet_width": 4, "pnet_width": 4, "lr_warmup_steps": 1}
    flags = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    environment = os.environ | {"PYTHONPATH": str(installed), "ZMNET_VGG": str(random_vgg_file), "OMP_NUM_THREADS": "1"}
    for command in (
        [*start, *flags],
        ["-c", "from zmnet_core import ZMNet; print(ZMNet.from_pretrained('run').fingerprint)"],
    ):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path / "empty", env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 64
