"""PNG files with more text than Pillow unpacks, as ComfyUI keeps whole workflows in a picture; or a larger profile."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from typing import BinaryIO, NamedTuple

from .metadata import KEPT_TEXTS, LONGEST

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SMALL = 64  # bytes
LARGEST = 1 << 24  # bytes of a profile: tables of printers have 4 MB
TEXTS = (b"tEXt", b"zTXt", b"iTXt")


class Slim(NamedTuple):
    """A PNG file without what Pillow finds too long.

    Attributes:
        data: the file without its texts (but for those that are kept) and its profile.
        profile: the colour profile, if it is of a sane size.
        remark: what to say if it is not.
    """

    data: bytes
    profile: bytes | None = None
    remark: str | None = None


def slim(data: bytes) -> Slim:
    """The PNG file without its texts and profile; other bytes as they are."""
    if not data.startswith(SIGNATURE):
        return Slim(data)
    parts, place, profile, remark = [SIGNATURE], len(SIGNATURE), None, None
    while place < len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        name, body = data[place + 4 : place + 8], data[place + 8 : end - 4]
        if name == b"iCCP":
            profile = _profile(body)
            remark = None if profile else f"its colour profile is left out: it has more than {LARGEST >> 20} MB"
        elif name not in TEXTS or _is_kept(name, body):
            parts.append(data[place:end])
        place = end
    return Slim(b"".join(parts), profile, remark)


def _is_kept(name: bytes, body: bytes) -> bool:
    return name == b"tEXt" and len(body) <= LONGEST and body.partition(b"\0")[0].decode("latin-1") in KEPT_TEXTS


def _profile(body: bytes) -> bytes | None:
    """The profile of an iCCP chunk, as long as it says that it is; None if it is longer than what is sane. What is no
    profile is given as it is: whoever reads profiles says so."""
    packed = body[body.find(b"\0") + 2 :]
    try:
        data = zlib.decompressobj().decompress(packed, LARGEST)
    except zlib.error:
        return b"broken"
    length = int.from_bytes(data[:4], "big")
    return data[: max(length, 128)] if length <= len(data) else b"broken" if len(data) < LARGEST else None


def small_chunks(file: BinaryIO, names: Collection[bytes]) -> dict[bytes, bytes]:
    """The chunks of these names that stand before the pixels, each of at most 64 bytes. The file stays where it is."""
    before, found = file.tell(), {}
    try:
        file.seek(len(SIGNATURE))
        while len(head := file.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            length = int.from_bytes(head[:4], "big")
            if head[4:] in names and length <= SMALL:
                found[head[4:]] = file.read(length)
                length = 0
            file.seek(length + 4, 1)
    finally:
        file.seek(before)
    return found
