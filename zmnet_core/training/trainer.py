"""Training: the loop around the objective of one step.

The loop is a plain one: batch, loss, backward, step, log, save. Accelerate moves it to one process
or many; each process draws its own photographs and paintings from (seed, step, rank). In one process
no step waits for the device except to log.
"""

from __future__ import annotations

import copy
import errno
import logging
import time
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import chain
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NoReturn

import torch
from accelerate.utils import set_seed
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..data.contents import ContentBatch, ContentBatches
from ..data.decoding import SKIPPED, Tally
from ..data.pictures import Pictures, centre_square, split
from ..data.sampling import Share
from ..data.sources import PictureFile, Shard
from ..data.streams import ContentStream, split_shards
from ..errors import TrainingError, in_words
from ..evaluation.judge import Judge
from ..losses.perceptual import PerceptualLoss
from ..model import ZMNet
from ..networks.heads import ROW
from ..networks.pnet import VGGPNet
from ..networks.typed import channels_last
from ..networks.vector_pnet import VectorPNet
from ..networks.vgg import load_vgg16
from .balance import what_vanishes
from .building import Built, Make, build_guided, build_model, unfreeze
from .checkpoints import checkpoints, last_good, remove_unfinished, resume, save_checkpoint, save_model
from .compilation import Example, compiled
from .config import TrainingConfig
from .export import Export
from .group import leave
from .locking import FolderLock
from .objective import Objective, Step
from .optimisation import MovingAverage, Update, learning_rate, make_optimizer
from .records import begin_records, begin_trackers, make_accelerator, record, record_picture
from .revision import RevisionObjective
from .signals import Signals, material
from .stopping import StopSignal, agreed, leave_signals_to_the_loop
from .stopwatch import Stopwatch
from .style_bank import StyleBank, StyleTargets
from .time_budget import ENDING, TimeBudget
from .validation import Validation

logger = logging.getLogger(__name__)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no space on the disk, in the quota, in a file
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}  # what autocast computes in


def train(config: TrainingConfig, began: float | None = None, make: Make | None = None) -> Path:
    """Run (or resume) a training run; returns its folder, which `ZMNet.from_pretrained` reads.

    Args:
        began: when its time began, on the monotonic clock (`time_budget.BEGAN` for a script); now if left out.
        make: makes the model, with a gradient where it is to learn, for what a ZM-Net is compared with; if left out,
            the model is what the options say.

    Raises:
        TrainingError: folders without pictures, a wrong checkpoint, a loss that stays NaN, a full disk.
    """
    config.check()
    budget = TimeBudget(config.time_budget or None, began)
    with StopSignal() as stop, budget.enforced(f"'{config.export_folder}' holds what was exported before."):
        trainer = Trainer(config, budget, make)
        try:
            trainer.run(stop)
        except TrainingError as error:  # one of a loader worker comes with the worker's traceback before it
            raise TrainingError(str(error).rpartition(f"{TrainingError.__name__}: ")[2].strip()) from error
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise TrainingError(f"{in_words(error)}. {last_good(trainer.folder)}") from error
        finally:
            trainer.close()
        accelerator, folder = trainer.accelerator, trainer.folder
        del trainer
        leave(accelerator)
        budget.doing = ENDING
        return folder


