"""Pictures through pipes: `-` is the standard input where a picture is read, and the standard output where one is
written. Nothing else is written there then.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PictureError, in_words

if TYPE_CHECKING:
    from ..images.picture import Picture

PIPE = Path("-")


def check_pipes(inputs: Iterable[Path], output: Path | None = None) -> None:
    """Refuse two pictures from one pipe, and pipes that are no pipes but somebody's screen.

    Raises:
        PictureError: the message says what to do.
    """
    piped = [file for file in inputs if file == PIPE]
    if len(piped) > 1:
        raise PictureError("'-' is named twice, and only one picture comes through a pipe: name the other's file.")
    if piped and sys.stdin.isatty():
        raise PictureError("'-' reads a picture from a pipe, and nothing is piped in: write `… - < photo.jpg`.")
    if output == PIPE and sys.stdout.isatty():
        raise PictureError("-o '-' writes a PNG into a pipe, and none is there: write `… -o - > out.png`.")


def read(file: Path, size: int | None, megapixels: float | None) -> Picture:
    """A picture file, or the picture that comes through the pipe; the arguments are those of `read_picture`."""
    from ..images.picture import read_picture

    if file != PIPE:
        return read_picture(file, size=size, megapixels=megapixels)
    data = sys.stdin.buffer.read()
    if not data:
        raise PictureError("nothing came through the pipe ('-').")
    return read_picture("-", data, size=size, megapixels=megapixels)


def write(picture: Picture, file: Path, quality: int) -> None:
    """Write a picture file, or a PNG into the pipe.

    Raises:
        PictureError: it cannot be written, or whoever reads the pipe has gone.
    """
    from ..images.picture import encoded, write_picture

    if file != PIPE:
        write_picture(picture, file, quality)
        return
    try:
        sys.stdout.buffer.write(encoded(picture, "PNG"))
        sys.stdout.buffer.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries again when it ends
        raise PictureError(f"the picture could not be written into the pipe: {in_words(error)}.") from error
