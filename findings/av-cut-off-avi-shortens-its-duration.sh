#!/usr/bin/env bash
# Of an AVI file that is cut off, FFmpeg tells a shortened duration and the whole number of frames.
#
# Header and index of an AVI say how long it is. One would expect both figures to come from there, or both from what is
# left. But the duration is scaled by the share of the bytes that are there (half a file: half the time), silently, and
# `stream.frames` stays what the header says. So whoever compares what was decoded with the stated duration finds
# nothing missing, and decoding ends without an error; only the number of frames tells that something is.
#
# Seen with av 18.1.0 and numpy 2.x, on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 'numpy>=2,<3' 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import io

import av
import numpy

SECONDS, RATE = 10, 25
file, random = io.BytesIO(), numpy.random.default_rng(0)
with av.open(file, "w", format="avi") as output:
    stream = output.add_stream("mpeg4", rate=RATE)
    stream.width = stream.height = 128
    stream.pix_fmt = "yuv420p"
    for _ in range(SECONDS * RATE):
        noise = random.integers(0, 255, (128, 128, 3), dtype=numpy.uint8)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(noise)))
    output.mux(stream.encode())
whole = file.getvalue()
for share in (1.0, 0.5, 0.25):
    with av.open(io.BytesIO(whole[: int(share * len(whole))])) as video:
        stream = video.streams.video[0]
        stated, frames = float(stream.duration * stream.time_base), stream.frames
        decoded = sum(1 for _ in video.decode(video=0))  # to the end, without an error
    print(f"{share:.0%} of the bytes: {stated:.2f} s and {frames} frames are stated, {decoded} frames come")
    assert frames == SECONDS * RATE, "the number of frames is no longer the header's"
    assert abs(stated - share * SECONDS) < 0.1, "the duration is no longer scaled"
    assert share == 1 or decoded < frames
PYTHON
echo "as described"
