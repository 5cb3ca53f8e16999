"""Repeat the paper's experiments, with one command for each.

    python train/reproduce.py words --output_dir runs/words
    python train/reproduce.py expansion --style_dir S --expanded_dir E --content_dir C --output_dir runs/expansion

`words` (Sec. 4.2, Fig. 10) trains a serial and a parallel PNet on noon and night, writes the figure words.png and
prints what is measured on the way from noon to night. `expansion` trains the same model twice, with and without
the styles that train/expand_styles.py made, and prints the errors of both on unseen pairs.
"""

from pathlib import Path
from typing import Annotated

import typer

from zmnet_core.assets import data_folder
from zmnet_core.model import ZMNet
from zmnet_core.options import run
from zmnet_core.training.config import TrainingConfig
from zmnet_core.training.expansion_experiment import Experiment
from zmnet_core.training.words.noon_night import NoonAndNight


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


def expansion(
    style_dir: Annotated[Path, typer.Option(help="the folder of the training split's paintings")],
    expanded_dir: Annotated[
        Path, typer.Option(help="the folder of the styles that train/expand_styles.py made of them")
    ],
    content_dir: Annotated[Path, typer.Option(help="the folder of photographs to train on")],
    test_style_dir: Annotated[Path, typer.Option(help="a folder with paintings of another split, for the test")],
    test_content_dir: Annotated[Path, typer.Option(help="a folder with photographs of another split, for the test")],
    output_dir: Annotated[Path, typer.Option(help="the folder that gets both runs and expansion.json")],
    steps: Annotated[int, typer.Option(min=1, help="how many steps each run is trained for")] = 2000,
    pnet: Annotated[str, typer.Option(help="the kind of PNet")] = "vgg",
    tnet_width: Annotated[int, typer.Option(min=1, help="how many channels the TNet's first layer has")] = 32,
    init_from: Annotated[
        str | None,
        typer.Option(
            help="the model that both runs start from (a bundled name, a folder or a Hub id); if left out, they start "
            "from scratch"
        ),
    ] = None,
    resolution: Annotated[int, typer.Option(min=64, help="the side of the photographs' crops in pixels")] = 96,
    pairs: Annotated[int, typer.Option(min=1, help="how many pairs the test has")] = 32,
    seed: Annotated[int, typer.Option(help="the seed of both runs")] = 0,
) -> None:
    """Train the same model with and without expanded styles, and compare the two."""
    config = TrainingConfig(
        content_dir=str(content_dir), max_train_steps=steps, train_batch_size=4, styles_per_batch=4,
        resolution=resolution, style_resolution=192, style_variants=1, pnet=pnet, tnet_width=tnet_width,
        init_from=init_from, compression=0.5, ema_decay=0.99, identity_steps=0 if init_from else steps // 5,
        validation_style_dir=str(test_style_dir), validation_content_dir=str(test_content_dir), validation_pairs=4,
        validation_steps=steps, checkpointing_steps=max(1, steps // 4), seed=seed,
    )  # fmt: skip
    experiment = Experiment(style_dir, expanded_dir, config, test_content_dir, test_style_dir, pairs)
    typer.echo("\n".join(experiment.run(output_dir)))


if __name__ == "__main__":
    run(words, expansion)
