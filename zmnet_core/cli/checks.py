"""What the commands refuse before they begin: files that are not there, places that cannot be written, weights and
words that mean nothing. Nothing heavy is imported, so that a slip of the pen is answered at once.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from ..errors import LASTING, PictureError, PlaceError, in_words
from ..images.folders import find_pictures
from ..images.formats import CLIP_WRITABLE, CLIPS, KNOWN, WRITABLE, check_kind, is_clip
from ..images.video_frames import EVERYTHING, Span
from ..signals.mixtures import check_sum, parse_mixture
from ..styling import look
from ..styling.look import Walk
from .pipes import PIPE

STYLE_FILE = ".safetensors"
REST = "rest"  # what stands for a mask: all that no mask covers


def check_attributes(texts: Iterable[str]) -> None:
    """Refuse what is written wrong."""
    for text in texts:
        parse_mixture(text)


def is_file(text: str) -> bool:
    """Does it mean a painting or a style file, not words?"""
    return Path(text) == PIPE or Path(text).is_file() or Path(text).suffix.lower() in (*KNOWN, STYLE_FILE)


def check_there(file: Path, what: str = "picture") -> None:
    """Refuse a file that is not there, a folder, one that may not be read, or an archive; a pipe is there."""
    if file == PIPE:
        return
    if file.is_dir():
        raise PictureError(f"'{file}' is a folder, and a file is expected ({what}).")
    if not file.exists():
        raise PictureError(f"there is no {what} '{file}'.")
    if not os.access(file, os.R_OK):
        raise PictureError(f"'{file}' cannot be read: you do not have the permission.")
    if what == "picture":
        check_kind(file)


def check_styles(files: Iterable[Path]) -> None:
    """Refuse paintings and style files that are not there."""
    for file in files:
        if not file.suffix and not file.exists() and file != PIPE:
            raise PictureError(f"there is no painting '{file}'. For words write --attribute \"{file}\".")
        check_there(file, "style file" if file.suffix == STYLE_FILE else "picture")


def placed(text: str, of_file: bool = True) -> tuple[str, str]:
    """A style and where it is: "a.jpg@mask.png" → a.jpg and mask.png; the second is empty if nothing is said.

    A file whose own name has an @ is that file. Of several @ that one divides with files on both sides, else the last.

    Args:
        of_file: whether the style is a file, not words.

    Raises:
        PictureError: nothing stands behind the @.
    """
    if text[:-1] and text.endswith("@") and not (of_file and Path(text).exists()):
        raise PictureError(f"'{text}': the mask behind the @ is missing. Write '{text}mask.png', or {text}{REST}.")
    places = [place for place, letter in enumerate(text) if letter == "@" and text[:place] and text[place + 1 :]]
    if not places or (of_file and Path(text).exists()):
        return text, ""
    pairs = [(text[:place], text[place + 1 :]) for place in places]
    there = [
        pair
        for pair in pairs
        if (not of_file or Path(pair[0]).exists()) and (pair[1] == REST or Path(pair[1]).is_file())
    ]
    return (there or pairs)[-1]


def check_no_place(text: str) -> None:
    """Refuse a style with a mask, for the commands that take none.

    Raises:
        PictureError: it is one.
    """
    if Path(text).exists():
        return
    style, at, place = text.rpartition("@")
    if at and (Path(style).is_file() or Path(place).is_file() or place == REST):
        raise PictureError(f"'{text}': masks are for `zmnet stylize`. Write '{style}' here.")


def check_regions(places: Sequence[str], styles: Sequence[str], blend: str | None) -> None:
    """Refuse styles of which some have no place, or that have the same; `places` are as `placed` gives them.

    Raises:
        typer.BadParameter: saying which one, and what to write.
        PictureError: a mask is not there.
    """
    without = [style for style, place in zip(styles, places) if not place]
    problem = ""
    if len(without) == len(styles):
        return
    if without:
        problem = f"'{without[0]}' has no place, and others have: write '{without[0]}@mask.png', or @{REST}."
    elif places.count(REST) > 1:
        problem = f"{places.count(REST)} styles have the rest: give the others a mask."
    elif len(places) == 1 and REST in places:
        problem = f"there is nothing beside the rest: leave '@{REST}' out."
    elif blend:
        problem = "styles with masks are not blended: leave --blend out."
    if problem:
        raise typer.BadParameter(problem, param_hint="--style")
    for place in places:
        if place != REST:
            check_there(Path(place), "mask")


def check_signals(texts: Iterable[str]) -> None:
    """Refuse words that are written wrong, and paintings and style files that are not there."""
    for text in texts:
        check_no_place(text)
        if is_file(text):
            check_styles([Path(text)])
        else:
            check_attributes([text])


def weights_of(blend: str | None, count: int) -> list[float] | None:
    """The weights "0.7,0.3" of so many styles; None if they are left out.

    Raises:
        typer.BadParameter: they are no weights of these styles.
    """
    if not blend:
        return None
    try:
        weights = [float(part) for part in blend.split(",")]
    except ValueError:
        raise typer.BadParameter(f"'{blend}' is not a list of numbers such as 0.7,0.3", param_hint="--blend") from None
    problem = None
    if not all(math.isfinite(weight) for weight in weights):
        problem = f"'{blend}' holds a number that is not finite"
    elif len(weights) != count:
        problem = f"{len(weights)} weights for {count} styles"
    elif abs(sum(weights)) < 1e-6:
        problem = "the weights sum to zero"
    if problem:
        raise typer.BadParameter(problem, param_hint="--blend")
    try:
        check_sum(weights)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--blend") from None
    return weights


def check_place(output: Path, suffixes: Iterable[str] = ()) -> None:
    """Refuse a file that cannot be written: a folder, below a file, where nothing may be written, of another suffix."""
    if (endings := tuple(suffixes)) and output.suffix.lower() not in endings:
        raise PictureError(f"-o '{output}': the file ends in {', '.join(endings)}.")
    if output.is_dir():
        raise PictureError(f"-o '{output}' is a folder: name a file in it.")
    check_folder(output.parent, f"-o '{output}'")


def check_folder(folder: Path, what: str) -> None:
    """Refuse a folder that cannot be made or written, or whose disk is full."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise PictureError(f"{what}: '{there}' is a file, and a folder is needed there. Name another place.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PictureError(f"{what}: you may not write into '{there}'. Name another place.")
    try:
        with tempfile.TemporaryFile(dir=there):  # some places that look writable take no file
            pass
    except OSError as error:
        if error.errno not in LASTING:
            raise PictureError(f"{what}: nothing can be written into '{there}': {in_words(error)}.") from error
    disk = shutil.disk_usage(there)
    if disk.total and not disk.free:
        raise PlaceError(f"{what}: the disk of '{there}' is full. Make room, or name another place.")


