"""`zmnet encode --refine`: a painting's style, optimised on photographs before it is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..styling.layering import chosen_layers
from .checks import STYLE_FILE, check_there
from .pipes import PIPE

if TYPE_CHECKING:
    from ..model import ZMNet
    from ..styling.style import Style


def check_refine(
    paintings: Sequence[Path], attribute: Sequence[str], steps: int, photographs: Sequence[Path], layers: str | None
) -> None:
    """Refuse what cannot be refined, before anything is loaded."""
    if steps and (len(paintings) != 1 or attribute or paintings[0].suffix == STYLE_FILE):
        raise typer.BadParameter(
            "the style of one painting is refined: give one picture, no words and no style file", param_hint="--refine"
        )
    if steps and PIPE in paintings:
        raise typer.BadParameter("it reads the painting twice, and a pipe can be read once", param_hint="--refine")
    if photographs and not steps:
        raise typer.BadParameter("photographs are for --refine STEPS", param_hint="--refine-on")
    if layers is not None and not steps:
        raise typer.BadParameter("layers are for --refine STEPS", param_hint="--refine-layers")
    if layers is not None:
        try:
            chosen_layers(layers, "--refine-layers")
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    for file in photographs:
        check_there(file, "picture")


def refined(
    network: ZMNet,
    style: Style,
    painting: Path,
    photographs: Sequence[Path],
    steps: int,
    layers: str | None,
    megapixels: float | None,
) -> Style:
    """The style after so many steps, or after fewer if Ctrl-C comes first; with a bar that says how far it is."""
    from tqdm import tqdm

    from ..images.picture import to_tensor
    from ..styling.refine import PAINTING, PHOTOGRAPH, Refiner
    from .pipes import read

    contents = [to_tensor(read(file, PHOTOGRAPH, megapixels).rgb)[None] for file in photographs] or None
    shown = to_tensor(read(painting, PAINTING, megapixels).rgb)[None]
    refiner = Refiner(network, style, shown, contents, steps, layers)
    try:
        with tqdm(refiner, "refine", unit="step") as bar:
            for loss in bar:
                bar.set_postfix({"loss on one of them": f"{loss:.3f}"})
            bar.set_description("refine, measuring")
    except KeyboardInterrupt:
        typer.echo(f"stopped after {refiner.done} of {steps} steps: what is reached is written.", err=True)
    style, after = refiner.style, refiner.loss()
    said = f"{after:.3f}" if after < refiner.before else "no lower with refined numbers, so the style stays as it was"
    typer.echo(f"loss on the photographs: {refiner.before:.3f} before, {said} now", err=True)
    return style
