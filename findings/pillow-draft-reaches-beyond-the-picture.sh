#!/usr/bin/env bash
# A JPEG that Pillow decodes smaller (Image.draft) shows a little more than the picture, so resizing it shifts everything.
#
# A decoder that scales by 1/8 gives ceil(width / 8) columns. If the width is no multiple of 8, the last column lies partly
# beyond the picture. draft() followed by resize(size), which looks like a faster resize(size), then squeezes too wide a
# picture into the size: edges at the far side are up to a pixel of the small copy off, with differences of some twenty of
# 255 levels in a smooth picture. For a multiple of 8 the two agree to a level. Image.thumbnail() calls draft() as well, and
# allows for it; a resize of one's own must pass box=(0, 0, width / 8, height / 8).
#
# Seen with Pillow 13.0.0 (its libjpeg-turbo) and numpy 2.x.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 'numpy>=2,<3' 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import io

import numpy
from PIL import Image

BOX, SMALL = Image.Resampling.BOX, (50, 40)
wave = numpy.sin(numpy.arange(801) / 40) * 0.5 + 0.5
picture = numpy.tile((wave * 255).astype(numpy.uint8), (600, 1))
worst = {}
for width in (800, 801):
    file = io.BytesIO()
    Image.fromarray(picture[:, :width]).save(file, "JPEG", quality=100)

    def opened(reduced: bool) -> Image.Image:
        file.seek(0)
        image = Image.open(file)
        if reduced:
            image.draft("L", (width // 8, 75))
        image.load()
        return image

    exact = numpy.asarray(opened(False).resize(SMALL, BOX), float)
    small = opened(True)
    naive = numpy.asarray(small.resize(SMALL, BOX), float)
    boxed = numpy.asarray(small.resize(SMALL, BOX, box=(0, 0, width / 8, 75)), float)
    worst[width] = [float(abs(each - exact).max()) for each in (naive, boxed)]
    print(f"{width} px: decoded as {small.size}, resized {worst[width][0]:.0f} levels off, with box {worst[width][1]:.0f}")
assert max(worst[800]) <= 2
assert worst[801][0] >= 15, "draft and resize agree now"
assert worst[801][1] <= 5
PYTHON
echo "as described"
