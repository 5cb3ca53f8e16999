"""`zmnet stylize` and `zmnet animate` with clips, as they are called."""

from __future__ import annotations

import re
import signal
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from tests.clips import moving, packets, seconds, write_clip
from tests.processes import start_alone
from tests.test_cli import PAINTING, zmnet
from zmnet_core.assets import DEMO_PICTURES
from zmnet_core.cli import app
from zmnet_core.images.clip_writing import ClipWriter
from zmnet_core.images.clips import Clip
from zmnet_core.images.unfinished import count_frames
from zmnet_core.model import ZMNet
from zmnet_core.styling.look import STEADY
from zmnet_core.styling.paint import encode_painting
from zmnet_core.styling.steady import stylize_clip

MINI = ("-m", "mini")


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "in" / "a.mp4", moving(6), times=[0, 40, 90, 100, 250, 400], sound="aac")


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    (tmp_path / "in").mkdir()


@pytest.mark.parametrize("steady", STEADY)
def test_a_clip_is_that_of_the_library_with_its_sound_and_times(clip, tmp_path, steady):
    out = tmp_path / "out" / "b.mp4"
    assert str(out) in zmnet("stylize", clip, "-s", PAINTING, "-o", out, "--steady", steady, *MINI)
    assert seconds(out) == seconds(clip) and packets(out) == packets(clip)
    network = ZMNet.from_pretrained("zmnet-mini")
    with Clip(clip) as frames, Clip(out) as written:
        style = encode_painting(network, Image.open(PAINTING))
        expected = torch.stack(list(stylize_clip(network, list(frames), style, steady=steady)))
        assert (torch.stack(list(written)) - expected).abs().mean() < 0.03
        assert (expected - torch.stack(list(frames))).abs().mean() > 0.1
    assert [each.name for each in out.parent.iterdir()] == ["b.mp4"]


def test_frames_go_by_that_of_a_second(clip, tmp_path):
    out = tmp_path / "b.mp4"
    zmnet("stylize", clip, "-s", PAINTING, "-o", out, "--steady", "first", "--reference", "0.2", *MINI)
    network = ZMNet.from_pretrained("zmnet-mini")
    with Clip(clip) as frames, Clip(out) as written:  # the fourth one is shown from 0.1 s on, the fifth from 0.25 s
        style, frames = encode_painting(network, Image.open(PAINTING)), list(frames)
        apart = [
            float((torch.stack(list(written)) - torch.stack(list(stylize))).abs().mean())
            for stylize in (
                stylize_clip(network, frames, style, steady="first", reference=index) for index in range(len(frames))
            )
        ]
    assert min(range(len(apart)), key=apart.__getitem__) == 3


def test_a_folder_may_hold_pictures_and_clips(clip, tmp_path):
    Image.fromarray(moving(1)[0]).save(tmp_path / "in" / "c.png")
    write_clip(tmp_path / "in" / "sub.webm", moving(2), codec="libvpx")
    out = tmp_path / "out"
    said = zmnet("stylize", tmp_path / "in", "-s", PAINTING, "-o", out, *MINI)
    assert f"3 pictures and clips in {out}" in said
    assert sorted(each.name for each in out.iterdir()) == ["a.mp4", "c.png", "sub.mkv"]
    times = {each: each.stat().st_mtime_ns for each in out.iterdir()}
    assert "3 of them were there already" in zmnet(
        "stylize", tmp_path / "in", "-s", PAINTING, "-o", out, "--skip-existing", *MINI
    )
    assert {each: each.stat().st_mtime_ns for each in out.iterdir()} == times


def test_what_is_no_clip_is_skipped_in_a_folder_and_refused_alone(clip, tmp_path):
    bad = tmp_path / "in" / "bad.mp4"
    bad.write_bytes(b"nonsense")
    said = zmnet("stylize", tmp_path / "in", "-s", PAINTING, "-o", tmp_path / "out", *MINI, status=1)
    assert "skipped: " in said and "cannot be read as a clip" in said and "1 skipped" in said
    said = zmnet("stylize", bad, "-s", PAINTING, "-o", tmp_path / "b.mp4", *MINI, status=1)
    assert said.endswith("copy it again.") and "error: " in said and not (tmp_path / "b.mp4").exists()


def test_a_range_is_a_preview(clip, tmp_path):
    out = tmp_path / "b.mkv"
    zmnet("stylize", clip, "-s", PAINTING, "-o", out, "--range", "0.09:0.3", "--size", 24, *MINI)
    assert seconds(out) == pytest.approx([0, 0.01, 0.16])
    with Clip(out) as written:
        assert written.size == (32, 24)


