"""The paper's experiment with words (Sec. 4.2, Fig. 10): noon, night and what lies between.

A word's GloVe vector, compressed to two numbers, goes into a fully connected PNet; another photograph of that word goes
into the loss network in every step. Only "noon" and "night" are trained; "morning", "afternoon" and mixtures are not.

Not as in the paper: the TNet is that of a finished image model, frozen (or trained on, slower, by `train_tnet`), and
both PNets start from the mean style that the image model's PNet writes for the training photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...assets import DEMO_PICTURES as PICTURES
from ...data.pictures import Pictures, centre_squares
from ...evaluation.baselines.illumination import illumination_change
from ...files import replacing, write_json
from ...images.colour import lab, to_linear
from ...images.folders import find_pictures
from ...images.sheet import contact_sheet
from ...losses.perceptual import PerceptualLoss
from ...markdown import table
from ...model import ZMNet
from ...networks.vgg import load_vgg16
from ...signals.words import WordTable, glove
from ..config import TrainingConfig
from .scores import Grams, WordTest
from .teaching import DirectTeacher, Word, budget

WORDS = ("noon", "night")
PATH = {
    "noon": 0.0, "0.8 noon + 0.2 night": 0.2, "0.6 noon + 0.4 night": 0.4, "0.4 noon + 0.6 night": 0.6,
    "0.2 noon + 0.8 night": 0.8, "night": 1.0,
}  # fmt: skip
UNTRAINED = ("morning", "afternoon", "0.5 morning + 0.5 night", "0.5 afternoon + 0.5 night")
SERIAL, PARALLEL, LIGHT = "serial", "parallel", "illumination change"
KINDS = {SERIAL: "mlp", PARALLEL: "mlp-parallel"}
NEIGHBOURS = 12  # of each word, for the compression
LUMINANCE = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Measures:
    """Of repainted photographs: mean L* (0..100), correlated colour temperature in kelvin, style loss to held-out
    photographs of noon and of night."""

    lightness: float
    temperature: float
    noon: float
    night: float


def lightness(pictures: Tensor) -> float:
    """Mean L* of pictures [N, 3, H, W] in 0..1."""
    return float(lab(pictures.permute(0, 2, 3, 1))[..., 0].mean())


def colour_temperature(pictures: Tensor) -> float:
    """Correlated colour temperature of the mean light of pictures [N, 3, H, W], in kelvin (McCamy, 1992)."""
    red, green, blue = to_linear(pictures).mean((0, 2, 3)).tolist()
    x = 0.4124564 * red + 0.3575761 * green + 0.1804375 * blue
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = 0.0193339 * red + 0.1191920 * green + 0.9503041 * blue
    n = (x / (x + y + z) - 0.3320) / (0.1858 - y / (x + y + z))
    return 449 * n**3 + 3525 * n**2 + 6823.3 * n + 5520.33


def monotonic(values: list[float]) -> bool:
    """Do they only fall, or only rise?"""
    steps = [after - before for before, after in zip(values, values[1:])]
    return all(step >= 0 for step in steps) or all(step <= 0 for step in steps)


def compression(table: WordTable) -> Tensor:
    """What the two numbers are taken from: the trained words and their neighbours, [V, 100]."""
    words = dict.fromkeys(word for trained in WORDS for word in (trained, *table.neighbours(trained, NEIGHBOURS)))
    return torch.stack([table[word] for word in words])


class NoonAndNight:
    """The experiment.

    Args:
        base: the image model.
        data: folder with attributes/noon and attributes/night, and content/train.
        steps: of each PNet.
        width: size of every ψ.
        size: side of the test's and the figure's pictures, px.
    """

    def __init__(self, base: ZMNet, data: Path, steps: int, width: int = 64, size: int = 192, train_tnet: bool = False):
        self.base, self.data, self.steps, self.width, self.size = base, data, steps, width, size
        self.train_tnet, self.table = train_tnet, glove()
        self.files = {word: find_pictures(data / "attributes" / word / "train") for word in WORDS}
        looked_at = [centre_squares(files[:: max(1, len(files) // 8)][:8], 256) for files in self.files.values()]
        self.mean = torch.cat([base.encode_style(pictures).values for pictures in looked_at]).mean(0)
        day, night = (float((to_linear(p).mean((0, 2, 3)) * torch.tensor(LUMINANCE)).sum()) for p in looked_at)
        self.exposure = night / day  # of night, for the plain illumination change
        self.perceptual = PerceptualLoss(load_vgg16(), self.config().loss_config())

    def config(self) -> TrainingConfig:
        """Loss, crops and batch; the same for both PNets."""
        return TrainingConfig(train_batch_size=2, resolution=96, style_resolution=192, learning_rate=2e-3)

    def train(self, kind: str) -> ZMNet:
        """A model guided by words, its PNet of this kind."""
        torch.manual_seed(0)
        model = ZMNet(self.base.config["tnet"], {"kind": kind, "signal": "glove", "size": 2, "width": self.width})
        model.tnet.load_state_dict(self.base.tnet.state_dict())
        model.vector_pnets["glove"].fit(compression(self.table))
        model.pnet.heads.start_from(self.mean)
        first, words = 0, []
        for word, files in self.files.items():
            words.append(Word(self.table[word], range(first, first + len(files))))
            first += len(files)
        pictures = Pictures([file for files in self.files.values() for file in files])
        contents = Pictures(find_pictures(self.data / "content/train"))
        teacher = DirectTeacher(self.perceptual, pictures, contents, self.config())
        teacher.teach(model, words, budget(self.steps), self.train_tnet)
        return model

    def run(self, folder: Path) -> list[str]:
        """Train both, write words.png, words.json and the models; the lines of the report."""
        models = {}
        for name, kind in KINDS.items():
            models[name] = self.train(kind)
            models[name].save_pretrained(folder / name)
        contents = centre_squares(sorted((PICTURES / "contents").glob("*.jpg")), self.size)
        unseen = {word: find_pictures(self.data / "attributes" / word / "test")[:10] for word in WORDS}
        test = WordTest(self.base.tnet, self.perceptual.vgg, contents)
        wanted = {word: test.grams(centre_squares(files, self.size)) for word, files in unseen.items()}
        measured: dict[str, dict[str, Measures]] = {}
        painted: dict[str, dict[str, Tensor]] = {}
        for name in (LIGHT, *KINDS):
            texts = PATH if name == LIGHT else (*PATH, *UNTRAINED)
            painted[name] = {text: self.paint(models.get(name), text, contents) for text in texts}
            measured[name] = {text: self.measure(test, picture, wanted) for text, picture in painted[name].items()}
        self.sheet(contents, painted, folder / "words.png")
        numbers = {name: {text: vars(m) for text, m in rows.items()} for name, rows in measured.items()}
        write_json(folder / "words.json", {"steps": self.steps, "exposure": self.exposure, "rows": numbers})
        return report(measured)

    def paint(self, model: ZMNet | None, text: str, contents: Tensor) -> Tensor:
        """The photographs after these words; without a model, under the light of that place on the way to night."""
        if model is None:
            return illumination_change(contents, self.exposure ** PATH[text])
        return model.apply(contents, model.encode_attribute(text, table=self.table))

    def measure(self, test: WordTest, pictures: Tensor, wanted: dict[str, Grams]) -> Measures:
        """Of photographs repainted after some words."""
        painted = test.grams(pictures)
        losses = {word: test.error(painted, grams) for word, grams in wanted.items()}
        return Measures(lightness(pictures), colour_temperature(pictures), **losses)

    def sheet(self, contents: Tensor, painted: dict[str, dict[str, Tensor]], file: Path) -> None:
        """The paper's figure: a method a row, noon to night and the untrained words across."""
        texts = (*PATH, *UNTRAINED)
        rows, labels = [], []
        for index in (3, 0):  # the Colosseum, and a person
            for name, pictures in painted.items():
                labels.append(name)
                shown = [pictures[text][index][None] for text in texts if text in pictures]
                rows.append([contents[index][None], *shown])
        titles = ["photograph", *(text.replace(" + ", "+") for text in texts)]
        with replacing(file) as temporary:
            contact_sheet(rows, 160, [titles], labels).save(temporary)


def report(measured: dict[str, dict[str, Measures]]) -> list[str]:
    """Markdown: a place on the way a line, and what moves one way only."""
    lines = []
    for name, rows in measured.items():
        numbers = [
            [text, f"{m.lightness:.1f}", f"{m.temperature:.0f}", f"{m.noon:.2f}", f"{m.night:.2f}"]
            for text, m in rows.items()
        ]
        head = ["words", "L*", "colour temperature, K", "loss to noon", "loss to night"]
        lines += ["", f"**{name}**", "", *table(head, numbers)]
        path = [rows[text] for text in PATH]
        verdicts = {
            "L*": [m.lightness for m in path], "colour temperature": [m.temperature for m in path],
            "loss to noon": [m.noon for m in path], "loss to night": [m.night for m in path],
        }  # fmt: skip
        said = [f"{what} {'yes' if monotonic(values) else 'no'}" for what, values in verdicts.items()]
        lines += ["", "Moves one way only from noon to night: " + ", ".join(said) + "."]
    return lines
