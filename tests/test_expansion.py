"""Style data expansion: real processes, splits kept apart, killed and resumed."""

import csv
import json
import shutil
import signal
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.processes import ROOT, finish, send, start_script
from zmnet_core.errors import TrainingError
from zmnet_core.evaluation.baselines.ost import OST, OSTConfig
from zmnet_core.images.folders import find_pictures
from zmnet_core.images.picture import to_pil
from zmnet_core.training.expansion import Expansion, shares


@pytest.fixture
def folders(tmp_path, make_picture):
    """Two splits of three photographs and three paintings, named so that each tells its split."""
    for kind, seed in (("contents", 0), ("styles", 50)):
        for split in ("train", "val"):
            folder = tmp_path / kind / split
            folder.mkdir(parents=True)
            for i in range(3):
                to_pil(make_picture(64, 70, seed + i + 10 * (split == "val"))[0]).save(folder / f"{split}-{i}.png")
    return tmp_path


@pytest.fixture
def expansion(folders, random_vgg):
    def make(count=4, seed=0):
        contents, styles = folders / "contents" / "train", folders / "styles" / "train"
        return Expansion(
            find_pictures(contents), find_pictures(styles), contents, styles, folders / "out", count, 64, seed
        )

    return make, OST(random_vgg, OSTConfig(steps=1, start="colour transfer"))


