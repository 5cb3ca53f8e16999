"""The training loop on a tiny network: resumable to the bit, and clear about what it refuses."""

import io
import json
import math
import os
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image, ImageChops
from safetensors.torch import load_file
from torch.nn.functional import avg_pool2d

from tests.processes import finish, start_alone
from zmnet_core.errors import TrainingError, WeightsNotFoundError
from zmnet_core.images.picture import to_pil
from zmnet_core.losses.perceptual import PerceptualLoss
from zmnet_core.model import ZMNet
from zmnet_core.networks.pnet import trainable
from zmnet_core.networks.tnet import din_sites
from zmnet_core.training.checkpoints import checkpoints
from zmnet_core.training.config import TrainingConfig, parse
from zmnet_core.training.objective import Drawn, Objective, pixel_loss
from zmnet_core.training.optimisation import MovingAverage, learning_rate, make_optimizer
from zmnet_core.training.revision import RevisionObjective
from zmnet_core.training.stopping import SIGNALS, StopSignal
from zmnet_core.training.stopwatch import Stopwatch
from zmnet_core.training.style_bank import StyleTargets
from zmnet_core.training.time_budget import TimeBudget
from zmnet_core.training.trainer import Trainer, build_model, train, unfreeze

pytestmark = pytest.mark.usefixtures("training_environment")


def forget_accelerate() -> None:
    """Accelerate keeps a run's precision for the whole process."""
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def training_environment(random_vgg_file):
    """A random VGG-16 as loss network: these tests are about the loop, not about what is learned."""
    forget_accelerate()
    with pytest.MonkeyPatch.context() as patch:  # not the test's own, which it may undo
        patch.setenv("ZMNET_VGG", str(random_vgg_file))
        yield


@pytest.fixture(scope="session")
def make_config(picture_folder):
    """A run of seconds; every option can be given."""

    def config(run: Path, **options: object) -> TrainingConfig:
        base = TrainingConfig(
            content_dir=str(picture_folder),
            style_dir=str(picture_folder),
            output_dir=str(run),
            resolution=64,
            style_resolution=64,
            train_batch_size=2,
            max_train_steps=4,
            checkpointing_steps=2,
            checkpoints_total_limit=9,
            validation_steps=100,
            validation_pairs=2,
            validation_resolution=64,
            logging_steps=1,
            lr_warmup_steps=2,
            tnet_width=8,
            pnet_width=8,
            seed=3,
        )
        return replace(base, **options)

    return config


@pytest.fixture(scope="module")
def run(make_config, random_vgg_file, tmp_path_factory) -> Path:
    """The folder of a finished run of four steps."""
    forget_accelerate()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZMNET_VGG", str(random_vgg_file))
        return train(make_config(tmp_path_factory.mktemp("run")))


def log_of(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def assert_same_state(one: object, other: object, where: str = "") -> None:
    """Nested dicts and lists of tensors and numbers, equal to the bit."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same_state(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other)):
            assert_same_state(a, b, f"{where}/{i}")
    else:
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other, where


def state_of(checkpoint: Path) -> dict[str, object]:
    """Weights, their average and the optimiser's state in a checkpoint."""
    return {
        "weights": load_file(checkpoint / "model.safetensors"),
        "average": torch.load(checkpoint / "custom_checkpoint_0.pkl", weights_only=True),
        "optimiser": torch.load(checkpoint / "optimizer.bin", weights_only=True),
    }


# Runs ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"max_train_steps": 5},
        {"max_train_steps": 5, "pnet": "vgg", "styles_per_batch": 2, "style_variants": 2, "calibration_paintings": 3},
        {"max_train_steps": 5, "gradient_accumulation_steps": 2},
        {
            "max_train_steps": 5,
            "identity_steps": 1,
            "identity_every": 3,
            "lr_scheduler": "cosine",
            "mixed_precision": "bf16",
        },
    ],
    ids=["conv", "vgg with kept looks", "in parts", "identity, cosine, bfloat16"],
)
def test_interrupted_run_ends_with_the_bits_of_one_that_was_not(make_config, tmp_path, options):
    whole = train(make_config(tmp_path / "whole", **options))
    resumed = train(make_config(tmp_path / "resumed", resume_from_checkpoint=str(whole / "checkpoint-2"), **options))
    assert log_of(resumed)[0]["step"] == 3
    assert_same_state(state_of(resumed / "checkpoint-5"), state_of(whole / "checkpoint-5"))
    assert_same_state(load_file(resumed / "model.safetensors"), load_file(whole / "model.safetensors"))
    with pytest.raises(AssertionError):
        assert_same_state(state_of(whole / "checkpoint-5"), state_of(whole / "checkpoint-4"))


def test_latest_resumes_the_newest_checkpoint(make_config, run, tmp_path):
    os.symlink(run / "checkpoint-2", tmp_path / "checkpoint-2")
    os.symlink(run / "checkpoint-4", tmp_path / "checkpoint-4")
    train(make_config(tmp_path, max_train_steps=5, resume_from_checkpoint="latest"))
    assert [line["step"] for line in log_of(tmp_path) if "loss" in line] == [5]


def test_latest_without_a_checkpoint_starts_at_the_beginning(make_config, tmp_path):
    train(make_config(tmp_path, max_train_steps=1, resume_from_checkpoint="latest"))
    assert [line["step"] for line in log_of(tmp_path) if "loss" in line] == [1]


def test_resuming_a_complete_run_says_so_and_changes_nothing(make_config, run, tmp_path, caplog):
    shutil.copytree(run, tmp_path / "run")
    model, log = (tmp_path / "run" / name for name in ("model.safetensors", "log.jsonl"))
    before, logged = load_file(model), log.read_text()
    train(make_config(tmp_path / "run", resume_from_checkpoint="latest"))
    assert "run' is complete: 4 steps are done. To go on, raise --max_train_steps" in caplog.text
    assert log.read_text() == logged
    after = load_file(model)
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("missing", ["vgg", "teacher", "pictures"])
def test_a_run_that_lacks_something_leaves_nothing_behind(make_config, tmp_path, monkeypatch, missing):
    options = {"teacher": {"teacher": str(tmp_path)}, "pictures": {"style_dir": str(tmp_path)}}.get(missing, {})
    if missing == "vgg":
        monkeypatch.setenv("ZMNET_VGG", str(tmp_path / "none.safetensors"))
    with pytest.raises((WeightsNotFoundError, TrainingError)):
        train(make_config(tmp_path / "run", **options))
    assert not (tmp_path / "run").exists()


def test_line_of_the_log_that_was_cut_off_does_not_keep_a_run_from_going_on(make_config, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    with open(tmp_path / "run" / "log.jsonl", "a") as log:
        log.write('{"step": 5, "lo')
    train(make_config(tmp_path / "run", max_train_steps=5, resume_from_checkpoint="latest"))
    assert [line["step"] for line in log_of(tmp_path / "run") if "loss" in line] == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_another_seed_is_another_run(make_config, run, tmp_path):
    other = train(make_config(tmp_path, seed=4))
    assert log_of(other)[0]["loss"] != log_of(run)[0]["loss"]


def test_run_folder_is_a_model_with_the_averaged_weights(run, make_picture):
    model = ZMNet.from_pretrained(run)
    assert model.config == {"schema": 1, "tnet": {"width": 8}, "pnet": {"kind": "conv", "width": 8}}
    style = model.encode_style(make_picture(64, 64, 0), size=None)
    assert torch.isfinite(model.apply(make_picture(32, 48, 1), style)).all()
    average = torch.load(run / "checkpoint-4" / "custom_checkpoint_0.pkl", weights_only=True)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, average[f"module.{name}"].half().float()), name