@pytest.mark.parametrize(
    "options, status, said",
    [
        (["--range", "5"], 2, "'5' is no span of seconds such as 2.5:8, 2.5: or :8"),
        (["--range", "5:2"], 2, "is no span"),
        (["--range", "-1:2"], 2, "is no span"),
        (["--range", "a:b"], 2, "is no span"),
        (["--range", "7:9"], 1, "holds no frame that can be read between 7 and 9 s: it lasts 0.4 s"),
        (["--steady", "frist"], 2, "Did you mean 'first'?"),
        (["--reference", "0.1"], 2, "it chooses a frame for --steady first, and --steady is whole"),
        (["--steady", "first", "--reference", "0.5"], 1, "goes from 0.0 to 0.4 s."),
        (["-o", "out.png"], 1, "a clip ends in .mp4, .mov, .mkv"),
        (["-o", "-"], 1, "is a clip: name a file"),
    ],
)
def test_slips_of_the_pen_are_told(clip, tmp_path, monkeypatch, options, status, said):
    monkeypatch.chdir(tmp_path)
    result = "".join(zmnet("stylize", clip, "-s", PAINTING, "-o", "b.mp4", *MINI, *options, status=status).split("│"))
    assert said.replace(" ", "") in result.replace(" ", "")
    assert [each.name for each in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("option", [("--range", "1:2"), ("--steady", "first", "--reference", "1"), ("--resume",)])
def test_what_is_for_clips_is_refused_for_photographs(tmp_path, option):
    assert "there is no clip" in zmnet("stylize", PAINTING, "-s", PAINTING, "-o", tmp_path / "b.png", *option, status=2)


def test_the_clip_itself_is_never_overwritten(clip):
    before = clip.read_bytes()
    assert "would overwrite" in zmnet("stylize", clip, "-s", PAINTING, "-o", clip, *MINI, status=1)
    assert "would overwrite" in zmnet("animate", clip, "--from", PAINTING, "--to", PAINTING, "-o", clip, status=1)
    assert clip.read_bytes() == before


def test_sound_that_does_not_fit_is_told_before_the_work(tmp_path):
    path = write_clip(tmp_path / "in" / "a.mkv", moving(2), sound="pcm_u8")
    said = zmnet("stylize", path, "-s", PAINTING, "-o", tmp_path / "b.mp4", *MINI, status=1)
    assert "which .mp4 cannot hold: name the result .mkv" in said and not (tmp_path / "b.mp4").exists()


@pytest.mark.slow
def test_the_style_changes_along_a_clip(tmp_path):
    still = write_clip(tmp_path / "in" / "a.mp4", [moving(1)[0]] * 9)
    other = DEMO_PICTURES / "styles" / "composition-kandinsky.jpg"
    zmnet("animate", still, "--from", PAINTING, "--to", other, "-o", tmp_path / "b.mp4", *MINI)
    for painting, name in ((PAINTING, "from"), (other, "to")):
        zmnet("stylize", still, "-s", painting, "-o", tmp_path / f"{name}.mp4", *MINI)
    with Clip(tmp_path / "b.mp4") as walk, Clip(tmp_path / "from.mp4") as one, Clip(tmp_path / "to.mp4") as two:
        assert (walk[0] - one[0]).abs().mean() < 0.03 and (walk[8] - two[8]).abs().mean() < 0.03
        apart = [float((frame - one[8]).abs().mean()) for frame in walk]
    assert np.diff(apart).min() > -0.01 and apart[-1] > 0.05
    said = zmnet("animate", still, "--from", PAINTING, "--to", other, "-o", tmp_path / "c.mp4", "--fps", 30, status=2)
    assert "a clip keeps its own frames" in said


def test_what_is_wrong_with_a_clip_is_told_in_a_line_of_its_own(tmp_path):
    clip, out = write_clip(tmp_path / "in" / "a.avi", moving(60), codec="mpeg4", sound="mp3"), tmp_path / "b.mp4"
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 4])
    result = CliRunner().invoke(app, ["stylize", str(clip), "-s", str(PAINTING), "-o", str(out), *MINI])
    told = [line for line in re.split(r"[\r\n]", result.stderr) if "cut off" in line]
    assert result.exit_code == 0 and "look: " in result.stderr
    assert len(told) == 1 and re.fullmatch(
        rf"'{re.escape(str(clip))}' is cut off: it ends after .* of 2.4 s\.", told[0]
    )


