#!/usr/bin/env bash
# A default written in the class body of an nn.Module hides the submodule that the constructor assigns to the name.
#
# The usual way to declare an optional part, `part: nn.Module | None = None` in the class body and `self.part =
# nn.Linear(...)` in __init__ where it is wanted, is right for plain objects. Of an nn.Module, assignment puts the submodule
# into _modules, which is asked by __getattr__ only, and that is not called where the class has an attribute of the name.
# So the submodule is a child, its weights stand in parameters() and state_dict(), are saved, loaded and given to
# optimisers, and yet `self.part` is None for ever: `if self.part is not None` never holds, and no error is raised
# anywhere. With parameters, buffers and add_module() the same is an error ("attribute 'weight' already exists"): only a plain
# assignment of a module is let through. An annotation without a value, or `self.part = None` in
# __init__ before the assignment, behaves as one expects; so does a plain object.
#
# Seen with torch 2.13.0 and numpy 2.x on Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PYTHON'
from __future__ import annotations

import torch
from torch import nn


class Base(nn.Module):
    part: nn.Module | None = None
    declared: nn.Module | None

    def __init__(self):
        super().__init__()
        self.declared = None
        self.late = None


class Full(Base):
    def __init__(self):
        super().__init__()
        self.part, self.declared, self.late = (nn.Linear(2, 2) for _ in range(3))

    def forward(self, x):
        for layer in (self.part, self.declared, self.late):
            x = x if layer is None else layer(x)
        return x


net = Full()
print("torch", torch.__version__, "part:", net.part, "declared:", net.declared)
assert net.part is None, "the class no longer hides it"
assert isinstance(net.declared, nn.Linear) and isinstance(net.late, nn.Linear)
assert {"part.weight", "part.bias"} <= net.state_dict().keys()
assert dict(net.named_children()).keys() == {"part", "declared", "late"}
net(torch.rand(1, 2)).sum().backward()
without = [name for name, parameter in net.named_parameters() if parameter.grad is None]
print("without a gradient:", without)
assert without == ["part.weight", "part.bias"]
for refused in (lambda: Base().add_module("part", nn.Linear(2, 2)), lambda: setattr(Base(), "part", nn.Parameter(torch.ones(1)))):
    try:
        refused()
    except KeyError as error:
        print("refused:", error)
    else:
        raise AssertionError("not refused")
PYTHON
for version in 2.13.0; do
    python3 -m venv "$folder/venv-$version"
    "$folder/venv-$version/bin/pip" install -q "torch==$version" 'numpy<3' 2>/dev/null
    "$folder/venv-$version/bin/python" "$folder/try.py"
done
echo "as described"
