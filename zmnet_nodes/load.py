"""Load ZM-Net."""

from __future__ import annotations

from comfy_api.latest import io

from . import _folders
from ._models import PRECISIONS, load_model
from ._schema import Model, chosen, schema

_folders.register()


class LoadZMNet(io.ComfyNode):
    """A model from the pack, from models/zmnet or from the Hugging Face Hub."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetLoad",
            display_name="Load ZM-Net",
            description="Loads a style-transfer network of a few MB. The bundled zmnet-base works at once, without a "
            "download.",
            search_aliases=["style transfer model", "zm-net loader", "load zmnet"],
            inputs=[
                io.Combo.Input(
                    "model",
                    options=_folders.model_names(),
                    default=_folders.DEFAULT_MODEL,
                    tooltip="zmnet-base, the bolder zmnet-bold, the faster zmnet-mini and zmnet-daylight, which "
                    "changes light and weather by words, come with the node pack. "
                    "Other models are folders in ComfyUI's models/zmnet that hold config.json, model.safetensors and, "
                    "for words, attribute.safetensors.",
                ),
                io.String.Input(
                    "hub_id",
                    default="",
                    optional=True,
                    placeholder="Hugging Face id (optional)",
                    tooltip="If you write a Hugging Face id here, such as org/name, that model is taken instead "
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
        return _folders.model_stamp(folder) if folder else "missing"

    @classmethod
    def execute(cls, model: str, hub_id: str = "", precision: str = "auto") -> io.NodeOutput:
        chosen(precision, PRECISIONS, "precision")
        hub_id = hub_id.strip()
        return io.NodeOutput(load_model(hub_id or str(_folders.model_folder(model)), hub_id or model, precision))
