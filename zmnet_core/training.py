"""Training: the objective of one step, and the loop around it.

The loop is a plain one: batch, loss, backward, step, log, save. Accelerate moves it to one process
or many; each process draws its own photographs and paintings from (seed, step, rank).
"""

from __future__ import annotations

import errno
import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from itertools import zip_longest
from multiprocessing.synchronize import Event
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from .checkpoints import checkpoints, last_good, remove_unfinished, resume, save_checkpoint, save_model
from .data import ContentBatch, ContentBatches, Pictures, Share, StyleBank, StyleTargets, centre_square, split
from .decoding import SKIPPED, Tally
from .errors import TrainingError
from .locking import FolderLock
from .losses import PerceptualLoss
from .metrics import Judge, contact_sheet, summarise
from .model import ZMNet
from .objective import Objective
from .optimisation import learning_rate, make_average, make_optimizer
from .pnet import VGGPNet, trainable
from .records import begin_records, begin_trackers, make_accelerator, record, record_picture
from .sources import PictureFile
from .streams import ContentStream, split_shards
from .throughput import Stopwatch
from .training_config import TrainingConfig
from .vgg import load_vgg16

logger = logging.getLogger(__name__)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no space on the disk, in the quota, in a file
ECHO = 5.0  # seconds within which a second signal is taken for the first: launchers pass on a Ctrl-C they share


def build_model(config: TrainingConfig) -> ZMNet:
    """A fresh model of the run's description, or the one that `--init_from` names."""
    if config.init_from:
        return ZMNet.from_pretrained(config.init_from, attribute_pnets=None).train()  # made for the old TNet
    model = ZMNet(*config.networks())
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
    size, device = (config.train_batch_size, 3, config.resolution, config.resolution), accelerator.device
    contents, paintings = torch.rand(size, device=device), torch.rand(size, device=device)
    # Changing layouts is worth much on a GPU; on a CPU, replicated borders then come back from it with strides that
    # its own check refuses (torch 2.13).
    for layouts in (True, False) if device.type == "cuda" else (False,):
        fast = torch.compile(wrapped, options={"layout_optimization": layouts})
        try:
            with accelerator.autocast():
                fast(contents, model.pnet.features(paintings)).image.sum().backward()
            break
        except Exception as error:  # compilers fail in many ways; none of them should cost the run
            logger.warning("--compile: torch.compile failed (%s: %s)", type(error).__name__, error)
    else:
        logger.warning("--compile: eager instead")
        fast = wrapped
    model.zero_grad(set_to_none=True)
    return fast


