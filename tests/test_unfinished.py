"""Clips that were stopped, in whatever way, and gone on with: the result is as if nothing had happened."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clips import moving, packets, seconds, write_clip
from tests.processes import start_alone
from zmnet_core.errors import PictureError
from zmnet_core.images.clip_writing import ClipWriter
from zmnet_core.images.clips import Clip
from zmnet_core.images.unfinished import count_frames, notes_of, part_of

NOTES = {"style": "night", "strength": "1.0"}
FRAMES = 60
TIMES = np.cumsum([0, *np.random.default_rng(0).integers(5, 90, FRAMES - 1)]).tolist()


def write(clip: Clip, target: Path, until: int = sys.maxsize, resume: bool = False, notes=NOTES) -> int:
    """Write frames, stop by Ctrl-C if they are not all, and return with how many it began."""
    try:
        with ClipWriter(target, clip, notes=notes, resume=resume) as writer:
            begun = writer.done
            for index in range(begun, min(until, len(clip))):
                writer.add(clip[index])
            if until < len(clip):
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert until < len(clip)
    return begun


def compare(result: Path, source: Path) -> None:
    """Whether a result has all that the one in one go has."""
    whole = source.with_stem("whole")
    if not whole.exists():
        with Clip(source) as clip:
            write(clip, whole)
    assert seconds(result) == seconds(whole) == seconds(source)
    assert packets(result) == packets(whole) == packets(source)
    with Clip(result) as ours, Clip(whole) as theirs, Clip(source) as clip:
        pictures, off = torch.stack(list(clip)), []
        for each in (ours, theirs):
            off.append((torch.stack(list(each)) - pictures).abs().mean((1, 2, 3)))
        assert (off[0] - off[1]).max() < 0.01  # what the encoder loses, and no more
    assert not part_of(result).exists() and not notes_of(part_of(result)).exists()


@pytest.fixture(scope="module", params=[".mp4", ".mov", ".mkv"])
def source(request, tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / f"a{request.param}", moving(FRAMES), times=TIMES, sound="aac")


@pytest.mark.parametrize("stops", [[1], [20, 21, FRAMES - 1]], ids=str)
def test_what_was_stopped_goes_on_to_the_same_result(tmp_path, source, stops):
    target = tmp_path / f"b{source.suffix}"
    with Clip(source) as clip:
        for before, stop in zip([0, *stops], stops):
            assert write(clip, target, stop, resume=True) == before
            assert count_frames(part_of(target)) == stop and seconds(part_of(target)) == seconds(source)[:stop]
        assert write(clip, target, resume=True) == stops[-1]
    compare(target, source)


@pytest.fixture(scope="module")
def torn_off(source, tmp_path_factory) -> Path:
    """What lies on the disk in the middle of the work, when the power fails."""
    folder, target = tmp_path_factory.mktemp("torn"), tmp_path_factory.mktemp("work") / f"b{source.suffix}"
    with Clip(source) as clip, ClipWriter(target, clip, notes=NOTES) as writer:
        for index in range(50):
            writer.add(clip[index])
        for each in (part_of(target), notes_of(part_of(target))):
            shutil.copy(each, folder)
        for index in range(50, FRAMES):
            writer.add(clip[index])
    return folder / part_of(target).name


def test_after_a_power_cut_what_is_done_can_be_played(torn_off, source):
    done = count_frames(torn_off)
    assert 15 < done < 50 and seconds(torn_off)[:done] == seconds(source)[:done]
    assert len(packets(torn_off)) > 5  # of sound


@settings(max_examples=4, deadline=None)
@given(share=st.floats(0, 1), zeros=st.booleans())
def test_however_the_end_is_torn_off_it_goes_on(tmp_path_factory, source, torn_off, share, zeros):
    folder = tmp_path_factory.mktemp("again")
    target, data = folder / f"b{source.suffix}", torn_off.read_bytes()
    kept = round(share * len(data))
    part_of(target).write_bytes(data[:kept] + bytes(len(data) - kept) * zeros)
    shutil.copy(notes_of(torn_off), notes_of(part_of(target)))
    with Clip(source) as clip:
        assert write(clip, target, resume=True) <= count_frames(torn_off)
    compare(target, source)


KILLED = """
import os, resource, signal, sys
from pathlib import Path
from tests.test_unfinished import NOTES
from zmnet_core.images.clip_writing import ClipWriter
from zmnet_core.images.clips import Clip
with Clip(sys.argv[1]) as clip, ClipWriter(sys.argv[2], clip, notes=NOTES) as writer:
    for index in range(50):
        writer.add(clip[index])
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can be killed so")
def test_a_process_that_is_killed_leaves_what_can_be_gone_on_with(tmp_path, source):
    target = tmp_path / f"b{source.suffix}"
    process = start_alone("-c", KILLED, source, target)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    done = count_frames(part_of(target))
    assert 15 < done <= 50
    with Clip(source) as clip:
        assert write(clip, target, resume=True) == done
    compare(target, source)


