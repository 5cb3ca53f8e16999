#!/usr/bin/env bash
# Asking a decoded frame for its side data makes the frame hold on to itself: memory grows by a frame at every look.
#
# `frame.side_data` (where the rotation of a telephone's clip is) makes a container that knows its frame, and the frame
# keeps the container: a cycle. So the frame and its picture, which belong to FFmpeg and which Python does not count,
# stay until the garbage collector comes round, and it comes by the number of Python objects. With it off, all of 200
# frames are still there after the loop; without the look one is. What helps is not to keep the container:
# `av.sidedata.sidedata.SideDataContainer(frame)`.
#
# Seen with av 18.1.0 and numpy 2.x, on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 'numpy>=2,<3' 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import gc
import io

import av
import numpy
from av.sidedata.sidedata import SideDataContainer

FRAMES = 200
file = io.BytesIO()
with av.open(file, "w", format="mp4") as output:
    stream = output.add_stream("libx264", rate=25)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    for shade in range(FRAMES):
        output.mux(stream.encode(av.VideoFrame.from_ndarray(numpy.full((64, 64, 3), shade, numpy.uint8))))
    output.mux(stream.encode())


def left(look):
    """How many frames are alive after all of them were looked at and let go of, one by one."""
    gc.collect()
    gc.disable()
    file.seek(0)
    with av.open(file) as video:
        for frame in video.decode(video=0):
            look(frame)
        alive = sum(isinstance(each, av.VideoFrame) for each in gc.get_objects())
    del frame
    gc.enable()
    return alive


nothing, own, other = left(lambda frame: None), left(lambda frame: frame.side_data), left(SideDataContainer)
print(f"of {FRAMES} frames alive: {nothing} without a look, {own} with frame.side_data, {other} by a container of one's own")
assert nothing <= 2 and other <= 2
assert own >= FRAMES, "frames are let go of now"
PYTHON
echo "as described"
