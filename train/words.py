"""Teach a model of pictures to read words, phrases and palettes.

    python train/words.py --model zmnet-base

The model's TNet and image PNet stay as they are. Two PNets for vectors are taught to write into the same space of
γ, β: one that reads sentence embeddings, by regression onto the styles that the image PNet writes for the pictures of
each word (vocabulary.py says which these are), and one that reads colour histograms, by regression onto the style of
each picture, as it is and recoloured (word_data.recolour). They land in `attribute.safetensors` beside the model's
weights, and in its config.json.

Before that comes the test of unseen words: the same regression without the words of vocabulary.HELD_OUT_*, and then the
style loss of photographs that are repainted after these words, to pictures of these words that nothing was trained on.
With `--direct_minutes` this is compared with training by the perceptual loss through the frozen TNet for so long.
"""

import shutil
from pathlib import Path
from typing import Annotated

import torch
import typer
from script import data_folder, run
from torch import Tensor
from vocabulary import COLOURS, HELD_OUT_LIGHTS, HELD_OUT_TONES
from word_data import Looks, families, look, painters_of, palettes_of, pictures_of_words, split_files, without
from word_test import Table, WordTest
from word_training import DirectTeacher, Lessons, Word, budget, crops_of, error, regress, spread_of

from zmnet_core.assets import BUNDLED
from zmnet_core.data.pictures import Pictures, centre_square
from zmnet_core.files import write_json
from zmnet_core.hub.locate import ATTRIBUTE_WEIGHTS, CONFIG, WEIGHTS
from zmnet_core.images.picture import find_pictures
from zmnet_core.losses.perceptual import PerceptualLoss
from zmnet_core.model import ZMNet
from zmnet_core.networks.vgg import load_vgg16
from zmnet_core.signals.palettes import palette_histogram
from zmnet_core.signals.sentences import sentences
from zmnet_core.training.config import TrainingConfig

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


def fresh(model: ZMNet, options: dict[str, dict]) -> ZMNet:
    """The model with new PNets for vectors beside its own."""
    config = {key: value for key, value in model.config.items() if key != "attribute_pnets"}
    wider = ZMNet(**config, attribute_pnets=options)
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
        options = {"kind": "mlp", "size": self.size, "width": self.width, "words": single}
        model = fresh(self.model, {"sentence": options})
        lessons = lessons_of(words, self.looks, self.painters)
        pnet = model.attribute_pnets["sentence"]
        pnet.fit(lessons.signals)
        regress(pnet, lessons, self.mean, self.spread, self.steps)
        return model

    def read_palettes(self, model: ZMNet) -> ZMNet:
        """The same model with a PNet for colours, too."""
        options = {"histogram": {"kind": "mlp", "size": self.size, "width": self.width}}
        wider = fresh(self.model, model.config["attribute_pnets"] | options)
        wider.attribute_pnets["sentence"].load_state_dict(model.attribute_pnets["sentence"].state_dict())
        lessons = palette_lessons(self.words, self.looks, self.recoloured)
        pnet = wider.attribute_pnets["histogram"]
        pnet.fit(lessons.signals)
        regress(pnet, lessons, self.mean, self.spread, self.steps)
        return wider

    def directly(self, words: dict[str, list[int]], perceptual: PerceptualLoss, minutes: float) -> ZMNet:
        """A model taught these words by the perceptual loss for so many minutes, from the mean style on."""
        config = TrainingConfig(
            train_batch_size=4, resolution=96, style_resolution=192, compression=0.5, learning_rate=2e-3
        )
        options = {"kind": "mlp", "signal": "sentence", "size": self.size, "width": self.width}
        model = ZMNet(self.model.config["tnet"], options)
        model.tnet.load_state_dict(self.model.tnet.state_dict())
        model.pnet.fit(torch.stack([sentences()[word] for word in words]))
        model.pnet.heads.start_from(self.mean)
        contents = Pictures(find_pictures(self.data / "content/train"))
        teacher = DirectTeacher(perceptual, Pictures(self.looks.files), contents, config)
        steps = teacher.teach(model, [Word(sentences()[w], rows) for w, rows in words.items()], budget(None, minutes))
        typer.echo(f"perceptual loss: {steps} steps in {minutes:g} minutes")
        return model

    def test(
        self, test: WordTest, models: dict[str, ZMNet], words: list[str], taught: dict[str, list[int]], size: int
    ) -> Table:
        """Errors of these words by the models and by what they are held against."""
        errors, members = {}, families(taught, self.painters)
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
        errors = {}
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
        pictures = Pictures(self.unseen.files)
        return torch.stack([centre_square(pictures[row], size) for row in rows])


