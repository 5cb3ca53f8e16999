"""Make a model for light, weather and season: photographs that stay photographs, from noon to night.

    python train/daylight.py find --paris P --camvid C --empty F --output finder.pt
    python train/daylight.py relight PHOTOGRAPHS... --finder finder.pt --output_dir lessons
    python train/daylight.py teach --lessons lessons --output_dir runs/daylight --time_budget 90
    python train/daylight.py measure PHOTOGRAPHS... --model runs/daylight --output_dir runs/daylight/seen

`find` learns where windows, the sky and buildings are, from two public sets of labelled pictures
(ParisArtDecoFacades; CamVid as SegNet's tutorial has it) and photographs without windows. `relight` makes lessons by
rule: photographs at noon, at sunset, at night, under clouds, in fog, in snow and in autumn. `teach` teaches a TNet and
a PNet for words to do that from the photograph alone, and `measure` looks at what it does. The modules are those of
`zmnet_core.training.daylight`; docs/daylight.md says what came of it.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer
from tqdm import tqdm

from zmnet_core.images.folders import find_pictures
from zmnet_core.model import ZMNet
from zmnet_core.networks.vgg import load_vgg16
from zmnet_core.options import run
from zmnet_core.training.daylight.course import LEARNING_RATE, Course, fresh
from zmnet_core.training.daylight.finder import Finder, camvid, paris, without_windows
from zmnet_core.training.daylight.finder import teach as teach_finder
from zmnet_core.training.daylight.lessons import SIDE, Lessons, write_lessons
from zmnet_core.training.daylight.measuring import measure as measured

OWN = 16  # photographs whose own styles are looked at
PHOTOGRAPHS = typer.Argument(help="photographs, or folders of them", exists=True)


def pictures_of(paths: list[Path]) -> list[Path]:
    """The files themselves, and those of folders."""
    return [file for path in paths for file in (find_pictures(path) if path.is_dir() else [path])]


def find(
    output: Annotated[Path, typer.Option(help="the file that gets the head")],
    paris_dir: Annotated[Path | None, typer.Option("--paris", help="the folder of ParisArtDecoFacades")] = None,
    camvid_dir: Annotated[Path | None, typer.Option("--camvid", help="the folder CamVid of SegNet's tutorial")] = None,
    empty: Annotated[list[Path] | None, typer.Option(help="photographs without windows, or folders of them")] = None,
    minutes: Annotated[float, typer.Option(min=0, help="for how many minutes to learn")] = 15,
    steps: Annotated[int | None, typer.Option(min=1, help="for how many steps, in the place of minutes")] = None,
    seed: Annotated[int, typer.Option(help="the seed of the weights and of all choices")] = 0,
) -> None:
    """Learn where windows, the sky and buildings are."""
    torch.manual_seed(seed)
    pictures = [*(paris(paris_dir) if paris_dir else ()), *(camvid(camvid_dir) if camvid_dir else ())]
    pictures += without_windows(pictures_of(empty or []))
    finder = Finder(load_vgg16())
    loss = teach_finder(finder, pictures, minutes, steps, seed)
    finder.save(output)
    typer.echo(f"{output}: {len(pictures)} pictures, loss {loss:.3f}")


def relight(
    photographs: Annotated[list[Path], PHOTOGRAPHS],
    finder: Annotated[Path, typer.Option(help="the file that `find` has made", exists=True)],
    output_dir: Annotated[Path, typer.Option(help="the folder that gets the lessons")],
    side: Annotated[int, typer.Option(min=64, help="the short side of the lessons in pixels")] = SIDE,
) -> None:
    """Make lessons of photographs; what is there already is kept."""
    files = pictures_of(photographs)
    with tqdm(total=len(files), desc="relight", unit="photograph") as bar:
        count = write_lessons(files, Finder.load(finder, load_vgg16()), output_dir, side, step=bar.update)
    typer.echo(f"{output_dir}: {count} lessons of {len(files)} photographs")


def teach(
    lessons: Annotated[Path, typer.Option(help="the folder of lessons", exists=True)],
    output_dir: Annotated[Path, typer.Option(help="the run folder; a run that is there goes on")],
    init_from: Annotated[
        str, typer.Option(help="the model whose TNet it starts from; one that this command has made keeps its words")
    ] = "zmnet-base",
    time_budget: Annotated[float, typer.Option(min=0, help="for how many minutes to learn")] = 60,
    steps: Annotated[int | None, typer.Option(min=1, help="for how many steps, in the place of minutes")] = None,
    resolution: Annotated[int, typer.Option(min=64, help="the side of the crops in pixels")] = 224,
    learning_rate: Annotated[float, typer.Option(min=0, help="Adam's learning rate")] = LEARNING_RATE,
    seed: Annotated[int, typer.Option(help="the seed of the weights and of all choices")] = 0,
) -> None:
    """Teach a TNet and a PNet for words what the lessons show."""
    torch.manual_seed(seed)
    learned = Lessons(lessons, resolution)
    photographs = [pictures[:1].float() / 255 for pictures in learned.pictures[:OWN]]
    course = Course(fresh(ZMNet.from_pretrained(init_from), photographs), learned, output_dir, learning_rate, seed)
    course.run(time_budget, steps)
    typer.echo(f"{output_dir}: {course.step} steps")


def measure(
    photographs: Annotated[list[Path], PHOTOGRAPHS],
    output_dir: Annotated[Path, typer.Option(help="the folder that gets sheet.jpg and light.json")],
    model: Annotated[str, typer.Option(help="a bundled name or a folder")] = "zmnet-daylight",
    side: Annotated[int, typer.Option(min=64, help="the short side of the pictures in pixels")] = 512,
) -> None:
    """See and measure what a model makes of photographs."""
    typer.echo("\n".join(measured(ZMNet.from_pretrained(model), pictures_of(photographs), output_dir, side)))


if __name__ == "__main__":
    run(find, relight, teach, measure)
