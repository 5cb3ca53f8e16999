"""Teach a model of pictures to read words, phrases and palettes.

    python train/words.py --model zmnet-base

The model's TNet and image PNet stay as they are. Two PNets for vectors are taught to write into the same space of
γ, β: one that reads sentence embeddings, by regression onto the styles that the image PNet writes for the pictures of
each word (`vocabulary` says which these are), and one that reads colour histograms, by regression onto the style of
each picture, as it is and recoloured (`pictures.recolour`). They land in `attribute.safetensors` beside the model's
weights, and in its config.json. The modules are those of `zmnet_core.training.words`.

Before that comes the test of unseen words: the same regression without the words of vocabulary.HELD_OUT_*, and then the
style loss of photographs that are repainted after these words, to pictures of these words that nothing was trained on.
With `--direct_minutes` this is compared with training by the perceptual loss through the frozen TNet for so long.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer

from zmnet_core.assets import BUNDLED, data_folder
from zmnet_core.data.pictures import Pictures
from zmnet_core.hub.locate import WEIGHTS
from zmnet_core.images.folders import find_pictures
from zmnet_core.losses.perceptual import PerceptualLoss
from zmnet_core.model import ZMNet
from zmnet_core.networks.vgg import load_vgg16
from zmnet_core.options import run
from zmnet_core.training.words.course import DIRECT, HELD_OUT, MEAN, NEAREST, OURS, UNCHANGED, Course, shift, write
from zmnet_core.training.words.pictures import families, without
from zmnet_core.training.words.scores import Table, WordTest
from zmnet_core.training.words.teaching import crops_of


def say(title: str, table: Table, methods: list[str]) -> None:
    """Print the table, and on how many words the first method is better than each other."""
    typer.echo(f"\n{title}\n" + "\n".join(table.lines(methods)))
    better = [f"{name}: {table.better(methods[0], name)} of {len(table.errors)}" for name in methods[1:]]
    typer.echo(f"{methods[0]} better than " + "; ".join(better))


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
            models[DIRECT], taken = course.directly(kept, perceptual, direct_minutes)
            typer.echo(f"perceptual loss: {taken} steps in {direct_minutes:g} minutes")
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
