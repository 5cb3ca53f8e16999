"""What a picture file says beside its pixels: which way up it is, who made it and when, and its resolution.

Cameras and editors write EXIF entries of every kind, also ones that Pillow cannot pack again. None of them keeps a
sound picture from being read: what cannot be kept is left out, and whoever reads is told.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from PIL import ExifTags, Image

Warn = Callable[[str], None]  # told in a clause what was left out, or read otherwise than it stands in the file

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, UNIT = 0x0112, 0x011A, 0x011B, 0x0128
EXIF_IFD = 0x8769
KEPT = (0x0132, 0x013B, 0x8298)  # date, artist, copyright
KEPT_BELOW = (0x9003, 0x9004)  # when it was taken and digitised, in the IFD of EXIF
LONGEST = 10_000  # characters of an entry; a longer one is no name and no date
KEPT_TEXTS = {
    "Author": 0x013B,
    "Copyright": 0x8298,
    "Creation Time": 0x9003,
}  # of PNG, and the entry of EXIF they become
EXIF_DATE = "%Y:%m:%d %H:%M:%S"
TURNED = range(5, 9)  # orientations in which a picture lies on its side
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Metadata:
    """What is kept when a picture is written again.

    Attributes:
        texts: artist, copyright and date by EXIF tag, as bytes.
        dpi: pixels per inch across and down, or None.
    """

    texts: tuple[tuple[int, bytes], ...] = ()
    dpi: tuple[float, float] | None = None

    def exif(self, resolution: bool = False) -> bytes | None:
        """An EXIF block of these and nothing else, None if there is nothing to say; with the resolution for files that
        have no other place for it (WebP)."""
        exif = Image.Exif()
        for tag, text in self.texts:
            if tag in KEPT_BELOW:  # bytes would be written as such here, not as text
                exif.get_ifd(EXIF_IFD)[tag] = text.decode("ascii")
            else:
                exif[tag] = text
        if resolution and self.dpi:
            exif[X_RESOLUTION], exif[Y_RESOLUTION], exif[UNIT] = *self.dpi, 2
        return exif.tobytes() if len(exif) or self.texts else None


def metadata_of(image: Image.Image, warn: Warn) -> tuple[int, Metadata]:
    """The orientation 1..8 and what is kept. Never fails: what cannot be read or kept is left out, and `warn` told."""
    try:
        exif = image.getexif()
        odd = _odd(exif)
    except Exception:  # Pillow raises whatever the broken place leads to
        exif, odd = Image.Exif(), ["all of it"]
    texts = []
    for tag in (*KEPT, *KEPT_BELOW):
        value = _entry(exif, tag)
        if isinstance(value, str):
            value = value.encode("latin-1", "replace")  # Pillow decodes by this, whatever the encoding was
        if not isinstance(value, bytes) or (tag in KEPT_BELOW and not value.isascii()):
            continue
        if 0 < len(value := value.strip(b"\0 ")) <= LONGEST:
            texts.append((tag, value))
    if image.format == "PNG":
        texts += _of_png(image.info, {tag for tag, _ in texts}, warn)
    if odd:
        warn(f"what its EXIF data say is not all in order and left out ({', '.join(odd[:4])})")
    return _orientation(exif, image.info.get("exif")), Metadata(tuple(texts), _dpi(image, exif))


def _of_png(info: dict[Any, Any], known: set[int], warn: Warn) -> list[tuple[int, bytes]]:
    """What texts of a PNG file say that its EXIF data do not. A date is brought to EXIF's form."""
    found = []
    for name, tag in KEPT_TEXTS.items():
        value = info.get(name)
        if not isinstance(value, str) or not value.strip("\0 \n") or tag in known:
            continue
        text = _date(value.strip("\0 \n")) if tag in KEPT_BELOW else value.strip("\0 \n").encode("utf-8", "replace")
        if text is None or len(text) > LONGEST:
            warn(f"its text '{name}' is left out: it is {'too long' if text else 'no date'}")
        else:
            found.append((tag, text))
    return found


def _date(text: str) -> bytes | None:
    """A date as EXIF writes it, from that of a mail (as PNG suggests), of ISO 8601 or of EXIF; None if it is none."""
    for read in (datetime.fromisoformat, parsedate_to_datetime, lambda text: datetime.strptime(text, EXIF_DATE)):
        try:
            return read(text).strftime(EXIF_DATE).rjust(19, "0").encode("ascii")
        except (ValueError, TypeError, IndexError, OverflowError):
            pass
    return None


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """A copy that stands as the orientation says."""
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image.copy()


def _odd(exif: Image.Exif) -> list[str]:
    """The entries that cannot be packed again, by name."""
    try:
        exif.tobytes()
        return []
    except Exception:
        names = []
    for tag in list(exif):
        alone = Image.Exif()
        try:
            alone[tag] = exif[tag]
            alone.tobytes()
        except Exception:
            names.append(ExifTags.TAGS.get(tag, f"tag {tag}"))
    return names or ["a part of it"]


def _entry(exif: Image.Exif, tag: int) -> Any:
    try:
        return (exif.get_ifd(EXIF_IFD) if tag in KEPT_BELOW else exif).get(tag)
    except Exception:
        return None


def _orientation(exif: Image.Exif, data: object) -> int:
    found = _entry(exif, ORIENTATION)
    if isinstance(found, tuple) and found:
        found = found[0]
    guesses: tuple[Any, ...] = (found, _orientation_in(data) if isinstance(data, bytes) else None)
    for value in guesses:
        try:
            if int(value) == value and int(value) in range(1, 9):
                return int(value)
        except (TypeError, ValueError, ArithmeticError):
            pass
    return 1


def _orientation_in(data: bytes) -> int | None:
    """The orientation in a block of EXIF. (Pillow reads no further than an entry that points nowhere.)"""
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "L", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        for index in range(count):
            place = start + 2 + 12 * index
            tag, kind = struct.unpack_from(order + "HH", data, place)
            if tag == ORIENTATION and kind in (1, 3, 4):
                return int(struct.unpack_from(order + {1: "B", 3: "H", 4: "L"}[kind], data, place + 8)[0])
    except struct.error:
        pass
    return None


def _dpi(image: Image.Image, exif: Image.Exif) -> tuple[float, float] | None:
    found: Any = image.info.get("dpi")
    if image.format == "JPEG" and image.info.get("jfif_unit") not in (1, 2) and _entry(exif, X_RESOLUTION) is None:
        found = None  # Pillow says 72 of a JPEG file that says nothing
    if found is None and (unit := _entry(exif, UNIT)) in (2, 3):
        found = _entry(exif, X_RESOLUTION), _entry(exif, Y_RESOLUTION)
        scale = 2.54 if unit == 3 else 1.0
    else:
        scale = 1.0
    try:
        across, down = (float(value) * scale for value in found)
    except (TypeError, ValueError, ArithmeticError):
        return None
    # 1 is what Pillow says of a TIFF file that says nothing; more than 65535 does not fit a JPEG file.
    return (across, down) if all(math.isfinite(value) and 1 < value <= 65_535 for value in (across, down)) else None
