#!/usr/bin/env bash
# torch.linalg.vector_norm loses digits on large planes where sum() does not.
#
# On a CPU the 2-norm of a float32 plane is accumulated in few running float32 sums, without the pairwise scheme of
# torch.sum. Up to some millions of values the two agree to the last digits; at 8192 × 8192 values of about one size
# the running sums are so large that every new square is rounded to a coarse step, and the norm is off by a per mille
# (here too large; a variance made of it by twice that). The faster way to a standard deviation, vector_norm(x - mean) / sqrt(n), is
# thus wrong for large pictures only, and only in one piece: the same picture in tiles is right. numpy.linalg.norm and
# x.square().sum().sqrt() are right to 1e-6 on the same data.
#
# Seen with torch 2.13.0 and numpy 2.x on x86-64: two threads with AVX-512, one thread with AVX2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 'numpy>=2,<3' 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import numpy
import torch

errors = {}
for side in (1024, 4096, 8192):
    plane = 1 + 0.1 * torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    exact = plane.double().square().sum().sqrt().item()
    found = {
        "vector_norm": torch.linalg.vector_norm(plane, dim=(2, 3)).item(),
        "sum": plane.square().sum((2, 3)).sqrt().item(),
        "numpy": float(numpy.linalg.norm(plane.numpy().ravel())),
    }
    errors[side] = {name: abs(value / exact - 1) for name, value in found.items()}
    print(side, {name: f"{error:.1e}" for name, error in errors[side].items()})
assert errors[1024]["vector_norm"] < 1e-6
assert errors[8192]["vector_norm"] > 1e-4, "vector_norm is exact now"
assert errors[8192]["sum"] < 1e-6 and errors[8192]["numpy"] < 1e-5
PYTHON
echo "as described"
