"""A loan of a machine for minutes, acted out on the CPU: what travels there, two calls, what comes back."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.processes import ALONE, ROOT
from zmnet_core.model import ZMNet

pytestmark = pytest.mark.slow
SMALL = (
    "--resolution 64 --style_resolution 64 --style_loss_resolution 80 --style_scales 1,2 --train_batch_size 2 "
    "--styles_per_batch 2 --validation_pairs 2 --validation_resolution 64 --logging_steps 1 --mixed_precision no "
    "--no-compile --lr_warmup_steps 1"
).split()


@pytest.fixture
def tracked(tmp_path):
    """A copy of the tracked files and nothing else."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("needs a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / "bare" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "bare" / name)
    return tmp_path / "bare"


def kit(folder, *arguments, **environment):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["bash", str(folder / "train/gpu_loan.sh"), *map(str, arguments)]
    environment = os.environ | ALONE | environment | {"PATH": path}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def size_of(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_two_calls_of_a_loan(tracked, picture_folder, random_vgg_file, model, tmp_path):
    for part in ("content/train", "content/val", "styles/train", "styles/val"):
        shutil.copytree(picture_folder, tmp_path / "data" / part)
    model.save_pretrained(tmp_path / "start")
    loan, there = tmp_path / "loan", {"ZMNET_LOAN": str(tmp_path / "there")}
    room = {"LOAN_MIB": str(round((size_of(tracked) + size_of(random_vgg_file.parent)) / 2**20) + 3)}
    done = kit(ROOT, "prepare", loan, tmp_path / "data", random_vgg_file, tmp_path / "start", **room)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "12 of 12 pictures packed" in done.stdout
    assert (loan / "left_out.txt").read_text() == "" and len((loan / "names.tsv").read_text().splitlines()) == 12
    for part in loan.glob("part-*"):
        assert size_of(part) + size_of(tracked) < float(room["LOAN_MIB"]) * 2**20

    for call, (name, minutes, steps) in enumerate((("part-0", 1, 2), ("part-0", 2, 3))):
        shutil.copytree(loan / name, tracked / ".loan" / name, dirs_exist_ok=True)
        out = tmp_path / f"out{call}"
        options = [*SMALL, "--max_train_steps", steps, "--pictures_in_memory"]
        done = kit(tracked, "run", f".loan/{name}", "train/configs/gpu-loan.yaml", minutes, out, *options, **there)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
        *_, run = sorted((tmp_path / "there" / "runs").iterdir(), key=lambda folder: folder.stat().st_mtime)
        assert (
            yaml.safe_load((run / "config.yaml").read_text())["time_budget"] == minutes
        )  # which test_time_budget.py tries
        files = sorted(file.name for file in out.iterdir() if file.name != ".lock")
        assert files == ["config.json", "grid.png", "log.jsonl", "model.safetensors", "output.txt"]
        ZMNet.from_pretrained(out)
        lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines if "loss" in line][:2] == [1, 2]
        assert "val_total" in lines[-1]


def test_a_kit_that_is_called_wrongly_says_how_to_call_it():
    for arguments in ((), ("prepare",), ("run", "part"), ("dance", "1", "2", "3", "4")):
        done = kit(ROOT, *arguments)
        assert done.returncode == 2 and "gpu_loan.sh prepare LOAN DATA VGG" in done.stderr


def test_what_cannot_be_prepared_is_refused_and_nothing_is_lost(picture_folder, random_vgg_file, tmp_path):
    for part in ("content/train", "content/val", "styles/train", "styles/val"):
        shutil.copytree(picture_folder, tmp_path / "data" / part)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    data, new = tmp_path / "data", tmp_path / "new"
    for arguments, message in (
        ((tmp_path / "mine", data, random_vgg_file), "holds other things than an earlier loan's"),
        ((data, new, random_vgg_file), "there is no"),  # the two in the wrong order
        ((new, data, tmp_path / "vgg"), "there is no"),
        ((new, data, random_vgg_file, tmp_path / "model"), "there is no"),
    ):
        done = kit(ROOT, "prepare", *arguments)
        assert done.returncode == 1 and message in done.stderr, done.stderr
    done = kit(ROOT, "prepare", new, data, random_vgg_file, LOAN_MIB="1")
    assert done.returncode == 1 and "--max_mib" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_fails_has_failed(tracked, tmp_path):
    (tmp_path / "empty").mkdir()
    there = {"ZMNET_LOAN": str(tmp_path / "there")}
    done = kit(tracked, "run", tmp_path / "empty", "train/configs/gpu-loan.yaml", 1, tmp_path / "out", **there)
    assert done.returncode == 1 and "error: " in (tmp_path / "out" / "output.txt").read_text()
