"""Paintings are split by what they are: as many as asked for, by seed, and one picture never on both sides."""

import runpy
import shutil
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from tests.processes import ROOT
from zmnet_core.data.alike import groups, look_at
from zmnet_core.data.sources import find_files
from zmnet_core.errors import PictureError, TrainingError

SCRIPT = ROOT / "train/split_paintings.py"
split_paintings, dealt, Painting = (
    runpy.run_path(str(SCRIPT))[name] for name in ("split_paintings", "dealt", "Painting")
)


def painted(seed, size=(120, 90)):
    """A picture of large areas, as paintings are, and like no other."""
    random = np.random.default_rng(seed)
    image = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return ImageEnhance.Contrast(image).enhance(0.6)


def saved(image, quality):
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


TWINS = {
    "smaller": lambda image: image.resize((70, 52)),
    "squashed": lambda image: image.resize((120, 70)),
    "compressed": lambda image: saved(image, 30),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "paler": lambda image: ImageEnhance.Color(image).enhance(0.7),
    "trimmed": lambda image: image.crop((1, 1, 119, 89)),
}


@pytest.fixture
def paintings(tmp_path):
    """Twelve paintings, two of them in three files each: sixteen files in two folders."""
    folder = tmp_path / "paintings"
    (folder / "more").mkdir(parents=True)
    for i in range(12):
        image = painted(i)
        image.save(folder / ("more" if i % 3 == 0 else ".") / f"{i:02d}.png")
        if i < 2:
            image.resize((60, 45)).save(folder / f"{i:02d}-small.png")
            saved(image, 60).save(folder / "more" / f"{i:02d}-copy.jpg", quality=90)
    return folder


def contents(folder):
    """What each split holds, by the bytes of its files."""
    return {
        name: {file.read_bytes() for file in (folder / name).iterdir()}
        for name in ("train", "val", "test")
        if (folder / name).is_dir()
    }


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
def test_two_files_of_one_picture_are_known_for_one(twin):
    looks = [look_at(image) for i in range(8) for image in (painted(i), twin(painted(i)))]
    assert groups(looks) == [2 * (i // 2) for i in range(16)]


def test_other_pictures_are_not():
    flat = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", "grey", "white")]
    mirrored = [painted(i).transpose(Image.Transpose.FLIP_LEFT_RIGHT) for i in range(20)]
    looks = [look_at(image) for image in (*map(painted, range(300)), *mirrored, *flat)]
    assert groups(looks) == list(range(len(looks)))
    assert groups([look_at(flat[0]), look_at(Image.new("RGB", (80, 70), (250, 2, 2)))]) == [0, 0]
    assert groups([]) == []


def test_what_is_like_the_same_third_picture_is_one_group():
    """A chain whose ends are too far apart to be known for one picture."""
    image = painted(3)
    whole, trimmed, more = (look_at(image.crop((k, k, 120 - k, 90 - k))) for k in (0, 2, 4))
    assert groups([whole, more]) == [0, 1]
    assert groups([whole, trimmed]) == groups([more, trimmed]) == [0, 0]
    assert groups([whole, more, trimmed]) == [0, 0, 0]


def test_splits_have_as_many_as_asked_for_and_no_picture_is_in_two(paintings, tmp_path):
    split_paintings(str(paintings), tmp_path / "split", train="10", val="3", test="2")
    found = contents(tmp_path / "split")
    assert {name: len(files) for name, files in found.items()} == {"train": 10, "val": 3, "test": 2}
    assert len(set().union(*found.values())) == 15
    for name in ("val", "test"):  # the first two paintings are in several files: they are for training
        assert not [file for file in (tmp_path / "split" / name).iterdir() if file.name[:2] in ("00", "01")]
    lines = (tmp_path / "split/manifest.tsv").read_text().splitlines()
    assert len(lines) == 16 and lines[0] == "split\tfile\tsource\tsha256"
    for line in lines[1:]:
        _, file, source, _ = line.split("\t")
        assert (tmp_path / "split" / file).read_bytes() == open(source, "rb").read()


def test_names_order_and_place_change_nothing_and_the_seed_does(paintings, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    files = [file for file in paintings.rglob("*") if file.is_file()]
    for i, file in enumerate(reversed(files)):
        shutil.copy(file, other / f"{(7 * i) % 23:02d}{file.suffix}")
    options = {"train": "9", "val": "3", "test": "3"}
    split_paintings(str(paintings), tmp_path / "a", **options)
    split_paintings(str(other), tmp_path / "b", **options)
    split_paintings(str(paintings), tmp_path / "c", seed=1, **options)
    found = [contents(tmp_path / name) for name in "abc"]
    assert found[0] == found[1] != found[2]


def test_lists_and_folders_are_the_same_split_and_training_reads_both(paintings, tmp_path):
    shares = {"train": "75%", "val": "15%", "test": "10%"}
    split_paintings(str(paintings), tmp_path / "folders", **shares)
    listed = tmp_path / "all.txt"
    listed.write_text("".join(f"{file}\n" for file in sorted(paintings.rglob("*.*"), reverse=True)))
    split_paintings(str(listed), tmp_path / "lists", lists=True, **shares)
    for name, number in {"train": 12, "val": 2, "test": 2}.items():
        files = find_files(tmp_path / "lists" / f"{name}.txt")
        copies = find_files(tmp_path / "folders" / name)
        assert len(files) == len(copies) == number
        assert {file.read_bytes() for file in files} == {file.read_bytes() for file in copies}


def test_files_of_one_name_in_two_folders_are_both_there(tmp_path):
    for i, name in enumerate(("a/one.png", "b/One.png", "c/.hidden.png")):
        (tmp_path / name).parent.mkdir()
        painted(i).save(tmp_path / name)
    (tmp_path / "all.txt").write_text("a/one.png\nb/One.png\nc/.hidden.png\n")
    split_paintings(str(tmp_path / "all.txt"), tmp_path / "split", train="3", val="0", test="0")
    assert len(find_files(tmp_path / "split/train")) == 3
    assert {file.name for file in (tmp_path / "split").iterdir()} == {"train", "manifest.tsv"}


@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"train": "784", "val": "100", "test": "100"},
            "784 [+] 100 [+] 100 are 984 pictures, and there are 16",
        ),
        (
            {"train": "1", "val": "8", "test": "3"},
            "11 pictures for validation and test are too many: of 16",
        ),
        ({"train": "80%", "val": "15%", "test": "10%"}, "these are 105 % of the pictures, and 100 are all"),
        ({"train": "80%", "val": "2", "test": "2"}, "--val 2 --test 2: whole numbers are expected"),
        ({"train": "-1", "val": "2", "test": "2"}, "whole numbers are expected .784 100 100."),
        ({"train": "0", "val": "2", "test": "2"}, "nothing is left to train on"),
    ],
    ids=["too many", "too many alike", "over 100", "mixed", "negative", "nothing"],
)
def test_a_recipe_that_cannot_be_is_refused_and_nothing_is_written(paintings, tmp_path, options, message):
    with pytest.raises(TrainingError, match=message):
        split_paintings(str(paintings), tmp_path / "split", **options)
    assert {path.name for path in tmp_path.iterdir()} == {"paintings"}


