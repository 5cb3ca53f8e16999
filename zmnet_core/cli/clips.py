"""`zmnet stylize` and `zmnet animate` with a clip: look through it, paint it frame by frame, write it meanwhile."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PictureError
from ..images.companions import check_companions
from ..images.video_frames import EVERYTHING, Span
from ..options import dashed
from ..styling.look import Look, Walk
from ..version import __version__

if TYPE_CHECKING:
    from torch import Tensor

    from ..images.clip_writing import ClipWriter
    from ..images.clips import Clip
    from ..model import ZMNet
    from ..styling.regions import AnyStyle


def stylize_clip_file(
    network: ZMNet,
    source: Path,
    target: Path,
    styles: Sequence[AnyStyle],
    walk: Walk | None,
    look: Look,
    steady: str,
    span: Span,
    reference: float | None,
    resume: bool,
) -> None:
    """Stylise a clip into another file, with bars that say how far it is.

    Args:
        styles: one, or with a walk the one with which it begins and the one with which it ends.
        look, steady: as in `styling.steady.stylize_clip`; `look.size` is the short side of the result.
        span: which seconds of it.
        reference: the second whose frame is the one to go by, as in `stylize_clip`.
        resume: whether to go on where a run with all the same stopped.

    Raises:
        PictureError: it cannot be read, or the result cannot be written (`PlaceError` if no other could be either), or
            what was done before was made otherwise. What is done is kept, and the message says where.
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
        notes = _notes(network, clip, styles, walk, look, steady, reference, span)
        writer = ClipWriter(target, clip, notes=notes, resume=resume)
        scenes = scenes_of(clip.small)
        chosen = None if reference is None else _frame_at(clip, reference)
        style = styles[0] if walk is None else _changing(styles[0], styles[1], walk, clip)
        with clip, writer, tqdm(desc="stylize", total=len(clip), initial=writer.done, unit="frame") as bar:
            clip.begin_at(writer.done)
            painted = stylize_clip(
                network,
                clip,
                style,
                look,
                steady=steady,
                reference=chosen,
                rate=float(clip.rate),
                scenes=scenes,
                start=writer.done,
            )
            for picture in painted:
                writer.add(picture)
                del picture  # it would be kept while the next one is painted
                bar.update()
    except KeyboardInterrupt:
        kept = _kept(writer) if writer is not None else ""
        # A bar of several pictures may be there.
        tqdm.write(f"stopped{kept or f': nothing of it is done yet ({source})'}.", file=sys.stderr)
        raise
    except PictureError as error:
        if writer is None or writer.kept is None:
            raise
        raise type(error)(f"{error} It ended{_kept(writer)}.") from error


def _frame_at(clip: Clip, second: float) -> int:
    """The frame that is shown at a second of the file, by its number.

    Raises:
        PictureError: none is.
    """
    begins, ends = (max(clip.span[0], 0) + clip.seconds_at(index) for index in (0, len(clip)))
    if not begins <= second < ends:
        raise PictureError(
            f"'{clip.path}' shows nothing at second {second:g} that frames could go by (--reference): what is painted "
            f"goes from {begins:.1f} to {ends:.1f} s."
        )
    times = [max(clip.span[0], 0) + clip.seconds_at(index) for index in range(len(clip))]
    return bisect_right(times, second) - 1


def _changing(start: AnyStyle, end: AnyStyle, walk: Walk, clip: Clip) -> Callable[[int], AnyStyle]:
    """A style that goes from one to another along a clip, by frames."""
    from ..styling.paint import shares_of
    from ..styling.regions import between

    start.require(end.fingerprint, "there is no way between the two styles", end.model)
    shares = shares_of(len(clip), walk.smooth, walk.there_and_back)
    return lambda index: between(start, end, shares[index])


def _notes(
    network: ZMNet,
    clip: Clip,
    styles: Sequence[AnyStyle],
    walk: Walk | None,
    look: Look,
    steady: str,
    reference: float | None,
    span: Span,
) -> dict[str, str]:
    """All that a painted clip goes by, in names and values for people: what was done with the same can be gone on with.

    A clip and a style are known by what is in them: they may have been moved, or another may have got their name.
    """
    seen = sha256(repr((clip.size, clip.stamps, clip.time_base)).encode())
    for glance in clip.small:
        seen.update(glance.numpy().tobytes())
    notes = {
        "clip": seen.hexdigest()[:16],
        "model": f"{network.name} {network.fingerprint[:8]}",
        **{f"style {place}": _known(style) for place, style in enumerate(styles, 1)},
        "steady": steady,
        **{dashed(name): _told(value) for name, value in vars(look).items()},
        "zmnet": __version__,
    }
    if walk is not None:
        notes.update({dashed(name): str(value) for name, value in vars(walk).items()})
    if reference is not None:
        notes["reference"] = f"{reference:g}"
    if span != EVERYTHING:
        notes["range"] = "{:g}:{:g}".format(*span)
    return notes


def _known(style: AnyStyle) -> str:
    from ..styling.regions import Regions, members

    parts = [part for each in members(style) for part in (each.values, each.colours)]
    if isinstance(style, Regions):
        parts += [style.weights, style.shown]
    return f"{style.name} {_digest(*parts)}".strip()


def _told(value: object) -> str:
    """A knob's value; a palette by what is in it."""
    from ..styling.palette_of import Palette

    return _digest(value.colours) if isinstance(value, Palette) else str(value)


def _digest(*parts: Tensor | None) -> str:
    content = sha256()
    for part in parts:
        if part is not None:
            content.update(part.detach().float().cpu().numpy().tobytes())
    return content.hexdigest()[:8]


def _kept(writer: ClipWriter) -> str:
    """How far it came and where that is, to follow "stopped"; nothing if nothing is kept."""
    if writer.kept is None:
        return ""
    clip = writer.clip
    done, all_of_it = clip.seconds_at(writer.done), clip.seconds_at(len(clip))
    return (
        f" after {done:.1f} of {all_of_it:.1f} s ({writer.done} of {len(clip)} frames): "
        f"what is done can be played and is in '{writer.kept}', and --resume goes on there"
    )
