"""Where the scripts of this folder find their pictures."""

from pathlib import Path

from zmnet_core.errors import TrainingError
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
