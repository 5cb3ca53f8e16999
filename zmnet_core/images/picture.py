"""Pictures in and out: files, PIL, numpy and tensors.

The one place where a picture becomes a tensor [3, H, W] in 0..1 and back. Numbers are sRGB from here on. A `Picture`
remembers what a tensor cannot hold: transparency, whether it is tagged as sRGB, and who made it.
"""

from __future__ import annotations

import io
import logging
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import PictureError, not_written
from ..files import replacing
from .allowing import quiet
from .alpha import without_hidden_colour
from .depth import Beneath, loaded
from .formats import WRITABLE
from .metadata import TURNED, Metadata, Warn, metadata_of, upright
from .opening import Draft, opened
from .pages import is_preview
from .profiles import from_srgb, srgb, to_srgb
from .ranges import eight_bits, sixteen_bits
from .spaces import stated_profile

logger = logging.getLogger(__name__)

GAP = 4  # a JPEG decoded smaller stays so many times as large as it is wanted: one level from the whole picture's copy
PROFILED = ("L", "RGB", "CMYK", "LAB")  # modes that colour profiles convert as they are


@dataclass(frozen=True)
class Picture:
    """An RGB picture with what belongs to it.

    Attributes:
        rgb: PIL image, mode RGB, upright. Where it is transparent, `to_picture` and `read_picture` put the colours of
            what is visible nearby, so that colours nobody sees steer nothing.
        alpha: PIL image, mode L, of the same size, or None.
        icc_profile: an sRGB profile, if the file said something of its colours that was obeyed; None if nothing was
            said, which means sRGB as well.
        metadata: artist, copyright, date and resolution, which are written again.
        full: width and height of the file's picture, if it was decoded smaller than that.
        own_profile: the file's own profile, if it was obeyed: `in_own_profile` goes back to it.
    """

    rgb: Image.Image
    alpha: Image.Image | None = None
    icc_profile: bytes | None = None
    metadata: Metadata = Metadata()
    full: tuple[int, int] | None = None
    own_profile: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.rgb.size

    def to_image(self) -> Image.Image:
        """A PIL image, mode RGB or RGBA, that carries the profile, `exif` and `dpi` in its `info`."""
        image = self.rgb.copy()
        if self.alpha is not None:
            image.putalpha(self.alpha)
        said = {"icc_profile": self.icc_profile, "exif": self.metadata.exif(), "dpi": self.metadata.dpi}
        image.info = {name: value for name, value in said.items() if value}
        return image


def read_picture(
    path: str | os.PathLike[str],
    data: bytes | None = None,
    warn: Warn | None = None,
    *,
    size: int | None = None,
    megapixels: float | None = None,
) -> Picture:
    """Read a picture file of any mode Pillow knows.

    EXIF orientation is applied. An animation gives its first frame, deeper samples are scaled to 8 bits (ranges.py says
    how), and colours are brought to sRGB through the file's profile if it has one (profiles.py), or by what else it
    says of them (spaces.py). Of a TIFF file that begins with a preview, the picture is read (pages.py).

    Args:
        data: the file's bytes, if you have them; `path` is then only its name in messages.
        warn: told of what was left out, or is otherwise than one may think; if left out, it is logged.
        size: the short side that the picture will be brought to, px. A JPEG that is eight times as large, or more, is
            decoded smaller then, in less time and memory; its short side is still four times `size` or more.
        megapixels: the largest picture that is read; if left out, `$ZMNET_MEGAPIXELS`, else 256. 0 reads any size.

    Raises:
        PictureError: there is no such file, or it is not a picture, is damaged, or is too large.
    """
    warn = warn or partial(logger.warning, "'%s': %s", path)
    image, draft, beneath = opened(path, data, None if size is None else GAP * size, megapixels, warn)
    with image:
        try:
            with quiet():
                return _picture(image, warn, draft, beneath)
        except PictureError as error:
            raise PictureError(f"'{path}': {error}") from None


