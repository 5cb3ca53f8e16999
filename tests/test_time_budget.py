"""A time budget: what a run counts and measures, and real runs that end, whole, before it is over."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from tests.processes import ROOT, finish, start_alone, zygote
from tests.test_training import log_of, make_config, training_environment  # noqa: F401
from zmnet_core.errors import TrainingError
from zmnet_core.model import ZMNet
from zmnet_core.training import time_budget
from zmnet_core.training.checkpoints import checkpoints
from zmnet_core.training.time_budget import CARE, RESERVE, SHARE, TimeBudget, process_age
from zmnet_core.training.trainer import Trainer, train

pytestmark = pytest.mark.usefixtures("training_environment")
END = ("checkpoint", "export")


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock, moved by hand."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    hand = Clock()
    monkeypatch.setattr(time_budget.time, "monotonic", hand.monotonic)
    return hand


def test_time_is_counted_from_where_it_is_said_to_begin(clock):
    budget = TimeBudget(2.0, began=clock.now - 50)
    assert budget.spent == 50 and budget.minutes == 2
    assert budget.left == pytest.approx(120 - 50 - RESERVE - SHARE * 120)
    assert TimeBudget(2.0).spent == 0
    assert TimeBudget(None).left == float("inf")


def test_the_longest_of_what_was_measured_is_allowed_for_with_care(clock):
    budget = TimeBudget(2.0)
    budget.guess("export", 9.0)
    assert budget.cost(*END) == CARE * 9
    for seconds in (3.0, 5.0, 4.0):
        with budget.measure("export"):
            clock.now += seconds
    assert budget.cost("export") == CARE * 5
    clock.now = 1000.0 + 120 - RESERVE - SHARE * 120 - CARE * 5 + 0.01
    assert not budget.allows("export")
    clock.now -= 0.02
    assert budget.allows("export") and not budget.allows("export", ("export",))


def test_no_step_is_begun_that_leaves_too_little_for_the_end(clock):
    budget = TimeBudget(1.0)
    with budget.measure("checkpoint"):
        clock.now += 2
    steps = 0
    while budget.allows_step(END):
        budget.step()
        clock.now += 3
        steps += 1
    worst = 1.5 * 3 + 1.5 * 2 + RESERVE + SHARE * 60  # a step and the end, both slower than ever
    assert 60 - worst - 3 <= 2 + 3 * steps <= 60 - 1.5 * 2 - RESERVE


def test_time_spent_goes_from_nothing_at_the_first_step_to_all_at_the_last(clock):
    budget = TimeBudget(1.0, began=clock.now - 20)
    assert budget.time_spent(END) == 0
    shares = []
    while budget.allows_step(END):
        budget.step()
        clock.now += 0.5
        shares.append(budget.time_spent(END))
    assert shares == sorted(shares) and 0 < shares[0] < 0.03 and 0.97 < shares[-1] <= 1


def test_a_clock_that_jumps_is_not_looked_at(monkeypatch, make_config, tmp_path):  # noqa: F811
    hours = iter(range(0, 10**9, 3600))
    monkeypatch.setattr(time, "time", lambda: 1.8e9 - next(hours))
    run = train(make_config(tmp_path, time_budget=5.0))
    assert [line["step"] for line in log_of(run) if "loss" in line] == [1, 2, 3, 4]


def test_a_process_knows_its_age():
    script = (
        "import time; time.sleep(0.5)\nfrom zmnet_core.training.time_budget import process_age; print(process_age())"
    )
    began = time.monotonic()
    age = float(finish(start_alone("-c", script)))
    assert 0.5 <= age <= time.monotonic() - began + 0.02  # the system counts in hundredths
    assert process_age() > 0


def test_a_budget_that_is_shorter_than_the_start_says_what_it_needs_and_leaves_a_model(make_config, tmp_path, caplog):  # noqa: F811
    run = train(make_config(tmp_path, time_budget=0.001, max_train_steps=1000))
    assert "--time_budget 0.001 was over before the first step, after " in caplog.text
    assert " minutes at least" in caplog.text and f"'{tmp_path}' holds what it starts from" in caplog.text
    assert not checkpoints(run) and not (run / "log.jsonl").exists()
    start = Trainer(make_config(tmp_path / "again")).average.module.state_dict()
    for name, tensor in ZMNet.from_pretrained(run).state_dict().items():
        assert (tensor - start[name]).abs().max() < 1e-2, name
    assert tensor.isfinite().all()


def test_the_time_that_is_said_to_be_needed_is_enough(clock):
    budget = TimeBudget(0.1, began=clock.now - 20)
    minutes = float(re.search(r"give ([\d.]+) minutes at least", budget.too_short(END)).group(1))
    assert 20 + RESERVE < 60 * minutes < 60


@pytest.mark.slow
def test_a_resumed_run_comes_down_again_by_the_end_of_its_budget(make_config, tmp_path, monkeypatch):  # noqa: F811
    shares = iter((0.0, 0.5, 1.0, 1.0) * 2)
    monkeypatch.setattr(TimeBudget, "time_spent", lambda budget, end: next(shares))
    options = {"lr_scheduler": "cosine", "lr_warmup_steps": 0, "time_budget": 9.0, "learning_rate": 1.0}
    monkeypatch.setattr(TimeBudget, "allows_step", lambda budget, end: len(budget._steps) < 2)
    for _ in range(2):
        train(make_config(tmp_path, max_train_steps=10**6, resume_from_checkpoint="latest", **options))
    rates = [line["lr"] for line in log_of(tmp_path) if "lr" in line]
    assert rates == pytest.approx([1.0, 0.505, 0.01] * 2, rel=1e-3)


@pytest.mark.parametrize("minutes", [-1, float("nan"), float("inf")])
def test_a_budget_that_is_no_time_is_refused(make_config, tmp_path, minutes):  # noqa: F811
    with pytest.raises(TrainingError, match=r"--time_budget .* cannot be: give minutes, or 0"):
        train(make_config(tmp_path, time_budget=minutes))


def test_a_budget_of_nothing_is_none(make_config, tmp_path):  # noqa: F811
    run = train(make_config(tmp_path, time_budget=0.0))
    assert [line["step"] for line in log_of(run) if "loss" in line] == [1, 2, 3, 4]


@pytest.mark.parametrize("given, minutes", [(None, 3.0), (5.0, 5.0), (0.0, 0.0)])
def test_the_old_name_still_works_and_the_new_one_wins(make_config, tmp_path, caplog, given, minutes):  # noqa: F811
    config = make_config(tmp_path, max_minutes=3.0, time_budget=given)
    config.check()
    assert config.time_budget == minutes and "--max_minutes is now called --time_budget" in caplog.text


# Real processes --------------------------------------------------------------------------------


def options_of(config):
    """A config as flags of train.py."""
    return [
        word
        for name, value in vars(config).items()
        if value is not None and not isinstance(value, bool)
        for word in (f"--{name}", str(value))
    ]


@pytest.fixture(scope="module")
def quick_start():
    """From now on processes begin at once when they are started."""
    if sys.platform == "linux":
        zygote()


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [float(m) for m in os.environ.get("ZMNET_BUDGETS", "0.3").split(",")])
@pytest.mark.usefixtures("quick_start")
def test_a_run_has_ended_with_all_its_files_before_its_budget_is_over(make_config, tmp_path, random_vgg_file, minutes):  # noqa: F811
    """ZMNET_BUDGETS=1,1,2,4 tries these, too."""
    options = {"pnet": "vgg", "calibration_paintings": 6, "checkpointing_steps": 10**6, "max_train_steps": 10**6}
    options |= {"lr_scheduler": "cosine", "time_budget": minutes, "export_dir": str(tmp_path / "out")}
    config = make_config(tmp_path / "run", learning_rate=1e-4, validation_pairs=16, **options)
    began = time.monotonic()
    process = start_alone(ROOT / "train/train.py", *options_of(config), ZMNET_VGG=str(random_vgg_file))
    _, errors = process.communicate(timeout=60 * minutes + 30)
    took = time.monotonic() - began
    print(f"budget {60 * minutes:.0f} s: {took:.1f} s", flush=True)  # seen by pytest -s
    assert process.returncode == 0, errors[-2000:]
    assert took < 60 * minutes
    assert "stopped by --time_budget after step" in errors, errors[-2000:]
    assert took > 0.6 * 60 * minutes, "much of the time was given away"
    lines = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    rates = [line["lr"] for line in lines if "lr" in line]
    assert rates[-1] < 0.1 * max(rates)
    # A machine that has become slower than it was at the start may leave no time for it; it must say so.
    assert "val_total" in lines[-1] or "no time for the validation" in errors
    assert not [path for path in tmp_path.rglob(".*") if path.name != ".lock"]
    for folder in ("run", "out"):
        ZMNet.from_pretrained(tmp_path / folder)
    assert (tmp_path / "out" / "grid.png").is_file() == ("val_total" in lines[-1])
    (last,) = checkpoints(tmp_path / "run")
    load_file(last / "model.safetensors")


STUCK = """
import sys, time
sys.argv = ["train.py", *{flags!r}]
from zmnet_core.training import trainer as training
from zmnet_core.training.time_budget import BEGAN
from zmnet_core.training.config import parse
training.Trainer._gradients = lambda *args: time.sleep(600)
training.train(parse(), BEGAN)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("quick_start")
def test_a_step_that_does_not_end_does_not_outlast_the_budget(make_config, tmp_path, random_vgg_file):  # noqa: F811
    flags = options_of(make_config(tmp_path / "run", time_budget=0.25, max_train_steps=100))
    began = time.monotonic()
    process = start_alone("-c", STUCK.format(flags=flags), ZMNET_VGG=str(random_vgg_file))
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 0 and 12 < time.monotonic() - began < 15
    assert "--time_budget 0.25 was over while doing step 1" in errors or "was over before the first step" in errors
    ZMNet.from_pretrained(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [0.001, 0.06, 0.12])
