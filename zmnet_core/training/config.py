"""What a training run does, as one flat list of options: flags of train/train.py and YAML keys.

What the network *is* ends up in config.json beside the weights; this is what the run *does*. Names
are those of diffusers' training scripts where these have one.
"""

from __future__ import annotations

import inspect
import logging
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated

import typer
import yaml
from typer.core import TyperCommand

from ..data.sources import FORMS
from ..errors import TrainingError, did_you_mean, in_words
from ..losses.perceptual import CONTENT_LAYERS, STATISTICS, STYLE_LAYERS, LossConfig
from ..networks.drafts import ReviserConfig
from ..networks.pnet import IMAGE_KINDS, KINDS, PNetConfig
from ..networks.reviser import BLOCKS, DRAFT_SIDE, EDGE, MOST_FACTOR, Reviser
from ..networks.tnet import KERNELS, MIN_SIDE, TNetOptions
from ..networks.vector_pnet import check_signal_name
from ..networks.vgg import LAYER_ORDER
from ..options import check_from_zero, command_line, declare
from ..signals.words import SIGNALS

logger = logging.getLogger(__name__)

AT_LEAST_ONE = (
    "train_batch_size", "styles_per_batch", "max_train_steps", "lr_decay_steps", "calibration_paintings",
    "checkpointing_steps", "checkpoints_total_limit", "validation_steps", "validation_pairs", "logging_steps",
)  # fmt: skip
FROM_ZERO = ("learning_rate", "weight_decay", "max_grad_norm", "compression")  # and every weight


T = typing.TypeVar("T")


def option(default: T, text: str, *, choices: tuple[str, ...] = (), group: str = "") -> T:
    """A field with its help text, and the only values that it takes; `group` begins a part of the help."""
    given = {"help": text, "choices": choices, "group": group}
    return field(default=default, metadata={name: value for name, value in given.items() if value})


