"""ComfyUI's folders: models in models/zmnet, styles in models/zmnet_styles and output/zmnet_styles."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import folder_paths

from ._core import zmnet_core

MODELS, STYLES = "zmnet", "zmnet_styles"
WEIGHTS, CONFIG, STYLE_SUFFIX = "model.safetensors", "config.json", ".safetensors"
LONGEST_NAME = 240  # bytes; most systems take 255, and a temporary name is longer
RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(1, 10))}
BUNDLED = Path(zmnet_core.__file__).parent / "weights"
DEFAULT_MODEL = "zmnet-base"


def register() -> None:
    """Tell ComfyUI of the folders; extra_model_paths.yaml may add others under the same names."""
    folder_paths.add_model_folder_path(MODELS, os.path.join(folder_paths.models_dir, MODELS))
    folder_paths.add_model_folder_path(STYLES, os.path.join(folder_paths.models_dir, STYLES))
    folder_paths.add_model_folder_path(STYLES, saved_styles())
    for name in (MODELS, STYLES):
        folder_paths.folder_names_and_paths[name][1].update({STYLE_SUFFIX})
        with suppress(OSError):  # a folder for people to find; where it cannot be made, nothing is lost
            os.makedirs(os.path.join(folder_paths.models_dir, name), exist_ok=True)


def saved_styles() -> str:
    """The folder that Save Style writes to."""
    return os.path.join(folder_paths.get_output_directory(), STYLES)


def model_folders() -> dict[str, Path]:
    """Name → folder of every model: the bundled ones, then those of models/zmnet.

    A model is a folder with config.json and model.safetensors. A folder of models/zmnet hides a
    bundled one of its name.
    """
    folders = {f.name: f for f in sorted(BUNDLED.glob("*")) if (f / WEIGHTS).is_file()}
    for file in folder_paths.get_filename_list(MODELS):
        path = folder_paths.get_full_path(MODELS, file)
        if os.path.basename(file) == WEIGHTS and path and os.path.dirname(file):
            folders[os.path.dirname(file).replace(os.sep, "/")] = Path(path).parent
    return folders


def model_names() -> list[str]:
    """What the drop-down of Load ZM-Net shows; the bundled model stands first."""
    return sorted({DEFAULT_MODEL, *model_folders()}, key=lambda name: (name != DEFAULT_MODEL, name))


def model_folder(name: str) -> Path:
    """The folder of a model.

    Raises:
        FileNotFoundError: saying what was looked for, where, what is there, and where to get models.
    """
    folders = model_folders()
    if name in folders:
        return folders[name]
    raise FileNotFoundError(no_model(name))


def no_model(name: str) -> str:
    """The message for a model that is not there."""
    searched = [*folder_paths.get_folder_paths(MODELS), str(BUNDLED)]
    return (
        f"There is no ZM-Net model '{name}'. Wanted: a folder '{name}' with {CONFIG} and {WEIGHTS}. "
        f"Searched: {_listed(searched)}. Found: {_listed(model_folders())}. "
        f"Put the folder into {searched[0]} and press R to refresh, or write the Hugging Face id of a model "
        "(of the form org/name) into hub_id. zmnet-base comes with the node pack: if it is missing, install the pack "
        "again."
    )


def style_names() -> list[str]:
    """What the drop-down of Load Style shows."""
    return folder_paths.get_filename_list(STYLES)


def style_file(name: str) -> str:
    """The path of a style file.

    Raises:
        FileNotFoundError: saying what was looked for, where, what is there, and how to make it.
    """
    path = folder_paths.get_full_path(STYLES, name) if name else None
    if path is None:
        raise FileNotFoundError(no_style(name))
    return path


def no_style(name: str | None) -> str:
    """The message for a style file that is not there."""
    searched = folder_paths.get_folder_paths(STYLES)
    return (
        f"There is no style file '{name or ''}'. Searched: {_listed(searched)}. Found: {_listed(style_names())}. "
        f"Make one with Encode Style and Save Style, or put a ZM-Net style (*{STYLE_SUFFIX}) into {searched[0]} "
        "and press R to refresh."
    )


def new_style_file(name: str, overwrite: bool = False) -> Path:
    """The path for a style to save: name.safetensors; if that is taken name_2.safetensors, …, or else to overwrite it.

    Raises:
        ValueError: the name is empty, leads out of the folder, or is none that every system and Load Style take.
    """
    folder = Path(saved_styles()).resolve()
    wanted = name.strip().removesuffix(STYLE_SUFFIX).replace("\\", "/")
    path = (folder / f"{wanted}{STYLE_SUFFIX}").resolve()
    odd = any(c in '<>:"|?*' or not c.isprintable() for c in wanted) or len(os.fsencode(path.name)) > LONGEST_NAME
    parts = wanted.split("/")
    odd |= any(not part.strip(". ") or part[0] == "." or part.partition(".")[0].upper() in RESERVED for part in parts)
    if odd or not path.is_relative_to(folder):
        raise ValueError(
            f"'{name}' is no name for a style file. Give a name such as 'irises' or 'monet/irises'; "
            f"it is written below {folder}."
        )
    number, first = 1, path
    while path.exists() and not overwrite:
        number += 1
        path = first.with_name(f"{first.stem}_{number}{STYLE_SUFFIX}")
    return path


def stamp(*paths: str | os.PathLike[str]) -> str:
    """What changes when one of the files does: paths, sizes and times."""
    stats = [(str(path), os.stat(path)) for path in paths if os.path.exists(path)]
    return repr([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats])


def model_stamp(folder: Path) -> str:
    """What changes when the model in a folder does."""
    return stamp(folder / CONFIG, folder / WEIGHTS)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(str, names)) or "nothing"
