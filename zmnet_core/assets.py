"""Where files are: those that come with the library, and the pictures of $ZMNET_DATA."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import TrainingError

_HERE = Path(__file__).resolve().parent
BUNDLED = _HERE / "weights"  # models, a folder each
DEMO_PICTURES = _HERE / "demo_pictures"  # sources and licences: SOURCES.md there
TABLES = _HERE / "tables"  # vectors of words; sources and licences: SOURCES.md there
PAIRS = _HERE / "pairs.tsv"  # held-out photographs and paintings
TRAINING_PAIRS = _HERE / "pairs-training.tsv"  # the like with training paintings


def default_data() -> Path:
    """`$ZMNET_DATA/data` (default `../shared`)."""
    return Path(os.environ.get("ZMNET_DATA", "../shared")) / "data"


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
