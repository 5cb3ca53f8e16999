"""Other people's networks, from clones of their public repositories: where they lie, and how a checkpoint is read.

Nothing of them ships here. A folder holds the clones, each under its repository's name:

    git clone https://github.com/EndyWon/MicroAST
    git clone https://github.com/MingSun-Tse/Collaborative-Distillation

Only tensors are read from their files (`torch.load(weights_only=True)`), and none of their code is run.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import NotInstalledError, WeightsNotFoundError

MICROAST, WCT_16X = "MicroAST", "Collaborative-Distillation"  # folders of the clones
OWNERS = {MICROAST: "EndyWon", WCT_16X: "MingSun-Tse"}


def peers_folder(given: Path | None = None) -> Path:
    """The folder of the clones: the one that is given, else `$ZMNET_PEERS`.

    Raises:
        NotInstalledError: neither is given.
    """
    named = given or os.environ.get("ZMNET_PEERS")
    if not named:
        raise NotInstalledError("no folder with clones of their repositories: --peers, or $ZMNET_PEERS")
    return Path(named)


def load_weights(network: nn.Module, clone: Path, name: str, ignore: str = "") -> nn.Module:
    """Fill a network from the file `name` of a clone, to the last tensor.

    Args:
        ignore: the ending of names of layers that the file has and the network does not need.

    Raises:
        WeightsNotFoundError: there is no such file, or it holds something else.
    """
    path, url = clone / name, f"https://github.com/{OWNERS.get(clone.name, '…')}/{clone.name}"
    if not path.is_file():
        raise WeightsNotFoundError(f"there is no file '{path}'. '{clone}' has to be a clone of {url}.")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("model", state)
        if ignore:
            state = {key: value for key, value in state.items() if not key.rpartition(".")[0].endswith(ignore)}
        network.load_state_dict(state)
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, AttributeError, pickle.UnpicklingError) as error:
        raise WeightsNotFoundError(f"'{path}' is not the checkpoint of {url} by this name ({error}).") from error
    return network


def fingerprint(network: nn.Module) -> str:
    """Tells one set of weights from another, in a cache's keys."""
    return repr(float(sum(p.double().abs().sum() for p in network.parameters())))


def padded(picture: Tensor, multiple: int) -> Tensor:
    """The border pixels repeated to the right and below, up to sides that are multiples: [N, C, H, W]."""
    height, width = picture.shape[-2:]
    return F.pad(picture, (0, -width % multiple, 0, -height % multiple), mode="replicate")
