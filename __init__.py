"""ZM-Net as a ComfyUI node pack: clone this repository into ComfyUI/custom_nodes."""

import importlib.util
import logging

WEB_DIRECTORY = "./web"

# pytest imports this file too, where there is no ComfyUI: then it holds nothing.
if importlib.util.find_spec("comfy_api") is not None:
    from comfy_api.latest import ComfyExtension

    from .zmnet_nodes import NODES

    class ZMNetExtension(ComfyExtension):
        """What ComfyUI asks for this pack's nodes."""

        async def get_node_list(self) -> list:
            return NODES

    async def comfy_entrypoint() -> ZMNetExtension:
        """Called once, when ComfyUI starts."""
        return ZMNetExtension()

elif importlib.util.find_spec("folder_paths") is not None:
    logging.getLogger(__name__).warning("The ZM-Net nodes need ComfyUI 0.3.64 or newer: update ComfyUI.")
