"""How the scripts of this folder read their options: typer, `--style_dir` meaning `--style-dir`."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from zmnet_core.errors import TrainingError, ZMNetError
from zmnet_core.evaluation.methods import default_data


def data_folder(given: Path | None, *needed: str) -> Path:
    """The folder of pictures: the one given, else $ZMNET_DATA/data.

    Raises:
        TrainingError: it lacks one of the files and folders needed.
    """
    folder = given or default_data()
    if missing := [name for name in needed if not (folder / name).exists()]:
        raise TrainingError(
            f"'{folder}' has no {', '.join(missing)}. Give the folder that holds {', '.join(needed)} by --data, or its "
            "parent by the environment variable ZMNET_DATA."
        )
    return folder


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
