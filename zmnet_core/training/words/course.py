"""A course in words and palettes: what is learned from which pictures, and the tests of what was learned."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ...data.pictures import Pictures, centre_squares
from ...files import write_json
from ...hub.locate import ATTRIBUTE_WEIGHTS, CONFIG, WEIGHTS
from ...images.folders import find_pictures
from ...losses.perceptual import PerceptualLoss
from ...model import ZMNet
from ...networks.pnet import AttributePNetConfig, PNetConfig
from ...signals.palettes import palette_histogram
from ...signals.sentences import sentences
from ..config import TrainingConfig
from .pictures import Looks, families, look, painters_of, palettes_of, pictures_of_words, split_files
from .scores import Table, WordTest
from .teaching import DirectTeacher, Lessons, Word, budget, error, regress, spread_of
from .vocabulary import COLOURS, HELD_OUT_LIGHTS, HELD_OUT_TONES

SHARES = {"phrases": 0.35, "painters": 0.1, "movements": 0.05}  # of the lessons asked; of all others: EACH
EACH = 0.125
PICTURES = 5  # of a word, in its test
HELD_OUT = (*HELD_OUT_TONES, *HELD_OUT_LIGHTS)
OURS, DIRECT, MEAN, NEAREST, UNCHANGED = "word", "direct", "mean style", "nearest word", "no change"


def lessons_of(words: dict[str, list[int]], looks: Looks, painters: set[str]) -> Lessons:
    """Each word's vector, and the mean style of its pictures."""
    members = families(words, painters)
    share = {word: SHARES.get(family, EACH) / len(ws) for family, ws in members.items() for word in ws}
    return Lessons(
        torch.stack([sentences()[word] for word in words]),
        torch.stack([looks.styles[rows].mean(0) for rows in words.values()]),
        torch.tensor([share[word] for word in words]),
    )


def palette_lessons(words: dict[str, list[int]], looks: Looks, recoloured: Looks | None = None) -> Lessons:
    """Each picture's histogram and short palettes with its style, and single colours with that of their pictures.

    Half of the lessons are of recoloured pictures, where there are some: pictures as they are have next to nothing
    of pure blue, green or magenta, and a PNet that never saw these colours writes one beige for all of them.
    """
    colours = [word for word in COLOURS if word in words]
    single = Lessons(
        torch.stack([palette_histogram([COLOURS[word]]) for word in colours]),
        torch.stack([looks.styles[words[word]].mean(0) for word in colours]),
        torch.full((len(colours),), (0.15 if recoloured is None else 0.05) / len(colours)),
    )
    if recoloured is None:
        return of_pictures(looks, 0.85) + single
    return of_pictures(looks, 0.45) + of_pictures(recoloured, 0.5) + single


def of_pictures(looks: Looks, share: float) -> Lessons:
    """The histogram and the short palettes of each picture, with its style; together this share of the lessons."""
    signals = torch.cat((looks.histograms[:, None], palettes_of(looks.patches)), 1)
    styles = looks.styles[:, None].expand(-1, signals.shape[1], -1, -1)
    count = signals.shape[0] * signals.shape[1]
    return Lessons(signals.flatten(0, 1), styles.flatten(0, 1), torch.full((count,), share / count))


def fresh(model: ZMNet, options: Mapping[str, AttributePNetConfig]) -> ZMNet:
    """The model with new PNets for vectors beside its own."""
    wider = ZMNet(**model.config | {"attribute_pnets": dict(options)})
    wider.tnet.load_state_dict(model.tnet.state_dict())
    wider.pnet.load_state_dict(model.pnet.state_dict())
    return wider.eval().requires_grad_(False)


def nearest(word: str, words: list[str]) -> str:
    """The word whose vector has the largest cosine with this one's."""
    vectors = torch.stack([sentences()[other] for other in words])
    return words[int(torch.cosine_similarity(vectors, sentences()[word][None]).argmax())]


