"""Exports: what a run gives away on the way, whole at any moment."""

import errno
import json
import os
import random
import time

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.processes import ROOT, start_alone
from tests.test_time_budget import options_of
from tests.test_training import log_of, make_config, training_environment  # noqa: F401
from zmnet_core.errors import TrainingError
from zmnet_core.model import ZMNet
from zmnet_core.training.checkpoints import checkpoints
from zmnet_core.training.export import Export
from zmnet_core.training.trainer import Trainer, train

pytestmark = pytest.mark.usefixtures("training_environment")


def assert_same_weights(one, other):
    one, other = one.state_dict(), other.state_dict()
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name].half(), other[name].half()), name


def test_the_first_export_is_what_the_run_starts_from(make_config, model, tmp_path, monkeypatch):  # noqa: F811
    model.save_pretrained(tmp_path / "start")

    def crash(*args):
        raise RuntimeError("in step 1")

    monkeypatch.setattr(Trainer, "_gradients", crash)
    with pytest.raises(RuntimeError, match="in step 1"):
        train(make_config(tmp_path / "run", init_from=str(tmp_path / "start"), export_dir=str(tmp_path / "out")))
    assert_same_weights(ZMNet.from_pretrained(tmp_path / "out"), model)


def test_a_resumed_run_exports_the_average_it_goes_on_from(make_config, tmp_path, monkeypatch):  # noqa: F811
    run = train(make_config(tmp_path / "run"))
    ended = ZMNet.from_pretrained(run)
    monkeypatch.setattr(Trainer, "prepare", lambda trainer: (_ for _ in ()).throw(KeyboardInterrupt))
    options = {"resume_from_checkpoint": "latest", "max_train_steps": 9, "export_dir": str(tmp_path / "out")}
    with pytest.raises(KeyboardInterrupt):
        train(make_config(tmp_path / "run", **options))
    assert_same_weights(ZMNet.from_pretrained(tmp_path / "out"), ended)


@pytest.mark.slow
def test_exports_come_as_often_as_they_are_asked_for(make_config, tmp_path, monkeypatch):  # noqa: F811
    seen = []
    write = Export.__call__
    monkeypatch.setattr(Export, "__call__", lambda export, *state: (seen.append(1), write(export, *state)))
    train(make_config(tmp_path / "often", export_every=1e-9))
    assert len(seen) == 1 + 4  # the start, every step
    seen.clear()
    train(make_config(tmp_path / "never", export_every=0))
    assert len(seen) == 1 + 1  # the start, the end


def test_the_folder_holds_the_model_the_log_and_the_newest_pictures(make_config, tmp_path):  # noqa: F811
    run = train(make_config(tmp_path / "run", export_dir=str(tmp_path / "out"), validation_steps=2))
    out = tmp_path / "out"
    names = sorted(path.name for path in out.iterdir() if path.name != ".lock")
    assert names == ["config.json", "grid.png", "log.jsonl", "model.safetensors"]
    assert (out / "log.jsonl").read_text() == (run / "log.jsonl").read_text()
    assert (out / "grid.png").read_bytes() == (run / "samples" / "000004.png").read_bytes()
    given, kept = (load_file(folder / "model.safetensors") for folder in (out, run))
    assert given.keys() == kept.keys() and all(torch.equal(given[name], kept[name]) for name in given)
    assert all(tensor.dtype == torch.float16 for tensor in given.values())


def crash_in_step(number):
    """In place of `Trainer._gradients`: a crash in one step."""
    gradients = Trainer._gradients

    def crash(trainer, step, photographs):
        if step + 1 == number:
            raise RuntimeError(f"in step {number}")
        return gradients(trainer, step, photographs)

    return crash


def step_of(folder):
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        return int(file.metadata()["step"])


@pytest.mark.slow
@pytest.mark.parametrize("apart", [False, True])
def test_a_run_that_goes_on_from_further_back_leaves_its_exports(make_config, tmp_path, monkeypatch, caplog, apart):  # noqa: F811
    out = tmp_path / ("out" if apart else "run")
    options = {"max_train_steps": 6, "checkpointing_steps": 100, "export_every": 1e-9, "export_dir": str(out)}
    options |= {"resume_from_checkpoint": "latest"}
    monkeypatch.setattr(Trainer, "_gradients", crash_in_step(5))
    with pytest.raises(RuntimeError, match="in step 5"):
        train(make_config(tmp_path / "run", **options))
    assert step_of(out) == 4
    before = load_file(out / "model.safetensors")

    monkeypatch.undo()
    monkeypatch.setattr(Trainer, "_gradients", crash_in_step(3))
    with pytest.raises(RuntimeError, match="in step 3"):  # no checkpoint yet, so from the beginning
        train(make_config(tmp_path / "run", **options))
    assert "holds the model of step 4 of this run: it stays until the run has come that far again" in caplog.text
    assert step_of(out) == 4
    assert all(torch.equal(before[name], tensor) for name, tensor in load_file(out / "model.safetensors").items())

    monkeypatch.undo()
    train(make_config(tmp_path / "run", **options))
    assert step_of(out) == 6


@pytest.mark.slow
def test_a_model_of_another_run_is_not_overwritten(make_config, model, tmp_path):  # noqa: F811
    one = train(make_config(tmp_path / "one", export_dir=str(tmp_path / "out")))
    before = (tmp_path / "out" / "model.safetensors").read_bytes()
    with pytest.raises(TrainingError, match="--export_dir '.*out' holds a model that this run has not made"):
        train(make_config(tmp_path / "two", export_dir=str(tmp_path / "out")))
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == before
    train(make_config(one, max_train_steps=5, resume_from_checkpoint="latest", export_dir=str(tmp_path / "out")))
    assert step_of(tmp_path / "out") == 5

    model.save_pretrained(tmp_path / "mine")
    with pytest.raises(TrainingError, match="--output_dir '.*mine' holds a model that this run has not made"):
        train(make_config(tmp_path / "mine"))


