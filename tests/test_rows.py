"""Data sets as they are: rows without a picture or with another thing are skipped and counted, and nothing else."""

import io
from itertools import islice

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zmnet_core.data.decoding import SKIPPED, Tally
from zmnet_core.data.pictures import Pictures, split
from zmnet_core.data.sources import find_files, find_shards
from zmnet_core.data.streams import draw
from zmnet_core.errors import TrainingError

datasets = pytest.importorskip("datasets")
pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(number: int, size: tuple[int, int] = (72, 66)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (number, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def row(data=None, path=None) -> dict:
    return {"bytes": data, "path": path}


BAD = {  # the cell: what becomes of it
    "null": (None, "empty"),
    "empty cell": (row(), "empty"),
    "no name": (row(path=""), "empty"),
    "no bytes": (row(b""), "damaged"),
    "no picture": (row(b"no picture"), "damaged"),
    "cut off": (row(png(9)[:60]), "damaged"),
    "gone": (row(path="/nowhere/gone.png"), "missing"),
    "no such protocol": (row(path="nonsense://gone.png"), "damaged"),
    "tiny": (row(png(9, (9, 9))), "tiny"),
}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


def written(folder, *tables) -> str:
    """The name of a data set of these parquet files."""
    folder.mkdir(parents=True)
    for number, table in enumerate(tables):
        parquet.write_table(table, folder / f"train-{number}.parquet")
    return f"hf:{folder}"


def cells(values, name="image"):
    return pa.table({name: pa.array(values, PICTURE)})


def numbers(pictures) -> set[int]:
    return {int(picture[0, 0, 0]) for picture in pictures}


@settings(max_examples=12)
@given(st.lists(st.sampled_from([*BAD, "good"]), min_size=1, max_size=8))
def test_whatever_the_rows_hold_good_ones_are_given_and_each_bad_one_counts_once(tmp_path_factory, kinds):
    values = [row(png(index)) if kind == "good" else BAD[kind][0] for index, kind in enumerate(kinds)]
    good = {index for index, kind in enumerate(kinds) if kind == "good"}
    source = written(tmp_path_factory.mktemp("rows") / "set", cells(values))
    notes = {}
    pictures = Pictures(find_files(source))
    drawn = draw(find_shards(source), 0, 0, 1, 0, notes, window=len(kinds))
    if not good:
        with pytest.raises(TrainingError, match=f"none of the {len(kinds)} pictures could be read"):
            pictures[0]
        with pytest.raises(TrainingError, match=r"none of many pictures in a row .*shard 0, row \d"):
            next(drawn)
    else:
        assert numbers(pictures[index] for index in range(len(kinds))) == good
        assert numbers(islice(drawn, 60)) <= good
    wanted = {index: BAD[kind][1] for index, kind in enumerate(kinds) if kind != "good"}
    for noted in (pictures.notes, notes):
        found = {int(name.rpartition(" ")[2]): note.kind for name, note in noted.items()}
        assert found == wanted if noted is pictures.notes or not good else found.items() <= wanted.items()
    tally = Tally(Accelerator(cpu=True))
    tally.add(pictures.notes)
    counts = tally.report()
    assert sum(counts.values()) == len(wanted) and set(counts) <= set(SKIPPED)


@pytest.mark.parametrize(
    "second, why",
    [
        (lambda: cells([row(png(5))], "art"), "Couldn't cast"),
        (lambda: pa.table({"image": pa.array([3, 4])}), "Couldn't cast array of type int64"),
        (lambda: cells([row(png(5))]).append_column("more", pa.array([1])), "Couldn't cast"),
    ],
    ids=["column missing", "column of numbers", "column too many"],
)
def test_shard_with_other_columns_is_skipped_and_counted_by_a_stream_and_else_said(tmp_path, second, why):
    source = written(tmp_path / "set", cells([row(png(1)), row(png(2)), None]), second())
    notes = {}
    assert numbers(islice(draw(find_shards(source), 0, 0, 1, 0, notes, window=5), 40)) == {1, 2}
    assert sorted(note.kind for note in notes.values()) == ["damaged", "empty"]
    assert any(name.endswith("shard 1 from row 0 on") and why in note.text for name, note in notes.items())
    with pytest.raises(TrainingError, match=f"cannot be opened: .*{why}.*--streaming skips and counts that"):
        find_files(source)


@pytest.mark.parametrize("values", [[1, 2], [[0.5], [1.0]]], ids=["numbers", "lists"])
def test_column_that_holds_no_pictures_is_an_error_in_words(tmp_path, values):
    source = written(tmp_path / "set", pa.table({"image": pa.array(values)}))
    with pytest.raises(TrainingError, match="holds no pictures|could be read"):
        Pictures(find_files(source))[0]
    with pytest.raises(TrainingError, match="none of many pictures in a row could be read"):
        next(draw(find_shards(source), 0, 0, 1, 0, {}, window=3))


def test_part_of_a_data_set_is_taken_and_none_of_it_is_an_error_in_words(tmp_path):
    source = written(tmp_path / "set", cells([row(png(number)) for number in range(10)]))
    assert numbers(Pictures(find_files(f"{source}:train[20%:50%]+train[9:]"))[i] for i in range(4)) == {2, 3, 4, 9}
    with pytest.raises(TrainingError, match="corresponds to no data"):
        split(f"{source}:train[:0]", None, "--style_dir")
    datasets.Dataset(cells([])).cast_column("image", datasets.Image(decode=False)).save_to_disk(tmp_path / "empty")
    for find in (find_files, find_shards):
        with pytest.raises(TrainingError, match="the data set '.*empty' has no rows"):
            find(str(tmp_path / "empty"))


def test_draws_of_a_stream_with_bad_rows_go_on_where_they_would_have_been(tmp_path):
    values = [row(png(index)) if index % 3 else BAD["null"][0] for index in range(12)]
    source = written(tmp_path / "set", cells(values[:6]), cells(values[6:]))
    whole = list(islice(draw(find_shards(source), 5, 0, 1, 0, {}, window=6), 30))
    for skip in (1, 11, 29):
        assert torch.equal(next(draw(find_shards(source), 5, 0, 1, skip, {}, window=6)), whole[skip])
    assert len(numbers(whole)) == 8 and np.all([number % 3 for number in numbers(whole)])