def say(title: str, table: Table, methods: list[str]) -> None:
    """Print the table, and on how many words the first method is better than each other."""
    typer.echo(f"\n{title}\n" + "\n".join(table.lines(methods)))
    better = [f"{name}: {table.better(methods[0], name)} of {len(table.errors)}" for name in methods[1:]]
    typer.echo(f"{methods[0]} better than " + "; ".join(better))


def shift(styles: Tensor, course: Course) -> float:
    """How far styles [N, 2, ΣC] are from the mean style: 1 is a picture's usual distance."""
    return float(error(styles, course.mean, course.spread).mean())


def teach(
    model: Annotated[
        str, typer.Option(help="the finished model of pictures: a bundled name or a folder")
    ] = "zmnet-base",
    output_dir: Annotated[
        Path | None, typer.Option(help="the folder that gets the result; if left out, the model's own")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="the folder of pictures and labels; if left out, $ZMNET_DATA/data")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="a folder that keeps the styles of the pictures between runs")
    ] = None,
    size: Annotated[int, typer.Option(min=1, help="how many numbers a vector is compressed to")] = 64,
    width: Annotated[int, typer.Option(min=1, help="the size of every vector ψ")] = 96,
    most: Annotated[
        int, typer.Option(min=1, help="at most how many pictures stand for a word whose pictures are found by a rule")
    ] = 24,
    every: Annotated[int, typer.Option(min=1, help="look only at every so many-th painting, to save time")] = 1,
    recoloured: Annotated[
        int, typer.Option(min=0, help="how many recoloured pictures the palettes are learned from as well")
    ] = 1500,
    steps: Annotated[int, typer.Option(min=1, help="how many steps each regression takes")] = 1500,
    test: Annotated[bool, typer.Option(help="test unseen words and palettes first")] = True,
    direct_minutes: Annotated[
        float, typer.Option(min=0, help="for how many minutes to train by the perceptual loss, for comparison")
    ] = 0,
    test_size: Annotated[int, typer.Option(min=64, help="the side of the test's pictures in pixels")] = 160,
    test_contents: Annotated[int, typer.Option(min=1, help="how many photographs the test has")] = 3,
    seed: Annotated[int, typer.Option(help="the seed of the weights and of all choices")] = 0,
) -> None:
    """Teach a model of pictures to read words, phrases and palettes."""
    pictures = data_folder(data, "labels.tsv", "styles/train", "content/val", "attributes/noon", "attributes/night")
    torch.manual_seed(seed)
    source = BUNDLED / model if (BUNDLED / model / WEIGHTS).is_file() else Path(model)
    images = ZMNet.from_pretrained(model, attribute_pnets=None)
    course = Course(images, pictures, cache, every, most, (size, width), steps, recoloured, seed)
    if test:
        kept = {word: course.words[word] for word in without(course.words, HELD_OUT)}
        models = {OURS: course.read_words(kept)}
        perceptual = PerceptualLoss(load_vgg16())
        if direct_minutes:
            models[DIRECT] = course.directly(kept, perceptual, direct_minutes)
        files = find_pictures(course.data / "content/val")
        contents = Pictures(files[:: max(1, len(files) // test_contents)][:test_contents])
        judge = WordTest(course.model.tnet, perceptual.vgg, crops_of(contents, test_size))
        methods = [*models, MEAN, NEAREST, UNCHANGED]
        unseen = [word for word in HELD_OUT if word in course.unseen_words]
        say("Unseen words", course.test(judge, models, unseen, kept, test_size), methods)
        members = families(kept, course.painters)
        known = [word for ws in members.values() for word in ws[:: max(1, len(ws) // 4)][:4]]
        known = [word for word in known if word in course.unseen_words]
        say("Trained words, unseen pictures", course.test(judge, models, known, kept, test_size), methods)
    torch.manual_seed(seed)  # what ships is the same, tested before or not
    taught = course.read_palettes(course.read_words(course.words))
    if test:
        table = course.test_palettes(taught, judge, 12, test_size)
        say("Palettes of unseen pictures", table, ["histogram", "5 colours", "picture", MEAN, UNCHANGED])
    words = torch.stack([taught.encode_attribute(word).values[0] for word in course.words])
    file = write(taught, source, output_dir or source)
    typer.echo(f"\n{file}: {file.stat().st_size / 1e6:.2f} MB, {len(course.words)} words and phrases; their styles are")
    typer.echo(
        f"{shift(words, course):.2f} from the mean style, the pictures' {shift(course.looks.styles, course):.2f}"
    )


if __name__ == "__main__":
    run(teach)
