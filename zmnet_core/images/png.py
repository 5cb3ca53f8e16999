"""PNG files with more text than Pillow unpacks: ComfyUI keeps whole workflows in a picture."""

from __future__ import annotations

from collections.abc import Collection
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SMALL = 64  # bytes
TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def without_texts(data: bytes) -> bytes:
    """The PNG file without its texts; other bytes as they are."""
    if not data.startswith(SIGNATURE):
        return data
    parts, place = [SIGNATURE], len(SIGNATURE)
    while place < len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] not in TEXTS:
            parts.append(data[place:end])
        place = end
    return b"".join(parts)


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
