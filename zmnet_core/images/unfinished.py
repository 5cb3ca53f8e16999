"""Clips that were stopped: what is done of one, what it was made with, and how a later run goes on there.

What is done lies beside the result (`part_of`). It can be played at any time, also after a power cut: its pictures are
written in short pieces that stand for themselves. Notes beside it say what it was made with. A run that begins sets an
earlier part aside, and gives it up only when there is more.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import PictureError
from ..files import write_json
from .spare import is_held
from .video_frames import opened

if TYPE_CHECKING:
    from av import Packet

SHORT = 24  # letters of a value that a message shows
SPS, PPS = 7, 8  # kinds of units of H.264
LENGTH = 4  # bytes that say how long one is


def part_of(path: Path) -> Path:
    """Where what is done of a result is kept, if it is not finished."""
    return path.with_name(f"{path.stem}.part{path.suffix}")


def notes_of(part: Path) -> Path:
    """Where it is written what a part was made with."""
    return part.with_name(f"{part.name}.json")


class Unfinished:
    """The parts of a result: the one that is being written, and one of an earlier run.

    Args:
        path: the result.
        notes: what it is made with: names that people know, and values. Parts with other notes are of something else.

    Attributes:
        part: where this run writes.
        before: where an earlier part is meanwhile.
        frames: how many frames of that this run goes on with; they can all be read.
    """

    def __init__(self, path: Path, notes: Mapping[str, str]):
        self.path, self.notes = path, dict(notes)
        self.part, self.before = part_of(path), path.with_name(f"{path.stem}.part-before{path.suffix}")
        self.frames = 0

    def begin(self, resume: bool) -> str:
        """Make room for a part, whose notes are written.

        Args:
            resume: whether to go on with an earlier part.

        Returns:
            What there is to say of an earlier part with which it could go on, and does not; else nothing.

        Raises:
            PictureError: the earlier part was made with something else, or another process is writing this result.
            OSError: the place takes nothing.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for each in (self.part, self.before):
            if is_held(each):
                raise PictureError(f"'{self.path}' is being written by another process: wait for its end, or stop it.")
        found = [each for each in (self.part, self.before) if each.is_file()]
        if resume and found:
            self._check(found[0])
        alike = [each for each in found if self._notes(each) == self.notes]
        counts = {each: count_frames(each) for each in alike}
        best = max(counts, key=counts.__getitem__) if counts else next(iter(found), None)
        for each in found:
            if each != best:
                _remove(each)
        if best == self.part:
            _move(self.part, self.before)
        write_json(notes_of(self.part), self.notes)
        if resume and best is not None:
            self.frames = counts[best]
        elif best in counts and counts[best]:
            return f"'{self.part}' held {counts[best]} frames of this: it is begun anew, and --resume would go on there"
        return ""

    def _check(self, part: Path) -> None:
        theirs = self._notes(part)
        if theirs is None:
            raise PictureError(
                f"'{part}' cannot be gone on with: there are no notes of what it was made with ('{notes_of(part)}'). "
                "Without --resume it is begun anew."
            )
        others = [name for name in {**self.notes, **theirs} if self.notes.get(name) != theirs.get(name)]
        if others:
            told = ", ".join(_difference(name, theirs.get(name, ""), self.notes.get(name, "")) for name in others)
            raise PictureError(
                f"'{part}' was made otherwise ({told}), so it cannot be gone on with. Say what was said then, or leave "
                "out --resume to begin anew."
            )

    def _notes(self, part: Path) -> dict[str, str] | None:
        try:
            notes = json.loads(notes_of(part).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return {str(name): str(value) for name, value in notes.items()} if isinstance(notes, dict) else None

    def taken_over(self, headers: bytes) -> Iterator[Packet[Any]]:
        """The packets of `frames` frames of the earlier part, as an encoder gives them.

        Args:
            headers: what an encoder puts at the beginning of H.264; the earlier part has to have the same.

        Raises:
            PictureError: it has others, or the file has changed.
        """
        if not self.frames:
            return
        with opened(self.before) as container:
            theirs = bytes(container.streams.video[0].codec_context.extradata or b"")
            sets = [unit for unit in re.split(rb"\x00\x00\x00?\x01", headers) if unit and unit[0] & 31 in (SPS, PPS)]
            if not sets or not all(unit in theirs for unit in sets):
                raise PictureError(
                    f"'{self.part}' was written by another version of FFmpeg: leave out --resume to begin anew."
                )
            left = self.frames
            for packet in container.demux(video=0):
                if not left:
                    return
                yield _as_encoded(packet)
                left -= 1

    def end(self, whole: bool, written: int) -> tuple[Path | None, int]:
        """Put what was written where it belongs, when its file is closed.

        Args:
            whole: whether that is all of it.
            written: how many frames.

        Returns:
            Where what is done is, and how many frames that is; None and 0 if there is nothing.

        Raises:
            OSError: the place does not take it.
        """
        if whole:
            os.replace(self.part, self.path)
            for each in (self.part, self.before):
                _remove(each)
            return self.path, written
        earlier = count_frames(self.before) if self._notes(self.before) == self.notes else 0
        if written > earlier or (written and not self.before.is_file()):
            _remove(self.before)
            return self.part, written
        _remove(self.part)
        if not self.before.is_file():
            return None, 0
        _move(self.before, self.part)
        return (self.part, earlier) if earlier else (None, 0)


def count_frames(part: Path) -> int:
    """How many frames from the first on are there, and can be decoded."""
    return sum(1 for _ in _packets(part))


def _packets(part: Path) -> Iterator[Packet[Any]]:
    """Packets of pictures up to the first that is damaged or cut off, which decoding shows."""
    from av.error import FFmpegError

    try:
        container = opened(part)
    except PictureError:
        return
    try:
        for packet in container.demux(video=0):
            if not packet.size or packet.is_corrupt:
                return
            frames = packet.decode()  # one comes at once, since none goes by a later one
            if len(frames) != 1 or frames[0].is_corrupt:
                return
            yield packet
    except (FFmpegError, OSError, IndexError):  # the last: it has no stream of pictures
        return
    finally:
        container.close()


def _as_encoded(packet: Packet[Any]) -> Packet[Any]:
    """A packet of a file, in which every unit of H.264 begins with its length, with the marks of a stream (Annex B)."""
    from av import Packet

    data, units, place = bytes(packet), [], 0
    while place < len(data):
        length = int.from_bytes(data[place : place + LENGTH], "big")
        units.append(b"\0\0\0\1" + data[place + LENGTH : place + LENGTH + length])
        place += LENGTH + length
    encoded = Packet(b"".join(units))
    encoded.is_keyframe = packet.is_keyframe
    return encoded


def _difference(name: str, theirs: str, own: str) -> str:
    return (
        f"{name}: {theirs}, now {own}" if max(len(theirs), len(own)) <= SHORT and theirs and own else f"another {name}"
    )


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    notes_of(part).unlink(missing_ok=True)


def _move(part: Path, place: Path) -> None:
    if notes_of(part).is_file():
        os.replace(notes_of(part), notes_of(place))
    os.replace(part, place)