@pytest.mark.usefixtures("quick_start")
def test_a_script_with_too_short_a_budget_says_so_and_leaves_a_model(make_config, tmp_path, random_vgg_file, minutes):  # noqa: F811
    options = {"pnet": "vgg", "calibration_paintings": 6, "time_budget": minutes, "validation_pairs": 64}
    config = make_config(tmp_path / "run", max_train_steps=10**6, **options)
    began = time.monotonic()
    process = start_alone(ROOT / "train/train.py", *options_of(config), ZMNET_VGG=str(random_vgg_file))
    _, errors = process.communicate(timeout=120)
    took = time.monotonic() - began
    assert process.returncode == 0, errors[-2000:]
    if not checkpoints(tmp_path / "run"):  # it may just have managed a step
        assert re.search(r"was over before the first step, after \d+ s, while .*: give [\d.]+ minutes at least", errors)
    assert took < 60 * minutes or not checkpoints(tmp_path / "run")
    ZMNet.from_pretrained(tmp_path / "run")


@pytest.mark.slow
def test_the_signal_of_slurm_ends_a_run_well(make_config, tmp_path, random_vgg_file):  # noqa: F811
    config = make_config(tmp_path / "run", max_train_steps=10**6)
    process = start_alone(ROOT / "train/train.py", *options_of(config), ZMNET_VGG=str(random_vgg_file))
    while process.poll() is None and not checkpoints(tmp_path / "run"):
        time.sleep(0.05)
    subprocess.run([sys.executable, "-c", f"import os, signal; os.kill({process.pid}, signal.SIGUSR1)"], check=True)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0 and "stopped by SIGUSR1 after step" in errors, errors[-2000:]
    ZMNet.from_pretrained(tmp_path / "run")
