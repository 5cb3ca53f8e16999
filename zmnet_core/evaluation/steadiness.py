"""`zmnet evaluate --clips`: how steady painted clips are, in each way of being steady and beside Magenta's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from .. import markdown
from ..assets import DEMO_PICTURES
from ..errors import NotInstalledError, PictureError
from ..files import replacing, write_json
from ..images.clips import Clip
from ..images.formats import is_clip
from ..images.picture import to_tensor
from ..model import ZMNet
from ..styling.look import STEADY, Look
from ..styling.paint import encode_painting
from ..styling.steady import stylize_clip
from .baselines.magenta import Magenta
from .warping import Motion, mean_error, motion

FRAMES = 48  # of each clip, from its middle: at a clip's beginning there often is a title
SIDE = 256  # px, the short side
APART = (1, 12)  # frames: what flickers, and what pumps
UNSTYLED, MAGENTA = "clip itself", "Magenta, frame by frame"

Painter = Callable[[list[Tensor], Image.Image], list[Tensor]]


def steadiness(
    models: dict[str, ZMNet], folder: Path, output: Path, side: int = SIDE, limit: int | None = None
) -> Iterator[str]:
    """Measure, write steadiness.json and steadiness.txt to `output`, and say the table line by line.

    Each clip gets one of the demo paintings, by turns.

    Args:
        models: by the name of their rows.
        folder: its clips are painted, in the order of their names, those of its folders left out.
        side: the short side at which they are painted, px.
        limit: only the first so many clips.

    Raises:
        PictureError: there is no clip, or one cannot be read.
        NotInstalledError: OpenCV is missing, which finds the motion.
    """
    files = sorted(file for file in folder.iterdir() if is_clip(file))[:limit] if folder.is_dir() else []
    if not files:
        raise PictureError(f"'{folder}' is no folder with clips in it.")
    rows, notes = _rows(models)
    errors: dict[str, list[list[float]]] = {name: [] for name in rows}
    seen = []
    paintings = sorted((DEMO_PICTURES / "styles").iterdir())
    for place, file in enumerate(tqdm(files, "clips", unit="clip")):
        frames = middle_of(file, side)
        motions = [[motion(*pair) for pair in zip(frames, frames[apart:])] for apart in APART]
        seen += [float(each.seen.float().mean()) for each in motions[0]]
        with Image.open(paintings[place % len(paintings)]) as painting:
            for name, paint in rows.items():
                errors[name].append(_errors(paint(frames, painting), motions))
    text = list(_table(errors, [file.stem for file in files]))
    text += [f"\nseen in both of two frames: {sum(seen) / len(seen):.0%} of the points", *notes]
    write_json(output / "steadiness.json", {"clips": [file.name for file in files], "apart": APART, "errors": errors})
    with replacing(output / "steadiness.txt") as temporary:
        temporary.write_text("\n".join(text) + "\n", encoding="utf-8")
    yield from text


def middle_of(file: Path, side: int) -> list[Tensor]:
    """`FRAMES` frames from the middle of a clip, with sides that are multiples of 4, which Magenta's network needs."""
    with Clip(file, side=side) as clip:
        start = max(0, (len(clip) - FRAMES) // 2)
        found = [clip[index] for index in range(start, min(len(clip), start + FRAMES))]
    if len(found) <= max(APART):
        raise PictureError(f"'{file}' has {len(found)} frames: more than {max(APART)} are needed.")
    height, width = (length // 4 * 4 for length in found[0].shape[1:])
    return [frame[:, :height, :width].contiguous() for frame in found]


def _rows(models: dict[str, ZMNet]) -> tuple[dict[str, Painter], list[str]]:
    """How the rows paint; and of those that are left out, why."""

    def steadily(model: ZMNet, steady: str) -> Painter:
        def paint(frames: list[Tensor], painting: Image.Image) -> list[Tensor]:
            return list(stylize_clip(model, frames, encode_painting(model, painting), Look(), steady=steady))

        return paint

    rows: dict[str, Painter] = {UNSTYLED: lambda frames, painting: frames}
    rows |= {f"{name}, {way}": steadily(model, way) for name, model in models.items() for way in STEADY}
    try:
        magenta = Magenta(native=True)
    except NotInstalledError as error:
        return rows, [f"left out: Magenta ({error})"]

    def by_magenta(frames: list[Tensor], painting: Image.Image) -> list[Tensor]:
        style = magenta.encode(to_tensor(painting)[None])
        found = (magenta.transform(frame[None], style)()[0] for frame in frames)
        return [torch.from_numpy(picture)[0].permute(2, 0, 1).clamp(0, 1) for picture in found]

    return rows | {MAGENTA: by_magenta}, []


def _errors(painted: list[Tensor], motions: list[list[Motion]]) -> list[float]:
    """The mean error for frames as far apart as `APART` says."""
    return [mean_error(painted, between, apart) for apart, between in zip(APART, motions)]


def _table(errors: dict[str, list[list[float]]], names: list[str]) -> Iterator[str]:
    """Errors × 1000, a column for each clip; the last two are the means of all clips."""
    head = ["", *names, *(f"mean, {apart} apart" for apart in APART)]
    lines = []
    for row, found in errors.items():
        means = [sum(each[place] for each in found) / len(found) for place in range(len(APART))]
        lines.append([row, *(" / ".join(f"{1000 * e:.2f}" for e in each) for each in found)])
        lines[-1] += [f"{1000 * mean:.2f}" for mean in means]
    yield from markdown.table(head, lines)