LIMITED = """
import resource, sys
from tests.test_unfinished import NOTES
from zmnet_core.errors import PictureError
from zmnet_core.images.clip_writing import ClipWriter
from zmnet_core.images.clips import Clip
with Clip(sys.argv[1]) as clip:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
    from zmnet_core.images import clip_writing
    clip_writing.SPARE = 0
    try:
        with ClipWriter(sys.argv[2], clip, notes=NOTES) as writer:
            for index in range(len(clip)):
                writer.add(clip[index])
    except PictureError as error:
        print(error, writer.done, writer.kept)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_where_the_file_gets_too_large_for_the_disk_what_is_done_can_be_gone_on_with(tmp_path, suffix):
    """As on FAT, at 4 GB: nothing can be added any more, not even the file's end."""
    noise = [np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8) for seed in range(FRAMES)]
    source = write_clip(tmp_path / f"a{suffix}", noise, times=TIMES, sound="aac")
    target = tmp_path / f"b{suffix}"
    process = start_alone("-c", LIMITED, source, target, 100_000)
    said, errors = process.communicate(timeout=60)
    assert "the file is larger than the disk or a limit allows" in said, errors
    done = count_frames(part_of(target))
    assert 3 < done < FRAMES and f" {done} {part_of(target)}" in said
    with Clip(part_of(target), say=lambda _: None) as clip:  # the last one may be cut in two
        assert [clip.seconds_at(index) for index in range(done)] == seconds(source)[:done]
    with Clip(source) as clip:
        assert write(clip, target, resume=True) == done
    compare(target, source)


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@pytest.mark.parametrize(
    "notes, said",
    [
        ({"style": "night", "strength": "0.7"}, r"made otherwise \(strength: 1.0, now 0.7\)"),
        ({"style": "noon " * 9, "strength": "1.0"}, r"made otherwise \(another style\)"),
        ({**NOTES, "range": "0:1"}, r"made otherwise \(another range\)"),
        (None, "no notes of what it was made with"),
    ],
)
def test_a_part_of_something_else_is_refused_and_left_alone(tmp_path, notes, said):
    with Clip(write_clip(tmp_path / "a.mp4", moving(12))) as clip:
        write(clip, tmp_path / "b.mp4", 8)
        if notes is None:
            notes_of(part_of(tmp_path / "b.mp4")).unlink()
        before = contents(tmp_path)
        with pytest.raises(PictureError, match=said):
            write(clip, tmp_path / "b.mp4", resume=True, notes=notes or NOTES)
        assert contents(tmp_path) == before


def test_without_an_earlier_part_it_begins(tmp_path):
    with Clip(write_clip(tmp_path / "a.mp4", moving(4))) as clip:
        assert write(clip, tmp_path / "b.mp4", resume=True) == 0
    assert sorted(contents(tmp_path)) == ["a.mp4", "b.mp4"]


def test_a_run_that_begins_anew_says_so_and_gives_an_earlier_part_up_only_for_more(tmp_path):
    said, target = [], tmp_path / "b.mp4"
    with Clip(write_clip(tmp_path / "a.mp4", moving(12))) as clip:
        write(clip, target, 8)
        for until, kept in ((3, 8), (9, 9)):
            with pytest.raises(KeyboardInterrupt), ClipWriter(target, clip, said.append, notes=NOTES) as writer:
                for index in range(until):
                    writer.add(clip[index])
                raise KeyboardInterrupt
            assert (writer.kept, writer.done, count_frames(writer.kept)) == (part_of(target), kept, kept)
        assert (
            said
            == [f"'{part_of(target)}' held 8 frames of this: it is begun anew, and --resume would go on there."] * 2
        )
        write(clip, target, 2, notes={})  # something else takes its place
        assert count_frames(part_of(target)) == 2
        write(clip, target, 0)  # nothing does not
        assert count_frames(part_of(target)) == 2
    assert sorted(contents(tmp_path)) == ["a.mp4", "b.part.mp4", "b.part.mp4.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can rename there what is open")
def test_two_do_not_write_one_result(tmp_path):
    with Clip(write_clip(tmp_path / "a.mp4", moving(12))) as clip:
        with ClipWriter(tmp_path / "b.mp4", clip) as writer:
            writer.add(clip[0])
            while not part_of(tmp_path / "b.mp4").exists():
                pass
            with pytest.raises(PictureError, match="is being written by another process"):
                write(clip, tmp_path / "b.mp4")
            for index in range(1, 12):
                writer.add(clip[index])
        assert seconds(tmp_path / "b.mp4") == seconds(tmp_path / "a.mp4")


def test_the_part_of_another_encoder_is_refused(tmp_path, monkeypatch):
    from zmnet_core.images import clip_writing

    with Clip(write_clip(tmp_path / "a.mp4", moving(12))) as clip:
        monkeypatch.setattr(clip_writing, "ENCODING", {**clip_writing.ENCODING, "preset": "slow"})
        write(clip, tmp_path / "b.mp4", 8)
        monkeypatch.undo()
        with pytest.raises(PictureError, match="another version of FFmpeg"):
            write(clip, tmp_path / "b.mp4", resume=True)
        assert count_frames(part_of(tmp_path / "b.mp4")) == 8
