"""Guiding signals that are not pictures: tables of word vectors.

| signal      | numbers | vectors of                                                                           |
|-------------|---------|--------------------------------------------------------------------------------------|
| `glove`     | 100     | words (Pennington et al. 2014): `glove`                                              |
| `sentence`  | 128     | words and phrases, by a sentence encoder: `zmnet_core.signals.sentences`                     |
| `histogram` | 245     | colours of a picture or a palette: `zmnet_core.signals.palettes`                             |
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from ..assets import TABLES
from ..errors import SignalError, WeightsNotFoundError
from ..files import read_tensors, replacing, write_tensors

SIGNALS = {"glove": 100, "sentence": 128, "histogram": 245}

ARTICLES = ("a ", "an ", "the ")


class WordTable:
    """Vectors of words or phrases.

    A file NAME.safetensors holds the tensor `vectors` [V, F], NAME.words.txt beside it a word a line.

    Attributes:
        words: lower case, single spaces.
        vectors: [V, F], float32.
    """

    def __init__(self, words: Sequence[str], vectors: Tensor):
        if vectors.dim() != 2 or len(words) != len(vectors):
            raise SignalError(f"{len(words)} words for vectors of shape {list(vectors.shape)}.")
        self.words, self.vectors = tuple(words), vectors.float()
        self._rows = {word: row for row, word in enumerate(self.words)}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> WordTable:
        """Read a .safetensors table, or a text file of a word and its numbers a line, as GloVe's are.

        Raises:
            WeightsNotFoundError: no such file, or no .words.txt beside it.
            SignalError: the file holds no table.
        """
        path = Path(path)
        words = path.with_suffix(".words.txt")
        for file in (path, words) if path.suffix == ".safetensors" else (path,):
            if not file.is_file():
                raise WeightsNotFoundError(f"there is no table of word vectors '{file}'.")
        try:
            if path.suffix == ".safetensors":
                return cls(words.read_text(encoding="utf-8").splitlines(), read_tensors(path)["vectors"])
            rows = [line.split(" ") for line in path.read_text(encoding="utf-8").splitlines()]
            return cls([row[0] for row in rows], torch.tensor([[float(x) for x in row[1:]] for row in rows]))
        except (SafetensorError, KeyError, ValueError) as error:
            raise SignalError(f"'{path}' is no table of word vectors ({error}).") from error

    def save(self, path: str | os.PathLike[str], **more: Tensor) -> None:
        """Write `path` (.safetensors, float16) and its .words.txt; `more` are further tensors of the file."""
        path = Path(path)
        with replacing(path.with_suffix(".words.txt")) as temporary:
            temporary.write_text("\n".join(self.words) + "\n", encoding="utf-8")
        write_tensors(path, {"vectors": self.vectors.half(), **{name: t.half() for name, t in more.items()}})

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return self._row(word) is not None

    def _row(self, word: str) -> int | None:
        """The row of a word: as it is, else without its article, else gray for grey and grey for gray."""
        return next((self._rows[known] for known in spellings(word) if known in self._rows), None)

    def __getitem__(self, word: str) -> Tensor:
        """The vector [F] of a word.

        Raises:
            SignalError: unknown; the message names the nearest known words.
        """
        row = self._row(word)
        if row is None:
            hint = self.hint(word) or "; none looks like it, and `zmnet words --all` lists them"
            raise SignalError(f"'{word}' is not in the vocabulary, which has {len(self):,} words{hint}.")
        return self.vectors[row]

    def sequence(self, phrase: str) -> Tensor:
        """The vectors of a phrase's words, [T, F]."""
        return torch.stack([self[word] for word in without_article(plain(phrase)).split(" ")])

    def hint(self, word: str) -> str:
        """The nearest known words as the end of a message; empty if none is near."""
        near = self.nearest_spelling(word)
        return f"; the nearest known are {', '.join(repr(n) for n in near)}" if near else ""

    def nearest_spelling(self, word: str, count: int = 5) -> list[str]:
        """Known words that look like this one, or share a word with it."""
        word = plain(word)
        near = difflib.get_close_matches(word, self.words, count, cutoff=0.7)
        parts = set(word.split())
        shared = {known: len(parts & set(known.split())) for known in self.words if known not in near}
        shared = {known: number for known, number in shared.items() if number}
        return (near + sorted(shared, key=lambda known: (-shared[known], len(known))))[:count]

    def neighbours(self, word: str, count: int) -> list[str]:
        """The words whose vectors have the largest cosine with this one's, nearest first, itself not among them."""
        similarity = torch.cosine_similarity(self.vectors, self[word][None], dim=1)
        order = similarity.argsort(descending=True, stable=True)[: count + 1].tolist()
        return [self.words[row] for row in order if row != self._row(word)][:count]


def plain(word: str) -> str:
    """Lower case, underscores as spaces, single spaces."""
    return " ".join(word.lower().replace("_", " ").split())


def without_article(word: str) -> str:
    """ "the night" → "night"."""
    return next((word[len(article) :] for article in ARTICLES if word.startswith(article)), word)


def spellings(word: str) -> list[str]:
    """What a word may be written as in a table, the likeliest first."""
    found = [plain(word), without_article(plain(word))]
    swapped = [re.sub(r"\bgr[ae]y", lambda m: "grey" if m[0] == "gray" else "gray", known) for known in found]
    return list(dict.fromkeys(found + swapped))


def glove() -> WordTable:
    """GloVe's vectors: the table in the file `$ZMNET_GLOVE`, or the small one that ships."""
    return WordTable.load(os.environ.get("ZMNET_GLOVE") or TABLES / "glove-100d.safetensors")
