"""Sheets for observers who do not know which method is which, and the count of what they chose.

A sheet is one pair: photograph and painting on top, the methods' pictures below under letters, in an order of its own.
The key to the letters lies outside of the sheets' folder. An answer is a line such as `1: first C, last A`.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

from PIL import Image
from torch import Tensor

from .. import markdown
from ..errors import PictureError, in_words
from ..files import replacing, write_json
from ..images.sheet import contact_sheet
from ..lists import read_lines

FOLDER, KEY = "blind", "blind-key.json"
CELLS, LETTERS, GAP, COLUMNS = (160, 512), 24, 8, 3  # px; methods beside each other
CHOICES = ("first", "last")

Key = dict[str, dict[str, str]]  # {pair: {letter: method}}


def write_blind(output: Path, pictures: Sequence[dict[str, Tensor]], methods: Sequence[str], seed: int = 0) -> Path:
    """OUTPUT/blind/pair-01.jpg … and OUTPUT/blind-key.json, whose path is returned. Older sheets there go.

    Args:
        pictures: of each pair by name, [1, 3, H, W]; "photograph" and "painting" among them.
        methods: whose pictures are shown; an order of letters is drawn for each pair from `seed`.

    Raises:
        PictureError: fewer than two methods, or more than letters.
    """
    if not 2 <= len(methods) <= len(ascii_uppercase):
        raise PictureError(f"a blind sheet compares 2 to {len(ascii_uppercase)} methods, not {len(methods)}.")
    for old in (output / FOLDER).glob("pair-*.jpg"):
        old.unlink()
    key: Key = {}
    for number, shown in enumerate(pictures, 1):
        order = random.Random(f"{seed} {number}").sample(list(methods), len(methods))
        letters = dict(zip(ascii_uppercase, order))
        key[str(number)] = letters
        lettered = {letter: shown[method] for letter, method in letters.items()}
        with replacing(output / FOLDER / f"pair-{number:02d}.jpg") as temporary:
            pair_sheet(shown["photograph"], shown["painting"], lettered).save(temporary, quality=92)
    write_json(output / KEY, key)
    return output / KEY


def pair_sheet(photograph: Tensor, painting: Tensor, lettered: dict[str, Tensor]) -> Image.Image:
    """One pair as a picture: photograph and painting, then the others under their letters, up to three a line."""
    cells = list(lettered.items())
    lines = [[("photograph", photograph), ("painting", painting)]]
    lines += [cells[i : i + COLUMNS] for i in range(0, len(cells), COLUMNS)]
    titles, rows = (
        [[title for title, _ in line] for line in lines],
        [[picture for _, picture in line] for line in lines],
    )
    cell = min(CELLS[1], max(CELLS[0], *(max(picture.shape[-2:]) for row in rows for picture in row)))
    return contact_sheet(rows, cell, titles, gap=GAP, letters=LETTERS)


def tally(answers: Path, key: Path) -> dict[str, dict[str, int]]:
    """How often each method was chosen: {method: {"first": n, "last": n, …}}, most first choices first.

    Args:
        answers: a text with a line for each pair: its number, a colon, and choices "WORD LETTER" between commas, as
            `1: first C, last A`. first and last are counted in any case, other words (second) where they stand.
            Empty lines and those with # are skipped.
        key: the file that `write_blind` wrote.

    Raises:
        PictureError: a file is missing or is not what it should be, or a line cannot be understood.
    """
    try:
        letters: Key = json.loads(key.read_text(encoding="utf-8-sig"))
        methods = sorted({method for pair in letters.values() for method in pair.values()})
    except OSError as error:
        raise PictureError(f"the key '{key}' cannot be read: {in_words(error)}.") from error
    except (ValueError, AttributeError) as error:
        raise PictureError(f"'{key}' is no key that `zmnet evaluate --blind` wrote.") from error
    lines = read_lines(answers, "file of answers")
    counts = {method: dict.fromkeys(CHOICES, 0) for method in methods}
    answered = set()
    for number, line in lines:
        pair, choices = _choices(line, f"'{answers}', line {number}", letters)
        if pair in answered:
            raise PictureError(f"'{answers}', line {number}: pair {pair} is answered twice. One file an observer.")
        answered.add(pair)
        for word, method in choices:
            counts[method][word] = counts[method].get(word, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1]["first"], item[1]["last"])))


def tally_text(counts: dict[str, dict[str, int]]) -> str:
    """The counts as a table."""
    words = list(dict.fromkeys([*CHOICES, *(word for row in counts.values() for word in row)]))
    rows = [[name, *(row.get(word, 0) for word in words)] for name, row in counts.items()]
    return "\n".join(markdown.table(["", *words], rows))


def _choices(line: str, where: str, letters: Key) -> tuple[str, list[tuple[str, str]]]:
    """The pair of a line, and each word with the method that was chosen."""
    pair, colon, rest = line.partition(":")
    pair = pair.strip().lstrip("0")
    if not colon or pair not in letters:
        raise PictureError(f"{where}: a pair's number (1 to {len(letters)}) and a colon are expected, not '{line}'.")
    found = []
    for part in rest.split(","):
        match = re.fullmatch(r"\s*([a-z]+)\s+([A-Za-z])\s*", part)
        if not match or match[2].upper() not in letters[pair]:
            last = max(letters[pair])
            raise PictureError(
                f"{where}: 'first C, last A' with letters A to {last} is expected, not '{rest.strip()}'."
            )
        found.append((match[1], letters[pair][match[2].upper()]))
    if len({word for word, _ in found}) < len(found):
        raise PictureError(f"{where}: a choice is made twice.")
    return pair, found