def check_steady(steady: str, reference: float | None = None) -> None:
    """Refuse a way of being steady that there is not, and a frame to go by where none is gone by.

    Raises:
        typer.BadParameter: the message names the nearest one, or the right one.
    """
    try:
        look.check_steady(steady, "'{}' does not exist.")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--steady") from None
    if reference is not None and steady != "first":
        raise typer.BadParameter(
            f"it chooses a frame for --steady first, and --steady is {steady}", param_hint="--reference"
        )


def span_of(text: str | None) -> Span:
    """The seconds "2.5:8", "2.5:" or ":8" of a clip; all of them if they are left out.

    Raises:
        typer.BadParameter: it is no span.
    """
    if text is None:
        return EVERYTHING
    start, colon, end = text.partition(":")
    try:
        span = float(start or 0), float(end or math.inf)
    except ValueError:
        span = math.nan, math.nan
    if not colon or not 0 <= span[0] < span[1]:
        raise typer.BadParameter(f"'{text}' is no span of seconds such as 2.5:8, 2.5: or :8", param_hint="--range")
    return span


def check_no_clip_options(span: str | None, reference: float | None, resume: bool) -> None:
    """Refuse a span, a frame to go by, and to go on, where there is no clip."""
    for name, given in (("--range", span), ("--reference", reference)):
        if given is not None:
            raise typer.BadParameter("there is no clip of which it could be a part", param_hint=name)
    if resume:
        raise typer.BadParameter("there is no clip to go on with", param_hint="--resume")