class Validation:
    """Fixed photograph × unseen painting pairs, scored with the averaged weights."""

    def __init__(self, config: TrainingConfig, contents: list[PictureFile], paintings: list[PictureFile], judge: Judge):
        def squares(files: list[PictureFile], step: int) -> list[Tensor]:
            chosen = Pictures([files[(i * step) % len(files)] for i in range(config.validation_pairs)])
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
        TrainingError: folders without pictures, a wrong checkpoint, a loss that stays NaN, a full disk.
    """
    config.check()
    with StopSignal() as stop:
        trainer = Trainer(config)
        try:
            return trainer.run(stop)
        except TrainingError as error:  # one of a loader worker comes with the worker's traceback before it
            raise TrainingError(str(error).rpartition(f"{TrainingError.__name__}: ")[2].strip()) from error
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise TrainingError(f"{error}. {last_good(trainer.folder)}") from error
        finally:
            if trainer.lock:
                trainer.lock.release()


class Trainer:
    """One training run on this process: what it is made of, one step, the loop."""

    def __init__(self, config: TrainingConfig):
        self.config = config
        self.folder = Path(config.output_dir)
        self.accelerator = accelerator = make_accelerator(config)
        self.lock = FolderLock(self.folder) if accelerator.is_main_process else None
        set_seed(config.seed)
        with accelerator.main_process_first():  # it lists the pictures, the others read its lists
            find = split_shards if config.streaming else split
            contents, held_out_contents = find(
                config.content_dir, config.validation_content_dir, "--content_dir", config.image_column
            )
            paintings, held_out_paintings = split(
                config.style_dir, config.validation_style_dir, "--style_dir", config.image_column
            )

        if checkpoints(self.folder) and not config.resume_from_checkpoint:
            raise TrainingError(
                f"'{self.folder}' holds the checkpoints of an earlier run: go on with it by "
                "--resume_from_checkpoint latest, or choose another --output_dir."
            )
        self.model = build_model(config)
        unfreeze(self.model)
        least, most = config.style_sides
        if least < most and config.styles_per_batch > 1 and not isinstance(self.model.pnet, VGGPNet):
            raise TrainingError(
                "--style_resolution_max: this PNet reads pictures, and those of one batch must have one size: "
                "--styles_per_batch 1 is needed, or --pnet vgg."
            )
        self.model.to(accelerator.device)
        vgg = load_vgg16().to(accelerator.device)
        self.perceptual = PerceptualLoss(vgg, config.loss_config(), config.gradient_checkpointing)
        teacher = None
        if config.teacher:
            teacher = ZMNet.from_pretrained(config.teacher, attribute_pnets=None).to(accelerator.device)
        self.objective = Objective(config, self.perceptual, teacher)
        memory = (config.pictures_in_memory, accelerator.device if config.pictures_in_memory else "cpu")
        if config.style_cache and not config.style_variants and accelerator.is_main_process:
            logger.warning(
                "--style_cache %s is of no use to the steps: with --style_variants 0 every look at a painting is a "
                "fresh crop, and nothing is kept. Give --style_variants 1 or more.",
                config.style_cache,
            )
        self.contents = contents if config.streaming else Pictures(contents, None, *memory)
        self.bank = StyleBank(
            Pictures(paintings, config.style_sides, *memory),
            self.model.pnet,
            self.perceptual,
            config.style_sides,
            config.style_variants,
            config.seed,
            config.style_cache,
            teacher,
        )
        if isinstance(self.model.pnet, VGGPNet) and not config.init_from:
            self._calibrate(self.model.pnet)

        self.average = make_average(self.model, config.ema_decay)
        self.average.requires_grad_(False)
        accelerator.register_for_checkpointing(self.average)
        self.wrapped, self.optimizer = accelerator.prepare(self.model, make_optimizer(self.model, config))
        if config.compile:
            self.wrapped = compiled(self.wrapped, self.model, config, accelerator)
        self.share = Share(accelerator.process_index, accelerator.num_processes, config.gradient_accumulation_steps)
        self.start = resume(accelerator, config, self.folder)
        self.watch = Stopwatch(accelerator.device)
        if not config.compile:  # hooks would break its graph
            self.watch.follow("pnet", self.model.pnet)
        self.tally = Tally(accelerator)
        self.bad_in_a_row = self.skipped_steps = 0
        if accelerator.is_main_process:
            remove_unfinished(self.folder)
            pictures = {"paintings": len(paintings)}
            if not config.streaming:  # what shards hold is not known before they have been read
                pictures["photographs"] = len(contents)
            begin_records(self.folder, config, self.start, accelerator.num_processes, pictures)
            self.validation = Validation(config, held_out_contents, held_out_paintings, Judge(vgg))
        begin_trackers(accelerator, config)

    def run(self, stop: StopSignal) -> Path:
        """All steps that are left, then the model."""
        over = torch.multiprocessing.Event()
        try:
            self._loop(stop, self._photographs(over))
        finally:
            over.set()  # after an error, too: a process that ends waits for its workers
        if self.accelerator.is_main_process:
            save_model(self.average.module, self.folder)
        self.accelerator.wait_for_everyone()
        self.accelerator.end_training()  # closes trackers and the process group
        return self.folder

    def _loop(self, stop: StopSignal, photographs: Iterator[ContentBatch]) -> None:
        config, accelerator = self.config, self.accelerator
        started = time.monotonic()
        with tqdm(
            total=config.max_train_steps,
            initial=self.start,
            disable=not accelerator.is_local_main_process,
            mininterval=5,
        ) as progress:
            if config.init_from and self.start == 0:
                self._validate(0, progress)  # what a run that starts from a trained model has to become better than
            for step in range(self.start, config.max_train_steps):
                self.watch.step(step)
                log = self._gradients(step, photographs)
                norm = self._update(step)
                done = step + 1
                progress.update()
                if done % config.logging_steps == 0:
                    log = {name: accelerator.reduce(value, "mean") for name, value in log.items()}
                    values = {name: value.tolist() for name, value in log.items()} | {"grad_norm": norm}
                    values |= {"lr": learning_rate(config, step), "seconds": time.monotonic() - started}
                    values |= {"skipped_steps": self.skipped_steps}
                    record(accelerator, self.folder, done, values)
                    shown = ("loss", "content", "relu1_2", "relu4_3")
                    progress.set_postfix({name: f"{values[name]:.3f}" for name in shown if name in values})
                timed_out = config.max_minutes is not None and time.monotonic() - started > config.max_minutes * 60
                last = done == config.max_train_steps or agreed(accelerator, timed_out or stop.wanted)
                if last or done % config.checkpointing_steps == 0:  # first: after a signal a launcher gives little time
                    save_checkpoint(accelerator, config, self.folder, done)
                if last or done % config.validation_steps == 0:
                    self._validate(done, progress)
                if last:
                    self._tell(done, timed_out, stop)
                    break

    def _tell(self, done: int, timed_out: bool, stop: StopSignal) -> None:
        """Why the run ends before its last step, and how to go on."""
        if done == self.config.max_train_steps or not self.accelerator.is_main_process:
            return
        signalled = stop.name or "a signal to another of its processes"
        logger.warning(
            "stopped by %s after step %d; checkpoint-%d saved; go on with --resume_from_checkpoint latest",
            "--max_minutes" if timed_out and not stop.wanted else signalled,
            done,
            done,
        )

    def _photographs(self, over: Event) -> Iterator[ContentBatch]:
        """This process's batches of photographs from the first step on; `over` tells the workers of the loop's end."""
        config, parts = self.config, self.share.accumulation
        options = (self.contents, config.train_batch_size, config.resolution, config.seed, self.share)
        first = self.start * parts
        loader = DataLoader(
            ContentStream(*options, first) if config.streaming else ContentBatches(*options),
            batch_size=None,
            sampler=None if config.streaming else range(first, config.max_train_steps * parts),
            num_workers=config.dataloader_num_workers,
            persistent_workers=config.dataloader_num_workers > 0,
            worker_init_fn=partial(leave_signals_to_the_loop, over),
        )
        return iter(loader)

    def _gradients(self, step: int, photographs: Iterator[ContentBatch]) -> dict[str, Tensor]:
        """Forward and backward of one step, over its accumulation parts; what the last part has to log."""
        config, accelerator, watch, model = self.config, self.accelerator, self.watch, self.model
        warm_up = step < config.identity_steps
        identity = warm_up or (config.identity_every > 0 and step % config.identity_every == 0)
        for part in range(self.share.accumulation):
            with watch.part("data"):
                batch = next(photographs)
                contents = batch.crops.to(accelerator.device)
                self.tally.add(batch.notes)
            more = part + 1 < self.share.accumulation
            with accelerator.no_sync(self.wrapped) if more else nullcontext(), accelerator.autocast():
                with watch.part("targets"):
                    if identity:
                        own = model.pnet.features(contents)
                        targets = StyleTargets(own, {} if warm_up else self.perceptual.style_targets(contents))
                    else:
                        slot, slots = self.share.slot(part), self.share.slots
                        targets = self.bank.batch(step, config.styles_per_batch, slot, slots)
                loss, log = self.objective(self.wrapped, contents, targets, identity, watch)
                with watch.part("backward"):
                    accelerator.backward(loss / self.share.accumulation)
        return log

    def _update(self, step: int) -> float:
        """One optimiser step, unless the gradient is not finite; the gradient's norm.

        Gradients are averaged over processes by now, so all of them decide alike.
        """
        config, accelerator = self.config, self.accelerator
        with self.watch.part("update"):
            norm = float(accelerator.clip_grad_norm_(list(trainable(self.model)), config.max_grad_norm))
            for group in self.optimizer.param_groups:
                group["lr"] = group["scale"] * learning_rate(config, step)
            finite = math.isfinite(norm)
            if finite or accelerator.scaler is not None:  # float16's scaler skips the step itself, and learns from it
                self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            if finite:
                self.average.update_parameters(self.model)
        self.bad_in_a_row = 0 if finite else self.bad_in_a_row + 1
        self.skipped_steps += not finite
        if not finite and accelerator.is_main_process:
            counts = (step + 1, self.bad_in_a_row, self.skipped_steps)
            logger.warning("step %d skipped: the gradient is not finite (%d in a row, %d in all)", *counts)
        if self.bad_in_a_row >= config.max_bad_steps:
            raise TrainingError(f"{self.bad_in_a_row} steps in a row had no finite gradient. {last_good(self.folder)}")
        return norm

    def _validate(self, done: int, progress: tqdm) -> None:
        """Score the averaged weights and say where the time went, on the main process."""
        images = self.config.train_batch_size * self.share.slots
        speed = self.watch.report(images)
        self.tally.add(self.bank.pictures.notes)
        pictures = self.tally.report()
        if not self.accelerator.is_main_process:
            return
        grid = self.folder / "samples" / f"{done:06d}.png"
        scores = self.validation(self.average.module.eval(), grid)
        record(self.accelerator, self.folder, done, scores | speed | {f"pictures_{k}": n for k, n in pictures.items()})
        record_picture(self.accelerator, grid, done)
        progress.write(f"step {done}: " + ", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
        shares = ", ".join(f"{k.removeprefix('share_')} {v:.0%}" for k, v in speed.items() if k.startswith("share_"))
        if speed:
            progress.write(f"{speed['images_per_second']:.1f} photographs a second; time: {shares}")
        for what, kinds in ("skipped", pictures.keys() & set(SKIPPED)), ("converted", pictures.keys() - set(SKIPPED)):
            if kinds:
                progress.write(f"pictures {what}: " + ", ".join(f"{pictures[kind]} {kind}" for kind in sorted(kinds)))

    def _calibrate(self, pnet: VGGPNet) -> None:
        """Normalise the input of a `vgg` PNet by the statistics of some paintings."""
        paintings, wanted = len(self.bank.pictures), self.config.calibration_paintings
        count = min(paintings, wanted)
        chosen = tqdm(
            [i * paintings // count for i in range(count)],
            "calibrate",
            disable=not self.accelerator.is_local_main_process,
        )
        with self.accelerator.autocast():
            pnet.calibrate(torch.cat([self.bank.look(i, 0).features for i in chosen]))


def agreed(accelerator: Accelerator, wish: bool) -> bool:
    """True on every process as soon as it is on one: all of them must leave the loop at the same step."""
    if accelerator.num_processes == 1:
        return wish
    wishes = accelerator.gather(torch.tensor([int(wish)], device=accelerator.device))
    return bool(wishes.any())


class StopSignal:
    """Inside the block, SIGINT and SIGTERM ask the loop to finish its step, save and end.

    Another one more than five seconds later stops the process at once.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.name = ""  # of the signal, SIGTERM or SIGINT
        self._since = 0.0
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():  # no other may handle signals
            self._before = {name: signal.signal(name, self._ask) for name in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)

    def _ask(self, number: int, frame: object) -> None:
        if not self.wanted:
            self.wanted, self.name, self._since = True, signal.Signals(number).name, time.monotonic()
        elif time.monotonic() - self._since > ECHO:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


def leave_signals_to_the_loop(over: Event, worker: int) -> None:
    """A Ctrl-C reaches loader workers, too: they must live until the loop has finished its step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit() if over.is_set() else None)
