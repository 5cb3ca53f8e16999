"""Blind sheets: nothing on them says which is which, the key does, and answers are counted by it."""

import json

import pytest
import torch
from PIL import Image

from zmnet_core.errors import PictureError
from zmnet_core.evaluation.blind import CELLS, COLUMNS, GAP, LETTERS, tally, tally_text, write_blind
from zmnet_core.images.sheet import ABOVE

COLOURS = {"photograph": (1, 1, 0), "painting": (0, 1, 1), "zm-net": (1, 0, 0), "Magenta": (0, 1, 0), "OST": (0, 0, 1)}
METHODS = ["zm-net", "Magenta", "OST"]


@pytest.fixture
def pictures():
    return [{n: torch.tensor(c).float().view(1, 3, 1, 1).expand(1, 3, 40, 40) for n, c in COLOURS.items()}] * 12


def colour_at(sheet, line, column):
    """Of the picture in a place of the sheet, its channels 0 or 1."""
    across, down = CELLS[0] + GAP, LETTERS + ABOVE + CELLS[0] + GAP
    middle = (column + 1) * across - CELLS[0] // 2, (line + 1) * down - CELLS[0] // 2
    return tuple(int(value > 128) for value in sheet.getpixel(middle))


def test_the_key_says_what_is_under_each_letter_and_the_sheets_do_not(pictures, tmp_path):
    key = json.loads(write_blind(tmp_path, pictures, METHODS).read_text())
    files = sorted((tmp_path / "blind").iterdir())
    assert [file.name for file in files] == [f"pair-{number:02d}.jpg" for number in range(1, 13)]
    for number, file in enumerate(files, 1):
        letters = key[str(number)]
        assert list(letters) == ["A", "B", "C"] and sorted(letters.values()) == sorted(METHODS)
        data = file.read_bytes()
        assert not any(name.encode() in data for name in METHODS)
        sheet = Image.open(file)
        assert not sheet.info.get("comment") and not sheet.getexif()
        assert [colour_at(sheet, 0, i) for i in range(2)] == [COLOURS["photograph"], COLOURS["painting"]]
        assert [colour_at(sheet, 1, i) for i in range(COLUMNS)] == [COLOURS[letters[letter]] for letter in "ABC"]


def test_the_order_is_another_in_other_pairs_and_of_other_seeds_and_stays(pictures, tmp_path):
    keys = [json.loads(write_blind(tmp_path / str(i), pictures, METHODS, i // 2).read_text()) for i in range(3)]
    assert keys[0] == keys[1] != keys[2]
    assert len({tuple(letters.values()) for letters in keys[0].values()}) > 2


def test_sheets_of_a_larger_set_before_do_not_stay(pictures, tmp_path):
    write_blind(tmp_path, pictures, METHODS)
    write_blind(tmp_path, pictures[:2], METHODS)
    assert len(list((tmp_path / "blind").iterdir())) == 2


def test_one_method_alone_is_no_choice(pictures, tmp_path):
    with pytest.raises(PictureError, match="2 to 26 methods, not 1"):
        write_blind(tmp_path, pictures, ["OST"])


# Answers ---------------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.json"
    path.write_text(
        '{"1": {"A": "ours", "B": "theirs"}, "2": {"A": "theirs", "B": "ours"}, "3": {"A": "ours", "B": "x"}}'
    )
    return path


def test_choices_are_counted_by_method(key, tmp_path):
    answers = tmp_path / "answers.txt"
    answers.write_text("# an observer\n1: first A, last B\n\n02: last a, first b\n3: second B\n")
    counts = tally(answers, key)
    assert counts["ours"] == {"first": 2, "last": 0} and counts["theirs"] == {"first": 0, "last": 2}
    assert counts["x"] == {"first": 0, "last": 0, "second": 1}
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in tally_text(counts).splitlines())
    assert head == ["", "first", "last", "second"]
    assert [" ".join(row) for row in rows] == ["ours 2 0 0", "x 0 0 1", "theirs 0 2 0"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4: first A", r"line 1: a pair's number \(1 to 3\)"),
        ("first A, last B", "a pair's number"),
        ("1: first A\n1: first B", "line 2: pair 1 is answered twice"),
        ("1: first C, last A", "letters A to B is expected, not 'first C, last A'"),
        ("1: A B", "'first C, last A'"),
        ("1: first A, first B", "a choice is made twice"),
    ],
)
def test_answers_written_wrong_are_named(text, message, key, tmp_path):
    (tmp_path / "answers.txt").write_text(text)
    with pytest.raises(PictureError, match=message):
        tally(tmp_path / "answers.txt", key)


def test_a_missing_key_is_named(tmp_path):
    with pytest.raises(PictureError, match="no-key.json' cannot be read: there is no such file or folder.$"):
        tally(tmp_path / "answers.txt", tmp_path / "no-key.json")
    (tmp_path / "no-key.json").write_text("[]")
    with pytest.raises(PictureError, match="no-key.json' is no key that `zmnet evaluate --blind` wrote"):
        tally(tmp_path / "answers.txt", tmp_path / "no-key.json")
