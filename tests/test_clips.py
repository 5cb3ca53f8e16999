"""Clips: what is read of them, and what is written of what was painted."""

from __future__ import annotations

import errno
import gc
import math
import os
import sys
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clips import bars, moving, packets, seconds, turned, write_clip
from zmnet_core.errors import PictureError, PlaceError
from zmnet_core.images import clips as clips_module
from zmnet_core.images.ahead import Ahead
from zmnet_core.images.clip_writing import ClipWriter
from zmnet_core.images.clips import Clip
from zmnet_core.images.colour import TO_YCC
from zmnet_core.images.companions import check_companions
from zmnet_core.images.formats import is_clip
from zmnet_core.images.unfinished import part_of
from zmnet_core.images.video_colour import HLG, PEAK, PQ, WHITE, in_primaries, light_of, tone_mapped
from zmnet_core.images.video_frames import EVERYTHING, span_in_words


def levels(picture: torch.Tensor) -> np.ndarray:
    """[H, W, 3], 0..255."""
    return 255 * picture.permute(1, 2, 0).numpy()


def inside() -> np.ndarray:
    """Columns that are not beside a border of two bars, where 4:2:0 mixes them."""
    return np.array([column for column in range(256) if 6 <= column % 32 < 26])


def copy_of(clip: Clip, path: Path) -> Path:
    with ClipWriter(path, clip) as writer:
        for index in range(len(clip)):
            writer.add(clip[index])
    assert writer.kept == path and writer.done == len(clip)
    return path


@pytest.mark.parametrize("matrix", [1, 2, 6], ids=["709", "untagged", "601"])
@pytest.mark.parametrize("full", [False, True], ids=["16..235", "0..255"])
@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le", "yuv444p"])
def test_colour_bars_come_back_within_two_levels(tmp_path, matrix, full, format):
    path = write_clip(tmp_path / "a.mkv", [bars()] * 2, matrix=matrix, full=full, format=format)
    with Clip(path) as clip:
        read = levels(clip[0])
        assert np.abs(read - bars())[:, inside()].max() <= 2
        again = copy_of(clip, tmp_path / "b.mp4")
    with Clip(again) as clip:  # H.264 loses a little beside the borders
        each = (levels(clip[1]) - read)[:, inside()].reshape(48, 8, 20, 3).mean((0, 2))
        assert np.abs(each).max() <= 2
    with av.open(str(again)) as container:
        frame = next(container.decode(video=0))
        assert [frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range] == [1, 1, 1, 1]


@pytest.mark.parametrize("rows, matrix", [(718, 6), (720, 1)])
def test_a_clip_without_tags_is_read_by_its_height(tmp_path, rows, matrix):
    tagged = write_clip(tmp_path / "a.mkv", [bars(256, rows)], matrix=matrix)
    data = write_clip(tmp_path / "b.mkv", [bars(256, rows)], matrix=2)  # by BT.601
    with Clip(tagged) as clip, Clip(data) as other:
        off = np.abs(levels(clip[0]) - levels(other[0])).max()
    assert off < 2 if matrix == 6 else off > 15


@pytest.mark.parametrize(
    "codec, format", [("ffv1", "bgr0"), ("ffv1", "gray"), ("ffv1", "gbrp10le"), ("qtrle", "rgb24")]
)
def test_what_is_no_yuv_is_read_as_it_is(tmp_path, codec, format):
    suffix = ".mov" if codec == "qtrle" else ".mkv"
    picture = bars() if format != "gray" else bars().mean(2, keepdims=True).repeat(3, 2).astype(np.uint8)
    with Clip(write_clip(tmp_path / f"a{suffix}", [picture], codec=codec, format=format, matrix=2)) as clip:
        assert np.abs(levels(clip[0]) - picture).max() <= 1.01


# As ITU-R BT.2408 has it: white of 203 cd/m² is 58 % of PQ and 75 % of HLG.
@pytest.mark.parametrize("curve, code", [(PQ, 0.58), (HLG, 0.75)])
def test_white_of_hdr_is_white(curve, code):
    assert light_of(torch.full((3, 1, 1), code), curve).mean() == pytest.approx(1, rel=0.02)
    assert light_of(torch.zeros(3, 1, 1), curve).abs().max() < 1e-4


