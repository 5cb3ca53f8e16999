"""Which files are pictures. Nothing heavy is imported: commands look at what they are given before they begin."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import PictureError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".jp2")
WRITABLE = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


def find_pictures(path: str | os.PathLike[str]) -> list[Path]:
    """The picture itself, or every picture in a folder and its sub-folders, sorted by name.

    Raises:
        PictureError: there is no such file or folder, or no picture in the folder.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise PictureError(f"there is no file or folder '{path}'.")
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file() and p.name[0] != ".")
    if not found:
        raise PictureError(f"the folder '{path}' holds no picture ({', '.join(SUFFIXES)}).")
    return found
