"""`zmnet bench`: what a model costs, as ratios to the bare convolutions of the same shapes.

The floor of a network is the time of its convolutions alone, on ready-padded (and up-sampled) inputs,
one after the other, in the same process: what is above it is this library's doing.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import UpsampleConv
from .model import ZMNet

_PEAK_MEMORY = """
import resource, sys, torch
from zmnet_core.model import ZMNet
from zmnet_core.stylize import stylize_tensor
model = ZMNet.from_pretrained(sys.argv[1])
style = model.encode_style(torch.rand(1, 3, 256, 256))
stylize_tensor(model, torch.rand(1, 3, 4096, 4096), style)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def time_in_turn(
    runs: list[Callable[[], object]], repeat: int, device: torch.device, warm: bool = False
) -> list[list[float]]:
    """Wall times of several calls made in turn (A B A B …), after one round that warms up.

    In turn, because a machine's speed drifts: what is compared is then measured side by side. `warm` makes an untimed
    call before each timed one, as in a row of pictures: caches, memory and threads are then its own.
    """
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(repeat + 1):
        for kept, run in zip(times, runs):
            if warm:
                run()
            start = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            kept.append(time.perf_counter() - start)
    return [kept[1:] for kept in times]


@torch.no_grad()
def bare_convolutions(network: nn.Module, run: Callable[[], object]) -> Callable[[], None]:
    """The convolutions that `run` makes in `network`, alone, on inputs that are padded already."""
    calls: list[tuple[Tensor, nn.Conv2d]] = []

    def note(conv: nn.Conv2d, inputs: tuple[Tensor]) -> None:
        x = F.interpolate(inputs[0], scale_factor=2) if isinstance(conv, UpsampleConv) else inputs[0]
        padded = F.pad(x, [p for p in reversed(conv.padding) for _ in (0, 1)])
        calls.append((torch.rand_like(padded), conv))

    hooks = [m.register_forward_pre_hook(note) for m in network.modules() if isinstance(m, nn.Conv2d)]
    run()
    for hook in hooks:
        hook.remove()

    @torch.no_grad()
    def convolve() -> None:
        for x, conv in calls:
            F.conv2d(x, conv.weight, conv.bias, conv.stride, groups=conv.groups)

    return convolve


@torch.no_grad()
def race(models: dict[str, ZMNet | None], repeat: int, side: int = 384) -> Iterator[str]:
    """The transform networks of several models in turn, on one picture: `apply` alone, the style is there already.

    384 px is the size at which Magenta's package (None) works; it runs on the CPU.
    """
    first = next(model for model in models.values() if model)
    device = next(first.parameters()).device
    content, painting = (torch.rand(1, 3, size, size, device=device) for size in (side, 256))
    runs: list[Callable[[], object]] = []
    for model in models.values():
        if model is None:
            from .baselines.magenta import Magenta

            magenta = Magenta(native=True, exact=False)
            runs.append(magenta.transform(content, magenta.encode(painting)))
        else:
            style = model.encode_style(painting)
            runs.append(lambda model=model, style=style: model.apply(content, style))
    times = time_in_turn(runs, repeat, device, warm=True)
    yield f"{f'{side} × {side}':22}{'ms':>9}{'ratio':>17}"
    for name, taken in zip(models, times):
        ratio = statistics.median(t / f for t, f in zip(taken, times[0]))
        yield f"{name:22}{statistics.median(taken) * 1000:9.1f}{ratio:17.2f}"


@torch.no_grad()
def report(model: ZMNet, name: str, repeat: int, large: bool) -> Iterator[str]:
    """The lines of the table, as they are measured."""
    parameter = next(model.parameters())
    device = parameter.device
    yield f"{name}, {device}, {parameter.dtype}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    yield f"median of {repeat}; the ratio is the median of paired ratios"
    yield f"{'':22}{'ms':>9}{'floor ms':>10}{'ratio':>7}"
    painting = torch.rand(1, 3, 256, 256, device=device)
    style = model.encode_style(painting)
    jobs: list[tuple[str, nn.Module, Callable[[], object]]] = []
    for side in (256, 512, 1024):
        content = torch.rand(1, 3, side, side, device=device)
        jobs.append((f"apply {side} × {side}", model.tnet, lambda content=content: model.apply(content, style)))
    if model.pnet.signal == "image":
        jobs.append(("encode_style 256 × 256", model.pnet, lambda: model.encode_style(painting)))
    for label, network, run in jobs:
        taken, floor = time_in_turn([run, bare_convolutions(network, run)], repeat, device)
        ratio = statistics.median(t / f for t, f in zip(taken, floor))
        yield f"{label:22}{statistics.median(taken) * 1000:9.1f}{statistics.median(floor) * 1000:10.1f}{ratio:7.2f}"
    command = [sys.executable, "-m", "zmnet_core.cli", "--help"]
    (starts,) = time_in_turn([lambda: subprocess.run(command, capture_output=True, check=True)], repeat, device)
    yield f"{'zmnet --help':22}{statistics.median(starts) * 1000:9.1f}"
    if large and device.type == "cpu":
        run = subprocess.run([sys.executable, "-c", _PEAK_MEMORY, name], capture_output=True, text=True, check=True)
        yield f"peak memory of the process at 4096 × 4096: {int(run.stdout) / 2**30:.1f} GiB"