def test_log_has_every_step_with_its_losses_and_the_peaks_of_every_norm(run):
    steps = [line for line in log_of(run) if "loss" in line]
    assert [line["step"] for line in steps] == [1, 2, 3, 4]
    for line in steps:
        assert len(line["peaks"]) == len(din_sites(8)) == 14 and all(peak > 1 for peak in line["peaks"])
        for key in (
            "content",
            "relu1_2",
            "relu2_2",
            "relu3_3",
            "relu4_3",
            "grad_norm",
            "saturation",
            "excess",
            "seconds",
        ):
            assert math.isfinite(line[key]), key
    assert [line["lr"] for line in steps] == [5e-4, 1e-3, 1e-3, 1e-3]


def test_run_ends_with_a_validation_and_its_pictures(run):
    last = log_of(run)[-1]
    assert last["step"] == 4 and {"val_content", "val_style", "val_total", "val_relu3_3"} <= last.keys()
    assert (run / "samples" / "000004.png").is_file()


@pytest.mark.parametrize("pairs", [1, 3])
def test_odd_number_of_validation_pairs_is_validated_too(make_config, tmp_path, pairs):
    train(make_config(tmp_path, max_train_steps=1, validation_pairs=pairs))
    assert math.isfinite(log_of(tmp_path)[-1]["val_total"])


def test_settings_of_a_run_are_kept_beside_it(make_config, run):
    assert parse(["--config", str(run / "config.yaml")]) == make_config(run)
    environment = json.loads((run / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__ and environment["command"]
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?", environment["commit"] or "0" * 40)


def test_only_the_newest_checkpoints_are_kept(make_config, tmp_path):
    train(make_config(tmp_path, max_train_steps=3, checkpointing_steps=1, checkpoints_total_limit=2))
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-2", "checkpoint-3"]
    assert not list(tmp_path.glob(".*.*")), "something half-written was left"


def test_half_written_checkpoint_is_not_taken_for_one(run, tmp_path):
    for name in (".checkpoint-9.part", "checkpoint-10", "checkpoint-2", "checkpoint-x"):
        (tmp_path / name).mkdir()
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-2", "checkpoint-10"]


def test_run_started_from_a_model_starts_with_its_weights(make_config, run, tmp_path, random_vgg):
    model = build_model(make_config(tmp_path, init_from=str(run), tnet_width=32), random_vgg)
    unfreeze(model)
    assert model.training and all(parameter.requires_grad for parameter in model.parameters())
    assert_same_state(dict(model.state_dict()), dict(ZMNet.from_pretrained(run).state_dict()))


def test_run_from_a_trained_model_first_says_how_good_that_one_is(make_config, run, tmp_path, random_vgg_file):
    finished = {k: v for k, v in log_of(run)[-1].items() if k.startswith("val_")}
    folder = train(make_config(tmp_path, init_from=str(run), max_train_steps=1))
    first, *_, last = (line for line in log_of(folder) if "val_total" in line)
    assert first["step"] == 0 and last["step"] == 1
    assert {k: v for k, v in first.items() if k.startswith("val_")} == pytest.approx(finished, rel=1e-2)  # float16 file
    train(make_config(tmp_path, init_from=str(run), max_train_steps=2, resume_from_checkpoint="latest"))
    assert [line["step"] for line in log_of(folder) if "val_total" in line] == [0, 1, 2]


def test_vgg_in_a_pnet_is_not_unfrozen(make_config, tmp_path, random_vgg):
    model = build_model(make_config(tmp_path, pnet="vgg"), random_vgg)
    unfreeze(model)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {f"pnet.vgg.{name}" for name in model.pnet.vgg.state_dict()}


def test_vgg_in_a_pnet_stays_as_it_was_through_a_run(make_config, tmp_path, random_vgg):
    train(make_config(tmp_path, max_train_steps=2, pnet="vgg", calibration_paintings=2))
    state = load_file(tmp_path / "model.safetensors")
    for name, weight in random_vgg.state_dict().items():
        key = f"pnet.vgg.{name}"
        if key in state:
            assert torch.equal(state[key], weight.half()), name
    assert state["pnet.spread"].float().std() > 0, "not calibrated"


@pytest.mark.slow
def test_learning_lowers_the_error_of_reproducing_a_photograph(make_config, make_picture, tmp_path):
    for name in ("a.png", "b.png"):  # one of the two is held out
        to_pil(make_picture(64, 64, 1)[0]).save(tmp_path / name)
    options = {"max_train_steps": 40, "identity_steps": 40, "learning_rate": 5e-3, "checkpointing_steps": 100}
    train(make_config(tmp_path / "run", content_dir=str(tmp_path), **options))
    pixels = [line["pixels"] for line in log_of(tmp_path / "run") if "pixels" in line]
    assert sum(pixels[-5:]) < 0.8 * sum(pixels[:5])


@pytest.mark.slow
def test_worker_processes_that_read_photographs_change_nothing(make_config, run, tmp_path):
    train(make_config(tmp_path, dataloader_num_workers=1))
    assert_same_state(load_file(tmp_path / "model.safetensors"), load_file(run / "model.safetensors"))


@pytest.mark.slow
def test_gradient_checkpointing_changes_no_bit(make_config, run, tmp_path):
    train(make_config(tmp_path, gradient_checkpointing=True))
    assert_same_state(state_of(tmp_path / "checkpoint-4"), state_of(run / "checkpoint-4"))


@pytest.mark.skipif("ZMNET_COMPILE" not in os.environ, reason="compiles for minutes: set ZMNET_COMPILE=1")
def test_compiled_run_has_the_losses_of_one_that_is_not(make_config, run, tmp_path, caplog):
    train(make_config(tmp_path, compile=True))
    assert "--compile" not in caplog.text, "not compiled"
    for key in ("loss", "grad_norm", "content", "relu1_2", "relu4_3"):
        losses, expected = ([line[key] for line in log_of(folder) if key in line] for folder in (tmp_path, run))
        assert losses == pytest.approx(expected, rel=1e-2), key
    assert load_file(tmp_path / "model.safetensors").keys() == load_file(run / "model.safetensors").keys()


@pytest.mark.slow
def test_half_precision_trains_nearly_alike_and_keeps_weights_in_float32(make_config, run, tmp_path):
    train(make_config(tmp_path, mixed_precision="bf16"))
    half, whole = ([line["loss"] for line in log_of(folder) if "loss" in line] for folder in (tmp_path, run))
    assert half == pytest.approx(whole, rel=0.02) and half != whole
    assert {w.dtype for w in state_of(tmp_path / "checkpoint-4")["weights"].values()} == {torch.float32}


def test_float16_needs_a_gpu(make_config, tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    with pytest.raises(TrainingError, match="--mixed_precision fp16 needs a GPU"):
        train(make_config(tmp_path, mixed_precision="fp16"))


@pytest.mark.slow
def test_termination_signal_ends_the_step_saves_and_leaves_a_model(make_config, tmp_path, random_vgg_file):
    config = make_config(tmp_path, max_train_steps=100_000, checkpointing_steps=100_000)
    script = f"from zmnet_core.training.trainer import *; train(TrainingConfig(**{vars(config)!r}))"
    process = start_alone("-c", script, ZMNET_VGG=str(random_vgg_file))
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "log.jsonl").is_file() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
    (checkpoint,) = checkpoints(tmp_path)
    assert int(checkpoint.name.removeprefix("checkpoint-")) == [line["step"] for line in log_of(tmp_path)][-1]
    ZMNet.from_pretrained(tmp_path)


def test_signal_handlers_are_given_back_after_a_run(make_config, tmp_path):
    before = [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)]
    train(make_config(tmp_path, max_train_steps=1))
    with pytest.raises(TrainingError):
        train(make_config(tmp_path / "bad", max_train_steps=9, learning_rate=1e30, lr_warmup_steps=0, max_bad_steps=1))
    assert [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)] == before


