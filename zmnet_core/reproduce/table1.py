"""Table 1: how long a style takes, a new one and a known one, beside optimisation and a network of its own."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from ..assets import DEMO_PICTURES
from ..evaluation.baselines.ost import OST, OSTConfig
from ..evaluation.judge import Judge
from ..evaluation.methods import load_square
from ..files import replacing
from ..images.picture import to_pil
from ..images.sheet import contact_sheet
from ..markdown import table
from ..model import ZMNet
from ..networks.vgg import load_vgg16
from ..training.contest import FST_, Data, Entrant, config_of
from ..training.experiments import PAPER, SMALL, BudgetOption, Run, budget_of, going_on, number, paragraph

PHOTOGRAPH, PAINTING = (DEMO_PICTURES / name for name in ("contents/colosseum.jpg", "styles/irises-van-gogh.jpg"))
NEW, KNOWN, OPTIMISED, NETWORK = "a new style", "a known style", "OST, L-BFGS", "FST, training"
PAPERS = {NEW: 0.038, KNOWN: 0.015, OPTIMISED: 15.86}  # seconds, on the paper's GPU
CELL = 192  # px


@dataclass(frozen=True)
class Budget:
    """How much is timed: the median of `repeat` calls, `ost` steps of OST, `fst` steps of a training of `network`."""

    repeat: int
    ost: int
    fst: int
    network: int
    size: int
    batch: int


BUDGETS = {SMALL: Budget(5, 60, 4, 40_000, 256, 4), PAPER: Budget(100, 500, 100, 40_000, 256, 4)}


def table1(
    output_dir: Annotated[Path, typer.Option(help="the folder that gets table1.json, table1.md and table1.jpg")],
    budget: Annotated[str, BudgetOption] = SMALL,
    model: Annotated[str, typer.Option(help="the model: a bundled name, a folder or a Hub id")] = "zmnet-base",
    steps: Annotated[int | None, typer.Option(help="how many steps OST is given; else the budget's")] = None,
    size: Annotated[int | None, typer.Option(help="the side of the pictures in pixels; else the budget's")] = None,
    repeat: Annotated[int | None, typer.Option(help="how often the short calls are timed; else the budget's")] = None,
) -> None:
    """Time a new style, a known one, OST and the training of a network for one style, on the CPU and, if there is one,
    on a GPU (Table 1)."""
    what = budget_of(BUDGETS, budget, ost=steps, size=size, repeat=repeat)
    if what.size < 64:
        raise typer.BadParameter(f"{what.size} px is too small: 64 at least", param_hint="--size")
    network, vgg = ZMNet.from_pretrained(model), load_vgg16()
    run = Run(output_dir, "table1", asdict(what) | {"model": model})
    content, painting = (load_square(file, what.size) for file in (PHOTOGRAPH, PAINTING))
    judge, kept = Judge(vgg), output_dir / "pictures"
    pair = judge.pair(content, painting)
    zm_net = network.apply(content, network.encode_style(painting))
    bar = judge(zm_net, pair).total
    results: dict[str, Any] = {}
    with going_on(output_dir):
        for name in ["cpu", *["cuda"] * torch.cuda.is_available()]:
            device = torch.device(name)
            seen = content.to(device), painting.to(device)
            times = run.part(f"{name}-zmnet", partial(_zm_net, network.to(device), *seen, what.repeat, device))
            found = run.part(f"{name}-ost", partial(_ost, vgg.to(device), *seen, what.ost, bar, kept, device))
            times |= {OPTIMISED: found["seconds"]}
            results[name] = {"seconds": times, "ost": found}
        trained_on = "cuda" if torch.cuda.is_available() else "cpu"  # where accelerate trains
        data = Data(DEMO_PICTURES / "contents", DEMO_PICTURES / "contents", [PAINTING], [], [])
        config = config_of(data, what.size, what.size, 1, what.batch, 1, 32, "conv", 0, 0)

        def fst() -> float:
            def until(steps: int) -> float:
                place = output_dir / f"fst-{steps}-steps"
                options = replace(config, max_train_steps=steps, checkpointing_steps=steps)
                start = _clock(torch.device(trained_on))
                Entrant(FST_, [PAINTING]).trained(options, place)
                return _clock(torch.device(trained_on)) - start

            return (until(1 + what.fst) - until(1)) / what.fst

        results[trained_on]["fst step"] = run.part(f"{trained_on}-fst", fst)
        results[trained_on]["seconds"][NETWORK] = what.network * results[trained_on]["fst step"]
    optimised = load_square(kept / "ost.png", what.size)
    titles = ["photograph", "painting", f"{model}", f"OST, {what.ost} steps"]
    run.picture(contact_sheet([[content, painting, zm_net, optimised]], CELL, [titles]))
    scores = {"photograph": judge(content, pair).total, model: bar, "OST": judge(optimised, pair).total}
    run.page(page(what, model, results, scores), results | {"total": scores})


def _clock(device: torch.device) -> float:
    """Seconds: on a CPU those of all threads of this process, which other work on the machine changes little."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def _timed(call: Callable[[], object], repeat: int, device: torch.device) -> float:
    call()
    times = []
    for _ in range(repeat):
        start = _clock(device)
        call()
        times.append(_clock(device) - start)
    return statistics.median(times)


