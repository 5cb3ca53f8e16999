"""Shards of a given size: what is in them, what is left out, and that training reads them."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from tests.processes import ROOT, finish, start_alone
from tests.test_training import make_config, training_environment  # noqa: F401
from zmnet_core.data.sources import find_files
from zmnet_core.training.trainer import train

SCRIPT = ROOT / "train/pack_data.py"


@pytest.fixture
def folders(tmp_path):
    """Twelve photographs and six paintings of noise, so that a file's size follows the picture's."""
    random = np.random.default_rng(0)
    for kind, number in ("content", 12), ("styles", 6):
        (tmp_path / kind).mkdir()
        for i in range(number):
            Image.fromarray(random.integers(0, 256, (90, 120, 3), np.uint8)).save(tmp_path / kind / f"{i}.png")
    return tmp_path


def pack(folders, *options):
    return finish(start_alone(SCRIPT, folders / "content", folders / "styles", "-o", folders / "packed", *options))


def members(folder):
    """Names and pictures of all tar files of a folder."""
    found = {}
    for path in sorted(folder.rglob("*.tar")):
        with tarfile.open(path) as tar:
            for entry in tar:
                found[f"{path.parent.name}/{entry.name}"] = Image.open(io.BytesIO(tar.extractfile(entry).read()))
    return found


@pytest.mark.slow
def test_everything_fits_and_training_reads_it(folders, make_config, tmp_path, training_environment):  # noqa: F811
    assert "18 of 18 pictures packed; 0 had no room, 0 could not be read" in pack(folders, "--size", "64")
    pictures = members(folders / "packed")
    assert len(pictures) == 18
    for picture in pictures.values():
        assert picture.format == "WEBP" and picture.size == (85, 64)
    assert (folders / "packed" / "left_out.txt").read_text() == ""
    content, styles = str(folders / "packed/content"), str(folders / "packed/styles")
    assert len(find_files(content)) == 12 and len(find_files(styles)) == 6
    train(make_config(tmp_path / "run", content_dir=content, style_dir=styles, max_train_steps=1))


@pytest.mark.slow
def test_no_picture_is_enlarged(folders):
    pack(folders, "--size", "512")
    assert {picture.size for picture in members(folders / "packed").values()} == {(120, 90)}


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 2])
def test_parts_stay_below_their_size_and_take_the_same_share_of_both(folders, parts):
    said = pack(folders, "--max_mib", "0.07", "--parts", parts)
    packed = folders / "packed"
    places = [packed] if parts == 1 else [packed / "part-0", packed / "part-1"]
    names = [set(members(place)) for place in places]
    assert parts == 1 or not names[0] & names[1]
    taken = 0
    for place, found in zip(places, names):
        assert sum(path.stat().st_size for path in place.rglob("*.tar")) <= 0.07 * 2**20
        content = sum(name.startswith("content/") for name in found)
        assert 2 < len(found) < 18 and abs(content - 2 * (len(found) - content)) <= 2  # twelve to six
        taken += len(found)
    left_out = (packed / "left_out.txt").read_text().splitlines()
    assert len(left_out) == 18 - taken and all(line.endswith("\tno room") for line in left_out)
    assert f"{taken} of 18 pictures packed; {18 - taken} had no room" in said


@pytest.mark.slow
def test_same_command_same_bytes_and_another_seed_another_choice(folders):
    found = []
    for number, seed in enumerate((0, 0, 1)):
        pack(folders, "--max_mib", "0.07", "--seed", seed)
        (folders / "packed").rename(folders / f"packed{number}")
        files = sorted((folders / f"packed{number}").rglob("*.tar"))
        found.append([path.read_bytes() for path in files])
    assert found[0] == found[1] and found[0] != found[2]


@pytest.mark.slow
def test_a_webp_file_that_fits_is_taken_as_it_is(folders):
    picture = Image.open(folders / "content/0.png")
    picture.save(folders / "content/small.webp", quality=30)
    original = (folders / "content/small.webp").read_bytes()
    pack(folders)
    data = b"".join(path.read_bytes() for path in (folders / "packed").rglob("*.tar"))
    assert original in data


@pytest.mark.slow
def test_what_cannot_be_read_is_named(folders):
    (folders / "content/broken.jpg").write_bytes(b"no picture")
    Image.new("RGB", (8, 300)).save(folders / "styles/line.png")
    assert "18 of 20 pictures packed; 0 had no room, 2 could not be read" in pack(folders)
    told = (folders / "packed/left_out.txt").read_text()
    assert "broken.jpg" in told and "line.png\t8×300 px, 16 are the least" in told


@pytest.mark.slow
def test_packed_names_lead_back_to_the_files(folders):
    pack(folders, "--size", "64")
    lines = [line.split("\t") for line in (folders / "packed" / "names.tsv").read_text().splitlines()]
    assert {name for name, _ in lines} == set(members(folders / "packed"))
    assert sorted(file for _, file in lines) == sorted(
        str(file) for kind in ("content", "styles") for file in (folders / kind).iterdir()
    )


@pytest.mark.slow
def test_parts_that_are_not_needed_are_told(folders):
    assert "everything had room in 1 of 3 parts" in pack(folders, "--parts", 3)
    assert [path.name for path in (folders / "packed").glob("part-*")] == ["part-0"]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["a file", "no room"])
def test_an_output_that_cannot_be_written_is_told_in_a_line(folders, place):
    (folders / "packed").write_text("mine")
    target = folders / "packed" / "x" if place == "a file" else "/dev/full/x"
    process = start_alone(SCRIPT, folders / "content", folders / "styles", "-o", target)
    _, errors = process.communicate(timeout=60)
    assert (
        process.returncode == 1
        and "cannot be written: a file stands where a folder is needed." in errors
        and "Traceback" not in errors
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "options, message",
    [
        (("--max_mib", "0.02"), "--max_mib 0.02 is too small for"),
        (("--max_mib", "nan"), "--max_mib nan cannot be: it is a number above 0"),
        (("--max_mib", "inf"), "--max_mib inf cannot be: it is a number above 0"),
        ((), "is there"),
    ],
)
def test_what_cannot_be_packed_is_refused_and_leaves_nothing(folders, options, message):
    if not options:
        (folders / "packed").mkdir()
        (folders / "packed" / "mine.txt").write_text("mine")
    process = start_alone(SCRIPT, folders / "content", folders / "styles", "-o", folders / "packed", *options)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and message in errors and "Traceback" not in errors
    left = [path.name for path in (folders / "packed").rglob("*")] if (folders / "packed").exists() else []
    assert left == ([] if options else ["mine.txt"])
