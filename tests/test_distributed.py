"""Real processes: gradients averaged by gloo, runs that are killed and go on, signals to `accelerate launch`."""

import json
import os
import random
import shutil
import signal
import tarfile
import time

import psutil
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.processes import ROOT, finish, send, start_script
from zmnet_core.files import write_tensors
from zmnet_core.model import ZMNet
from zmnet_core.training.checkpoints import OPTIMIZER_FILE, checkpoints

pytestmark = pytest.mark.slow


@pytest.fixture
def launch(picture_folder, random_vgg_file):
    """Start train/train.py on so many processes, with a global batch of 6 photographs."""

    def start(folder, processes=1, accumulation=1, steps=2, script=ROOT / "train/train.py", launcher=False, **options):
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
        return start_script(script, *flags, processes=processes, vgg=random_vgg_file, launcher=launcher)

    return start


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


def test_processes_parts_checkpointing_and_bfloat16_go_together(launch, tmp_path):
    """Half precision rounds to 3 digits; what is compared is a gradient of float32 on one process."""
    finish(launch(tmp_path / "one", identity_steps=0, steps=1))
    options = {"gradient_checkpointing": True, "mixed_precision": "bf16", "identity_steps": 0, "pnet": "conv"}
    finish(launch(tmp_path / "two", 2, 3, steps=1, **options))
    one, two = gradients(tmp_path / "one", 1), gradients(tmp_path / "two", 1)
    assert two.dtype == torch.float32 and 0 < (two - one).norm() < 0.1 * one.norm()


@pytest.fixture
def shards(picture_folder, tmp_path):
    """The pictures in three tar files, with one among them that cannot be read."""
    files = sorted(picture_folder.iterdir())
    for number in range(3):
        with tarfile.open(tmp_path / f"{number:03d}.tar", "w") as tar:
            for file in files[2 * number : 2 * number + 2]:
                tar.add(file, f"{number}-{file.name}")
            (tmp_path / "broken.png").write_bytes(files[0].read_bytes()[:300])
            tar.add(tmp_path / "broken.png", f"{number}-broken.png")
    return {"content_dir": tmp_path / "{000..002}.tar", "validation_content_dir": picture_folder, "streaming": True}


def assert_same_end(one, other, steps):
    """Two runs ended with the same weights, average and optimiser, bit for bit."""
    for file in (f"checkpoint-{steps}/model.safetensors", "model.safetensors"):
        alone, again = load_file(one / file), load_file(other / file)
        assert alone.keys() == again.keys()
        assert all(torch.equal(alone[key], again[key]) for key in alone), file
    assert torch.equal(gradients(one, steps), gradients(other, steps))


def done(folder):
    """Steps of the newest checkpoint."""
    return int(checkpoints(folder)[-1].name.removeprefix("checkpoint-")) if checkpoints(folder) else 0


@pytest.mark.parametrize("source", ["folder", "stream"])
def test_runs_that_are_killed_go_on_with_nothing_lost(launch, tmp_path, source, request):
    """kill -9 of two processes and their workers: the end is, bit for bit, that of a whole run.

    They die at a random step while a checkpoint is written, once it is there, or a moment later, in the next step.
    """
    kills = int(os.environ.get("ZMNET_KILLS", "2"))
    steps = 6 * kills
    options = {"steps": steps, "dataloader_num_workers": 1}
    if source == "stream":
        options |= request.getfixturevalue("shards")
    finish(launch(tmp_path / "alone", 2, **options))
    killed, moments = tmp_path / "killed", random.Random(0)
    for _ in range(kills):
        process = launch(killed, 2, resume_from_checkpoint="latest", **options)
        deadline, ahead = time.monotonic() + 120, done(killed) + moments.choice([1, 2, 3])
        moment = moments.choice(["writing", "written", "at work"])
        while process.poll() is None and time.monotonic() < deadline:
            if moment == "writing" and done(killed) == ahead - 1 and list(killed.glob(".checkpoint-*")):
                break
            if done(killed) >= ahead:
                time.sleep(moments.uniform(0, 0.3) if moment == "at work" else 0)
                break
            time.sleep(0.002)
        send(process, signal.SIGKILL)
        process.communicate()
        begun = [path.name for path in killed.glob(".checkpoint-*")]
        print("killed at step", done(killed), begun, flush=True)  # seen by pytest -s
        for checkpoint in checkpoints(killed):
            load_file(checkpoint / "model.safetensors")
            assert (checkpoint / "progress.json").is_file()
        if (killed / f"checkpoint-{steps}").is_dir():  # it was through: from the start again
            shutil.rmtree(killed)
    finish(launch(killed, 2, resume_from_checkpoint="latest", **options))
    assert_same_end(tmp_path / "alone", killed, steps)
    assert not list(killed.glob(".*.*")), "something half-written was left"


