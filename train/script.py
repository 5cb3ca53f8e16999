"""How the scripts of this folder read their options: typer, `--style_dir` meaning `--style-dir`."""

import logging
import sys
from collections.abc import Callable

import typer

from zmnet_core.errors import ZMNetError


def run(*commands: Callable[..., None]) -> None:
    """Run the command (of several: the one named) with the options of the command line.

    Ends with one line for a known error.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"token_normalize_func": lambda name: name.replace("_", "-")},
    )
    for command in commands:
        app.command()(command)
    try:
        app()
    except ZMNetError as error:
        sys.exit(f"error: {error}")