def check_clip_walk(clip: Path, output: Path, walk: Walk, has_fps: bool) -> None:
    """Refuse what cannot be if the style changes along a clip: another kind of file, the clip itself, other frames."""
    check_place(output, CLIP_WRITABLE)
    if output.resolve() == clip.resolve():
        raise PictureError(f"-o '{output}' would overwrite the clip: choose another.")
    if has_fps or walk.frames != Walk().frames:
        name = "--fps" if has_fps else "--frames"
        raise typer.BadParameter("a clip keeps its own frames: leave this out", param_hint=name)


def plan_outputs(contents: list[Path], output: Path, keep: list[Path], folder: bool = False) -> list[tuple[Path, Path]]:
    """Where the result of each photograph and clip goes; nothing may land on an input or on another result.

    Inputs are the photographs, the clips and the files in `keep`. Where the results' folder lies in one of photographs,
    what is in it is no photograph: the same command again has the same inputs. Inputs that differ in their suffix alone
    keep it in their results' names.

    Args:
        folder: whether the output is one, also if it looks like a file and is not there yet.

    Raises:
        PictureError: no photographs, a place that cannot be written, or a result would overwrite something it must not.
    """
    found = [
        (file, file.relative_to(given) if given.is_dir() else Path("piped.png" if file == PIPE else file.name))
        for given in contents
        for file in ([PIPE] if given == PIPE else find_pictures(given, own=[output], clips=True))
    ]
    several = len(found) > 1 or contents[0].is_dir()
    if output == PIPE:
        if several:
            raise PictureError(f"-o '-' writes one picture into a pipe, and there are {len(found)}: name a folder.")
        if is_clip(found[0][0]):
            raise PictureError(f"-o '-' writes a picture, and '{found[0][0]}' is a clip: name a file.")
        return [(found[0][0], output)]
    folder |= output.is_dir()
    one_clip = not several and is_clip(found[0][0])
    writable = tuple(CLIP_WRITABLE if one_clip else WRITABLE)
    if not several and output.suffix.lower() in writable and not folder:
        check_place(output)
        jobs = [(found[0][0], output)]
    elif output.suffix and not folder and (not several or output.suffix.lower() in (*KNOWN, *CLIPS)):
        if not several:
            what = "a clip" if one_clip else "a file"
            wanted = f"{what} ends in {', '.join(writable)}; a folder of this name, in a slash"
        elif len(found) == 1:
            wanted = f"the photographs of a folder ('{contents[0]}') need a folder"
        else:
            wanted = f"{len(found)} files need a folder"
        raise PictureError(f"-o '{output}': {wanted}.")
    else:
        check_folder(output, f"-o '{output}'")
        jobs = []
        plain = []
        for file, name in found:
            endings, other = (CLIP_WRITABLE, ".mkv") if is_clip(file) else (WRITABLE, ".png")
            plain.append(name if name.suffix.lower() in endings else name.with_suffix(other))
        count = Counter(plain)
        for (file, name), target in zip(found, plain):
            if count[target] > 1 and name.name != target.name:  # beside x.png, x.gif becomes x.gif.png
                target = name.with_name(f"{name.name}{target.suffix}")
            jobs.append((file, output / target))
    inputs = {file.resolve() for file in (*(file for file, _ in found), *keep)}
    taken: dict[Path, Path] = {}
    for file, target in jobs:
        place = target.resolve()
        if target.is_dir():
            raise PictureError(f"the result of '{file}' would be '{target}', which is a folder: choose another -o.")
        if place in inputs:
            raise PictureError(
                f"the result of '{file}' would overwrite '{target}', which is an input: choose another -o."
            )
        if place in taken:
            if taken[place].resolve() == file.resolve():
                raise PictureError(f"'{file}' is named twice.")
            raise PictureError(
                f"'{taken[place]}' and '{file}' would both be written to '{target}': rename one, or stylise them one "
                "after the other into different folders."
            )
        taken[place] = file
    for place in {target.parent for _, target in jobs}:
        check_folder(place, f"-o '{output}'")
    return jobs
