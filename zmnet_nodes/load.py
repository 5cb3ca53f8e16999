"""Load ZM-Net."""

from __future__ import annotations

from comfy_api.latest import io

from . import _folders
from ._core import core
from ._models import LoadedModel
from ._schema import Model, chosen, schema

_folders.register()

PRECISIONS = ("auto", "float32", "float16")


class LoadZMNet(io.ComfyNode):
    """A model from the pack, from models/zmnet or from the Hugging Face Hub."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetLoad",
            display_name="Load ZM-Net",
            description="Loads a style-transfer network of a few MB. The bundled zmnet-base works at once, without a "
            "download.",
            search_aliases=["style transfer model", "zmnet", "zm-net loader", "neural style"],
            inputs=[
                io.Combo.Input(
                    "model",
                    options=_folders.model_names(),
                    default=_folders.DEFAULT_MODEL,
                    tooltip="zmnet-base, the bolder zmnet-bold and the faster zmnet-mini come with the node pack. "
                    "Other models are folders in ComfyUI's models/zmnet that hold config.json, model.safetensors and, "
                    "for words, attribute.safetensors.",
                ),
                io.String.Input(
                    "hub_id",
                    default="",
                    optional=True,
                    placeholder="Hugging Face id (optional)",
                    tooltip="If you write a Hugging Face id here, such as org/zmnet-20k, that model is taken instead "
                    "of the one above. It is downloaded once, into the Hugging Face cache. If this is empty, nothing "
                    "is downloaded.",
                ),
                io.Combo.Input(
                    "precision",
                    options=list(PRECISIONS),
                    default="auto",
                    optional=True,
                    tooltip="auto takes what ComfyUI finds best for the device (float32 on a CPU). Choose float32 if "
                    "pictures come out black.",
                ),
            ],
            outputs=[
                Model.Output(display_name="model", tooltip="The model, for Encode Style, Encode Attribute and others.")
            ],
        )

    @classmethod
    def validate_inputs(cls, model: str | None = None, hub_id: str | None = "") -> bool | str:
        if model is None or hub_id is None:  # linked: known only when the node runs
            return True
        return True if hub_id.strip() or model in _folders.model_folders() else _folders.no_model(model)

    @classmethod
    def fingerprint_inputs(cls, model: str | None = None, hub_id: str | None = "", **_: object) -> str:
        if hub_id and hub_id.strip():
            return f"hub:{hub_id.strip()}"  # once loaded it stays for the session
        folder = _folders.model_folders().get(model or "")
        return _folders.stamp(folder / _folders.CONFIG, folder / _folders.WEIGHTS) if folder else "missing"

    @classmethod
    def execute(cls, model: str, hub_id: str = "", precision: str = "auto") -> io.NodeOutput:
        import comfy.model_management as management
        import torch

        chosen(precision, PRECISIONS, "precision")
        hub_id = hub_id.strip()
        source = hub_id or str(_folders.model_folder(model))
        with torch.inference_mode(False):  # else the weights would be inference tensors
            net = core("model").ZMNet.from_pretrained(source)
            if precision == "auto":
                size = sum(p.numel() for p in net.parameters())
                kinds = [torch.float16, torch.float32]
                found = management.unet_dtype(management.get_torch_device(), size, supported_dtypes=kinds)
                precision = "float16" if found == torch.float16 else "float32"
            net = net.to(getattr(torch, precision))
        return io.NodeOutput(LoadedModel(net, hub_id or model))