@pytest.fixture
def vectors(picture_folder, tmp_path):
    """What guides a run on vectors: one for each picture."""
    found = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    write_tensors(tmp_path / "table.safetensors", {file.name: v for file, v in zip(picture_folder.iterdir(), found)})
    return {"signals": tmp_path / "table.safetensors", "pnet": "mlp", "signal_name": "mood", "identity_steps": 0}


def test_a_run_on_vectors_by_the_real_launcher_is_killed_and_goes_on_bit_for_bit(launch, vectors, tmp_path):
    finish(launch(tmp_path / "alone", 2, steps=5, **vectors))
    options = {"launcher": True, "resume_from_checkpoint": "latest", **vectors}
    process = launch(tmp_path / "killed", 2, steps=100_000, **options)
    deadline = time.monotonic() + 240
    while done(tmp_path / "killed") < 2 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    send(process, signal.SIGKILL)
    process.communicate()
    for checkpoint in checkpoints(tmp_path / "killed"):  # it may have come further than it was to
        if int(checkpoint.name.removeprefix("checkpoint-")) > 4:
            shutil.rmtree(checkpoint)
    assert 0 < done(tmp_path / "killed") < 5
    finish(launch(tmp_path / "killed", 2, steps=5, **options))
    assert_same_end(tmp_path / "alone", tmp_path / "killed", 5)
    model = ZMNet.from_pretrained(tmp_path / "killed")
    assert model.encode_attribute("0.png", signal="mood").values.isfinite().all()


def test_processes_share_out_the_vectors_of_a_step(launch, vectors, tmp_path):
    for name, processes in (("one", 1), ("two", 2)):
        finish(launch(tmp_path / name, processes, steps=1, **vectors))
    one, two = (gradients(tmp_path / name, 1) for name in ("one", "two"))
    assert (one - two).norm() < 3e-4 * one.norm()


def test_stream_goes_on_bit_for_bit_with_processes_and_workers(launch, shards, tmp_path):
    options = shards | {"dataloader_num_workers": 2, "identity_steps": 0, "validation_steps": 1}
    finish(launch(tmp_path / "whole", 2, steps=3, **options))
    finish(launch(tmp_path / "parts", 2, steps=1, **options))
    output = finish(launch(tmp_path / "parts", 2, steps=3, resume_from_checkpoint="latest", **options))
    assert_same_end(tmp_path / "whole", tmp_path / "parts", 3)
    assert "not the same to the bit" not in output
    options |= {"dataloader_num_workers": 1}
    output = finish(launch(tmp_path / "parts", 2, steps=4, resume_from_checkpoint="latest", **options))
    assert "made with 2 loader workers" in output and "this run has 1 loader workers" in output


