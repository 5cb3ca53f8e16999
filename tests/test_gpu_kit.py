"""The kit for a GPU that is lent for minutes, tried on the CPU: run, pack, carry, go on."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from zmnet_core.model import ZMNet

ROOT = Path(__file__).resolve().parent.parent
SMALL = (
    "--pnet vgg --pnet_width 16 --tnet_width 8 --resolution 64 --style_resolution 64 --train_batch_size 2 "
    "--styles_per_batch 2 --identity_steps 1 --calibration_paintings 3 --validation_pairs 2 --validation_resolution 64 "
    "--logging_steps 1 --mixed_precision no --no-compile --checkpointing_steps 100 --validation_steps 100"
).split()


@pytest.fixture
def data(tmp_path, picture_folder, random_vgg_file):
    """The folder that travels: pictures and the loss network's weights."""
    folder = tmp_path / "carried"
    for part in ("content/train", "content/val", "styles/train", "styles/val"):
        shutil.copytree(picture_folder, folder / "data" / part)
    (folder / "models").mkdir()
    shutil.copy(random_vgg_file, folder / "models" / "vgg16-features.safetensors")
    return folder


def run_kit(data, out, run, minutes, steps):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"ZMNET_RUN_DIR": str(run), "PATH": path}
    command = ["bash", "train/gpu_run.sh", "train/configs/gpu-base.yaml", minutes, data, out, *SMALL]
    command += ["--max_train_steps", str(steps)]
    done = subprocess.run([str(c) for c in command], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_a_run_goes_on_from_its_parts_on_another_machine(data, tmp_path):
    run_kit(data, tmp_path / "out1", tmp_path / "machine1", minutes=1, steps=3)
    first = tmp_path / "out1"
    assert {"model.safetensors", "config.json", "log.jsonl", "grid.png", "resume-0.safetensors"} <= {
        p.name for p in first.iterdir()
    }
    assert all(p.stat().st_size <= 16 * 2**20 for p in first.iterdir())
    ZMNet.from_pretrained(first)

    (data / "resume").mkdir()
    for part in first.glob("resume-*"):
        shutil.copy(part, data / "resume")
    run_kit(data, tmp_path / "out2", tmp_path / "machine2", minutes=1, steps=5)
    steps = [json.loads(line)["step"] for line in (tmp_path / "out2" / "log.jsonl").read_text().splitlines()]
    assert min(steps) == 4 and max(steps) == 5

    # The same, without the journey: weights as they were, Adam's moments rounded to bfloat16.
    run_kit(data, tmp_path / "out3", tmp_path / "machine1", minutes=1, steps=5)
    carried, stayed = (load_file(tmp_path / out / "model.safetensors") for out in ("out2", "out3"))
    for name, tensor in stayed.items():
        torch.testing.assert_close(carried[name].float(), tensor.float(), rtol=0.05, atol=5e-3, msg=name)


@pytest.mark.slow
def test_the_kit_stops_by_itself_after_its_minutes(data, tmp_path):
    run_kit(data, tmp_path / "out", tmp_path / "run", minutes="0.02", steps=1_000_000)
    assert ZMNet.from_pretrained(tmp_path / "out").config["tnet"] == {"width": 8}
