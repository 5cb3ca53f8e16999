"""Sec. 4.2 and Fig. 10: noon, night and what lies between."""

from pathlib import Path
from typing import Annotated

import typer

from ..assets import data_folder
from ..model import ZMNet
from ..training.words.noon_night import NoonAndNight


def words(
    output_dir: Annotated[Path, typer.Option(help="the folder that gets the figure, its numbers and both models")],
    base: Annotated[str, typer.Option(help="the image model: a bundled name or a folder")] = "zmnet-base",
    data: Annotated[Path | None, typer.Option(help="the folder of pictures; if left out, $ZMNET_DATA/data")] = None,
    steps: Annotated[int, typer.Option(min=1, help="how many steps each PNet is trained for")] = 400,
    width: Annotated[int, typer.Option(min=1, help="the size of every vector ψ")] = 64,
    size: Annotated[int, typer.Option(min=64, help="the side of the test's pictures in pixels")] = 192,
    train_tnet: Annotated[
        bool, typer.Option(help="train the TNet as well, instead of keeping the image model's")
    ] = False,
) -> None:
    """Train on noon and night, and look at what lies between them (Fig. 10)."""
    pictures = data_folder(data, "attributes/noon", "attributes/night", "content/train")
    model = ZMNet.from_pretrained(base, attribute_pnets=None)
    experiment = NoonAndNight(model, pictures, steps, width, size, train_tnet)
    typer.echo("\n".join(experiment.run(output_dir)))
