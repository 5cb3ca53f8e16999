"""Where files are: those that come with the library, and the pictures of $ZMNET_DATA."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import DataNotFoundError

_HERE = Path(__file__).resolve().parent
BUNDLED = _HERE / "weights"  # models, a folder each
DEMO_PICTURES = _HERE / "demo_pictures"  # sources and licences: SOURCES.md there
TABLES = _HERE / "tables"  # vectors of words; sources and licences: SOURCES.md there
PAIRS = _HERE / "pairs.tsv"  # held-out photographs and paintings
TRAINING_PAIRS = _HERE / "pairs-training.tsv"  # the like with training paintings


def data_root() -> Path | None:
    """The folder that `$ZMNET_DATA` names: in it, `data` holds pictures, `models` weights. None: it is not set."""
    named = os.environ.get("ZMNET_DATA")
    return Path(named) if named else None


def data_folder(given: Path | None = None, *needed: str) -> Path:
    """The folder of pictures: the one given (by --data), else `$ZMNET_DATA/data`.

    Raises:
        DataNotFoundError: neither names one, or it lacks one of the files and folders needed.
    """
    root = data_root()
    folder = given or (root / "data" if root else None)
    if folder is None:
        raise DataNotFoundError(
            "this needs pictures, and no folder of them is named. Give the folder that holds "
            f"{', '.join(needed) or 'content and styles'} by --data, or its parent by the environment variable "
            "ZMNET_DATA. docs/evaluation.md says what the folder holds."
        )
    if missing := [name for name in needed if not (folder / name).exists()]:
        raise DataNotFoundError(
            f"'{folder}' has no {', '.join(missing)}. Give the folder that holds {', '.join(needed)} by --data, or its "
            "parent by the environment variable ZMNET_DATA."
        )
    return folder
