"""Measure how much say the content and the style terms of the loss have, to choose λ_s for a file of VGG-16 weights.

    python train/weigh_terms.py --content_dir photographs --style_dir paintings --model zmnet-base

Photographs and paintings are paired at random; each pair is painted by an untrained network and by the trained ones
that `--model` names. Medians of the terms before λ are printed, and of the quotient of their gradients at the stylised
picture (with its tenths): with λ_c 1, its inverse is the λ_s with which both pull alike. Under `--loss paper` that
number depends on the file: content goes with the square of its activations, style with their fourth power.
"""

from typing import Annotated

import torch
import typer
from tqdm import tqdm

from zmnet_core.data.pictures import centre_squares, split
from zmnet_core.data.sampling import Stream, rng
from zmnet_core.errors import TrainingError
from zmnet_core.losses.perceptual import PerceptualLoss
from zmnet_core.markdown import table
from zmnet_core.model import ZMNet
from zmnet_core.networks.vgg import load_vgg16
from zmnet_core.options import run
from zmnet_core.training.balance import balance_of
from zmnet_core.training.config import TrainingConfig
from zmnet_core.training.trainer import build_model

UNTRAINED = "untrained"
HEAD = ("network", "content", "style", "style / content", "gradients", "to a tenth", "from a tenth", "λ_s")


def chosen(source: str, what: str, count: int, size: int, seed: int) -> torch.Tensor:
    """Some pictures of a source, [N, 3, size, size]."""
    files, _ = split(source, None, what)
    order = rng(seed, 0, 0, Stream.CHOICE).permutation(len(files))[:count]
    return centre_squares([files[int(i)] for i in order], size)


def row(
    name: str, model: ZMNet, perceptual: PerceptualLoss, contents: torch.Tensor, paintings: torch.Tensor
) -> list[str]:
    """A line of the table."""
    found = []
    for photograph, painting in tqdm(list(zip(contents[:, None], paintings[:, None])), name):
        targets = perceptual.style_targets(painting)
        with torch.no_grad():
            image = model(photograph, model.pnet.features(painting)).image
        image.requires_grad_()
        terms = perceptual(image, photograph, targets)
        balance = balance_of(terms, image)
        found.append([terms.weighted_content.item(), terms.weighted_style.item(), balance.style / balance.content])
    content, style, gradients = torch.tensor(found, dtype=torch.float64).T
    numbers = [content.median(), style.median(), (style / content).median(), gradients.median()]
    numbers += [gradients.quantile(0.1), gradients.quantile(0.9), 1 / gradients.median()]
    return [name, *(f"{float(number):.2g}" for number in numbers)]


def weigh(
    content_dir: Annotated[str, typer.Option(help="photographs, in any form that train.py takes")],
    style_dir: Annotated[str, typer.Option(help="paintings, the like")],
    model: Annotated[
        list[str] | None, typer.Option(help="a trained model to measure at as well; repeat the option for several")
    ] = None,
    loss: Annotated[str, typer.Option(help="the loss, as of train.py: paper or normalised")] = "paper",
    pairs: Annotated[int, typer.Option(min=1, help="how many pairs to measure")] = 36,
    resolution: Annotated[int, typer.Option(min=64, help="the side of the pictures in pixels")] = 256,
    seed: Annotated[int, typer.Option(help="the seed of the untrained network and of the pairs")] = 0,
) -> None:
    """Measure how much say each term of the loss has."""
    config = TrainingConfig(content_dir, style_dir, loss=loss, style_weight=1.0, content_weight=1.0, seed=seed)
    config.check()
    contents = chosen(content_dir, "--content_dir", pairs, resolution, seed)
    paintings = chosen(style_dir, "--style_dir", pairs, resolution, seed + 1)
    count = min(len(contents), len(paintings))
    if count < pairs:
        raise TrainingError(f"--pairs {pairs}: there are pictures for {count} only.")
    vgg = load_vgg16()
    torch.manual_seed(seed)
    models = {UNTRAINED: build_model(config, vgg)}
    models |= {name: ZMNet.from_pretrained(name, attribute_pnets=None) for name in model or []}
    perceptual = PerceptualLoss(vgg, config.loss_config())
    rows = [row(name, each.eval(), perceptual, contents, paintings) for name, each in models.items()]
    typer.echo("\n".join(table(HEAD, rows)))


if __name__ == "__main__":
    run(weigh)
