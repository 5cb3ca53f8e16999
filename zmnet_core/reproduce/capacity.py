"""Fig. 4-5: what a table of styles can hold, and what a PNet can, at the same number of steps."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..assets import data_folder
from ..evaluation.judge import Judge
from ..images.sheet import contact_sheet
from ..markdown import table
from ..networks.vgg import load_vgg16
from ..training.contest import CIN_, ZM_NET, Data, Entrant, Test, by_the_paper, config_of, drawn, losses
from ..training.experiments import PAPER, SMALL, BudgetOption, Run, budget_of, going_on, number, paragraph

ERRORS = ("content", "relu1_2", "relu2_2", "relu3_3", "relu4_3", "style", "total")
SHOWN, CELL = 3, 128  # rows of the picture, px


@dataclass(frozen=True)
class Budget:
    """How much is trained: `few` and `many` styles, `steps` steps each. Sizes in px."""

    few: int
    many: int
    steps: int
    batch: int
    styles: int  # a step
    width: int
    pnet: str
    pnet_width: int
    size: int
    style_size: int
    pairs: int
    test_size: int


BUDGETS = {  # as many steps with each of the many styles as in the paper: 160,000 / 20,938 is 7.6
    SMALL: Budget(10, 160, 300, 4, 4, 16, "vgg", 128, 64, 128, 20, 128),
    PAPER: Budget(10, 20_938, 160_000, 4, 1, 32, "conv", 0, 256, 256, 100, 256),
}


def capacity(
    output_dir: Annotated[
        Path, typer.Option(help="the folder that gets capacity.json, capacity.md, capacity.jpg and four models")
    ],
    budget: Annotated[str, BudgetOption] = SMALL,
    data: Annotated[
        Path | None,
        typer.Option(help="a folder with content/train, content/val, styles/train, styles/val; else $ZMNET_DATA/data"),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="how many steps each is trained for; else the budget's")] = None,
    many: Annotated[int | None, typer.Option(help="how many styles are many; else the budget's")] = None,
    few: Annotated[int | None, typer.Option(help="how many styles are few; else the budget's")] = None,
    width: Annotated[int | None, typer.Option(help="the width of the TNet; else the budget's")] = None,
    pairs: Annotated[int | None, typer.Option(help="how many pairs the test has; else the budget's")] = None,
    seed: Annotated[int, typer.Option(help="the seed of all runs")] = 0,
) -> None:
    """Train CIN and ZM-Net on few styles and on many, and compare what they make of the styles they were trained on."""
    what = budget_of(BUDGETS, budget, steps=steps, many=many, few=few, width=width, pairs=pairs)
    folder = data_folder(data, "content/train", "content/val", "styles/train", "styles/val")
    found = Data.of(folder)
    paintings = drawn(found.paintings, max(what.many, what.few), seed, "paintings (styles/train)")
    contents = drawn(found.test_contents, what.pairs, seed, "photographs (content/val)")
    config = config_of(
        found, what.size, what.style_size, what.steps, what.batch, what.styles, what.width, what.pnet, what.pnet_width,
        seed,
    )  # fmt: skip
    if budget == PAPER:
        config = by_the_paper(config)
    entrants = [Entrant(kind, paintings[:count]) for count in (what.few, what.many) for kind in (CIN_, ZM_NET)]
    test = Test(Judge(load_vgg16()), contents, what.test_size, what.style_size)
    run = Run(output_dir, "capacity", asdict(what) | {"seed": seed, "data": str(folder.resolve())})
    models, results = {}, {}
    with going_on(output_dir):
        for entrant in entrants:
            place = output_dir / entrant.place
            models[entrant.name] = model = entrant.trained(config, place)

            def scored(entrant: Entrant = entrant, model: Any = model, place: Path = place) -> dict[str, Any]:
                scores = test.scores(lambda i, file: test.picture(entrant, model, i, file), entrant.paintings)
                return {"test": scores, "training": losses(place)}

            results[entrant.name] = run.part(entrant.place, scored)
        rows = []
        for index in range(min(SHOWN, what.few, what.pairs)):
            pair = test.pair(index, paintings[index])
            painted = [test.picture(each, models[each.name], index, paintings[index]) for each in entrants]
            rows.append([pair.content, pair.painting, *painted])
    titles = ["photograph", "painting", *(entrant.name for entrant in entrants)]
    run.picture(contact_sheet(rows, CELL, [titles]))
    run.page(page(what, results), results)


def page(what: Budget, results: dict[str, Any]) -> list[str]:
    """The page of the results."""
    medians = {name: {error: each["test"][error]["median"] for error in ERRORS} for name, each in results.items()}
    totals = [medians[name]["total"] for name in results]
    cin, zm = totals[2] / totals[0], totals[3] / totals[1]
    curves = {name: each["training"] for name, each in results.items()}
    steps = [step for step, _ in next(iter(curves.values()))]
    held = totals[3] <= 1.1 * totals[1] and cin > zm and totals[3] < totals[2]
    verdict = "comes out" if held else "comes out in part" if cin > zm else "does not come out"
    seen = what.steps * what.styles / what.many
    test = [[name, *(number(row[error]) for error in ERRORS)] for name, row in medians.items()]
    way = [[step, *(number(curve[place][1]) for curve in curves.values())] for place, step in enumerate(steps)]
    return [
        "# Capacity: a table of styles, and a PNet (Fig. 4-5)",
        "",
        *paragraph(
            f"CIN (a row of γ, β for each style) and ZM-Net (a PNet), each trained on {what.few} and on {what.many}",
            f"paintings, for {what.steps} steps of {what.batch} photographs and {what.styles} painting(s): TNet of",
            f"width {what.width}, {what.size} px, the same loop, photographs, loss and rate. With {what.many} styles",
            f"each is seen {seen:.1f} times (the paper's 20,938: 7.6).",
        ),
        *paragraph(
            f"Errors on {what.pairs} unseen photographs after paintings that the network was trained on, medians,",
            f"{what.test_size} px:",
        ),
        *table(["", *ERRORS], test),
        "",
        *paragraph("The training's loss on its way (the mean over a tenth of the steps, up to the one named):"),
        *table(["step", *curves], way),
        "",
        "![Photographs after paintings that were trained, by each network](capacity.jpg)",
        "",
        *paragraph(
            "**The paper:** with ten styles CIN and ZM-Net are alike; with 20,938 CIN's loss stays high and its",
            "pictures show no style, while ZM-Net's is as with ten.",
        ),
        *paragraph(
            f"**Here:** from {what.few} to {what.many} styles CIN's total error becomes {cin:.2f} times as large, and",
            f"ZM-Net's {zm:.2f} times. With {what.many} styles it is {number(totals[2])} and {number(totals[3])}.",
            f"The claim {verdict}.",
        ),
    ]
