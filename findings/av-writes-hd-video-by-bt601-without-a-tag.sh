#!/usr/bin/env bash
# PyAV turns RGB frames into yuv420p by BT.601, whatever their size, and the file says nothing of it.
#
# For 720p and more, players take an untagged file for BT.709, by which this red is 255, 24, 0. Reading the file back by
# PyAV hides it, since the way back is BT.601 as well: the round trip is right to 2 levels. The luma of red tells: 81 is
# BT.601 (limited range), 63 would be BT.709.
#
# Seen with av 18.1.0 (its bundled FFmpeg and libx264) and numpy 2.x at 480p, 720p and 1080p.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 'numpy>=2,<3' 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import io

import av
import numpy

UNSPECIFIED = 2
for height, width in ((480, 640), (720, 1280), (1080, 1920)):
    red = numpy.zeros((height, width, 3), numpy.uint8)
    red[..., 0] = 255
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in (av.VideoFrame.from_ndarray(red, format="rgb24"), None):
            output.mux(stream.encode(frame))
    file.seek(0)
    with av.open(file) as video:
        frame = next(video.decode(video=0))
    luma = int(numpy.asarray(frame.planes[0])[0])
    back = frame.to_ndarray(format="rgb24")[height // 2, width // 2].tolist()
    print(f"{height}p: luma of red {luma}, matrix tag {int(frame.colorspace)}, read back {back}")
    assert abs(luma - 81) <= 1, "no longer BT.601"
    assert int(frame.colorspace) == UNSPECIFIED, "it is tagged now"
    assert max(abs(a - b) for a, b in zip(back, (255, 0, 0))) <= 3
PYTHON
echo "as described"
