"""What Apply ZM-Net costs over the library call, and its memory: `python tests/comfyui/bench_nodes.py [SIDE …]`.

To be run by ComfyUI's interpreter (`$COMFYUI_PYTHON`) with `$COMFYUI_DIR` set: it uses ComfyUI's modules, on the CPU.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), os.environ["COMFYUI_DIR"]]
sides = [int(side) for side in sys.argv[1:]] or [256, 512, 1024]

import comfy.cli_args  # noqa: E402

comfy.cli_args.args.cpu = True

import torch  # noqa: E402

from zmnet_core.styling.paint import stylize_tensor  # noqa: E402
from zmnet_nodes._models import CarriedStyle, LoadedModel  # noqa: E402
from zmnet_nodes.apply import ApplyZMNet  # noqa: E402
from zmnet_nodes.encode import EncodeStyle  # noqa: E402
from zmnet_nodes.load import LoadZMNet  # noqa: E402


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak() -> float:
    """Most memory this process ever had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(side: int, model: LoadedModel, style: CarriedStyle) -> None:
    """Node and library in turn, so that a busy machine slows both; the fastest of each counts."""
    image, before = torch.rand(1, side, side, 3), peak()
    contents = image.movedim(-1, 1).contiguous()
    node, library = [], []
    for _ in range(9 if side <= 512 else 3 if side <= 1024 else 1):
        node.append(seconds(lambda: ApplyZMNet.execute(image, style)))
        line = f"{side} px: node {min(node) * 1e3:.0f} ms, peak memory {peak():.0f} MB (before: {before:.0f} MB)"
        if side <= 1024:
            library.append(seconds(lambda: stylize_tensor(model.net, contents, style.style)))
            line += f", library {min(library) * 1e3:.0f} ms, overhead {100 * (min(node) / min(library) - 1):+.1f} %"
    print(line, flush=True)


with torch.inference_mode():
    model = LoadZMNet.execute("zmnet-base").result[0]
    style = EncodeStyle.execute(model, torch.rand(1, 256, 256, 3)).result[0][0]
    for side in sides:
        measure(side, model, style)
