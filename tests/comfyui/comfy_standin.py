"""The smallest stand-in for what the nodes use of ComfyUI, so that their logic is tested where there is none.

It knows nothing that ComfyUI does: inputs remember their arguments, folders are folders of the disk, the device is the
CPU. ComfyUI itself is tested in test_comfyui.py.
"""

from __future__ import annotations

import dataclasses
import importlib.machinery
import os
import sys
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch


class Interrupted(Exception):
    """ComfyUI's InterruptProcessingException."""


class Socket:
    """An input or an output: its id and whatever else was said."""

    def __init__(self, id: str | None = None, **options: object):
        self.id, self.optional = id, options.pop("optional", False)
        self.options = options


def socket_type(name: str) -> SimpleNamespace:
    kinds = {kind: type(f"{name}{kind}", (Socket,), {"type": name}) for kind in ("Input", "Output")}
    return SimpleNamespace(**kinds)


@dataclasses.dataclass
class Schema:
    """The fields of ComfyUI 0.3.64 that matter here (no search_aliases: that came later)."""

    node_id: str
    display_name: str
    category: str
    inputs: list
    outputs: list
    description: str = ""
    is_output_node: bool = False
    is_input_list: bool = False


class ComfyNode:
    """Base of nodes."""


class NodeOutput:
    """What a node returns."""

    def __init__(self, *result: object, ui: object = None):
        self.result, self.ui = result, ui


PREVIEWS = Enum("LatentPreviewMethod", {"NoPreviews": "none", "Auto": "auto"})


class Bar:
    """A progress bar that notes how far it is, and what is shown on it."""

    def __init__(self, comfy: StandIn, total: int):
        self.comfy, self.current = comfy, 0
        comfy.steps.append([0, total])

    def update_absolute(self, value: int, total: int | None = None, preview: tuple | None = None) -> None:
        self.current = self.comfy.steps[-1][0] = value
        if preview is not None:
            self.comfy.shown.append(preview)

    def update(self, count: int) -> None:
        self.update_absolute(self.current + count)


class StandIn:
    """The state behind the modules: folders, and what was asked of ComfyUI."""

    def __init__(self, root: Path):
        self.root, self.loaded, self.steps, self.shown, self.cancelled = root, [], [], [], False
        self.args = SimpleNamespace(preview_method=PREVIEWS.NoPreviews, preview_size=512)
        self.folders: dict[str, tuple[list[str], set[str]]] = {}

    def modules(self) -> dict[str, ModuleType]:
        io = SimpleNamespace(
            **{
                kind: socket_type(kind.upper())
                for kind in ("Image", "Mask", "Float", "Int", "Boolean", "String", "Combo")
            },
            Custom=socket_type,
            MultiType=socket_type("MULTITYPE"),
            Schema=Schema,
            ComfyNode=ComfyNode,
            NodeOutput=NodeOutput,
            NumberDisplay=Enum("NumberDisplay", {"slider": "slider"}),
        )
        ui = SimpleNamespace(
            PreviewImage=lambda image, cls: SimpleNamespace(as_dict=lambda: {"images": image}, images=image)
        )
        contents = {
            "comfy_api": {},
            "comfy_api.latest": {"io": io, "ui": ui, "ComfyExtension": object},
            "folder_paths": {
                "models_dir": str(self.root / "models"),
                "folder_names_and_paths": self.folders,
                "add_model_folder_path": self.add_folder,
                "get_folder_paths": lambda name: self.folders[name][0],
                "get_filename_list": self.files,
                "get_full_path": self.path,
                "get_output_directory": lambda: str(self.root / "output"),
            },
            "comfy": {},
            "comfy.utils": {"ProgressBar": lambda total: Bar(self, total)},
            "comfy.cli_args": {"args": self.args, "LatentPreviewMethod": PREVIEWS},
            "comfy.model_patcher": {"ModelPatcher": lambda net, **devices: SimpleNamespace(model=net, **devices)},
            "comfy.model_management": {
                "get_torch_device": lambda: torch.device("cpu"),
                "unet_offload_device": lambda: torch.device("cpu"),
                "intermediate_device": lambda: torch.device("cpu"),
                "unet_dtype": lambda device, size, supported_dtypes: torch.float32,
                "load_models_gpu": lambda patchers, memory_required: self.loaded.append(memory_required),
                "throw_exception_if_processing_interrupted": self.check,
            },
        }
        modules = {}
        for name, attributes in contents.items():
            modules[name] = ModuleType(name)
            modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None)
            modules[name].__path__ = []
            vars(modules[name]).update(attributes)
        for name in modules:
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(modules[parent], child, modules[name])
        return modules

    def add_folder(self, name: str, path: str) -> None:
        self.folders.setdefault(name, ([], set()))[0].append(path)

    def files(self, name: str) -> list[str]:
        folders, suffixes = self.folders[name]
        return sorted(
            os.path.relpath(file, folder)
            for folder in folders
            for file in Path(folder).rglob("*")
            if file.suffix in suffixes
        )

    def path(self, name: str, file: str) -> str | None:
        return next((p for p in (os.path.join(f, file) for f in self.folders[name][0]) if os.path.isfile(p)), None)

    def check(self) -> None:
        if self.cancelled:
            raise Interrupted


def install(patch: object, root: Path) -> StandIn:
    """Put the stand-in in the place of ComfyUI, and forget nodes that were imported with another."""
    comfy = StandIn(root)
    for name in [name for name in sys.modules if name.partition(".")[0] == "zmnet_nodes"]:
        patch.delitem(sys.modules, name)
    for name, module in comfy.modules().items():
        patch.setitem(sys.modules, name, module)
    return comfy
