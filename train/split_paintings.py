"""Split paintings into those to train on, those to validate with and those to test with, as the paper's 784/100/100.

    python train/split_paintings.py paintings/ -o split/                                        # 784, 100 and 100
    python train/split_paintings.py photographs/ -o contents/ --train 80% --val 10% --test 10%

The output folder gets a sub-folder for each split (`train`, `val`, `test`), which train.py and expand_styles.py read,
and manifest.tsv, which says where each picture is from. With `--lists` it gets train.txt, val.txt and test.txt, which
name the pictures where they are, in place of copies.

Which picture goes where follows from --seed and the pictures themselves, and not from their names, their order or the
file system. Files that show the same picture (scaled, compressed, brightened) never go to different splits: those of
which there are several are all for training. Files that cannot be read are left out and named.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import typer
from tqdm import tqdm

from zmnet_core.data.alike import LOOKED_AT, Look, groups, look_at
from zmnet_core.data.sources import LocalFile, PictureFile, find_files
from zmnet_core.errors import PictureError, TrainingError, in_words
from zmnet_core.images.picture import read_picture
from zmnet_core.options import run
from zmnet_core.training.expansion import shares

SPLITS, MANIFEST = ("train", "val", "test"), "manifest.tsv"
NAMED = 5  # files that could not be read, and that are named


class Painting(NamedTuple):
    """A picture file, the SHA-256 of its bytes, and what it looks like."""

    path: str
    digest: bytes
    look: Look


def read(files: Sequence[PictureFile]) -> tuple[list[Painting], list[str]]:
    """All that can be read, and why the others cannot."""
    found, broken = [], []
    for file in tqdm(files, "look at", unit=" pictures", mininterval=5):
        try:
            data = file.read_bytes()
            picture = read_picture(str(file), data, lambda _: None, size=LOOKED_AT).rgb
        except OSError as error:
            broken.append(f"'{file}': {in_words(error)}")
        except PictureError as error:
            broken.append(str(error))
        else:
            found.append(Painting(str(file), hashlib.sha256(data).digest(), look_at(picture)))
    return found, broken


def in_order(paintings: Sequence[Painting], seed: int) -> list[list[Painting]]:
    """Groups of files that show the same picture, in an order that follows from the seed and the files' bytes."""

    def key(painting: Painting) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed} ".encode() + painting.digest).digest(), painting.path

    found: dict[int, list[Painting]] = {}
    for painting, group in zip(paintings, groups([painting.look for painting in paintings])):
        found.setdefault(group, []).append(painting)
    members = [sorted(group, key=key) for group in found.values()]
    return sorted(members, key=lambda group: key(group[0]))


def dealt(ordered: Sequence[Sequence[Painting]], numbers: dict[str, int]) -> dict[str, list[Painting]]:
    """The paintings of each split.

    Raises:
        TrainingError: there are not so many, or too many files show the same picture as another one.
    """
    wanted, there = sum(numbers.values()), sum(map(len, ordered))
    asked = " + ".join(str(number) for number in numbers.values())
    if wanted > there:
        raise TrainingError(
            f"{asked} are {wanted} pictures, and there are {there} that can be read: give smaller numbers, or shares "
            "such as --train 80% --val 10% --test 10%."
        )
    alone = [group[0] for group in ordered if len(group) == 1]
    held_out = wanted - numbers["train"]
    if held_out > len(alone):
        raise TrainingError(
            f"{held_out} pictures for validation and test are too many: of {there} files, {there - len(alone)} show a "
            "picture that another one shows, and these are for training alone."
        )
    split: dict[str, list[Painting]] = {}
    place = 0
    for name in ("val", "test"):
        split[name] = alone[place : place + numbers[name]]
        place += numbers[name]
    taken = {painting.path for paintings in split.values() for painting in paintings}
    rest = [painting for group in ordered for painting in group if painting.path not in taken]
    return {"train": rest[: numbers["train"]], **split}


def numbers_of(given: dict[str, str], there: int) -> dict[str, int]:
    """How many pictures each split gets, of numbers or of shares in percent.

    Raises:
        TrainingError: it is neither, some are of the one kind and some of the other, or they are more than all.
    """
    texts = {name: text.strip() for name, text in given.items()}
    said = " ".join(f"--{name} {text}" for name, text in texts.items())
    if all(text.isdecimal() for text in texts.values()):
        found = {name: int(text) for name, text in texts.items()}
    elif all(text.endswith("%") and text[:-1].strip().isdecimal() for text in texts.values()):
        percent = {name: int(text[:-1]) for name, text in texts.items()}
        whole = sum(percent.values())
        if whole > 100:
            raise TrainingError(f"{said}: these are {whole} % of the pictures, and 100 are all.")
        found = shares(there, {**percent, "": 100 - whole})
        del found[""]
    else:
        raise TrainingError(
            f"{said}: whole numbers are expected (784 100 100), or whole shares for all of them (80% 10% 10%)."
        )
    if not found["train"]:
        raise TrainingError(f"{said}: nothing is left to train on.")
    return found


