"""`zmnet stylize` at work: picture after picture, how far it is, and which results are there already."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ..errors import PictureError, PlaceError
from ..images.formats import is_clip
from ..styling.look import Look
from .pipes import read, write

if TYPE_CHECKING:
    from tqdm import tqdm

    from ..model import ZMNet
    from ..styling.regions import AnyStyle

Job = tuple[Path, Path]  # a photograph, and where its result goes


def is_whole(file: Path) -> bool:
    """Whether a file is a picture that can be read to its end, or a clip, which is there only if it is whole."""
    from PIL import Image

    if is_clip(file):
        return file.is_file()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                image.load()
    except MemoryError:
        raise
    except Exception:  # Pillow raises whatever the broken place leads to
        return False
    return True


def stylize_all(
    network: ZMNet,
    jobs: Sequence[Job],
    style: AnyStyle,
    look: Look,
    quality: int,
    done: list[Job],
    clip: Callable[[Path, Path], None],
    megapixels: float | None = None,
    keep_profile: bool = False,
) -> int:
    """Stylise every photograph and clip of `jobs`. One that cannot be read, or whose result cannot be written, is told
    of and skipped, unless it is the only one.

    Args:
        style: one, or regions, of this model.
        quality: of JPEG and WebP files, 1 to 100.
        done: gets every job that is done, when its result is there.
        clip: stylises a clip into a file.
        megapixels: the largest photographs that are read, as in `read_picture`.
        keep_profile: whether results are written in their photographs' own colour profiles, and not in sRGB.

    Returns:
        How many were skipped.

    Raises:
        PictureError: the only photograph cannot be read, or its result cannot be written.
        PlaceError: a result cannot be written, and nor could the others: the disk is full or only read.
    """
    from tqdm import tqdm

    from ..images.picture import in_own_profile
    from ..styling.paint import steps_of, stylize_picture

    alone, skipped = len(jobs) == 1, 0
    with tqdm(total=len(jobs), desc="stylize", unit="picture", disable=alone) as bar:
        for source, target in jobs:
            try:
                if is_clip(source):
                    clip(source, target)
                    done.append((source, target))
                    bar.update()
                    continue
                photograph = read(source, look.size, megapixels)
                steps = steps_of(network, photograph.full or photograph.size, look)
                with tqdm(total=steps, desc="stylize", unit="piece", disable=not alone or steps == 1) as pieces:
                    step = _step(pieces, bar, source.name, steps)
                    stylised = stylize_picture(network, photograph, style, look, step=step)
                    write(in_own_profile(stylised) if keep_profile else stylised, target, quality)
            except PictureError as error:
                if alone:
                    raise
                if isinstance(error, PlaceError):  # the others would be painted in vain
                    raise PlaceError(f"{error} Stopped after {len(done)} of {len(jobs)} pictures.") from error
                skipped += 1
                tqdm.write(f"skipped: {error}", file=sys.stderr)
            else:
                done.append((source, target))
            bar.set_postfix_str("", refresh=False)
            bar.update()
    return skipped


def _step(pieces: tqdm[NoReturn], pictures: tqdm[NoReturn], name: str, steps: int) -> Callable[[], None]:
    """What every piece of a picture moves: its own bar; or, if there are several pictures, words behind theirs."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        pieces.update()
        if steps > 1:
            pictures.set_postfix_str(f"{name}: {done} of {max(done, steps)} pieces")

    return step