def to_picture(image: Image.Image, warn: Warn | None = None) -> Picture:
    """A PIL image of any mode as upright sRGB, with its alpha set aside.

    Args:
        warn: as for `read_picture`.

    Raises:
        TypeError: the argument is not a PIL image.
        PictureError: the picture holds NaN or infinite values only.
    """
    if not isinstance(image, Image.Image):
        raise TypeError(f"a PIL image is expected, not {type(image).__name__}: PIL.Image.open(path) gives one.")
    if warn is None:
        name = getattr(image, "filename", "")
        warn = partial(logger.warning, "%s: %s", f"'{name}'" if name else "the picture")
    if is_preview(image):
        warn("it is a preview, and its file may hold the picture itself, which read_picture looks for")
    with quiet():
        return _picture(image, warn, None, loaded(image))


def _picture(source: Image.Image, warn: Warn, draft: Draft | None, beneath: Beneath) -> Picture:
    """`to_picture` of an image that is decoded, perhaps smaller. (Pillow turned TIFF pictures upright when it did.)"""
    orientation, metadata = metadata_of(source, warn)
    image = draft.aligned(source) if draft else source
    if beneath.samples is not None:
        image = _of_sixteen_bits(source, beneath, warn)
    image = upright(image, orientation)
    profile = stated_profile(source, beneath.chunks, warn)
    alpha = None
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        invisible = image.info.get("transparency")
        if invisible is not None:
            alpha = Image.fromarray(np.where(np.asarray(image) == invisible, 0, 255).astype(np.uint8))
        image = sixteen_bits(image, source, warn, beneath.bits)
    elif image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        grey = image.mode in ("LA", "La", "L", "1")
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        alpha = None if alpha.getextrema() == (255, 255) else alpha
        image = image.getchannel("R") if grey else image.convert("RGB")
    elif image.mode not in PROFILED:
        image = image.convert("L" if image.mode == "1" else "RGB")
    image, tagged = to_srgb(image, profile, warn)
    if image.mode != "RGB":
        image = image.convert("RGB")
    image.info = {}  # nothing that a second reading would apply again
    if alpha is not None:
        if not alpha.getextrema()[1]:
            warn("it is transparent everywhere and read as grey")
        image = without_hidden_colour(image, alpha)
    if (count := _frames(source)) > 1:
        warn(f"it has {count} frames or pages, and only number {source.tell() + 1} is read")
    full = draft.full if draft else None
    if full and orientation in TURNED:
        full = full[::-1]
    return Picture(image, alpha, srgb() if tagged else None, metadata, full, profile if tagged else None)


def in_own_profile(picture: Picture) -> Picture:
    """The same picture in the profile of its file, to be written; in sRGB if that has none for RGB numbers."""
    image = from_srgb(picture.rgb, picture.own_profile) if picture.own_profile else None
    return picture if image is None else replace(picture, rgb=image, icc_profile=picture.own_profile)


def _of_sixteen_bits(source: Image.Image, beneath: Beneath, warn: Warn) -> Image.Image:
    """RGB or RGBA of 8 bits, with what `source` says of itself."""
    samples = beneath.samples
    assert samples is not None, "asked for where there are none"
    if not beneath.whole:
        warn("it had 16 bits and was decoded before, so only the upper 8 of them are left")
    image = Image.fromarray(eight_bits(samples, source, warn, beneath.bits))
    image.info = dict(source.info)
    invisible = image.info.pop("transparency", None)
    if isinstance(invisible, tuple) and len(invisible) == samples.shape[2] == 3:
        image.putalpha(Image.fromarray(np.where((samples == invisible).all(-1), 0, 255).astype(np.uint8)))
    return image


def _frames(image: Image.Image) -> int:
    """How many there are. (Telephones hide a second picture in a JPEG, which Pillow calls MPO: those have one.)"""
    if image.format == "MPO" or not getattr(image, "is_animated", False):
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # a later frame is damaged: there is more than one
        return 2


