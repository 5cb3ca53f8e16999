"""Which files are pictures. Nothing heavy is imported: commands look at what they are given before they begin."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

# Suffix: the package that teaches Pillow to read such files, and the module that does it.
PLUGINS = {
    ".heic": ("pillow-heif", "pillow_heif"),
    ".heif": ("pillow-heif", "pillow_heif"),
    ".hif": ("pillow-heif", "pillow_heif"),  # of some cameras
    ".jxl": ("pillow-jxl-plugin", "pillow_jxl"),
}
PLAIN = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".jp2")
SUFFIXES = (*PLAIN, *(suffix for suffix, (_, module) in PLUGINS.items() if find_spec(module)))
KNOWN = (*PLAIN, *PLUGINS)  # what a file name that ends so means, whether it can be read or not
WRITABLE = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
# What such files begin with, whatever they are called: (place, bytes).
BEGINNINGS = {
    ".heic": [(4, b"ftyp" + brand) for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")],
    ".jxl": [(0, b"\xff\x0a"), (0, b"\0\0\0\x0cJXL \r\n\x87\n")],
    ".avif": [(4, b"ftypavif"), (4, b"ftypavis")],
}


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
