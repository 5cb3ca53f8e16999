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
        image = image_of(read_example(chosen(picture, example_pictures(), "picture")))
        return io.NodeOutput(image, ui=ui.PreviewImage(image, cls=cls))