FULL_DISK = """
import resource, sys
from zmnet_core.training.checkpoints import latest_checkpoint
from zmnet_core.errors import TrainingError
from zmnet_core.training.trainer import *
config = TrainingConfig(**{options!r})
largest = max(file.stat().st_size for file in latest_checkpoint(Path(config.output_dir)).iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest * {share}), resource.RLIM_INFINITY))
try:
    train(config)
except TrainingError as error:
    sys.exit(f"error: {{error}}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5])
def test_full_disk_is_told_and_leaves_the_last_checkpoint_whole(make_config, run, tmp_path, random_vgg_file, share):
    """No file may grow beyond so much of the largest one of a checkpoint: something cannot be written."""
    shutil.copytree(run, tmp_path / "run")
    config = make_config(tmp_path / "run", max_train_steps=9, checkpointing_steps=1, resume_from_checkpoint="latest")
    script = FULL_DISK.format(options=vars(config), share=share)
    process = start_alone("-c", script, ZMNET_VGG=str(random_vgg_file))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1 and "Traceback" not in errors
    assert re.search(r"^error: .*[Ll]ast (whole|good) (one is|checkpoint:).*checkpoint-4", errors, re.M), errors
    assert [path.name for path in checkpoints(tmp_path / "run")] == ["checkpoint-2", "checkpoint-4"]
    assert not [path.name for path in (tmp_path / "run").glob(".*.*")]
    assert_same_state(state_of(tmp_path / "run" / "checkpoint-4"), state_of(run / "checkpoint-4"))
    train(config)
    assert checkpoints(tmp_path / "run")[-1].name == "checkpoint-9"


# Trackers and the time -------------------------------------------------------------------------


@pytest.mark.slow
def test_tensorboard_has_the_losses_the_times_and_the_pictures(make_config, tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(make_config(tmp_path, validation_steps=2, report_to="tensorboard"))
    (folder,) = {file.parent for file in tmp_path.rglob("events.out.tfevents.*") if file.parent.name == "zmnet"}
    events = reader.EventAccumulator(str(folder))
    events.Reload()
    lines = log_of(tmp_path)
    for name in ("loss", "content", "relu1_2", "relu2_2", "relu3_3", "relu4_3", "grad_norm", "lr"):
        values = [(event.step, event.value) for event in events.Scalars(name)]
        assert values == [(x["step"], pytest.approx(x[name], rel=1e-4)) for x in lines if name in x], name
        assert [step for step, _ in values] == [1, 2, 3, 4]
    for name in ("images_per_second", "share_data", "val_total", "val_relu3_3"):
        assert {event.step for event in events.Scalars(name)} <= {2, 4} and events.Scalars(name), name
    pictures = events.Images("validation")
    assert [picture.step for picture in pictures] == [2, 4]
    logged = Image.open(io.BytesIO(pictures[1].encoded_image_string))
    assert ImageChops.difference(logged, Image.open(tmp_path / "samples" / "000004.png")).getbbox() is None


def test_wandb_offline_takes_a_run(make_config, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    train(make_config(tmp_path, max_train_steps=1, report_to="wandb"))
    assert list(tmp_path.rglob("*.wandb")) and list(tmp_path.rglob("media/images/validation*.png"))


def test_trackio_takes_a_run(make_config, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio")
    train(make_config(tmp_path, max_train_steps=1, report_to="trackio"))
    assert list((tmp_path / "trackio").rglob("*.db")) and list((tmp_path / "trackio").rglob("*.png"))


def test_time_is_told_by_part_and_adds_up(run):
    shares = {key: value for key, value in log_of(run)[-1].items() if key.startswith("share_")}
    assert set(shares) == {
        f"share_{part}" for part in ("data", "targets", "pnet", "tnet", "loss", "backward", "update")
    }
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3) and min(shares.values()) > 0


def test_time_within_a_part_within_a_part_counts_once():
    watch, inner = Stopwatch(torch.device("cpu"), every=2), torch.nn.Identity()
    inner.register_forward_hook(lambda *_: time.sleep(0.1))
    watch.follow("inner", inner)
    for step in range(2):  # the second is not measured
        watch.step(step)
        with watch.part("outer"):
            time.sleep(0.05)
            inner(torch.zeros(1))
        inner(torch.zeros(1))  # outside a part: not counted
    report = watch.report(images_per_step=3)
    assert set(report) == {"images_per_second", "share_inner", "share_outer"}
    assert report["share_inner"] + report["share_outer"] == pytest.approx(1)
    assert 3 / 0.25 < report["images_per_second"] <= 3 / 0.15
    assert 0.5 < report["share_inner"] < 0.75


@pytest.mark.slow
def test_options_of_a_run_folder_repeat_the_run(make_config, run, tmp_path, random_vgg_file):
    script = Path(__file__).parent.parent / "train" / "train.py"
    options = ("--config", run / "config.yaml", "--output_dir", tmp_path / "again")
    finish(start_alone(script, *options, ZMNET_VGG=str(random_vgg_file), ACCELERATE_USE_CPU="true"))
    assert_same_state(state_of(tmp_path / "again" / "checkpoint-4"), state_of(run / "checkpoint-4"))
    again = json.loads((tmp_path / "again" / "environment.json").read_text())
    assert again["command"] == [str(part) for part in (script, *options)] and again["processes"] == 1


def test_second_signal_ends_the_process_only_when_it_is_not_an_echo(monkeypatch):
    clock = iter((100.0, 100.5, 104.0, 106.0))
    monkeypatch.setattr("zmnet_core.training.trainer.time.monotonic", lambda: next(clock))
    raised = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    with StopSignal() as stop:
        for _ in range(3):
            stop._ask(signal.SIGTERM, None)
        assert stop.wanted and not raised
        stop._ask(signal.SIGINT, None)
        assert raised == [signal.SIGINT]


@pytest.mark.slow
@pytest.mark.parametrize("streaming", [False, True])
def test_data_sets_train_and_resume_like_folders(make_config, picture_folder, tmp_path, streaming):
    datasets = pytest.importorskip("datasets")
    files = sorted(map(str, picture_folder.iterdir()))
    features = datasets.Features({"art": datasets.Image()})
    datasets.Dataset.from_dict({"art": files}, features).save_to_disk(tmp_path / "set")
    options = {"content_dir": str(tmp_path / "set"), "style_dir": f"hf:{tmp_path / 'set'}", "image_column": "art"}
    options |= {"streaming": streaming, "dataloader_num_workers": 1, "max_train_steps": 3}
    whole = train(make_config(tmp_path / "whole", **options))
    resumed = train(make_config(tmp_path / "resumed", resume_from_checkpoint=str(whole / "checkpoint-2"), **options))
    assert_same_state(state_of(resumed / "checkpoint-3"), state_of(whole / "checkpoint-3"))
    if not streaming:
        folder = train(make_config(tmp_path / "folder", max_train_steps=3))
        assert_same_state(state_of(folder / "checkpoint-3"), state_of(whole / "checkpoint-3"))


# Refusing --------------------------------------------------------------------------------------


def test_gradients_that_stay_nan_change_no_weight_and_stop_the_run(make_config, tmp_path):
    options = {"learning_rate": 1e30, "lr_warmup_steps": 0, "max_bad_steps": 3, "checkpointing_steps": 1}
    with pytest.raises(
        TrainingError, match="3 steps in a row had no finite gradient. Last good checkpoint: .*checkpoint-3"
    ):
        train(make_config(tmp_path, max_train_steps=50, **options))
    assert [math.isfinite(line["grad_norm"]) for line in log_of(tmp_path)] == [True, False, False]
    assert [line["skipped_steps"] for line in log_of(tmp_path)] == [0, 1, 2]
    first, last = (state_of(tmp_path / f"checkpoint-{step}") for step in (1, 3))
    assert_same_state(first["weights"], last["weights"])
    assert_same_state(first["average"], last["average"])


@pytest.mark.slow
def test_run_with_workers_ends_after_an_error(make_config, tmp_path, random_vgg_file):
    options = {"learning_rate": 1e30, "lr_warmup_steps": 0, "max_bad_steps": 1, "dataloader_num_workers": 2}
    config = vars(make_config(tmp_path, **options))
    script = f"from zmnet_core.training.trainer import *; train(TrainingConfig(**{config!r}))"
    process = start_alone("-c", script, ZMNET_VGG=str(random_vgg_file))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1 and "1 steps in a row had no finite gradient" in errors


@pytest.mark.parametrize("workers", [0, 1])
def test_folder_of_unreadable_pictures_stops_the_run_naming_one(make_config, picture_folder, tmp_path, workers):
    (tmp_path / "pictures").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / "pictures" / name).write_text("no picture")
    options = {"content_dir": str(tmp_path / "pictures"), "validation_content_dir": str(picture_folder)}
    with pytest.raises(
        TrainingError, match="^none of the 3 pictures could be read; the first is '.*a.jpg'. .*validation"
    ):
        train(make_config(tmp_path / "run", dataloader_num_workers=workers, **options))


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["content_dir", "style_dir"])
def test_missing_folder_stops_the_run_naming_the_flag(make_config, tmp_path, flag):
    with pytest.raises(TrainingError, match=f"--{flag}: there is no file or folder '/nowhere'"):
        train(make_config(tmp_path, **{flag: "/nowhere"}))
    with pytest.raises(TrainingError, match=f"--{flag} is missing"):
        train(make_config(tmp_path, **{flag: ""}))


@pytest.mark.slow
def test_checkpoint_of_another_model_is_refused_naming_the_options(make_config, run, tmp_path):
    message = r"checkpoint-2' is of another model: its run has --tnet_width 8 \(this one: 16\)\. Resume"
    with pytest.raises(TrainingError, match=message):
        train(make_config(tmp_path, tnet_width=16, resume_from_checkpoint=str(run / "checkpoint-2")))
    shutil.copytree(run / "checkpoint-2", tmp_path / "alone" / "checkpoint-2")  # without the run's config.yaml
    with pytest.raises(TrainingError, match="checkpoint-2' is of another model: .*size mismatch"):
        train(make_config(tmp_path, pnet_width=16, resume_from_checkpoint=str(tmp_path / "alone" / "checkpoint-2")))


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.bin", "custom_checkpoint_0.pkl", "progress.json"])
@pytest.mark.parametrize("left", [0, 0.5])
def test_checkpoint_cut_short_is_named_with_the_one_before_it(make_config, run, tmp_path, file, left):
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "checkpoint-4" / file
    path.write_bytes(path.read_bytes()[: int(left * path.stat().st_size)])
    message = rf"^'.*checkpoint-4' is damaged: {file} \(.+\)\. Go on .*: --resume_from_checkpoint '.*checkpoint-2'\.$"
    with pytest.raises(TrainingError, match=message):
        train(make_config(tmp_path / "run", max_train_steps=5, resume_from_checkpoint="latest"))
    shutil.rmtree(tmp_path / "run" / "checkpoint-2")
    with pytest.raises(TrainingError, match="There is none before it: start again"):
        train(make_config(tmp_path / "run", max_train_steps=5, resume_from_checkpoint="latest"))


def test_run_folder_that_cannot_be_written_is_refused(make_config, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(TrainingError, match=r"--output_dir '.*file/run' cannot be written \(a file stands where"):
        train(make_config(tmp_path / "file" / "run"))


def test_second_process_in_a_run_folder_is_refused_until_the_first_is_dead(make_config, tmp_path):
    script = f"""
