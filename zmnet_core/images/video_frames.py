"""The frames of a video file as they are decoded, each with its time, and the way up that the file says."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PictureError, in_words

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from torch import Tensor

Span = tuple[float, float]  # seconds from the beginning: from the one on, and before the other
EVERYTHING: Span = (0.0, math.inf)
RATE = Fraction(25)  # frames a second where the file says nothing
STEP = Fraction(1, 1000)  # seconds by which a frame is moved that comes no later than the one before: one tick of .mkv
BACK = 1  # seconds by which times go back where another part begins: MPEG-TS files put end to end


def span_in_words(span: Span) -> str:
    """For messages: "between 2 and 9 s", "from 2 s on", "before 9 s"; nothing of everything."""
    first, end = span
    if math.isfinite(end):
        return f"between {first:g} and {end:g} s" if first > 0 else f"before {end:g} s"
    return f"from {first:g} s on" if first > 0 else ""


def opened(path: str | os.PathLike[str]) -> InputContainer:
    """A clip's container, to be closed.

    Raises:
        PictureError: it cannot be read, or the package that reads clips is not installed.
    """
    try:
        import av
    except ImportError:
        raise PictureError(f"'{path}' is a clip, which needs the package av (pip install av).") from None
    name = os.fspath(path)
    try:
        # With the prefix, a colon in a name is no protocol. FFmpeg takes names that are text; others it gets opened.
        is_text = os.fsencode(name).decode(errors="replace") == name
        return av.open(f"file:{name}" if is_text else open(name, "rb"), "r", metadata_errors="replace")
    except (av.error.InvalidDataError, av.error.EOFError):  # the other one where it ends before its first frame
        raise PictureError(
            f"'{path}' cannot be read as a clip: it is damaged, cut off or something else. If it was copied, copy it "
            "again."
        ) from None
    except (av.error.FFmpegError, OSError) as error:
        raise PictureError(f"'{path}' cannot be read: {in_words(error)}.") from error


class Reader:
    """A video file with a decoder of its own.

    Attributes:
        time_base: the unit of stamps, seconds.
        begins: when the file begins by its own clock, seconds.
        seconds: how long it is by what it says; None if it does not.
        rate: frames a second, about.
        aspect: how wide a pixel is for its height, as it is stored.
        broken: how many parts could not be decoded so far.
        counts: whether it has no stamps, or not of all frames, so that frames were counted; or several parts.
        shifts: of each part behind the first, by how many seconds later it is shown than its own clock says.
    """

    def __init__(self, path: str | os.PathLike[str], span: Span = EVERYTHING):
        """Open a file.

        Raises:
            PictureError: it cannot be read, it has no pictures, or nothing here decodes them.
        """
        self.path, self.container = Path(path), opened(path)
        try:
            self.stream = _picture_stream(self.container, path)
        except BaseException:
            self.container.close()
            raise
        self.time_base = self.stream.time_base or 1 / (90 * Fraction(1000))
        self.begins = Fraction(max(0, self.container.start_time or 0), 10**6)  # sound may begin before 0
        self.seconds = _seconds(self.container, self.stream)
        self.rate = self.stream.average_rate or self.stream.guessed_rate or RATE
        self.aspect = self.stream.codec_context.sample_aspect_ratio or Fraction(1)
        self.broken, self.counts = 0, False
        self.shifts: list[Fraction] = []
        self._first, self._end = (
            round((Fraction(second) + self.begins) / self.time_base) if math.isfinite(second) else None
            for second in span
        )
        if span == EVERYTHING:
            self._first = None

    def frames(self, sought: int | None = None) -> Generator[tuple[int, VideoFrame], None, None]:
        """Stamps, which go up, and frames: of the span, or from a frame on that has been met before.

        Raises:
            PictureError: it has no times, so that nothing can be sought in it.
        """
        import av

        target = self._first if sought is None else sought
        if target is not None:
            with suppress(av.error.FFmpegError):  # then it begins at the beginning
                self.container.seek(target, stream=self.stream, backward=True)
        last, usual, shift = None, max(1, round(1 / (self.rate * self.time_base))), 0
        self.shifts.clear()
        for frame in self._decoded():
            stamp = frame.pts if frame.pts is not None else frame.dts
            if stamp is None:
                if target is not None:
                    raise PictureError(f"'{self.path}' has no times, so no part of it can be found: put it into .mkv.")
                self.counts = True
                stamp = 0 if last is None else last + usual
            else:
                stamp += shift
            if last is not None and last - stamp > BACK / self.time_base:  # it goes on as if it were one clip
                self.counts, shift, stamp = True, shift + last + usual - stamp, last + usual
                self.shifts.append(shift * self.time_base)
            elif last is not None and stamp > last:
                usual = stamp - last
            if last is not None and stamp <= last:  # as of an .avi with B-frames, which knows no order, or by damage
                self.counts, stamp = True, last + math.ceil(STEP / self.time_base)
            last = stamp
            if self._end is not None and stamp >= self._end:
                return
            if target is None or stamp >= target:
                yield stamp, frame

    def _decoded(self) -> Iterator[VideoFrame]:
        from av.error import EOFError as Ended
        from av.error import FFmpegError

        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError):
                self.broken += 1
                packet = None
            try:
                yield from (self.stream.codec_context.decode(None) if packet is None else packet.decode())
            except Ended:
                return
            except FFmpegError:
                self.broken += 1
            if packet is None:
                return

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()


def _picture_stream(container: InputContainer, path: str | os.PathLike[str]) -> VideoStream:
    from av.stream import Disposition

    streams = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
    if not streams:
        kinds = ", ".join(sorted({each.type for each in container.streams if each.type != "video"}))
        raise PictureError(f"'{path}' holds no moving pictures{f', only {kinds}' if kinds else ''}.")
    if getattr(streams[0], "codec_context", None) is None:
        raise PictureError(f"'{path}': nothing here decodes its pictures. Convert it to H.264 first.")
    for each in container.streams:  # nor is it read: broken sound would end the pictures as well
        if each.index != streams[0].index and hasattr(each, "discard"):  # older versions of av read it all the same
            each.discard = type(each.discard)["all"]
    streams[0].thread_type = "AUTO"
    return streams[0]


def _seconds(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """How long the pictures last, by what the file says."""
    if container.format.name == "avi" and stream.frames and stream.average_rate:
        return stream.frames / stream.average_rate  # FFmpeg makes the duration as short as the file
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    try:  # Matroska
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except (KeyError, ValueError):
        alone = len(container.streams) == 1  # else it may be the sound that lasts so long
        return Fraction(container.duration, 10**6) if alone and container.duration else None


def way_up(frame: VideoFrame) -> tuple[bool, bool, bool]:
    """What makes a frame upright, as the file says: whether rows become columns, and then whether left and right, and
    whether top and bottom change places.
    """
    from av.sidedata.sidedata import SideData, SideDataContainer

    # Not `frame.side_data`: a frame asked for that holds on to itself, and waits until Python looks for such cycles.
    matrix = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]  # av's types leave it out
    if not isinstance(matrix, SideData):
        return False, False, False
    a, b, _, c, d = struct.unpack("5i", bytes(matrix)[:20])  # x′ = ax + cy, y′ = bx + dy
    return (True, c < 0, b < 0) if abs(b) > abs(a) else (False, a < 0, d < 0)


def upright(picture: Tensor, way: tuple[bool, bool, bool]) -> Tensor:
    """A picture [3, H, W] as `way_up` says, contiguous."""
    transposed, mirrored, over = way
    if transposed:
        picture = picture.transpose(1, 2)
    if sides := [side for side, turned in ((2, mirrored), (1, over)) if turned]:
        picture = picture.flip(sides)
    return picture.contiguous()
