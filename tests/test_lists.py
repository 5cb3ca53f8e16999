"""Lists of paths as people and their editors write them."""

import os
import string
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.conftest import data_at
from zmnet_core.data.sources import find_files
from zmnet_core.errors import DataNotFoundError, PictureError
from zmnet_core.evaluation.blind import tally
from zmnet_core.evaluation.methods import read_pairs
from zmnet_core.lists import path_in, read_lines

BOM = b"\xef\xbb\xbf"
# Whatever a file may be called on Linux but what ends a line: also what str.splitlines takes for that, and no text.
LETTERS = string.ascii_letters + " #~'\"\\.-_äé猫\u2028\x85\x0b\udcff\udce9"
NAMES = st.text(LETTERS, min_size=1, max_size=12).filter(lambda name: name.strip(". "))
PARTS = st.lists(NAMES, min_size=1, max_size=3)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other names")
@given(st.lists(PARTS, min_size=1, max_size=4), st.data())
def test_every_name_that_a_file_can_have_is_found_as_it_is_or_in_quotes(tmp_path_factory, paths, data):
    root = tmp_path_factory.mktemp("lists")
    lines, wanted = [], []
    for parts in paths:
        file = root.joinpath(*parts).with_name(parts[-1] + ".jpg")
        assume(not any(parent.is_file() for parent in file.parents) and not file.is_dir())
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
        wanted.append(str(file))
        name = str(file if data.draw(st.booleans()) else file.relative_to(root))
        mark = data.draw(st.sampled_from(["", '"', "'"]))
        if not mark and (name[0] == "#" or name != name.strip(" \t") or name[0] in "'\"~"):
            mark = '"'
        lines += [f"{mark}{name}{mark}", *data.draw(st.lists(st.sampled_from(["", "  ", "# other.jpg"]), max_size=2))]
    end = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    content = end.join(map(os.fsencode, lines)) + data.draw(st.sampled_from([b"", end]))
    (root / "list.txt").write_bytes(data.draw(st.sampled_from([b"", BOM])) + content)
    assert find_files(root / "list.txt") == wanted


def test_first_line_behind_a_byte_order_mark_counts(tmp_path):
    (tmp_path / "list.txt").write_bytes(data_at("cases/list-with-bom.txt").read_bytes())
    (tmp_path / "c").mkdir()
    files = [tmp_path / "c" / f"{number}.jpg" for number in range(3)]
    for file in files:
        file.write_bytes(b"")
    assert find_files(tmp_path / "list.txt") == list(map(str, files))


def test_list_of_windows_is_read(tmp_path, monkeypatch):
    (tmp_path / "c" / "d").mkdir(parents=True)
    for name in ("c/d/1.jpg", "c/2.jpg", "home.jpg"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setenv("HOME", str(tmp_path))
    text = '# Windows\r\n"c\\d\\1.jpg"\r\n.\\c\\2.jpg\r\n~/home.jpg\r\n~\\home.jpg\r\n'
    (tmp_path / "list.txt").write_bytes(text.encode("utf-16"))  # with its mark, as Notepad's "Unicode"
    assert [Path(file).relative_to(tmp_path).as_posix() for file in find_files(tmp_path / "list.txt")] == [
        "c/d/1.jpg", "c/2.jpg", "home.jpg", "home.jpg",
    ]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="Windows has other names")
def test_file_that_has_just_this_name_is_meant_whatever_the_name_looks_like(tmp_path):
    for name in ('"a.jpg"', "a.jpg", "b\\c.jpg", "~d.jpg"):
        (tmp_path / name).write_bytes(b"")
        assert path_in(name, tmp_path) == tmp_path / name
    assert path_in("'a.jpg'", tmp_path) == tmp_path / "a.jpg"


def test_lines_keep_their_numbers(tmp_path):
    (tmp_path / "list.txt").write_bytes(BOM + b"\r\n# one\r\na\r\n\r\n \tb \r\n")
    assert read_lines(tmp_path / "list.txt", "list") == [(3, "a"), (5, "b")]


@pytest.mark.parametrize(
    "content", [b"a\0b", b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xfea"], ids=["zero", "picture", "odd UTF-16"]
)
def test_what_is_no_text_is_refused(tmp_path, content):
    (tmp_path / "list.txt").write_bytes(content)
    for read in (find_files, lambda file: read_pairs(None, file)):
        with pytest.raises(PictureError, match="list.txt' is not a list of (paths|pairs): it is not UTF-8 text"):
            read(tmp_path / "list.txt")


# Pairs -----------------------------------------------------------------------------------------


def test_pairs_start_beside_their_list_or_in_the_folder_of_pictures(tmp_path, monkeypatch):
    odd = os.fsdecode(b"caf\xe9.jpg") if os.name != "nt" else "café.jpg"
    places = [tmp_path / "lists", tmp_path / "root" / "data"]
    for place in places:
        place.mkdir(parents=True)
    for file in (places[0] / "own.jpg", places[0] / odd, places[1] / "far.jpg", places[1] / "own.jpg"):
        file.write_bytes(b"")
    pairs = places[0] / "pairs.tsv"
    pairs.write_bytes(BOM + b'# mine\r\nown.jpg\t"' + os.fsencode(odd) + b'"\r\n\r\n' + b"far.jpg\town.jpg\r\n")
    monkeypatch.delenv("ZMNET_DATA", raising=False)
    with pytest.raises(DataNotFoundError):
        read_pairs(None, pairs)
    monkeypatch.setenv("ZMNET_DATA", str(tmp_path / "root"))
    beside, far = places
    assert read_pairs(None, pairs) == [(beside / "own.jpg", beside / odd), (far / "far.jpg", beside / "own.jpg")]
    pairs.write_bytes(b"own.jpg\tfar.jpg\n")
    assert read_pairs(far, pairs) == [(far / "own.jpg", far / "far.jpg")]
    pairs.write_bytes(b"\xef\xbb\xbf\nown.jpg far.jpg\r\n")
    with pytest.raises(PictureError, match="line 2: photograph TAB painting is expected, not 'own.jpg far.jpg'"):
        read_pairs(None, pairs)


def test_answers_of_any_editor_are_counted(tmp_path):
    (tmp_path / "key.json").write_bytes(BOM + b'{"1": {"A": "ours", "B": "theirs"}}')
    (tmp_path / "answers.txt").write_bytes(BOM + b"1: first A, last B\r\n# end\r\n")
    assert tally(tmp_path / "answers.txt", tmp_path / "key.json")["ours"] == {"first": 1, "last": 0}