@pytest.mark.slow
def test_ctrl_c_leaves_what_is_done(tmp_path):
    clip, out = write_clip(tmp_path / "in" / "a.mp4", moving(500), sound="aac"), tmp_path / "b.mp4"
    options = ["stylize", clip, "-s", PAINTING, "-o", out, "--device", "cpu", *MINI]
    process = start_alone("-c", "from zmnet_core.cli import app; app()", *options)
    said = ""
    while not re.search(r"stylize: .* [1-9]\d/500 ", said):  # some of them are done, by the bar
        letter = process.stderr.read(1)
        assert letter, said
        said += letter
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in errors, said + errors
    part = tmp_path / "b.part.mp4"
    done = len(seconds(part))
    assert 0 < done < 500 and seconds(part) == seconds(clip)[:done]
    assert (
        f"({done} of 500 frames): what is done can be played and is in '{part}', and --resume goes on there" in errors
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b.part.mp4", "b.part.mp4.json", "in"]


def stopped_after(count: int, monkeypatch, *options: object) -> None:
    """The command, stopped by Ctrl-C after so many frames."""
    add, added = ClipWriter.add, []

    def counted(writer, picture):
        if len(added) == count:
            raise KeyboardInterrupt
        added.append(writer)
        add(writer, picture)

    monkeypatch.setattr(ClipWriter, "add", counted)
    assert "--resume" in zmnet(*options, status=130)
    monkeypatch.undo()


def noted(monkeypatch) -> list[int]:
    """With how many frames every clip begins from now on."""
    begin, begun = ClipWriter.__enter__, []

    def entered(writer):
        begin(writer)
        begun.append(writer.done)
        return writer

    monkeypatch.setattr(ClipWriter, "__enter__", entered)
    return begun


ANIMATE = ("animate", "--from", PAINTING, "--to", DEMO_PICTURES / "styles" / "composition-kandinsky.jpg")


@pytest.mark.parametrize("command, steady", [(("stylize", "-s", PAINTING), "whole"), (ANIMATE, "running")])
def test_resume_goes_on_where_a_clip_was_stopped(tmp_path, monkeypatch, command, steady):
    monkeypatch.setattr("zmnet_core.styling.steady.STYLES", 2)
    clip = write_clip(tmp_path / "in" / "a.mp4", moving(8) + moving(8, seed=5), sound="aac")  # two scenes
    whole, out = tmp_path / "whole.mp4", tmp_path / "b.mp4"
    options = (*command[:1], clip, *command[1:], "--steady", steady, *MINI)
    zmnet(*options, "-o", whole)
    stopped_after(10, monkeypatch, *options, "-o", out)
    for other, named in ((("--strength", 0.5), "strength: 1.0, now 0.5"), (("--size", 40), "size: None, now 40")):
        assert named in zmnet(*options, *other, "-o", out, "--resume", status=1)
    begun = noted(monkeypatch)
    zmnet(*options, "-o", out, "--resume")
    assert begun == [10] and seconds(out) == seconds(whole) and packets(out) == packets(whole)
    with Clip(out) as resumed, Clip(whole) as expected:
        off = (torch.stack(list(resumed)) - torch.stack(list(expected))).abs().mean((1, 2, 3))
    assert off.max() < 0.04  # H.264 is off by 0.024 from what was painted, each in its own way
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b.mp4", "in", "whole.mp4"]


def test_a_folder_goes_on_with_the_clip_that_was_stopped(clip, tmp_path, monkeypatch):
    for name in "bc":
        write_clip(tmp_path / "in" / f"{name}.mp4", moving(6))
    options = ("stylize", tmp_path / "in", "-s", PAINTING, "-o", tmp_path / "out", *MINI)
    stopped_after(10, monkeypatch, *options)
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["a.mp4", "b.part.mp4", "b.part.mp4.json"]
    begun = noted(monkeypatch)
    zmnet(*options, "--skip-existing", "--resume")
    assert begun == [4, 0]
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["a.mp4", "b.mp4", "c.mp4"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="nobody can be killed so")
def test_resume_after_the_process_was_killed(tmp_path):
    clip, out = write_clip(tmp_path / "in" / "a.mp4", moving(120), sound="aac"), tmp_path / "b.mp4"
    options = ["stylize", clip, "-s", PAINTING, "-o", out, "--device", "cpu", *MINI]
    process = start_alone("-c", "from zmnet_core.cli import app; app()", *options)
    said = ""
    while not re.search(r"stylize: .* [6-9]\d/120 ", said):
        letter = process.stderr.read(1)
        assert letter, said
        said += letter
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert 0 < count_frames(tmp_path / "b.part.mp4") < 120 and not out.exists()
    zmnet(*options, "--resume")
    zmnet(*options[:5], tmp_path / "whole.mp4", *options[6:])
    assert seconds(out) == seconds(clip) and packets(out) == packets(clip)
    with Clip(out) as resumed, Clip(tmp_path / "whole.mp4") as expected:
        assert max(float((a - b).abs().mean()) for a, b in zip(resumed, expected, strict=True)) < 0.04
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b.mp4", "in", "whole.mp4"]
