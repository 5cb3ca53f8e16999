"""Example Picture: the pack's own paintings and photographs, so that its workflows run as they come."""

from __future__ import annotations

from pathlib import Path

from comfy_api.latest import io, ui

from ._core import core
from ._schema import chosen, schema
from ._tensors import image_of

PICTURES = Path(__file__).parent.parent / "zmnet_core" / "demo_pictures"


def example_pictures() -> dict[str, Path]:
    """Name → file, the photographs first."""
    return {file.stem: file for kind in ("contents", "styles") for file in sorted((PICTURES / kind).glob("*.jpg"))}


class ExamplePicture(io.ComfyNode):
    """A picture that comes with the pack."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = list(example_pictures())
        return schema(
            node_id="ZMNetExamplePicture",
            display_name="Example Picture",
            description="A photograph or a painting that comes with the pack, in the public domain: to try styles with "
            "before loading pictures of your own.",
            search_aliases=["sample image", "demo picture", "zmnet example"],
            inputs=[
                io.Combo.Input(
                    "picture",
                    options=names,
                    default="coffee",
                    tooltip="Four photographs, then six paintings. For your own pictures take Load Image.",
                )
            ],
            outputs=[io.Image.Output(display_name="image")],
            is_output_node=True,  # so that ComfyUI shows the picture on the node also when nothing has to be run again
        )

    @classmethod
    def execute(cls, picture: str) -> io.NodeOutput:
        files = example_pictures()
        chosen(picture, files, "picture")
        images = core("images")
        image = image_of(images.to_tensor(images.read_picture(files[picture]).rgb)[None])
        return io.NodeOutput(image, ui=ui.PreviewImage(image, cls=cls))
