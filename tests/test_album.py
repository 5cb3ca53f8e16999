"""`zmnet stylize` over many pictures: the same again, interrupted, gone on with, and how far it is."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.processes import ALONE, start_alone
from tests.test_cli import OTHER, PAINTING, PHOTO, zmnet
from zmnet_core.cli.pictures import is_whole

# Where the tests run in the background, an interruption may be switched off.
ZMNET = "import signal; signal.signal(2, signal.default_int_handler); from zmnet_core.cli import app; app()"


@pytest.fixture
def album(tmp_path):
    """Two photographs, a thumbnail of one, and what unpacking on a Mac leaves."""
    folder = tmp_path / "album"
    for name in ("a.jpg", "sub/b.jpg", ".thumbnails/a.jpg", "__MACOSX/._a.jpg", "._a.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.open(PHOTO).resize((48, 36)).save(folder / name, "JPEG")
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def times(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_results_within_the_album_are_not_stylised_again(album, caplog):
    said = zmnet("stylize", album, "-s", PAINTING, "-o", album / "styled")
    assert said.endswith(f"2 pictures in {album / 'styled'}")
    first = digests(album)
    assert {name for name in first if name.startswith("styled")} == {"styled/a.jpg", "styled/sub/b.jpg"}
    again = zmnet("stylize", album, "-s", PAINTING, "-o", album / "styled")
    assert again.endswith(f"2 pictures in {album / 'styled'}") and digests(album) == first
    left_out = f"'{album}': left out: 1 hidden folder, 1 system folder, 1 hidden file"
    assert caplog.messages == [left_out, f"{left_out}, '{album / 'styled'}', where this run writes"]


def test_what_is_there_already_is_left_alone_and_counted_and_what_is_cut_off_is_made_again(album, tmp_path):
    out = tmp_path / "out"
    command = ("stylize", album, "-o", out, "--skip-existing")
    assert "there already" not in zmnet(*command, "-s", PAINTING)
    made, whole = times(out), digests(out)
    # Nothing to do: nothing is loaded, and results of other options are left as well.
    assert zmnet(*command, "-s", OTHER).endswith(f"2 pictures in {out}, 2 of them were there already")
    assert times(out) == made
    cut = out / "a.jpg"
    cut.write_bytes(cut.read_bytes()[:-100])
    assert not is_whole(cut) and is_whole(out / "sub" / "b.jpg") and not is_whole(out)
    assert zmnet(*command, "-s", PAINTING).endswith(f"2 pictures in {out}, 1 of them were there already")
    assert digests(out) == whole and times(out)[out / "sub" / "b.jpg"] == made[out / "sub" / "b.jpg"]
    one = ("stylize", album / "a.jpg", "-s", PAINTING, "-o", tmp_path / "one.png")
    assert zmnet(*one).endswith(str(tmp_path / "one.png"))
    assert zmnet(*one, "--skip-existing") == f"'{tmp_path / 'one.png'}' is there already"


@pytest.mark.slow
def test_progress_is_shown_inside_of_one_large_picture_and_of_one_among_several(album, tmp_path):
    said = zmnet("stylize", album / "a.jpg", "-s", PAINTING, "-o", tmp_path / "o.png", "--tile", 24)
    assert "stylize: 100%" in said and "4/4" in said and "piece/s" in said
    said = zmnet("stylize", album, "-s", PAINTING, "-o", tmp_path / "out", "--tile", 24)
    assert "a.jpg: 1 of 4 pieces" in said and "b.jpg: 4 of 4 pieces" in said and "2/2" in said
    assert "piece" not in zmnet("stylize", album, "-s", PAINTING, "-o", tmp_path / "out")


@pytest.mark.slow
def test_interrupted_run_leaves_no_half_file_and_goes_on(album, tmp_path):
    for number in range(40):
        shutil.copy(album / "a.jpg", album / f"{number:02d}.jpg")
    out = tmp_path / "out"
    command = ("-c", ZMNET, "stylize", album, "-s", PAINTING, "-o", out, "--skip-existing")
    process = start_alone(*command)
    deadline = time.monotonic() + 120
    while len(list(out.glob("*.jpg"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in errors
    made = times(out)
    assert 2 <= len(made) < 42 and all(map(is_whole, made)) and not [file for file in made if file.name[0] == "."]
    assert f"stopped, {42 - len(made)} of 42 are left: --skip-existing goes on with these." in errors
    process = start_alone(*command)
    output, _ = process.communicate(timeout=120)
    assert output == f"42 pictures in {out}, {len(made)} of them were there already\n"
    after = times(out)
    assert len(after) == 42 and {file: after[file] for file in made} == made


# Names that are not text -----------------------------------------------------------------------

MARK = "---- end"
ALL = f"""
import json, os, sys
sys.stderr = sys.stdout
from zmnet_core.cli import app
for command in json.loads(sys.argv[1]):
    try:
        app([os.fsdecode(bytes.fromhex(part)) for part in command])
    except SystemExit as ended:
        assert ended.code in (0, None, 1), ended.code
    print({MARK!r}, flush=True)
"""
CONSOLES = [{"PYTHONIOENCODING": "ascii", "LANG": "C", "LC_ALL": "C"}, {"PYTHONIOENCODING": "utf-8:strict"}]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
@pytest.mark.parametrize("console", CONSOLES, ids=["ascii", "strict"])
def test_names_that_are_not_text_are_read_written_and_printed_on_any_console(album, tmp_path, console):
    odd = os.fsdecode(b"caf\xe9")
    for name in (f"{odd}.jpg", "猫.jpg"):
        shutil.copy(album / "a.jpg", album / name)
    shutil.copy(album / "a.jpg", tmp_path / f"{odd}.jpg")
    style, one = tmp_path / f"{odd}.safetensors", tmp_path / f"{odd}.jpg"
    commands = {
        ("encode", one, "-o", style): odd,
        ("stylize", one, "-s", style, "-o", tmp_path / f"{odd}.png"): odd,
        ("stylize", album, "-s", one, "-o", tmp_path / odd): odd,
        ("stylize", album, "-s", one, "-o", tmp_path / odd, "--skip-existing"): odd,
        ("animate", one, "--from", style, "--to", one, "--frames", "2", "-o", tmp_path / f"{odd}.gif"): odd,
        ("stylize", tmp_path / f"no-{odd}", "-s", one, "-o", "x"): "no file or folder",
        ("evaluate", "--size", "64", "-o", tmp_path / f"r-{odd}", "-m", f"./no-{odd}"): "no model",
        ("bench", "--help"): "--help",
    }
    asked = [[os.fsencode(part).hex() for part in command] for command in commands]
    done = subprocess.run([sys.executable, "-c", ALL, json.dumps(asked)], env=os.environ | ALONE | console,
                          capture_output=True, timeout=240)  # fmt: skip
    output = done.stdout.decode(errors="replace").split(MARK)
    assert done.returncode == 0 and len(output) == len(commands) + 1, done.stderr[-3000:]
    for (command, said), part in zip(commands.items(), output):
        assert said.replace(odd, "caf") in part and ("error" in part) == said.startswith("no "), (command, part)
    assert all(is_whole(tmp_path / f"{odd}.{kind}") for kind in ("png", "gif")) and style.is_file()
    written = {os.fsencode(file.relative_to(tmp_path / odd)) for file in (tmp_path / odd).rglob("*.jpg")}
    assert written == {b"a.jpg", b"sub/b.jpg", b"caf\xe9.jpg", "猫.jpg".encode()}
