"""The options that verbs share: the model and where it runs, and one for every knob, made from the knob itself."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import options
from ..options import dashed
from ..styling.look import KNOBS, LAYERS, STEADY, STEADY_HELP, Look, Walk, default_of, knobs_of

ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="The model: the name of a bundled one (base, bold, mini), a folder, or a Hugging Face Hub id "
        "(org/name or org/name@revision).",
    ),
]
DeviceOption = Annotated[
    str, typer.Option(help="Where to compute: cpu, cuda, cuda:1 or mps. auto takes a GPU if there is one.")
]


MegapixelsOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="The largest picture that is read, in megapixels; 0 reads any. If left out, $ZMNET_MEGAPIXELS, or 256.",
    ),
]


NAMES = {  # of switches; those behind the first are what they were called before
    "keep_colour": ["--keep-colour"],
    "smooth": ["--smooth/--no-smooth", "--ease"],
    "there_and_back": ["--there-and-back", "--loop"],
}


def knob(name: str, of: type = Look) -> Any:
    """The option of one knob: its range and help."""
    found, hint = knobs_of(of)[name], typing.get_type_hints(of)[name]
    if name == "layers":
        return Annotated[str | None, typer.Option(help=found.help, metavar="NAMES|WEIGHTS")]
    if name == "palette_of":
        return Annotated[Path | None, typer.Option(help=found.help, metavar="PICTURE")]
    if found.least is None:
        return Annotated[hint, typer.Option(*NAMES[name], help=found.help)]
    number = int if found.whole else float
    least, most = (None if end is None else number(end) for end in (found.least, found.most))
    return Annotated[hint, typer.Option(min=least, max=most, help=found.help)]


def rows_of(name: str, what: str) -> Any:
    """The option of `evaluate` for rows with several values of a knob: its range."""
    found = KNOBS[name]
    text = f"Adds a row in which {what}. Repeat the option for several rows."
    return typer.Option(min=found.least, max=found.most, help=text)


BoldRows = Annotated[list[float] | None, rows_of("bold", "the model is told to paint this boldly, if it can be told")]
PaletteRows = Annotated[list[float] | None, rows_of("palette", "the knob palette has this value")]
USUAL, WALK, FPS = Look(), Walk(), 24.0


def with_knobs(command: Callable[..., None]) -> Callable[..., None]:
    """The command with options for knobs: for every one in place of its parameters `look` and `walk`, else by name."""
    hints = typing.get_type_hints(command, include_extras=True)
    parts: dict[str, type[Look | Walk]] = {}
    parameters: dict[str, tuple[Any, Any]] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if name in ("look", "walk"):
            parts[name] = hints[name]
            for each in knobs_of(hints[name]):
                default = None if each == "layers" else default_of(hints[name], each)
                parameters[each] = (knob(each, hints[name]), default)
        else:
            parameters[name] = (knob(name) if name in KNOBS else hints[name], parameter.default)

    @wraps(command)
    def run(**given: Any) -> None:
        for name, cls in parts.items():
            given[name] = made(cls, {each: given.pop(each) for each in knobs_of(cls)})
        command(**given)

    return options.declare(run, parameters)


def made(cls: type[Look | Walk], knobs: dict[str, Any]) -> Look | Walk:
    """A look or a walk of a command's options.

    Raises:
        typer.BadParameter: a value that its option takes and they do not.
    """
    if "layers" in knobs:
        knobs["layers"] = LAYERS if knobs["layers"] is None else knobs["layers"]
    try:
        cls.check(knobs, lambda name: f"--{dashed(name)}")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return cls(**knobs)


SteadyOption = Annotated[str, typer.Option(help=STEADY_HELP, metavar=f"[{'|'.join(STEADY)}]")]
ReferenceOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECOND",
        help="With --steady first: the second of the clip whose frame its scene goes by. Scenes that it is not in, and "
        "all if it is left out, go by their first clear frame.",
    ),
]
RangeOption = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="START:END",
        help="Of a clip, only these seconds, to try something out: 10:14, 10: or :4. The result begins at 0.",
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with clips that were stopped, from what lies beside their results (OUT.part.mp4). All else has to "
        "be as it was.",
    ),
]
AttributeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--attribute",
        "-a",
        help='Words or colours, such as "0.7 night + 0.3 impressionism" or "#d9a441". Repeat the option to blend '
        "several.",
    ),
]
