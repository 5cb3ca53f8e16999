"""What a run leaves to be read: its folder's records (options, environment, log.jsonl) and accelerate's trackers."""

from __future__ import annotations

import json
import math
import platform
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import numpy as np
import yaml
from accelerate import Accelerator
from PIL import Image

from ..errors import TrainingError
from ..files import replacing, write_json
from .config import TrainingConfig

ENVIRONMENT = "environment.json"


def make_accelerator(config: TrainingConfig) -> Accelerator:
    """Devices, precision and trackers of a run.

    Raises:
        TrainingError: the tracker is unknown, its package is not installed, or the device lacks the precision.
    """
    log_with = None if config.report_to == "none" else config.report_to
    try:
        accelerator = Accelerator(
            mixed_precision=config.mixed_precision, log_with=log_with, project_dir=config.output_dir
        )
    except ValueError as error:
        raise TrainingError(
            f"--report_to {config.report_to}, --mixed_precision {config.mixed_precision}: {error}"
        ) from error
    if config.mixed_precision == "fp16" and accelerator.device.type == "cpu":  # accelerate would leave it out
        raise TrainingError("--mixed_precision fp16 needs a GPU: take bf16 or no on a CPU.")
    if log_with not in (None, "all") and not accelerator.log_with:
        raise TrainingError(f"--report_to {log_with} needs its package: pip install {log_with}.")
    return accelerator


def begin_trackers(accelerator: Accelerator, config: TrainingConfig) -> None:
    """Open the trackers of `--report_to`, and tell them the run's options."""
    if config.report_to != "none":
        plain = {k: v for k, v in asdict(config).items() if isinstance(v, (int, float, str))}
        accelerator.init_trackers("zmnet", plain, {"wandb": {"dir": config.output_dir}})


def begin_records(
    folder: Path, config: TrainingConfig, start: int, processes: int, pictures: dict[str, int] | None = None
) -> str:
    """Write what repeats the run, and drop the lines of log.jsonl that a resumed run writes again.

    `pictures` are the numbers of photographs and paintings, as far as they are known.

    Returns:
        The run's name: the one it had before if it is resumed, else a new one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = (_name_before(folder) if config.resume_from_checkpoint else None) or uuid.uuid4().hex[:16]
    with replacing(folder / "config.yaml") as temporary:
        temporary.write_text(yaml.safe_dump(asdict(config), sort_keys=False), encoding="utf-8")
    write_json(folder / ENVIRONMENT, environment(processes) | {"pictures": pictures or {}, "run": name})
    log = folder / "log.jsonl"
    if log.is_file():
        kept = [line for line in log.read_text(encoding="utf-8").splitlines(True) if _step(line) <= start]
        with replacing(log) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")
    return name


def _name_before(folder: Path) -> str | None:
    """The name that environment.json gives the run in a folder, if there is one."""
    try:
        return json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8")).get("run")
    except (FileNotFoundError, ValueError, AttributeError):
        return None


def _step(line: str) -> float:
    """The step of a line of log.jsonl; of one that was cut off (a full disk), a later one than any."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return math.inf


def environment(processes: int) -> dict[str, object]:
    """What a figure depends on besides the options: versions, the code's commit, the command."""
    packages = ("torch", "accelerate", "numpy", "pillow", "safetensors")
    return {
        "command": sys.argv,
        "processes": processes,
        "commit": _commit(Path(__file__).resolve().parent),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "packages": {name: metadata.version(name) for name in packages},
    }


def _commit(folder: Path) -> str | None:
    """The code's commit, with `-dirty` where files differ from it; None outside a git checkout."""
    command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout.strip() or None
    except FileNotFoundError:  # no git
        return None


def record(accelerator: Accelerator, run: Path, step: int, values: Mapping[str, object]) -> None:
    """Append to the run's log.jsonl and to accelerate's trackers, on the main process."""
    if accelerator.is_main_process:
        with open(run / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step} | _rounded(values)) + "\n")
    accelerator.log({k: v for k, v in values.items() if isinstance(v, (int, float))}, step=step)


def record_picture(accelerator: Accelerator, file: Path, step: int, name: str = "validation") -> None:
    """Give a picture to the trackers that take pictures; call it on the main process."""
    pixels = np.asarray(Image.open(file).convert("RGB"))
    for tracker in accelerator.trackers:
        if tracker.name == "tensorboard":
            tracker.log_images({name: pixels[None]}, step, dataformats="NHWC")
        elif tracker.name == "trackio":  # accelerate has no pictures for it
            import trackio

            tracker.log({name: trackio.Image(str(file))}, step)
        elif hasattr(tracker, "log_images"):
            tracker.log_images({name: [pixels]}, step)


def _rounded(values: Mapping[str, object]) -> dict[str, object]:
    def short(value: object) -> object:
        if isinstance(value, list):
            return [short(v) for v in value]
        return float(f"{value:.5g}") if isinstance(value, float) else value

    return {name: short(value) for name, value in values.items()}
