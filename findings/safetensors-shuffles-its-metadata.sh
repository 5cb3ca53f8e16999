#!/usr/bin/env bash
# Two safetensors files of the same tensors and the same metadata are not the same file.
#
# The library sorts the tensors, so that files with at most one entry of metadata come out the same byte for byte, and a
# checksum, a cache by content or an upload that leaves out what is there already works as one expects. From the second
# entry on ("format" is one, and nearly everyone writes it) their order in the header changes from call to call, within one
# process as well: n entries have up to n! files. Nothing that reads the file notices; loaded tensors and metadata are
# equal. The length is always the same, so that tools that compare size and hash see a changed file of unchanged size. What
# identifies a model has to be made of its tensors, not of its bytes; what has to be reproducible needs one entry, for
# instance a single JSON text.
#
# Seen with safetensors 0.8.0 and 0.5.3, numpy 2.x, on Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PYTHON'
import hashlib
import json

import numpy as np
import safetensors
from safetensors.numpy import load, save

tensors = {name: np.arange(6, dtype=np.float32).reshape(2, 3) for name in ("weight", "bias", "scale")}
entries = {"format": "np", "step": "400", "run": "a1", "name": "net", "licence": "MIT"}


def files(metadata):
    return [save(dict(reversed(tensors.items())) if turn % 2 else tensors, metadata) for turn in range(60)]


def hashes(found):
    return len({hashlib.sha256(each).hexdigest() for each in found})


print("safetensors", safetensors.__version__)
for count in range(len(entries) + 1):
    metadata = dict(list(entries.items())[:count]) or None
    found = files(metadata)
    print(f"{count} entries of metadata: {hashes(found)} different files of 60, {len({len(each) for each in found})} length")
    assert (hashes(found) == 1) == (count < 2), "the order is kept now, or lost with a single entry"
    assert len({len(each) for each in found}) == 1
    for each in found:
        header = json.loads(each[8 : 8 + int.from_bytes(each[:8], "little")])
        assert header.pop("__metadata__", None) == metadata and list(header) == sorted(tensors)
        assert all(np.array_equal(array, tensors[name]) for name, array in load(each).items())
joined = files({"all": json.dumps(entries, sort_keys=True)})
assert hashes(joined) == 1
print("all in one entry: 1 file")
PYTHON
for version in 0.5.3 0.8.0; do
    python3 -m venv "$folder/venv-$version"
    "$folder/venv-$version/bin/pip" install -q "safetensors==$version" 'numpy<3' 2>/dev/null
    "$folder/venv-$version/bin/python" "$folder/try.py"
done
echo "as described"
