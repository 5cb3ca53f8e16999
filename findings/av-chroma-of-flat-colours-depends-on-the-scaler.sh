#!/usr/bin/env bash
# A picture of one colour, turned into yuv420p without any change of size, gets chroma that is not of one value.
#
# There is nothing to interpolate in it: means of equal pixels are the pixels. Yet with PyAV's default (BILINEAR) and
# with BICUBIC many colours get a pattern of two neighbouring levels, and most pixels are not at the level nearest to
# the true value: up to 0.9 off where rounding makes 0.5, and on the whole too low. With AREA, and for yuv444p with
# any of them, all pixels have the nearest level. `interpolation` also takes a plain number, which goes to swscale as
# its flags: 4 | 0x40000 (BICUBIC with SWS_ACCURATE_RND) is exact as well.
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


def chroma(colour, format, interpolation):
    """The two planes of a picture of 64 x 64 pixels of one colour."""
    picture = numpy.empty((64, 64, 3), numpy.uint8)
    picture[:] = colour
    given = dict(dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG")
    if interpolation is not None:
        given["interpolation"] = interpolation
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=format, **given)
    return [numpy.asarray(plane).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes[1:]]


colours = numpy.random.default_rng(0).integers(0, 256, (400, 3))
for format, interpolation in (
    ("yuv420p", None), ("yuv420p", "BICUBIC"), ("yuv420p", "AREA"), ("yuv420p", ACCURATE), ("yuv444p", "BICUBIC"),
):
    off, patterned = [], 0
    for colour in colours:
        planes = chroma(colour, format, interpolation)
        patterned += any(plane.min() != plane.max() for plane in planes)
        off.append([float(numpy.median(plane)) for plane in planes] - exact(*map(float, colour)))
    off, patterned = numpy.array(off), patterned / len(colours)
    not_nearest = float((abs(off) > 0.52).any(1).mean())
    print(f"{format}, {interpolation or 'by default'}: {patterned:.0%} of colours patterned, {not_nearest:.0%} mostly not "
          f"at the nearest level, worst {abs(off).max():.2f}, mean {off.mean():+.2f}")
    if format == "yuv444p" or interpolation in ("AREA", ACCURATE):
        assert not_nearest == 0 and patterned == 0
    else:
        assert not_nearest > 0.15 and patterned > 0.3, "every pixel has the nearest level now"
PYTHON
echo "as described"
