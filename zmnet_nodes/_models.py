"""A model, and a style with its model, in the hands of ComfyUI's memory manager."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _folders
from ._core import core
from ._schema import AUTO

if TYPE_CHECKING:
    from zmnet_core import Style, ZMNet
    from zmnet_core.styling.regions import AnyStyle

PRECISIONS = (AUTO, "float32", "float16")

# Bytes a pixel at the TNet's widest point (width 32, float32): before layer 10 the up-sampled 64 channels
# and their padded copy, after it 32; 640 in all. The process was seen to grow by about 900 on a CPU.
ACTIVATIONS = 900


class LoadedModel:
    """What travels on a ZMNET_MODEL wire."""

    def __init__(self, net: ZMNet, name: str):
        import comfy.model_management as management
        from comfy.model_patcher import ModelPatcher

        self.name = name
        self.patcher = ModelPatcher(
            net, load_device=management.get_torch_device(), offload_device=management.unet_offload_device()
        )

    def __repr__(self) -> str:
        return f"ZM-Net '{self.name}'"

    @property
    def net(self) -> ZMNet:
        """The model, wherever it is."""
        return self.patcher.model

    @contextmanager
    def ready(self, pixels: int) -> Iterator[ZMNet]:
        """The model on its device, with room for pictures of so many pixels at a time; Cancel stops it in any layer."""
        import comfy.model_management as management

        management.load_models_gpu([self.patcher], memory_required=pixels * ACTIVATIONS)
        with core("networks.strips").pausing(management.throw_exception_if_processing_interrupted):
            yield self.net


def load_model(source: str, name: str, precision: str = AUTO) -> LoadedModel:
    """A saved model as ComfyUI holds it.

    Args:
        source: a folder or a Hub id.
        name: what people call it.
        precision: one of PRECISIONS; auto takes what ComfyUI finds best for its device.

    Raises:
        ZMNetError: it is not there, or it is broken.
    """
    import comfy.model_management as management
    import torch

    with torch.inference_mode(False):  # else the weights would be inference tensors
        net = core("model").ZMNet.from_pretrained(source)
        net.name = name
        if precision == AUTO:
            size = sum(p.numel() for p in net.parameters())
            kinds = [torch.float16, torch.float32]
            found = management.unet_dtype(management.get_torch_device(), size, supported_dtypes=kinds)
            precision = "float16" if found == torch.float16 else "float32"
        return LoadedModel(net.to(getattr(torch, precision)), name)


_MAKERS: dict[Path, tuple[str, LoadedModel]] = {}  # folder: its state and its model, which is loaded once


def maker_of(style: Style) -> LoadedModel | None:
    """The model that made a style, if it is one of those that Load ZM-Net shows."""
    errors, identity = core("errors"), core("networks.identity")
    for name, folder in _folders.model_folders().items():
        state = _folders.model_stamp(folder)
        try:
            found = identity.fingerprint_of(folder)
        except errors.WrongModelError:  # a broken model is in nobody's way until it is loaded
            continue
        if found == style.fingerprint:
            if folder not in _MAKERS or _MAKERS[folder][0] != state:
                _MAKERS[folder] = state, load_model(str(folder), name)
            return _MAKERS[folder][1]
    return None


@dataclass(frozen=True)
class CarriedStyle:
    """What travels on a ZMNET_STYLE wire: a style, or several by region, and the model that made it if it is known."""

    style: AnyStyle
    model: LoadedModel | None = None

    def __repr__(self) -> str:
        return repr(self.style)

    def model_or(self, model: LoadedModel | None) -> LoadedModel:
        """The model given, else the one carried.

        Raises:
            ValueError: neither is there.
        """
        found = model or self.model
        if found is None:
            raise ValueError(
                f"{self.style!r} was loaded from a file, and none of the models here has made it: put its model's "
                "folder into models/zmnet, or connect Load ZM-Net with its Hub id to the model input."
            )
        self.style.require(found.net.fingerprint, name=found.name)
        return found

    def named(self, name: str) -> CarriedStyle:
        """The same under another name."""
        style: Any = self.style  # regions are named by their styles, and nobody names them
        return replace(self, style=replace(style, name=name))
