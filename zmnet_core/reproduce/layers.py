"""Fig. 7: what each layer carries of a style, as a picture and with figures."""

from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from torch import Tensor

from ..assets import DEMO_PICTURES
from ..evaluation.layer_effects import QUANTITIES, Effects, Shares, layer_effects, parts
from ..evaluation.methods import load_square, read_pairs
from ..files import replacing, write_json
from ..images.sheet import contact_sheet
from ..markdown import table
from ..model import ZMNet
from ..networks.constants import DIN_LAYERS, LAYER_GROUPS

PAIRS = 12
SHOWN = ("contents/colosseum.jpg", "styles/irises-van-gogh.jpg")  # of the bundled pictures
CELL = 192  # px


def layers(
    output_dir: Annotated[Path, typer.Option(help="the folder that gets layers.json, layers.md and layers.jpg")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="a model (a bundled name, a folder or a Hub id); repeat it for several. If left out, all bundled"
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="the folder in which the pairs' paths start; if left out, $ZMNET_DATA/data")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="how many of the bundled pairs are measured")] = PAIRS,
    size: Annotated[int, typer.Option(min=64, help="the side of the pictures in pixels, a multiple of 16")] = 256,
) -> None:
    """Turn layers on alone and off alone, and see what comes of light, colour, edges and texture (Fig. 7)."""
    if size % 16:
        raise typer.BadParameter(f"{size} is no multiple of 16", param_hint="--size")
    files = read_pairs(data, limit=pairs)
    photograph, painting = (load_square(DEMO_PICTURES / name, size) for name in SHOWN)
    report, found, rows = [], {}, []
    for name in model or ["zmnet-base", "zmnet-bold", "zmnet-mini"]:
        network = ZMNet.from_pretrained(name)
        looks = (
            Effects(network, load_square(content, size), network.encode_style(load_square(style, size), size=None))
            for content, style in files
        )
        found[name] = layer_effects(looks)
        report += [f"## {name}", "", *lines(found[name]), ""]
        shown = Effects(network, photograph, network.encode_style(painting, size=None))
        rows += _rows(shown, photograph, painting)
    page = [
        "# What the layers carry", "",
        "How far light, colour, edges and texture go from what the photograph's own style gives (0) to what the",
        f"painting's gives (1), with layers alone and without them: medians of {len(files)} pairs, {size} px.", "",
        *report, "![](layers.jpg)", "",
        "For each model: on top, layers alone; below, all but these.",
        "Pictures: the Colosseum and van Gogh's Irises, both CC0 1.0 (zmnet_core/demo_pictures/SOURCES.md).", "",
    ]  # fmt: skip
    output_dir.mkdir(parents=True, exist_ok=True)
    write_json(output_dir / "layers.json", {"pairs": len(files), "size": size, "models": found})
    with replacing(output_dir / "layers.jpg") as temporary:
        _sheet(rows, list(found)).save(temporary, "JPEG", quality=88)
    with replacing(output_dir / "layers.md") as temporary:
        temporary.write_text("\n".join(page), encoding="utf-8")
    typer.echo("\n".join(page))


def lines(found: dict[str, dict[str, Shares]]) -> list[str]:
    """The table of one model."""
    head = ["layers", *(f"{name} alone" for name in QUANTITIES), *(f"{name} without" for name in QUANTITIES)]
    rows = [
        [_title(part), *(f"{both[how][name]:.2f}" for how in ("alone", "without") for name in QUANTITIES)]
        for part, both in found.items()
    ]
    return list(table(head, rows))


def _title(part: str) -> str:
    if part not in LAYER_GROUPS:
        return part
    first, last = parts()[part][0], parts()[part][-1]
    return f"{part} ({first}-{last})"


def _rows(effects: Effects, photograph: Tensor, painting: Tensor) -> list[list[Tensor]]:
    """Of one model: groups alone and then without, between photograph and painting."""
    everything = set(range(1, DIN_LAYERS + 1))
    groups = [set(parts()[name]) for name in LAYER_GROUPS]
    alone = [effects.painted(group) for group in groups]
    without = [effects.painted(everything - group) for group in groups]
    return [[photograph, effects.painted(()), *alone], [painting, effects.painted(everything), *without]]


def _sheet(rows: list[list[Tensor]], models: list[str]) -> Image.Image:
    titles = []
    for name in models:
        titles.append([f"photograph ({name})", "own style", *(f"{_title(group)} alone" for group in LAYER_GROUPS)])
        titles.append(["painting", "whole style", *(f"without {_title(group)}" for group in LAYER_GROUPS)])
    return contact_sheet(rows, CELL, titles)