@pytest.mark.slow
def test_what_a_run_that_did_no_step_left_is_overwritten(make_config, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(Trainer, "_gradients", crash_in_step(1))
    with pytest.raises(RuntimeError):
        train(make_config(tmp_path))
    monkeypatch.undo()
    train(make_config(tmp_path))
    assert step_of(tmp_path) == 4


@pytest.mark.slow
def test_an_export_folder_of_another_process_is_refused(make_config, tmp_path):  # noqa: F811
    holder = start_alone("-c", HOLD.format(folder=str(tmp_path / "out")))
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(TrainingError, match="another process .* training in '.*out': .* choose another --export_dir"):
        train(make_config(tmp_path / "run", export_dir=str(tmp_path / "out")))
    holder.kill()
    holder.communicate()
    train(make_config(tmp_path / "run", export_dir=str(tmp_path / "out")))


HOLD = """
import pathlib, time
from zmnet_core.training.locking import FolderLock
lock = FolderLock(pathlib.Path({folder!r}), "--export_dir")
print("held", flush=True)
time.sleep(600)
"""


def test_a_run_whose_export_folder_fills_up_on_the_way_goes_on(make_config, tmp_path, monkeypatch, caplog):  # noqa: F811
    def full(export):
        raise OSError(errno.ENOSPC, "No space left on device")

    out, records = tmp_path / "out", Export.records
    options = {"export_every": 1e-9, "export_dir": str(out)}
    gradients = Trainer._gradients

    def gradients_on_a_full_disk(trainer, step, photographs):
        monkeypatch.setattr(Export, "records", records if step == 3 else full)
        return gradients(trainer, step, photographs)

    monkeypatch.setattr(Trainer, "_gradients", gradients_on_a_full_disk)
    run = train(make_config(tmp_path / "run", **options))
    assert caplog.text.count("the export could not be written into") == 1 and "the run goes on" in caplog.text
    assert [line["step"] for line in log_of(run) if "loss" in line] == [1, 2, 3, 4]
    assert step_of(out) == 4


def test_an_export_folder_that_is_a_file_is_refused(make_config, tmp_path):  # noqa: F811
    (tmp_path / "out").write_text("mine")
    with pytest.raises(TrainingError, match="--export_dir '.*out' is a file: name a folder that can be written"):
        train(make_config(tmp_path / "run", export_dir=str(tmp_path / "out")))
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_an_interval_that_is_no_time_is_refused(make_config, tmp_path, seconds):  # noqa: F811
    with pytest.raises(TrainingError, match="--export_every .* cannot be: it is a number of seconds"):
        train(make_config(tmp_path, export_every=seconds))


FULL = """
import resource, sys
sys.argv = ["train.py", *{flags!r}]
from zmnet_core.training import trainer as training
from zmnet_core.errors import TrainingError
from zmnet_core.training.config import parse
prepare = training.Trainer.prepare
def small_disk(trainer):
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
    prepare(trainer)
training.Trainer.prepare = small_disk
try:
    training.train(parse())
except TrainingError as error:
    sys.exit(f"error: {{error}}")
"""


@pytest.mark.slow
def test_a_disk_without_room_is_told_and_leaves_the_export_before_whole(make_config, tmp_path, random_vgg_file):  # noqa: F811
    out = tmp_path / "out"
    config = make_config(tmp_path / "run", export_every=1e-6, export_dir=str(out), max_train_steps=50)
    flags = options_of(config)
    process = start_alone("-c", FULL.format(flags=flags), ZMNET_VGG=str(random_vgg_file))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "the export could not be written into" in errors and "MiB were free on the disk" in errors, errors[-2000:]
    assert "Traceback" not in errors
    assert [path.name for path in out.glob(".*")] == [".lock"]
    ZMNet.from_pretrained(out)


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_an_export_that_loads(make_config, tmp_path, random_vgg_file):  # noqa: F811
    """ZMNET_KILLS=20 kills that often (kill -9), at random moments from the first export on."""
    out, moments = tmp_path / "out", random.Random(1)
    options = {"export_every": 0.2, "export_dir": str(out), "resume_from_checkpoint": "latest"}
    options |= {"max_train_steps": 10**6, "validation_steps": 4, "checkpointing_steps": 7}
    flags = options_of(make_config(tmp_path / "run", **options))
    steps = []
    for _ in range(int(os.environ.get("ZMNET_KILLS", "3"))):
        newest = (out / "model.safetensors").stat().st_mtime if steps else 0.0
        process = start_alone(ROOT / "train/train.py", *flags, ZMNET_VGG=str(random_vgg_file))
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if (out / "model.safetensors").is_file() and (out / "model.safetensors").stat().st_mtime > newest:
                break
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 2))
        process.kill()
        _, errors = process.communicate()
        assert process.returncode == -9, errors[-2000:]
        age = time.time() - (out / "model.safetensors").stat().st_mtime
        assert ZMNet.from_pretrained(out).tnet.width == 8
        log = (out / "log.jsonl").read_text().splitlines() if (out / "log.jsonl").is_file() else []
        steps.append(max((json.loads(line)["step"] for line in log), default=0))
        print(f"killed after step {steps[-1]}, export of {age:.1f} s before", flush=True)  # seen by pytest -s
        assert age < 30, "much older than --export_every"
    train(make_config(tmp_path / "run", **options | {"max_train_steps": steps[-1] + 8}))
    assert [path.name for path in out.glob(".*")] == [".lock"], "something half-written was left"
    assert checkpoints(tmp_path / "run")
    assert log_of(out)[-1]["step"] == steps[-1] + 8