def names_of(paintings: Sequence[Painting]) -> list[str]:
    """A file name for each, its own unless an earlier one has it; hidden and odd ones are made plain."""
    taken: set[str] = set()
    found = []
    for painting in paintings:
        own = Path("".join(" " if ord(letter) < 32 else letter for letter in Path(painting.path).name).lstrip("."))
        name, number = own.name, 2
        while name.lower() in taken:  # some file systems know no capitals
            name, number = f"{own.stem}-{number}{own.suffix}", number + 1
        taken.add(name.lower())
        found.append(name)
    return found


def write(split: dict[str, list[Painting]], folder: Path, lists: bool) -> None:
    """Sub-folders or lists, and the manifest, into an empty folder."""
    lines = ["split\tfile\tsource\tsha256\n"]
    for name, paintings in split.items():
        if not paintings:
            continue
        paths = [os.path.realpath(painting.path) for painting in paintings]
        if lists:
            names = paths
            (folder / f"{name}.txt").write_bytes(b"".join(os.fsencode(path) + b"\n" for path in paths))
        else:
            names = names_of(paintings)
            (folder / name).mkdir()
            for path, file in tqdm(list(zip(paths, names)), f"copy {name}", unit=" pictures", mininterval=5):
                shutil.copyfile(path, folder / name / file)
        lines += [
            f"{name}\t{'' if lists else f'{name}/'}{file}\t{path}\t{painting.digest.hex()}\n"
            for painting, path, file in zip(paintings, paths, names)
        ]
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8", errors="surrogateescape")


def split_paintings(
    paintings: Annotated[str, typer.Argument(help="the pictures: a folder, or a list (.txt) with one path per line")],
    output: Annotated[Path, typer.Option("--output", "-o", help="the folder to write, which must not exist yet")],
    train: Annotated[str, typer.Option(help="how many pictures to train on: a number, or a share such as 80%")] = "784",
    val: Annotated[str, typer.Option(help="how many to validate with, the like; 0 makes no such split")] = "100",
    test: Annotated[str, typer.Option(help="how many to test with, the like; 0 makes no such split")] = "100",
    lists: Annotated[bool, typer.Option("--lists", help="write lists of paths in place of copies")] = False,
    seed: Annotated[int, typer.Option(help="the seed of the choice")] = 0,
) -> None:
    """Split paintings into those to train on, to validate with and to test with."""
    given = dict(zip(SPLITS, (train, val, test)))
    numbers_of(given, 100)  # what cannot be is told before anything is read
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise TrainingError(f"'{output}' is there already: name a new folder, or take that one away.")
    files = find_files(paintings, own=[output])
    if not all(isinstance(file, LocalFile) for file in files):
        raise TrainingError(f"'{paintings}': a folder of pictures or a list (.txt) of them is expected.")
    if lists and (odd := next((file for file in map(str, files) if "\n" in file or "\r" in file), None)):
        raise TrainingError(f"{odd!r} has the end of a line in its name, so no list can hold it: rename it.")
    found, broken = read(sorted(set(files), key=str))
    for text in broken[:NAMED]:
        typer.echo(f"left out: {text}", err=True)
    if len(broken) > NAMED:
        typer.echo(f"left out: {len(broken) - NAMED} more that cannot be read", err=True)
    ordered = in_order(found, seed)
    split = dealt(ordered, numbers_of(given, len(found)))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{output.name[:60]}.", dir=output.parent) as temporary:
            made = Path(temporary) / "split"
            made.mkdir()
            write(split, made, lists)
            if output.is_dir():  # an empty one, which not every system lets be replaced
                output.rmdir()
            made.rename(output)
    except OSError as error:
        raise TrainingError(f"'{output}' cannot be written: {in_words(error)}.") from error
    sizes = Counter(len(group) for group in ordered)
    several = sum(size * count for size, count in sizes.items() if size > 1)
    used = sum(map(len, split.values()))
    more = [f"{len(found) - used} left over"] * (used < len(found))
    more += [f"{several} files show a picture that another one shows, and are for training alone"] * bool(several)
    typer.echo("; ".join([", ".join(f"{name} {len(each)}" for name, each in split.items()) + f" in {output}", *more]))


if __name__ == "__main__":
    run(split_paintings)
