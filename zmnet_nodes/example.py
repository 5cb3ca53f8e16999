"""Example Picture: the pack's own paintings and photographs, so that its workflows run as they come."""

from __future__ import annotations

from comfy_api.latest import io, ui

from ._samples import example_pictures, read_example
from ._schema import chosen, schema
from ._tensors import image_of


class ExamplePicture(io.ComfyNode):
    """A picture that comes with the pack."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = list(example_pictures())
        return schema(
            node_id="ZMNetExamplePicture",
            display_name="Example Picture",
            description="Gives a photograph or a painting that comes with the pack, free to use (public domain or "
            "CC0), so that you can try styles before you load pictures of your own.",
            search_aliases=["sample image", "demo picture", "zmnet example"],
            inputs=[
                io.Combo.Input(
                    "picture",
                    options=names,
                    default="coffee",
                    tooltip="The first four are photographs, the other six are paintings. For your own pictures use "
                    "Load Image.",
                )
            ],
            outputs=[io.Image.Output(display_name="image")],
            has_intermediate_output=True,  # no output node: ComfyUI would call a graph a success of which only this ran
        )

    @classmethod
    def execute(cls, picture: str) -> io.NodeOutput:
        image = image_of(read_example(chosen(picture, example_pictures(), "picture")))
        return io.NodeOutput(image, ui=ui.PreviewImage(image, cls=cls))
