"""The paper's experiments, a command each.

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
    output_dir: Annotated[Path, typer.Option(help="gets the figure, the figures in numbers, and both models")],
    base: Annotated[str, typer.Option(help="bundled name or folder of the image model")] = "zmnet-base",
    data: Annotated[Path | None, typer.Option(help="pictures; $ZMNET_DATA/data if left out")] = None,
    steps: Annotated[int, typer.Option(min=1, help="of each PNet")] = 400,
    width: Annotated[int, typer.Option(min=1, help="size of every ψ")] = 64,
    size: Annotated[int, typer.Option(min=64, help="side of the test's pictures, px")] = 192,
    train_tnet: Annotated[bool, typer.Option(help="train the TNet, too; else it stays the image model's")] = False,
) -> None:
    """Noon, night and what lies between (Fig. 10)."""
    pictures = data_folder(data, "attributes/noon", "attributes/night", "content/train")
    model = ZMNet.from_pretrained(base, attribute_pnets=None)
    experiment = NoonAndNight(model, pictures, steps, width, size, train_tnet)
    typer.echo("\n".join(experiment.run(output_dir)))


def expansion(
    style_dir: Annotated[Path, typer.Option(help="paintings of the training split")],
    expanded_dir: Annotated[Path, typer.Option(help="styles made of them by train/expand_styles.py")],
    content_dir: Annotated[Path, typer.Option(help="photographs")],
    test_style_dir: Annotated[Path, typer.Option(help="paintings of another split")],
    test_content_dir: Annotated[Path, typer.Option(help="photographs of another split")],
    output_dir: Annotated[Path, typer.Option(help="gets both runs and expansion.json")],
    steps: Annotated[int, typer.Option(min=1, help="of each run")] = 2000,
    pnet: Annotated[str, typer.Option(help="kind of PNet")] = "vgg",
    tnet_width: Annotated[int, typer.Option(min=1, help="channels of the TNet's first layer")] = 32,
    init_from: Annotated[
        str | None,
        typer.Option(help="model that both runs start from (bundled name, folder or Hub id); from scratch if left out"),
    ] = None,
    resolution: Annotated[int, typer.Option(min=64, help="side of the photographs' crops, px")] = 96,
    pairs: Annotated[int, typer.Option(min=1, help="of the test")] = 32,
    seed: Annotated[int, typer.Option(help="of both runs")] = 0,
) -> None:
    """The same training with and without expanded styles."""
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
