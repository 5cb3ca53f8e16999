"""What a clip holds beside its pictures: sound and subtitles, copied packet by packet into another container."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import PictureError
from .formats import CLIP_WRITABLE
from .video_frames import BACK, EVERYTHING, Span, opened

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

logger = logging.getLogger(__name__)

ON_SCREEN = 30  # seconds for which a subtitle may be shown
SHORT = 1  # seconds by which sound may end before its file says
COPIED = {"audio": "sound", "subtitle": "subtitles"}  # kinds of streams, and what people call them
TOLD = ("title", "artist", "album", "date", "creation_time", "comment", "copyright", "description", "location")


def check_companions(source: Path, target: Path, say: Callable[[str], object] = logger.warning) -> None:
    """Refuse a result whose container cannot hold what has to be copied, before anything is painted.

    What no container holds that is written here is told of; it will be left out.

    Raises:
        PictureError: another container could; the message names it.
    """
    with opened(source) as container:
        streams = {each.index: f"{COPIED[each.type]} ({_name(each)})" for each in _copied(container)}
        held = {suffix: {each.index for each in _copied(container) if _holds(suffix, each)} for suffix in CLIP_WRITABLE}
    possible = set().union(*held.values())
    for index in streams.keys() - possible:
        say(f"'{source}': its {streams[index]} cannot be copied, and will be left out.")
    missing = sorted(possible - held[target.suffix.lower()])
    if missing:
        which = " and ".join(streams[index] for index in missing)
        others = [suffix for suffix, indices in held.items() if indices == possible]
        if not others:  # sound that only one holds, and subtitles that only another one does
            say(f"'{source}': its {which} cannot be copied into {target.suffix}, and will be left out.")
            return
        raise PictureError(
            f"'{source}' has {which}, which {target.suffix} cannot hold: name the result {' or '.join(others[::-1])}."
        )


def _copied(container: InputContainer) -> list[Stream]:
    return [each for each in container.streams if each.type in COPIED]


def _name(stream: Stream) -> str:
    context = getattr(stream, "codec_context", None)
    return context.name if context is not None else "unknown"


def _holds(suffix: str, stream: Stream) -> bool:
    """Whether a container of this suffix can hold the stream."""
    import av

    if getattr(stream, "codec_context", None) is None:
        return False
    try:
        with av.open(io.BytesIO(), "w", format=CLIP_WRITABLE[suffix]) as container:
            container.add_stream_from_template(stream)
    except (ValueError, av.error.FFmpegError):
        return False
    return True


class Companions:
    """Sound and subtitles of a clip on their way into another file, in step with its pictures.

    Args:
        source: the clip.
        target: the container that gets them; its stream of pictures is there already, and nothing is written yet.
        suffix: which kind of container that is.
        span, start, shifts: as in `Clip`; `start` becomes the beginning.
    """

    def __init__(
        self,
        source: Path,
        target: OutputContainer,
        suffix: str,
        span: Span,
        start: Fraction,
        shifts: Sequence[Fraction] = (),
    ):
        self._container, self._target, self._start = opened(source), target, start
        self._end = None if span[1] == EVERYTHING[1] else start + Fraction(span[1]) - Fraction(max(span[0], 0))
        self._ranged = span[0] > 0
        self._shifts = (Fraction(0), *shifts)
        self._last: dict[int, int] = {}
        self.said = ""
        self._streams: dict[int, Stream] = {}
        for each in _copied(self._container):
            if _holds(suffix, each):
                copy = target.add_stream_from_template(each)
                copy.metadata.update({key: each.metadata[key] for key in ("language", "title") if key in each.metadata})
                copy.disposition = each.disposition
                self._streams[each.index] = copy
        target.metadata.update({key: text for key, text in self._container.metadata.items() if key.lower() in TOLD})
        self._packets = self._read()
        self._next: tuple[Fraction, Packet[Any]] | None = next(self._packets, None)

    def copy_until(self, second: Fraction | None) -> None:
        """Write what comes before a time, in seconds of the result; None: all that is left."""
        import av

        while self._next is not None and (second is None or self._next[0] <= second):
            packet = self._next[1]
            packet.stream = self._streams[packet.stream_index]
            try:
                self._target.mux_one(packet)
            except (ValueError, av.error.InvalidDataError):
                self.said = "parts of its sound or subtitles are broken, and are left out"
            self._next = next(self._packets, None)

    def _read(self) -> Iterator[tuple[Fraction, Packet[Any]]]:
        """Packets with the time of each in the result, as far as they can be read."""
        from av.error import FFmpegError

        if not self._streams:
            return
        if self._ranged:
            seen = max(Fraction(0), self._start - ON_SCREEN * any(map(self._is_text, self._streams)))
            with suppress(FFmpegError):
                self._container.seek(round(seen * 10**6), backward=True)
        clocks: dict[int, tuple[int, int]] = {}  # of each stream the time by its own clock, and its part
        packets = self._container.demux([self._container.streams[index] for index in self._streams])
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError):
                self.said = "its sound or subtitles break off"
                return
            if packet is None:
                if self._end is None and any(map(self._ends_early, self._last)):
                    self.said = self.said or "its sound or subtitles break off"
                return
            decoded = packet.dts if packet.dts is not None else packet.pts
            shown = packet.pts if packet.pts is not None else packet.dts
            if decoded is None or shown is None:
                continue  # the end of a stream
            base, index = packet.time_base, packet.stream_index
            before, part = clocks.get(index, (decoded, 0))
            part += (before - decoded) * base > BACK
            clocks[index] = decoded, part
            later = round(self._shifts[min(part, len(self._shifts) - 1)] / base)
            decoded, shown = decoded + later, shown + later
            if self._is_text(index):
                shown, ends = self._on_screen(shown, packet.duration or 0, base, self._last.get(index))
                decoded, packet.duration = max(decoded, shown), ends - shown
            if self._ranged and shown * base < self._start:
                continue
            if self._end is not None and shown * base >= self._end:
                continue
            shift = round(self._start / base)
            packet.dts, packet.pts = decoded - shift, shown - shift
            if packet.dts <= self._last.get(index, packet.dts - 1):
                self.said = "parts of its sound or subtitles are broken, and are left out"
                continue
            self._last[index] = packet.dts
            yield packet.dts * base, packet

    def _is_text(self, index: int) -> bool:
        return self._container.streams[index].type == "subtitle"

    def _on_screen(self, shown: int, length: int, base: Fraction, last: int | None) -> tuple[int, int]:
        """When a subtitle comes and goes within the span: one that is there when it begins comes with it."""
        ends, begin = shown + length, math.ceil(self._start / base)
        if self._ranged and shown < begin < ends:
            shown = begin if last is None else begin + last + 1  # after another one that is there, too
        if self._end is not None and length:
            ends = min(ends, round(self._end / base))
        return shown, max(shown, ends)

    def _ends_early(self, index: int) -> bool:
        """Whether a stream of sound ends before the file says; subtitles may."""
        stream = self._container.streams[index]
        if stream.type != "audio" or not stream.duration or not stream.time_base:
            return False
        ends = self._last[index] * stream.time_base + self._start
        return ends < (stream.duration + (stream.start_time or 0)) * stream.time_base - SHORT

    def close(self) -> None:
        """Let go of the clip."""
        self._container.close()
