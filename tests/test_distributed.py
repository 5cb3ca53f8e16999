"""Real processes: `accelerate launch`, gradients averaged by gloo, runs that are killed and go on."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from zmnet_core.checkpoints import OPTIMIZER_FILE, checkpoints

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def launch(picture_folder, random_vgg_file):
    """Start train/train.py on so many processes, with a global batch of 6 photographs."""
    environment = os.environ | {
        "ZMNET_VGG": str(random_vgg_file),
        "PYTHONPATH": str(ROOT),
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }

    def start(folder, processes=1, accumulation=1, steps=2, script=ROOT / "train/train.py", **options):
        batch = 6 // (processes * accumulation)
        settings = {
            "content_dir": picture_folder,
            "style_dir": picture_folder,
            "output_dir": folder,
            "train_batch_size": batch,
            "styles_per_batch": batch,
            "gradient_accumulation_steps": accumulation,
            "max_train_steps": steps,
            "resolution": 64,
            "style_resolution": 64,
            "tnet_width": 8,
            "pnet_width": 8,
            "validation_pairs": 1,
            "validation_resolution": 64,
            "logging_steps": 1,
            "checkpointing_steps": 1,
            "identity_steps": 1,
            "dataloader_num_workers": 0,
            **options,
        }
        flags = [
            part for name, value in settings.items() for part in ([f"--{name}"] + [str(value)] * (value is not True))
        ]
        launcher = ["-m", "accelerate.commands.launch", "--num_processes", str(processes)]
        # Accelerate's own --cpu starts one process unless MPI is there; this is gloo on the CPU.
        launcher += ["--multi_gpu"] if processes > 1 else ["--cpu"]
        launcher += ["--main_process_port", str(free_port()), "--mixed_precision", "no", "--dynamo_backend", "no"]
        return subprocess.Popen(
            [sys.executable, *launcher, str(script), *flags],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return start


def finish(process):
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output[-3000:]
    return output


def gradients(folder, step):
    """Adam's first moments after a step: sums of the gradients so far, every parameter in a row."""
    state = torch.load(folder / f"checkpoint-{step}" / OPTIMIZER_FILE, weights_only=True)["state"]
    return torch.cat([state[key]["exp_avg"].flatten() for key in sorted(state)])


def norms(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(line["grad_norm"], line["loss"]) for line in lines if "grad_norm" in line]


DOUBLE = f"""
import runpy, sys, torch
torch.set_default_dtype(torch.float64)
torch.Tensor.float = torch.Tensor.double  # "in float32 whatever autocast" becomes "in float64"
sys.argv[0] = {str(ROOT / "train/train.py")!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("identity_steps", [0, 1])
def test_gradients_do_not_depend_on_how_the_batch_is_shared_out(launch, tmp_path, identity_steps):
    """The same code in double precision, where what is left of a difference would be a mistake and not rounding."""
    (tmp_path / "double.py").write_text(DOUBLE)
    options = {"identity_steps": identity_steps, "script": tmp_path / "double.py"}
    finish(launch(tmp_path / "one", **options))
    assert gradients(tmp_path / "one", 1).dtype == torch.float64
    shapes = {"two": (2, 1), "three": (3, 1), "parts": (1, 3)} if identity_steps == 0 else {"three": (3, 1)}
    for name, shape in shapes.items():
        finish(launch(tmp_path / name, *shape, **options))
        for step in (1, 2):
            expected = gradients(tmp_path / "one", step)
            assert (gradients(tmp_path / name, step) - expected).norm() < 1e-5 * expected.norm(), (name, step)
        for shared, alone in zip(norms(tmp_path / name), norms(tmp_path / "one"), strict=True):
            assert shared[0] == pytest.approx(alone[0], rel=2e-5)  # the log has five digits
            if shape[1] == 1:  # the loss in the log is the mean over processes of the last part
                assert shared[1] == pytest.approx(alone[1], rel=2e-5)


def test_gradients_in_single_precision_differ_by_rounding_only(launch, tmp_path):
    for name, processes in (("one", 1), ("three", 3)):
        finish(launch(tmp_path / name, processes, identity_steps=0))
    # Another batch size sums in another order: 1e-5 to 1e-4 of the gradient's norm was seen. At step 2 the weights
    # differ already: Adam's first step is ± the learning rate, also where a gradient is rounding noise.
    for step, tolerance in ((1, 3e-4), (2, 1e-2)):
        expected = gradients(tmp_path / "one", step)
        assert (gradients(tmp_path / "three", step) - expected).norm() < tolerance * expected.norm(), step


def test_runs_that_are_killed_go_on_with_nothing_lost(launch, tmp_path):
    """kill -9 of all processes at random moments; the end is, bit for bit, that of a run left alone."""
    steps, kills = 12, int(os.environ.get("ZMNET_KILLS", "2"))
    finish(launch(tmp_path / "alone", 2, steps=steps))
    killed, moments = tmp_path / "killed", random.Random(0)
    for _ in range(kills):
        process = launch(killed, 2, steps=steps, resume_from_checkpoint="latest")
        deadline = time.monotonic() + 120
        before = len(list(killed.glob("checkpoint-*")))
        while process.poll() is None and time.monotonic() < deadline:
            if checkpoints(killed) and len(list(killed.glob("checkpoint-*"))) >= min(before, 2):
                break
            time.sleep(0.05)
        time.sleep(moments.uniform(0, 8))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for checkpoint in checkpoints(killed):
            load_file(checkpoint / "model.safetensors")
            assert (checkpoint / "progress.json").is_file()
    finish(launch(killed, 2, steps=steps, resume_from_checkpoint="latest"))
    for file in (f"checkpoint-{steps}/model.safetensors", "model.safetensors"):
        alone, again = load_file(tmp_path / "alone" / file), load_file(killed / file)
        assert alone.keys() == again.keys()
        assert all(torch.equal(alone[key], again[key]) for key in alone), file
    assert torch.equal(gradients(tmp_path / "alone", steps), gradients(killed, steps))


def test_another_number_of_processes_goes_on_with_a_warning_where_the_batch_changes(launch, tmp_path):
    finish(launch(tmp_path, 2, steps=1))
    output = finish(
        launch(tmp_path, 1, steps=2, resume_from_checkpoint="latest", train_batch_size=2, styles_per_batch=2)
    )
    assert "was made with 6 photographs a step, this run has 2" in output
