"""Checkpoints of a run: written under another name and renamed, so one that is there is whole."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import torch
import yaml
from accelerate import Accelerator
from safetensors import SafetensorError

from ..errors import TrainingError, in_words
from ..files import plainly_named, read_tensors, write_json, write_tensors
from ..hub.locate import ATTRIBUTE_WEIGHTS, CONFIG, WEIGHTS
from ..model import ZMNet
from .config import TrainingConfig

logger = logging.getLogger(__name__)

# What accelerate calls the files of one training state, and ours beside them.
WEIGHTS_FILE, OPTIMIZER_FILE, AVERAGE_FILE = "model.safetensors", "optimizer.bin", "custom_checkpoint_0.pkl"
PROGRESS_FILE = "progress.json"


def save_model(model: ZMNet, folder: Path, metadata: dict[str, str] | None = None) -> None:
    """What `from_pretrained` reads, in float16; `metadata` goes into model.safetensors."""
    if model.attribute_pnets:  # first: a config.json that names what is not there would not load
        folder.mkdir(parents=True, exist_ok=True)
        model.save_attribute_weights(folder / ATTRIBUTE_WEIGHTS, torch.float16)
    write_json(folder / CONFIG, model.config)
    write_tensors(folder / WEIGHTS, model.rounded(attributes=False, dtype=torch.float16), metadata)


def checkpoints(run: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    found = [p for p in run.glob("checkpoint-*") if p.name.removeprefix("checkpoint-").isdigit()]
    return sorted(found, key=lambda p: int(p.name.removeprefix("checkpoint-")))


def latest_checkpoint(run: Path) -> Path | None:
    """The newest whole checkpoint, if there is one."""
    found = checkpoints(run)
    return found[-1] if found else None


def check_through(run: Path, steps: int) -> None:
    """Refuse to measure a run that was stopped on the way.

    Raises:
        TrainingError: its newest checkpoint has fewer steps.
    """
    last = latest_checkpoint(run)
    done = int(last.name.removeprefix("checkpoint-")) if last else 0
    if done < steps:
        raise TrainingError(
            f"the run '{run}' was stopped after step {done} of {steps}: the same command goes on with it."
        )


def last_good(run: Path) -> str:
    """For messages: the newest whole checkpoint."""
    last = latest_checkpoint(run)
    return f"Last good checkpoint: '{last}'." if last else "There is no checkpoint yet."


def save_checkpoint(accelerator: Accelerator, config: TrainingConfig, run: Path, step: int) -> None:
    """checkpoint-N, written under another name and renamed, then the oldest beyond the limit removed."""
    final, temporary = run / f"checkpoint-{step}", run / f".checkpoint-{step}.part"
    try:
        accelerator.save_state(str(temporary))
        if accelerator.is_main_process:
            write_json(temporary / PROGRESS_FILE, {"step": step} | _shape(accelerator, config))
    except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors have their own for a full disk
        failure = write_failure(f"checkpoint-{step}", run, error)
        if accelerator.is_main_process:
            shutil.rmtree(temporary, ignore_errors=True)
        last = latest_checkpoint(run)
        raise TrainingError(
            f"{failure}. "
            + (f"The last good one is '{last}': " if last else "There is none yet: ")
            + "make room, then go on by --resume_from_checkpoint latest."
        ) from error
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        if final.exists():  # the run was resumed from an earlier one and comes by here again
            _remove(final)
        os.replace(temporary, final)
        for old in checkpoints(run)[: -config.checkpoints_total_limit or None]:
            _remove(old)
    accelerator.wait_for_everyone()


def write_failure(what: str, folder: Path, error: BaseException) -> str:
    """For messages: what could not be written into a folder, the room there was, and why."""
    free = f"{shutil.disk_usage(folder).free / 2**20:.1f} MiB were free on the disk" if folder.is_dir() else "no folder"
    return f"{what} could not be written into '{folder}' ({free}): {_reason(error)}"


def _remove(checkpoint: Path) -> None:
    """Under another name first, so that one half removed is not taken for a whole one."""
    going = checkpoint.with_name(f".{checkpoint.name}-old.part")
    os.replace(checkpoint, going)
    shutil.rmtree(going)


def _reason(error: BaseException) -> str:
    """What the system said; the writers of torch and safetensors often hide it under an error of their own."""
    cause: BaseException | None = error
    while cause and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, OSError) and cause.strerror:
        return in_words(cause)
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def resume(accelerator: Accelerator, config: TrainingConfig, run: Path) -> int:
    """Load the checkpoint the config names; the number of steps it has done.

    Raises:
        TrainingError: the checkpoint named does not exist, or is of another model, or is damaged.
    """
    wanted = config.resume_from_checkpoint
    if not wanted:
        return 0
    checkpoint = latest_checkpoint(run) if wanted == "latest" else Path(wanted)
    if checkpoint is None:
        if accelerator.is_main_process:
            logger.warning("--resume_from_checkpoint latest: '%s' has no checkpoint yet, starting at step 0", run)
        return 0
    if not (checkpoint / PROGRESS_FILE).is_file():
        have = ", ".join(p.name for p in checkpoints(run)) or "none"
        raise TrainingError(f"'{checkpoint}' is not a checkpoint. Checkpoints in '{run}': {have}.")
    try:
        with plainly_named(checkpoint) as plain:
            accelerator.load_state(str(plain))
        progress = json.loads((checkpoint / PROGRESS_FILE).read_text(encoding="utf-8"))
    except Exception as error:  # of files cut short, torch, pickle, zip and safetensors each have their own
        if difference := _difference(checkpoint, config):
            raise TrainingError(
                f"'{checkpoint}' is of another model: its run has {difference}. Resume with the same, or choose "
                "another --output_dir."
            ) from error
        if "loading state_dict" in str(error):
            first, *more = str(error).splitlines()[1:]  # a line for every tensor
            raise TrainingError(
                f"'{checkpoint}' is of another model: {first.strip()} ({len(more)} more like it)"
            ) from error
        raise TrainingError(f"{_damage(checkpoint)} {_before(checkpoint)}") from error
    now = _shape(accelerator, config)
    other = [name for name in now if progress.get(name, now[name]) != now[name]]
    if other and accelerator.is_main_process:
        before, after = (", ".join(f"{shape[name]} {SHAPE[name]}" for name in other) for shape in (progress, now))
        logger.warning("'%s' was made with %s, this run has %s: not the same to the bit", checkpoint, before, after)
    return int(progress["step"])


NETWORK = (
    "tnet_width",
    "tnet_edge",
    "tnet_kernel",
    "tnet_separable",
    "tnet_palette",
    "tnet_grey",
    "freeze_tnet",
    "signals",
    "signal_name",
    "signal_size",
    "pnet",
    "pnet_width",
    "pnet_taps",
    "pnet_bold",
    "init_from",
    "reviser_width",
    "reviser_edge",
    "reviser_blocks",
)


def _difference(checkpoint: Path, config: TrainingConfig) -> str:
    """The options of the networks that the checkpoint's run has otherwise, by its config.yaml; "" without one."""
    file = checkpoint.parent / "config.yaml"
    then = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    now = {name: getattr(config, name) for name in NETWORK}
    other = [name for name in NETWORK if name in then and then[name] != now[name]]
    return ", ".join(f"--{name} {then[name]} (this one: {now[name]})" for name in other)


