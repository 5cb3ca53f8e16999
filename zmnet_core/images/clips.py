"""Clips: the frames of a video file, one after the other or any of them, upright and in sRGB.

A clip is looked through once when it is opened: that finds how many frames there are and when each is shown, and makes
small copies. Then one decoder reads on ahead, in a thread of its own, for whoever takes frame after frame, and another
one seeks for whoever asks for a frame elsewhere. Few frames are in memory at a time, however long the clip is.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterator
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import PictureError
from .ahead import Ahead
from .picture import Side, fitted_size
from .video_colour import is_hdr, srgb_of
from .video_frames import EVERYTHING, Reader, Span, span_in_words, upright, way_up

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.reformatter import VideoReformatter

logger = logging.getLogger(__name__)

READ_ON = 48  # frames that are sooner decoded than sought
SHORT = 0.5  # seconds by which a clip may end before its file says, or this part of it if that is less
AHEAD = 1  # frames that wait to be taken


class Clip:
    """The frames of a clip, or of a span of it: `len(clip)`, and `clip[index]` as [3, H, W] in 0..1, sRGB, float32.

    Attributes:
        path: its file.
        span: what of it there is, seconds.
        size: width and height of the frames, px, upright.
        stamps: when each frame is shown, in units of `time_base`; they go up.
        lengths: for how long, in the same units; 0 where that is not known.
        time_base: seconds.
        start: when the span begins by the file's clock, seconds.
        rate: frames a second, about.
        aspect: how wide a pixel is for its height.
        shifts: of each part behind the first, if files were put end to end, by how many seconds later it is shown than
            its own clock says.
        small: small copies, [3, h, w] each, uint8, for `styling.scenes`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        span: Span = EVERYTHING,
        side: Side = None,
        small: tuple[int, int] = (18, 32),
        step: Callable[[], object] = lambda: None,
        say: Callable[[str], object] = logger.warning,
    ):
        """Look through a clip.

        Args:
            span: only frames from the one second on and before the other are there.
            side: the short side of the frames, as in `fitted_size`. If left out, they are as large as in the file.
            small: height and width of the small copies, px.
            step: called after every frame.
            say: told in one line each what is wrong with the file, or had to be changed.

        Raises:
            PictureError: it cannot be read, or holds no frame.
        """
        self.path, self.span = Path(path), span
        self.stamps: list[int] = []
        self.lengths: list[int] = []
        self.small: list[Tensor] = []
        self._in_order: Ahead[Tensor] | None = None
        self._at, self._frame, self._begin = -1, torch.empty(0), 0
        self._elsewhere: Reader | None = None
        self._others: Generator[tuple[int, VideoFrame], None, None]  # of it
        self._other_at = -1
        self._reformatter: VideoReformatter | None = None
        reader = Reader(self.path, span)
        try:
            self._look_through(reader, side, small, step, say)
        finally:
            reader.close()

    def _look_through(
        self,
        reader: Reader,
        side: Side,
        small: tuple[int, int],
        step: Callable[[], object],
        say: Callable[[str], object],
    ) -> None:
        from av.video.reformatter import VideoReformatter

        first: VideoFrame | None = None
        reformatter, others = VideoReformatter(), 0
        for stamp, frame in reader.frames():
            first = first or frame
            others += (frame.width, frame.height) != (first.width, first.height)
            self.stamps.append(stamp)
            self.lengths.append(frame.duration or 0)
            glance = upright(srgb_of(frame, reformatter, _stored(small[::-1], frame), "AREA"), way_up(frame))
            self.small.append((255 * glance).round().to(torch.uint8))
            step()
        if first is None:
            end = f"it lasts {float(reader.seconds):.1f} s" if reader.seconds else "nothing is there"
            of = f" {span_in_words(self.span)}: {end}" if span_in_words(self.span) else ""
            raise PictureError(f"'{self.path}' holds no frame that can be read{of}.")
        self.size = fitted_size(_stored((first.width, first.height), first), side)
        self.time_base, self.rate, self._counted = reader.time_base, reader.rate, reader.counts
        self.shifts = tuple(reader.shifts)
        self.aspect = 1 / reader.aspect if way_up(first)[0] else reader.aspect
        self.start = reader.begins if self.span[0] <= 0 else self.stamps[0] * self.time_base
        if is_hdr(first):
            say(f"'{self.path}' is HDR, and becomes an ordinary clip: what is brighter than white is brought down.")
        if others:
            say(
                f"'{self.path}': {others} of {len(self)} frames have another size, and are scaled to that of the "
                f"first, {self.size[0]} × {self.size[1]}."
            )
        if reader.broken:
            say(f"'{self.path}' is damaged: what cannot be read ({reader.broken} parts) is left out.")
        ends = self.seconds_at(len(self)) + max(self.span[0], 0)
        wanted = min(float(reader.seconds or 0), self.span[1])
        if ends < wanted - SHORT * min(1, wanted) - 1e-6:
            say(f"'{self.path}' is cut off: it ends after {ends:.1f} of {wanted:.1f} s.")

    def __len__(self) -> int:
        return len(self.stamps)

    def seconds_at(self, index: int) -> float:
        """When a frame is shown, in seconds from the beginning of the span; of `len(clip)`: when the last one ends."""
        stamp = self.stamps[index] if index < len(self) else self.stamps[-1] + self.length(len(self) - 1)
        return float(stamp * self.time_base - self.start)

    def length(self, index: int) -> int:
        """For how long a frame is shown, in units of `time_base`."""
        if index + 1 < len(self):
            return self.stamps[index + 1] - self.stamps[index]
        steps = sorted(later - earlier for earlier, later in pairwise(self.stamps))
        usual = steps[len(steps) // 2] if steps else round(1 / (self.rate * self.time_base))
        return self.lengths[index] or max(1, usual)

    def __getitem__(self, index: int) -> Tensor:
        """A frame. The next one, and the last one again, are there at once.

        Raises:
            PictureError: it cannot be read any more.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index == (self._begin if self._in_order is None else self._at + 1):
            if self._in_order is None:
                self._in_order = Ahead(self._read(index), AHEAD)
            frame = next(self._in_order, None)
            if frame is None:
                raise self._changed()
            self._at, self._frame = index, frame
        return self._frame if index == self._at else self._seek(index)

    def begin_at(self, index: int) -> None:
        """Have frames be read in order from this one on. This is asked before the first one is."""
        self._begin = index

    def __enter__(self) -> Clip:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file and of the thread that reads it."""
        if self._in_order is not None:
            self._in_order.close()
        if self._elsewhere is not None:
            self._others.close()
            self._elsewhere.close()

    def _changed(self) -> PictureError:
        return PictureError(f"'{self.path}' cannot be read any more, or has changed meanwhile.")

    def _read(self, start: int) -> Iterator[Tensor]:
        """All frames from one on, in order."""
        from av.video.reformatter import VideoReformatter

        reader, reformatter = Reader(self.path, self.span), VideoReformatter()
        try:
            for index, (found, frame) in zip(range(len(self)), reader.frames()):
                if found != self.stamps[index]:
                    return
                if index >= start:
                    yield self._picture(frame, reformatter)
        finally:
            reader.close()

    def _seek(self, index: int) -> Tensor:
        """A frame that is not the next one: by reading on, if it is near, or by seeking, or else from the beginning."""
        from av.video.reformatter import VideoReformatter

        self._reformatter, stamp = self._reformatter or VideoReformatter(), self.stamps[index]
        near = self._elsewhere is not None and 0 < index - self._other_at <= READ_ON
        for way in ("read on",) * near + ("seek",) * (not self._counted) + ("begin",):
            if self._elsewhere is None or way == "begin":
                if self._elsewhere is not None:
                    self._others.close()
                    self._elsewhere.close()
                self._elsewhere = Reader(self.path, self.span)
            if way != "read on":
                self._others = self._elsewhere.frames(stamp if way == "seek" else None)
            found, frame = next(((found, frame) for found, frame in self._others if found >= stamp), (None, None))
            if frame is not None and found == stamp:
                self._other_at = index
                return self._picture(frame, self._reformatter)
        self._other_at = len(self)  # nobody knows
        raise self._changed()

    def _picture(self, frame: VideoFrame, reformatter: VideoReformatter) -> Tensor:
        return upright(srgb_of(frame, reformatter, _stored(self.size, frame), "BICUBIC"), way_up(frame))


def _stored(size: tuple[int, int], frame: VideoFrame) -> tuple[int, int]:
    """Width and height as a frame is stored, from those of it upright, or the other way round."""
    return size[::-1] if way_up(frame)[0] else size
