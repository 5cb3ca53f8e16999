"""Pictures through the standard input and output."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zmnet_core.assets import DEMO_PICTURES
from zmnet_core.cli import app, pipes

PAINTING = str(DEMO_PICTURES / "styles" / "irises-van-gogh.jpg")
SMALL = ["--model", "mini", "--device", "cpu"]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.open(DEMO_PICTURES / "contents" / "chelsea.jpg").resize((60, 40)).save(path)
    return path


def zmnet(*arguments, data: bytes | None = None, status: int = 0):
    result = CliRunner().invoke(app, [*map(str, arguments), *SMALL], input=data)
    assert result.exit_code == status, result.output + repr(result.exception)
    return result


@pytest.mark.slow
def test_a_picture_goes_through_pipes_and_nothing_else_does(photo, tmp_path):
    zmnet("stylize", photo, "-s", PAINTING, "-o", tmp_path / "out.png")
    wanted = (tmp_path / "out.png").read_bytes()
    assert zmnet("stylize", "-", "-s", PAINTING, "-o", "-", data=photo.read_bytes()).stdout_bytes == wanted
    assert zmnet("stylize", photo, "-s", PAINTING, "-o", "-").stdout_bytes == wanted
    zmnet("stylize", "-", "-s", PAINTING, "-o", tmp_path / "again.png", data=photo.read_bytes())
    assert (tmp_path / "again.png").read_bytes() == wanted
    zmnet("stylize", "-", "-s", PAINTING, "-o", tmp_path / "folder", data=photo.read_bytes())
    assert (tmp_path / "folder" / "piped.png").read_bytes() == wanted
    with open(PAINTING, "rb") as painting:
        zmnet("stylize", photo, "-s", "-", "-o", tmp_path / "painted.png", data=painting.read())
    assert (tmp_path / "painted.png").read_bytes() == wanted
    assert not (tmp_path / "-").exists()


@pytest.mark.slow
def test_a_painting_and_a_photograph_come_through_the_pipe_of_other_commands(photo, tmp_path):
    with open(PAINTING, "rb") as painting:
        zmnet("encode", "-", "-o", tmp_path / "a.safetensors", data=painting.read())
    zmnet("stylize", photo, "-s", tmp_path / "a.safetensors", "-o", tmp_path / "a.png")
    zmnet("stylize", photo, "-s", PAINTING, "-o", tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    ends = ["--from", PAINTING, "--to", tmp_path / "a.safetensors", "--frames", "2"]
    zmnet("animate", "-", *ends, "-o", tmp_path / "a.gif", data=photo.read_bytes())
    with Image.open(tmp_path / "a.gif") as image:
        assert image.size == (60, 40)


@pytest.mark.parametrize(
    "arguments, data, said",
    [
        (["stylize", "-", "-s", "-", "-o", "-"], b"x", "'-' is named twice"),
        (
            ["stylize", "PHOTO", "PHOTO2", "-s", PAINTING, "-o", "-"],
            None,
            "into a pipe, and there are 2",
        ),
        (["stylize", "FOLDER", "-s", PAINTING, "-o", "-"], None, "writes one picture into a pipe"),
        (["stylize", "-", "-s", PAINTING, "-o", "-"], b"", "nothing came through the pipe"),
        (["stylize", "-", "-s", PAINTING, "-o", "-"], b"Dear Sir", "'-' is not a picture"),
        (["encode", PAINTING, "-o", "-"], None, "the file ends in .safetensors"),
        (["animate", "PHOTO", "--from", PAINTING, "--to", PAINTING, "-o", "-"], None, "ends in .gif or .mp4"),
        (["demo", "-o", "-"], None, "the file ends in .jpg"),
    ],
)
def test_what_a_pipe_cannot_do_is_said_in_a_line(photo, tmp_path, arguments, data, said):
    (tmp_path / "folder").mkdir()
    for name in ("photo2.png", "folder/a.png"):
        (tmp_path / name).write_bytes(photo.read_bytes())
    places = {"PHOTO": photo, "PHOTO2": tmp_path / "photo2.png", "FOLDER": tmp_path / "folder"}
    result = zmnet(*(places.get(word, word) for word in arguments), data=data, status=1)
    assert said in " ".join(result.stderr.split()) and not result.stdout_bytes


class Screen(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_a_screen_is_no_pipe(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Screen(io.BytesIO()))
    with pytest.raises(pipes.PictureError, match="nothing is piped in"):
        pipes.check_pipes([pipes.PIPE])
    monkeypatch.setattr(sys, "stdout", Screen(io.BytesIO()))
    with pytest.raises(pipes.PictureError, match="> out.png"):
        pipes.check_pipes([], pipes.PIPE)
    pipes.check_pipes([pipes.Path("a.png")], pipes.Path("b.png"))


@pytest.mark.slow
def test_real_pipes_between_processes(photo):
    command = [sys.executable, "-m", "zmnet_core.cli", "stylize", "-", "-s", PAINTING, "-o", "-", *SMALL]
    done = subprocess.run(command, input=photo.read_bytes(), capture_output=True, timeout=120)
    assert done.returncode == 0 and not done.stderr
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert image.size == (60, 40) and np.asarray(image).std() > 5
    gone = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    gone.stdout.close()
    gone.stdin.write(photo.read_bytes())
    gone.stdin.close()
    said = gone.stderr.read().decode()
    assert gone.wait(120) == 1 and said.count("\n") == 1 and "whoever was to read it has gone" in said