def write(model: ZMNet, source: Path, folder: Path) -> Path:
    """config.json and attribute.safetensors (float16) into the folder, the image model's weights if they are not."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.resolve() != source.resolve():
        shutil.copyfile(source / WEIGHTS, folder / WEIGHTS)
    model.save_attribute_weights(folder / ATTRIBUTE_WEIGHTS, torch.float16)
    write_json(folder / CONFIG, model.config)
    return folder / ATTRIBUTE_WEIGHTS


class Course:
    """The model, the pictures it learns words from, and those it is tested on."""

    def __init__(
        self,
        model: ZMNet,
        data: Path,
        cache: Path | None,
        every: int,
        most: int,
        shape: tuple[int, int],
        steps: int,
        recoloured: int = 0,
        seed: int = 0,
    ):
        self.model, self.data, (self.size, self.width), self.steps = model, data, shape, steps
        training, unseen = split_files(data, every)
        self.looks, self.unseen = look(model, training, cache), look(model, unseen, cache)
        self.recoloured = look(model, training, cache, recoloured, seed) if recoloured else None
        self.words = pictures_of_words(data, self.looks, self.looks.patches, most)
        self.unseen_words = pictures_of_words(data, self.unseen, self.looks.patches, 8)
        self.painters = painters_of(data)
        self.mean, self.spread = self.looks.styles.mean(0), spread_of(self.looks.styles)

    def read_words(self, words: dict[str, list[int]]) -> ZMNet:
        """A model taught these words by regression."""
        single = {family: ws for family, ws in families(words, self.painters).items() if family != "phrases"}
        options: AttributePNetConfig = {"kind": "mlp", "size": self.size, "width": self.width, "words": single}
        model = fresh(self.model, {"sentence": options})
        lessons = lessons_of(words, self.looks, self.painters)
        pnet = model.attribute_pnets["sentence"]
        pnet.fit(lessons.signals)
        regress(pnet, lessons, self.mean, self.spread, self.steps)
        return model

    def read_palettes(self, model: ZMNet) -> ZMNet:
        """The same model with a PNet for colours, too."""
        options: AttributePNetConfig = {"kind": "mlp", "size": self.size, "width": self.width}
        wider = fresh(self.model, model.config["attribute_pnets"] | {"histogram": options})
        wider.attribute_pnets["sentence"].load_state_dict(model.attribute_pnets["sentence"].state_dict())
        lessons = palette_lessons(self.words, self.looks, self.recoloured)
        pnet = wider.attribute_pnets["histogram"]
        pnet.fit(lessons.signals)
        regress(pnet, lessons, self.mean, self.spread, self.steps)
        return wider

    def directly(self, words: dict[str, list[int]], perceptual: PerceptualLoss, minutes: float) -> tuple[ZMNet, int]:
        """A model taught these words by the perceptual loss for so many minutes, from the mean style on; its steps."""
        config = TrainingConfig(
            train_batch_size=4, resolution=96, style_resolution=192, compression=0.5, learning_rate=2e-3
        )
        options: PNetConfig = {"kind": "mlp", "signal": "sentence", "size": self.size, "width": self.width}
        model = ZMNet(self.model.config["tnet"], options)
        model.tnet.load_state_dict(self.model.tnet.state_dict())
        model.vector_pnets["sentence"].fit(torch.stack([sentences()[word] for word in words]))
        model.pnet.heads.start_from(self.mean)
        contents = Pictures(find_pictures(self.data / "content/train"))
        teacher = DirectTeacher(perceptual, Pictures(self.looks.files), contents, config)
        steps = teacher.teach(model, [Word(sentences()[w], rows) for w, rows in words.items()], budget(minutes=minutes))
        return model, steps

    def test(
        self, test: WordTest, models: dict[str, ZMNet], words: list[str], taught: dict[str, list[int]], size: int
    ) -> Table:
        """Errors of these words by the models and by what they are held against."""
        errors: dict[str, dict[str, float]] = {}
        members = families(taught, self.painters)
        singles = [word for family, ws in members.items() if family != "phrases" for word in ws]
        mean, unchanged = test.painted(self.mean), test.grams(test.contents)
        for word in words:
            wanted = test.grams(self._squares(self.unseen_words[word][:PICTURES], size))
            near = nearest(word, [other for other in singles if other != word])
            painted = {name: test.painted(m.encode_attribute(word).values[0]) for name, m in models.items()}
            painted |= {
                MEAN: mean,
                NEAREST: test.painted(self.looks.styles[taught[near]].mean(0)),
                UNCHANGED: unchanged,
            }
            errors[word] = {name: test.error(grams, wanted) for name, grams in painted.items()}
        return Table(errors)

    def test_palettes(self, model: ZMNet, test: WordTest, count: int, size: int) -> Table:
        """Errors of unseen pictures, by their own style and by their colours alone."""
        errors: dict[str, dict[str, float]] = {}
        rows = [index * (len(self.unseen) // count) for index in range(count)]
        palettes = palettes_of(self.unseen[rows].patches, (5,))[:, 0]
        mean, unchanged = test.painted(self.mean), test.grams(test.contents)
        for row, palette in zip(rows, palettes):
            wanted = test.grams(self._squares([row], size))
            styles = {"picture": self.unseen.styles[row]} | {
                name: model.encode_attribute(signal).values[0]
                for name, signal in (("histogram", self.unseen.histograms[row]), ("5 colours", palette))
            }
            painted = {name: test.painted(style) for name, style in styles.items()} | {MEAN: mean, UNCHANGED: unchanged}
            errors[str(len(errors) + 1)] = {name: test.error(grams, wanted) for name, grams in painted.items()}
        return Table(errors)

    def _squares(self, rows: list[int], size: int) -> Tensor:
        return centre_squares([self.unseen.files[row] for row in rows], size)


def shift(styles: Tensor, course: Course) -> float:
    """How far styles [N, 2, ΣC] are from the mean style: 1 is a picture's usual distance."""
    return float(error(styles, course.mean, course.spread).mean())
