"""Where pictures come from: folders listed once, lists, tar shards and data sets, at random access or front to back."""

import io
import os
import random
import tarfile
import threading
import time
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from zmnet_core.data.contents import ContentBatches
from zmnet_core.data.listings import FRESH, Listings
from zmnet_core.data.pictures import Pictures, split
from zmnet_core.data.sampling import Share
from zmnet_core.data.sources import HELD_OUT, TarMember, braces, find_files, find_shards
from zmnet_core.data.streams import ContentStream, draw, lane_files, split_shards
from zmnet_core.errors import PictureError, TrainingError
from zmnet_core.images.folders import find_pictures, list_folder
from zmnet_core.images.picture import to_pil


def picture_bytes(number: int, size: tuple[int, int] = (72, 66)) -> bytes:
    """A PNG of one colour that says its number."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (number % 256, number // 256, 77)).save(buffer, "PNG")
    return buffer.getvalue()


def number_of(picture: torch.Tensor) -> int:
    """The number that the colour of a picture (or crop in 0..1) says."""
    pixel = picture[:, 0, 0] if picture.dtype == torch.uint8 else (255 * picture[:, 0, 0]).round()
    return int(pixel[0]) + 256 * int(pixel[1])


def write_tar(path, numbers, extra=()) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in [(f"{n:06d}.png", picture_bytes(n)) for n in numbers] + list(extra):
            for name_, data_ in ((name, data), (name.rpartition(".")[0] + ".txt", b"a caption")):
                member = tarfile.TarInfo(name_)
                member.size = len(data_)
                tar.addfile(member, io.BytesIO(data_))


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Five tar files of 8 pictures with captions beside them: numbers 0 to 39."""
    folder = tmp_path_factory.mktemp("shards")
    for shard in range(5):
        write_tar(folder / f"set-{shard:03d}.tar", range(8 * shard, 8 * shard + 8))
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A Hugging Face data set on the disk, twice: as `save_to_disk` leaves it, and as two parquet files."""
    datasets = pytest.importorskip("datasets")
    folder = tmp_path_factory.mktemp("dataset")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
        rows = {
            "label": [str(n) for n in range(40)],
            "art": [{"bytes": picture_bytes(n), "path": None} for n in range(40)],
        }
        made = datasets.Dataset.from_dict(
            rows, datasets.Features({"label": datasets.Value("string"), "art": datasets.Image()})
        )
        made.save_to_disk(folder / "saved")
        (folder / "parquet").mkdir()
        for part in range(2):
            file = folder / "parquet" / f"train-{part}.parquet"
            made.select(range(20 * part, 20 * part + 20)).to_parquet(file)
        yield folder


# Folders ---------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    """A folder of folders with eight pictures and things that are none."""
    data = picture_bytes(1)
    for name in ("a.png", "b/x.JPG", "b/c/y.webp", "b.png", "b.b/z.png", "d/e/f/deep.bmp", "Z.png", "_/u.gif"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(data)
    for name in (".hidden.png", "b/notes.txt", "no-suffix"):
        (tmp_path / "tree" / name).write_bytes(data)
    (tmp_path / "tree" / "empty").mkdir()
    return tmp_path / "tree"


def paths(folder) -> list[str]:
    """What is to be found, without any cache."""
    return [str(path) for path in find_pictures(folder)]


def age(folder) -> None:
    """As if everything had been written a minute ago, so that listings of it may be trusted."""
    then = time.time() - 60
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (then, then))


def test_folder_is_found_as_without_the_cache_the_first_and_the_second_time(tree):
    age(tree)
    expected = paths(tree)
    assert len(expected) == 8
    assert find_files(tree) == expected
    assert find_files(tree) == expected


def test_only_the_folder_that_changed_is_listed_again(tree, monkeypatch):
    age(tree)
    find_files(tree)
    listed = []
    monkeypatch.setattr("zmnet_core.data.listings.list_folder", lambda path: listed.append(path) or list_folder(path))
    assert len(find_files(tree)) == 8 and listed == []
    (tree / "b" / "new.png").write_bytes(picture_bytes(2))
    assert find_files(tree) == paths(tree) and listed == [str(tree / "b")]


@pytest.mark.parametrize("change", ["add", "remove", "rename", "new folder", "folder gone"])
def test_any_change_of_a_folder_is_noticed_at_once(tree, change):
    """Also within one tick of the file system's clock, where the time of the last change is the same."""
    for round_ in range(3):
        before = find_files(tree)
        if change == "add":
            (tree / "b" / f"{round_}.png").write_bytes(picture_bytes(2))
        elif change == "remove":
            os.unlink(before[0])
        elif change == "rename":
            os.rename(before[0], Path(before[0]).with_name(f"renamed-{round_}.png"))
        elif change == "new folder":
            (tree / f"new-{round_}").mkdir()
            (tree / f"new-{round_}" / "n.png").write_bytes(picture_bytes(3))
        else:
            os.unlink(before[-1])
        assert find_files(tree) == paths(tree) != before


