#!/usr/bin/env bash
# Frames of an mp4 that are copied in front of newly encoded ones into one H.264 stream are gone, without an error.
#
# The natural way to go on with a video that was cut short: copy its packets, then encode the rest with the same
# settings into the same stream. In an mp4 packets have their lengths in front (as avcC says), while libx264's stream
# is made for start codes (Annex B). The muxer looks for start codes in all packets of the stream, finds none in the
# copied ones, and writes what no decoder can use. Nothing is raised while writing or reading: of ten frames five come
# back. So it is in mp4 and in Matroska. The bitstream filter h264_mp4toannexb in between makes it right.
#
# Seen with av 18.1.0 (its bundled FFmpeg and libx264) and numpy 2.x.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 'numpy>=2,<3' 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON' 2>/dev/null
import io

import av
import numpy
from av.bitstream import BitStreamFilterContext


def written(format, greys, before=None, as_start_codes=False):
    """A video of one grey a frame, with the packets of another in front."""
    file = io.BytesIO()
    with av.open(file, "w", format=format) as output:
        stream = output.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        if before is not None:
            before.seek(0)
            with av.open(before) as source:
                change = BitStreamFilterContext("h264_mp4toannexb", source.streams.video[0])
                for packet in source.demux(video=0):
                    if not packet.size:
                        continue
                    for each in change.filter(packet) if as_start_codes else [packet]:
                        each.stream = stream
                        output.mux(each)
        for place, grey in greys:
            frame = av.VideoFrame.from_ndarray(numpy.full((64, 64, 3), grey, numpy.uint8), format="rgb24")
            frame.pts = place
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file


def shown(file):
    file.seek(0)
    with av.open(file) as video:
        return [round(float(frame.to_ndarray(format="rgb24").mean())) for frame in video.decode(video=0)]


greys = [(place, 40 + 10 * place) for place in range(10)]
first = written("mp4", greys[:5])
print(f"the first five: {shown(first)}")
assert len(shown(first)) == 5
for format in ("mp4", "matroska"):
    copied, changed = (shown(written(format, greys[5:], first, way)) for way in (False, True))
    print(f"{format}: copied as they are {copied}, as start codes {changed}")
    assert len(copied) == 5 and min(copied) > 85, "the copied frames are there now"
    assert len(changed) == 10 and all(abs(own - grey) <= 3 for own, (_, grey) in zip(changed, greys))
PYTHON
echo "as described"
