"""Blend Styles, Save Style, Load Style and Style Preview."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io, ui

from . import _folders
from ._core import core
from ._models import CarriedStyle, LoadedModel, maker_of
from ._progress import Progress
from ._samples import read_example
from ._schema import StyleType, grown, optional_model, plainly_named, schema
from ._tensors import image_of, pictures, thinned

if TYPE_CHECKING:
    from torch import Tensor

BLENDED = range(1, 9)
ALWAYS, GROWN = 2, "styles"  # of Blend Styles: how many sockets are there from the start; the input of the others
SWATCH = "colosseum"  # of the example pictures
SAVED, SAVED_SIZE = 4, 256  # Save Style shows that many of several styles, of so many pixels


class BlendStyles(io.ComfyNode):
    """Styles + weights → their weighted mean."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        weights = [
            io.Float.Input(
                f"weight_{number}",
                default=1.0,
                min=-4.0,
                max=4.0,
                step=0.05,
                optional=number > 2,
                tooltip=f"The share of style_{number}, or of each of its styles if it is a list. The weights are "
                "divided by their sum. A negative weight leads away from the style.",
            )
            for number in BLENDED
        ]
        sockets = [
            StyleType.Input(
                f"style_{number}",
                optional=number > 1,
                tooltip="One style, or a list of any length (from Encode Style with batch on list). Leave the sockets "
                "that you do not need unconnected.",
            )
            for number in BLENDED
        ]
        return schema(
            node_id="ZMNetBlendStyles",
            display_name="Blend Styles",
            description="Makes the weighted mean of any number of styles of one model. Each of the eight sockets takes "
            "one style or a whole list.",
            search_aliases=["mix styles", "style interpolation", "combine styles", "zmnet blend"],
            inputs=[*grown(GROWN, sockets, ALWAYS), *weights],
            outputs=[
                StyleType.Output(display_name="style", tooltip="The blended style, which carries the styles' model.")
            ],
            is_input_list=True,
        )

    @classmethod
    def execute(cls, **inputs: list[Any]) -> io.NodeOutput:
        inputs = plainly_named(inputs, [GROWN])
        carried, weights = [], []
        for number in BLENDED:
            styles = inputs.get(f"style_{number}") or []
            carried += styles
            weights += weights_of(styles, inputs.get(f"weight_{number}") or [1.0], number)
        mixed = core("styling.regions").mixed([c.style for c in carried], weights)
        return io.NodeOutput(CarriedStyle(mixed, next((c.model for c in carried if c.model), None)))


def weights_of(styles: list[CarriedStyle], weights: list[float], number: int) -> list[float]:
    """One weight for every style of a socket: its own, or the only one there is.

    Raises:
        ValueError: there are several weights, and not as many as styles.
    """
    if len(weights) == 1:
        return weights * len(styles)
    if styles and len(weights) != len(styles):
        raise ValueError(
            f"weight_{number} is a list of {len(weights)} numbers, style_{number} one of {len(styles)} styles: give "
            "one weight for all, or as many weights as styles."
        )
    return weights[: len(styles)]