def test_listings_that_are_damaged_are_made_anew(tree, caplog):
    age(tree)
    expected = find_files(tree)
    with Listings(tree) as listings:
        file = listings.file
    file.write_text('{"half')
    assert find_files(tree) == expected and "made anew" in caplog.text
    assert find_files(tree) == expected


def test_folder_that_may_change_within_the_clock_tick_is_not_kept(tree):
    find_files(tree)
    with Listings(tree) as listings:
        assert not listings.file.exists() and FRESH > 1e9


@pytest.mark.slow
def test_twenty_thousand_pictures_are_split_in_seconds(tmp_path):
    for folder in range(20):
        (tmp_path / f"{folder:03d}").mkdir()
        for number in range(1000):
            (tmp_path / f"{folder:03d}" / f"{number:04d}.png").touch()
    started = time.monotonic()
    training, validation = split(str(tmp_path), None, "--content_dir")
    assert len(training) == 19_000 and len(validation) == 1_000
    assert time.monotonic() - started < 4


# Lists -----------------------------------------------------------------------------------------


def test_list_names_files_relative_to_its_own_folder(picture_folder, tmp_path, monkeypatch):
    (tmp_path / "pictures").symlink_to(picture_folder)
    lines = ["# mine", "pictures/3.png", "", f"  {picture_folder / '0.png'}  ", "pictures/1.png"]
    (tmp_path / "list.txt").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.chdir("/")
    found = find_files(tmp_path / "list.txt")
    assert [Path(file).name for file in found] == ["3.png", "0.png", "1.png"]
    assert torch.equal(Pictures(found)[1], Pictures([picture_folder / "0.png"])[0])


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "names no picture"),
        (b"# only a comment\n", "names no picture"),
        (b"nowhere.png\n", "nowhere.png' is the first. Paths are relative to the list's own folder"),
        (b"\xff\xd8\xff", "not UTF-8"),
    ],
)
def test_list_of_no_use_is_refused(tmp_path, content, message):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(PictureError, match=message):
        find_files(tmp_path / "list.txt")


def test_missing_file_of_a_list_is_skipped_and_noted(picture_folder, tmp_path):
    (tmp_path / "list.txt").write_text(f"{picture_folder / '0.png'}\ngone.png\n")
    pictures = Pictures(find_files(tmp_path / "list.txt"))
    assert torch.equal(pictures[1], pictures[0])
    assert [note.kind for note in pictures.notes.values()] == ["missing"]


# Tar shards at random access -------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("a.tar", ["a.tar"]),
        ("{000..002}.tar", ["000.tar", "001.tar", "002.tar"]),
        ("{8..11}.tar", ["8.tar", "9.tar", "10.tar", "11.tar"]),
        ("{a,b}-{1..2}.tar", ["a-1.tar", "a-2.tar", "b-1.tar", "b-2.tar"]),
    ],
)
def test_braces_are_expanded_as_by_a_shell(pattern, expected):
    assert braces(pattern) == expected


@pytest.mark.parametrize("form", ["{folder}", "{folder}/set-{{000..004}}.tar", "{folder}/*.tar"])
def test_shards_are_the_pictures_in_them(shards, form):
    for _ in range(2):
        files = find_files(form.format(folder=shards))
        assert [number_of(Pictures(files)[i]) for i in (0, 7, 8, 39)] == [0, 7, 8, 39] and len(files) == 40
        assert str(files[9]) == f"{shards}/set-001.tar/000009.png"


