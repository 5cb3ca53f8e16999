"""Painted clips to files: H.264 with the clip's own times, its sound and its subtitles."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..errors import PictureError, not_written
from ..files import temporary_beside
from .ahead import LOOK
from .clips import Clip
from .companions import Companions
from .formats import CLIP_WRITABLE
from .picture import to_pil
from .spare import SparedFile
from .video import add_video, as_video

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import OutputContainer

logger = logging.getLogger(__name__)

WAITING = 2  # frames that wait to be encoded
SPARE = 8 << 20  # bytes kept back for a file's end: Matroska writes 5 MB at a time
SPARE_PER_FRAME = 256  # bytes, the like for the table of its frames


def part_of(path: Path) -> Path:
    """Where what is done of a result is kept, if it is not finished."""
    return path.with_name(f"{path.stem}.part{path.suffix}")


class ClipWriter:
    """A file that gets the frames of a clip, painted, one after the other.

    >>> with ClipWriter("out.mp4", clip) as writer:
    ...     for picture in pictures:
    ...         writer.add(picture)

    A thread encodes them. The file appears under its name when it is whole. If the work ends before, by an error or by
    Ctrl-C, what is done is playable and is kept beside it, as `part_of` says.

    Args:
        path: .mp4, .mov or .mkv. Odd sides get one row or column more, a copy of the last one: H.264 has none.
        clip: whose times, sound and subtitles it gets.
        say: told in one line what could not be copied.

    Attributes:
        done: how many frames are in the file, or will be.
        kept: where they are; None before the file is closed, and if there are none.
    """

    def __init__(self, path: str | os.PathLike[str], clip: Clip, say: Callable[[str], object] = logger.warning):
        self.path, self.clip, self._say = Path(path), clip, say
        self.done = 0
        self.kept: Path | None = None
        self._given: Queue[Image.Image | bool] = Queue(WAITING)  # at the end whether that is all
        self._error: Exception | None = None
        self._written, self._playable = 0, False

    def __enter__(self) -> ClipWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = temporary_beside(self.path)
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
        whole = kind is None
        try:
            self._put(whole)
            stopped = self._wait()
            whole = whole and self._error is None
            if self._playable:
                self.kept = self.path if whole else part_of(self.path)
                os.replace(self._temporary, self.kept)
            self.done = self._written if self._playable else 0
            if whole:
                part_of(self.path).unlink(missing_ok=True)
        except OSError as problem:
            self.kept = None
            raise not_written(self.path, problem) from problem
        finally:
            self._temporary.unlink(missing_ok=True)
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

        file = None
        try:
            file = SparedFile(self._temporary, SPARE + SPARE_PER_FRAME * len(self.clip))
            try:
                with av.open(file, "w", format=CLIP_WRITABLE[self.path.suffix.lower()]) as container:
                    self._written = self._write(container, file)
            finally:
                file.close()
            self._playable, self._error = self._written > 0, file.full
        except Exception as error:
            self._error = file.full if file is not None and file.full is not None else error

    def _write(self, container: OutputContainer, file: SparedFile) -> int:
        """Encode what is given until its end; how many frames are written."""
        clip, written = self.clip, 0
        stream = add_video(container, _even(clip.size), clip.rate)
        stream.time_base = stream.codec_context.time_base = clip.time_base
        stream.codec_context.sample_aspect_ratio = clip.aspect
        beside = Companions(clip.path, container, self.path.suffix.lower(), clip.span, clip.start)
        shift, lengths = round(clip.start / clip.time_base), dict[int | None, int]()

        def write(packets: Sequence[Packet[Any]]) -> int:
            for packet in packets:
                packet.duration = lengths.pop(packet.pts, 0)
                if packet.dts is not None:
                    beside.copy_until(packet.dts * packet.time_base)
                container.mux_one(packet)
            return len(packets)

        try:
            while not isinstance(given := self._given.get(), bool):
                frame = as_video(_frame(given, _even(clip.size)))
                index = written + len(lengths)
                frame.pts, frame.time_base = clip.stamps[index] - shift, clip.time_base
                lengths[frame.pts] = clip.length(index)
                written += write(stream.encode(frame))
                if file.full is not None:  # what is on its way may not fit
                    return written
            written += write(stream.encode())
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
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(np.pad(pixels, ((0, below), (0, beside), (0, 0)), "edge")))
