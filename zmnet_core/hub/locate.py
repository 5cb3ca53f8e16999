"""A saved model: where its files are (bundled, a folder, the Hub), and what its config.json says."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from ..assets import BUNDLED
from ..errors import WeightsNotFoundError, WrongModelError, in_words
from ..version import __version__
from .repository import Access, Repository

logger = logging.getLogger(__name__)
SCHEMA = 1  # version of config.json; raised whenever an older zmnet would read a new file wrongly
UPGRADES: dict[
    int, Callable[[dict[str, Any]], dict[str, Any]]
] = {}  # N: a config of schema N as one of N + 1; without, N is not read
LARGEST_CONFIG = 2**22  # bytes; the largest that ships, with all its words, has 4 KB
CONFIG, WEIGHTS, ATTRIBUTE_WEIGHTS = "config.json", "model.safetensors", "attribute.safetensors"


def bundled_models() -> list[str]:
    """Names of the models that ship with the library."""
    return sorted(folder.name for folder in BUNDLED.glob("*") if (folder / WEIGHTS).is_file())


def find(name: str, revision: str | None = None, **options: Unpack[Access]) -> Callable[[str], Path]:
    """A function that gives the path of each file of a saved model.

    Args:
        name: a bundled name, with or without its "zmnet-"; a folder; or a Hub id, "org/name" or "org/name@revision".
        revision: as in `Repository`, for a Hub id.
        options: the others of `Repository`.

    Raises:
        WeightsNotFoundError: the name is none of these. The function that is returned raises it for a missing file.
    """
    folder = BUNDLED / name if (BUNDLED / name / WEIGHTS).is_file() else Path(name)
    # A folder that only happens to have the name, of pictures perhaps, is not meant.
    if f"zmnet-{name}" in bundled_models():
        if not (folder / CONFIG).exists():
            folder = BUNDLED / f"zmnet-{name}"
        else:
            logger.warning("the model in the folder '%s' is taken, and not the bundled zmnet-%s.", name, name)
    if folder.is_dir():
        return lambda file: _in_folder(folder, file)
    if folder.is_file():
        raise WeightsNotFoundError(
            f"'{name}' is a file: give its folder, '{folder.parent}', with {CONFIG} and {WEIGHTS}."
        )
    identity, _, after = name.partition("@")
    if identity.count("/") != 1 or name.startswith((".", "/")):
        raise WeightsNotFoundError(
            f"there is no model '{name}'. Bundled models: {', '.join(bundled_models()) or 'none'}; "
            "otherwise give a folder with config.json and model.safetensors, or a Hub id of the form org/name."
        )
    return Repository(identity, revision or after or None, **options).file


def known_as(name: str, config: Path) -> str:
    """What people know a saved model by: the name of its folder, which may be a bundled one, or its Hub id.

    Args:
        name: what was given to `find`.
        config: where it found config.json.
    """
    in_folder = Path(name).is_dir() or config.parent.parent == BUNDLED
    return config.parent.resolve().name if in_folder else name


def _in_folder(folder: Path, file: str) -> Path:
    if (folder / file).is_file():
        return folder / file
    if file == ATTRIBUTE_WEIGHTS:
        raise WeightsNotFoundError(
            f"config.json names attribute_pnets, but there is no '{folder / file}' that holds them: "
            "copy it there as well, or take attribute_pnets out of config.json to go without words and colours."
        )
    raise WeightsNotFoundError(f"the folder '{folder}' has no {file}: it is not a saved ZM-Net.")


def read_config(file: Path) -> dict[str, Any]:
    """The description of a model as it is written, of this version's schema: older ones are brought up to it.

    Raises:
        WrongModelError: it does not describe a ZM-Net, or has a schema that cannot be read.
    """
    try:
        if (size := file.stat().st_size) > LARGEST_CONFIG:
            raise WrongModelError(f"'{file}' describes no ZM-Net: it has {size} bytes, {LARGEST_CONFIG} are the most.")
        config = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongModelError(f"'{file}' cannot be read: {in_words(error)}.") from error
    except RecursionError as error:
        raise WrongModelError(f"'{file}' does not describe a ZM-Net: it is nested too deeply.") from error
    except ValueError as error:
        raise WrongModelError(f"'{file}' is not JSON: {error}.") from error
    if not isinstance(config, dict) or type(config.get("schema")) is not int:
        raise WrongModelError(f"'{file}' does not describe a ZM-Net: it lacks \"schema\": {SCHEMA}.")
    while config["schema"] in UPGRADES:
        config = UPGRADES[config["schema"]](config) | {"schema": config["schema"] + 1}
    check_schema(config["schema"], f"'{os.fspath(file)}'")
    return config


def check_schema(schema: int, what: str = "this model") -> None:
    """Refuse what this version cannot read.

    Raises:
        WrongModelError: the schema is another; the message says what to do.
    """
    if schema > SCHEMA:
        raise WrongModelError(
            f"{what} has schema {schema}, this zmnet ({__version__}) reads schema {SCHEMA}: a newer zmnet has written "
            "it. Update zmnet (git pull; in ComfyUI: update the ZM-Net node pack)."
        )
    if schema < SCHEMA:
        raise WrongModelError(
            f"{what} has schema {schema}, which this zmnet ({__version__}) no longer reads; it reads schema {SCHEMA}. "
            "Load it with the version that wrote it, or take a newer file of the model."
        )
