"""The `zmnet` command itself, and what its verbs have in common; the verbs are in commands and workshop.

Nothing heavy is imported before a verb runs, so that `zmnet --help` answers at once.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from .. import options
from ..options import fail

app = typer.Typer(
    cls=options.Commands,
    help="Restyle photographs with any painting, in real time (ZM-Net).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=options.SETTINGS,
)


def show_version(wanted: bool) -> None:
    """Print the version and exit."""
    if wanted:
        from ..version import __version__

        typer.echo(f"zmnet {__version__}")
        raise typer.Exit()


@app.callback()
def main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Restyle photographs with any painting, in real time (ZM-Net)."""
    from tqdm.contrib.logging import logging_redirect_tqdm

    context.with_resource(logging_redirect_tqdm())  # a warning gets a line of its own, and not the end of a bar's


class Verb(options.Command):
    """A command that also says what to do when memory runs out."""

    def invoke(self, ctx: Any) -> Any:
        """Do what the command does."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):  # these are RuntimeErrors, too
            raise
        except (MemoryError, RuntimeError) as error:
            from ..styling.tiling import out_of_memory

            if not isinstance(error, MemoryError) and not out_of_memory(error):
                raise
            fail(f"out of memory ({error}). Try --tile 512, a smaller --size, or --device cpu.")


verb = partial(app.command, cls=Verb)
