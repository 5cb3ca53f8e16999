"""What the options name, read: models, styles, places, words. Nothing heavy is imported before one is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..networks.constants import STYLE_SIZE
from ..options import fail
from ..styling.look import Look
from .checks import REST, STYLE_FILE, is_file
from .pipes import PIPE, read

if TYPE_CHECKING:
    from ..model import ZMNet
    from ..styling.regions import Regions
    from ..styling.style import Style


def load_model(name: str, device: str) -> ZMNet:
    """The model on its device."""
    from ..hub.locate import find

    find(name)  # before torch, whose import takes seconds
    import torch

    from ..model import ZMNet

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return ZMNet.from_pretrained(name).to(torch.device(device))
    except (RuntimeError, AssertionError) as error:  # torch's two ways to say that a device is not there
        fail(f"the device '{device}' cannot be used: {error}")


def load_style(model: ZMNet, file: Path, look: Look, megapixels: float | None) -> Style:
    """A style file as it is, or a painting encoded."""
    from ..styling.paint import encode_painting
    from ..styling.style import Style

    if file.suffix == STYLE_FILE:
        return Style.load(file)
    return encode_painting(model, read(file, look.style_size, megapixels).rgb, look, "" if file == PIPE else file.stem)


def with_colours(look: Look, megapixels: float | None) -> Look:
    """The look with what the file of its `palette_of` holds."""
    if not isinstance(file := look.palette_of, Path):
        return look

    from ..styling.palette_of import with_palette_read

    if file.suffix != STYLE_FILE:
        look = replace(look, palette_of=read(file, STYLE_SIZE, megapixels).rgb)
    return with_palette_read(look)


def in_regions(styles: list[Style], places: list[str], megapixels: float | None) -> Regions:
    """Each style where its mask is; the place of one may be the rest."""
    from ..styling.regions import Regions

    rest = styles[places.index(REST)] if REST in places else None
    pairs = []
    for style, place in zip(styles, places):
        if place != REST:
            picture = read(Path(place), None, megapixels)
            mask = picture.rgb.copy()
            if picture.alpha is not None:
                mask.putalpha(picture.alpha)
            pairs.append((style, mask))
    return Regions(pairs, rest)


def load_signal(model: ZMNet, text: str, look: Look, megapixels: float | None) -> Style:
    """The style of a painting or style file, or of words."""
    if is_file(text):
        return load_style(model, Path(text), look, megapixels)
    return model.encode_attribute(text)