@pytest.mark.parametrize("form", ["{}", "{}/*.tar", "{}/a.tar"])
def test_shards_are_listed_once(tmp_path, monkeypatch, form):
    write_tar(tmp_path / "a.tar", range(4))
    age(tmp_path)
    found = find_files(form.format(tmp_path))
    monkeypatch.delattr("zmnet_core.data.listings._list_tar")
    for _ in range(2):
        assert find_files(form.format(tmp_path)) == found


def test_shard_that_was_written_again_is_listed_again(tmp_path):
    write_tar(tmp_path / "a.tar", range(4))
    age(tmp_path)
    assert len(find_files(tmp_path)) == 4
    write_tar(tmp_path / "a.tar", range(10, 16))
    assert [number_of(picture) for picture in map(Pictures(find_files(tmp_path)).__getitem__, range(6))] == [
        *range(10, 16)
    ]


def test_steps_do_not_depend_on_whether_pictures_lie_in_a_folder_or_in_shards(shards, tmp_path):
    for number in range(40):
        (tmp_path / f"{number:06d}.png").write_bytes(picture_bytes(number))
    one, other = (ContentBatches(Pictures(find_files(source)), 4, 64, seed=3) for source in (tmp_path, shards))
    assert all(torch.equal(one[step].crops, other[step].crops) for step in range(5))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda f: f / "{000..002}.tar", "there is no tar file '.*002.tar'"),
        (lambda f: f / "no.tar", "no.tar' is not a whole, uncompressed tar"),
        (lambda f: f / "half.tar", "half.tar' is not a whole"),
        (lambda f: write_tar(f / "empty.tar", []) or f / "empty.tar", "hold no picture"),
        (lambda f: "https://example.org/a.tar", "front to back: --streaming"),
        (lambda f: "hf://datasets/org/name/{0..1}.tar", "0.tar' can only be read front to back: --streaming"),
        (lambda f: f / "nothing", "there is no file or folder '.*nothing'"),
        (lambda f: "org/name", "Hub is named hf:org/name"),
    ],
    ids=["missing", "no tar", "half", "empty", "far away", "far away on the Hub", "nothing", "a bare name"],
)  # fmt: skip
def test_sources_of_no_use_are_refused(tmp_path, make, message):
    for name in ("000.tar", "001.tar"):
        write_tar(tmp_path / name, range(3))
    (tmp_path / "no.tar").write_bytes(b"no tar" * 500)
    (tmp_path / "half.tar").write_bytes((tmp_path / "000.tar").read_bytes()[:1300])
    with pytest.raises(PictureError, match=message):
        find_files(make(tmp_path))


# Data sets at random access --------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{}/saved", "hf:{}/saved", "hf:{}/parquet", "hf:{}/parquet:train"])
def test_data_set_is_the_pictures_of_its_column(dataset, form):
    files = find_files(form.format(dataset), "art")
    assert [number_of(Pictures(files)[i]) for i in (0, 7, 39)] == [0, 7, 39] and len(files) == 40
    assert str(files[3]).endswith("row 3")


def test_data_set_of_a_folder_keeps_its_pictures_in_files(tmp_path):
    pytest.importorskip("datasets")
    (tmp_path / "train").mkdir()
    for number in range(3):
        (tmp_path / "train" / f"{number}.png").write_bytes(picture_bytes(number))
    files = find_files(f"hf:{tmp_path}")
    assert sorted(number_of(Pictures(files)[i]) for i in range(3)) == [0, 1, 2]


def test_mistakes_about_a_data_set_are_named(dataset, monkeypatch):
    with pytest.raises(TrainingError, match=r"no column 'image', but \['label', 'art'\]: --image_column"):
        find_files(f"{dataset}/saved")
    with pytest.raises(TrainingError, match="parquet:nosplit' cannot be opened: ValueError.*nosplit"):
        find_files(f"hf:{dataset}/parquet:nosplit", "art")
    with pytest.raises(TrainingError, match="hf:/nowhere' cannot be opened"):
        find_files("hf:/nowhere")
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(TrainingError, match="needs the package datasets: pip install datasets"):
        find_files(f"{dataset}/saved")