def test_another_number_of_processes_goes_on_with_a_warning(launch, tmp_path):
    finish(launch(tmp_path, 2, steps=1))
    one = finish(launch(tmp_path, 1, steps=2, resume_from_checkpoint="latest"))
    assert "was made with 2 processes, this run has 1 processes: not the same to the bit" in one
    options = {"resume_from_checkpoint": "latest", "train_batch_size": 1, "styles_per_batch": 1}
    three = finish(launch(tmp_path, 3, steps=3, **options))
    assert "was made with 6 photographs a step, 1 processes, this run has 3 photographs a step, 3 processes" in three
    assert [checkpoint.name for checkpoint in checkpoints(tmp_path)] == ["checkpoint-2", "checkpoint-3"]


THREADS = f"""
import atexit, glob, os, runpy, sys
from pathlib import Path
def tell(names=Path(__file__).with_name(f"rank-{{os.environ['RANK']}}.txt")):
    names.write_text(" ".join(Path(name).read_text().strip() for name in glob.glob("/proc/self/task/*/comm")))
atexit.register(tell)
sys.argv[0] = {str(ROOT / "train/train.py")!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="this system does not list threads in /proc")
def test_no_thread_of_the_group_lives_on_when_a_process_ends(launch, tmp_path):
    """One that lets go of a tensor while Python ends makes the process die with SIGABRT."""
    (tmp_path / "threads.py").write_text(THREADS)
    finish(launch(tmp_path / "run", 2, steps=1, script=tmp_path / "threads.py", launcher=True))
    for rank in range(2):
        alive = (tmp_path / f"rank-{rank}.txt").read_text()
        assert "python" in alive and "gloo" not in alive


# Signals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("to", ["one process", "everything"])
def test_signal_ends_the_step_and_saves_on_all_processes(launch, tmp_path, number, to):
    """One of two processes is told to end, or all at once, with the launcher and the loader workers (Ctrl-C)."""
    options = {"steps": 100_000, "checkpointing_steps": 100_000, "dataloader_num_workers": 1}
    process = launch(tmp_path, 2, launcher=to == "everything", **options)
    log = tmp_path / "log.jsonl"
    deadline = time.monotonic() + 240
    while not (log.is_file() and log.stat().st_size) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
    if to == "everything":
        send(process, number)
    else:
        ranks = psutil.Process(process.pid).children()
        assert len(ranks) == 2
        ranks[1].send_signal(number)
    output, _ = process.communicate(timeout=240)
    # Torch's launcher, if it is told to end as well, waits for its processes and then says by 1 that it was told.
    assert process.returncode == (0 if to == "one process" else 1), output[-3000:]
    assert "DataLoader worker" not in output
    (checkpoint,) = checkpoints(tmp_path)
    assert checkpoint.name == f"checkpoint-{json.loads(log.read_text().splitlines()[-1])['step']}"
    ZMNet.from_pretrained(tmp_path)


# Pictures that are no good ---------------------------------------------------------------------


def test_bad_pictures_are_counted_once_over_workers_and_processes(launch, picture_folder, tmp_path):
    pictures = tmp_path / "pictures"
    shutil.copytree(picture_folder, pictures)
    whole = sorted(picture_folder.iterdir())[0]
    for number in range(12):
        (pictures / f"broken-{number:02d}.png").write_bytes(whole.read_bytes()[:300])
    Image.open(whole).convert("CMYK").save(pictures / "c.jpg")
    Image.open(whole).resize((40, 30)).save(pictures / "small.png")
    Image.open(whole).resize((9, 9)).save(pictures / "tiny.png")
    options = {"content_dir": pictures, "validation_content_dir": picture_folder, "dataloader_num_workers": 2}
    output = finish(launch(tmp_path / "run", 2, steps=10, validation_steps=4, **options))
    last = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert last["pictures_damaged"] == 12 and last["pictures_tiny"] == last["pictures_CMYK"] == 1
    assert last["pictures_enlarged"] == 1
    assert "pictures skipped: 12 damaged, 1 tiny" in output and "pictures converted: 1 CMYK, 1 enlarged" in output
    assert output.count("WARNING skipped: ") == 10 and output.count("WARNING converted: ") == 2