def rows(folder):
    with (folder / "manifest.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_makes_what_is_missing_and_nothing_else(expansion):
    make, ost = expansion
    first = make()
    first.begin(ost)
    assert first.missing() == [0, 1, 2, 3]
    first.make([0, 2], ost, "cpu", part=1)
    assert make().missing() == [1, 3]
    (first.folder / "000002.jpg").unlink()
    assert make().missing() == [1, 2, 3]
    assert [made.file for made in first.collect()] == ["000000.jpg"]


def test_a_line_that_a_kill_cut_short_counts_as_not_there(expansion):
    make, ost = expansion
    first = make()
    first.begin(ost)
    first.make([0], ost, "cpu")
    first.make([1], ost, "cpu")
    part = first.folder / ".manifest-0.tsv"
    part.write_text(part.read_text()[:-3])
    assert make().missing() == [1, 2, 3]
    first.make([1], ost, "cpu")
    assert [made.file for made in first.collect()] == ["000000.jpg", "000001.jpg"]


def test_an_image_depends_on_seed_and_index_only(expansion):
    make, ost = expansion
    one = make()
    one.begin(ost)
    for index in (3, 0):
        one.make([index], ost, "cpu")
    kept = {row["file"]: (row, np.asarray(Image.open(one.folder / row["file"]))) for row in map(vars, one.collect())}
    shutil.rmtree(one.folder)
    again = make(count=9)
    again.begin(ost)
    for index in range(4):
        again.make([index], ost, "cpu")
    for row in map(vars, again.collect()):
        if row["file"] in kept:
            assert row == kept[row["file"]][0]
            assert np.array_equal(np.asarray(Image.open(again.folder / row["file"])), kept[row["file"]][1])
    other = make(seed=1)
    assert [other._choose(i)[2] for i in range(4)] != [again._choose(i)[2] for i in range(4)]


def test_going_on_with_other_settings_is_refused_by_name(expansion, folders, random_vgg):
    make, ost = expansion
    make().begin(ost)
    with pytest.raises(TrainingError, match="begun with other ost, seed"):
        make(seed=1).begin(OST(random_vgg, OSTConfig(steps=2)))
    (folders / "styles" / "train" / "train-1.png").unlink()
    with pytest.raises(TrainingError, match="begun with other paintings"):
        make().begin(ost)


def test_an_unreadable_picture_is_drawn_again(expansion, folders):
    for file in sorted((folders / "styles" / "train").iterdir())[:2]:
        file.write_bytes(b"no picture")
    make, ost = expansion
    assert {make()._choose(i)[2][1] for i in range(6)} == {"train-2.png"}


def test_the_papers_counts_are_its_images_shared_out_by_its_splits():
    found = shares(23_307, {"test": 100, "train": 784, "val": 100})
    assert found == {"train": 18_570, "val": 2_368, "test": 2_369} and found["train"] + found["val"] == 20_938


@given(st.integers(1, 30_000), st.lists(st.integers(1, 5000), min_size=1, max_size=5))
def test_shares_are_whole_fair_and_sum_to_the_total(total, sizes):
    found = shares(total, {str(i): size for i, size in enumerate(sizes)})
    assert sum(found.values()) == total
    for i, size in enumerate(sizes):
        assert abs(found[str(i)] - total * size / sum(sizes)) < 1


# The script, on real processes -----------------------------------------------------------------


@pytest.fixture
def launch(folders, random_vgg_file):
    def start(*flags, processes=None, out="expanded"):
        folders_ = [
            "--style_dir",
            folders / "styles",
            "--content_dir",
            folders / "contents",
            "--output_dir",
            folders / out,
        ]
        options = [*map(str, folders_), "--size", "64", "--steps", "1", "--coarse_steps", "0", *flags]
        return start_script(ROOT / "train/expand_styles.py", *options, processes=processes, vgg=random_vgg_file)

    return start


@pytest.mark.slow
def test_two_processes_make_what_one_makes_and_never_cross_splits(launch, folders):
    finish(launch("--split", "train=5", "--split", "val=2", processes=2))
    finish(launch("--split", "train=5", "--split", "val=2", out="alone"))
    for split, count in (("train", 5), ("val", 2)):
        found = rows(folders / "expanded" / split)
        assert found == rows(folders / "alone" / split)
        assert [row["file"] for row in found] == [f"{i:06d}.jpg" for i in range(count)]
        for row in found:
            assert row["content"].startswith(split) and row["painting"].startswith(split)
            images = [np.asarray(Image.open(folders / out / split / row["file"])) for out in ("expanded", "alone")]
            assert np.array_equal(*images)


@pytest.mark.slow
def test_a_run_killed_at_work_keeps_what_it_made_and_goes_on(launch, folders):
    out = folders / "expanded" / "."
    process = launch("--split", "train=400", processes=2)
    images = folders / "expanded" / "train"
    deadline = time.monotonic() + 240
    while len(list(images.glob("0*.jpg"))) < 6 and time.monotonic() < deadline:
        time.sleep(0.05)
    send(process, signal.SIGKILL)
    process.communicate()
    assert out.is_dir() and not (images / "manifest.tsv").read_text().count("jpg")  # nothing collected yet
    made = {file.name: file.stat().st_mtime_ns for file in images.glob("0*.jpg")}
    assert 6 <= len(made) < 400
    for file in made:
        Image.open(images / file).load()  # whole
    finish(launch("--split", f"train={len(made) + 2}"))
    found = rows(images)
    again = [name for name, time_ns in made.items() if (images / name).stat().st_mtime_ns != time_ns]
    assert len(again) <= 2  # at most the one that each process was at
    assert {row["file"] for row in found} >= {f"{i:06d}.jpg" for i in range(len(made) + 2)}
    settings = json.loads((images / "expansion.json").read_text())
    assert settings["size"] == 64 and settings["ost"]["steps"] == 1


@pytest.mark.slow
def test_mistakes_are_told_in_a_line(launch):
    for flags, message in (
        ((), "either --count N, or --split"),
        (("--split", "train"), "NAME=N is expected"),
        (("--split", "holiday=3"), "holiday"),
        (("--split", "train=-1"), "--split train=-1: NAME=N is expected"),
        (("--split", "train=1", "--split", "train=2"), "--split names train twice"),
        (("--count", "2", "--learning_rate", "nan"), "--learning_rate nan cannot be: it is a number from 0 on"),
        (("--count", "2", "--start", "noise"), "--start 'noise' does not exist: choose photograph or colour transfer"),
    ):
        process = launch(*flags)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 1 and message in output and "Traceback" not in output


def test_choices_are_spread_over_the_pictures(expansion):
    make, _ = expansion
    chosen = {make(40)._choose(i)[2] for i in range(40)}
    assert len(chosen) == 9  # three photographs × three paintings
    assert torch.is_tensor(make()._choose(0)[0])


@pytest.mark.slow
def test_splits_whose_share_is_none_are_left_out_and_results_are_no_sources(launch, folders):
    for place in ("contents", "styles"):
        (folders / place / ".thumbnails").mkdir()
    out = folders / "styles" / "train" / "expanded"  # within the paintings: the second run is to find the same ones
    for _ in range(2):
        said = finish(launch("--count", "1", out=out.relative_to(folders)))
        assert "val: no images, as the share is 0" in said
    assert len(rows(out / "train")) == 1 and not (out / "val").exists()
    said = finish(launch("--split", "train=0", "--split", "val=1"))
    assert "train: no images, as the share is 0" in said and len(rows(folders / "expanded" / "val")) == 1