def test_folders_need_no_datasets_package(tree, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    assert len(find_files(tree)) == 8


# Streams ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def web(shards):
    """The address of a server of the tar files."""
    pytest.importorskip("aiohttp")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=shards)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(params=["tar files", "tar files through fsspec", "tar files by HTTP", "saved", "parquet"])
def stream(request, shards):
    """The same forty pictures as shards of every kind."""
    if request.param == "tar files by HTTP":
        return find_shards(f"{request.getfixturevalue('web')}/set-{{000..004}}.tar")
    if request.param == "tar files":
        return find_shards(str(shards))
    if request.param == "tar files through fsspec":
        return find_shards(f"file://{shards}/set-{{000..004}}.tar")
    folder = request.getfixturevalue("dataset")
    return find_shards(f"{'hf:' if request.param == 'parquet' else ''}{folder}/{request.param}", "art")


def test_shards_hold_all_pictures_and_can_be_read_twice(stream):
    for _ in range(2):
        numbers = [number_of(Pictures([file])[0]) for shard in stream for file in shard]
        assert sorted(numbers) == list(range(40))


@pytest.mark.parametrize("lanes", [1, 2, 3, 5, 7])
def test_lanes_share_an_epoch_out_and_none_is_read_twice(shards, lanes):
    stream = find_shards(str(shards))
    per_lane = [list(islice(lane_files(stream, 1, lane, lanes), 5)) for lane in range(lanes)]
    counts = Counter(str(file) for files in per_lane for file in files)
    assert max(counts.values()) == 1
    assert per_lane == [list(islice(lane_files(stream, 1, lane, lanes), 5)) for lane in range(lanes)]
    if lanes == 5:
        whole = Counter(str(f) for lane in range(lanes) for f in islice(lane_files(stream, 1, lane, lanes), 8))
        assert len(whole) == 40


def test_every_epoch_has_every_picture_in_another_order(shards):
    stream = find_shards(str(shards))
    first, second = (list(islice(lane_files(stream, 1, 0, 1), 40 * epoch, 40 * epoch + 40)) for epoch in (0, 1))
    assert len(set(first)) == 40 and set(first) == set(second) and first != second
    assert list(islice(lane_files(stream, 2, 0, 1), 40)) != first


def test_draws_that_skip_go_on_where_they_would_have_been(shards):
    stream = find_shards(str(shards))
    whole = [number_of(p) for p in islice(draw(stream, 5, 1, 2, 0, {}, window=6), 60)]
    for skip in (1, 7, 33, 59):
        assert number_of(next(draw(stream, 5, 1, 2, skip, {}, window=6))) == whole[skip]
    assert whole[:20] != sorted(whole[:20]) and len(set(whole)) > 30


def test_unreadable_pictures_of_a_stream_are_replaced_alike_after_skipping(tmp_path):
    write_tar(tmp_path / "a.tar", range(9), extra=[(f"bad-{i}.png", b"no picture") for i in range(6)])
    stream, notes = find_shards(str(tmp_path)), {}
    whole = [number_of(p) for p in islice(draw(stream, 5, 0, 1, 0, notes, window=12), 40)]
    assert {note.kind for note in notes.values()} == {"damaged"} and len(notes) == 6
    assert [number_of(next(draw(stream, 5, 0, 1, skip, {}, window=12))) for skip in range(40)] == whole


def test_stream_goes_on_behind_more_bad_pictures_in_a_row_than_it_looks_at_alike_after_skipping(tmp_path):
    write_tar(tmp_path / "a.tar", [3], extra=[(f"bad-{i}.png", b"no picture") for i in range(40)])
    write_tar(tmp_path / "b.tar", [4])
    stream = find_shards(str(tmp_path))
    whole = [number_of(p) for p in islice(draw(stream, 5, 0, 1, 0, {}, window=6), 100)]
    assert set(whole) == {3, 4}
    assert [number_of(next(draw(stream, 5, 0, 1, skip, {}, window=6))) for skip in range(0, 100, 7)] == whole[::7]


