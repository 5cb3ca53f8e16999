"""What `zmnet train`, `accelerate launch -m zmnet_core.training` and train/train.py do."""

from __future__ import annotations

import logging
import sys

from ..errors import ZMNetError
from .config import parse
from .time_budget import BEGAN
from .trainer import train


def main(arguments: list[str] | None = None, program: str | None = None) -> None:
    """Train by the options of the command line; ends with one line for a known error.

    Args:
        arguments: in place of the process's own.
        program: what `--help` calls it.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        train(parse(arguments, program), BEGAN)
    except ZMNetError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
