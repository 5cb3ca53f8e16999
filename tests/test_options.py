"""The options of a training run on a command line: one definition, TrainingConfig, for every way to start one."""

import math
import subprocess
import sys
from dataclasses import fields

import pytest
import typer
from typer.testing import CliRunner

from zmnet_core import options
from zmnet_core.cli import app
from zmnet_core.errors import TrainingError
from zmnet_core.training.__main__ import command
from zmnet_core.training.config import FROM_ZERO, TrainingConfig, parse

GROUPS = ("Data:", "Length:", "Optimiser:", "Loss:", "Network:", "Run:")


def said(*arguments: str, status: int = 0) -> str:
    """What `zmnet train` prints."""
    result = CliRunner().invoke(app, ["train", *arguments])
    assert result.exit_code == status, result.output + repr(result.exception)
    return result.output


def test_every_option_may_be_written_with_underscores_or_dashes():
    flags = ["--content_dir", "a", "--style-dir", "b", "--relu4-3-weight", "0", "--no-pictures_in_memory", "--compile"]
    expected = TrainingConfig(content_dir="a", style_dir="b", relu4_3_weight=0, compile=True)
    assert parse(flags) == expected
    assert parse([flag.replace("-", "_").replace("__", "--", 1) for flag in flags]) == expected


def test_help_has_all_options_in_the_groups_of_the_configuration_with_their_defaults():
    text = said("--help")
    assert [line for line in text.splitlines() if line in GROUPS] == list(GROUPS)
    place = [text.index(f"  --{f.name} ") for f in fields(TrainingConfig)]
    assert place == sorted(place)
    assert "[default: 0.001]" in text and "--lr_scheduler constant|cosine|step" in text
    assert "--streaming / --no-streaming" in text and "--config FILE.yaml" in text


def test_an_unknown_flag_is_refused_with_the_nearest_known_name():
    with pytest.raises(SystemExit) as end:
        parse(["--learning_rat", "1"])
    assert end.value.code == 2
    for mark in "_-":
        text = said(f"--learning{mark}rat", "1", status=2)
        assert f"No such option: --learning{mark}rat (Possible options: --learning{mark}rate" in text


def test_a_value_of_another_type_is_refused_naming_the_flag():
    for flag in ("--seed", "--train_batch_size", "--train-batch-size"):
        assert f"Invalid value for '{flag}': 'many' is not a whole number." in said(flag, "many", status=2)


def test_options_are_named_as_they_were_typed():
    for mark in "_-":
        folders = (f"--content{mark}dir", "a", f"--style{mark}dir=b")
        assert f"error: --train{mark}batch{mark}size 0" in said(
            *folders, f"--train{mark}batch{mark}size", "0", status=1
        )
        assert f"error: --style{mark}dir is missing" in said(*folders[:2], status=1)
    mixed = ("--content_dir", "a", "--style_dir", "b", "--train-batch-size", "3", "--styles_per_batch", "2")
    assert "--styles_per_batch 2 does not divide --train-batch-size 3" in said(*mixed, status=1)


def test_what_cannot_be_trained_is_said_in_one_line():
    folders = ("--content_dir", "a", "--style_dir", "b")
    for flags, message in (
        ((), "--content_dir is missing"),
        (("--config", "none.yaml"), "--config 'none.yaml' cannot be read"),
        ((*folders, "--lr_scheduler", "cosin"), "--lr_scheduler 'cosin' does not exist: choose one of constant, "),
        ((*folders, "--seed", "-1", "--tnet_kernel", "6"), "--tnet_kernel 6 cannot be"),
    ):
        text = said(*flags, status=1)
        assert text.startswith(f"error: {message}") and text.count("\n") == 1


def test_errors_of_a_script_are_one_line_and_status_1():
    def fails() -> None:
        raise TrainingError("no paintings.")

    result = CliRunner().invoke(options.command_line(fails), [])
    assert result.exit_code == 1 and result.output == "error: no paintings.\n"


def test_the_ways_to_start_a_run_share_their_command():
    made = typer.main.get_command(options.command_line(command, cls=options.ManyOptions))
    names = [parameter.name for parameter in made.params]
    assert names == ["config", *(f.name for f in fields(TrainingConfig))]


@pytest.mark.slow
def test_help_of_a_training_run_names_the_script_and_ends_well():
    done = subprocess.run([sys.executable, "-m", "zmnet_core.training", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("Usage: python -m zmnet_core.training [OPTIONS]")


WEIGHTS = [f.name for f in fields(TrainingConfig) if f.name in FROM_ZERO or f.name.endswith("_weight")]


@pytest.mark.parametrize("name", WEIGHTS)
def test_no_weight_is_negative_or_no_number_and_all_can_be_zero(name):
    for value in (-1.0, -1e-9, math.nan, math.inf):
        with pytest.raises(TrainingError, match=f"--{name} {value} cannot be: it is a number from 0 on"):
            TrainingConfig(content_dir="a", style_dir="b", **{name: value}).check()
    TrainingConfig(content_dir="a", style_dir="b", **{name: 0.0}).check()


@pytest.mark.parametrize("value", [-0.1, 1.0, math.nan])
def test_average_that_never_moves_is_refused(value):
    with pytest.raises(TrainingError, match=f"--ema_decay {value} cannot be"):
        TrainingConfig(content_dir="a", style_dir="b", ema_decay=value).check()
    TrainingConfig(content_dir="a", style_dir="b", ema_decay=0.0).check()


def test_weights_that_leave_nothing_to_learn_are_refused():
    given = {"content_dir": "a", "style_dir": "b"}
    none = given | {"style_weight": 0.0, "content_weight": 0.0}
    for more in ({}, {"teacher": "zmnet-base", "teacher_weight": 0.0}, {"identity_every": 2, "pixel_weight": 0.0}):
        with pytest.raises(TrainingError, match="--style_weight and --content_weight are both 0, and nothing else"):
            TrainingConfig(**none, **more).check()
    for more in ({"teacher": "zmnet-base"}, {"identity_steps": 5}):
        TrainingConfig(**none, **more).check()
    with pytest.raises(TrainingError, match="--relu4_3_weight 0 leaves nothing of --style_layers relu4_3"):
        TrainingConfig(**given, style_layers="relu4_3", relu4_3_weight=0.0).check()