def test_tones_of_hdr_keep_their_order_and_their_hue():
    grey = torch.linspace(0, PEAK / WHITE, 400).expand(3, 1, 400)
    mapped = tone_mapped(grey)[0, 0]
    assert (mapped.diff() > 0).all() and mapped[-1] == pytest.approx(1, abs=1e-5)
    dark = grey[0, 0] <= 0.5
    torch.testing.assert_close(mapped[dark], grey[0, 0][dark])
    assert mapped.diff().diff().abs().max() < 1e-3  # no bend at the knee
    colour = torch.tensor([3.0, 1.5, 0.3])[:, None, None]
    torch.testing.assert_close(tone_mapped(colour) / tone_mapped(colour)[0], colour / 3)


@pytest.mark.parametrize("primaries", [9, 12])
def test_white_is_white_in_all_primaries(primaries):
    torch.testing.assert_close(in_primaries(torch.ones(3, 1, 1), primaries), torch.ones(3, 1, 1), rtol=0, atol=1e-3)


def test_hdr_is_brought_down_with_a_word(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, 16, 1
        frame = av.VideoFrame(64, 48, "yuv420p10le")
        for plane, value in zip(frame.planes, (64 + round(0.58 * 876), 512, 512)):
            plane.update(np.full(plane.buffer_size // 2, value, "<u2").tobytes())
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    said = []
    with Clip(path, say=said.append) as clip:
        white = levels(clip[0])
    assert len(said) == 1 and "is HDR" in said[0]
    assert white.mean() == pytest.approx(225, abs=2) and np.ptp(white) < 0.1


TURNS = {  # a, b, c, d and what they make of a picture
    (1, 0, 0, 1): lambda picture: picture,
    (0, 1, -1, 0): lambda picture: np.rot90(picture, -1),
    (-1, 0, 0, -1): lambda picture: np.rot90(picture, 2),
    (0, -1, 1, 0): lambda picture: np.rot90(picture),
    (-1, 0, 0, 1): lambda picture: picture[:, ::-1],
    (0, 1, 1, 0): lambda picture: picture.transpose(1, 0, 2),
}


@pytest.mark.parametrize("matrix", TURNS, ids=str)
def test_clips_of_telephones_are_upright(tmp_path, matrix):
    picture = moving(1)[0]
    picture[:24, :32] = 250
    path = write_clip(tmp_path / "a.mp4", [picture], format="yuv444p")
    expected = TURNS[matrix](picture).astype(float)
    with Clip(turned(path, matrix)) as clip:
        assert clip.size == (expected.shape[1], expected.shape[0])
        assert np.abs(levels(clip[0]) - expected).mean() < 2
        small = torch.nn.functional.interpolate(clip[0][None], (18, 32), mode="area")[0]
        assert (clip.small[0] / 255 - small).abs().mean() < 0.02
        again = copy_of(clip, tmp_path / "b.mp4")
    with Clip(again) as clip:  # and it is not turned a second time
        assert np.abs(levels(clip[0]) - expected).mean() < 8


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_times_of_a_variable_rate_and_sound_are_kept(tmp_path, suffix):
    times = [0, 40, 90, 100, 250, 400, 401, 1000]
    path = write_clip(tmp_path / f"a{suffix}", moving(8), times=times, sound="aac")
    with Clip(path) as clip:
        out = copy_of(clip, tmp_path / f"b{suffix}")
    assert seconds(out) == seconds(path) == [time / 1000 for time in times]
    assert packets(out) == packets(path) and len(packets(out)) > 40


@settings(max_examples=10)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=12))
def test_any_times_are_kept(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("times")
    times = np.cumsum([0, *steps]).tolist()
    with Clip(write_clip(folder / "a.mp4", [bars(32, 16)] * len(times), times=times)) as clip:
        assert seconds(copy_of(clip, folder / "b.mp4")) == pytest.approx([time / 1000 for time in times], abs=1e-9)


@pytest.mark.parametrize(
    "suffix, options", [(".mp4", {"g": "5"}), (".mkv", {"g": "250", "bf": "3"}), (".avi", {"g": "7"})]
)
def test_any_frame_can_be_asked_for_in_any_order(tmp_path, suffix, options):
    path = write_clip(tmp_path / f"a{suffix}", moving(60, 32, 32), options={"crf": "0", **options})
    with Clip(path) as clip:
        in_order = [clip[index] for index in range(len(clip))]
    assert len(in_order) == 60
    with Clip(path) as clip:
        for index in (30, 0, 1, 59, 2, 31, 33, 3, 3, 20, 4, 58, 5):
            assert torch.equal(clip[index], in_order[index]), index
        with pytest.raises(IndexError):
            clip[60]


def test_a_raw_stream_without_times_can_be_read_as_well(tmp_path):
    path = write_clip(tmp_path / "a.h264", moving(12, 32, 32))
    with Clip(path) as clip:
        in_order = [clip[index] for index in range(len(clip))]
        assert len(in_order) == 12 and torch.equal(clip[3], in_order[3]) and torch.equal(clip[9], in_order[9])
        assert np.diff(seconds(copy_of_rest(path, tmp_path / "b.mp4"))) == pytest.approx(0.04, abs=1e-3)


def copy_of_rest(path: Path, target: Path) -> Path:
    with Clip(path) as clip:
        return copy_of(clip, target)


def test_few_frames_are_in_memory_however_long_the_clip_is(tmp_path, monkeypatch):
    path, alive, most = write_clip(tmp_path / "a.mp4", moving(80, 32, 32)), weakref.WeakSet(), []
    picture = Clip._picture

    class Counted(torch.Tensor):
        pass

    def counted(self, frame, reformatter):
        made = picture(self, frame, reformatter).as_subclass(Counted)
        alive.add(made)
        most.append(len(alive))
        return made

    monkeypatch.setattr(Clip, "_picture", counted)
    with Clip(path) as clip:
        for index in range(len(clip)):
            clip[index], clip[min(79, index + 24)]
    assert len(most) > 150 and max(most) <= clips_module.AHEAD + 5


def test_frames_and_packets_are_let_go_of_at_once(tmp_path):
    """Also while Python does not search for cycles: frames that wait for that are a lot of memory."""
    path, steps, counts = write_clip(tmp_path / "a.mp4", moving(96, 32, 32), sound="aac"), iter(range(96)), []

    def count(index):
        if index % 32 == 31:
            there = [type(each) for each in gc.get_objects()]
            counts.append([there.count(kind) for kind in (av.VideoFrame, av.AudioFrame, av.Packet)])

    gc.collect()
    gc.disable()
    try:
        count(31)
        with Clip(path, step=lambda: count(next(steps))) as clip, ClipWriter(tmp_path / "b.mp4", clip) as writer:
            for index in range(96):
                writer.add((clip[index] + clip[95 - index]) / 2)
                count(index)
    finally:
        gc.enable()
    assert len(counts) == 7 and len(clip) == writer.done == 96
    assert max(sum(each) for each in counts) <= sum(counts[0]) + 16


def test_a_span_is_a_part_of_the_clip_and_of_its_sound(tmp_path):
    path = write_clip(tmp_path / "a.mp4", moving(50), sound="aac", options={"crf": "0", "g": "10"})
    with Clip(path) as clip:
        part = [clip[index] for index in range(25, 40)]
    with Clip(path, span=(1.0, 1.6)) as clip:
        assert len(clip) == 15 and torch.equal(torch.stack([clip[index] for index in range(15)]), torch.stack(part))
        assert clip.seconds_at(0) == 0 and clip.seconds_at(15) == pytest.approx(0.6)
        out = copy_of(clip, tmp_path / "b.mp4")
    assert seconds(out) == pytest.approx([0.04 * index for index in range(15)])
    whole, copied = packets(path), packets(out)
    assert 25 <= len(copied) <= 30 and {each[0] for each in copied} <= {each[0] for each in whole}
    with pytest.raises(PictureError, match="can be read from 9 s on: it lasts 2.0 s"):
        Clip(path, span=(9, math.inf))


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (33, 35)])
def test_odd_sides_get_a_row_or_a_column_more(tmp_path, size):
    width, height = size
    path = write_clip(tmp_path / "a.mkv", moving(2, *size), format="yuv444p")
    with Clip(path) as clip:
        assert clip.size == size
        original = clip[0]
        out = copy_of(clip, tmp_path / "b.mp4")
    with Clip(out) as clip:
        assert clip.size == (width + width % 2, height + height % 2)
        light = torch.einsum("c,chw->hw", torch.tensor(TO_YCC[0]), clip[0][:, :height, :width] - original)
        assert light.abs().mean() < 0.02  # of colours, 4:2:0 keeps fewer


