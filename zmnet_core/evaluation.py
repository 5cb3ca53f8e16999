"""`zmnet evaluate`: a model over fixed photograph × painting pairs, with plain methods beside it.

The list of pairs ships with the library (`pairs.tsv`): 100 photographs and 100 paintings of the
validation sets, each once, none of them seen in training.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from .baselines.colour_transfer import colour_transfer
from .errors import PictureError
from .files import replacing, write_json
from .images import read_picture, to_tensor
from .metrics import Judge, Method, Score, contact_sheet, summarise
from .model import ZMNet

PAIRS = Path(__file__).parent / "pairs.tsv"
SHEET_PAIRS = 24


def read_pairs(data: Path, pairs: Path = PAIRS, limit: int | None = None) -> list[tuple[Path, Path]]:
    """The files of every pair; paths in the list are relative to `data`.

    Raises:
        PictureError: a file of the list is not there.
    """
    lines = pairs.read_text(encoding="utf-8").splitlines()
    found = [tuple(data / name for name in line.split("\t")) for line in lines if line and not line.startswith("#")]
    for file in (file for pair in found for file in pair):
        if not file.is_file():
            raise PictureError(
                f"the evaluation needs '{file}', which is not there. Give the folder that holds content/val and "
                "styles/val with --data, or set ZMNET_DATA to the folder above its data/; or pass your own --pairs."
            )
    return found[:limit]


def default_data() -> Path:
    """`$ZMNET_DATA/data` (default `../shared/data`)."""
    return Path(os.environ.get("ZMNET_DATA", "../shared")) / "data"


def load_square(path: Path, size: int) -> Tensor:
    """The centre square of a picture file, [1, 3, size, size]."""
    return to_tensor(ImageOps.fit(read_picture(path).rgb, (size, size), Image.Resampling.LANCZOS))[None]


@torch.no_grad()
def evaluate(
    model: ZMNet, judge: Judge, pairs: list[tuple[Path, Path]], size: int = 256
) -> tuple[dict[str, list[Score]], Image.Image]:
    """Scores of every method on every pair, and a sheet of the first 24 pairs.

    The rows that stand beside the model's, so that no number stands alone: the untouched
    photograph, and the photograph with the painting's colours.
    """
    methods: dict[str, Method] = {
        "photograph": lambda content, painting: content,
        "colour transfer": colour_transfer,
        "zm-net": lambda content, painting: model.apply(content, model.encode_style(painting)),
    }
    scores: dict[str, list[Score]] = {name: [] for name in methods}
    rows: list[list[Tensor]] = []
    for content_file, painting_file in tqdm(pairs, "evaluate"):
        pair = judge.pair(load_square(content_file, size), load_square(painting_file, size))
        pictures = {name: method(pair.content, pair.painting) for name, method in methods.items()}
        for name, picture in pictures.items():
            scores[name].append(judge(picture, pair))
        if len(rows) < SHEET_PAIRS:
            rows.append([pair.content, pair.painting, pictures["colour transfer"], pictures["zm-net"]])
    half = -(-len(rows) // 2)
    sides = [left + right for left, right in zip(rows[:half], rows[half:] + [[]])]
    titles = ["photograph", "painting", "colour transfer", "ZM-Net"]
    return scores, contact_sheet(sides, titles=titles * 2 if len(rows) > 1 else titles)


def table(scores: dict[str, list[Score]]) -> str:
    """Medians of every error, with the quartiles of style and total, as text."""
    columns = list(asdict(next(iter(scores.values()))[0]))
    lines = [f"{'':17}" + "".join(f"{name:>9}" for name in columns) + "   style q1-q3   total q1-q3"]
    for name, rows in scores.items():
        summary = summarise(rows)
        ranges = "".join(f"   {summary[key]['q1']:.2f}-{summary[key]['q3']:.2f}  " for key in ("style", "total"))
        lines.append(f"{name:17}" + "".join(f"{summary[key]['median']:9.3f}" for key in columns) + ranges)
    return "\n".join(lines)


def write_report(folder: Path, scores: dict[str, list[Score]], sheet: Image.Image, about: dict[str, object]) -> None:
    """evaluation.json (every pair's scores and the summary) and sheet.jpg."""
    report = about | {
        "summary": {name: summarise(rows) for name, rows in scores.items()},
        "scores": {name: [asdict(score) for score in rows] for name, rows in scores.items()},
    }
    write_json(folder / "evaluation.json", report)
    with replacing(folder / "sheet.jpg") as temporary:
        sheet.save(temporary, quality=92)
