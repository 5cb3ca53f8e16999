"""A storm of bad inputs: each is read, or refused in words, in time; nothing else comes out."""

import random
import signal
import sys
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests import storm
from tests.conftest import model_of, picture_of
from tests.processes import start_alone
from zmnet_core.cli import app
from zmnet_core.data.sources import find_files
from zmnet_core.errors import ZMNetError
from zmnet_core.images.picture import read_picture
from zmnet_core.images.png import slim
from zmnet_core.model import ZMNet
from zmnet_core.signals.mixtures import parse_mixture
from zmnet_core.styling.look import Look
from zmnet_core.styling.style import Style

PATIENCE = 5  # s for one input; the slowest takes a tenth


class Hung(BaseException):
    """An input took longer than anybody waits; no error that is caught on the way."""


@contextmanager
def in_time(seconds: int):
    def ring(*_: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Doors:
    """Every way in, on a small model in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        model = model_of()
        model.save_pretrained(folder / "model")
        style = model.encode_style(picture_of(64, 64, seed=7), size=None, name="blobs")
        style.save(folder / "sound.safetensors")
        storm.plain_picture().save(folder / "a.jpg")
        self.config = (folder / "model" / "config.json").read_text()
        self.weights = (folder / "model" / "model.safetensors").read_bytes()
        self.style = (folder / "sound.safetensors").read_bytes()
        self.makers = {
            "picture": storm.picture_file,
            "picture, smaller": storm.picture_file,
            "style": lambda dice: storm.tensors(dice, self.style),
            "config": lambda dice: storm.description(dice, self.config),
            "weights": lambda dice: storm.tensors(dice, self.weights),
            "words": storm.words,
            "list": storm.text_file,
            "look": lambda dice: (dice.choice(list(vars(Look()))), storm.junk(dice)),
        }

    def read(self, kind: str, given: object, dice: random.Random) -> None:
        match kind:
            case "picture":
                path = self.folder / f"input{dice.choice(storm.SUFFIXES)}"
                path.write_bytes(given)
                assert read_picture(path, warn=lambda _: None).rgb.mode == "RGB"
            case "picture, smaller":
                assert read_picture("input", given, warn=lambda _: None, size=3).rgb.mode == "RGB"
                slim(given)
            case "style":
                (self.folder / "style.safetensors").write_bytes(given)
                assert Style.load(self.folder / "style.safetensors").values.isfinite().all()
            case "config":
                (self.folder / "model" / "model.safetensors").write_bytes(self.weights)
                (self.folder / "model" / "config.json").write_bytes(given)
                ZMNet.from_pretrained(self.folder / "model")
            case "weights":
                (self.folder / "model" / "config.json").write_text(self.config)
                (self.folder / "model" / "model.safetensors").write_bytes(given)
                ZMNet.from_pretrained(self.folder / "model")
            case "words":
                parse_mixture(given)
            case "list":
                (self.folder / "list.txt").write_bytes(given)
                find_files(self.folder / "list.txt")
            case "look":
                try:
                    Look.of("stylize", dict([given]))
                except (ValueError, TypeError) as error:
                    raise ZMNetError(str(error)) from error  # ours to the library's users, and those of Python


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no alarm on this system")
def test_two_thousand_bad_inputs_are_read_or_refused_in_words_and_in_time(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMNET_MEGAPIXELS", "2")
    doors, counted, wrong = Doors(tmp_path), Counter(), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about EXIF and the like
        for kind, number, given in storm.storm(1, 2000, doors.makers):
            try:
                with in_time(PATIENCE):
                    doors.read(kind, given, random.Random(number))
                counted[kind, "read"] += 1
            except ZMNetError as error:
                counted[kind, "refused"] += 1
                if not str(error) or len(str(error)) > 3000:
                    wrong.append((kind, number, f"a message of {len(str(error))} characters"))
            except (Hung, Exception) as error:
                wrong.append((kind, number, repr(error)[:300]))
    assert not wrong, "\n".join(map(str, wrong))
    for kind in doors.makers:  # else the storm is none
        assert counted[kind, "refused"] and counted[kind, "read"], counted


VALUES = ["-1", "0", "1e9", "1e999", "nan", "inf", "", "x", "0x10", "٣", "1,5", "--", "-", "9" * 400, "../..", "\ud800"]
OPTIONS = [
    "--strength", "--size", "--style-size", "--layers", "--tile", "--calm", "--brush", "--palette", "--blend",
    "--draft", "--quality", "--megapixels", "--model", "--device", "--attribute", "--style", "--bold", "-o",
]  # fmt: skip


def command_line(dice: random.Random, doors: Doors) -> list[str]:
    """A call of the command that cannot succeed."""
    folder, small = doors.folder, ["--model", "mini", "--device", "cpu"]
    bad = folder / f"bad{dice.choice(storm.SUFFIXES)}"
    bad.write_bytes(storm.mangled(dice, storm.sound_picture(dice))[:40])
    good, out = folder / "good.png", folder / "out.png"
    match dice.randrange(6):
        case 0:
            return ["stylize", str(bad), "-s", str(good), "-o", str(out), *small]
        case 1:
            return ["stylize", str(good), "-s", str(bad), "-o", str(out), *small]
        case 2:
            return ["encode", str(bad), "-o", str(folder / "out.safetensors"), *small]
        case 3:
            words = [text.replace("\0", "") for text in (storm.words(dice), storm.words(dice))]
            return ["animate", str(bad), f"--from={words[0]}", f"--to={words[1]}", "-o", str(folder / "a.gif")]
        case 4:
            option = dice.choice(OPTIONS)
            value = dice.choice(VALUES).encode(errors="replace").decode()
            return ["stylize", str(bad), "-s", str(good), "-o", str(out), *small, f"{option}={value}"]
        case _:
            (folder / "model" / "config.json").write_bytes(storm.description(dice, doors.config)[:3000] + b"}")
            return ["words", "--model", str(folder / "model")]


def in_this_process(arguments: list[str]) -> tuple[int, str, str, str]:
    """Status, output, errors, and what came out that was no end of a command."""
    with in_time(60):
        result = CliRunner().invoke(app, arguments)
    escaped = "" if isinstance(result.exception, SystemExit) else repr(result.exception)
    return result.exit_code, result.stdout, result.stderr, escaped


def in_its_own(arguments: list[str]) -> tuple[int, str, str, str]:
    process = start_alone("-c", "from zmnet_core.cli import app; app()", *arguments)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors, "Traceback" * ("Traceback" in errors)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Pillow's, about EXIF
@pytest.mark.parametrize(
    "run, numbers",
    [
        pytest.param(in_this_process, range(36), id="many"),
        pytest.param(
            in_its_own,
            range(36, 39),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="errors are kept apart on Linux only"),
            id="whole",
        ),
    ],
)
def test_the_command_answers_bad_inputs_without_a_traceback(tmp_path, monkeypatch, run, numbers):
    monkeypatch.setenv("ZMNET_MEGAPIXELS", "2")
    doors, wrong = Doors(tmp_path), []
    storm.plain_picture().save(tmp_path / "good.png")
    for number in numbers:
        arguments = command_line(random.Random(number), doors)
        status, output, errors, escaped = run(arguments)
        if status not in (1, 2) or escaped or not errors.strip() or output.strip():
            wrong.append((number, arguments, status, output[-300:], errors[-600:], escaped))
    assert not wrong, "\n".join(map(str, wrong))
    assert not list(tmp_path.glob("out*")) and not list(tmp_path.glob(".*"))
