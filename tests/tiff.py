"""TIFF files put together by hand, for what Pillow does not write: previews, pages below pages, odd samples."""

from __future__ import annotations

import struct


def tiff(*pages: dict, big_endian: bool = False, big: bool = False) -> bytes:
    """A TIFF file (or BigTIFF) of uncompressed pages that follow each other.

    Args:
        pages: of each, `pixels` [H, W] or [H, W, C], `tags` by number, whole numbers, and `below`, pages in SubIFDs.
    """
    order = ">" if big_endian else "<"
    offset, counted = ("Q", "Q") if big else ("L", "H")
    head = b"MM" if big_endian else b"II"
    head += struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HL", 42, 8)
    data = bytearray(head)

    def add(page: dict, last: bool) -> int:
        """Where the directory is; it comes after its pixels and the pages below it."""
        pixels = page["pixels"]
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        height, width, samples = pixels.shape
        place = len(data)
        data.extend(pixels.astype(pixels.dtype.newbyteorder(order)).tobytes())
        below = [add(each, True) for each in page.get("below", ())]
        kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
        tags = {
            256: width,
            257: height,
            258: [8 * pixels.dtype.itemsize] * samples,
            259: 1,
            262: 2 if samples > 2 else 1,
        }
        tags |= {273: place, 277: samples, 278: height, 279: pixels.nbytes, 339: [kind] * samples}
        tags |= ({330: below} if below else {}) | page.get("tags", {})
        entries, here = b"", len(data) + len(data) % 2
        data.extend(bytes(here - len(data)))
        after = (
            here + struct.calcsize(order + counted) + len(tags) * (20 if big else 12) + struct.calcsize(order + offset)
        )
        spill = b""
        for tag, value in sorted(tags.items()):
            values = value if isinstance(value, list) else [value]
            code, letter = (3, "H") if tag in (258, 339) else (16, "Q") if big else (4, "L")
            packed = struct.pack(f"{order}{len(values)}{letter}", *values)
            if len(packed) > struct.calcsize(order + offset):
                packed, spill = struct.pack(order + offset, after + len(spill)), spill + packed
            entries += struct.pack(order + "HH" + offset, tag, code, len(values)) + packed.ljust(8 if big else 4, b"\0")
        directory = struct.pack(order + counted, len(tags)) + entries
        follows = len(data) + len(directory)
        data.extend(directory + struct.pack(order + offset, 0) + spill)
        ends.append(follows)
        if last:
            ends.pop()
        return here

    ends: list[int] = []
    where = 8 if big else 4
    for page in pages:
        before = where
        place = add(page, False)
        where = ends.pop()
        struct.pack_into(order + offset, data, before, place)
    return bytes(data)
