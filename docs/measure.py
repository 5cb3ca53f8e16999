"""Measure again what pages say: every block between `<!-- measured: COMMAND -->` and `<!-- /measured -->` becomes what
the command prints, so that a page shows what was measured and how.

    python docs/measure.py docs/speed.md                # every block of a page
    python docs/measure.py docs/speed.md --only bold    # those whose command holds this word

A block is written as soon as its command is through. A command that fails leaves its block, and those after it, as they
were.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from zmnet_core.files import replacing

BLOCK = re.compile(
    r"(?P<head><!-- measured: zmnet (?P<arguments>[^\n]*?) -->\n).*?(?P<foot><!-- /measured -->)", re.DOTALL
)


def measure(
    pages: Annotated[list[Path], typer.Argument(help="Markdown pages with such blocks.")],
    only: Annotated[str, typer.Option(help="Only the blocks whose command holds this.")] = "",
) -> None:
    """Run the commands of pages, and write what they print into the pages."""
    for page in pages:
        blocks = list(BLOCK.finditer(page.read_text(encoding="utf-8")))
        if not blocks:
            sys.exit(f"error: '{page}' has no block '<!-- measured: zmnet … -->' … '<!-- /measured -->'.")
        for block in blocks:
            if only in block["arguments"]:
                measured = _measured(block)
                text = page.read_text(encoding="utf-8").replace(block[0], measured, 1)  # others may have edited it
                with replacing(page) as temporary:
                    temporary.write_text(text, encoding="utf-8")


def _measured(block: re.Match[str]) -> str:
    arguments = block["arguments"]
    typer.echo(f"zmnet {arguments}", err=True)
    done = subprocess.run(
        [sys.executable, "-m", "zmnet_core.cli", *shlex.split(arguments)], stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"error: 'zmnet {arguments}' failed, and its block was left as it was.")
    return f"{block['head']}{done.stdout.strip()}\n{block['foot']}"


if __name__ == "__main__":
    typer.run(measure)
