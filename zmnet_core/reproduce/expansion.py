"""Fig. 4-6: the same model with and without expanded styles."""

from pathlib import Path
from typing import Annotated

import typer

from ..training.config import TrainingConfig
from ..training.expansion_experiment import Experiment


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
