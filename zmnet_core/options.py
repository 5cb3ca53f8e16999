"""How every command line of this project reads its options: typer, `--style_size` meaning `--style-size`.

What goes wrong on purpose is said in one line, without a traceback.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand

from .errors import ZMNetError

SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "token_normalize_func": lambda name: name.replace("_", "-"),
}


class ManyOptions(TyperCommand):
    """A command with so many options that its help is plain text: rich's columns cut long names off.

    Options stand under the heading that is their `rich_help_panel`, as in rich's own help.
    """

    def __init__(self, **settings: Any):
        super().__init__(**settings | {"rich_markup_mode": None})

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, a heading at a time."""
        parts: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            if record := option.get_help_record(ctx):
                parts.setdefault(getattr(option, "rich_help_panel", None) or "Options", []).append(record)
        for title, records in parts.items():
            with formatter.section(title):
                formatter.write_dl(records)


def command_line(*commands: Callable[..., object], cls: type[TyperCommand] = TyperCommand) -> typer.Typer:
    """The command (of several: a sub-command each) with the settings that hold for all here."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=SETTINGS)
    for command in commands:
        app.command(cls=cls)(command)
    return app


def run(*commands: Callable[..., object], cls: type[TyperCommand] = TyperCommand) -> None:
    """Run the command (of several: the one named) with the options of the process, and end it."""
    log_warnings()
    command_line(*map(readable_errors, commands), cls=cls)()


def declare(command: Callable[..., Any], parameters: Mapping[str, tuple[Any, Any]]) -> Callable[..., Any]:
    """Say which parameters {name: (annotation, default)} a command has that takes them as **keywords.

    typer reads a command's options from its signature and its annotations.
    """
    command.__annotations__ = {name: annotation for name, (annotation, _) in parameters.items()}
    kind = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.Signature(
        [inspect.Parameter(n, kind, default=default, annotation=hint) for n, (hint, default) in parameters.items()]
    )
    vars(command)["__signature__"] = signature
    return command


def readable_errors(command: Callable[..., object]) -> Callable[..., object]:
    """Print the library's errors as one message and exit with status 1, without a traceback."""

    @wraps(command)
    def guarded(*args: object, **kwargs: object) -> object:
        try:
            return command(*args, **kwargs)
        except ZMNetError as error:
            fail(str(error))

    return guarded


def fail(message: str) -> NoReturn:
    """Say what went wrong and exit with status 1."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)


def log_warnings() -> None:
    """What the library warns of goes to the error output."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
