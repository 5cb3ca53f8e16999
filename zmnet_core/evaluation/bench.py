"""`zmnet bench`: what a model costs, as ratios to the bare convolutions of the same shapes.

The floor of a network is the time of its convolutions alone, on ready-padded (and up-sampled) inputs,
one after the other, in the same process: what is above it is this library's doing.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..markdown import table
from ..model import ZMNet
from ..networks.drafts import draft_size
from ..networks.layers import UpsampleConv
from ..styling.regions import Regions
from ..styling.style import Style

SIDES = 256, 512, 1024

# What a process has (VmRSS) and has had at most (VmHWM), in bytes. Linux's ru_maxrss begins with what the parent had
# when it forked; elsewhere there is only that.
PEAK = """
import pathlib, resource, sys, torch
from zmnet_core.model import ZMNet
def memory(what):
    status = pathlib.Path("/proc/self/status")
    if status.is_file():
        return 1024 * int(status.read_text().partition(what)[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
model = ZMNet.from_pretrained(sys.argv[1])
style = model.encode_style(torch.rand(1, 3, 256, 256))
"""
_PEAK_OF_LARGE = (
    PEAK
    + """
from zmnet_core.styling.paint import stylize_tensor
stylize_tensor(model, torch.rand(1, 3, 4096, 4096), style)
print(memory("VmHWM:"))
"""
)
_GROWTH_OF_DRAFTED = (
    PEAK
    + """
side, draft = int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None
for small in (64, 600):  # what is kept from the first pictures on
    model.apply(torch.rand(1, 3, small, small), style, draft=draft)
before = memory("VmRSS:")
model.apply(torch.rand(1, 3, side, side), style, draft=draft)
print(memory("VmHWM:") - before)
"""
)

LABEL = 22  # characters of a table's first column


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
        padded = F.pad(x, [side // 2 for side in reversed(conv.kernel_size) for _ in (0, 1)])  # as all of these are
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
            runs.append(partial(model.apply, content, style))
    times = time_in_turn(runs, repeat, device, warm=True)
    rows = ([name, _ms(taken), _ratio(taken, times[0])] for name, taken in zip(models, times))
    yield ""
    yield from table([f"{side} × {side}", "ms", "ratio"], rows)


@torch.no_grad()
def drafts(model: ZMNet, name: str, style: Style, repeat: int, sides: Sequence[int]) -> Iterator[str]:
    """Large pictures drafted and revised, beside one pass of the same TNet: time, and on a CPU memory."""
    device = next(model.parameters()).device

    def rows() -> Iterator[list[str]]:
        for side in sides:
            content = torch.rand(1, 3, side, side, device=device)
            runs: list[Callable[[], object]] = [partial(model.apply, content, style, draft=each) for each in (None, 0)]
            taken, whole = time_in_turn(runs, repeat, device)
            row = [f"{side} × {side}", _ms(taken), _ms(whole), _ratio(taken, whole)]
            if device.type == "cpu":
                grown = [_printed(_GROWTH_OF_DRAFTED, name, str(side), *draft) / 2**20 for draft in ((), ("0",))]
                row += [f"{grown[0]:.0f}", f"{grown[1]:.0f}", f"{grown[0] / grown[1]:.2f}"]
            yield row

    yield ""
    head = ["drafted, revised", "ms", "one pass", "ratio", "MiB", "one pass", "ratio"]
    yield from table(head, rows(), (LABEL, 8, 8, 5, 8, 8, 5))


@torch.no_grad()
def regions(model: ZMNet, style: Style, repeat: int, sides: Sequence[int]) -> Iterator[str]:
    """Pictures with four styles, each in a quarter of them, beside one style."""
    device = next(model.parameters()).device
    styles = [model.encode_style(torch.rand(1, 3, 256, 256, device=device)) for _ in range(4)]
    quarters = torch.eye(4).view(4, 1, 2, 2).repeat_interleave(128, 2).repeat_interleave(128, 3)

    def rows() -> Iterator[list[str]]:
        for side in sides:
            content = torch.rand(1, 3, side, side, device=device)
            four = Regions(list(zip(styles, quarters))).to(device).at((side, side))
            runs: list[Callable[[], object]] = [partial(model.apply, content, each) for each in (four, style)]
            taken, one = time_in_turn(runs, repeat, device)
            yield [f"{side} × {side}", _ms(taken), _ms(one), _ratio(taken, one)]

    yield ""
    yield from table(["4 styles by region", "ms", "one style", "ratio"], rows(), (LABEL, 8, 9, 5))


@torch.no_grad()
def report(model: ZMNet, name: str, repeat: int, large: bool, sides: tuple[int, ...] = SIDES) -> Iterator[str]:
    """The lines of the table, as they are measured; `sides` of the pictures in px, `large` ones besides."""
    parameter = next(model.parameters())
    device = parameter.device
    yield f"{name}, {device}, {parameter.dtype}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    yield f"median of {repeat}; the ratio is the median of paired ratios"
    yield ""
    painting = torch.rand(1, 3, 256, 256, device=device)
    style = model.encode_style(painting)
    jobs: list[tuple[str, nn.Module, Callable[[], object]]] = []
    for side in sides:
        content = torch.rand(1, 3, side, side, device=device)
        jobs.append((f"apply {side} × {side}", model, partial(model.apply, content, style)))
    if model.pnet.signal == "image":
        jobs.append(("encode_style 256 × 256", model.pnet, lambda: model.encode_style(painting)))

    def rows() -> Iterator[list[str]]:
        for label, network, run in jobs:
            taken, floor = time_in_turn([run, bare_convolutions(network, run)], repeat, device)
            yield [label, _ms(taken), _ms(floor), _ratio(taken, floor)]
        command = [sys.executable, "-m", "zmnet_core.cli", "--help"]
        (starts,) = time_in_turn([lambda: subprocess.run(command, capture_output=True, check=True)], repeat, device)
        yield ["zmnet --help", _ms(starts)]

    yield from table(["", "ms", "floor ms", "ratio"], rows(), (LABEL, 8, 8, 5))
    if model.pnet.signal == "image":
        yield from regions(model, style, repeat, sides)
    if model.reviser is not None:
        drafted = [side for side in (*sides, *[2048] * large) if draft_size(model.reviser, side, side)]
        yield from drafts(model, name, style, repeat, drafted)
    if large and device.type == "cpu":
        yield ""
        yield f"peak memory of the process at 4096 × 4096: {_printed(_PEAK_OF_LARGE, name) / 2**30:.1f} GiB"


def _ms(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:.1f}"


def _ratio(times: list[float], others: list[float]) -> str:
    return f"{statistics.median(time / other for time, other in zip(times, others)):.2f}"


def _printed(script: str, *arguments: str) -> int:
    """The number that a Python script prints, run in a process of its own."""
    command = [sys.executable, "-c", script, *arguments]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