class SaveStyle(io.ComfyNode):
    """Style → a small safetensors file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetSaveStyle",
            display_name="Save Style",
            description="Writes a style (15 KB) to output/zmnet_styles, where Load Style finds it, and shows it under "
            "the name that it has there.",
            search_aliases=["export style", "store style", "zmnet save"],
            inputs=[
                StyleType.Input("style", tooltip="The style to save."),
                io.String.Input(
                    "filename",
                    default="style",
                    tooltip="A name such as irises or monet/irises, without an ending. If the name is taken, irises_2 "
                    "is written, unless you ask to overwrite. Of a list, each style gets a number.",
                ),
                io.Boolean.Input(
                    "overwrite",
                    default=False,
                    optional=True,
                    tooltip="Whether to replace a style file that has this name. Turned off, nothing is overwritten.",
                ),
            ],
            outputs=[
                StyleType.Output(
                    display_name="style", is_output_list=True, tooltip="The same style, for the next node."
                )
            ],
            is_output_node=True,
            is_input_list=True,
        )

    @classmethod
    def execute(
        cls, style: list[CarriedStyle], filename: list[str], overwrite: list[bool] | None = None
    ) -> io.NodeOutput:
        if any(isinstance(each.style, core("styling.regions").Regions) for each in style):
            raise ValueError(
                "a style by region is styles and masks, for which there is no file: save its styles one by one."
            )
        # A list comes as one, so that styles of one name do not overwrite each other.
        replace = bool(overwrite and overwrite[0])
        names = filename if len(filename) == len(style) else numbered(filename[0], len(style), replace)
        kept, shown, said = [], [], []
        for each, name in zip(style, names):
            path = _folders.new_style_file(name, replace)
            named = each if each.style.name else each.named(path.stem)
            try:
                saved: Any = named.style  # regions have been refused
                saved.save(path)
            except OSError as error:
                raise ValueError(f"'{path}' could not be written: {core('errors').in_words(error)}.") from error
            kept.append(named)
            said.append(f"Saved {path}")
            below = path.relative_to(Path(_folders.saved_styles()).resolve()).with_suffix("").as_posix()
            shown.append(saved_picture(named, below))
        previews = [ui.PreviewImage(picture, cls=cls).as_dict() for picture in shown]
        together = {"images": [image for preview in previews for image in preview["images"]], "text": tuple(said)}
        return io.NodeOutput(kept, ui={**previews[0], **together})


def numbered(name: str, count: int, replace: bool) -> list[str]:
    """The names of so many styles: name, name_2, …; where nothing is replaced, the numbers are found later."""
    if not replace:
        return [name] * count
    plain = name.strip().removesuffix(_folders.STYLE_SUFFIX)
    return [plain, *(f"{plain}_{number}" for number in range(2, count + 1))]


def saved_picture(style: CarriedStyle, name: str) -> Tensor:
    """IMAGE for the node: what the style does, as far as its model is known, under the name of its file."""
    sheet, picture = core("images.sheet"), core("images.picture")
    if style.model is None:
        shown = [sheet.note(f"made by {style.style.model or 'a model'}, which is not here", SAVED_SIZE)]
    else:
        shown = list(swatches(style, style.model, read_example(SWATCH), SAVED_SIZE).split(1))[:SAVED]
    image = sheet.contact_sheet([shown], SAVED_SIZE, titles=[[name]], letters=14)
    return image_of(picture.to_tensor(image)[None])


def swatches(style: CarriedStyle, model: LoadedModel, contents: Tensor, size: int) -> Tensor:
    """A small copy of a picture, [1, 3, H, W], in each of the styles."""
    contents = core("styling.tiling").small_copy(contents, size)
    with model.ready(contents[0, 0].numel()) as net:
        return core("styling.paint").stylize_each(net, contents, style.style, step=Progress(len(style.style)).step)


class LoadStyle(io.ComfyNode):
    """A style file → style."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetLoadStyle",
            display_name="Load Style",
            description="Loads a style that Save Style or `zmnet encode` wrote, from output/zmnet_styles or "
            "models/zmnet_styles, with the model that made it: one of those in Load ZM-Net, or else connect it.",
            search_aliases=["import style", "style file", "zmnet load style"],
            inputs=[
                io.Combo.Input(
                    "style_file",
                    options=_folders.style_names(),
                    tooltip="The style file to load. Press R to refresh the list after you have saved a new style.",
                ),
                optional_model(),
            ],
            outputs=[
                StyleType.Output(display_name="style", tooltip="The style, which carries the model that made it.")
            ],
        )

    @classmethod
    def validate_inputs(cls, style_file: str | None = None) -> bool | str:
        missing = style_file is not None and style_file not in _folders.style_names()
        return _folders.no_style(style_file) if missing else True

    @classmethod
    def fingerprint_inputs(cls, style_file: str | None = None, **_: object) -> str:
        if style_file is None or style_file not in _folders.style_names():
            return "missing"
        models = [_folders.model_stamp(folder) for folder in _folders.model_folders().values()]
        return " ".join([_folders.stamp(_folders.style_file(style_file)), *models])

    @classmethod
    def execute(cls, style_file: str, model: LoadedModel | None = None) -> io.NodeOutput:
        style = core("styling.style").Style.load(_folders.style_file(style_file))
        carried = CarriedStyle(style, model or maker_of(style))
        if model is not None:
            carried.model_or(model)
        return io.NodeOutput(carried)


class StylePreview(io.ComfyNode):
    """Style → a picture of it on the node."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="ZMNetStylePreview",
            display_name="Style Preview",
            description="Shows what a style does, on a small sample photograph or on your own picture. Put it between "
            "two nodes, or connect its image to Preview Image.",
            search_aliases=["style swatch", "show style", "zmnet preview"],
            inputs=[
                StyleType.Input("style", tooltip="The style to show."),
                optional_model(),
                io.Image.Input(
                    "image", optional=True, tooltip="A picture of yours to show the style on, instead of the sample."
                ),
                io.Int.Input(
                    "size", default=256, min=64, max=1024, step=16, tooltip="The long side of the preview in pixels."
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The preview."),
                StyleType.Output(display_name="style", tooltip="The same style, for the next node."),
            ],
            has_intermediate_output=True,  # no output node: ComfyUI would call a graph a success of which only this ran
        )

    @classmethod
    def execute(
        cls, style: CarriedStyle, model: LoadedModel | None = None, image: Tensor | None = None, size: int = 256
    ) -> io.NodeOutput:
        contents, alpha = (read_example(SWATCH), None) if image is None else pictures(thinned(image[:1], size))
        painted = swatches(style, style.model_or(model), contents, size)
        if alpha is not None:
            small = core("images.resize").resized(alpha.float().movedim(-1, 1), painted.shape[-2:])
            alpha = small.clamp(0, 1).movedim(1, -1)
        swatch = image_of(painted, alpha)
        return io.NodeOutput(swatch, style, ui=ui.PreviewImage(swatch, cls=cls))
