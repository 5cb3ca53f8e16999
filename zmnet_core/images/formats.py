"""Which files are pictures. Nothing heavy is imported: commands look at what they are given before they begin."""

from __future__ import annotations

import logging
import os
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from ..errors import PictureError

logger = logging.getLogger(__name__)

# Suffix: the package that teaches Pillow to read such files, and the module that does it.
PLUGINS = {
    ".heic": ("pillow-heif", "pillow_heif"),
    ".heif": ("pillow-heif", "pillow_heif"),
    ".jxl": ("pillow-jxl-plugin", "pillow_jxl"),
}
PLAIN = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".jp2")
SUFFIXES = (*PLAIN, *(suffix for suffix, (_, module) in PLUGINS.items() if find_spec(module)))
KNOWN = (*PLAIN, *PLUGINS)  # what a file name that ends so means, whether it can be read or not
WRITABLE = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
# What such files begin with, whatever they are called: (place, bytes).
BEGINNINGS = {
    ".heic": [(4, b"ftyp" + brand) for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")],
    ".jxl": [(0, b"\xff\x0a"), (0, b"\0\0\0\x0cJXL \r\n\x87\n")],
    ".avif": [(4, b"ftypavif"), (4, b"ftypavis")],
}


def find_pictures(path: str | os.PathLike[str]) -> list[Path]:
    """The picture itself, or every picture in a folder and its sub-folders, sorted by name.

    Files that only a package which is not installed can read are left out with a warning.

    Raises:
        PictureError: there is no such file or folder, or no picture in the folder.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise PictureError(f"there is no file or folder '{path}'.")
    known = sorted(p for p in path.rglob("*") if p.suffix.lower() in KNOWN and p.is_file() and p.name[0] != ".")
    found = [p for p in known if p.suffix.lower() in SUFFIXES]
    left_out = Counter(PLUGINS[p.suffix.lower()][0] for p in known if p.suffix.lower() not in SUFFIXES)
    wanted = "; ".join(f"{count} of its files need a package: pip install {name}" for name, count in left_out.items())
    if not found:
        hint = f" {wanted[0].upper()}{wanted[1:]}." if wanted else ""
        raise PictureError(f"the folder '{path}' holds no picture ({', '.join(SUFFIXES)}).{hint}")
    if wanted:
        logger.warning("'%s': %s", path, wanted)
    return found


def plugin_for(beginning: bytes) -> str | None:
    """Load the package that reads a file which begins so, where one is needed and installed.

    Returns:
        None if there is something new to try; else what to do, for a message ("" if nothing is known).
    """
    for suffix, places in BEGINNINGS.items():
        if any(beginning[place : place + len(sign)] == sign for place, sign in places):
            if suffix not in PLUGINS:
                return " It is an AVIF file: update Pillow (11.3 or newer)."
            package, module = PLUGINS[suffix]
            try:
                loaded = import_module(module)
            except ImportError:
                return f" It is a {suffix[1:].upper()} file: pip install {package}"
            if hasattr(loaded, "register_heif_opener"):  # the other one does so by being imported
                loaded.register_heif_opener()
            return None
    return ""
