"""What the experiments share: budgets, parts that are done once, and a page with its numbers and pictures."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import typer
from PIL import Image

from ..errors import TrainingError, did_you_mean
from ..files import replacing, write_json
from .contest import Stopped

SMALL, PAPER = "small", "paper"
MOST = 150_000  # bytes of a picture, so that pages can carry it

B = TypeVar("B")

BudgetOption = typer.Option(
    help="small: minutes on two cores, as the page says; paper: the paper's own steps and sizes, for a GPU"
)


def budget_of(budgets: Mapping[str, B], name: str, **given: int | None) -> B:
    """A budget, with what was given in place of its own numbers.

    Raises:
        TrainingError: there is no such budget, or a number is below 1.
    """
    if name not in budgets:
        near = did_you_mean(name, budgets, " Did you mean '{}'?")
        raise TrainingError(f"--budget '{name}' does not exist: choose one of {', '.join(budgets)}.{near}")
    changes = {field: value for field, value in given.items() if value is not None}
    for field, value in changes.items():
        if value < 1:
            raise TrainingError(f"--{field} {value} is too small: it is at least 1.")
    return replace(budgets[name], **changes)  # type: ignore[type-var]  # budgets are dataclasses


@dataclass
class Run:
    """One experiment in its folder. What is done of it is there, and is not done again.

    Args:
        folder: the run's.
        name: the experiment's.
        options: what its numbers depend on. A folder with other ones is refused.

    Raises:
        TrainingError: the folder holds an experiment of other options, or is a file.
    """

    folder: Path
    name: str
    options: dict[str, Any]

    def __post_init__(self) -> None:
        kept, now = self.folder / f"{self.name}.options.json", json.loads(json.dumps(self.options))
        if self.folder.exists() and not self.folder.is_dir():
            raise TrainingError(f"--output_dir '{self.folder}' is a file: name a folder.")
        if kept.is_file():
            before = json.loads(kept.read_text(encoding="utf-8"))
            other = [option for option in now if before.get(option) != now[option]]
            if other:
                said = ", ".join(f"{option} {before.get(option)} (now {now[option]})" for option in other)
                raise TrainingError(
                    f"'{self.folder}' holds {self.name} with {said}: go on with the same options, or name another "
                    "--output_dir."
                )
        else:
            write_json(kept, now)

    def part(self, name: str, made: Callable[[], Any]) -> Any:
        """What `made` gives, as JSON has it; from the folder if it was made before."""
        file = self.folder / "parts" / f"{name}.json"
        if not file.is_file():
            write_json(file, made())
        return json.loads(file.read_text(encoding="utf-8"))

    def picture(self, image: Image.Image, name: str = "") -> None:
        """Write NAME.jpg, as good as it may be with MOST bytes."""
        with replacing(self.folder / f"{name or self.name}.jpg") as temporary:
            for quality in (92, 85, 78, 70, 60, 50, 40):
                image.save(temporary, "JPEG", quality=quality)
                if temporary.stat().st_size <= MOST:
                    break

    def page(self, lines: list[str], numbers: object) -> None:
        """Write NAME.json and NAME.md, and print the page."""
        write_json(self.folder / f"{self.name}.json", {"options": self.options, "results": numbers})
        made = f"*`python train/reproduce.py {self.name}` wrote this page; {self.name}.json has its numbers.*"
        text = "\n".join([*lines, *[""] * bool(lines[-1]), made]) + "\n"
        with replacing(self.folder / f"{self.name}.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
        typer.echo(text)


@contextmanager
def going_on(folder: Path) -> Iterator[None]:
    """Where somebody stops an experiment, it says how it goes on, and ends with the status of a Ctrl-C."""
    try:
        yield
    except (Stopped, KeyboardInterrupt):
        typer.echo(f"stopped; '{folder}' holds what is done, and the same command goes on with it.", err=True)
        raise typer.Exit(130) from None


def number(value: float | None, digits: int = 2) -> str:
    """For tables: a number, or a dash for none."""
    return "-" if value is None else f"{value:.{digits}f}"


def paragraph(*sentences: str) -> list[str]:
    """The lines of a paragraph, and an empty one."""
    return [*textwrap.wrap(" ".join(sentences), 120, break_long_words=False, break_on_hyphens=False), ""]
