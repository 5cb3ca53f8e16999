"""Pages of TIFF files: which of them is the picture, where the first one is only a preview of it.

Raw files (DNG, NEF, …) are TIFF files too. Their first page is often a thumbnail, which says so by NewSubfileType, and
the picture is a later page, or lies below the first one (SubIFDs), where Pillow does not look. So it is found here, and
the file is handed on with that page as its first.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image

Source = str | os.PathLike[str] | io.BytesIO

NEW_KIND, OLD_KIND, WIDTH, HEIGHT, BITS, COLOURS = 254, 255, 256, 257, 258, 262  # tags
SAMPLES, BELOW, FORMATS, DNG = 277, 330, 339, 50_706
REDUCED, MASK = 1, 4  # bits of NewSubfileType
OLD_REDUCED = 2  # value of SubfileType
SENSOR = {32_803: "values of a sensor", 34_892: "linear values of a sensor"}  # by PhotometricInterpretation
NAMES = {1: "integers", 2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex numbers"}
WIDTHS = {1: "B", 3: "H", 4: "L", 13: "L", 16: "Q", 18: "Q"}  # integers, by the type that TIFF gives them
MOST = 1000  # pages that are looked at
LONGEST = 64  # numbers of an entry that are read


class Page(NamedTuple):
    """One directory of a TIFF file.

    Attributes:
        place: of the directory in the file, bytes.
        end: where it names the directory that follows.
        number: among the pages that follow each other, from 1; None if it lies below one of them.
        tags: numbers of the entries that matter here, by tag.
    """

    place: int
    end: int
    number: int | None
    tags: dict[int, tuple[int, ...]]

    def first(self, tag: int, default: int = 0) -> int:
        values = self.tags.get(tag) or (default,)
        return values[0]

    @property
    def reduced(self) -> bool:
        """Does it say that it is a smaller copy of another page, or a mask?"""
        return bool(self.first(NEW_KIND) & (REDUCED | MASK)) or self.first(OLD_KIND) == OLD_REDUCED

    @property
    def area(self) -> int:
        return self.first(WIDTH) * self.first(HEIGHT)

    def __str__(self) -> str:
        kind = SENSOR.get(self.first(COLOURS))
        if kind is None:
            kind = f"{self.first(SAMPLES, 1)} × {self.first(BITS, 1)} bits, {NAMES.get(self.first(FORMATS, 1), 'odd')}"
        return f"{self.first(WIDTH)} × {self.first(HEIGHT)} px, {kind}"


class Chosen(NamedTuple):
    """A file as Pillow should read it.

    Attributes:
        file: with the picture as its first page.
        remark: what to say if that was not so.
        lost: what the picture is, if it is another than the file's first page or not in the file: if `file` cannot be
            read, the picture cannot be, and there is nothing but a preview of it.
    """

    file: Source | None
    remark: str | None = None
    lost: str = ""


def chosen(file: Source) -> Chosen:
    """The file as Pillow should read it: as it is, unless it is a TIFF file whose first page is a preview."""
    found = _pages(file)
    if not found:
        return Chosen(file)
    first = found[0]
    if not (first.reduced or DNG in first.tags):
        found = [first] + [page for page in found if page.place in first.tags.get(BELOW, ())]
    best = max((page for page in found if not page.reduced), key=lambda page: page.area, default=first)
    if best.area <= first.area and not first.reduced:
        best = first
    if best is first and first.reduced and DNG in first.tags:
        return Chosen(None, lost="a raw file")
    if best is first:
        return Chosen(file, "the file calls it a preview, and has no page that is more" if first.reduced else None)
    where = f"page {best.number}" if best.number else "below it"
    size = f"{best.first(WIDTH)} × {best.first(HEIGHT)} px"
    return Chosen(
        _beginning_with(file, best), f"its first page is a preview; the picture is read ({where}, {size})", f"{best}"
    )


def is_preview(image: Image.Image) -> bool:
    """Is this an opened page that says that it is a smaller copy of another?"""
    kind = getattr(image, "tag_v2", {}).get(NEW_KIND, 0)
    return isinstance(kind, int) and bool(kind & REDUCED)


def described(file: Source) -> str:
    """Of a file that Pillow cannot read: what its pixels are and what to do, if it is TIFF; else ""."""
    found = _pages(file)
    if not found:
        return ""
    if DNG in found[0].tags or any(page.first(COLOURS) in SENSOR for page in found):
        return " It is a raw file: export it as TIFF, PNG or JPEG in a program for raw pictures."
    return f" It is a TIFF file ({found[0]}): export it as TIFF or PNG with 8 or 16 bits."


def _pages(file: Source) -> list[Page]:
    """All that can be found, in their order; none if it is no TIFF file."""
    try:
        if isinstance(file, io.BytesIO):
            return list(_walk(io.BytesIO(file.getvalue())))
        with open(file, "rb") as binary:
            return list(_walk(binary))
    except OSError:
        return []  # whoever reads it says why it cannot be read


def _header(head: bytes) -> tuple[str, bool] | None:
    """The order of bytes and whether it is a BigTIFF file."""
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = struct.unpack(order + "H", head[2:4])[0] if order and len(head) >= 8 else 0
    return (order, version == 43) if order and version in (42, 43) else None


def _walk(file: BinaryIO) -> Iterator[Page]:
    head = file.read(16)
    found = _header(head)
    if found is None:
        return
    order, big = found
    seen: set[int] = set()
    try:
        (place,) = struct.unpack_from(order + ("Q" if big else "L"), head, 8 if big else 4)
        number = 1
        while place and place not in seen and len(seen) < MOST:
            seen.add(place)
            page, following = _page(file, order, big, place, number)
            yield page
            for below in page.tags.get(BELOW, ()):
                if below not in seen and len(seen) < MOST:
                    seen.add(below)
                    yield _page(file, order, big, below, None)[0]
            place, number = following, number + 1
    except (struct.error, OverflowError):
        return  # what comes after a broken place is not looked at


def _page(file: BinaryIO, order: str, big: bool, place: int, number: int | None) -> tuple[Page, int]:
    """One page, and the place of that which follows (0: none)."""
    size, count_size, offset = (20, 8, "Q") if big else (12, 2, "L")
    file.seek(place)
    (count,) = struct.unpack(order + ("Q" if big else "H"), file.read(count_size))
    entries = file.read(size * min(count, 65_536))
    end = place + count_size + size * count
    tags: dict[int, tuple[int, ...]] = {}
    for start in range(0, len(entries) - size + 1, size):
        tag, kind = struct.unpack_from(order + "HH", entries, start)
        if tag not in (NEW_KIND, OLD_KIND, WIDTH, HEIGHT, BITS, COLOURS, SAMPLES, BELOW, FORMATS, DNG):
            continue
        (length,) = struct.unpack_from(order + offset, entries, start + 4)
        form = f"{order}{min(length, LONGEST)}{WIDTHS.get(kind, 'B')}"
        data = entries[start + size - (8 if big else 4) : start + size]
        if struct.calcsize(form) > len(data):
            file.seek(struct.unpack(order + offset, data)[0])
            data = file.read(struct.calcsize(form))
        tags[tag] = struct.unpack_from(form, data)
    file.seek(end)
    following = file.read(8 if big else 4)
    return Page(place, end, number, tags), struct.unpack(order + offset, following)[0] if following else 0


def _beginning_with(file: Source, page: Page) -> io.BytesIO:
    """The file with this page as its only one: its header points there, and nothing follows."""
    data = bytearray(file.getvalue() if isinstance(file, io.BytesIO) else Path(file).read_bytes())
    found = _header(bytes(data[:16]))
    assert found is not None, "pages of what is no TIFF file"
    order, big = found
    struct.pack_into(order + ("Q" if big else "L"), data, 8 if big else 4, page.place)
    if following := struct.calcsize(order + ("Q" if big else "L")) * (page.end < len(data)):
        data[page.end : page.end + following] = bytes(following)
    return io.BytesIO(bytes(data))
