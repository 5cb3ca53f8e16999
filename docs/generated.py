"""The parts of the site that are read off the code when it is built, each as Markdown, so that they cannot go stale.

A page asks for one by a line `<!-- generated: NAME ARGUMENTS -->`; docs/hooks.py fills it in.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import runpy
import sys
import tempfile
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the code beside these pages, whatever is installed

LANGUAGES = {
    "zh": "Simplified Chinese",
    "zh-TW": "Traditional Chinese",
    "fr": "French",
    "ja": "Japanese",
    "ko": "Korean",
    "pt-BR": "Brazilian Portuguese",
    "ru": "Russian",
    "es": "Spanish",
    "tr": "Turkish",
}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; bars and line breaks inside of cells are taken care of."""
    from zmnet_core import markdown

    titles = list(head)
    cells = ([" ".join(str(cell).split()).replace("|", "\\|") for cell in row] for row in rows)
    return "\n".join(markdown.table(titles, cells, text=len(titles)))


def code(text: object) -> str:
    """Inline code, or nothing for nothing."""
    return f"`{text}`" if str(text) else ""


# Commands ------------------------------------------------------------------------------------------------------------


def commands() -> str:
    """Every command of `zmnet` with its options, in the words of its own help."""
    from zmnet_core.cli import app

    group = typer.main.get_command(app)
    context = group.make_context("zmnet", [], resilient_parsing=True)
    parts = []
    for name, command in group.commands.items():
        inner = type(context)(command, info_name=name, parent=context)
        parts.append(f"## zmnet {name}\n\n{paragraphs(command.help)}\n\n{usage(command.get_usage(inner))}")
        if rows := list(parameters(command, inner)):
            parts.append(table(("option", "meaning", "default and range"), rows))
        if name == "train":
            parts.append("Its options are those of the page [Training options](training-options.md).")
    return "\n\n".join(parts)


def usage(line: str) -> str:
    """A `Usage: …` line as a block of code."""
    return f"```text\n{' '.join(line.split()).removeprefix('Usage: ')}\n```"


def paragraphs(text: str | None) -> str:
    """A help text with its lines joined, paragraph by paragraph."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text or "").split("\n\n"))


def parameters(command: typing.Any, context: typing.Any) -> Iterator[tuple[str, str, str]]:
    """Name, meaning, and default with range, of what a command of typer takes."""
    for parameter in command.params:
        names, text = parameter.get_help_record(context) or ("", "")
        if names and parameter.name != "help":
            text, _, more = text.partition("  [")
            yield code(names), text, "; ".join(filter(None, map(plain, more.removesuffix("]").split("; "))))


def plain(part: str) -> str:
    """What stands in brackets behind a help text, in words: `default: 1.0`, `0.0<=x<=1.5`, `x>=1`."""
    if match := re.fullmatch(r"(.+)<=x<=(.+)", part):
        return f"{match[1]} to {match[2]}"
    if match := re.fullmatch(r"x>=(.+)", part):
        return f"{match[1]} or more"
    return code(part.removeprefix("default: ")) if part.startswith("default: ") else part


class _Asked(BaseException):
    """A script has come to the point where it reads its options: it holds what knows them."""

    def __init__(self, app: typer.Typer):
        self.app = app


def _ask(app: typer.Typer, *_: object, **__: object) -> typing.NoReturn:
    raise _Asked(app)


def scripts() -> str:
    """The scripts of train/ with their options. train.py is left out: training-options.md has its options."""
    files = sorted(file for file in (ROOT / "train").glob("*.py") if "__main__" in file.read_text(encoding="utf-8"))
    return "\n\n".join(script(file) for file in files if file.name != "train.py")


def script(file: Path) -> str:
    """One of them, run up to where it reads its options."""
    document = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    text = f"## train/{file.name}\n\n{document}"
    command = typer.main.get_command(app_of(file))
    context = command.make_context(file.name, [], resilient_parsing=True)
    head = ("option", "meaning", "default and range")
    if not hasattr(command, "commands"):
        return f"{text}\n\n{table(head, parameters(command, context))}"
    for name, inner in command.commands.items():
        rows = parameters(inner, type(context)(inner, info_name=name, parent=context))
        text += f"\n\n### {file.name} {name}\n\n{paragraphs(inner.help)}\n\n{table(head, rows)}"
    return text


def app_of(file: Path) -> typer.Typer:
    """What reads the options of a script."""
    with patch.object(typer.Typer, "__call__", _ask), patch.object(sys, "argv", [str(file)]):
        try:
            runpy.run_path(str(file), run_name="__main__")
        except _Asked as asked:
            return asked.app
    raise RuntimeError(f"'{file}' does not read its options by typer: docs/generated.py cannot list them.")


# Training options ----------------------------------------------------------------------------------------------------


def training_options() -> str:
    """Every field of `TrainingConfig`, under the heading of its `group`."""
    from zmnet_core.training.config import TrainingConfig

    hints = typing.get_type_hints(TrainingConfig)
    parts: dict[str, list[tuple[str, str, str, str]]] = {}
    heading = "Options"
    for field in dataclasses.fields(TrainingConfig):
        heading = field.metadata.get("group", heading)
        kind = " or ".join(map(code, field.metadata.get("choices", ()))) or type_name(hints[field.name])
        default = str(field.default).lower() if kind == "yes or no" else field.default
        default = "required" if default == "" else "none" if default is None else code(default)
        parts.setdefault(heading, []).append((code(f"--{field.name}"), field.metadata["help"], kind, default))
    head = ("option", "meaning", "takes", "default")
    return "\n\n".join(f"## {heading}\n\n{table(head, rows)}" for heading, rows in parts.items())


def type_name(hint: object) -> str:
    """What a person is told of a type."""
    if isinstance(hint, types.UnionType):
        hint = next(part for part in hint.__args__ if part is not types.NoneType)
    return {bool: "yes or no", int: "a whole number", float: "a number", str: "text"}.get(hint, str(hint))


def configs() -> str:
    """The ready sets of training options, with what they are for."""
    parts = []
    for file in sorted((ROOT / "train" / "configs").glob("*.yaml")):
        lines = file.read_text(encoding="utf-8").splitlines()
        comment = []
        while lines and lines[0].startswith("#"):
            comment.append(lines.pop(0).removeprefix("#").strip())
        body = "\n".join(lines).strip()
        parts.append(f"## {file.name} {{#{file.stem}}}\n\n{' '.join(comment)}\n\n```yaml\n{body}\n```")
    return "\n\n".join(parts)


def knobs() -> str:
    """Every knob of `Look` and of `Walk`, with what it takes."""
    from zmnet_core.styling.look import Look, Walk, default_of, knobs_of

    parts = []
    for cls in (Look, Walk):
        rows = []
        for name, knob in knobs_of(cls).items():
            kind = "a whole number" if knob.whole else "a number"
            kind = f"a multiple of {knob.multiple}" if knob.multiple > 1 else kind
            span = f"from {knob.least or 0:g} {'on' if knob.most is None else f'to {knob.most:g}'}"
            takes = f"{kind} {span}" if knob.least is not None else knob.takes or "True or False"
            rows.append((code(name), knob.help, takes + ", or None" * knob.optional, code(default_of(cls, name))))
        parts.append(f"`{cls.__name__}`:\n\n{table(('knob', 'meaning', 'takes', 'default'), rows)}")
    return "\n\n".join(parts)


# Nodes ---------------------------------------------------------------------------------------------------------------


def nodes() -> str:
    """Every node: its help page in ComfyUI, with type, default and range of each input, and its other names."""
    labels = {
        language: json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))
        for language in LANGUAGES
    }
    # MkDocs takes back what its hooks put on the path, once they are loaded.
    with patch.object(sys, "path", [str(ROOT), *sys.path]), comfyui_stand_in():
        from zmnet_nodes import NODES

        return "\n\n".join(node(each.define_schema(), labels) for each in NODES)


@contextmanager
def comfyui_stand_in() -> Iterator[None]:
    """The tests' stand-in for ComfyUI, so that schemas are read where there is no ComfyUI."""
    from tests.comfyui import comfy_standin  # and with it torch, which cannot be loaded again once it is forgotten

    setter = types.SimpleNamespace(setitem=dict.__setitem__, delitem=dict.__delitem__)
    with tempfile.TemporaryDirectory() as folder, patch.dict(sys.modules):
        comfy_standin.install(setter, Path(folder))
        yield


