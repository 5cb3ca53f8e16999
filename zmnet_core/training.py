"""Training: the objective of one step, and the loop around it.

The loop is a plain one: batch, loss, backward, step, log, save. Accelerate moves it to one process
or many; each process draws its own photographs and paintings from (seed, step, rank).
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import signal
import time
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from tqdm import tqdm

from .data import ContentBatches, Pictures, StyleBank, StyleTargets, centre_square, split_folder
from .errors import TrainingError
from .files import half, write_json, write_tensors
from .losses import PerceptualLoss, saturation_penalty, total_variation
from .metrics import Judge, contact_sheet, summarise
from .model import ZMNet
from .pnet import VGGPNet, trainable
from .training_config import TrainingConfig
from .vgg import load_vgg16

logger = logging.getLogger(__name__)


class Objective:
    """The loss of one step, on one process."""

    def __init__(self, config: TrainingConfig, perceptual: PerceptualLoss):
        self.config, self.perceptual = config, perceptual

    def __call__(
        self, model: nn.Module, contents: Tensor, targets: StyleTargets, identity: bool
    ) -> tuple[Tensor, dict[str, float | list[float]]]:
        """Loss and what to log of it.

        Args:
            model: `ZMNet`, or accelerate's wrapper around it.
            contents: [B, 3, H, W]; B is a multiple of the number of paintings S.
            targets: of S paintings; each guides B / S photographs in a row.
            identity: the targets are the photographs' own, so the photograph itself is the aim.
        """
        config, repeat = self.config, contents.shape[0] // targets.features.shape[0]
        trace = model(contents, targets.features.repeat_interleave(repeat, 0))
        # Traps: a saturated output, or a few huge activations that steer the instance norms, feed
        # the Gram terms cheaply and end as black blobs. Both are made to cost from the first step.
        saturation, excess = saturation_penalty(trace.logits), trace.excess.sum()
        loss = config.saturation_weight * saturation + config.peak_weight * excess
        log: dict[str, float | list[float]] = {"peaks": [round(p, 1) for p in trace.peaks.tolist()]}
        if identity:
            pixels = pixel_loss(trace.image, contents)
            loss, log["pixels"] = loss + config.pixel_weight * pixels, pixels.item()
        if targets.grams:
            grams = {layer: gram.repeat_interleave(repeat, 0) for layer, gram in targets.grams.items()}
            terms = self.perceptual(trace.image, contents, grams)
            loss = loss + terms.total + config.tv_weight * total_variation(trace.image)
            log |= {"content": terms.content.mean().item()} if not identity else {}
            log |= {layer: error.mean().item() for layer, error in terms.style.items()} if not identity else {}
        return loss, log | {"loss": loss.item(), "saturation": saturation.item(), "excess": excess.item()}


def pixel_loss(image: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of pixels and of their gradients: learns to keep edges sharp."""
    image, target = image.float(), target.float()
    difference = image - target
    return difference.abs().mean() + difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The learning rate of a step: linear warm-up, then constant, cosine to 1 %, or × 0.1 decays."""
    warmup = min(1.0, (step + 1) / max(1, config.lr_warmup_steps))
    if config.lr_scheduler == "cosine":
        progress = min(1.0, step / max(1, config.max_train_steps))
        return config.learning_rate * warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
    if config.lr_scheduler == "step":
        return config.learning_rate * warmup * 0.1 ** (step // config.lr_decay_steps)
    return config.learning_rate * warmup


def make_optimizer(model: ZMNet, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW whose decay touches only the TNet's convolutions before a norm.

    Their scale has no effect, so under plain Adam it grows until half precision overflows.
    """
    scale_free = {id(m.weight) for n, m in model.tnet.named_modules() if isinstance(m, nn.Conv2d) and n != "out"}
    decayed = [p for p in trainable(model) if id(p) in scale_free]
    others = [p for p in trainable(model) if id(p) not in scale_free]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))


