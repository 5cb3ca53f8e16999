"""`zmnet stylize` and `zmnet animate` with a clip: look through it, paint it frame by frame, write it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import PictureError
from ..images.companions import check_companions
from ..images.video_frames import Span
from ..styling.look import Look, Walk

if TYPE_CHECKING:
    from ..images.clip_writing import ClipWriter
    from ..images.clips import Clip
    from ..model import ZMNet
    from ..styling.regions import AnyStyle
    from ..styling.style import Style


def stylize_clip_file(
    network: ZMNet,
    source: Path,
    target: Path,
    style_for: Callable[[Clip], AnyStyle | Callable[[int], AnyStyle]],
    look: Look,
    steady: str,
    span: Span,
) -> None:
    """Stylise a clip into another file, with bars that say how far it is.

    Args:
        style_for: gives the style of a clip, or a function that gives that of each of its frames.
        look, steady: as in `styling.steady.stylize_clip`; `look.size` is the short side of the result.
        span: which seconds of it.

    Raises:
        PictureError: it cannot be read, or the result cannot be written (`PlaceError` if no other could be either).
            What was done before is kept, and the message says where.
        KeyboardInterrupt: after Ctrl-C, when what is done has been kept, and told of.
    """
    from tqdm import tqdm

    from ..images.clip_writing import ClipWriter
    from ..images.clips import Clip
    from ..styling.scenes import GLANCE, scenes_of
    from ..styling.steady import stylize_clip

    check_companions(source, target)
    writer = None
    try:
        with tqdm(desc="look", unit="frame", leave=False) as bar:
            clip = Clip(source, span=span, side=look.size, small=GLANCE, step=bar.update)
        writer = ClipWriter(target, clip)
        scenes = scenes_of(clip.small)
        with clip, writer, tqdm(desc="stylize", total=len(clip), unit="frame") as bar:
            for picture in stylize_clip(network, clip, style_for(clip), look, steady=steady, scenes=scenes):
                writer.add(picture)
                bar.update()
    except KeyboardInterrupt:
        kept = _kept(writer) if writer is not None else ""
        typer.echo(f"stopped{kept or f': nothing of it is done yet ({source})'}.", err=True)
        raise
    except PictureError as error:
        if writer is None or writer.kept is None:
            raise
        raise type(error)(f"{error} It ended{_kept(writer)}.") from error


def changing(start: Style, end: Style, walk: Walk, clip: Clip) -> Callable[[int], Style]:
    """For `stylize_clip_file`: a style that goes from one to another along a clip, by frames."""
    from ..styling.paint import shares_of

    start.require(end.fingerprint, "there is no way between the two styles", end.model)
    shares = shares_of(len(clip), walk.smooth, walk.there_and_back)
    return lambda index: start.towards(end, shares[index])


def _kept(writer: ClipWriter) -> str:
    """How far it came and where that is, to follow "stopped"; nothing if nothing is kept."""
    if writer.kept is None:
        return ""
    clip = writer.clip
    done, all_of_it = clip.seconds_at(writer.done), clip.seconds_at(len(clip))
    return (
        f" after {done:.1f} of {all_of_it:.1f} s ({writer.done} of {len(clip)} frames): "
        f"what is done can be played and is in '{writer.kept}'"
    )
