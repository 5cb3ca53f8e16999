"""Training: the objective of one step, and the loop around it.

The loop is a plain one: batch, loss, backward, step, log, save. Accelerate moves it to one process
or many; each process draws its own photographs and paintings from (seed, step, rank).
"""

from __future__ import annotations

import json
import logging
import math
import signal
import threading
import time
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from .checkpoints import latest_checkpoint, resume, save_checkpoint, save_model
from .data import ContentBatches, Pictures, StyleBank, StyleTargets, centre_square, split_folder
from .errors import TrainingError
from .files import write_json
from .losses import PerceptualLoss
from .metrics import Judge, contact_sheet, summarise
from .model import ZMNet
from .objective import Objective
from .optimisation import learning_rate, make_average, make_optimizer
from .pnet import VGGPNet, trainable
from .training_config import TrainingConfig
from .vgg import load_vgg16

logger = logging.getLogger(__name__)


def build_model(config: TrainingConfig) -> ZMNet:
    """A fresh model of the run's description, or the one that `--init_from` names."""
    if config.init_from:
        return ZMNet.from_pretrained(config.init_from).train()
    pnet = {"kind": config.pnet} | ({"width": config.pnet_width} if config.pnet_width else {})
    model = ZMNet({"width": config.tnet_width}, pnet)
    if isinstance(model.pnet, VGGPNet):
        model.pnet.vgg.load_state_dict(load_vgg16(model.pnet.vgg.last).state_dict())
    return model


def unfreeze(model: ZMNet) -> None:
    """Train everything but the VGG-16 inside a `vgg` PNet."""
    model.requires_grad_(True)
    if isinstance(model.pnet, VGGPNet):
        model.pnet.vgg.requires_grad_(False)


def compiled(wrapped: nn.Module, model: ZMNet, config: TrainingConfig, accelerator: Accelerator) -> nn.Module:
    """torch.compile of the training pass where it works here, else the pass as it is, with a line in the log."""
    contents = torch.rand(config.train_batch_size, 3, config.resolution, config.resolution, device=accelerator.device)
    fast = torch.compile(wrapped)
    try:
        with accelerator.autocast():
            fast(contents, model.pnet.features(contents)).image.sum().backward()
    except Exception as error:  # compilers fail in many ways; none of them should cost the run
        logger.warning("--compile: eager instead, since torch.compile failed (%s: %s)", type(error).__name__, error)
        fast = wrapped
    model.zero_grad(set_to_none=True)
    return fast


class Validation:
    """Fixed photograph × unseen painting pairs, scored with the averaged weights."""

    def __init__(self, config: TrainingConfig, contents: list[Path], paintings: list[Path], judge: Judge):
        def squares(paths: list[Path], step: int) -> list[Tensor]:
            chosen = Pictures([paths[(i * step) % len(paths)] for i in range(config.validation_pairs)])
            return [centre_square(chosen[i], config.validation_resolution)[None] for i in range(len(chosen))]

        device = next(judge.vgg.parameters()).device
        self.judge = judge
        self.pairs = [
            judge.pair(c.to(device), s.to(device)) for c, s in zip(squares(contents, 3), squares(paintings, 7))
        ]

    @torch.no_grad()
    def __call__(self, model: ZMNet, grid: Path) -> dict[str, float]:
        """Median errors; writes the picture grid: photograph, painting, stylised."""
        rows, scores = [], []
        for pair in self.pairs:
            stylised = model.tnet(pair.content, model.pnet(model.pnet.features(pair.painting)))
            scores.append(self.judge(stylised, pair))
            rows.append([pair.content, pair.painting, stylised])
        grid.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet([left + right for left, right in zip_longest(rows[::2], rows[1::2], fillvalue=[])]).save(grid)
        return {f"val_{key}": value["median"] for key, value in summarise(scores).items()}


def train(config: TrainingConfig) -> Path:
    """Run (or resume) a training run; returns its folder, which `ZMNet.from_pretrained` reads.

    Raises:
        TrainingError: folders without pictures, a wrong checkpoint, a loss that stays NaN.
    """
    config.check()
    with StopSignal() as stop:
        return _train(config, stop)