def test_stream_without_one_readable_picture_is_an_error(tmp_path):
    write_tar(tmp_path / "a.tar", [], extra=[("bad.png", b"no picture")])
    with pytest.raises(
        TrainingError, match="none of many pictures in a row could be read .4 of them.*bad.png. is not a picture"
    ):
        next(draw(find_shards(str(tmp_path)), 5, 0, 1, 0, {}, window=4))
    write_tar(tmp_path / "a.tar", [])
    with pytest.raises(TrainingError, match="too few pictures"):
        next(draw(find_shards(str(tmp_path)), 5, 0, 1, 0, {}))


ALONE = Share()


def loaded(stream, workers: int, start: int, count: int, share: Share = ALONE) -> list[torch.Tensor]:
    loader = DataLoader(ContentStream(stream, 3, 64, 7, share, start), batch_size=None, num_workers=workers)
    return [batch.crops for batch in islice(loader, count)]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_streamed_batches_go_on_at_any_batch_with_any_number_of_workers(stream, workers):
    whole = loaded(stream, workers, 0, 8)
    assert len({tuple(batch.flatten().tolist()) for batch in whole}) == 8
    for start in (1, 5):
        resumed = loaded(stream, workers, start, 8 - start)
        assert all(torch.equal(one, other) for one, other in zip(resumed, whole[start:], strict=True))


def test_processes_and_workers_draw_different_pictures_from_a_stream(shards):
    stream = find_shards(str(shards))  # 5 shards for 4 lanes of 8 pictures or more: 2 batches a lane
    shares = [Share(process, 2) for process in range(2)]
    numbers = [number_of(crop) for share in shares for batch in loaded(stream, 2, 0, 4, share) for crop in batch]
    lanes = [set(str(f) for f in islice(lane_files(stream, 7, lane, 4), 8)) for lane in range(4)]
    assert all(lanes[i].isdisjoint(lanes[j]) for i in range(4) for j in range(i))
    assert len(numbers) == 24


def test_twentieth_pictures_of_shards_are_held_out(tmp_path):
    write_tar(tmp_path / "a.tar", range(45))
    write_tar(tmp_path / "b.tar", range(100, 103))
    training, validation = split_shards(str(tmp_path), None, "--content_dir")
    assert [file.name for file in validation] == ["000000.png", "000020.png", "000040.png", "000100.png"]
    kept = [file.name for shard in training for file in shard]
    assert len(kept) == 44 and not set(kept) & {file.name for file in validation} and HELD_OUT == 20


def test_named_pictures_are_held_out_of_a_stream_whole(shards, picture_folder):
    training, validation = split_shards(str(shards), str(picture_folder), "--content_dir")
    assert sum(1 for shard in training for _ in shard) == 40 and validation == paths(picture_folder)


@pytest.mark.parametrize(
    "source, message",
    [
        ("{}/sub/..", "half.tar' cannot be read"),
        ("{}/none", "neither"),
        ("{}/list.txt", "front to back.*is neither"),
        ("memory://no.tar", "no.tar' cannot be read"),
        ("nonsense://no.tar", "no.tar' cannot be read: Protocol not known"),
        ("{}/half.tar", "half.tar' cannot be read: it is cut off"),
    ],
)
def test_sources_that_are_no_streams_are_refused(tmp_path, source, message):
    (tmp_path / "sub").mkdir()
    write_tar(tmp_path / "sub" / "whole.tar", range(3))
    (tmp_path / "half.tar").write_bytes((tmp_path / "sub" / "whole.tar").read_bytes()[:2500])
    with pytest.raises(TrainingError, match=message):
        split_shards(source.format(tmp_path), None, "--content_dir")


def test_member_of_a_tar_file_is_read_where_it_lies(tmp_path):
    content = bytes(random.Random(0).randbytes(5000))
    (tmp_path / "a.tar").write_bytes(content)
    assert TarMember(str(tmp_path / "a.tar"), "x", 700, 1300).read_bytes() == content[700:2000]
    assert np.array_equal(to_pil(torch.zeros(3, 2, 2)), np.zeros((2, 2, 3)))
