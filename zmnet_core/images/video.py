"""Moving pictures: frames to a file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from ..errors import PictureError, not_written
from ..files import replacing

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import OutputContainer
    from av.video.reformatter import VideoReformatter

FORMATS = (".gif", ".mp4")
# What the numbers of an mp4 mean, in the words of FFmpeg. A player that is not told takes BT.601 for small pictures and
# BT.709 for large ones: so they are always BT.709, in levels 16..235, and the file says so.
ACCURATE = 0x40000 | 4  # for swscale: round to the nearest level, where it is off by up to 3 otherwise; bicubic
QUALITY = {"crf": "18"}
COLOURS = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "tv"}


def check_video(path: str | os.PathLike[str]) -> None:
    """Refuse a file that `write_video` cannot write, before any frame is made.

    Raises:
        PictureError: another suffix, or the package that writes it is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise PictureError(f"'{path}': an animation ends in {' or '.join(FORMATS)}.")
    if suffix == ".mp4":
        try:
            import av  # noqa: F401
        except ImportError:
            raise PictureError(f"'{path}': mp4 needs the package av (pip install av); .gif needs nothing.") from None


def write_video(path: str | os.PathLike[str], frames: Iterable[Image.Image], fps: float) -> Path:
    """Write RGB frames of one size as an endless .gif, or as .mp4 (H.264, BT.709 and tagged so), whole or not at all.

    An mp4 has even sides, so the last row or column of an odd-sized picture is left out. A gif shows each frame for a
    whole number of hundredths of a second.

    Raises:
        PictureError: as `check_video`, or there is no frame, or the disk refuses.
    """
    path, frames = Path(path), iter(frames)
    check_video(path)
    first = next(frames, None)
    if first is None:
        raise PictureError(f"'{path}': an animation needs at least one frame.")
    try:
        with replacing(path) as temporary:
            (_write_gif if path.suffix.lower() == ".gif" else _write_mp4)(temporary, first, frames, fps)
    except OSError as error:
        raise not_written(path, error) from error
    return path


def _write_gif(path: Path, first: Image.Image, others: Iterable[Image.Image], fps: float) -> None:
    duration = max(20, 10 * round(100 / fps))  # ms; browsers show shorter ones slowly
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=duration, loop=0)
    path.write_bytes(file.getvalue())  # Pillow would hide why the disk refuses


def _write_mp4(path: Path, first: Image.Image, others: Iterable[Image.Image], fps: float) -> None:
    import av

    with av.open(str(path), "w") as container:
        size = first.width - first.width % 2, first.height - first.height % 2
        stream = add_video(container, size, Fraction(fps).limit_denominator(1001))
        for frame in chain([first], others):
            picture = av.VideoFrame.from_image(frame.crop((0, 0, stream.width, stream.height)))
            container.mux(stream.encode(as_video(picture)))
        container.mux(stream.encode())


def add_video(
    container: OutputContainer, size: tuple[int, int], rate: Fraction, options: Mapping[str, str] = QUALITY
) -> VideoStream:
    """A stream for pictures as `as_video` gives them: H.264, BT.709 and tagged so.

    Args:
        size: even width and height, px.
        rate: frames a second.
        options: for x264.
    """
    stream = container.add_stream("libx264", rate=rate)
    stream.width, stream.height = size
    stream.pix_fmt, stream.options = "yuv420p", {**options, **COLOURS}
    return stream


def as_video(picture: VideoFrame, reformatter: VideoReformatter | None = None) -> VideoFrame:
    """An RGB frame as BT.709 of 4:2:0 in levels 16..235; `reformatter`, of this thread, is for one after the other."""
    from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

    return (reformatter or VideoReformatter()).reformat(
        picture,
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=ACCURATE,
        threads=1,  # to start others takes longer
    )