def test_what_is_there_is_not_overwritten_and_what_fails_leaves_nothing(paintings, tmp_path, monkeypatch):
    (tmp_path / "split").mkdir()
    (tmp_path / "split/mine.txt").write_text("mine")
    with pytest.raises(TrainingError, match="split' is there already: name a new folder"):
        split_paintings(str(paintings), tmp_path / "split", train="9", val="3", test="3")
    with pytest.raises(PictureError, match="there is no file or folder"):
        split_paintings(str(tmp_path / "none"), tmp_path / "new")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(TrainingError, match="'.*new' cannot be written: the disk is full"):
        split_paintings(str(paintings), tmp_path / "new", train="9", val="3", test="3")
    assert {path.name for path in tmp_path.iterdir()} == {"paintings", "split"}


def test_broken_files_are_named_and_left_out(paintings, tmp_path, capsys):
    (paintings / "broken.jpg").write_bytes(b"no picture")
    split_paintings(str(paintings), tmp_path / "split", train="16", val="0", test="0")
    said = capsys.readouterr()
    assert "left out: '" in said.err and "broken.jpg'" in said.err
    start = f"train 16, val 0, test 0 in {tmp_path / 'split'}; 6 files show a picture that another one shows"
    assert said.out.startswith(start)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.tuples(*[st.integers(0, 20)] * 3))
def test_whatever_the_groups_none_is_divided(sizes, numbers):
    """Of each group all are in one split, or left over; the numbers are those asked for, or it is refused."""
    ordered = [[Painting(f"{i}-{j}", b"", None) for j in range(size)] for i, size in enumerate(sizes)]
    wanted = dict(zip(("train", "val", "test"), numbers))
    alone = sizes.count(1)
    if sum(numbers) > sum(sizes) or wanted["val"] + wanted["test"] > alone:
        with pytest.raises(TrainingError):
            dealt(ordered, wanted)
        return
    found = dealt(ordered, wanted)
    assert {name: len(each) for name, each in found.items()} == wanted
    places = {}
    for name, each in found.items():
        for painting in each:
            places.setdefault(painting.path.partition("-")[0], set()).add(name)
    assert all(len(names) == 1 for names in places.values())
    assert len({painting.path for each in found.values() for painting in each}) == sum(numbers)
