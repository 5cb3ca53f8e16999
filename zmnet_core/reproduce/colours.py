"""Colourisation by another picture's histogram, which Sec. 3 of the paper names as a use: how near the colours come."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from PIL import Image
from torch import Tensor

from ..data.pictures import centre_squares
from ..errors import WrongModelError
from ..evaluation.figures import palette_distance
from ..files import replacing, write_json
from ..images.colour import lab, luma, recoloured, srgb
from ..images.folders import find_pictures
from ..images.sheet import contact_sheet
from ..markdown import table
from ..model import ZMNet

GREY, MEAN, MODEL, LIT = "grey photograph", "mean colour", "model", "model, the photograph's light"
OTHER, OWN = "another picture's", "its own"
SIDE = 64  # px, at which distributions of colours are compared
DIRECTIONS = 32
CELL, SHOWN = 128, 6  # px; pairs in the picture, at most
DIGITS = {"palette": 3, "colours": 1, "chroma": 2, "difference": 1}


def colours(
    model: Annotated[str, typer.Option(help="a model that is guided by histograms: a folder or a Hub id")],
    content_dir: Annotated[Path, typer.Option(help="a folder of photographs in colour, none of them trained on")],
    output_dir: Annotated[Path, typer.Option(help="the folder that gets colours.json, colours.md and colours.jpg")],
    pairs: Annotated[int, typer.Option(min=1, help="how many photographs are coloured, twice each")] = 50,
    size: Annotated[int, typer.Option(min=64, help="the side of the pictures in pixels")] = 192,
    show: Annotated[str, typer.Option(help="which pairs are pictured, numbers separated by commas")] = "",
) -> None:
    """Colour grey photographs by another picture's histogram and by their own, and see how near the colours come."""
    network = ZMNet.from_pretrained(model)
    if network.pnet.signal != "histogram":
        raise WrongModelError(f"'{model}' is not guided by histograms (train/train.py --signals histogram).")
    files = find_pictures(content_dir)
    count = min(pairs, len(files))
    photographs = centre_squares([files[index * len(files) // count] for index in range(count)], size)
    found: dict[str, dict[str, dict[str, float]]] = {OTHER: {}, OWN: {}}
    for whose, shift in ((OTHER, count // 2), (OWN, 0)):
        scores: dict[str, list[tuple[float, ...]]] = {}
        for index in range(count):
            photograph, picture = photographs[index][None], photographs[(index + shift) % count][None]
            for name, made in coloured(network, photograph, picture).items():
                scores.setdefault(name, []).append(measured(made, photograph, picture))
        for name, rows in scores.items():
            found[whose][name] = dict(zip(DIGITS, torch.tensor(rows).median(0).values.tolist(), strict=True))
    numbers = [int(number) for number in show.split(",") if number.strip()] or [*range(count)][:: -(-count // SHOWN)]
    shown = [(photographs[n % count][None], photographs[(n + count // 2) % count][None]) for n in numbers]
    page = [
        "# Colours from a histogram", "",
        f"{Path(model).name}: medians of {count} unseen photographs of {size} px. `palette`: sliced W₁ of red, green "
        "and blue to the picture whose colours are wanted; `a*, b*`: that of a* and b* alone, in ΔE; `chroma`: the "
        "mean chroma over the picture's; `ΔE`: the mean difference from the photograph as it was.", "",
        *lines(found), "", "![](colours.jpg)", "",
    ]  # fmt: skip
    output_dir.mkdir(parents=True, exist_ok=True)
    write_json(output_dir / "colours.json", {"model": Path(model).name, "pairs": count, "size": size, "medians": found})
    with replacing(output_dir / "colours.jpg") as temporary:
        sheet(network, shown).save(temporary, "JPEG", quality=85)
    with replacing(output_dir / "colours.md") as temporary:
        temporary.write_text("\n".join(page), encoding="utf-8")
    typer.echo("\n".join(page))


def coloured(network: ZMNet, photograph: Tensor, picture: Tensor) -> dict[str, Tensor]:
    """A photograph [1, 3, H, W] without its colours, and with those of a picture by each method."""
    grey = luma(photograph).expand(-1, 3, -1, -1)
    painted = network.apply(grey, network.encode_style(picture))
    return {GREY: grey, MEAN: mean_colour(grey, picture), MODEL: painted, LIT: recoloured(grey, painted)}


def mean_colour(grey: Tensor, picture: Tensor) -> Tensor:
    """Grey photographs [N, 3, H, W] with the mean a* and b* of a picture [1, 3, h, w] everywhere."""
    light, mean = _lab(grey), _lab(picture).flatten(1, 2).mean(1)[:, None, None, 1:]
    return srgb(torch.cat((light[..., :1], mean.expand(*light.shape[:3], 2)), 3)).permute(0, 3, 1, 2)


def measured(found: Tensor, photograph: Tensor, picture: Tensor) -> tuple[float, float, float, float]:
    """Of [1, 3, H, W]: distances to the picture's colours, with light and without; chroma over the picture's; mean
    ΔE*ab to the photograph.
    """
    chroma, wanted = (float(_lab(each)[..., 1:].norm(dim=-1).mean()) for each in (found, picture))
    difference = float((_lab(found) - _lab(photograph)).norm(dim=-1).mean())
    return palette_distance(found, picture), chroma_distance(found, picture), chroma / max(wanted, 1e-3), difference


def chroma_distance(a: Tensor, b: Tensor) -> float:
    """Sliced W₁ of a* and b* of two pictures [1, 3, H, W], each brought to 64 × 64 px: over 32 directions, in ΔE."""
    angles = torch.arange(DIRECTIONS) * (torch.pi / DIRECTIONS)
    directions = torch.stack((angles.cos(), angles.sin()))
    small = (torch.nn.functional.adaptive_avg_pool2d(each, SIDE) for each in (a, b))
    first, second = ((_lab(each)[0, ..., 1:].flatten(0, 1) @ directions).sort(0).values for each in small)
    return float((first - second).abs().mean())


def _lab(pictures: Tensor) -> Tensor:
    return lab(pictures.permute(0, 2, 3, 1))


def lines(found: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """The table."""
    rows = [
        [name, *(f"{row[name][key]:.{digits}f}" for row in found.values() for key, digits in DIGITS.items())]
        for name in (GREY, MEAN, MODEL, LIT)
    ]
    head = ["", *(f"{whose}: {title}" for whose in found for title in ("palette", "a*, b*", "chroma", "ΔE"))]
    return list(table(head, rows))


def sheet(network: ZMNet, shown: Sequence[tuple[Tensor, Tensor]]) -> Image.Image:
    """A row for each pair: the grey photograph, the picture, what each method makes of them, its own colours."""
    rows = []
    for photograph, picture in shown:
        made, own = coloured(network, photograph, picture), coloured(network, photograph, photograph)
        rows.append([made[GREY], picture, made[MEAN], made[MODEL], made[LIT], own[LIT], photograph])
    titles = ["grey photograph", "colours of", MEAN, MODEL, "model, its own light", "by its own colours", "as it was"]
    return contact_sheet(rows, CELL, [titles])
