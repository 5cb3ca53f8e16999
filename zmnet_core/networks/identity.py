"""Which model is which: the fingerprint of a TNet's weights, and the names that people know them by."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from ..assets import BUNDLED
from ..errors import WrongModelError, in_words
from ..hub.locate import CONFIG, WEIGHTS, bundled_models, read_config
from ..tensor_files import opened
from .tnet import TNet
from .unmade import unmade


def fingerprint(weights: Iterable[tuple[str, Tensor]], palette: bool, grey: bool = False) -> str:
    """SHA-256 of a TNet's weights, by name in the order of its state dict, rounded to float16.

    Args:
        palette: whether the TNet's norms know of the painting's palette, which no weight shows.
        grey: whether it sees photographs without colour, the like.
    """
    digest = hashlib.sha256(b"palette" * palette + b"grey" * grey)
    for name, tensor in weights:
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().to("cpu", torch.float16).contiguous().numpy().tobytes())
    return digest.hexdigest()


def fingerprint_of(folder: str | os.PathLike[str]) -> str:
    """That of a saved model, without loading the rest of it.

    Raises:
        WrongModelError: the folder holds no model of this version.
    """
    options = read_config(Path(folder) / CONFIG).get("tnet") or {}
    try:
        with unmade():
            tnet = TNet(**options)
        with opened(Path(folder) / WEIGHTS) as file:
            weights = ((name, file.get_tensor(f"tnet.{name}")) for name in tnet.state_dict())
            return fingerprint(weights, tnet.palette, tnet.grey)
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise WrongModelError(f"'{folder}' holds no model of this version: {in_words(error)}.") from error


@cache
def _bundled() -> dict[str, str]:
    return {fingerprint_of(BUNDLED / name): name for name in bundled_models()}


def called(fingerprint: str, name: str = "") -> str:
    """A model's name for messages: the one it goes by, that of the bundled model it is, or "model 1a2b3c4d"."""
    return name or _bundled().get(fingerprint) or f"model {fingerprint[:8]}"


def told_apart(one: tuple[str, str], other: tuple[str, str]) -> tuple[str, str]:
    """The names of two different models, each a fingerprint and a name: with the fingerprints where they are alike."""
    names = called(*one), called(*other)
    if names[0] != names[1]:
        return names
    return f"{names[0]} ({one[0][:8]})", f"{names[1]} ({other[0][:8]})"