def _train(config: TrainingConfig, stop: StopSignal) -> Path:
    accelerator = make_accelerator(config)
    set_seed(config.seed)
    run = Path(config.output_dir)
    contents, held_out_contents = split_folder(config.content_dir, config.validation_content_dir, "--content_dir")
    paintings, held_out_paintings = split_folder(config.style_dir, config.validation_style_dir, "--style_dir")

    model = build_model(config)
    unfreeze(model)
    model.to(accelerator.device)
    perceptual = PerceptualLoss(load_vgg16().to(accelerator.device), config.loss_config())
    memory = {
        "in_memory": config.pictures_in_memory,
        "device": accelerator.device if config.pictures_in_memory else "cpu",
    }
    bank = StyleBank(
        Pictures(paintings, config.style_resolution, **memory),
        model.pnet,
        perceptual,
        config.style_resolution,
        config.style_variants,
        config.seed,
        config.style_cache,
    )
    if isinstance(model.pnet, VGGPNet) and not config.init_from:
        count = min(len(paintings), config.calibration_paintings)
        every = [i * len(paintings) // count for i in range(count)]
        with accelerator.autocast():
            looks = [
                bank.look(i, 0).features
                for i in tqdm(every, "calibrate", disable=not accelerator.is_local_main_process)
            ]
        model.pnet.calibrate(torch.cat(looks))

    optimizer = make_optimizer(model, config)
    average = make_average(model, config.ema_decay)
    average.requires_grad_(False)
    accelerator.register_for_checkpointing(average)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    if config.compile:
        wrapped = compiled(wrapped, model, config, accelerator)
    start = resume(accelerator, config, run)
    objective = Objective(config, perceptual)
    batches = ContentBatches(
        Pictures(contents, None, **memory),
        config.train_batch_size,
        config.resolution,
        config.seed,
        accelerator.process_index,
    )
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(start, config.max_train_steps),
        num_workers=config.dataloader_num_workers,
        persistent_workers=config.dataloader_num_workers > 0,
    )

    if accelerator.is_main_process:
        run.mkdir(parents=True, exist_ok=True)
        write_json(run / "training_config.json", asdict(config))
        validation = Validation(config, held_out_contents, held_out_paintings, Judge(perceptual.vgg))
    if config.report_to != "none":
        accelerator.init_trackers(
            "zmnet", {k: v for k, v in asdict(config).items() if isinstance(v, (int, float, str))}
        )
    started, bad_in_a_row, step = time.monotonic(), 0, start
    progress = tqdm(
        total=config.max_train_steps, initial=start, disable=not accelerator.is_local_main_process, mininterval=5
    )

    for step, photographs in enumerate(loader, start):
        photographs = photographs.to(accelerator.device)
        warm_up = step < config.identity_steps
        identity = warm_up or (config.identity_every > 0 and step % config.identity_every == 0)
        with accelerator.autocast():
            if identity:
                own = model.pnet.features(photographs)
                targets = StyleTargets(own, {} if warm_up else perceptual.style_targets(photographs))
            else:
                targets = bank.batch(step, accelerator.process_index, config.styles_per_batch)
            loss, log = objective(wrapped, photographs, targets, identity)
        accelerator.backward(loss)
        norm = float(accelerator.clip_grad_norm_(list(trainable(model)), config.max_grad_norm))
        for group in optimizer.param_groups:
            group["lr"] = group["scale"] * learning_rate(config, step)
        finite = math.isfinite(norm)  # gradients are averaged over processes, so all of them agree here
        if finite or accelerator.scaler is not None:  # float16's scaler skips the step itself, and learns from it
            optimizer.step()
        if finite:
            average.update_parameters(model)
            bad_in_a_row = 0
        else:
            bad_in_a_row += 1
            logger.warning("step %d skipped: the gradient is not finite (%d in a row)", step, bad_in_a_row)
            if bad_in_a_row >= config.max_bad_steps:
                last = latest_checkpoint(run)
                raise TrainingError(
                    f"{bad_in_a_row} steps in a row had no finite gradient. Last good checkpoint: {last}."
                )
        optimizer.zero_grad(set_to_none=True)

        done = step + 1
        progress.update()
        if done % config.logging_steps == 0:
            values = {name: value.tolist() for name, value in log.items()}
            extra = {"grad_norm": norm, "lr": learning_rate(config, step), "seconds": time.monotonic() - started}
            record(accelerator, run, done, values | extra)
            progress.set_postfix(
                {name: f"{values[name]:.3f}" for name in ("loss", "content", "relu1_2") if name in values}
            )
        timed_out = config.max_minutes is not None and time.monotonic() - started > config.max_minutes * 60
        last = done == config.max_train_steps or agreed(accelerator, timed_out or stop.wanted)
        if accelerator.is_main_process and (last or done % config.validation_steps == 0):
            scores = validation(average.module.eval(), run / "samples" / f"{done:06d}.png")
            record(accelerator, run, done, scores)
            progress.write(f"step {done}: " + ", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
        if last or done % config.checkpointing_steps == 0:
            save_checkpoint(accelerator, config, run, done)
        if last:
            break

    progress.close()
    if accelerator.is_main_process:
        save_model(average.module, run)
    accelerator.end_training()
    accelerator.wait_for_everyone()
    return run


def agreed(accelerator: Accelerator, wish: bool) -> bool:
    """True on every process as soon as it is on one: all of them must leave the loop at the same step."""
    if accelerator.num_processes == 1:
        return wish
    wishes = accelerator.gather(torch.tensor([int(wish)], device=accelerator.device))
    return bool(wishes.any())


def make_accelerator(config: TrainingConfig) -> Accelerator:
    """Devices, precision and trackers of a run.

    Raises:
        TrainingError: the tracker is unknown, or its package is not installed.
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
    if log_with not in (None, "all") and not accelerator.log_with:
        raise TrainingError(f"--report_to {log_with} needs its package: pip install {log_with}.")
    return accelerator


class StopSignal:
    """Inside the block, SIGINT and SIGTERM ask the loop to finish its step, save and end."""

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():  # no other may handle signals
            self._before = {name: signal.signal(name, self._ask) for name in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)

    def _ask(self, number: int, frame: object) -> None:
        self.wanted = True
        signal.signal(number, signal.SIG_DFL)  # a second one stops at once


def record(accelerator: Accelerator, run: Path, step: int, values: dict[str, object]) -> None:
    """Append to the run's log.jsonl and to accelerate's trackers, on the main process."""
    if accelerator.is_main_process:
        with open(run / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step} | _rounded(values)) + "\n")
    accelerator.log({k: v for k, v in values.items() if isinstance(v, float)}, step=step)


def _rounded(values: dict[str, object]) -> dict[str, object]:
    def short(value: object) -> object:
        if isinstance(value, list):
            return [short(v) for v in value]
        return float(f"{value:.5g}") if isinstance(value, float) else value

    return {name: short(value) for name, value in values.items()}
