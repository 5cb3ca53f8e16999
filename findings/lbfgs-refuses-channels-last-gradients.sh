#!/usr/bin/env bash
# L-BFGS fails on a gradient whose memory is not in the parameter's order, and `backward()` hides it.
#
# `torch.optim.LBFGS` joins all gradients to one vector by `.view(-1)`, which a channels-last gradient refuses. With
# `loss.backward()` one never sees it: accumulating into `.grad` brings the gradient into the parameter's own order.
# With `torch.autograd.grad`, which many use for pixels or latents, the same loss, parameter and optimiser raise
# "view size is not compatible with input tensor's size and stride"; Adam takes that gradient without a word.
# What helps: `.contiguous()` on the gradient.
#
# Seen with torch 2.13.0, on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON' 2>/dev/null
import torch

convolution = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)


def step(optimiser, how):
    """One step on pixels; what the optimiser says of it."""
    torch.manual_seed(0)
    pixels = torch.rand(1, 3, 8, 8, requires_grad=True)
    made = optimiser([pixels])

    def closure():
        made.zero_grad()
        loss = convolution(pixels.contiguous(memory_format=torch.channels_last)).square().sum()
        if how == "backward":
            loss.backward()
        else:
            (gradient,) = torch.autograd.grad(loss, pixels)
            pixels.grad = gradient.contiguous() if how == "contiguous" else gradient
        return loss

    try:
        made.step(closure)
    except RuntimeError as error:
        return str(error).split(" (")[0]
    return "taken"


lbfgs, adam = torch.optim.LBFGS, torch.optim.Adam
said = {
    "LBFGS, backward()": step(lbfgs, "backward"),
    "LBFGS, autograd.grad": step(lbfgs, "grad"),
    "LBFGS, autograd.grad().contiguous()": step(lbfgs, "contiguous"),
    "Adam, autograd.grad": step(adam, "grad"),
}
for what, so in said.items():
    print(f"{what}: {so}")
refused = said.pop("LBFGS, autograd.grad")
assert "view size is not compatible" in refused, "L-BFGS takes such gradients now"
assert set(said.values()) == {"taken"}
PYTHON
echo "as described"
