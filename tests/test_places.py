"""Places that take no result: said in a line, before the work where it can be known; nothing half-written stays, and an
old result is not lost.
"""

import errno
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from zmnet_core.assets import DEMO_PICTURES
from zmnet_core.cli import app, commands
from zmnet_core.cli.checks import plan_outputs
from zmnet_core.errors import PictureError, PlaceError, not_written

PAINTING = DEMO_PICTURES / "styles" / "irises-van-gogh.jpg"
SMALL = ["--model", "mini", "--device", "cpu"]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    Image.open(DEMO_PICTURES / "contents" / "chelsea.jpg").resize((150, 100)).save(path)
    return path


def zmnet(*arguments, status: int = 1) -> str:
    """What the command says on its error output: one line if it fails."""
    result = CliRunner().invoke(app, [*map(str, arguments), *SMALL])
    assert result.exit_code == status, result.output + repr(result.exception)
    return result.stderr


def commands_to(place: Path, photo: Path) -> dict[str, list[object]]:
    """Every command that writes, with a place to write to whose suffix it takes."""
    animate = ["animate", photo, "--from", PAINTING, "--to", PAINTING, "--frames", 2]
    return {
        "stylize": ["stylize", photo, "-s", PAINTING, "-o", place.with_suffix(".png")],
        "encode": ["encode", PAINTING, "-o", place.with_suffix(".safetensors")],
        "animate": [*animate, "-o", place.with_suffix(".gif")],
        "film": [*animate, "-o", place.with_suffix(".mp4")],
        "demo": ["demo", "-o", place.with_suffix(".png")],
    }


WRITING = ["stylize", "encode", "animate", "film", "demo"]


@contextmanager
def files_of_at_most(size: int):
    """This process may write no file that is larger, as if a disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# Before the work -------------------------------------------------------------------------------


@pytest.mark.parametrize("command", WRITING)
@pytest.mark.parametrize("trouble", ["a folder", "below a file", "a long name"])
def test_a_place_that_cannot_be_is_refused_before_the_model_is_loaded(photo, tmp_path, monkeypatch, command, trouble):
    monkeypatch.setattr(commands, "load_model", lambda *_: pytest.fail("the model was loaded"))
    name = {"a folder": "out", "below a file": f"in/{photo.name}/out", "a long name": "x" * 300}[trouble]
    arguments = commands_to(tmp_path / name, photo)[command]
    if trouble == "a folder":
        arguments[-1].mkdir()
        if command == "stylize":  # which writes into a folder whatever its name is
            (arguments[-1] / "photo.png").mkdir()
    said = zmnet(*arguments)
    wanted = {"a folder": "is a folder", "below a file": "is a file", "a long name": "the name is too long"}[trouble]
    assert wanted in said and said.count("\n") == 1


def test_a_result_that_would_be_a_folder_or_below_a_file_is_refused_for_all_before_the_first(photo, tmp_path):
    (photo.parent / "sub").mkdir()
    shutil.copy(photo, photo.parent / "sub" / "photo.png")
    out = tmp_path / "out"
    (out / "photo.png").mkdir(parents=True)
    with pytest.raises(PictureError, match="which is a folder: choose another -o"):
        plan_outputs([photo.parent], out, [])
    (out / "photo.png").rmdir()
    (out / "sub").touch()
    with pytest.raises(PictureError, match="sub' is a file, and a folder is needed there"):
        plan_outputs([photo.parent], out, [])


# Within the work -------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [*WRITING[:-1], pytest.param("demo", marks=pytest.mark.slow)])
def test_a_result_that_cannot_be_finished_leaves_the_old_one_and_nothing_else(photo, tmp_path, command):
    if command == "film":
        pytest.importorskip("av")
    (tmp_path / "place").mkdir()
    arguments = commands_to(tmp_path / "place" / "out", photo)[command]
    arguments[-1].write_bytes(b"the old result")
    with files_of_at_most(600):
        said = zmnet(*arguments)
    assert "the file is larger than the disk or a limit allows" in said and str(arguments[-1]) in said
    assert said.splitlines()[-1].startswith("error: ")
    assert [path.read_bytes() for path in (tmp_path / "place").iterdir()] == [b"the old result"]


def test_in_a_batch_a_file_that_is_too_large_is_skipped_and_the_others_are_made(photo, tmp_path):
    Image.new("RGB", (16, 16), "teal").save(photo.parent / "small.png")
    with files_of_at_most(3000):
        said = zmnet("stylize", photo.parent, "-s", PAINTING, "-o", tmp_path / "out")
    assert "skipped" in said and "photo.png" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["small.png"]


FULL = """
mount -t tmpfs -o size=96k none "$1" || exit 99
"$2" -m zmnet_core.cli stylize "$3" -s "$4" -o "$1" --model mini --device cpu
status=$?
ls -A "$1"
dd if=/dev/zero of="$1/rest" bs=1k count=200 2>/dev/null
"$2" -m zmnet_core.cli stylize "$3" -s "$4" -o "$1" --model mini --device cpu
echo $status $?
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a small disk of its own")
def test_on_a_full_disk_a_batch_ends_with_the_first_that_does_not_fit(photo, tmp_path):
    for number in range(6):
        shutil.copy(photo, photo.parent / f"{number}.png")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["unshare", "-rm", "sh", "-c", FULL, "sh", disk, sys.executable, photo.parent, PAINTING]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=200)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no disk of its own can be had here: {done.stderr}")
    *made, statuses = done.stdout.split("\n")[:-1]
    assert statuses == "1 1" and 1 <= len(made) <= 3 and not any(name.startswith(".") for name in made)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert f"the disk is full. Stopped after {len(made)} of 7 pictures." in errors[0]
    assert f"the disk of '{disk}' is full. Make room, or name another place." in errors[1] and len(errors) == 2
    assert "skipped" not in done.stderr and "Traceback" not in done.stderr


# The parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_what_hits_every_file_is_told_apart(number):
    assert isinstance(not_written("a", OSError(number, "x")), PlaceError)
    for other in (errno.EFBIG, errno.EACCES, errno.ENAMETOOLONG, errno.EISDIR):
        assert type(not_written("a", OSError(other, "x"))) is PictureError
    assert type(not_written("a", ValueError("too large"))) is PictureError
