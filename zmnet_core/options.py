"""How every command line of this project reads its options: typer, `--style_size` meaning `--style-size`.

What goes wrong on purpose is said in one line, without a traceback.
"""

from __future__ import annotations

import inspect
import io
import logging
import math
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from .errors import LASTING, TrainingError, ZMNetError, in_words, number_expected


def dashed(name: str) -> str:
    """The option that is meant by `--style_size` as well as by `--style-size`."""
    return name.replace("_", "-")


SETTINGS = {"help_option_names": ["-h", "--help"], "token_normalize_func": dashed}


class MissingOption(typer.BadParameter):
    """What is needed was not given: `param_hint` names it, the message says what to give."""

    def format_message(self) -> str:
        """What typer shows."""
        return f"Missing {self.param_hint}: {self.message}."


def print_anything() -> None:
    """Have what a console cannot print, such as a file name that is not text, shown as \\udce9 instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Commands(TyperGroup):
    """A command with sub-commands that prints whatever is to be said."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """What a process calls."""
        print_anything()
        return super().main(*args, **settings)


class Command(TyperCommand):
    """A command whose errors are for people.

    What goes wrong on purpose, and what the system refuses, is one message without a traceback and ends with status 1.
    Values that cannot be are told in our words, not in those of typer's libraries. Options are named as they were
    typed.
    """

    _given: Sequence[str] = ()

    def main(self, *args: Any, **settings: Any) -> Any:
        """What a process calls, if there is no other command beside this."""
        print_anything()
        return super().main(*args, **settings)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Read the options."""
        self._given = list(args)
        with self._for_people():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Do what the command does."""
        with self._for_people():
            return super().invoke(ctx)

    @contextmanager
    def _for_people(self) -> Iterator[None]:
        try:
            yield
        except ZMNetError as error:
            fail(self._as_typed(str(error)))
        except OSError as error:
            if error.filename is not None:
                fail(f"'{error.filename}': {in_words(error)}.")
            if isinstance(error, FileNotFoundError):
                fail(str(error))
            if error.errno not in LASTING:
                raise
            fail(f"{in_words(error)}.")
        except typer.BadParameter as error:
            if error.param is not None:
                self._explain(error, error.param)
            error.message = self._as_typed(error.message)
            raise
        except Exception as error:
            told = vars(error)
            if told.get("possibilities"):  # of an option that does not exist
                told["message"] = self._as_typed(told["message"])
                told["possibilities"] = [self._as_typed(name) for name in told["possibilities"]]
            raise

    def _explain(self, error: typer.BadParameter, parameter: Any) -> None:
        """Name the option as it was typed, and say which numbers it takes."""
        typed = [(name, value) for name, value in self._typed() if dashed(name) in map(dashed, parameter.opts)]
        if typed:
            error.param_hint = f"'{typed[-1][0]}'"
        hint: Any = typing.get_type_hints(self.callback, include_extras=True)[parameter.name]
        numbers = {int, float} & _parts(hint)
        if type(error) is typer.BadParameter and numbers:
            shown = hint.__metadata__[0]
            expected = number_expected(int in numbers, shown.min, shown.max)
            error.message = f"'{typed[0][1]}' is not {expected}." if len(typed) == 1 else f"{expected} is expected."

    def _typed(self) -> Iterator[tuple[str, str]]:
        """Options as they were typed, and what follows them."""
        for word, following in zip(self._given, [*self._given[1:], ""]):
            name, given, value = word.partition("=")
            if name.startswith("-"):
                yield name, value if given else following

    def _as_typed(self, text: str) -> str:
        """A message with this command's options spelt as they were typed; others of them alike."""
        known = {dashed(name) for option in self.params for name in (*option.opts, *option.secondary_opts)}
        typed = {dashed(name): name for name, _ in self._typed() if name.startswith("--")}
        marks = {mark for name in typed.values() for mark in "-_" if mark in name[2:]}
        mark = marks.pop() if len(marks) == 1 else None

        def spelt(match: re.Match[str]) -> str:
            name = dashed(match[0])
            if name in known and mark:
                return typed.get(name, f"--{name[2:].replace('-', mark)}")
            return typed.get(name, match[0])

        return re.sub(r"(?<![\w-])--\w[\w-]*", spelt, text)


def _parts(hint: Any) -> set[Any]:
    """The types in a type: int, list[int] and NoneType in `list[int] | None`."""
    return {hint}.union(*map(_parts, typing.get_args(hint)))


class ManyOptions(Command):
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


def command_line(*commands: Callable[..., object], cls: type[TyperCommand] = Command) -> typer.Typer:
    """The command (of several: a sub-command each) with the settings that hold for all here."""
    app = typer.Typer(cls=Commands, add_completion=False, pretty_exceptions_enable=False, context_settings=SETTINGS)
    for command in commands:
        app.command(cls=cls)(command)
    return app


def run(*commands: Callable[..., object], cls: type[TyperCommand] = Command) -> None:
    """Run the command (of several: the one named) with the options of the process, and end it."""
    log_warnings()
    command_line(*commands, cls=cls)()


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


def check_from_zero(option: str, value: float, zero: bool = True) -> None:
    """Refuse a weight, a share or a rate that is below 0, infinite or NaN; 0 as well unless `zero`.

    Raises:
        TrainingError: naming the option.
    """
    if not (0 <= value < math.inf and (zero or value)):
        wanted = "a number from 0 on" if zero else "a number above 0"
        raise TrainingError(f"{option} {value} cannot be: it is {wanted}.")


def fail(message: str) -> NoReturn:
    """Say what went wrong and exit with status 1."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)


def log_warnings() -> None:
    """What the library warns of goes to the error output."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
