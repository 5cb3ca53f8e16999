#!/usr/bin/env bash
# The first normal_() on torch's meta device, where nothing is computed, takes seconds: it imports sympy.
#
# Networks are made under torch.device("meta") in order to be made at once, without drawing weights that a checkpoint will
# replace. But random fills on meta tensors go through Python decompositions, whose import brings torch._dynamo's helpers
# and sympy: 1 to 3 s on two cores, more than drawing the weights of a small network would take. The second call takes
# less than a millisecond. A TorchFunctionMode that returns meta tensors untouched from such fills does not pay this.
#
# Seen with torch 2.13.0 on x86-64 (CPU wheel). The times vary; that sympy comes with the first call does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import time

import torch


def seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


weight = torch.empty(1000, 1000, device="meta")
real = torch.empty(1000, 1000)
assert "sympy" not in sys.modules
drawn = seconds(real.normal_)
assert "sympy" not in sys.modules
first, second = seconds(weight.normal_), seconds(weight.normal_)
print(f"real tensor {drawn:.4f} s, meta tensor at first {first:.2f} s, then {second:.5f} s")
assert "sympy" in sys.modules, "it needs no sympy any more"
assert first > 10 * second and first > drawn
PYTHON
echo "as described"
