"""Guiding signals that are not pictures: mixtures of words, and tables of word vectors.

| signal      | numbers | vectors of                                                                           |
|-------------|---------|--------------------------------------------------------------------------------------|
| `glove`     | 100     | words (Pennington et al. 2014): `glove`                                              |
| `sentence`  | 128     | words and phrases, by a sentence encoder: `zmnet_core.sentences`                     |
| `histogram` | 245     | colours of a picture or a palette: `zmnet_core.palettes`                             |
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .errors import SignalError, WeightsNotFoundError
from .files import replacing, write_tensors

SIGNALS = {"glove": 100, "sentence": 128, "histogram": 245}
TABLES = Path(__file__).parent / "tables"  # sources and licences: SOURCES.md there

_WEIGHTED = re.compile(r"(-?(?:\d+\.?\d*|\.\d+|nan\b|inf\b))\s*\*?\s*(.*)", re.IGNORECASE)


def parse_mixture(text: str) -> list[tuple[str, float]]:
    """Words and their weights: "0.5 morning + 0.5 night" → [("morning", 0.5), ("night", 0.5)].

    Terms are joined by "+"; a term is a word, a phrase or a colour (#rgb, #rrggbb), with a weight before
    it (1 if there is none; "0.5 * morning" is the same as "0.5 morning"). The weights come back as they
    were written.

    Raises:
        SignalError: nothing written, a term without a word, a weight that is not finite, or weights
            that sum to zero.
    """
    example = 'write for example "morning", or "0.5 morning + 0.5 night"'
    if not text.strip():
        raise SignalError(f"there is no attribute: {example}.")
    terms = []
    for term in text.split("+"):
        term = " ".join(term.split())
        match = _WEIGHTED.fullmatch(term)
        word, weight = (match[2], float(match[1])) if match else (term, 1.0)
        if not word.startswith("#") and not any(letter.isalpha() for letter in word):
            raise SignalError(f"the term '{term}' of '{text.strip()}' has no word: {example}.")
        if not math.isfinite(weight):
            raise SignalError(f"the weight of '{word}' is {weight}; weights are finite numbers: {example}.")
        terms.append((word, weight))
    if abs(sum(weight for _, weight in terms)) < 1e-8:
        raise SignalError(f"the weights of '{text.strip()}' sum to zero: {example}.")
    return terms


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
                return cls(words.read_text(encoding="utf-8").splitlines(), load_file(path)["vectors"])
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
        return plain(word) in self._rows

    def __getitem__(self, word: str) -> Tensor:
        """The vector [F] of a word.

        Raises:
            SignalError: unknown; the message names the nearest known words.
        """
        if word not in self:
            raise SignalError(f"'{word}' is not in the vocabulary{self.hint(word)}.")
        return self.vectors[self._rows[plain(word)]]

    def sequence(self, phrase: str) -> Tensor:
        """The vectors of a phrase's words, [T, F]."""
        return torch.stack([self[word] for word in plain(phrase).split(" ")])

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
        return [self.words[row] for row in order if row != self._rows[plain(word)]][:count]


def plain(word: str) -> str:
    """Lower case, underscores as spaces, single spaces."""
    return " ".join(word.lower().replace("_", " ").split())


def glove() -> WordTable:
    """GloVe's vectors: the table in the file `$ZMNET_GLOVE`, else the small one that ships."""
    return WordTable.load(os.environ.get("ZMNET_GLOVE") or TABLES / "glove-100d.safetensors")
