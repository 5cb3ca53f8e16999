"""Which files are pictures. Nothing heavy is imported: commands look at what they are given before they begin."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec

from ..errors import PictureError

# Suffix: the package that teaches Pillow to read such files, and the module that does it.
PLUGINS = {
    ".heic": ("pillow-heif", "pillow_heif"),
    ".heif": ("pillow-heif", "pillow_heif"),
    ".hif": ("pillow-heif", "pillow_heif"),  # of some cameras
    ".jxl": ("pillow-jxl-plugin", "pillow_jxl"),
}
PLAIN = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".png", ".apng", ".webp", ".avif", ".bmp", ".dib", ".tif"),
    *(".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".jpx", ".jpf"),
)
# Pictures that nothing here reads: those of cameras' sensors, and of other programs.
UNREAD = (
    *(".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw", ".raw"),
    *(".psd", ".xcf", ".kra", ".exr", ".hdr", ".svg", ".ico", ".eps", ".jps", ".jxr"),
)
SUFFIXES = (*PLAIN, *(suffix for suffix, (_, module) in PLUGINS.items() if find_spec(module)))
KNOWN = (*PLAIN, *PLUGINS)  # what a file name that ends so means, whether it can be read or not
WRITABLE = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
# What file names of clips end in. (.ts, which is also TypeScript, is one if its beginning says so.)
CLIPS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv",
    ".vob", ".mxf",
)  # fmt: skip
CLIP_PACKAGE = ("av", "av")  # as of `PLUGINS`: what reads and writes them
CLIP_WRITABLE = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}  # and what FFmpeg calls these
# What such files begin with, whatever they are called: (place, bytes).
BEGINNINGS = {
    ".heic": [(4, b"ftyp" + brand) for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")],
    ".jxl": [(0, b"\xff\x0a"), (0, b"\0\0\0\x0cJXL \r\n\x87\n")],
    ".avif": [(4, b"ftypavif"), (4, b"ftypavis")],
}


# What is often given in place of a picture: (place, bytes) of its beginning, and what to do.
OTHERS = (
    (0, b"PK\x03\x04", "a ZIP archive: unpack it, and give the folder"),
    (0, b"\x1f\x8b", "compressed (gzip, such as .tar.gz): unpack it, and give the folder"),
    (0, b"BZh", "compressed (bzip2): unpack it, and give the folder"),
    (0, b"\xfd7zXZ", "compressed (xz): unpack it, and give the folder"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive: unpack it, and give the folder"),
    (0, b"Rar!", "a RAR archive: unpack it, and give the folder"),
    (257, b"ustar", "a tar archive: unpack it, and give the folder"),
    (0, b"%PDF", "a PDF: export its page as PNG"),
    (0, b"<svg", "a drawing of lines (SVG): export it as PNG"),
    (4, b"ftypisom", "a video: export one of its frames as PNG"),
    (4, b"ftypmp4", "a video: export one of its frames as PNG"),
    (4, b"ftypqt", "a video: export one of its frames as PNG"),
    (0, b"\x1aE\xdf\xa3", "a video: export one of its frames as PNG"),
)
CLIP_BEGINNINGS = (
    *((4, b"ftyp" + brand) for brand in (b"isom", b"iso2", b"iso5", b"mp4", b"avc1", b"qt", b"M4V", b"3gp")),
    (4, b"moov"), (0, b"\x1aE\xdf\xa3"), (8, b"AVI "), (0, b"FLV\x01"), (0, b"\0\0\x01\xba"),
)  # fmt: skip
TS_PACKET = 188  # bytes, each of them beginning with a G
BEGINNING = 512  # bytes that show them all


def is_clip(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a clip: by the end of its name or, where that says nothing, by its beginning."""
    name = os.fspath(path).lower()
    if name.endswith((*CLIPS, *KNOWN)) or not os.path.isfile(path):
        return name.endswith(CLIPS)
    beginning = _beginning(path)
    is_ts = len(beginning) == BEGINNING and beginning[:BEGINNING:TS_PACKET] == b"GGG"
    return is_ts or any(_has(beginning, *sign) for sign in CLIP_BEGINNINGS)


def check_kind(path: str | os.PathLike[str]) -> None:
    """Refuse a file whose beginning shows that it is an archive, a video or the like.

    Raises:
        PictureError: the message says what to do.
    """
    if what := other_kind(_beginning(path)):
        raise PictureError(f"'{path}' is {what}.")


def other_kind(beginning: bytes) -> str | None:
    """What a file is that begins so, and what to do; None if it may be a picture."""
    return next((what for place, sign, what in OTHERS if _has(beginning, place, sign)), None)


def plugin_for(beginning: bytes) -> str | None:
    """Load the package that reads a file which begins so, where one is needed and installed.

    Returns:
        None if there is something new to try; else what to do, for a message ("" if nothing is known).
    """
    for suffix, places in BEGINNINGS.items():
        if any(_has(beginning, *sign) for sign in places):
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


def _beginning(path: str | os.PathLike[str]) -> bytes:
    """Of a file; nothing of a pipe, from which nothing may be taken, nor where whoever reads it says why that fails."""
    try:
        if not os.path.isfile(path):
            return b""
        with open(path, "rb") as file:
            return file.read(BEGINNING)
    except OSError:
        return b""


def _has(beginning: bytes, place: int, sign: bytes) -> bool:
    return beginning.startswith(sign, place)