def write_picture(picture: Picture, path: str | os.PathLike[str], quality: int = 92) -> Path:
    """Write JPEG, PNG or WebP by suffix, with alpha (not JPEG: on white), profile and metadata.

    The file appears whole or not at all.

    Raises:
        PictureError: the suffix is another, the picture too large for it, or the disk refuses (`PlaceError` if it would
            refuse the next one as well).
    """
    path = Path(path)
    kind = WRITABLE.get(path.suffix.lower())
    if kind is None:
        raise PictureError(f"'{path}': the suffix must be one of {', '.join(WRITABLE)}.")
    try:
        data = encoded(picture, kind, quality)
        with replacing(path) as temporary:
            temporary.write_bytes(data)  # Pillow would hide why the disk refuses
    except (OSError, ValueError) as error:  # ValueError: larger than the format allows
        raise not_written(path, error) from error
    return path


def encoded(picture: Picture, kind: str, quality: int = 92) -> bytes:
    """The bytes of a JPEG, PNG or WEBP file, as `write_picture` writes them.

    Raises:
        OSError, ValueError: the picture is larger than the format allows.
    """
    image = picture.rgb
    if picture.alpha is not None:
        if kind == "JPEG":
            image = Image.composite(image, Image.new("RGB", image.size, "white"), picture.alpha)
        else:
            image = image.copy()
            image.putalpha(picture.alpha)
    options: dict[str, object] = {} if kind == "PNG" else {"quality": quality}
    if kind == "JPEG":
        options["subsampling"] = 0
    if picture.icc_profile:
        options["icc_profile"] = picture.icc_profile
    if exif := picture.metadata.exif(resolution=kind == "WEBP"):
        options["exif"] = exif
    if picture.metadata.dpi and kind != "WEBP":
        options["dpi"] = tuple(map(round, picture.metadata.dpi)) if kind == "JPEG" else picture.metadata.dpi
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def to_tensor(image: Image.Image) -> Tensor:
    """A PIL image (any mode) as [3, H, W] float32 in 0..1, read as by `to_picture`."""
    array = np.array(to_picture(image).rgb)
    return torch.from_numpy(array).permute(2, 0, 1).float().div_(255)


def to_pil(tensor: Tensor) -> Image.Image:
    """[3, H, W] in 0..1 as a PIL image, rounded to 8 bits.

    Raises:
        PictureError: the tensor holds NaN or infinite values.
    """
    if tensor.numel() and not all(end.isfinite() for end in torch.aminmax(tensor)):
        raise PictureError("the network's output holds NaN or infinite values; try float32.")
    array = tensor.float().clamp(0, 1).mul_(255).round_().to(torch.uint8).permute(1, 2, 0)
    return Image.fromarray(array.cpu().numpy())


Side = int | tuple[int, int] | None  # a short side, px: this; one in this range (least, most); as it is


def fitted_size(size: tuple[int, int], side: Side, least: int = 1) -> tuple[int, int]:
    """The size that `fit_short_side` gives a picture of this `size`: width and height, px."""
    short = min(size)
    if isinstance(side, tuple):
        side = min(max(short, side[0]), side[1])
    target = max(side or short, least)
    if short == target:
        return size
    width, height = (max(least, round(length * target / short)) for length in size)
    return width, height


def fit_short_side(
    image: Image.Image,
    size: Side,
    least: int = 1,
    filter: Image.Resampling = Image.Resampling.LANCZOS,
    full: tuple[int, int] | None = None,
) -> Image.Image:
    """Resize so that the short side is `size`, or goes to the nearer end of that range (None: only if it is below
    `least`), aspect kept: that of `full`, if the image is a smaller copy of a picture of that size."""
    shape = fitted_size(full or image.size, size, least)
    return image if shape == image.size else image.resize(shape, filter)
