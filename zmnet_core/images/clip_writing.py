"""Painted clips to files: H.264 with the clip's own times, its sound and its subtitles."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..errors import PictureError, not_written
from .ahead import LOOK
from .clips import Clip
from .companions import Companions
from .formats import CLIP_WRITABLE
from .picture import to_pil
from .spare import SparedFile
from .unfinished import Unfinished, count_frames
from .video import add_video, as_video

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import OutputContainer

logger = logging.getLogger(__name__)

WAITING = 2  # frames that wait to be encoded
SPARE = 8 << 20  # bytes kept back for a file's end: Matroska writes 5 MB at a time
SPARE_PER_FRAME = 256  # bytes, the like for the table of its frames
# Every frame goes by earlier ones alone, so that those before any other are a clip; and few wait to be encoded. What
# this costs in size, and what the quick preset loses, the quality makes up for.
ENCODING = {"preset": "veryfast", "crf": "17", "bf": "0", "rc-lookahead": "4"}
PIECE = 500  # ms of a clip after which what is written can be read, whatever happens then
MP4 = {"movflags": "+hybrid_fragmented+delay_moov", "frag_duration": str(1000 * PIECE)}  # plain ones in the end
CONTAINERS = {".mp4": MP4, ".mov": MP4, ".mkv": {"cluster_time_limit": str(PIECE)}}


class ClipWriter:
    """A file that gets the frames of a clip, painted, one after the other.

    >>> with ClipWriter("out.mp4", clip) as writer:
    ...     for picture in pictures:
    ...         writer.add(picture)

    A thread encodes them. The file appears under its name when it is whole. Until then, and if the work ends before, by
    an error, by Ctrl-C or with the machine, what is done is playable and lies beside it, as `part_of` says.

    Args:
        path: .mp4, .mov or .mkv. Odd sides get one row or column more, a copy of the last one: H.264 has none.
        clip: whose times, sound and subtitles it gets.
        say: told in one line what could not be copied, and the like.
        notes: what the frames are made with, names and values for people: `unfinished.Unfinished`.
        resume: whether to go on where an earlier run with these notes stopped; `done` then says where that is.

    Attributes:
        done: how many frames are in the file, or will be.
        kept: where they are; None before the file is closed, and if there are none.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        clip: Clip,
        say: Callable[[str], object] = logger.warning,
        *,
        notes: Mapping[str, str] | None = None,
        resume: bool = False,
    ):
        self.path, self.clip, self._say = Path(path), clip, say
        self.done = 0
        self.kept: Path | None = None
        self._resume, self._parts = resume, Unfinished(self.path, notes or {})
        self._given: Queue[Image.Image | bool] = Queue(WAITING)  # at the end whether that is all
        self._error: Exception | None = None
        self._written = 0

    def __enter__(self) -> ClipWriter:
        try:
            if said := self._parts.begin(self._resume):
                self._say(f"{said}.")
        except OSError as error:
            raise not_written(self.path, error) from error
        self.done = self._parts.frames
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def add(self, picture: Tensor) -> None:
        """The next frame, [3, H, W] in 0..1, of the clip's size.

        Raises:
            PictureError: it has NaN, or the file cannot be written (`PlaceError` if no other could be either).
        """
        if not self._put(to_pil(picture)):
            assert self._error is not None
            raise not_written(self.path, self._error) from self._error
        self.done += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._put(kind is None)
        stopped = self._wait()
        try:
            whole = kind is None and self._error is None and self._written > 0
            self.kept, self.done = self._parts.end(whole, self._written)
        except OSError as problem:
            raise not_written(self.path, problem) from problem
        if kind is None and self._error is not None:
            raise not_written(self.path, self._error) from self._error
        if stopped is not None:
            raise stopped

    def _wait(self) -> KeyboardInterrupt | None:
        """Wait for the end of the file, and go on with that when Ctrl-C is pressed once; then it is given back."""
        try:
            self._thread.join()
        except KeyboardInterrupt as stopped:
            self._thread.join()
            return stopped
        return None

    def _put(self, given: Image.Image | bool) -> bool:
        """Whether the thread is there to take it."""
        while self._thread.is_alive():
            try:
                self._given.put(given, timeout=LOOK)
                return True
            except Full:
                continue
        return False

    def _work(self) -> None:
        import av

        file, suffix = None, self.path.suffix.lower()
        try:
            file = SparedFile(self._parts.part, SPARE + SPARE_PER_FRAME * len(self.clip))
            try:
                options = {**CONTAINERS[suffix], "flush_packets": "1"}
                with av.open(file, "w", format=CLIP_WRITABLE[suffix], options=options) as container:
                    self._written = self._write(container, file)
            finally:
                file.close()
            self._error = file.full
        except Exception as error:
            self._error = file.full if file is not None and file.full is not None else error
            self._written = count_frames(self._parts.part)  # without its end it can still be read

    def _write(self, container: OutputContainer, file: SparedFile) -> int:
        """Write the frames of an earlier part, and encode what is given until its end; how many are written."""
        from av.video.reformatter import VideoReformatter

        clip, written, reformatter = self.clip, 0, VideoReformatter()
        stream = add_video(container, _even(clip.size), clip.rate, ENCODING)
        stream.time_base = stream.codec_context.time_base = clip.time_base
        stream.codec_context.sample_aspect_ratio = clip.aspect
        beside = Companions(clip.path, container, self.path.suffix.lower(), clip.span, clip.start, clip.shifts)
        shift = round(clip.start / clip.time_base)
        container.start_encoding()

        def write(packet: Packet[Any]) -> None:
            nonlocal written
            packet.stream, packet.time_base = stream, clip.time_base
            packet.pts = packet.dts = clip.stamps[written] - shift
            packet.duration = clip.length(written)
            beside.copy_until(packet.dts * clip.time_base)
            container.mux_one(packet)
            written += 1

        try:
            for packet in self._parts.taken_over(bytes(stream.codec_context.extradata or b"")):
                write(packet)
            index = written
            while not isinstance(given := self._given.get(), bool):
                frame = as_video(_frame(given, _even(clip.size)), reformatter)
                frame.pts, frame.time_base = clip.stamps[index] - shift, clip.time_base
                index += 1
                for packet in stream.encode(frame):
                    write(packet)
                if file.full is not None:  # what is on its way may not fit
                    return written
            for packet in stream.encode():
                write(packet)
            if written:
                beside.copy_until(None if given else clip.stamps[written - 1] * clip.time_base - clip.start)
            if beside.said:
                self._say(f"'{clip.path}': {beside.said}.")
            return written
        finally:
            beside.close()


def _even(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def _frame(picture: Image.Image, size: tuple[int, int]) -> VideoFrame:
    """An RGB frame of a width and a height that are larger by 1 at most: then the last column or row comes twice.

    Raises:
        PictureError: it has another size.
    """
    import av

    pixels = np.asarray(picture)
    below, beside = size[1] - picture.height, size[0] - picture.width
    if not 0 <= below <= 1 or not 0 <= beside <= 1:
        raise PictureError(f"a frame is {picture.width} × {picture.height}, and the clip {size[0]} × {size[1]}.")
    if below or beside:
        pixels = np.pad(pixels, ((0, below), (0, beside), (0, 0)), "edge")
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels))
