#!/usr/bin/env bash
# datasets: a column of lists of numbers casts to Image() without a word, and every row comes out as a tiny TIFF picture.
#
# cast_column(name, Image()) is how one makes sure that a column holds pictures: strings and bytes that are none fail when a
# row is read. Lists of floats (an embedding, a box) do not: they are taken for pixels, encoded as a float TIFF of one pixel's
# width, and decoded to a PIL picture of mode F. A pipeline that is pointed at the wrong column thus trains on it.
#
# Seen with datasets 5.2.0, pyarrow 26.0.1 and Pillow 13.0.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q datasets==5.2.0 pyarrow==26.0.1 pillow==13.0.0 2>/dev/null
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" "$folder/venv/bin/python" - <<'PYTHON' 2>/dev/null
import datasets

rows = datasets.Dataset.from_dict({"embedding": [[0.25, 0.5, 0.75], [1.5, -2.0, 3.0]]})
picture = rows.cast_column("embedding", datasets.Image())[0]["embedding"]
print(picture.format, picture.mode, picture.size, list(picture.getdata()))
assert (picture.format, picture.mode, picture.size) == ("TIFF", "F", (1, 3)), "another picture now"
assert list(picture.getdata()) == [0.25, 0.5, 0.75]
PYTHON
echo "as described"