def _zm_net(
    network: ZMNet, content: torch.Tensor, painting: torch.Tensor, repeat: int, device: torch.device
) -> dict[str, float]:
    style = network.encode_style(painting)
    return {
        NEW: _timed(lambda: network.apply(content, network.encode_style(painting)), repeat, device),
        KNOWN: _timed(lambda: network.apply(content, style), repeat, device),
    }


def _ost(
    vgg: Any, content: torch.Tensor, painting: torch.Tensor, steps: int, bar: float, kept: Path, device: torch.device
) -> dict[str, Any]:
    """Seconds for all steps, and until the loss was below `bar`; Adam beside L-BFGS on the CPU or GPU alike."""
    found: dict[str, Any] = {}
    for optimiser in ("adam", "lbfgs"):
        OST(vgg, OSTConfig(steps=1, optimiser=optimiser))(content, painting)  # the first step is slower than others
        seen: list[tuple[float, float]] = []
        start = _clock(device)

        def report(loss: float, seen: list[tuple[float, float]] = seen, start: float = start) -> None:
            seen.append((loss, _clock(device) - start))

        picture = OST(vgg, OSTConfig(steps=steps, optimiser=optimiser), report)(content, painting)
        good = [at for at, (loss, _) in enumerate(seen) if loss <= bar]
        found[optimiser] = {
            "seconds": _clock(device) - start, "least": min(loss for loss, _ in seen),
            "as good": {"steps": good[0] + 1, "seconds": seen[good[0]][1]} if good else None,
        }  # fmt: skip
    with replacing(kept / "ost.png") as temporary:
        to_pil(picture[0]).save(temporary)
    return {"seconds": found["lbfgs"]["seconds"], **found}


def page(what: Budget, model: str, results: dict[str, Any], scores: dict[str, float]) -> list[str]:
    """The page of the results."""
    names = [NEW, KNOWN, OPTIMISED, NETWORK]
    head = ["", *(f"{_called(device)}, s" for device in results)]
    head += ["× a new style", "paper (GPU), s", "× a new style"]
    main = list(results)[-1]
    rows = []
    for name in names:
        own, base = results[main]["seconds"].get(name), results[main]["seconds"][NEW]
        papers = PAPERS.get(name)
        cells = [number(results[device]["seconds"].get(name), 3) for device in results]
        rows.append([
            name, *cells, number(own / base if own else None, 2), number(papers, 3),
            number(papers / PAPERS[NEW] if papers else None, 2),
        ])  # fmt: skip
    lines = [
        "# Times (Table 1)",
        "",
        *paragraph(
            f"{model}, one photograph and one painting of {what.size} px. On a CPU these are seconds of all its cores",
            "together, which other work on the machine changes little: two cores take half as long by the clock.",
        ),
        *table(head, rows),
        "",
        *paragraph(
            f"A new style is read and applied, a known one applied. OST is given {what.ost} steps, the training of one",
            f"network (FST, batches of {what.batch}) {what.network:,} steps, of which {what.fst} were timed.",
        ),
    ]
    for device, each in results.items():
        parts = [_reached(title, each["ost"][key], model) for key, title in (("lbfgs", "L-BFGS"), ("adam", "Adam"))]
        lines += paragraph(f"OST on the {_called(device)}: {'; '.join(parts)}.")
    seconds = results[main]["seconds"]
    slower = seconds[OPTIMISED] / seconds[NEW]
    same = seconds[OPTIMISED] > seconds[NEW] > seconds[KNOWN]
    totals = ", ".join(f"{name} {number(each)}" for name, each in scores.items())
    return [
        *lines,
        *paragraph(f"Total error (content + 5 · style): {totals}."),
        f"![The Colosseum after van Gogh's Irises by {model}, and by optimisation](table1.jpg)",
        "",
        "*The Colosseum and van Gogh's Irises, both CC0 1.0.*",
        "",
        *paragraph(
            "**The paper:** a new style in 0.038 s, a known one in 0.015 s, OST in 15.86 s: 417 times a new style.",
        ),
        *paragraph(
            f"**Here:** OST with {what.ost} steps takes {number(slower, 0)} times as long as a new style, which takes",
            f"{number(seconds[NEW] / seconds[KNOWN])} times as long as a known one (2.53 in the",
            f"paper). The order is {'the same' if same else 'another'}; the seconds are another machine's.",
        ),
    ]


def _called(device: str) -> str:
    return {"cpu": "CPU", "cuda": "GPU"}[device]


def _reached(optimiser: str, found: dict[str, Any], model: str) -> str:
    good = found["as good"]
    after = f"after {good['steps']} steps, {number(good['seconds'])} s" if good else "never"
    return f"{optimiser} ends at {number(found['least'])} and is as good as {model} {after}"