class Trainer:
    """One training run on this process: what it is made of, one step, the loop."""

    def __init__(self, config: TrainingConfig, budget: TimeBudget | None = None, make: Make | None = None):
        budget = budget or TimeBudget(None)
        self.config, self.budget, self.folder = config, budget, Path(config.output_dir)
        self.accelerator = accelerator = make_accelerator(config)
        set_seed(config.seed)
        if accelerator.device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32
        budget.doing = "listing pictures"
        # What the run writes is no picture to train on, else two runs in a row would have other pictures.
        own = [place for place in (config.output_dir, config.export_folder, config.style_cache) if place]
        left_out: list[str] = []
        with accelerator.main_process_first():  # it lists the pictures, the others read its lists
            column, others = config.image_column, (own, left_out.append)
            source = config.content_dir, config.validation_content_dir, "--content_dir", column, *others
            shards: list[Shard] = []
            contents: Sequence[PictureFile] = []
            if config.streaming:
                shards, held_out_contents = split_shards(*source)
            else:
                contents, held_out_contents = split(*source)
            styles, held_out_styles = material(config, *others, left_out.append)
        if accelerator.is_main_process:
            for text in left_out:
                logger.warning("%s", text)
        self.shards, self.photographs, self.styles = shards, contents, styles
        self.held_out = held_out_contents, held_out_styles

        budget.doing = "loading the loss network"
        self.vgg = load_vgg16()
        budget.doing = "loading the model"
        lost: list[str] = []
        if make is not None:
            self.built = Built(make(config, self.vgg))
        elif styles.signals:
            self.built = build_guided(config, styles.signals, lost.append)
        else:
            self.built = Built(build_model(config, self.vgg, lost.append))
        if accelerator.is_main_process:
            for text in lost:
                logger.warning("%s", text)
        self.model = self.built.model
        if make is None:
            unfreeze(self.model, config.reviser_width > 0, not config.freeze_tnet)
        least, most = config.style_sides
        if least < most and config.styles_per_batch > 1 and not isinstance(self.model.guide, VGGPNet | VectorPNet):
            raise TrainingError(
                "--style_resolution_max: this PNet reads pictures, and those of one batch must have one size: "
                "--styles_per_batch 1 is needed, or --pnet vgg."
            )
        if self.model.pnet.signal == ROW and (config.identity_steps or config.identity_every):
            raise TrainingError("--identity_steps, --identity_every: a table of styles has no row for photographs.")
        self.teacher = ZMNet.from_pretrained(config.teacher, attribute_pnets=None) if config.teacher else None
        if self.teacher and self.teacher.pnet.signal != "image":
            raise TrainingError(f"--teacher '{config.teacher}' does not read pictures, so it has no style for them.")

        # Nothing is missing: from here on the run's folder is written.
        self.lock = FolderLock(self.folder) if accelerator.is_main_process else None
        if checkpoints(self.folder) and not config.resume_from_checkpoint:
            raise TrainingError(
                f"'{self.folder}' holds the checkpoints of an earlier run: go on with it by "
                "--resume_from_checkpoint latest, or choose another --output_dir."
            )
        self.model.to(accelerator.device)
        self.average = MovingAverage(self.model, config.ema_decay)
        accelerator.register_for_checkpointing(self.average)
        self.wrapped, optimizer = accelerator.prepare(self.model, make_optimizer(self.model, config))
        self.update = Update(accelerator, self.model, optimizer, self.average, config.max_grad_norm)
        self.share = Share(accelerator.process_index, accelerator.num_processes, config.gradient_accumulation_steps)
        self.start = resume(accelerator, config, self.folder)
        self.update.restored()
        self.skipped_steps, self.time_spent = 0, 0.0
        self.end: tuple[str, ...] = ("checkpoint", "export")  # what has to be done at the end
        if accelerator.is_main_process:
            remove_unfinished(self.folder)
            counts = {"paintings": len(styles.files)}
            if styles.signals and styles.signals.trained:
                counts["names"] = len(styles.signals.trained)
            if not config.streaming:  # what shards hold is not known before they have been read
                counts["photographs"] = len(contents)
            name = begin_records(self.folder, config, self.start, accelerator.num_processes, counts)
            self.export = Export(self.folder, Path(config.export_folder), config.export_every, name, self.start)
            self._export(self.start)  # what the run starts from: whatever happens now, there is a model that loads
            budget.guess("checkpoint", 8 * budget.cost("export"))  # unrounded, averaged, two moments

    def prepare(self) -> None:
        """What takes time before the first step: pictures, looks at paintings, compiling, and validation's pairs."""
        config, accelerator, budget = self.config, self.accelerator, self.budget
        vgg, teacher = self.vgg.to(accelerator.device), self.teacher
        half = HALF.get(config.mixed_precision)
        judge = Judge(copy.deepcopy(vgg) if half else vgg)  # in full precision, whatever the loss has
        if half:
            vgg.cast(half)
        self.perceptual = PerceptualLoss(vgg, config.loss_config(), config.gradient_checkpointing)
        self.perceptual.to(accelerator.device)
        if teacher:
            teacher.to(accelerator.device)
        revising = config.reviser_width > 0
        self.objective: Objective | RevisionObjective = (
            RevisionObjective(config, self.perceptual) if revising else Objective(config, self.perceptual, teacher)
        )
        self.bank = self._bank(teacher)
        if teacher and half:
            channels_last(teacher.tnet, half)
        if self.start == 0:
            if revising and not (reviser := self.model.require_learned_reviser()).calibrated:
                self._calibrate(lambda looks: reviser.calibrate(self.model.pnet(looks)))
            elif self.styles.signals:
                self._teach_vectors(self.styles.signals)
            elif isinstance(self.model.pnet, VGGPNet) and not config.init_from:
                self._calibrate(self.model.pnet.calibrate)
        elif self.styles.signals:
            self._check_vectors(self.styles.signals)
        self.built = Built(self.model)  # what it was made of is of no more use
        self.identity = torch.eye(2, device=accelerator.device)[1]  # [0, 1]: False and True, where the step is
        begin_trackers(accelerator, config)
        if config.pictures_in_memory:
            budget.doing = "decoding pictures"
            for pictures in (self.bank.pictures, self.contents):
                if pictures is not None:
                    pictures.keep_all(lambda: not budget.started_in_time)
        if accelerator.device.type != "cpu":
            budget.doing = "looking at paintings"
            with accelerator.autocast():
                self.bank.keep_all(enough=lambda: not budget.started_in_time)
        self.watch = Stopwatch(accelerator.device)
        self.loss_of_step: Step = self.objective
        if config.compile:
            budget.doing = "compiling (without --compile the steps begin at once)"
            self.loss_of_step = compiled(self.objective, self.wrapped, self._examples(), accelerator)
        else:  # hooks would break its graph
            self.watch.follow("pnet", self.model.guide)
        self.tally = Tally(accelerator)
        self.validation: Validation | None = None
        if accelerator.is_main_process and self.model.pnet.signal != ROW:  # a table knows no paintings to validate with
            budget.doing = "looking at the pairs of the validation"
            self.validation = Validation(config, *self.held_out, judge, budget)
            self.tally.add(self.validation.notes)
            if budget.cost("validation", *self.end) < budget.left / 2:
                self.end = ("validation", *self.end)
            else:
                logger.warning("--time_budget leaves no time for a validation at the end")

    def _bank(self, teacher: ZMNet | None) -> StyleBank:
        """The paintings; and, beside them, the photographs."""
        config = self.config
        memory = (config.pictures_in_memory, self.accelerator.device if config.pictures_in_memory else "cpu")
        if config.style_cache and not config.style_variants and self.accelerator.is_main_process:
            logger.warning(
                "--style_cache %s is of no use to the steps: with --style_variants 0 every look at a painting is a "
                "fresh crop, and nothing is kept. Give --style_variants 1 or more.",
                config.style_cache,
            )
        self.contents = None if config.streaming else Pictures(self.photographs, None, *memory)  # None: from shards
        least, most = config.style_sides
        return StyleBank(
            Pictures(self.styles.files, (least, max(most, config.style_loss_resolution or 0)), *memory),
            self.model.guide,
            self.perceptual,
            config.style_sides,
            config.style_variants,
            config.seed,
            config.style_cache,
            teacher,
            config.style_loss_resolution,
            self.styles.signals,
        )

    def run(self, stop: StopSignal) -> None:
        """All steps that are left or that there is time for, then the model."""
        late, _ = agreed(self.accelerator, not self.budget.allows("export", self.end), 0.0)
        if late or self.start >= self.config.max_train_steps:
            self._tell(self.start, stop)
        else:
            self.budget.secure()
            self.prepare()
            over = torch.multiprocessing.Event()
            try:
                photographs = self._photographs(over)
                if self.start == 0:
                    photographs = self._weighed(photographs)
                self._loop(stop, photographs)
            finally:
                over.set()  # after an error, too: a process that ends waits for its workers

    def close(self) -> None:
        """Let other runs have the folders."""
        if self.lock is not None:
            self.lock.release()
            self.export.close()

    def _loop(self, stop: StopSignal, photographs: Iterator[ContentBatch]) -> None:
        config, accelerator, budget, done = self.config, self.accelerator, self.budget, self.start
        started = time.monotonic()
        with tqdm(
            total=config.max_train_steps,
            initial=self.start,
            disable=not accelerator.is_local_main_process,
            mininterval=5,
        ) as progress:
            # What a run that starts from a trained model has to become better than; a short budget is for steps.
            if config.init_from and done == 0 and 10 * budget.cost("validation") < budget.left:
                self._validate(0, progress)
            last = self._over(stop, done)
            while not last:
                budget.step()
                budget.doing = f"doing step {done + 1}"
                self.watch.step(done)
                log = self._gradients(done, photographs)
                rate = learning_rate(config, done, self.time_spent if config.time_budget else None)
                with self.watch.part("update"):
                    norm = self.update(rate)
                done += 1
                progress.update()
                if done % config.logging_steps == 0:
                    values = {name: accelerator.reduce(value, "mean").tolist() for name, value in log.items()}
                    values |= {"grad_norm": float(norm), "lr": rate, "seconds": time.monotonic() - started}
                    values |= {"skipped_steps": self._count_skipped(done)}
                    record(accelerator, self.folder, done, values)
                    shown = ("loss", "content", "relu1_2", "relu4_3")
                    progress.set_postfix({name: f"{values[name]:.3f}" for name in shown if name in values})
                last = self._over(stop, done)
                if last or done % config.checkpointing_steps == 0:  # first: after a signal a launcher gives little time
                    budget.doing = "saving a checkpoint"
                    with budget.measure("checkpoint"):
                        save_checkpoint(accelerator, config, self.folder, done)
                if accelerator.is_main_process and last and self.export.apart:
                    save_model(self.average.module, self.folder)
                if accelerator.is_main_process and (last or (self.export.due and budget.allows("export", self.end))):
                    self._export(done, must=last)
                if last or done % config.validation_steps == 0:
                    self._validate(done, progress, () if last else self.end)
        if done > self.start:
            self._count_skipped(done)
        if accelerator.is_main_process:
            self.export.records()  # with the last validation
        self._tell(done, stop)

    def _over(self, stop: StopSignal, done: int) -> bool:
        """Whether there are to be no more steps after `done` of them; and how far the time for them has gone."""
        if done >= self.config.max_train_steps:
            return True
        end = self.end + ("checkpoint",) * ((done + 1) % self.config.checkpointing_steps == 0)
        late = self.accelerator.is_main_process and not self.budget.allows_step(end)  # it has to do what takes time
        last, self.time_spent = agreed(self.accelerator, late or stop.wanted, self.budget.time_spent(end))
        return last

    def _tell(self, done: int, stop: StopSignal) -> None:
        """Why the run ends before its last step or without one, and how to go on."""
        if not self.accelerator.is_main_process:
            return
        if done >= self.config.max_train_steps:
            if done == self.start:
                logger.warning(
                    "'%s' is complete: %d steps are done. To go on, raise --max_train_steps", self.folder, done
                )
            return
        if done == self.start and not stop.wanted:
            logger.warning("%s. '%s' holds what it starts from", self.budget.too_short(self.end), self.export.folder)
            return
        signalled = stop.name or "a signal to another of its processes"
        why = signalled if stop.wanted or self.budget.minutes is None else "--time_budget"
        saved = f"checkpoint-{done} saved; " if done > self.start else ""
        logger.warning("stopped by %s after step %d; %sgo on with --resume_from_checkpoint latest", why, done, saved)

    def _export(self, done: int, must: bool = True) -> None:
        self.budget.doing = "exporting"
        with self.budget.measure("export"):
            self.export(self.average.module, done, must)

    def _count_skipped(self, done: int) -> int:
        """Steps skipped so far, told of where there are new ones; TrainingError where there have been too many.

        Asks the device, so it is called when something is logged only.
        """
        in_a_row, in_all = self.update.skipped()
        if in_all > self.skipped_steps and self.accelerator.is_main_process:
            counts = (in_all - self.skipped_steps, done, in_a_row, in_all)
            logger.warning("%d up to step %d skipped: the gradient is not finite (%d in a row, %d in all)", *counts)
        self.skipped_steps = in_all
        if in_a_row >= self.config.max_bad_steps:
            raise TrainingError(f"{in_a_row} steps in a row had no finite gradient. {last_good(self.folder)}")
        return in_all

    def _examples(self) -> list[Example]:
        """Of each sort of step that this run has: what the objective is given."""
        config, device = self.config, self.accelerator.device
        contents = torch.rand(config.train_batch_size, 3, config.resolution, config.resolution, device=device)
        drawn = self.objective.draw(contents, 0, 0)
        with self.accelerator.autocast():
            examples = [(contents, self._paintings_targets(0, 0, 1), self.identity[0], drawn)]
            if config.identity_every:
                examples.append((contents, self._own_targets(contents, style=True), self.identity[1], drawn))
            if config.identity_steps > self.start:
                examples.insert(0, (contents, self._own_targets(contents, style=False), self.identity[1], drawn))
        return examples

    def _paintings_targets(self, step: int, slot: int, slots: int) -> StyleTargets:
        """Of a batch's paintings, once a photograph: of the shapes of `_own_targets`, so that both are one graph."""
        targets = self.bank.batch(step, self.config.styles_per_batch, slot, slots)
        return targets.repeated(self.config.train_batch_size // self.config.styles_per_batch)

    def _own_targets(self, contents: Tensor, style: bool) -> StyleTargets:
        """The photographs as their own style; without `style` nothing of them is matched but pixels."""
        own = self.bank.own(contents)
        if own is contents:  # a `conv` PNet's; two inputs that are one tensor would be compiled to a graph of their own
            own = contents.clone()
        return StyleTargets(own, self.perceptual.style_targets(contents) if style else {})

    def _photographs(self, over: Event) -> Iterator[ContentBatch]:
        """This process's batches of photographs from the first step on; `over` tells the workers of the loop's end."""
        config, parts = self.config, self.share.accumulation
        options = (config.train_batch_size, config.resolution, config.seed, self.share)
        first, workers = self.start * parts, config.dataloader_num_workers
        if config.pictures_in_memory and self.accelerator.device.type != "cpu":
            workers = 0  # nothing is left to read, and the pictures are where only this process can cut them
        loader = DataLoader(
            ContentStream(self.shards, *options, first)
            if self.contents is None
            else ContentBatches(self.contents, *options),
            batch_size=None,
            sampler=None if config.streaming else range(first, config.max_train_steps * parts),
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=partial(leave_signals_to_the_loop, over),
        )
        return iter(loader)

    def _weighed(self, photographs: Iterator[ContentBatch]) -> Iterator[ContentBatch]:
        """The same batches; warns before the first step if a term of its loss has no say."""
        first, objective = next(photographs), typing.cast(Step, self.objective)
        if self.accelerator.is_main_process and self.budget.started_in_time:
            self.budget.doing = "weighing the terms of the loss"
            with self.accelerator.autocast():  # as in the step, which may find them kept
                targets = self._paintings_targets(0, self.share.slot(0), self.share.slots)

            def look_at(some: slice) -> None:
                contents = first.crops[some].to(self.accelerator.device)
                drawn = self.objective.draw(contents, 0, self.share.slot(0))
                with self.accelerator.autocast():
                    objective(self.model, contents, targets.some(some), self.identity[0], drawn)

            if text := what_vanishes(self.config, self.perceptual, look_at):
                logger.warning("%s", text)
        return chain((first,), photographs)

    def _gradients(self, step: int, photographs: Iterator[ContentBatch]) -> dict[str, Tensor]:
        """Forward and backward of one step, over its accumulation parts; what the last part has to log."""
        config, accelerator, watch = self.config, self.accelerator, self.watch
        warm_up = step < config.identity_steps
        identity = warm_up or (config.identity_every > 0 and step % config.identity_every == 0)
        timed = () if config.compile else (watch,)
        for part in range(self.share.accumulation):
            with watch.part("data"):
                batch = next(photographs)
                contents = batch.crops.to(accelerator.device)
                self.tally.add(batch.notes)
            slot, slots = self.share.slot(part), self.share.slots
            drawn = self.objective.draw(contents, step, slot)
            more = part + 1 < self.share.accumulation
            with accelerator.no_sync(self.wrapped) if more else nullcontext(), accelerator.autocast():
                with watch.part("targets"):
                    if identity:
                        targets = self._own_targets(contents, style=not warm_up)
                    else:
                        targets = self._paintings_targets(step, slot, slots)
                with watch.part("objective") if config.compile else nullcontext():
                    aim = self.identity[int(identity)]
                    loss, log = self.loss_of_step(self.wrapped, contents, targets, aim, drawn, *timed)
                with watch.part("backward"):
                    accelerator.backward(loss / self.share.accumulation)
        unlike = {"content", *targets.style} if identity else {"pixels"}  # of the other sort of step
        return {name: value for name, value in log.items() if name not in unlike}

    def _validate(self, done: int, progress: tqdm[NoReturn], before: tuple[str, ...] = ()) -> None:
        """Score the averaged weights and say where the time went, on the main process; if there is time for it, and
        for what has to be done `before` the end.
        """
        images = self.config.train_batch_size * self.share.slots
        speed = self.watch.report(images)
        self.tally.add(self.bank.pictures.notes)
        pictures = self.tally.report()
        if not self.accelerator.is_main_process:
            return
        grid = self.folder / "samples" / f"{done:06d}.png"
        self.budget.doing = "validating"
        scores = None
        if self.validation is not None and self.budget.allows("validation", before):
            scores = self.validation(self.average.module.eval(), grid, before)
        if scores is None:
            if self.validation is not None:
                logger.warning("no time for the validation at step %d", done)
        else:
            record_picture(self.accelerator, grid, done)
            progress.write(f"step {done}: " + ", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
        values = (scores or {}) | speed | {f"pictures_{kind}": number for kind, number in pictures.items()}
        record(self.accelerator, self.folder, done, values)
        shares = ", ".join(f"{k.removeprefix('share_')} {v:.0%}" for k, v in speed.items() if k.startswith("share_"))
        if speed:
            progress.write(f"{speed['images_per_second']:.1f} photographs a second; time: {shares}")
        for what, kinds in ("skipped", pictures.keys() & set(SKIPPED)), ("converted", pictures.keys() - set(SKIPPED)):
            if kinds:
                progress.write(f"pictures {what}: " + ", ".join(f"{pictures[kind]} {kind}" for kind in sorted(kinds)))

    @torch.no_grad()
    def _teach_vectors(self, signals: Signals) -> None:
        """Fit how a new PNet compresses its vectors, start it from the mean style of pictures, give it its names."""
        self.budget.doing = "looking at vectors"
        guide, built = self.model.guide, self.built
        assert isinstance(guide, VectorPNet)
        if built.teach:
            guide.fit(signals.sample(self.bank.pictures, self.config.calibration_paintings).to(guide.offset.device))
            if built.pictures:
                guide.heads.start_from(self._mean_style(built.pictures.to(self.accelerator.device)))
        if signals.names:
            guide.learn_names([vector.to(guide.offset.device) for vector in signals.vectors()], built.first)
        self.average.module.load_state_dict(self.model.state_dict())
        if self.accelerator.is_main_process:
            self._export(self.start)

    def _mean_style(self, pictures: ZMNet, most: int = 32) -> Tensor:
        """What a model of pictures writes for those of this run, [2, ΣC], in the mean."""
        count = min(most, len(self.bank.pictures))
        side = self.config.style_resolution
        squares = (centre_square(self.bank.pictures[i * len(self.bank.pictures) // count], side) for i in range(count))
        found = [pictures.encode_style(square[None].to(self.accelerator.device), None).values for square in squares]
        return torch.cat(found).mean(0)

    def _check_vectors(self, signals: Signals) -> None:
        """Refuse to go on with vectors other than those that the run began with."""
        guide = self.model.guide
        assert isinstance(guide, VectorPNet)
        if signals.names:
            now = copy.deepcopy(guide)
            now.learn_names([vector.to(guide.offset.device) for vector in signals.vectors()], self.built.first)
            if not torch.allclose(now.known, guide.known, rtol=1e-4, atol=1e-5):
                raise TrainingError(
                    f"--signals {self.config.signals} has changed since the run began: give the table that it began "
                    "with, or start another --output_dir (by --init_from this one, if the weights are to be kept)."
                )

    @torch.no_grad()
    def _calibrate(self, calibrate: Callable[[Tensor], None]) -> None:
        """Normalise a network's input by the PNet's features of some paintings, and export the model anew."""
        self.budget.doing = "calibrating"
        paintings, wanted = len(self.bank.pictures), self.config.calibration_paintings
        count = min(paintings, wanted)
        chosen = tqdm(
            [i * paintings // count for i in range(count)],
            "calibrate",
            disable=not self.accelerator.is_local_main_process,
        )
        looks: list[Tensor] = []
        with self.accelerator.autocast():
            for i in chosen:
                if len(looks) > 1 and not self.budget.started_in_time:
                    logger.warning("calibrated by %d paintings only: --time_budget is short", len(looks))
                    break
                looks.append(self.bank.look(i, 0).features)
            calibrate(torch.cat(looks))
        self.average.module.load_state_dict(self.model.state_dict())
        if self.accelerator.is_main_process:
            self._export(self.start)
