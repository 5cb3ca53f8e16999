"""`zmnet optimise`: one photograph, one painting, and as long as it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import PictureError, did_you_mean
from ..images.formats import is_clip
from ..networks.constants import AS_IT_IS
from .application import verb
from .checks import STYLE_FILE, check_no_place, check_styles, check_there, plan_outputs
from .knobs import DeviceOption, MegapixelsOption, ModelOption, with_knobs
from .loading import load_model
from .pipes import PIPE, check_pipes, read, write

OPTIMISERS, STARTS = ("lbfgs", "adam"), ("model", "photograph")  # those of evaluation.optimise, before torch is loaded


@verb()
@with_knobs
def optimise(
    photograph: Annotated[
        Path, typer.Argument(help="The photograph; - reads it from the standard input.", metavar="PHOTO")
    ],
    style: Annotated[Path, typer.Option("--style", "-s", help="The painting.")],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="PATH", help="The picture to write (.jpg, .png, .webp); - writes a PNG."
        ),
    ],
    steps: Annotated[
        int,
        typer.Option(
            min=1,
            max=10_000,
            help="How many steps; the first half of them at half the size. A hundred at 512 px take some minutes on "
            "two cores. Ctrl-C keeps what is reached.",
        ),
    ] = 100,
    optimiser: Annotated[
        str,
        typer.Option(
            help="What moves the pixels; lbfgs gets lower in as many steps.", metavar=f"[{'|'.join(OPTIMISERS)}]"
        ),
    ] = "lbfgs",
    start: Annotated[
        str,
        typer.Option(
            help="Where it begins: at the picture that the model paints, or at the photograph.",
            metavar=f"[{'|'.join(STARTS)}]",
        ),
    ] = "model",
    size: int | None = None,
    painting_size: Annotated[
        int | None,
        typer.Option(
            min=64,
            help="The short side at which the painting is looked at, in pixels; if left out, that of the picture. "
            "Smaller paintings are not enlarged.",
        ),
    ] = None,
    bold: float = AS_IT_IS,
    quality: Annotated[int, typer.Option(min=1, max=100, help="The quality of JPEG and WebP files.")] = 92,
    keep_profile: Annotated[
        bool,
        typer.Option("--keep-profile", help="Write the result in the photograph's own colour profile."),
    ] = False,
    megapixels: MegapixelsOption = None,
    model: ModelOption = "zmnet-base",
    device: DeviceOption = "auto",
) -> None:
    """Optimise one photograph after one painting (Gatys et al. 2016): minutes instead of a moment, and closer to it."""
    if is_clip(photograph):
        raise PictureError(f"'{photograph}' is a clip: photographs are optimised; `zmnet stylize` takes clips.")
    check_there(photograph)
    check_no_place(str(style))
    if style.suffix == STYLE_FILE:
        raise PictureError(f"'{style}' is a style file, and holds no painting to look at: give the painting itself.")
    for name, value, choices in (("optimiser", optimiser, OPTIMISERS), ("start", start, STARTS)):
        if value not in choices:
            hint = did_you_mean(value, choices) or f"There are {', '.join(choices)}."
            raise typer.BadParameter(f"'{value}' does not exist. {hint}", param_hint=f"--{name}")
    check_pipes([photograph, style], Path(output))
    check_styles([style])
    ((_, target),) = plan_outputs([photograph], Path(output), keep=[style], folder=output[-1:] == "/")
    network = load_model(model, device)

    from tqdm import tqdm

    from ..evaluation.optimise import Optimising, check_size
    from ..evaluation.optimise import optimise as optimised
    from ..images.picture import fitted_size, in_own_profile
    from ..training.stopping import StopSignal

    picture = read(photograph, size, megapixels)
    painting = read(style, painting_size, megapixels)
    width, height = fitted_size(picture.full or picture.size, size)
    needed = check_size(network, width, height)
    typer.echo(f"{width} × {height} px, {steps} steps: about {needed / 2**30:.1f} GiB of memory", err=True)
    how = Optimising(steps, optimiser, bold, start, painting_size)
    done = 0
    with StopSignal() as stopping, tqdm(total=steps, desc="optimise", unit="step") as bar:

        def report(loss: float) -> None:
            nonlocal done
            done += 1
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()

        result = optimised(network, picture, painting.rgb, size, how, report, lambda: stopping.wanted)
    if stopping.wanted:
        typer.echo(f"stopped after {done} of {steps} steps: what is reached is written.", err=True)
    write(in_own_profile(result) if keep_profile else result, target, quality)
    if target != PIPE:
        typer.echo(target)
