#!/usr/bin/env bash
# A fused optimiser counts a step that it then refuses.
#
# torch.optim.AdamW(fused=True) leaves a step out if its attribute `found_inf` (what GradScaler sets, and what anyone
# who wants to skip steps without asking the device sets by hand) says 1. The flag must be float32: in double precision,
# where it is natural to make it with the gradients' own type, step() raises. One would expect a step that raised to
# have changed nothing. But the step counters of all parameters have already gone up by one, and stay there, while
# neither weights nor moments have moved: a caller that catches the error and goes on has a wrong bias correction for
# good. After the first step with the right flag the counters say 2, and the weights have moved by less than Adam's
# first step of exactly the learning rate.
#
# Seen with torch 2.13.0 on a CPU, Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import torch

weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
adam = torch.optim.AdamW([weight], lr=0.1, weight_decay=0.0, fused=True)
weight.grad = torch.ones_like(weight)

adam.found_inf = torch.zeros((), dtype=torch.float64)  # "all gradients are finite", in the gradients' type
try:
    adam.step()
    raise SystemExit("step() took a float64 flag: this has changed")
except RuntimeError as error:
    print("refused:", error)
state = adam.state[weight]
print("counter", state["step"].item(), "weights", weight.tolist(), "first moment", state["exp_avg"].tolist())
assert state["step"].item() == 1.0, "the refused step is no longer counted"
assert weight.tolist() == [1.0] * 3 and state["exp_avg"].abs().sum() == 0

adam.found_inf = torch.zeros((), dtype=torch.float32)
adam.step()
moved = 1 - weight[0].item()
print("first real step: counter", state["step"].item(), "moved by", moved, "instead of 0.1")
assert state["step"].item() == 2.0
assert moved < 0.08, "the bias correction is right after all"
PYTHON
echo "as described"