def node(schema: typing.Any, labels: dict[str, dict]) -> str:
    """One node."""
    page = (ROOT / "web" / "docs" / schema.node_id / "en.md").read_text(encoding="utf-8")
    inputs = {given.id: given for given in schema.inputs}
    lines = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if len(cells) != 2:
            lines.append(f"#{line}" if line.startswith("#") else line)  # the node is a section of the site's page
        elif cells[0] == "input":
            lines.append("| input | meaning | takes |")
        elif set(cells[0]) == {"-"}:
            lines.append("|---|---|---|")
        else:
            takes = dict.fromkeys(takes_of(inputs[name]) for name in expanded(cells[0]))
            lines.append(f"| {cells[0]} | {cells[1]} | {'; '.join(takes)} |")
    rows = []
    for name in inputs:
        rows.append((code(name), *(each[schema.node_id]["inputs"][name]["name"] for each in labels.values())))
    other = ", ".join(f"{each[schema.node_id]['display_name']} ({LANGUAGES[key]})" for key, each in labels.items())
    names = table(("input", *LANGUAGES.values()), rows).replace("\n", "\n    ")
    lines += ["", f'??? note "In other languages: {other}"', "", f"    {names}"]
    return "\n".join(lines)


def expanded(names: str) -> list[str]:
    """The inputs that a row of a help page is about: `style_1 … style_8` is eight of them."""
    found = []
    for name in names.split(", "):
        first, _, last = name.partition(" … ")
        stem, _, start = first.rpartition("_")
        numbers = range(int(start), int(last.rpartition("_")[2]) + 1) if last else ()
        found += [f"{stem}_{number}" for number in numbers] or [name]
    return found


def takes_of(given: typing.Any) -> str:
    """Type, choices, default and range of an input."""
    options, kind = given.options, type(given).type
    words = {"FLOAT": "a number", "INT": "a whole number", "BOOLEAN": "on or off", "STRING": "text", "COMBO": "a file"}
    text = " or ".join(map(code, options.get("options", ()))) or words.get(kind, kind)
    if "min" in options:
        text += f" from {options['min']:g} to {options['max']:g}"
    if (default := options.get("default", "")) != "":
        default = ("off", "on")[default] if kind == "BOOLEAN" else default
        text += f"; default {code(default)}"
    return text + ("; optional" if given.optional else "")


# API -----------------------------------------------------------------------------------------------------------------


def api(room: str, *first: str) -> str:
    """Every module of a room of zmnet_core, or the module itself, for mkdocstrings to fill in; some of them first."""
    place = ROOT / "zmnet_core" / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    files.sort(key=lambda file: first.index(file.stem) if file.stem in first else len(first))
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files if file.stem[0] != "_"]
    return "\n\n".join(f"::: {name}" for name in names)


PARTS: dict[str, Callable[..., str]] = {
    "commands": commands,
    "scripts": scripts,
    "training-options": training_options,
    "configs": configs,
    "knobs": knobs,
    "nodes": nodes,
    "api": api,
}