def test_the_result_can_be_smaller(tmp_path):
    with Clip(write_clip(tmp_path / "a.mp4", moving(2, 64, 48)), side=24) as clip:
        assert clip.size == (32, 24) and clip[0].shape == (3, 24, 32)


def test_what_a_container_cannot_hold_is_refused_before_the_work(tmp_path):
    path = write_clip(tmp_path / "a.mkv", moving(2), sound="pcm_u8")
    with pytest.raises(PictureError, match=r"has sound \(pcm_u8\), which .mp4 cannot hold: name the result .mkv"):
        check_companions(path, tmp_path / "b.mp4")
    check_companions(path, tmp_path / "b.mkv")


def with_subtitles(clip: Path, target: Path) -> Path:
    """The clip with a stream of subtitles more."""
    text = target.with_suffix(".srt")
    text.write_text("1\n00:00:00,040 --> 00:00:00,200\nHello\n\n2\n00:00:00,300 --> 00:00:00,900\nYou\n", "utf-8")
    with av.open(str(clip)) as pictures, av.open(str(text)) as words, av.open(str(target), "w") as container:
        streams = [container.add_stream_from_template(each.streams[0]) for each in (pictures, words)]
        streams[1].metadata["language"] = "eng"
        for stream, source in zip(streams, (pictures, words)):
            for packet in source.demux(source.streams[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    container.mux(packet)
    text.unlink()
    return target


def test_subtitles_are_copied_with_their_language_and_told_of_where_they_do_not_fit(tmp_path):
    path = with_subtitles(write_clip(tmp_path / "a.mkv", moving(25)), tmp_path / "b.mkv")
    with pytest.raises(PictureError, match=r"has subtitles \(\w+\), which .mp4 cannot hold: name the result .mkv"):
        check_companions(path, tmp_path / "c.mp4")
    with Clip(path) as clip:
        out = copy_of(clip, tmp_path / "c.mkv")
    assert packets(out, "subtitles") == packets(path, "subtitles") and len(packets(out, "subtitles")) == 2
    with av.open(str(out)) as container:
        assert container.streams.subtitles[0].language == "eng"


def test_a_subtitle_that_is_on_screen_when_the_span_begins_or_ends_is_there(tmp_path):
    path = with_subtitles(write_clip(tmp_path / "a.mkv", moving(25)), tmp_path / "b.mkv")
    with Clip(path, span=(0.12, 0.6)) as clip:
        out = copy_of(clip, tmp_path / "c.mkv")
    assert [(pts, length) for _, pts, _, length in packets(out, "subtitles")] == [(0, 80), (180, 300)]  # ms
    with Clip(path, span=(0.2, 0.28)) as clip:  # the first is over, the second has not come
        out = copy_of(clip, tmp_path / "d.mkv")
    assert packets(out, "subtitles") == []


@pytest.mark.parametrize(
    "span, text",
    [((2, 9), "between 2 and 9 s"), ((2.5, math.inf), "from 2.5 s on"), ((0, 4), "before 4 s"), (EVERYTHING, "")],
)
def test_a_span_in_words(span, text):
    assert span_in_words(span) == text


@pytest.mark.parametrize("sound", [None, "aac"])
def test_parts_put_end_to_end_follow_each_other_with_their_sound(tmp_path, sound):
    """As cameras and recorders leave them: the clock of each part begins anew."""
    part = write_clip(tmp_path / "a.ts", moving(40), sound=sound)
    whole = tmp_path / "whole.ts"
    whole.write_bytes(3 * part.read_bytes())
    with Clip(part) as clip:
        alone = len(clip)
        heard = packets(copy_of(clip, tmp_path / "alone.mkv")) if sound else []
    with Clip(whole) as clip:
        assert len(clip) == 3 * alone
        times = [clip.seconds_at(index) for index in range(len(clip))]
        assert np.diff(times) == pytest.approx(0.04, abs=0.001)
        again = clip[2 * alone + 3]
        assert torch.equal(again, clip[3])  # sought where there are no times of its own
        out = copy_of(clip, tmp_path / "b.mkv")
    assert np.diff(seconds(out)) == pytest.approx(0.04, abs=0.001)
    if sound:
        copied = packets(out)
        assert len(copied) >= 3 * len(heard) - 4
        steps = np.diff([pts for _, pts, _, _ in copied])
        assert steps.min() > 0 and np.median(steps) in (21, 22) and steps.max() < 200  # ms


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text are those of Linux")
def test_a_clip_whose_name_is_no_text_is_read_and_written(tmp_path):
    path = write_clip(tmp_path / "a.mp4", moving(3), sound="aac").rename(tmp_path / os.fsdecode(b"\xe9.mp4"))
    with Clip(path) as clip:
        out = copy_of(clip, tmp_path / os.fsdecode(b"\xe8.mp4"))
    assert out.exists() and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi", ".ts", ".flv", ".webm"])
def test_a_clip_without_its_suffix_is_known_by_its_beginning(tmp_path, suffix):
    codec = "libvpx" if suffix == ".webm" else "libx264"
    path = write_clip(tmp_path / f"a{suffix}", moving(12), codec=codec)
    assert is_clip(path) and is_clip(path.rename(tmp_path / "a")) and not is_clip(tmp_path / "b")


@pytest.mark.parametrize("text", [b"", b"GG", b"export const G = 1;\n" * 40, b"\x89PNG\r\n\x1a\n" + bytes(600)])
def test_what_is_no_clip_is_not_taken_for_one(tmp_path, text):
    for name in ("a.ts", "a", "a.png", "a.mp4.txt"):
        (tmp_path / name).write_bytes(text)
        assert not is_clip(tmp_path / name)


# Bad input ---------------------------------------------------------------------------------------


def test_a_truncated_clip_is_read_as_far_as_it_goes(tmp_path):
    path, said = write_clip(tmp_path / "a.mkv", moving(50), options={"crf": "10"}, sound="aac"), []
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with Clip(path, say=said.append) as clip:
        assert 5 < len(clip) < 45
        out = copy_of(clip, tmp_path / "b.mp4")
    assert "is cut off: it ends after" in said[-1] and "of 2.0 s" in said[-1]
    assert len(seconds(out)) == len(clip)


@pytest.mark.parametrize("count", [13, 60])
def test_a_truncated_avi_is_told_of_though_ffmpeg_makes_it_as_short_as_its_file(tmp_path, count):
    path, said = write_clip(tmp_path / "a.avi", moving(count), codec="mpeg4", sound="mp3"), []
    with Clip(path, say=said.append) as clip:
        whole = len(clip)
    assert whole >= count - 1 and not said
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"movi") + (len(data) - data.index(b"movi")) // 4])
    with Clip(path, say=said.append) as clip:
        assert len(clip) < whole / 2
    assert (
        len(said) == 1
        and f"is cut off: it ends after {clip.seconds_at(len(clip)):.1f} of {count / 25:.1f} s" in said[0]
    )


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_frames_with_one_time_are_shown_one_after_the_other(tmp_path, suffix):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.time_base = Fraction(1, 12800)
        shown = [0, 512, 1024, 1024, 1024, 2560]  # as after damage, where FFmpeg guesses
        for index, picture in enumerate(moving(6, 64, 48)):
            (packet,) = stream.encode(av.VideoFrame.from_ndarray(picture))
            packet.time_base, packet.pts, packet.dts = stream.time_base, shown[index], 512 * (index - 3)
            container.mux(packet)
    assert len(set(seconds(path))) == 4
    with Clip(path) as clip:
        assert [clip.seconds_at(index) for index in (0, 1, 2, 5)] == pytest.approx([0, 0.04, 0.08, 0.2])
        out = copy_of(clip, tmp_path / f"b{suffix}")
    assert len(seconds(out)) == 6 and min(np.diff(seconds(out))) >= 0.001 - 1e-9  # also in .mkv, which counts in ms


def test_what_is_damaged_in_the_middle_is_left_out(tmp_path):
    path, said = write_clip(tmp_path / "a.mkv", moving(50), options={"crf": "10", "g": "5"}, sound="aac"), []
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    path.write_bytes(data)
    with Clip(path, say=said.append) as clip:
        assert len(clip) > 30
        assert len(seconds(copy_of(clip, tmp_path / "b.mp4"))) == len(clip)
    assert not said or "damaged" in said[0] or "cut off" in said[0]


def test_broken_sound_is_left_out_with_a_word_and_the_pictures_are_whole(tmp_path):
    path, said = write_clip(tmp_path / "a.mp4", moving(100), sound="aac"), []
    data = bytearray(path.read_bytes())
    place = data.index(b"stco", data.index(b"soun")) + 8  # where they are
    count = int.from_bytes(data[place : place + 4], "big")
    for index in range(count // 2, count):
        data[place + 4 + 4 * index : place + 8 + 4 * index] = len(data).to_bytes(4, "big")
    path.write_bytes(data)
    check_companions(path, tmp_path / "b.mp4", said.append)
    with Clip(path, say=said.append) as clip, ClipWriter(tmp_path / "b.mp4", clip, said.append) as writer:
        for index in range(100):
            writer.add(clip[index])
    assert said and all("sound" in each for each in said)
    assert seconds(tmp_path / "b.mp4") == pytest.approx([0.04 * index for index in range(100)])
    assert 5 < len(packets(tmp_path / "b.mp4")) < 150


def test_a_clip_that_ends_while_it_is_painted_leaves_what_is_done(tmp_path):
    path, target = write_clip(tmp_path / "a.mkv", moving(50), options={"crf": "10"}, sound="aac"), tmp_path / "b.mkv"
    with pytest.raises(PictureError, match="cannot be read any more"), Clip(path) as clip:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with ClipWriter(target, clip, lambda _: None) as writer:
            for index in range(50):
                writer.add(clip[index])
    assert 5 < writer.done < 45 and seconds(part_of(target)) == seconds(path)[: writer.done]


def no_frames(path: Path) -> None:
    """A stream of pictures without any."""
    write_clip(path.with_suffix(".h264"), moving(1))
    with av.open(str(path.with_suffix(".h264"))) as source, av.open(str(path), "w", format="matroska") as container:
        container.add_stream_from_template(source.streams.video[0])
        container.start_encoding()
    path.with_suffix(".h264").unlink()


def no_pictures(path: Path) -> None:
    with av.open(str(path), "w") as container:
        tone = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 48000
        container.mux(tone.encode(frame))
        container.mux(tone.encode())


def without_end(path: Path) -> None:
    write_clip(path, moving(3))
    path.write_bytes(path.read_bytes()[:-300])  # the list of frames stands there


@pytest.mark.parametrize(
    "make, said",
    [
        (no_pictures, "holds no moving pictures, only audio"),
        (no_frames, "cannot be read as a clip"),
        (without_end, "cannot be read as a clip: it is damaged, cut off or something else"),
        (lambda path: path.write_bytes(b"nonsense" * 99), "cannot be read as a clip"),
        (lambda path: path.write_bytes(b""), "cannot be read as a clip"),
        (lambda path: None, "there is no such file"),
        (lambda path: path.mkdir(), "cannot be read"),
    ],
)
def test_what_is_no_clip_is_told_in_a_line(tmp_path, make, said):
    make(tmp_path / "12:30 a.mp4")
    with pytest.raises(PictureError, match=said) as caught:
        Clip(tmp_path / "12:30 a.mp4")
    assert "\n" not in str(caught.value)


def test_frames_of_another_size_are_scaled_with_a_word(tmp_path):
    first, second = (write_clip(tmp_path / f"{w}.h264", moving(4, w, h)) for w, h in ((64, 48), (96, 64)))
    path, said = tmp_path / "a.h264", []
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with Clip(path, say=said.append) as clip:
        assert {clip[index].shape for index in range(len(clip))} == {(3, 48, 64)} and len(clip) == 8
    assert "4 of 8 frames have another size, and are scaled to that of the first, 64 × 48" in said[0]


def test_without_its_package_it_is_said_what_to_install(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.mp4", moving(2))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(PictureError, match=r"needs the package av \(pip install av\)"):
        Clip(path)


# What is done is kept ----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_what_is_done_is_kept_beside_an_older_result(tmp_path, suffix, error):
    path, target = write_clip(tmp_path / f"a{suffix}", moving(50), sound="aac"), tmp_path / f"b{suffix}"
    target.write_bytes(b"older")
    with pytest.raises(error), Clip(path) as clip, ClipWriter(target, clip) as writer:
        for index in range(20):
            writer.add(clip[index])
        raise error
    assert target.read_bytes() == b"older" and writer.kept == part_of(target) == tmp_path / f"b.part{suffix}"
    assert seconds(writer.kept) == seconds(path)[:20]
    assert 30 <= len(packets(writer.kept)) <= 42  # its sound, of 0.8 s
    assert len(list(tmp_path.iterdir())) == 4  # with the notes of the part


def test_nothing_is_left_of_a_result_without_a_frame(tmp_path):
    path = write_clip(tmp_path / "a.mp4", moving(3))
    with pytest.raises(KeyboardInterrupt), Clip(path) as clip, ClipWriter(tmp_path / "b.mp4", clip) as writer:
        raise KeyboardInterrupt
    assert writer.kept is None and list(tmp_path.iterdir()) == [path]


def test_ctrl_c_while_the_file_is_finished_does_not_lose_it(tmp_path):
    path, presses = write_clip(tmp_path / "a.mp4", moving(9)), [KeyboardInterrupt]
    with pytest.raises(KeyboardInterrupt), Clip(path) as clip, ClipWriter(tmp_path / "b.mp4", clip) as writer:
        join = writer._thread.join

        def pressed():
            if presses:
                raise presses.pop()
            join()

        writer._thread.join = pressed
        for index in range(9):
            writer.add(clip[index])
    assert writer.kept == tmp_path / "b.mp4" and seconds(writer.kept) == seconds(path)


def test_a_whole_result_takes_the_place_of_a_part(tmp_path):
    path = write_clip(tmp_path / "a.mp4", moving(3))
    part_of(tmp_path / "b.mp4").write_bytes(b"a part")
    with Clip(path) as clip:
        copy_of(clip, tmp_path / "b.mp4")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


class SmallDisk:
    """So many bytes of room for all files together that `open` makes."""

    def __init__(self, room: int):
        self.room, self.sizes = room, dict[str, int]()

    def open(self, name, mode, **options):
        return _OnDisk(self, open(name, mode, **options))


class _OnDisk:
    def __init__(self, disk, file):
        self._disk, self._file = disk, file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def write(self, data):
        name, sizes = str(self._file.name), self._disk.sizes
        size = max(sizes.get(name, 0), self._file.tell() + len(data))
        others = sum(length for other, length in sizes.items() if other != name and Path(other).exists())
        if size + others > self._disk.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        sizes[name] = size
        return self._file.write(data)


@pytest.mark.parametrize("suffix, room", [(".mp4", 500_000), (".mkv", 500_000), (".mp4", 300_000)])
def test_a_full_disk_leaves_what_is_done_playable(tmp_path, monkeypatch, suffix, room):
    from zmnet_core.images import clip_writing, spare

    noise = [np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8) for seed in range(150)]
    path, target = write_clip(tmp_path / f"a{suffix}", noise, sound="aac"), tmp_path / f"b{suffix}"
    monkeypatch.setattr(spare, "open", SmallDisk(room).open, raising=False)
    monkeypatch.setattr(clip_writing, "SPARE", 400_000)
    with pytest.raises(PlaceError, match="the disk is full"), Clip(path) as clip, ClipWriter(target, clip) as writer:
        for index in range(len(clip)):
            writer.add(clip[index])
    if room < 400_000:  # it is full from the beginning
        assert writer.kept is None and list(tmp_path.iterdir()) == [path]
    else:
        assert writer.kept == part_of(target) and 3 < writer.done <= 150
        assert seconds(writer.kept) == seconds(path)[: writer.done]
        assert len(list(tmp_path.iterdir())) == 3


def test_a_frame_with_nan_is_refused_and_what_was_before_it_is_kept(tmp_path):
    path = write_clip(tmp_path / "a.mp4", moving(5))
    with pytest.raises(PictureError, match="NaN"), Clip(path) as clip, ClipWriter(tmp_path / "b.mp4", clip) as writer:
        writer.add(clip[0])
        writer.add(clip[1] * float("nan"))
    assert len(seconds(writer.kept)) == 1


def test_ahead_hands_on_items_and_errors_and_ends_its_thread():
    def items(closed):
        try:
            yield from range(3)
            raise RuntimeError("broken")
        finally:
            closed.append(True)

    closed: list[bool] = []
    ahead = Ahead(items(closed), 1)
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="broken"):
        next(ahead)
    assert next(ahead, None) is None
    endless, closed = Ahead(items(closed := []), 1), closed
    next(endless)
    endless.close()
    gc.collect()
    assert closed
