"""VGG-16 features (Simonyan & Zisserman 2015): the loss network, and the eyes of the `vgg` PNet.

Layers carry the names of the style-transfer literature: relu1_2 is the activation after the second
convolution of the first block. Weights are torchvision-keyed (`features.N.weight`) and expect RGB
normalised by ImageNet's mean and standard deviation; that happens inside, so inputs are 0..1.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ..assets import data_root
from ..errors import WeightsNotFoundError
from ..tensor_files import opened
from .strips import pause
from .typed import NamedModules, channels_last
from .unmade import constant

HUB_ID, HUB_FILE = "timm/vgg16.tv_in1k", "model.safetensors"

WIDTH = 64  # outputs of the first block, in the paper
# (activation, index of its convolution in torchvision's numbering, outputs at that width); None is a max pool.
Plan = tuple[tuple[str, int, int] | None, ...]
_PLAN: Plan = (
    ("relu1_1", 0, 64), ("relu1_2", 2, 64), None,
    ("relu2_1", 5, 128), ("relu2_2", 7, 128), None,
    ("relu3_1", 10, 256), ("relu3_2", 12, 256), ("relu3_3", 14, 256), None,
    ("relu4_1", 17, 512), ("relu4_2", 19, 512), ("relu4_3", 21, 512),
)  # fmt: skip
LAYER_CHANNELS = {entry[0]: entry[2] for entry in _PLAN if entry is not None}
LAYER_ORDER = tuple(LAYER_CHANNELS)
FIRST = "features.0.weight"


class VGG(nn.Module):
    """A VGG network up to and including layer `last`, frozen; subclasses say which.

    Args:
        last: the deepest activation that is computed, "relu1_1" … "relu4_3".
        width: outputs of the first block; the others are in proportion. Another than 64 is a thinner network for
            quick trials, with weights of its own.
    """

    name: str
    plan: Plan
    mean_rgb: tuple[float, float, float]  # subtracted from pictures in 0..1
    std_rgb: tuple[float, float, float]  # and divided by
    mean: Tensor
    std: Tensor

    def __init__(self, last: str = "relu4_3", width: int = WIDTH):
        super().__init__()
        if width < 1:
            raise ValueError(f"{self.name} of width {width} cannot be: it is at least 1, and {WIDTH} in the paper.")
        names = [entry[0] for entry in self.plan if entry is not None]
        if last not in names:
            raise ValueError(f"{self.name} has no layer '{last}' here; choose one of {', '.join(names)}.")
        self.last, self.width = last, width
        self.features: NamedModules[nn.Conv2d] = NamedModules()
        inputs = 3
        for entry in self.plan:
            if entry is None:
                continue
            name, index, outputs = entry[0], entry[1], entry[2] * width // WIDTH
            self.features[str(index)] = nn.Conv2d(inputs, outputs, 3, padding=1)
            inputs = outputs
            if name == last:
                break
        self.register_buffer("mean", constant(self.mean_rgb).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", constant(self.std_rgb).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        channels_last(self)

    @cached_property
    def fingerprint(self) -> float:
        """Tells one set of weights from another."""
        return float(sum(p.double().abs().sum() for p in self.parameters()))

    def cast(self, dtype: torch.dtype) -> None:
        """Keep the convolutions' weights in half precision, as autocast would round them at every pass."""
        _ = self.fingerprint  # the rounded weights are still those of this network
        self.features.to(dtype)

    def forward(self, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Activations of an [N, 3, H, W] picture in 0..1 at the named layers; stops at the deepest."""
        wanted = set(layers)
        found: dict[str, Tensor] = {}
        x = ((image - self.mean) / self.std).to(next(iter(self.features.values())).weight.dtype)
        for entry in self.plan:
            if entry is None:
                x = nn.functional.max_pool2d(x, 2)
                continue
            name, index, _ = entry
            if str(index) not in self.features:
                break
            pause()
            x = self.features[str(index)](x).relu_()
            if name in wanted:
                found[name] = x
                if len(found) == len(wanted):
                    return found
        raise ValueError(
            f"this {self.name} ends at {self.last}; it cannot give {', '.join(sorted(wanted - set(found)))}."
        )


class VGG16(VGG):
    """VGG-16, with torchvision's normalisation."""

    name, plan = "VGG-16", _PLAN
    mean_rgb, std_rgb = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_vgg16(last: str = "relu4_3") -> VGG16:
    """VGG-16 with ImageNet weights, float32, on the CPU; as wide as the file has it.

    Looked for in this order: the file named by `$ZMNET_VGG`; `models/vgg16-features.safetensors` in
    `$ZMNET_DATA`; the Hugging Face Hub's `timm/vgg16.tv_in1k`.

    Raises:
        WeightsNotFoundError: none of the three gave a file, the message says why for each; or the
            file is not a VGG-16.
    """
    path, state = _find_weights(), {}
    try:
        with opened(path) as file:
            keys = set(file.keys())
            first = file.get_slice(FIRST).get_shape() if FIRST in keys else []
            network = VGG16(last, first[0] if len(first) == 4 and first[0] else WIDTH)
            for name, parameter in network.state_dict().items():
                if name not in keys or file.get_slice(name).get_shape() != list(parameter.shape):
                    raise WeightsNotFoundError(
                        f"{path} is not a VGG-16: it lacks '{name}' with shape {tuple(parameter.shape)}. "
                        "Expected torchvision's key names (features.0.weight …)."
                    )
                state[name] = file.get_tensor(name).float()
    except SafetensorError as error:
        raise WeightsNotFoundError(f"{path} cannot be read as safetensors ({error}).") from error
    network.load_state_dict(state)
    return network.eval()


def _find_weights() -> Path:
    named = os.environ.get("ZMNET_VGG")
    if named:
        if Path(named).is_file():
            return Path(named)
        raise WeightsNotFoundError(f"ZMNET_VGG names '{named}', but there is no such file.")
    root = data_root()
    local = root / "models" / "vgg16-features.safetensors" if root else None
    if local and local.is_file():
        return local
    from ..hub.repository import Repository

    try:
        return Repository(HUB_ID).file(HUB_FILE)
    except WeightsNotFoundError as error:
        looked_at = f"{local.resolve()} (no such file)" if local else "$ZMNET_DATA (not set)"
        raise WeightsNotFoundError(
            "The VGG-16 weights of the loss network were not found. Looked at: $ZMNET_VGG (not set); "
            f"{looked_at}; {HUB_ID} on the Hugging Face Hub: {error} "
            "Set ZMNET_VGG to a safetensors file of VGG-16 with torchvision's key names."
        ) from error
