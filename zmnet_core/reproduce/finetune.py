"""Fig. 8-9: a style that is refined from the network's first glance, and from where CIN begins."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import torch
import typer
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from ..assets import data_folder
from ..errors import PictureError
from ..evaluation.judge import Judge
from ..evaluation.methods import load_square
from ..files import replacing, write_json
from ..images.chart import chart
from ..images.folders import find_pictures
from ..images.sheet import contact_sheet
from ..markdown import table
from ..model import ZMNet
from ..networks.vgg import load_vgg16
from ..styling.refine import Refiner
from ..styling.style import Style

MARKS = (0, 1, 5, 10, 20, 50, 100)  # steps after which it is looked at
STARTS = {
    "zero-shot": "what the PNet reads of the painting (ZM-Net)",
    "mean": "the mean style of training paintings",
    "other": "another painting's style (CIN)",
}
ERRORS = ("style", "style_half", "style_quarter")  # of the judge, at full, half and a quarter of the size
CELL = 160  # px


def finetune(
    output_dir: Annotated[
        Path, typer.Option(help="the folder that gets finetune.json, finetune.md, finetune.jpg and curve.png")
    ],
    model: Annotated[
        str, typer.Option(help="the model whose styles are refined: a bundled name, a folder or a Hub id")
    ] = "zmnet-base",
    data: Annotated[
        Path | None,
        typer.Option(help="the folder with styles/train, styles/val and content/val; if left out, $ZMNET_DATA/data"),
    ] = None,
    paintings: Annotated[int, typer.Option(min=1, help="how many unseen paintings are refined")] = 2,
    photographs: Annotated[int, typer.Option(min=1, help="how many unseen photographs it is judged on")] = 2,
    known: Annotated[int, typer.Option(min=1, help="how many training paintings the mean style is of")] = 24,
    steps: Annotated[int, typer.Option(min=1, help="how many steps each style is refined for")] = MARKS[-1],
    size: Annotated[int, typer.Option(min=64, help="the side of the test's pictures in pixels")] = 256,
    starts: Annotated[
        str, typer.Option(help="where refining begins, a comma between them: zero-shot, mean, other")
    ] = ",".join(STARTS),
) -> None:
    """Refine styles from the first glance, and from where CIN begins, and look at unseen photographs (Fig. 8-9)."""
    chosen = [name.strip() for name in starts.split(",")]
    if unknown := [name for name in chosen if name not in STARTS]:
        raise typer.BadParameter(f"'{unknown[0]}' is none of {', '.join(STARTS)}", param_hint="--starts")
    folder = data_folder(data, "styles/train", "styles/val", "content/val")
    experiment = Experiment(ZMNet.from_pretrained(model), folder, paintings, photographs, known, steps, size)
    try:
        parts = experiment.run(output_dir, chosen)
    except KeyboardInterrupt:
        typer.echo(f"stopped; '{output_dir}' holds what is done, and the same command goes on with it.", err=True)
        raise typer.Exit(130) from None
    page = lines(parts, experiment.settings)
    write_json(output_dir / "finetune.json", {"settings": experiment.settings, "parts": parts})
    with replacing(output_dir / "finetune.jpg") as temporary:
        experiment.sheet(output_dir, chosen).save(temporary, "JPEG", quality=85)
    with replacing(output_dir / "curve.png") as temporary:
        chart(curves(parts, "loss"), "loss on unseen photographs", "steps").save(temporary, "PNG")
    with replacing(output_dir / "finetune.md") as temporary:
        temporary.write_text("\n".join(page), encoding="utf-8")
    typer.echo("\n".join(page))


Part = dict[str, Any]  # of one painting and one start: painting, start, settings, and marks, {what: number} each


@dataclass
class Experiment:
    """All of it for one model. Each painting and start is a part, which is done once and kept in the run's folder.

    Raises:
        PictureError: there are too few pictures.
    """

    model: ZMNet
    data: Path
    paintings: int
    photographs: int
    known: int
    steps: int
    size: int

    def __post_init__(self) -> None:
        # One painting more is the other one of the last.
        self._paintings = spread(self.data / "styles/val", self.paintings + 1)
        self._photographs = [
            load_square(file, self.size) for file in spread(self.data / "content/val", self.photographs)
        ]
        self.marks = [mark for mark in MARKS if mark < self.steps] + [self.steps]
        self.settings = {
            "model": self.model.fingerprint, "paintings": [file.name for file in self._paintings],
            "photographs": self.photographs, "known": self.known, "steps": self.steps, "size": self.size,
        }  # fmt: skip

    def run(self, folder: Path, starts: list[str]) -> list[Part]:
        """All parts, each with what is measured at every mark. What was done by the same settings is taken."""
        judge, parts, mean = Judge(load_vgg16()), [], None
        for number in range(self.paintings):
            for start in starts:
                file = self._file(folder, number, start)
                if (part := kept(file, self.settings)) is None:
                    if start == "mean" and mean is None:
                        known = spread(self.data / "styles/train", self.known)
                        mean = Style.blend([self._style(load_square(each, self.size)) for each in known])
                    part = self._part(judge, number, start, mean, file)
                parts.append(part)
        return parts

    def _part(self, judge: Judge, number: int, start: str, mean: Style | None, file: Path) -> Part:
        painting = self._painting(number)
        begun = self._style(painting)
        if start == "mean":
            assert mean is not None
            begun = mean
        elif start == "other":
            begun = self._style(self._painting(number + 1))
        refiner = Refiner(self.model, begun, painting, steps=self.steps)
        pairs = [judge.pair(photograph, painting) for photograph in self._photographs]
        marks, styles = [], []
        for done in tqdm(steps_of(refiner), f"{self._paintings[number].stem} {start}", self.steps + 1, unit="step"):
            if done not in self.marks:
                continue
            style = refiner.reached
            scores = [judge(self.model.apply(pair.content, style), pair) for pair in pairs]
            found = {name: fmean(getattr(score, name) for score in scores) for name in (*ERRORS, "content")}
            loss = Refiner(self.model, style, painting, self._photographs, steps=1).before
            marks.append({"steps": done, "loss": loss, **found, "pyramid": sum(found[name] for name in ERRORS)})
            styles.append(style)
        part = {"painting": self._paintings[number].name, "start": start, "settings": self.settings, "marks": marks}
        stacked = replace(begun, values=torch.cat([style.values for style in styles]), colours=None)
        stacked.save(file.with_suffix(".safetensors"))
        write_json(file, part)  # last: where it is, all of the part is
        return part

    def sheet(self, folder: Path, starts: list[str]) -> Image.Image:
        """The first painting and photograph: a row for each start, a column for each mark."""
        rows: list[list[Tensor | None]] = []
        titles: list[list[str]] = []
        for start in starts:
            styles = Style.load(self._file(folder, 0, start).with_suffix(".safetensors"))
            row = [self.model.apply(self._photographs[0], styles[index]) for index in range(len(styles))]
            rows.append([self._painting(0) if not rows else self._photographs[0] if len(rows) == 1 else None, *row])
            titles.append(["painting" if not titles else "photograph" if len(titles) == 1 else "",
                           *(f"{start}, {mark} steps" for mark in self.marks)])  # fmt: skip
        return contact_sheet(rows, CELL, titles)

    def _file(self, folder: Path, number: int, start: str) -> Path:
        return folder / "parts" / f"{self._paintings[number].stem}-{start}.json"

    def _painting(self, number: int) -> Tensor:
        return load_square(self._paintings[number], self.size)

    def _style(self, painting: Tensor) -> Style:
        return self.model.encode_style(painting)


def steps_of(refiner: Refiner) -> Iterator[int]:
    """How many steps are done: 0, and after every step."""
    yield 0
    for _ in refiner:
        yield refiner.done


def spread(folder: Path, count: int) -> list[Path]:
    """So many pictures of a folder, at equal distances in the order of their names.

    Raises:
        PictureError: it has fewer.
    """
    found = find_pictures(folder)
    if len(found) < count:
        raise PictureError(f"'{folder}' has {len(found)} pictures, and {count} are needed: ask for fewer.")
    return [found[index * len(found) // count] for index in range(count)]


def kept(file: Path, settings: dict[str, Any]) -> Part | None:
    """A part that was done by these settings; None if there is none."""
    if not file.is_file() or not file.with_suffix(".safetensors").is_file():
        return None
    part: Part = json.loads(file.read_text(encoding="utf-8"))
    return part if part.get("settings") == settings else None


def curves(parts: list[Part], what: str) -> dict[str, list[tuple[float, float]]]:
    """{start: [(steps, mean over the paintings)]}."""
    found: dict[str, list[tuple[float, float]]] = {}
    for start in dict.fromkeys(part["start"] for part in parts):
        rows = [part["marks"] for part in parts if part["start"] == start]
        found[start] = [(marks[0]["steps"], fmean(mark[what] for mark in marks)) for marks in zip(*rows, strict=True)]
    return found


def reaches(curve: list[tuple[float, float]], goal: float) -> str:
    """After how many steps, of those looked at, a curve is at the goal or below."""
    return next((f"{steps:g}" for steps, value in curve if value <= goal), f"not in {curve[-1][0]:g}")


def lines(parts: list[Part], settings: dict[str, Any]) -> list[str]:
    """The page."""
    loss, pyramid = curves(parts, "loss"), curves(parts, "pyramid")
    head = ["start", *(f"{steps:g}" for steps, _ in next(iter(loss.values())))]
    count, others = len({part["painting"] for part in parts}), settings["photographs"]
    page = [
        "# Fine-tuning (Fig. 8-9)", "",
        f"Styles of {count} paintings that were never seen in training, refined for {settings['steps']} steps on the",
        f"four photographs that come with the library, and judged on {others} others, {settings['size']} px. The",
        "learning rate falls to nothing over the steps, so that a run of fewer steps ends lower than this one is after",
        "as many. All starts are refined in the same way:", "",
        *(f"* **{start}**: {STARTS[start]}" for start in loss), "",
        "Loss on the unseen photographs after so many steps:", "",
        *table(head, [[start, *(f"{value:.3f}" for _, value in curve)] for start, curve in loss.items()]), "",
        "Style error by the judge of `zmnet evaluate`, at full, half and a quarter of the size together:", "",
        *table(head, [[start, *(f"{value:.3f}" for _, value in curve)] for start, curve in pyramid.items()]), "",
        *verdict(loss, pyramid), "",
        "![](curve.png)", "", "![](finetune.jpg)", "",
    ]  # fmt: skip
    return page


def verdict(loss: dict[str, list[tuple[float, float]]], pyramid: dict[str, list[tuple[float, float]]]) -> list[str]:
    """What the figures say."""
    said = []
    if "zero-shot" in loss:
        (_, before), (steps, after) = pyramid["zero-shot"][0], pyramid["zero-shot"][-1]
        said.append(
            f"From the first glance, {steps:g} steps bring the style error to {after / before:.2f} of what it was."
        )
        goal = loss["zero-shot"][0][1]
        for start, curve in loss.items():
            if start != "zero-shot":
                said.append(
                    f"From {start}, the loss of the first glance ({goal:.3f}) is reached after so many steps: "
                    f"{reaches(curve, goal)}; at the end it is {curve[-1][1] / loss['zero-shot'][-1][1]:.2f} times the "
                    "other's."
                )
    return said
