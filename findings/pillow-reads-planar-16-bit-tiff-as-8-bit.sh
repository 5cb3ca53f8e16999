#!/usr/bin/env bash
# Pillow decodes an uncompressed TIFF of 16-bit RGB in separate planes as if each sample had 8 bits: noise, without a word.
#
# Interleaved 16-bit RGB is reduced to the upper 8 bits of each sample. Of planes one byte a sample is read: the picture has
# the right size and mode RGB, and low bytes stand beside high ones. Scanners and scientific programs write such files
# (PlanarConfiguration 2, Compression 1).
#
# Seen with Pillow 13.0.0 and numpy 2.x, little-endian TIFF.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 'numpy>=2,<3' 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct

import numpy
from PIL import Image


def tiff(samples: numpy.ndarray, planar: bool) -> io.BytesIO:
    """Uncompressed 16-bit RGB [H, W, 3]."""
    height, width, _ = samples.shape
    strips = [samples[..., c] for c in range(3)] if planar else [samples]
    data = [strip.astype("<u2").tobytes() for strip in strips]
    count, head = len(data), 8 + 2 + 12 * 10 + 4
    bits, places, sizes = head, head + 6, head + 6 + 4 * count
    start = sizes + 4 * count
    offsets = [start + sum(map(len, data[:index])) for index in range(count)]
    lengths = [len(each) for each in data]
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, count, places if count > 1 else offsets[0]), (277, 3, 1, 3), (278, 4, 1, height),
        (279, 4, count, sizes if count > 1 else lengths[0]), (284, 3, 1, 2 if planar else 1),
    ]  # fmt: skip
    file = b"II*\0" + struct.pack("<LH", 8, len(entries))
    for tag, kind, number, value in entries:
        file += struct.pack("<HHL", tag, kind, number)
        file += struct.pack("<HH", value, 0) if kind == 3 and number == 1 else struct.pack("<L", value)
    file += bytes(4) + struct.pack("<3H", 16, 16, 16) + struct.pack(f"<{count}L", *offsets)
    return io.BytesIO(file + struct.pack(f"<{count}L", *lengths) + b"".join(data))


ramp = numpy.linspace(0, 65535, 64).round().astype(numpy.uint16)
samples = numpy.repeat(numpy.repeat(ramp[None, :, None], 48, 0), 3, 2)
off = {}
for planar in (False, True):
    image = Image.open(tiff(samples, planar))
    assert (image.mode, image.size) == ("RGB", (64, 48))
    off[planar] = int(abs(numpy.asarray(image).astype(int) - (samples >> 8)).max())
    print(f"{'planes' if planar else 'interleaved'}: up to {off[planar]} of 255 levels off")
assert off[False] <= 1
assert off[True] > 100, "planes are read right now"
PYTHON
echo "as described"