@dataclass
class TrainingConfig:
    """One training run. Every field is a flag (`--content_dir …`) and a YAML key."""

    content_dir: str = option("", f"photographs: {FORMS}", group="Data")
    style_dir: str = option("", f"paintings: {FORMS}")
    output_dir: str = option("runs/zmnet", "the run folder: checkpoints, the log, samples and the final model")
    validation_content_dir: str | None = option(
        None, "photographs for validation; if left out, every 20th photograph is held out"
    )
    validation_style_dir: str | None = option(
        None, "paintings for validation; if left out, every 20th painting is held out"
    )
    signals: str | None = option(
        None,
        "vectors that guide the network in the place of paintings, which only the loss then sees: a .safetensors table "
        "of names (pictures of --style_dir, their folders, or of a list's lines name, tab, picture); or histogram "
        "(colours), or glove or sentence (the folders are words)",
    )
    signal_name: str = option("own", "what the vectors of such a table are called in the model, such as audio")
    signal_size: int = option(
        0, "how many numbers a vector is compressed to; 0 takes 64, or fewer where there are few vectors"
    )
    image_column: str = option("image", "the column of a data set that holds the pictures")
    streaming: bool = option(
        False, "read photographs (from tar files or a data set) from front to back instead of at random"
    )
    resolution: int = option(256, "the side of the photographs' square crops in pixels")
    content_noise: float = option(
        0.0,
        "the most noise that is added to the photographs, as a standard deviation in 0..1; the network sees the noise, "
        "the loss looks at the clean photographs",
    )
    style_resolution: int = option(256, "the side in pixels at which paintings are looked at")
    style_resolution_max: int | None = option(
        None,
        "if given, each look at a painting has a side drawn at random between style_resolution and this; smaller "
        "paintings are not enlarged",
    )
    style_loss_resolution: int | None = option(
        None,
        "the side in pixels at which the loss looks at paintings; if left out, style_resolution; smaller paintings are "
        "not enlarged",
    )
    style_variants: int = option(
        0, "how many looks at every painting are computed once and kept; 0 takes a fresh crop every time"
    )
    style_cache: str | None = option(None, "a folder that keeps these looks between runs")
    pictures_in_memory: bool = option(False, "decode every picture once and keep it on the training device")
    dataloader_num_workers: int = option(0, "how many worker processes read photographs")
    train_batch_size: int = option(4, "photographs per step and process", group="Length")
    styles_per_batch: int = option(1, "paintings per step and process; has to divide the batch size")
    max_train_steps: int = option(40_000, "how many steps to train in all")
    time_budget: float | None = option(
        None,
        "how many minutes the process may take from its start to its end, with loading, the last validation and "
        "saving; the learning rate has come down by then; 0 sets no limit",
    )
    max_minutes: float | None = option(None, "the old name of --time_budget")
    identity_steps: int = option(0, "how many steps at the start only learn to reproduce the photograph")
    identity_every: int = option(0, "the photograph is its own style in every so many-th step; 0 is never")
    learning_rate: float = option(1e-3, "Adam's learning rate", group="Optimiser")
    lr_scheduler: str = option("step", "how the learning rate falls", choices=("constant", "cosine", "step"))
    lr_warmup_steps: int = option(100, "for how many steps the learning rate rises at the start")
    lr_decay_steps: int = option(40_000, "with `step`: after every so many steps the learning rate falls to a tenth")
    weight_decay: float = option(
        0.1, "AdamW's decay of those convolutions of the TNet that a norm follows; 0 makes it plain Adam"
    )
    adam_beta2: float = option(0.99, "Adam's β₂, the decay of the squares of gradients; β₁ is 0.9")
    max_grad_norm: float = option(1.0, "gradients are clipped to this norm; 0 leaves them as they are")
    ema_decay: float = option(
        0.999, "the decay of the moving average of the weights, which is what is saved; 0 saves the weights themselves"
    )
    max_bad_steps: int = option(20, "stop after so many steps in a row without a finite gradient")
    loss: str = option(
        "normalised", "which loss to use; `paper` is Eq. 2 as printed", choices=("normalised", "paper"), group="Loss"
    )
    style_weight: float = option(5.0, "the weight of the style terms, λ_s")
    content_weight: float = option(1.0, "the weight of the content term, λ_c")
    style_statistic: str = option(
        "gram",
        "what is matched in a painting's layers: Gram matrices, means and centred covariances apart, or the mean of "
        "both",
        choices=tuple(STATISTICS),
    )
    style_scales: str = option(
        "1", "the scales of the style terms; 1,2,4 compares copies of half and quarter size as well"
    )
    style_layers: str = option(",".join(STYLE_LAYERS), "the VGG-16 layers of the style terms")
    content_layers: str = option(",".join(CONTENT_LAYERS), "the VGG-16 layers of the content term")
    relu4_3_weight: float = option(1.0, "the weight of relu4_3 among the style layers")
    compression: float = option(
        0.0,
        "bounds the say of single paintings: ε in ε·log(1 + e/ε) of a style error e, in the objective only; 0 is off",
    )
    palette_weight: float = option(0.0, "the weight, within λ_s, of the colours of areas of 4 and 16 px; 0 is off")
    colour_weight: float = option(
        0.0, "the weight, within λ_s, of how the colours of areas of 4 px are spread; 0 is off"
    )
    tv_weight: float = option(0.0, "the weight of total variation")
    flat_weight: float = option(
        0.0, "the weight of variation where the photograph is flat: weave, rims and blotches in skies"
    )
    teacher: str | None = option(
        None, "a trained model whose pictures are an aim as well (a folder, a bundled name or a Hub id)"
    )
    teacher_weight: float = option(
        10.0, "the weight of the teacher's pixels; if λ_s and λ_c are both 0, they are the only aim"
    )
    pixel_weight: float = option(10.0, "the weight of the pixels where the photograph is its own style")
    peak_weight: float = option(1.0, "the weight of activations beyond 5 σ")
    saturation_weight: float = option(1.0, "the weight of output logits beyond ±3.5")
    tnet_width: int = option(32, "the width w of the TNet, which has w, 2w and 4w channels", group="Network")
    tnet_edge: int | None = option(None, "channels of the TNet's first and last planes; if left out, tnet_width")
    tnet_kernel: int = option(9, "the side of the TNet's first and last convolution")
    tnet_separable: bool = option(False, "use separable convolutions in the TNet's residual blocks")
    tnet_palette: bool = option(False, "give the picture the painting's colours at the end, by construction")
    tnet_grey: bool = option(False, "let the TNet see photographs without colour, so that it learns to give them some")
    freeze_tnet: bool = option(
        False,
        "keep the TNet of --init_from as it is, and with it styles, words and saved files; with --signals the new PNet "
        "stands beside those that the model has",
    )
    pnet: str = option(
        "conv", "the kind of PNet; mlp, mlp-parallel and gru read the vectors of --signals", choices=tuple(KINDS)
    )
    pnet_width: int = option(0, "the width of the PNet; 0 takes its own default")
    pnet_taps: str | None = option(None, "the VGG-16 layers that a vgg PNet reads, such as relu1_2,relu2_2")
    pnet_bold: bool = option(
        False,
        "tell a vgg PNet how boldly to paint, from 0 to 1: λ_c is then drawn between a third and three times its value",
    )
    calibration_paintings: int = option(256, "how many paintings' statistics normalise the input of a vgg PNet")
    reviser_width: int = option(
        0, "train a reviser of this width for --init_from, whose other weights stay as they are; 0 trains none"
    )
    reviser_edge: int = option(EDGE, "channels of the reviser's planes of half the picture's size")
    reviser_blocks: int = option(BLOCKS, "how many residual blocks the reviser has")
    draft: int = option(
        DRAFT_SIDE, "the short side in pixels of the drafts when the model is used; training draws smaller ones"
    )
    window: int = option(
        256, "the side in pixels of the window that a step revises within --resolution, a multiple of 4"
    )
    draft_weight: float = option(10.0, "the weight of the draft's forms, which are the means of blocks of 4 px")
    grid_weight: float = option(
        0.0,
        "the weight of what a reviser prints on its own grid of 4 px: the mean difference when the same place is "
        "revised 1 to 3 px further",
    )
    init_from: str | None = option(None, "the model to start from (a folder, a bundled name or a Hub id)")
    checkpointing_steps: int = option(500, "a checkpoint is written after every so many steps", group="Run")
    checkpoints_total_limit: int = option(2, "how many checkpoints are kept")
    export_every: float = option(
        300.0,
        "after how many seconds the averaged model, the log and the newest samples are exported again; the first "
        "export is made before the first step; 0 makes none until the end",
    )
    export_dir: str | None = option(None, "the folder for these exports; if left out, output_dir")
    resume_from_checkpoint: str | None = option(None, "the checkpoint to go on from: `latest`, or a path")
    validation_steps: int = option(500, "the model is validated after every so many steps")
    validation_pairs: int = option(16, "how many pairs of a photograph and an unseen painting validate it")
    validation_resolution: int = option(256, "the side of these pictures in pixels")
    logging_steps: int = option(20, "a line is written to log.jsonl after every so many steps")
    mixed_precision: str = option("no", "the precision of autocast", choices=("no", "bf16", "fp16"))
    gradient_accumulation_steps: int = option(
        1, "over how many batches per step and process the gradients are averaged"
    )
    gradient_checkpointing: bool = option(
        False, "compute the loss network twice instead of keeping its activations, to save memory"
    )
    compile: bool = option(
        False, "compile the objective with torch.compile: networks, loss network and penalties in one graph"
    )
    seed: int = option(0, "the seed of every random choice")
    report_to: str = option("none", "the tracker of accelerate: tensorboard, wandb, trackio, …, all or none")

    @property
    def style_sides(self) -> tuple[int, int]:
        """The least and the largest side at which paintings are looked at, px."""
        return self.style_resolution, self.style_resolution_max or self.style_resolution

    @property
    def export_folder(self) -> str:
        """Where exports go."""
        return self.export_dir or self.output_dir

    def loss_config(self) -> LossConfig:
        """The run's loss."""
        layers = {name: self.relu4_3_weight if name == "relu4_3" else 1.0 for name in self.style_layers.split(",")}
        if self.style_weight == self.content_weight == 0:
            layers = {}  # the loss network is not run at all
        layers = {layer: weight for layer, weight in layers.items() if weight > 0}
        return LossConfig(
            self.loss,
            self.style_weight,
            self.content_weight,
            style_layers=layers,
            content_layers=tuple(self.content_layers.split(",")),
            compression=self.compression,
            palette_weight=self.palette_weight if layers else 0.0,
            colour_weight=self.colour_weight if layers else 0.0,
            statistic=self.style_statistic,
            scales=tuple(int(scale) for scale in self.style_scales.split(",")),
        )

    def networks(self) -> tuple[TNetOptions, PNetConfig]:
        """The TNet's and the PNet's keyword arguments: what config.json will say, without what is the default."""
        tnet: TNetOptions = {"width": self.tnet_width}
        if self.tnet_edge:
            tnet["edge"] = self.tnet_edge
        if self.tnet_kernel != 9:
            tnet["kernel"] = self.tnet_kernel
        if self.tnet_separable:
            tnet["separable"] = True
        if self.tnet_palette:
            tnet["palette"] = True
        if self.tnet_grey:
            tnet["grey"] = True
        pnet: PNetConfig = {"kind": self.pnet}
        if self.pnet_width:
            pnet["width"] = self.pnet_width
        if self.pnet_taps:
            pnet["taps"] = self.pnet_taps.split(",")
        if self.pnet_bold:
            pnet["bold"] = True
        return tnet, pnet

    def reviser_options(self) -> ReviserConfig | None:
        """The reviser's keyword arguments; None: no reviser is trained."""
        if self.reviser_width == 0:
            return None
        return {
            "width": self.reviser_width,
            "edge": self.reviser_edge,
            "blocks": self.reviser_blocks,
            "draft": self.draft,
        }

    def check(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            TrainingError: with what to change.
        """
        for f in fields(self):
            value, choices = getattr(self, f.name), f.metadata.get("choices")
            if choices and value not in choices:
                raise TrainingError(f"--{f.name} '{value}' does not exist: choose one of {', '.join(choices)}.")
            if f.name in AT_LEAST_ONE and value < 1:
                raise TrainingError(f"--{f.name} {value} is too small: it is at least 1.")
        if self.max_minutes is not None:
            logger.warning("--max_minutes is now called --time_budget, and counts from the start of the process")
            if self.time_budget is None:
                self.time_budget = self.max_minutes
            self.max_minutes = None
        if self.time_budget is not None and not 0 <= self.time_budget < float("inf"):
            raise TrainingError(f"--time_budget {self.time_budget} cannot be: give minutes, or 0 for no budget.")
        if not self.export_every >= 0:
            raise TrainingError(f"--export_every {self.export_every} cannot be: it is a number of seconds from 0 on.")
        if not 0 <= self.content_noise < 1:
            raise TrainingError(f"--content_noise {self.content_noise} cannot be: give a number from 0 to 1.")
        for f in fields(self):
            if f.name in FROM_ZERO or f.name.endswith("_weight"):
                check_from_zero(f"--{f.name}", getattr(self, f.name))
        for name in ("ema_decay", "adam_beta2"):
            if not 0 <= getattr(self, name) < 1:
                value = getattr(self, name)
                raise TrainingError(f"--{name} {value} cannot be: a number from 0 to below 1, such as 0.999.")
        for name in ("pnet_taps", "style_layers", "content_layers"):
            named = [] if getattr(self, name) is None else getattr(self, name).split(",")
            if unknown := [layer for layer in named if layer not in LAYER_ORDER]:
                raise TrainingError(f"--{name} '{','.join(unknown)}': VGG-16 has {', '.join(LAYER_ORDER)}.")
        if self.pnet_bold and self.pnet != "vgg" and not self.init_from:
            raise TrainingError(f"--pnet_bold needs a vgg PNet: --pnet {self.pnet} cannot be told how boldly to paint.")
        if self.pnet_taps and self.pnet != "vgg":
            raise TrainingError(f"--pnet_taps needs a vgg PNet: --pnet {self.pnet} has none.")
        self._check_signals()
        if self.freeze_tnet and not self.init_from:
            raise TrainingError("--freeze_tnet keeps the TNet of a trained model: name it by --init_from.")
        if self.freeze_tnet and (self.tnet_palette or self.tnet_grey):
            raise TrainingError("--freeze_tnet keeps a TNet as it is, and --tnet_palette and --tnet_grey change it.")
        if self.reviser_width:
            self._check_reviser()
        scales = self.style_scales.split(",")
        if not all(scale.isdecimal() and int(scale) > 0 for scale in scales):
            raise TrainingError(f"--style_scales {self.style_scales}: whole numbers from 1 on, such as 1,2,4.")
        what, side = ("window", self.window) if self.reviser_width else ("resolution", self.resolution)
        if (most := max(map(int, scales))) > side // 16:
            raise TrainingError(
                f"--style_scales {self.style_scales}: at 1/{most} of --{what} {side} nothing is left to compare; "
                f"{side // 16} is the most."
            )
        try:
            self.loss_config()
        except ValueError as error:
            raise TrainingError(f"--loss {self.loss}, --style_statistic {self.style_statistic}: {error}") from error
        self._check_aims()
        if self.tnet_kernel not in KERNELS:
            raise TrainingError(f"--tnet_kernel {self.tnet_kernel} cannot be: 1, 3, 5, 7 or 9.")
        for name in ("content_dir", "style_dir"):
            if not getattr(self, name):
                raise TrainingError(f"--{name} is missing: {FORMS}.")
        if self.train_batch_size % self.styles_per_batch:
            batch, styles = self.train_batch_size, self.styles_per_batch
            raise TrainingError(f"--styles_per_batch {styles} does not divide --train_batch_size {batch}.")
        for name in ("resolution", "style_resolution", "style_loss_resolution", "validation_resolution"):
            if getattr(self, name) is not None and getattr(self, name) < 64:
                raise TrainingError(f"--{name} {getattr(self, name)} is too small: 64 px at least.")
        if self.style_resolution_max is not None and self.style_resolution_max < self.style_resolution:
            most, least = self.style_resolution_max, self.style_resolution
            raise TrainingError(f"--style_resolution_max {most} is below --style_resolution {least}.")

    def _check_signals(self) -> None:
        reads_pictures = self.pnet in IMAGE_KINDS
        vectors = " or ".join(kind for kind in KINDS if kind not in IMAGE_KINDS)
        if self.signals is None:
            if not reads_pictures:
                raise TrainingError(
                    f"--pnet {self.pnet} reads vectors: give them by --signals, or take a PNet of pictures."
                )
            for name, value in (("signal_name", self.signal_name != "own"), ("signal_size", self.signal_size)):
                if value:
                    raise TrainingError(f"--{name} is for the vectors of --signals, and there are none.")
            return
        if reads_pictures:
            raise TrainingError(f"--signals: --pnet {self.pnet} reads pictures, and vectors are read by {vectors}.")
        if self.signals in SIGNALS and self.signal_name != "own":
            raise TrainingError(f"--signal_name is for a table of one's own: --signals {self.signals} has its name.")
        try:
            if self.signal_name not in SIGNALS:
                check_signal_name(self.signal_name)
        except ValueError as error:
            raise TrainingError(f"--signal_name: {error}") from error
        if self.signal_size < 0:
            raise TrainingError(f"--signal_size {self.signal_size} cannot be: a whole number from 0 on.")
        if self.pnet == "gru" and self.signals in ("histogram", "sentence"):
            raise TrainingError(f"--pnet gru reads sequences, and --signals {self.signals} gives single vectors: mlp.")
        if self.pnet == "gru" and self.compile:
            raise TrainingError("--compile: a gru waits for the lengths of its sequences and cannot be compiled.")
        if self.signals != "histogram":
            for name in ("identity_steps", "identity_every"):
                if getattr(self, name):
                    raise TrainingError(
                        f"--{name}: a photograph as its own style needs its vector, which only --signals histogram has."
                    )

    def _check_aims(self) -> None:
        if self.style_weight or self.content_weight:
            if not self.loss_config().style_layers:
                raise TrainingError(
                    f"--relu4_3_weight {self.relu4_3_weight:g} leaves nothing of --style_layers {self.style_layers}: "
                    "name another layer as well. (--style_weight 0 leaves the style out of the loss.)"
                )
            return
        others = {
            "teacher": self.teacher is not None and self.teacher_weight > 0,
            "identity": (self.identity_steps or self.identity_every) and self.pixel_weight > 0,
            "draft": self.reviser_width and self.draft_weight > 0,
        }
        if not any(others.values()):
            raise TrainingError(
                "--style_weight and --content_weight are both 0, and nothing else is to be learned: raise one of them, "
                "or give a --teacher and a --teacher_weight above 0."
            )

    def _check_reviser(self) -> None:
        if not self.init_from:
            raise TrainingError(
                "--reviser_width: a reviser is trained for a model that is there: name it by --init_from."
            )
        for name in ("teacher", "compile", "identity_steps", "tnet_palette", "tnet_grey", "signals"):
            if getattr(self, name):
                raise TrainingError(
                    f"--{name} is for the training of a TNet, and --reviser_width trains a reviser alone."
                )
        least = math.ceil(MIN_SIDE * MOST_FACTOR)
        if not 64 <= self.window <= self.resolution or self.window % 4 or self.resolution < least:
            raise TrainingError(
                f"--window {self.window} of --resolution {self.resolution} cannot be revised: a multiple of 4 from 64 "
                "to the resolution."
            )
        try:
            Reviser(1, self.reviser_width, self.reviser_edge, self.reviser_blocks, draft=self.draft)
        except ValueError as error:
            raise TrainingError(f"--reviser_width, --reviser_edge, --reviser_blocks, --draft: {error}") from error


def training_command(use: Callable[[TrainingConfig], object]) -> Callable[..., object]:
    """What takes a TrainingConfig as a command for typer: an option for every field, and `--config FILE.yaml`.

    A flag wins over the file, the file over the default.

    Raises:
        TrainingError: (the command) the file has a key that is no option, or a value of another type.
    """
    hints = typing.get_type_hints(TrainingConfig)

    @wraps(use)
    def command(context: typer.Context, config: Path | None, **options: typing.Any) -> object:
        if config:
            sources = {name: context.get_parameter_source(name) for name in options}
            given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
            options |= {name: value for name, value in _read(config, hints).items() if name not in given}
        return use(TrainingConfig(**options))

    file = typer.Option("--config", metavar="FILE.yaml", help="a YAML file with options; flags win over it")
    parameters: dict[str, tuple[typing.Any, typing.Any]] = {
        "context": (typer.Context, inspect.Parameter.empty),
        "config": (Annotated[Path | None, file], None),
    }
    group = None
    for f in fields(TrainingConfig):
        group = f.metadata.get("group", group)
        flags = f"--{f.name}/--no-{f.name}" if hints[f.name] is bool else f"--{f.name}"
        choices = f.metadata.get("choices")  # checked, as all else, by TrainingConfig.check: one message for all ways
        shown = typer.Option(
            flags,
            help=f.metadata["help"],
            metavar="|".join(choices) if choices else None,
            show_default=f.default != "",
            rich_help_panel=group,
        )
        parameters[f.name] = (Annotated[hints[f.name], shown], f.default)
    return declare(command, parameters)


def parse(arguments: list[str] | None = None) -> TrainingConfig:
    """The options of a command line (in place of the process's own: `arguments`), which are not checked yet.

    Raises:
        TrainingError: the file has a key that is no option, or a value of another type.
        SystemExit: help was asked for, or a flag is none or has no good value, which was said.
    """
    found: list[TrainingConfig] = []
    try:
        command_line(training_command(found.append), cls=TyperCommand)(arguments)
    except SystemExit:  # how typer ends any command
        if not found:
            raise
    return found[0]


def _read(path: Path, hints: dict[str, typing.Any]) -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise TrainingError(f"--config '{path}' cannot be read: {in_words(error)}.") from error
    except UnicodeDecodeError as error:
        raise TrainingError(f"--config '{path}' is not UTF-8 text.") from error
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise TrainingError(f"'{path}'{where}: not YAML: {problem or error}.") from error
    if not isinstance(content, dict):
        raise TrainingError(f"'{path}' must hold lines of the form `option: value`.")
    names = {str(key): str(key).replace("-", "_") for key in content}  # flags may be written in both ways as well
    if unknown := [key for key, name in names.items() if name not in hints]:
        listed = ", ".join(key + did_you_mean(names[key], hints, " (did you mean {}?)") for key in unknown)
        raise TrainingError(
            f"'{path}' has options that do not exist: {listed}. `zmnet train --help` lists those there are."
        )
    options: dict[str, object] = {}
    for (key, name), value in zip(names.items(), content.values()):
        if name in options:
            raise TrainingError(f"'{path}' has {name} twice.")
        try:
            options[name] = _converted(value, hints[name])
        except (TypeError, ValueError, OverflowError) as error:
            raise TrainingError(
                f"'{path}': {key} is {value!r}; {EXPECTED[_plain(hints[name])]} is expected."
            ) from error
    return options


EXPECTED = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _converted(value: typing.Any, hint: typing.Any) -> object:
    """A YAML value in an option's type; PyYAML takes `1e-4` for text.

    Raises:
        TypeError, ValueError, OverflowError: it cannot be.
    """
    kind = _plain(hint)
    if value is None and kind is not hint:
        return None
    if value is None or isinstance(value, (list, dict)) or isinstance(value, bool) != (kind is bool):
        raise TypeError
    if kind is int and int(value) != float(value):
        raise ValueError
    return kind(value)


def _plain(hint: typing.Any) -> type:
    """`int` of `int | None`."""
    return next(t for t in hint.__args__ if t is not type(None)) if isinstance(hint, types.UnionType) else hint
