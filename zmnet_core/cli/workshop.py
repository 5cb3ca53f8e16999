"""The verbs for those who make and measure models: each is a few lines over the library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from .. import options
from .application import app, verb
from .checks import check_folder, check_there
from .knobs import BoldRows, DeviceOption, ModelOption, PaletteRows
from .loading import load_model


@verb()
def evaluate(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder that gets the report.")] = Path(
        "zmnet-evaluation"
    ),
    data: Annotated[
        Path | None,
        typer.Option(
            help="The folder in which the paths of the pairs start. If left out, the folder of their list, or else "
            "$ZMNET_DATA/data."
        ),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="A list of your own, with a photograph, a tab and a painting on each line.")
    ] = None,
    training_pairs: Annotated[
        Path | None,
        typer.Option(
            help="A list like --pairs, but with paintings of the training set, to measure the zero-shot gap. The "
            "bundled pairs have such a list; a list of your own is measured without the gap unless you give one."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first so many pairs.")] = None,
    size: Annotated[
        list[int] | None,
        typer.Option(
            min=64,
            help="The side of the pictures in pixels, a multiple of 4. Repeat the option for several sizes; if left "
            "out, they are 256, 512 and 1024. Pairs whose pictures are smaller than 7/8 of a size are left out there.",
        ),
    ] = None,
    enlarge: Annotated[
        bool, typer.Option("--enlarge", help="Enlarge pictures that are too small, instead of leaving them out.")
    ] = False,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help="The network that judges the pictures, vgg16 or vgg19. Repeat the option for both, which is also what "
            "happens if it is left out."
        ),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="Another model, which gets a row of its own. Repeat the option for several."),
    ] = None,
    ost: Annotated[
        int,
        typer.Option(
            min=0,
            help="How many of the pairs are also optimised one by one (OST), which takes minutes each without a GPU.",
        ),
    ] = 20,
    ost_steps: Annotated[int, typer.Option(min=1, help="How many steps of Adam each of these gets.")] = 100,
    ost_coarse_steps: Annotated[
        int, typer.Option(min=0, help="How many steps come before these at half the size, at a quarter of the cost.")
    ] = 100,
    ost_pyramid: Annotated[
        bool,
        typer.Option(
            help="Optimise the style at a half and a quarter of the size as well, since it is measured there."
        ),
    ] = True,
    peers: Annotated[
        Path | None,
        typer.Option(
            help="A folder with clones of EndyWon/MicroAST and MingSun-Tse/Collaborative-Distillation, which then get "
            "rows of their own. If left out, $ZMNET_PEERS."
        ),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(
            help="A folder of clips. They are painted in every way of --steady, in place of the pairs, and what "
            "flickers is measured. Of the other options, --size (the short side, 256 if it is left out), --limit and "
            "--beside count then. It needs opencv-python-headless."
        ),
    ] = None,
    bold: BoldRows = None,
    palette: PaletteRows = None,
    noise: Annotated[
        int, typer.Option(min=0, help="After how many of the paintings a noisy sky is painted, to measure grain.")
    ] = 8,
    blind: Annotated[
        int,
        typer.Option(
            min=0,
            help="For how many pairs a sheet is written to OUTPUT/blind on which the methods stand under letters; "
            "`zmnet tally` counts the answers.",
        ),
    ] = 0,
    blind_seed: Annotated[int, typer.Option(help="The seed of the order of these letters.")] = 0,
    gap: Annotated[bool, typer.Option(help="Measure the zero-shot gap, at the first size.")] = True,
    brief: Annotated[
        bool,
        typer.Option(
            "--brief",
            help="Print only a short table for each size, as in docs/results.md. The folder gets the whole report.",
        ),
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(help="The folder that keeps results between runs. If left out, OUTPUT/cache.")
    ] = None,
    model: ModelOption = "zmnet-base",
    device: DeviceOption = "auto",
) -> None:
    """Score a model on 100 pairs of unseen photographs and paintings, beside other methods."""
    check_folder(output, f"-o '{output}'")
    networks = {"zm-net": load_model(model, device)} | {name: load_model(name, device) for name in beside or []}

    if clips is not None:
        from ..evaluation.steadiness import SIDE, steadiness

        named = {each.name or name: each for name, each in networks.items()}
        for line in steadiness(named, clips, output, size[0] if size else SIDE, limit):
            typer.echo(line)
        return

    from ..evaluation.comparison import Comparison

    comparison = Comparison(
        cache or output / "cache", pairs, training_pairs, data, limit, size or [256, 512, 1024],
        judge or ["vgg16", "vgg19"], ost, ost_steps, ost_coarse_steps, gap, ost_pyramid=ost_pyramid, enlarge=enlarge,
        noise=noise, peers=peers, bold=bold or [], palette=palette or [], blind=blind, blind_seed=blind_seed,
        brief=brief,
    )  # fmt: skip
    for line in comparison.run(networks, output, {"model": model}):
        typer.echo(line)


@verb()
def tally(
    answers: Annotated[
        Path,
        typer.Argument(help="A text file with an observer's choices, one line per pair, such as `1: first C, last A`."),
    ],
    key: Annotated[Path, typer.Option(help="The key that `zmnet evaluate --blind` wrote.")] = Path(
        "zmnet-evaluation/blind-key.json"
    ),
) -> None:
    """Count how often each method was chosen first and last on blind sheets."""
    check_there(answers, "file of answers")
    check_there(key, "key")

    from ..evaluation.blind import tally as count
    from ..evaluation.blind import tally_text

    typer.echo(tally_text(count(answers, key)))


@verb()
def push(
    run: Annotated[
        str,
        typer.Argument(
            help="The folder of a training run. If it holds a README.md, that is used instead of the model card.",
            metavar="RUN",
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            help="The Hugging Face Hub id of the repository, which is made if it does not exist.", metavar="ORG/NAME"
        ),
    ],
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            help="A Hub token with write access. If left out, the one from `hf auth login` or $HF_TOKEN is used."
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(help="The branch to write to, which is made if it does not exist. If left out, main."),
    ] = None,
    message: Annotated[str, typer.Option(help="The first line of the commit message.")] = "Upload a ZM-Net",
    licence: Annotated[str, typer.Option(help="The licence of the weights, for the card.")] = "apache-2.0",
    samples: Annotated[
        bool,
        typer.Option("--samples", help="Also upload the newest validation grid, which shows pictures of your data."),
    ] = False,
) -> None:
    """Upload a model to the Hugging Face Hub, with a card made from its run."""
    from ..hub.locate import find

    find(run)  # before torch, whose import takes seconds

    from ..training.publish import push_run

    typer.echo(push_run(run, name, private or None, token, revision, message, licence, samples))


class TrainCommand(TyperCommand):
    """`zmnet train` with the options of a TrainingConfig, made only when they are asked for, since they load torch."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """What typer calls before it runs a command: here it hands over to the command of `zmnet_core.training`."""
        from ..training.__main__ import command

        made = options.command_line(command, cls=options.ManyOptions)
        return typer.main.get_command(made).make_context(info_name, args, parent, **extra)


@app.command(cls=TrainCommand)
def train() -> None:
    """Train a model of your own; `zmnet train --help` lists the options. On several devices, start
    `accelerate launch -m zmnet_core.training` with the same options.
    """


@verb()
def bench(
    repeat: Annotated[int, typer.Option(min=1, help="How many runs of each line are timed; the median counts.")] = 5,
    large: Annotated[bool, typer.Option(help="Also measure the memory that a picture of 4096 × 4096 takes.")] = True,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="Another model to time at 384 × 384, or magenta. Repeat the option for several."),
    ] = None,
    side: Annotated[
        list[int] | None,
        typer.Option(
            min=16,
            help="The side of the pictures in pixels. Repeat the option for several; if left out, they are 256, 512 "
            "and 1024.",
        ),
    ] = None,
    clip: Annotated[
        int,
        typer.Option(
            min=0,
            help="Also paint a clip of so many frames of 640 × 360 on the CPU, and measure its time and memory beside "
            "those of single frames. 1000 takes minutes; the package av is needed.",
        ),
    ] = 0,
    model: ModelOption = "zmnet-base",
    device: DeviceOption = "auto",
) -> None:
    """Measure time and memory, beside the bare convolutions of the same shapes and beside other models."""
    network = load_model(model, device)

    from ..evaluation.bench import SIDES, race, report

    for line in report(network, model, repeat, large, tuple(side or SIDES)):
        typer.echo(line)
    if beside:
        others = {name: None if name == "magenta" else load_model(name, device) for name in beside}
        for line in race({model: network, **others}, repeat):
            typer.echo(line)
    if clip:
        from ..evaluation.bench_clips import clips

        for line in clips(model, clip):
            typer.echo(line)
