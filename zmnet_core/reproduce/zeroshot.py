"""Fig. 6: styles that were never trained, after training on one style, on ten, on a hundred and on all."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..assets import data_folder
from ..evaluation.judge import Judge
from ..images.sheet import contact_sheet
from ..markdown import table
from ..networks.vgg import load_vgg16
from ..training.contest import CONCATENATION, FST_, ZM_NET, Data, Entrant, Test, by_the_paper, config_of, drawn
from ..training.experiments import PAPER, SMALL, BudgetOption, Run, budget_of, going_on, number, paragraph

ERRORS = ("content", "style", "total")
CELL = 128  # px


@dataclass(frozen=True)
class Budget:
    """How much is trained: on 1, 10, 100 and `many` styles, `steps` steps each; and `networks` of one painting each."""

    many: int
    steps: int
    networks: int
    batch: int
    styles: int  # a step
    width: int
    pnet: str
    pnet_width: int
    size: int
    style_size: int
    pairs: int
    test_size: int


BUDGETS = {
    SMALL: Budget(1000, 160, 1, 4, 4, 16, "vgg", 128, 64, 128, 20, 128),
    PAPER: Budget(20_938, 160_000, 4, 4, 1, 32, "conv", 0, 256, 256, 100, 256),
}


def zeroshot(
    output_dir: Annotated[
        Path, typer.Option(help="the folder that gets zeroshot.json, zeroshot.md, zeroshot.jpg and the models")
    ],
    budget: Annotated[str, BudgetOption] = SMALL,
    data: Annotated[
        Path | None,
        typer.Option(help="a folder with content/train, content/val, styles/train, styles/val; else $ZMNET_DATA/data"),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="how many steps each is trained for; else the budget's")] = None,
    many: Annotated[int | None, typer.Option(help="how many styles are all; else the budget's")] = None,
    networks: Annotated[int | None, typer.Option(help="how many paintings get a network of their own")] = None,
    width: Annotated[int | None, typer.Option(help="the width of the TNet; else the budget's")] = None,
    pairs: Annotated[int | None, typer.Option(help="how many pairs the test has; else the budget's")] = None,
    seed: Annotated[int, typer.Option(help="the seed of all runs")] = 0,
) -> None:
    """Train on 1, 10, 100 and all styles, and try unseen ones; beside it concatenation, and networks of one style."""
    what = budget_of(BUDGETS, budget, steps=steps, many=many, networks=networks, width=width, pairs=pairs)
    folder = data_folder(data, "content/train", "content/val", "styles/train", "styles/val")
    found = Data.of(folder)
    paintings = drawn(found.paintings, what.many, seed, "paintings (styles/train)")
    contents = drawn(found.test_contents, what.pairs, seed, "photographs (content/val)")
    unseen = drawn(
        found.test_paintings, max(what.networks, min(what.pairs, len(found.test_paintings))), seed, "paintings"
    )

    def config(styles: int) -> Any:
        own = config_of(
            found, what.size, what.style_size, what.steps, what.batch, min(what.styles, styles), what.width, what.pnet,
            what.pnet_width, seed,
        )  # fmt: skip
        return by_the_paper(own) if budget == PAPER else own

    counts = [count for count in (1, 10, 100) if count < what.many] + [what.many]
    entrants = [Entrant(ZM_NET, paintings[:count]) for count in counts] + [Entrant(CONCATENATION, paintings)]
    test = Test(Judge(load_vgg16()), contents, what.test_size, what.style_size)
    run = Run(output_dir, "zeroshot", asdict(what) | {"seed": seed, "data": str(folder.resolve())})
    models, results, fst = {}, {}, {}
    with going_on(output_dir):
        for entrant in entrants:
            options = config(len(entrant.paintings))
            models[entrant.name] = model = entrant.trained(options, output_dir / entrant.place)

            def scored(entrant: Entrant = entrant, model: Any = model) -> dict[str, Any]:
                def painted(index: int, file: Path) -> Any:
                    return test.picture(entrant, model, index, file)

                first = unseen[: what.networks]
                parts = {"seen": entrant.paintings[: what.pairs], "unseen": unseen, "beside FST": first}
                return {part: test.scores(painted, paintings) for part, paintings in parts.items()}

            results[entrant.name] = run.part(entrant.place, scored)
        own = [Entrant(FST_, [painting]) for painting in unseen[: what.networks]]
        for number_, entrant in enumerate(own):
            fst[entrant.paintings[0]] = (entrant, entrant.trained(config(1), output_dir / f"fst-{number_ + 1}"))

        def painted_by_own(index: int, file: Path) -> Any:
            entrant, model = fst[file]
            return test.picture(entrant, model, index, file)

        results[FST_] = run.part("fst", lambda: {"beside FST": test.scores(painted_by_own, list(fst))})
        rows = []
        for index, painting in enumerate(fst):
            pair = test.pair(index, painting)
            painted = [test.picture(each, models[each.name], index, painting) for each in entrants]
            rows.append([pair.content, pair.painting, *painted, painted_by_own(index, painting)])
    titles = ["photograph", "painting", *(entrant.name for entrant in entrants), FST_]
    run.picture(contact_sheet(rows, CELL, [titles]))
    run.page(page(what, counts, results), results)


def page(what: Budget, counts: list[int], results: dict[str, Any]) -> list[str]:
    """The page of the results."""

    def median(name: str, part: str, error: str = "total") -> float:
        return results[name][part][error]["median"]

    def row(name: str) -> list[str]:
        gap = [number(median(name, "unseen") - median(name, "seen"))]
        return [name, *(number(median(name, part, error)) for part in ("seen", "unseen") for error in ERRORS), *gap]

    named = [name for name in results if name != FST_]
    zm = [f"{ZM_NET} {count}" for count in counts]
    joined = f"{CONCATENATION} {what.many}"
    totals = [median(name, "unseen") for name in zm]
    gaps = [median(name, "unseen") - median(name, "seen") for name in zm]
    more = totals[-1] < totals[0] and gaps[-1] < gaps[0]
    falls = all(after <= before for before, after in zip(totals, totals[1:]))
    said = "yes, at every step" if falls else "yes, from end to end" if more else "no"
    better, own = median(joined, "unseen"), (median(FST_, "beside FST"), median(zm[-1], "beside FST"))
    parts = [f"{error}, {part}" for part in ("seen", "unseen") for error in ERRORS]
    beside = [[name, *(number(median(name, "beside FST", error)) for error in ERRORS)] for name in results]
    return [
        "# Styles that were never trained (Fig. 6)",
        "",
        *paragraph(
            f"ZM-Net trained on {', '.join(map(str, counts))} paintings, and a network that is told of the style by",
            f"concatenation, on {what.many}; {what.steps} steps of {what.batch} photographs and at most {what.styles}",
            f"painting(s) each: TNet of width {what.width}, {what.size} px, the same loop, photographs, loss and rate.",
        ),
        *paragraph(
            f"Errors on {what.pairs} unseen photographs after paintings of the training (seen) and of another split",
            f"(unseen), medians, {what.test_size} px. The gap is total unseen less total seen; the two are of other",
            "paintings, so that a small one means nothing.",
        ),
        *table(["", *parts, "gap"], map(row, named)),
        "",
        *paragraph(f"{what.networks} of the unseen paintings got networks of their own (FST), with as many steps:"),
        *table(["", *ERRORS], beside),
        "",
        "![Photographs after paintings that were not trained, by each network](zeroshot.jpg)",
        "",
        *paragraph(
            "**The paper:** trained on ten styles ZM-Net fails on unseen ones; trained on 20,938 it is nearly as good",
            "as FST trained on the very style; concatenation is worse.",
        ),
        *paragraph(
            f"**Here:** More styles make unseen ones better: {said} ({', '.join(map(number, totals))}).",
            f"ZM-Net is better than concatenation on unseen styles: {'yes' if totals[-1] < better else 'no'}",
            f"({number(totals[-1])} against {number(better)}).",
            f"A network of the painting's own is better still: {'yes' if own[0] < own[1] else 'no'}",
            f"({number(own[0])} against {number(own[1])} on the same paintings).",
        ),
    ]