def _damage(checkpoint: Path) -> str:
    """Names what cannot be read of a checkpoint that could not be loaded."""
    broken = []
    for file in (WEIGHTS_FILE, OPTIMIZER_FILE, AVERAGE_FILE, PROGRESS_FILE):
        path = checkpoint / file
        try:
            if path.suffix == ".safetensors":
                read_tensors(path)
            elif path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            else:
                torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            broken.append(f"{file} ({_reason(error)})")
    return f"'{checkpoint}' is damaged: {', '.join(broken) or 'its state cannot be loaded'}."


def _before(checkpoint: Path) -> str:
    """What to do instead of going on from a damaged checkpoint."""
    whole = checkpoints(checkpoint.parent)
    earlier = whole[: whole.index(checkpoint)] if checkpoint in whole else []
    if earlier:
        return f"Go on from the one before it: --resume_from_checkpoint '{earlier[-1]}'."
    return "There is none before it: start again, in another --output_dir."


SHAPE = {
    "images_per_step": "photographs a step",
    "processes": "processes",
    "workers": "loader workers (they shape a stream)",
}


def _shape(accelerator: Accelerator, config: TrainingConfig) -> dict[str, int]:
    """What else than the options in config.yaml decides the bits of a step."""
    shape = {
        "images_per_step": config.train_batch_size * config.gradient_accumulation_steps * accelerator.num_processes,
        "processes": accelerator.num_processes,
    }
    return shape | ({"workers": max(1, config.dataloader_num_workers)} if config.streaming else {})


def remove_unfinished(run: Path) -> None:
    """Remove what a run that was killed had begun to write."""
    for path in run.glob(".checkpoint-*.part"):
        shutil.rmtree(path)
