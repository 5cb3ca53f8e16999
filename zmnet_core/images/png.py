"""PNG files with more text than Pillow unpacks: ComfyUI keeps whole workflows in a picture."""

from __future__ import annotations

SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