def make_average(model: nn.Module, decay: float) -> AveragedModel:
    """Exponential moving average of the weights, quick at first: min(decay, (1 + n) / (10 + n))."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + int(count)) / (10 + int(count))))

    return AveragedModel(model, multi_avg_fn=update)


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
        contact_sheet([left + right for left, right in zip(rows[::2], rows[1::2])]).save(grid)
        return {f"val_{key}": value["median"] for key, value in summarise(scores).items()}


def train(config: TrainingConfig) -> Path:
    """Run (or resume) a training run; returns its folder, which `ZMNet.from_pretrained` reads.

    Raises:
        TrainingError: folders without pictures, a wrong checkpoint, a loss that stays NaN.
    """
    config.check()
    accelerator = Accelerator(
        mixed_precision=config.mixed_precision,
        log_with=None if config.report_to == "none" else config.report_to,
        project_dir=config.output_dir,
    )
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
    stop = StopSignal()
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
            group["lr"] = learning_rate(config, step)
        if math.isfinite(norm):  # gradients are averaged over processes, so all of them agree here
            optimizer.step()
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
        log |= {"grad_norm": norm, "lr": learning_rate(config, step)}
        progress.update()
        if done % config.logging_steps == 0:
            record(accelerator, run, done, log | {"seconds": round(time.monotonic() - started, 1)})
            progress.set_postfix(
                {k: f"{v:.3f}" for k, v in log.items() if k in ("loss", "content", "relu1_2", "relu3_3")}
            )
        timed_out = config.max_minutes is not None and time.monotonic() - started > config.max_minutes * 60
        last = done == config.max_train_steps or timed_out or stop.wanted
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


class StopSignal:
    """SIGINT and SIGTERM ask the loop to finish its step, save and end."""

    def __init__(self) -> None:
        self.wanted = False
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        self.wanted = True
        signal.signal(number, signal.SIG_DFL)  # a second one stops at once


def record(accelerator: Accelerator, run: Path, step: int, values: dict[str, object]) -> None:
    """Append to the run's log.jsonl and to accelerate's trackers, on the main process."""
    if accelerator.is_main_process:
        with open(run / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step} | values) + "\n")
    accelerator.log({k: v for k, v in values.items() if isinstance(v, float)}, step=step)


def save_model(model: ZMNet, folder: Path) -> None:
    """config.json and model.safetensors (float16), as `from_pretrained` reads them."""
    write_json(folder / "config.json", model.config)
    write_tensors(folder / "model.safetensors", half(model.state_dict()))


def checkpoints(run: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    found = [p for p in run.glob("checkpoint-*") if p.name.removeprefix("checkpoint-").isdigit()]
    return sorted(found, key=lambda p: int(p.name.removeprefix("checkpoint-")))


def latest_checkpoint(run: Path) -> Path | None:
    """The newest whole checkpoint, if there is one."""
    return (checkpoints(run) or [None])[-1]


def save_checkpoint(accelerator: Accelerator, config: TrainingConfig, run: Path, step: int) -> None:
    """checkpoint-N, written under another name and renamed, then the oldest beyond the limit removed."""
    final, temporary = run / f"checkpoint-{step}", run / f".checkpoint-{step}.part"
    if final.exists():
        return
    accelerator.save_state(str(temporary))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        write_json(temporary / "progress.json", {"step": step, "processes": accelerator.num_processes})
        os.replace(temporary, final)
        for old in checkpoints(run)[: -config.checkpoints_total_limit or None]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()


def resume(accelerator: Accelerator, config: TrainingConfig, run: Path) -> int:
    """Load the checkpoint the config names; the number of steps it has done.

    Raises:
        TrainingError: the checkpoint named does not exist, or is of another model.
    """
    wanted = config.resume_from_checkpoint
    if not wanted:
        return 0
    checkpoint = latest_checkpoint(run) if wanted == "latest" else Path(wanted)
    if checkpoint is None:
        logger.warning("--resume_from_checkpoint latest: '%s' has no checkpoint yet, starting at step 0", run)
        return 0
    if not (checkpoint / "progress.json").is_file():
        have = ", ".join(p.name for p in checkpoints(run)) or "none"
        raise TrainingError(f"'{checkpoint}' is not a checkpoint. Checkpoints in '{run}': {have}.")
    try:
        accelerator.load_state(str(checkpoint))
    except RuntimeError as error:
        raise TrainingError(f"'{checkpoint}' is of another model: {error}") from error
    return int(json.loads((checkpoint / "progress.json").read_text())["step"])
