"""Picture files, opened and decoded: how large they may be, and why one cannot be read."""

from __future__ import annotations

import io
import math
import os
import stat
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from ..errors import PictureError, in_words
from .allowing import allowing, quiet
from .depth import Beneath, loaded
from .formats import BEGINNING, other_kind, plugin_for
from .metadata import Warn
from .pages import Source, chosen, described
from .png import slim

LARGEST = 256  # megapixels: the pictures of all telephones, and 3 GB as a tensor
DRAFTS = (8, 4, 2)  # a JPEG can be decoded at one of these parts of its sides


def most_megapixels(given: float | None = None) -> float:
    """The largest picture that is read: what is given, else what `$ZMNET_MEGAPIXELS` says, else 256; 0 means any size.

    Raises:
        PictureError: it is no number from 0 on.
    """
    text = os.environ.get("ZMNET_MEGAPIXELS", "") if given is None else str(given)
    if given is None and not text:
        return LARGEST
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        what = "ZMNET_MEGAPIXELS" if given is None else "the largest picture"
        raise PictureError(f"{what} is '{text}': a number of megapixels is expected, or 0 for pictures of any size.")
    return number or math.inf


class Draft(NamedTuple):
    """Of a JPEG decoded smaller: width and height of the whole, and which part of them was decoded."""

    full: tuple[int, int]
    part: int

    def aligned(self, image: Image.Image) -> Image.Image:
        """The picture within its edges: the last column and row decoded may reach beyond them, by less than a pixel."""
        width, height = self.full
        if width % self.part == 0 and height % self.part == 0:
            return image
        return image.resize(image.size, Image.Resampling.BICUBIC, (0, 0, width / self.part, height / self.part))


def opened(
    path: str | os.PathLike[str],
    data: bytes | None = None,
    at_least: int | None = None,
    megapixels: float | None = None,
    warn: Warn = lambda text: None,
) -> tuple[Image.Image, Draft | None, Beneath]:
    """The file, decoded; how much smaller than it is, if it was; and what Pillow does not hand on.

    Args:
        data: the file's bytes, if you have them; `path` is then only its name in messages.
        at_least: a JPEG is decoded at a half, a quarter or an eighth of its sides if the short one stays at least so
            long, px; with as much less memory.
        megapixels: as of `most_megapixels`.
        warn: told if another page than the first is read.

    Raises:
        PictureError: there is no such file, or it is not a picture, is damaged, or is too large.
    """
    most = most_megapixels(megapixels)
    try:
        file = _source(path, data)
        try:
            with quiet():
                return _decoded(file, path, at_least, most, warn)
        except PictureError:
            raise
        except ValueError:  # of texts or a profile that Pillow finds too long, and it does not look at the picture then
            whole = file.getvalue() if isinstance(file, io.BytesIO) else Path(file).read_bytes()
            if (rest := slim(whole)).data == whole:
                raise
            with quiet():
                image, draft, beneath = _decoded(io.BytesIO(rest.data), path, at_least, most, warn)
            if rest.profile:
                image.info["icc_profile"] = rest.profile
            if rest.remark:
                warn(rest.remark)
            return image, draft, beneath
    except (MemoryError, PictureError):
        raise
    except Exception as error:  # Pillow raises whatever the broken place leads to
        raise PictureError(_why(error, path, most)) from error


def _source(path: str | os.PathLike[str], data: bytes | None) -> Source:
    """What Pillow can seek in: the file, or the bytes that came through a pipe."""
    if data is not None:
        return io.BytesIO(data)
    kind = os.stat(path).st_mode
    if stat.S_ISFIFO(kind):
        return io.BytesIO(Path(path).read_bytes())
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise PictureError(f"'{path}' is no file: a picture file was expected.")
    return path


def _decoded(
    file: Source, name: str | os.PathLike[str], at_least: int | None, most: float, warn: Warn
) -> tuple[Image.Image, Draft | None, Beneath]:
    page = chosen(file)
    try:
        if page.file is None:
            raise UnidentifiedImageError
        with allowing(most):
            image = _recognised(page.file)
    except UnidentifiedImageError as error:
        if not page.lost:
            raise
        raise PictureError(
            f"of '{name}', only a preview can be read, and not the picture itself ({page.lost}): export it as TIFF, "
            f"PNG or JPEG first, in a program that opens it, such as one for raw files."
        ) from error
    try:
        size = image.size
        if size[0] * size[1] > most * 10**6:
            raise PictureError(_too_large(name, most, size))
        if image.format == "EPS":  # Pillow would run it
            raise PictureError(f"'{name}' is a program in PostScript and no picture: export it as PNG.")
        part = 1
        if at_least and isinstance(image, JpegImageFile):
            part = next((part for part in DRAFTS if min(size) >= part * at_least), 1)
            image.draft(None, (size[0] // part, size[1] // part))
        beneath = loaded(image)
        if page.remark:
            warn(page.remark)
        return image, Draft(size, part) if part > 1 else None, beneath
    except BaseException:
        image.close()
        raise


def _recognised(file: Source) -> Image.Image:
    try:
        return Image.open(file)
    except UnidentifiedImageError as error:
        if isinstance(file, io.BytesIO):
            beginning = file.getvalue()[:BEGINNING]
        else:
            with open(file, "rb") as binary:
                beginning = binary.read(BEGINNING)
        if what := other_kind(beginning):
            raise UnidentifiedImageError(f" It is {what}.") from error
        advice = plugin_for(beginning)
        if advice is None:
            return Image.open(file)
        raise UnidentifiedImageError(advice or described(file)) from error


def _too_large(path: str | os.PathLike[str], most: float, size: tuple[int, int] | None = None) -> str:
    found = f" ({size[0]} × {size[1]} px)" if size else ""
    return (
        f"'{path}' is too large{found}: {most:g} megapixels are the most. Scale it down first, or, if you trust it, "
        f"allow more by ZMNET_MEGAPIXELS (--megapixels)."
    )


def _why(error: Exception, path: str | os.PathLike[str], most: float) -> str:
    """Why a file could not be decoded."""
    if isinstance(error, FileNotFoundError):
        return f"there is no picture '{path}'."
    if isinstance(error, IsADirectoryError):
        return f"'{path}' is a folder, a picture file was expected."
    if isinstance(error, UnidentifiedImageError):
        advice = str(error) if error.__cause__ else ""
        return f"'{path}' is not a picture that Pillow can read.{advice}"
    if isinstance(error, Image.DecompressionBombError):
        return _too_large(path, most)
    if isinstance(error, OSError) and error.errno:
        return f"'{path}' cannot be read: {in_words(error)}."
    return f"'{path}' is damaged: {error}."
