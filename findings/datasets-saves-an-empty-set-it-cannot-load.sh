#!/usr/bin/env bash
# datasets: a set that is made without rows can be saved by save_to_disk, and load_from_disk then fails with IndexError.
#
# A set whose rows were all filtered out survives the way to the disk and back, so one would think that empty sets do. It
# keeps a table of zero rows, of which a shard is written. A set that is made empty (from_dict of empty lists, what a part of a
# pipeline gives that found nothing) is written as "0 shards", state and schema included, and no error; loading finds
# no file to start from, and answers with a bare "list index out of range".
#
# Seen with datasets 5.2.0 and pyarrow 26.0.1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q datasets==5.2.0 pyarrow==26.0.1 2>/dev/null
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" "$folder/venv/bin/python" - "$folder" <<'PYTHON' 2>/dev/null
import sys

import datasets

datasets.disable_progress_bars()
filtered = datasets.Dataset.from_dict({"a": [1, 2]}).filter(lambda row: False)
filtered.save_to_disk(f"{sys.argv[1]}/filtered")
back = datasets.load_from_disk(f"{sys.argv[1]}/filtered")
print("filtered to nothing:", back.num_rows, "rows,", back.column_names)
assert back.num_rows == 0 and back.column_names == ["a"]
datasets.Dataset.from_dict({"a": []}).save_to_disk(f"{sys.argv[1]}/empty")
try:
    back = datasets.load_from_disk(f"{sys.argv[1]}/empty")
except IndexError as error:
    print("made of nothing: IndexError:", error)
else:
    sys.exit(f"it loads now: {back}")
PYTHON
echo "as described"
