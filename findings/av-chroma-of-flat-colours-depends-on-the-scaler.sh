#!/usr/bin/env bash
# A picture of one colour, turned into yuv420p without any change of size, gets other chroma by another "interpolation".
#
# There is nothing to interpolate in it: means of equal pixels are the pixels. Yet with PyAV's default (BILINEAR) and
# with BICUBIC some 8 % of colours get a chroma that is not the nearest level, up to 0.8 off where rounding makes 0.5,
# and on the whole too low; with AREA and POINT, and for yuv444p with any of them, every value is the nearest. Shown
# again as RGB such a colour is 3 levels off in blue. `interpolation` also takes a plain number, which goes to swscale
# as its flags: 4 | 0x40000 (BICUBIC and SWS_ACCURATE_RND) is exact as well.
#
# Seen with av 18.1.0 (its bundled FFmpeg) and numpy 2.x.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 'numpy>=2,<3' 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import av
import numpy

KR, KB = 0.2126, 0.0722  # BT.709
ACCURATE = 4 | 0x40000


def exact(red, green, blue):
    light = KR * red + (1 - KR - KB) * green + KB * blue
    return 128 + 224 / 255 * numpy.array([(blue - light) / (2 - 2 * KB), (red - light) / (2 - 2 * KR)])


def found(colour, format, interpolation):
    picture = numpy.empty((64, 64, 3), numpy.uint8)
    picture[:] = colour
    given = dict(dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG")
    if interpolation is not None:
        given["interpolation"] = interpolation
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=format, **given)
    planes = [numpy.asarray(plane).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes[1:]]
    assert all(plane.min() == plane.max() for plane in planes)
    return numpy.array([float(plane[0, 0]) for plane in planes])


colours = numpy.random.default_rng(0).integers(0, 256, (400, 3))
for format, interpolation in (
    ("yuv420p", None), ("yuv420p", "BICUBIC"), ("yuv420p", "AREA"), ("yuv420p", ACCURATE), ("yuv444p", "BICUBIC"),
):
    off = numpy.array([found(colour, format, interpolation) - exact(*map(float, colour)) for colour in colours])
    not_nearest = float((abs(off) > 0.52).any(1).mean())
    print(f"{format}, {interpolation or 'by default'}: worst {abs(off).max():.2f}, mean {off.mean():+.2f}, "
          f"{not_nearest:.0%} of colours not the nearest level")
    exact_here = format == "yuv444p" or interpolation in ("AREA", ACCURATE)
    assert not_nearest == 0 if exact_here else not_nearest > 0.05
PYTHON
echo "as described"