import multiprocessing, pathlib, sys, time
from zmnet_core.training.locking import FolderLock
lock = FolderLock(pathlib.Path({str(tmp_path)!r}))
multiprocessing.get_context("fork").Process(target=time.sleep, args=(30,)).start()  # as a loader worker
print("held", flush=True)
time.sleep(60)
"""
    first = start_alone("-c", script)
    assert first.stdout.readline() == "held\n"
    with pytest.raises(TrainingError, match=rf"another process \(pid {first.pid} on .*\) is training in '"):
        train(make_config(tmp_path))
    worker = psutil.Process(first.pid).children()[0]
    first.kill()
    first.wait()
    assert worker.is_running(), "this would not show that the worker does not hold it"
    train(make_config(tmp_path, max_train_steps=1))
    worker.kill()


def test_cache_of_looks_that_are_not_kept_is_warned_of(make_config, tmp_path, caplog):
    options = {"max_train_steps": 1, "style_cache": str(tmp_path / "looks")}
    train(make_config(tmp_path / "one", **options))
    assert "--style_cache" in caplog.text and "Give --style_variants 1 or more" in caplog.text
    caplog.clear()
    train(make_config(tmp_path / "two", style_variants=1, **options))
    assert "--style_cache" not in caplog.text


@pytest.mark.slow
def test_run_that_is_stopped_says_by_what_and_how_to_go_on(make_config, tmp_path, caplog, monkeypatch):
    step = Trainer._gradients
    told = "after step 1; checkpoint-1 saved; go on with --resume_from_checkpoint latest"
    for number in SIGNALS:
        name = signal.Signals(number).name
        monkeypatch.setattr(Trainer, "_gradients", lambda *args, n=number: (signal.raise_signal(n), step(*args))[1])
        train(make_config(tmp_path / name))
        assert f"stopped by {name} {told}" in caplog.text
        ZMNet.from_pretrained(tmp_path / name)
        caplog.clear()
    monkeypatch.undo()
    forget_accelerate()
    monkeypatch.setattr(TimeBudget, "allows_step", lambda budget, before: not budget._steps)
    train(make_config(tmp_path / "two", time_budget=10.0))
    assert f"stopped by --time_budget {told.replace('1', '2')}" in caplog.text
    monkeypatch.undo()
    caplog.clear()
    train(make_config(tmp_path / "three", max_train_steps=1))
    assert "stopped" not in caplog.text


def test_folder_that_is_no_checkpoint_is_refused_listing_those_there_are(make_config, run, tmp_path):
    with pytest.raises(TrainingError, match="is not a checkpoint. Checkpoints in '.*': checkpoint-2, checkpoint-4"):
        train(make_config(run, resume_from_checkpoint=str(tmp_path)))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"train_batch_size": 4, "styles_per_batch": 3}, "--styles_per_batch 3 does not divide --train_batch_size 4"),
        ({"pnet": "vgg", "pnet_taps": "relu1_2,relu9"}, "--pnet_taps 'relu9': VGG-16 has relu1_1, "),
        ({"pnet_taps": "relu1_2"}, "--pnet_taps needs a vgg PNet: --pnet conv has none"),
        ({"style_scales": "1,x"}, "--style_scales 1,x: whole numbers from 1 on, such as 1,2,4"),
        ({"style_scales": "0"}, "--style_scales 0: whole numbers from 1 on"),
        ({"style_scales": "1,8"}, "at 1/8 of --resolution 64 nothing is left to compare; 4 is the most"),
        ({"style_layers": "relu1_2,relu9_9"}, "--style_layers 'relu9_9': VGG-16 has relu1_1"),
        ({"content_layers": ""}, "--content_layers '': VGG-16 has relu1_1"),
        ({"style_statistic": "median"}, "--style_statistic 'median' does not exist: choose one of gram, moments"),
        ({"loss": "paper", "style_statistic": "moments"}, "--loss paper, --style_statistic moments: Eq. 2 as printed"),
        ({"style_loss_resolution": 32}, "--style_loss_resolution 32 is too small: 64 px at least"),
        ({"tnet_kernel": 6}, "--tnet_kernel 6 cannot be: 1, 3, 5, 7 or 9"),
        ({"resolution": 63}, "--resolution 63 is too small: 64 px at least"),
        ({"style_resolution": 0}, "--style_resolution 0 is too small"),
        ({"style_resolution": 128, "style_resolution_max": 100}, "--style_resolution_max 100 is below"),
        ({"styles_per_batch": 2, "style_resolution_max": 100}, "--style_resolution_max: .* one size"),
        ({"learning_rate": -1.0}, "--learning_rate -1.0 cannot be: it is a number from 0 on"),
        ({"styles_per_batch": 0}, "--styles_per_batch"),
        ({"train_batch_size": 0}, "--train_batch_size"),
        ({"logging_steps": 0}, "--logging_steps"),
        ({"checkpointing_steps": 0}, "--checkpointing_steps"),
        ({"checkpoints_total_limit": 0}, "--checkpoints_total_limit"),
        ({"validation_steps": 0}, "--validation_steps"),
        ({"validation_pairs": 0}, "--validation_pairs"),
        ({"lr_scheduler": "cosin"}, "--lr_scheduler.*constant, cosine, step"),
        ({"pnet": "rnn"}, "--pnet.*conv, conv-parallel, vgg"),
        ({"loss": "gatys"}, "--loss.*normalised, paper"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_be_trained_are_refused_naming_the_flag(make_config, tmp_path, options, message):
    with pytest.raises(TrainingError, match=message):
        train(make_config(tmp_path, **options))


# Options ---------------------------------------------------------------------------------------


@pytest.fixture
def yaml_file(tmp_path):
    def write(text: str) -> str:
        (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
        return str(tmp_path / "run.yaml")

    return write


def test_flag_beats_file_and_file_beats_default(yaml_file):
    file = yaml_file("learning_rate: 0.5\nseed: 7\npictures_in_memory: true\n")
    config = parse(["--config", file, "--seed", "0", "--no-pictures_in_memory", "--max_minutes", "1.5"])
    assert (config.learning_rate, config.seed, config.pictures_in_memory, config.max_minutes) == (0.5, 0, False, 1.5)
    assert config.train_batch_size == TrainingConfig().train_batch_size


def test_no_flags_are_the_defaults():
    assert parse([]) == TrainingConfig()


def test_number_without_a_point_is_still_a_number(yaml_file):
    config = parse(["--config", yaml_file("learning_rate: 1e-4\nmax_minutes: 3\nstyle_cache: null\n")])
    assert config.learning_rate == 1e-4 and config.max_minutes == 3.0 and config.style_cache is None
    assert isinstance(config.max_minutes, float)


def test_keys_of_a_file_may_be_written_as_flags_may(yaml_file):
    config = parse(["--config", yaml_file("max-train-steps: 7\nlearning-rate: 0.5\n"), "--learning_rate", "0.1"])
    assert (config.max_train_steps, config.learning_rate) == (7, 0.1)


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "learning-rat: 1\nseed: 1\nxyz: 2\n",
            r"yaml' has options that do not exist: learning-rat \(did you mean learning_rate\?\), xyz. `zmnet",
        ),
        ("max-train-steps: 1\nmax_train_steps: 2\n", "run.yaml' has max_train_steps twice"),
        ("max-train-steps: many\n", "run.yaml': max-train-steps is 'many'; a whole number is expected.$"),
        ("seed: 1.5\n", "run.yaml': seed is 1.5; a whole number is expected.$"),
        ("seed: .inf\n", "run.yaml': seed is inf; a whole number is expected.$"),
        ("max_train_steps:\n", "run.yaml': max_train_steps is None; a whole number is expected.$"),
        ("time_budget: true\n", "run.yaml': time_budget is True; a number is expected.$"),
        ("style_scales: [1, 2]\n", r"run.yaml': style_scales is \[1, 2\]; text is expected.$"),
        ("pictures_in_memory: maybe\n", "run.yaml': pictures_in_memory is 'maybe'; true or false is expected.$"),
        ("lr_scheduler: cosin\n", "lr_scheduler.*constant, cosine, step"),
        ("seed: [1\n", "^'.*run.yaml', line 2, column 1: not YAML: "),
        ("- seed\n", "run.yaml"),
    ],
    ids=[
        "unknown keys",
        "a key twice",
        "text for a number",
        "half a seed",
        "a seed without end",
        "nothing",
        "yes for a number",
        "a list for text",
        "neither true nor false",
        "unknown choice",
        "not YAML",
        "a list",
    ],
)
def test_file_with_a_mistake_is_refused_naming_it(yaml_file, text, message):
    with pytest.raises(TrainingError, match=message):
        parse(["--config", yaml_file(text)]).check()


def test_missing_options_file_is_named(tmp_path):
    with pytest.raises(TrainingError, match="--config '.*none.yaml' cannot be read: there is no such file or folder.$"):
        parse(["--config", str(tmp_path / "none.yaml")])


def test_configurations_that_ship_are_read(tmp_path):
    files = sorted((Path(__file__).parent.parent / "train" / "configs").glob("*.yaml"))
    assert files
    for file in files:
        replace(parse(["--config", str(file)]), content_dir="a", style_dir="b").check()


def test_weight_zero_leaves_a_style_layer_out():
    assert list(TrainingConfig(relu4_3_weight=0).loss_config().style_layers) == ["relu1_2", "relu2_2", "relu3_3"]
    assert TrainingConfig(relu4_3_weight=0.3).loss_config().style_layers["relu4_3"] == 0.3


# The step --------------------------------------------------------------------------------------


def test_learning_rate_by_hand():
    base = TrainingConfig(learning_rate=0.01, lr_warmup_steps=4, lr_decay_steps=10, max_train_steps=100)
    constant = replace(base, lr_scheduler="constant")
    assert [learning_rate(constant, step) for step in (0, 1, 3, 4, 90)] == pytest.approx(
        [0.0025, 0.005, 0.01, 0.01, 0.01]
    )
    steps = replace(base, lr_scheduler="step")
    assert [learning_rate(steps, s) for s in (4, 9, 10, 19, 20, 30)] == pytest.approx(
        [1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-5]
    )
    cosine = replace(base, lr_scheduler="cosine", lr_warmup_steps=0)
    assert [learning_rate(cosine, s) for s in (0, 50, 100, 500)] == pytest.approx([0.01, 0.01 * 0.505, 0.0001, 0.0001])
    assert learning_rate(cosine, 25) == pytest.approx(0.01 * (0.01 + 0.99 * (0.5 + math.sqrt(0.125))))


def test_decay_acts_on_the_convolutions_before_a_norm_and_on_nothing_else(model):
    unfreeze(model)
    decayed, others = make_optimizer(model, TrainingConfig(weight_decay=0.25)).param_groups
    assert decayed["weight_decay"] == 0.25 and others["weight_decay"] == 0
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert {names[id(parameter)] for parameter in decayed["params"]} == {
        *(f"tnet.{layer}.weight" for layer in ("c9", "d2w", "d4w", "u2w")),
        *(f"tnet.residual.{block}.conv{half}.weight" for block in range(5) for half in (1, 2)),
    }
    assert len(decayed["params"]) + len(others["params"]) == len(list(trainable(model))) == len(names)


def test_first_layer_of_a_vgg_pnet_learns_slower_in_proportion_to_its_inputs(make_config, tmp_path, random_vgg):
    train(make_config(tmp_path, max_train_steps=2, pnet="vgg", calibration_paintings=2, lr_warmup_steps=0))
    groups = state_of(tmp_path / "checkpoint-2")["optimiser"]["param_groups"]
    inputs = 2 * (1 + 2 + 4 + 8) * random_vgg.width  # means and deviations at the four taps
    assert [group["lr"] for group in groups] == pytest.approx([1e-3, 1e-3, 1e-3 * 8 / inputs])
    assert [len(group["params"]) for group in groups][2] == 1


def test_average_of_the_weights_by_hand():
    weights = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(weights, 0.5)
    expected = None
    for count, value in enumerate((1.0, 3.0, -2.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0)):
        torch.nn.init.constant_(weights.weight, value)
        average.update_parameters(weights)
        decay = min(0.5, (1 + count) / (10 + count))
        expected = value if count == 0 else decay * expected + (1 - decay) * value
        assert average.module.weight.item() == pytest.approx(expected)


def test_pixel_loss_by_hand():
    image = torch.zeros(1, 1, 2, 3)
    image[0, 0, 0, 1] = 0.6
    # one pixel of six; two of the four steps across, one of the three steps down
    assert pixel_loss(image, torch.zeros_like(image)).item() == pytest.approx(0.6 / 6 + 2 * 0.6 / 4 + 0.6 / 3)


@pytest.fixture
def step(model, random_vgg, make_picture):
    """The loss of one step of two photographs, with the options given."""
    model.tnet.out.weight.mul_(30)  # so that the output saturates
    unfreeze(model)
    two_contents, two_paintings = make_picture(64, 64, 1, count=2), make_picture(64, 64, 2, count=2)

    def loss(
        paintings=two_paintings, contents=two_contents, identity: bool = False, gram: bool = True, **options: object
    ):
        config = TrainingConfig(identity_every=2, **options)
        objective = Objective(config, PerceptualLoss(random_vgg, config.loss_config()))
        style = objective.perceptual.style_targets(paintings) if gram else {}
        total, log = objective(model, contents, StyleTargets(paintings, style), torch.tensor(float(identity)))
        return total, {name: value.tolist() for name, value in log.items()}

    return loss


def test_objective_is_the_weighted_sum_of_what_it_logs(step):
    total, log = step(style_weight=3.0, content_weight=2.0, peak_weight=1e5, saturation_weight=4.0, relu4_3_weight=0.5)
    style = (log["relu1_2"] + log["relu2_2"] + log["relu3_3"] + 0.5 * log["relu4_3"]) / 3.5
    expected = 3.0 * style + 2.0 * log["content"] + 1e5 * log["excess"] + 4.0 * log["saturation"]
    assert total.item() == log["loss"] == pytest.approx(expected, rel=1e-4)
    assert 1e5 * log["excess"] > 0.01 and 4.0 * log["saturation"] > 0.01


def test_objective_of_the_warm_up_has_pixels_and_penalties_only(step):
    total, log = step(identity=True, gram=False, pixel_weight=6.0, peak_weight=0.0, saturation_weight=0.0)
    assert total.item() == pytest.approx(6.0 * log["pixels"], rel=1e-5)
    assert "content" not in log and "relu1_2" not in log


def test_the_network_sees_noise_and_the_loss_does_not(model, random_vgg, make_picture):
    unfreeze(model)
    contents, paintings = make_picture(64, 64, 1, count=2), make_picture(64, 64, 2, count=2)
    config = TrainingConfig(content_noise=0.1)
    objective = Objective(config, PerceptualLoss(random_vgg, config.loss_config()))
    targets = StyleTargets(paintings, objective.perceptual.style_targets(paintings))
    drawn, no_identity = objective.draw(contents, 5, 0), torch.tensor(0.0)
    assert drawn.bold is None and torch.equal(drawn.noise, objective.draw(contents, 5, 0).noise)
    _, log = objective(model, contents, targets, no_identity, drawn)
    image = model(contents + drawn.noise, paintings).image
    expected = objective.perceptual(image, contents, targets.style)
    torch.testing.assert_close(log["content"], expected.content.mean().detach())
    assert TrainingConfig().content_noise == 0 and Objective(TrainingConfig(), None).draw(contents, 5, 0).noise is None


def test_boldness_is_told_and_weighs_content(random_vgg, make_picture):
    model = ZMNet({"width": 8}, {"kind": "vgg", "width": 8, "bold": True})
    torch.nn.init.normal_(model.pnet.bold.weight)
    unfreeze(model)
    contents, paintings = make_picture(64, 64, 1, count=4), make_picture(64, 64, 2, count=2)
    config = TrainingConfig(pnet="vgg", pnet_bold=True, peak_weight=0.0, saturation_weight=0.0)
    objective = Objective(config, PerceptualLoss(random_vgg, config.loss_config()))
    targets = StyleTargets(model.pnet.features(paintings), objective.perceptual.style_targets(paintings))
    bold = torch.tensor([0.0, 0.25, 0.5, 1.0])
    total, _ = objective(model, contents, targets, torch.tensor(0.0), Drawn(bold=bold))
    image = model(contents, targets.features.repeat_interleave(2, 0), bold).image
    terms = objective.perceptual(image, contents, targets.repeated(2).style)
    weights = torch.tensor([3.0, 3.0**0.5, 1.0, 1 / 3]) - 1
    torch.testing.assert_close(total, terms.total + (weights * terms.content).mean())
    total.backward()
    assert model.pnet.bold.weight.grad.abs().max() > 0


# A reviser -------------------------------------------------------------------------------------

REVISER = {"resolution": 96, "window": 64, "reviser_width": 8, "reviser_edge": 4, "reviser_blocks": 1, "draft": 32}


@pytest.fixture
def revised(run, make_config, tmp_path):
    """A run that trains a reviser for the model of another run."""

    def config(name: str = "revised", **options: object) -> TrainingConfig:
        return make_config(tmp_path / name, **({"init_from": str(run)} | REVISER | options))

    return config


@pytest.mark.slow
def test_a_reviser_is_trained_and_nothing_else(revised, run, random_vgg):
    folder = train(revised(pnet_bold=False, content_noise=0.01, identity_every=2))
    before, after = load_file(run / "model.safetensors"), load_file(folder / "model.safetensors")
    assert all(torch.equal(after[name], before[name]) for name in before)
    fresh = build_model(revised(), random_vgg).reviser.state_dict()
    moved = {name for name in fresh if not torch.allclose(after[f"reviser.{name}"].float(), fresh[name], atol=1e-3)}
    assert "out.bias" in moved and {"offset", "spread"} <= moved
    model = ZMNet.from_pretrained(folder)
    assert model.config["reviser"] == {"width": 8, "edge": 4, "blocks": 1, "draft": 32} and model.reviser.calibrated
    assert {"forms", "outside", "content"} <= log_of(folder)[
        2
    ].keys()  # the first is the validation's, the second an identity step's


@pytest.mark.slow
def test_an_interrupted_reviser_ends_with_the_bits_of_one_that_was_not(revised):
    whole = train(revised("whole", content_noise=0.01))
    resumed = train(revised("resumed", content_noise=0.01, resume_from_checkpoint=str(whole / "checkpoint-2")))
    assert_same_state(state_of(resumed / "checkpoint-4"), state_of(whole / "checkpoint-4"))


@pytest.mark.slow
def test_a_tnet_that_is_trained_on_keeps_its_reviser(revised, make_config, tmp_path):
    first = train(revised(max_train_steps=2))
    second = train(make_config(tmp_path / "on", init_from=str(first), max_train_steps=2))
    before, after = load_file(first / "model.safetensors"), load_file(second / "model.safetensors")
    for name in before:
        assert not name.startswith("reviser.") or torch.equal(before[name], after[name])
    assert not torch.equal(before["tnet.out.weight"], after["tnet.out.weight"])


def test_windows_and_drafts_are_drawn_within_their_bounds(revised, random_vgg):
    config = revised()
    objective = RevisionObjective(config, PerceptualLoss(random_vgg, config.loss_config()))
    drawn = [objective.draw(torch.zeros(1, 3, 96, 96), step, 0).window for step in range(300)]
    assert {window.draft for window in drawn} == set(range(24, 65))
    for places in ({window.top for window in drawn}, {window.left for window in drawn}):
        assert places == set(range(0, 33, 4))
    assert {(window.down, window.right) for window in drawn} == {(0, 0)}


def test_the_grid_is_looked_at_from_every_place_but_its_own(revised, random_vgg):
    config = revised(grid_weight=1.0)
    objective = RevisionObjective(config, PerceptualLoss(random_vgg, config.loss_config()))
    drawn = [objective.draw(torch.zeros(1, 3, 96, 96), step, 0).window for step in range(300)]
    assert {(window.down, window.right) for window in drawn} == {divmod(place, 4) for place in range(1, 16)}


def test_what_lies_on_the_grid_is_seen_and_nothing_else(revised, random_vgg, make_picture):
    config = revised(grid_weight=1.0)
    model = build_model(config, random_vgg)
    contents, paintings = make_picture(96, 96, 1, count=2), make_picture(64, 64, 2)
    objective = RevisionObjective(config, PerceptualLoss(random_vgg, config.loss_config()))
    targets = StyleTargets(model.pnet.features(paintings), objective.perceptual.style_targets(paintings))
    drawn = objective.draw(contents, 0, 0)

    def grid():
        return objective(model, contents, targets, torch.tensor(0.0), drawn)[1]["grid"].item()

    assert grid() == 0  # the picture is the draft
    with torch.no_grad():
        model.reviser.out.bias[:3] = 0.25  # the upper left one of every 2 × 2 pixels, red; a shift by 2 px leaves it
    halves = (drawn.window.down % 2) or (drawn.window.right % 2)
    assert grid() == pytest.approx(0.25 * 2 / 12 if halves else 0, rel=1e-4, abs=1e-7)


def test_the_revision_loss_is_the_weighted_sum_of_what_it_logs(revised, random_vgg, make_picture):
    config = revised(draft_weight=7.0, grid_weight=6.0, saturation_weight=3.0, flat_weight=2.0, identity_every=5)
    model = build_model(config, random_vgg)
    torch.nn.init.normal_(model.reviser.out.weight)
    contents, paintings = make_picture(96, 96, 1, count=2), make_picture(64, 64, 2)
    objective = RevisionObjective(config, PerceptualLoss(random_vgg, config.loss_config()))
    targets = StyleTargets(model.pnet.features(paintings), objective.perceptual.style_targets(paintings))
    drawn = objective.draw(contents, 0, 0)
    revised = model(contents, targets.repeated(2).features, None, drawn.window)
    forms = avg_pool2d(revised.image, 4) - avg_pool2d(revised.draft, 4)
    for identity in (0.0, 1.0):
        total, log = objective(model, contents, targets, torch.tensor(identity), drawn)
        assert log["forms"] > 0.01 and log["outside"] > 0.001 and log["grid"] > 0.001
        torch.testing.assert_close(log["forms"], forms.abs().mean().detach())
        style = sum(log[name] for name in ("relu1_2", "relu2_2", "relu3_3", "relu4_3")) / 4
        expected = log["content"] + 5 * style + 3 * log["outside"] + 2 * log["flat"] + 6 * log["grid"]
        expected = expected + (1 - identity) * 7 * log["forms"] + identity * 10 * log["pixels"]
        torch.testing.assert_close(total.detach(), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"init_from": None}, "--init_from"),
        ({"compile": True}, "--compile is for the training of a TNet"),
        ({"window": 66}, "a multiple of 4"),
        ({"window": 128}, "to the resolution"),
        ({"draft": 3}, "16 or more"),
        ({"reviser_edge": 0}, "edge"),
        ({"style_scales": "1,8"}, "--window 64"),
        ({"content_noise": -0.1}, "--content_noise"),
        ({"pnet_bold": True}, "--pnet_bold"),
    ],
)
def test_revisers_that_cannot_be_trained_are_refused(revised, options, message):
    with pytest.raises(TrainingError, match=message):
        train(revised(**options))


def test_with_a_teacher_alone_the_loss_is_the_distance_to_its_picture(model, random_vgg, make_picture):
    teacher = ZMNet({"width": 4}, {"kind": "conv", "width": 4}).requires_grad_(False)
    contents, paintings = make_picture(64, 64, 1, count=4), make_picture(64, 64, 2, count=2)
    options = {"style_weight": 0.0, "content_weight": 0.0, "peak_weight": 0.0, "saturation_weight": 0.0}
    config = TrainingConfig(teacher_weight=7.0, **options)
    perceptual = PerceptualLoss(random_vgg, config.loss_config())
    targets = StyleTargets(paintings, perceptual.style_targets(paintings), teacher.pnet(paintings))
    assert targets.style == {}
    unfreeze(model)
    objective = Objective(config, perceptual, teacher)
    total, log = objective(model, contents, targets, torch.tensor(0.0))
    taught, own = (
        each.tnet(contents, each.pnet(paintings).repeat_interleave(2, 0)).detach() for each in (teacher, model)
    )
    assert total.item() == pytest.approx(7.0 * pixel_loss(own, taught).item(), rel=1e-4)
    assert "content" not in log


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_student_with_a_teacher_trains_and_resumes_to_the_bit(make_config, model, tmp_path, precision):
    model.save_pretrained(tmp_path / "teacher")
    options = {"teacher": str(tmp_path / "teacher"), "style_weight": 0.0, "content_weight": 0.0, "style_variants": 1}
    options |= {"mixed_precision": precision}
    options |= {"tnet_edge": 4, "tnet_kernel": 5, "tnet_separable": True, "style_cache": str(tmp_path / "looks")}
    whole = train(make_config(tmp_path / "whole", **options))
    assert all(line["teacher"] > 0 for line in log_of(whole) if "loss" in line)
    resumed = train(make_config(tmp_path / "resumed", resume_from_checkpoint=str(whole / "checkpoint-2"), **options))
    assert_same_state(state_of(resumed / "checkpoint-4"), state_of(whole / "checkpoint-4"))
    student = ZMNet.from_pretrained(whole)
    assert student.config["tnet"] == {"width": 8, "edge": 4, "kernel": 5, "separable": True}


def test_vgg_layers_that_the_pnet_reads_can_be_chosen(make_config, tmp_path):
    options = {"pnet": "vgg", "pnet_taps": "relu1_1,relu1_2", "calibration_paintings": 2}
    student = ZMNet.from_pretrained(train(make_config(tmp_path, **options)))
    assert student.config["pnet"]["taps"] == ["relu1_1", "relu1_2"]
    assert student.pnet.vgg.last == "relu1_2"


@pytest.mark.parametrize("identity", [False, True], ids=["painting", "its own style"])
@pytest.mark.parametrize("photograph, painting", [(0.0, None), (1.0, None), (None, 0.0), (None, 1.0), (1.0, 1.0)])
def test_flat_photograph_or_painting_gives_a_gradient_like_any_other(
    step, model, make_picture, photograph, painting, identity
):
    contents, paintings = make_picture(64, 64, 1, count=2), make_picture(64, 64, 2, count=2)
    if photograph is not None:
        contents[0] = photograph  # one of two: the other must not lose its step
    if painting is not None:
        paintings[0] = painting
    step(contents if identity else paintings, contents, identity)[0].backward()
    norm = torch.stack([parameter.grad.norm() for parameter in model.parameters()]).norm().item()
    assert 0 < norm < 1e5  # an ordinary pair's is in the hundreds; a Gram matrix near zero would make it 1e8


def test_total_variation_has_its_weight(step):
    one, two, none = (step(tv_weight=weight)[0].item() for weight in (1.0, 2.0, 0.0))
    assert two - none == pytest.approx(2 * (one - none), rel=1e-2)
    assert one > none + 1e-3


def test_variation_in_flat_places_has_its_weight(step):
    flat = torch.linspace(0.2, 0.8, 64).expand(2, 3, 64, 64).contiguous()
    one, two, none = (step(contents=flat, flat_weight=weight)[0].item() for weight in (1.0, 2.0, 0.0))
    assert two - none == pytest.approx(2 * (one - none), rel=1e-2)
    assert one > none
    log = step(contents=flat, flat_weight=1.0)[1]
    assert log["flat"] == pytest.approx(one - none, rel=1e-2)


def test_paintings_guide_as_many_photographs_in_a_row_each(step, make_picture):
    contents = make_picture(64, 64, 1, count=4)
    one, other = make_picture(64, 64, 5), make_picture(64, 64, 6)
    total = step(torch.cat((one, other)), contents)[0].item()
    assert total == pytest.approx(step(torch.cat((one, one, other, other)), contents)[0].item(), rel=1e-5)
    assert total != pytest.approx(step(torch.cat((one, other, one, other)), contents)[0].item(), rel=1e-5)


def test_objective_reaches_every_parameter_of_the_model(step, model):
    step()[0].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("tracker, message", [("carrier-pigeon", "carrier-pigeon"), ("dvclive", "pip install dvclive")])
def test_a_tracker_that_is_not_there_is_named(tracker, message, picture_folder, tmp_path):
    config = TrainingConfig(str(picture_folder), str(picture_folder), str(tmp_path), report_to=tracker)
    with pytest.raises(TrainingError, match=message):
        train(config)


# Pictures as they lie about --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_run_within_its_photographs_sees_the_same_ones_again_and_counts_what_it_skips(
    make_config, picture_folder, tmp_path, caplog
):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(picture_folder, folder)
    (folder / ".thumbnails").mkdir()
    shutil.copy(picture_folder / "0.png", folder / ".thumbnails" / "0.png")
    (folder / "0.png").rename(folder / os.fsdecode(b"\xff.png"))
    (tmp_path / "held-out").mkdir()
    (tmp_path / "held-out" / "0.png").write_bytes(b"no picture")
    shutil.copy(picture_folder / "1.png", tmp_path / "held-out")
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf" + os.fsencode(folder) + b"/2.png\r\ngone.png\r\n./x.png\r\n")
    options = {"content_dir": str(folder), "style_dir": str(tmp_path / "list.txt"), "max_train_steps": 2}
    options |= {"style_variants": 1, "style_cache": str(folder / "cache"), "validation_style_dir": str(picture_folder)}
    options |= {"validation_content_dir": str(tmp_path / "held-out")}
    seen = []
    for name in ("one", "two", "one"):
        config = make_config(folder / name, **options, resume_from_checkpoint="latest" if name in seen else None)
        seen.append(name)
        caplog.clear()
        train(replace(config, max_train_steps=3 if config.resume_from_checkpoint else 2))
        environment = json.loads((folder / name / "environment.json").read_text())
        assert environment["pictures"] == {"paintings": 3, "photographs": 6}
        assert any(": left out: 1 hidden folder" in message for message in caplog.messages)
        assert "made anew" not in caplog.text, "looks are read from the cache again"
        last = log_of(folder / name)[-1]
        assert last["pictures_damaged"] == 1 and last["pictures_missing"] >= 1
    assert (folder / "one" / "samples").is_dir()
