"""Vectors by their names, from a user's file or from the tables that ship: what a run's PNet may be guided by.

A file is one of these, whatever its vectors are of (words, sounds, sentences, measurements):

* NAME.safetensors with a tensor for each name: [F], or for a `gru` a sequence [T, F];
* NAME.safetensors with one tensor `vectors` [V, F], and NAME.words.txt beside it with a name a line (`WordTable`);
* a text file with a name and its numbers a line, as GloVe's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import SignalError, TrainingError, WeightsNotFoundError, in_words, shortened
from ..signals.sentences import sentences
from ..signals.words import WordTable, glove, spellings
from ..tensor_files import not_floats, opened, shapes_of

SEQUENCE = "gru"  # the kind of PNet that reads sequences
WORDS = ("glove", "sentence")  # signals whose tables ship
SHOWN = 3  # names that a message lists
NEIGHBOURS = 12  # of each word, so that the compression of a few words knows of others


class SignalTable:
    """Vectors by name.

    Attributes:
        source: for messages.
        names, vectors: in one order; each vector is [F], or [T, F] of a sequence.
        around: further vectors [V, F] that the compression is taken from.
    """

    def __init__(
        self, source: str, names: Sequence[str], vectors: Sequence[Tensor], sequence: bool, around: Tensor | None = None
    ):
        self.source, self.names, self.around = source, tuple(names), around
        self.vectors = checked(source, self.names, vectors, sequence)
        self._rows = {spelt: row for row, name in reversed([*enumerate(names)]) for spelt in spellings(name)[:1]}
        self._rows |= {name: row for row, name in enumerate(names)}

    @property
    def inputs(self) -> int:
        """Numbers of a vector, F."""
        return self.vectors[0].shape[-1]

    def row(self, name: str) -> int | None:
        """The place of a name, written just so or else in another case, with underscores or with an article."""
        return next((self._rows[spelt] for spelt in (name, *spellings(name)) if spelt in self._rows), None)

    def stacked(self) -> Tensor:
        """All vectors, those of sequences one after the other, that a compression is taken from: [V, F]."""
        own = torch.cat([torch.atleast_2d(vector) for vector in self.vectors])
        return own if self.around is None else torch.cat((own, self.around))


def checked(source: str, names: Sequence[str], vectors: Sequence[Tensor], sequence: bool) -> list[Tensor]:
    """The vectors in float32.

    Raises:
        TrainingError: there is none, they are single vectors where sequences are read or the reverse, their sizes
            differ, one holds NaN, or all are the same.
    """
    if not names:
        raise TrainingError(f"--signals {source} holds no vector.")
    kind, other = ("a sequence [T, F]", "single vectors") if sequence else ("one vector [F]", "sequences")
    wanted = 2 if sequence else 1
    odd = [(name, list(v.shape)) for name, v in zip(names, vectors) if v.dim() != wanted or not v.numel()]
    if odd:
        alike = len(odd) == len(names) and all(len(shape) == 3 - wanted for _, shape in odd)
        what = f"holds {other}" if alike else f"has {some(f'{n} {s}' for n, s in odd)} among its {len(names):,} names"
        advice = "--pnet gru reads sequences, --pnet mlp and mlp-parallel read single vectors"
        raise TrainingError(f"--signals {source} {what}, where each name has {kind}: {advice}.")
    sizes = [vector.shape[-1] for vector in vectors]
    usual = max(set(sizes), key=lambda size: (sizes.count(size), size))
    if others := [f"{name} ({size})" for name, size in zip(names, sizes) if size != usual]:
        listed = some(others)
        raise TrainingError(f"--signals {source} has vectors of {usual} numbers, and of others: {listed}.")
    if broken := [name for name, vector in zip(names, vectors) if not vector.isfinite().all()]:
        raise TrainingError(f"--signals {source}: NaN or infinite numbers in the vectors of {some(broken)}.")
    whole = torch.cat([torch.atleast_2d(vector).float() for vector in vectors])
    if len(names) > 1 and torch.equal(whole, whole[:1].expand_as(whole)):
        raise TrainingError(f"--signals {source}: all {len(names):,} vectors are the same, so nothing can be learned.")
    return [vector.float() for vector in vectors]


def load_table(path: str, sequence: bool) -> SignalTable:
    """A user's table, for a PNet that reads sequences or not.

    Raises:
        TrainingError, SignalError, WeightsNotFoundError: there is none, it cannot be read, or `checked` refuses it.
    """
    source, file = f"'{path}'", Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "is not there"
        raise TrainingError(
            f"--signals {source} {what}: name a .safetensors file with a vector for each name, or histogram, glove or "
            "sentence for vectors that zmnet has."
        )
    if file.suffix != ".safetensors" or file.with_suffix(".words.txt").is_file():
        table = WordTable.load(file)
        return SignalTable(source, table.words, [*table.vectors], sequence)
    try:
        with opened(file) as tensors:
            if others := not_floats(tensors):
                raise TrainingError(f"--signals {source} holds numbers that are no floats: {some(others)}.")
            names = sorted(shapes_of(tensors))
            if "vectors" in names and len(names) == 1 and len(tensors.get_slice("vectors").get_shape()) == 2:
                words = file.with_suffix(".words.txt")
                raise TrainingError(
                    f"--signals {source} holds `vectors` alone: their names are looked for in '{words}'."
                )
            return SignalTable(source, names, [tensors.get_tensor(name) for name in names], sequence)
    except OSError as error:
        raise TrainingError(f"--signals {source} cannot be read: {in_words(error)}.") from error
    except SafetensorError as error:
        many = " Put so many into one tensor `vectors`, and their names into a .words.txt beside it."
        many = many if "header has" in str(error) else ""
        raise TrainingError(f"--signals {source} cannot be read as safetensors: {shortened(error)}.{many}") from error


def vectors_of_words(signal: str, words: Sequence[str], sequence: bool) -> SignalTable:
    """The table of these words by GloVe or the sentence encoder, without the words that have no vector there.

    Raises:
        TrainingError: no word has a vector.
    """
    table = glove() if signal == "glove" else sentences().table
    of: Callable[[str], Tensor]
    if signal == "sentence":
        of = sentences().__getitem__
    else:
        of = table.sequence if sequence else partial(_mean, table)
    found: dict[str, Tensor] = {}
    why = ""
    for word in words:
        try:
            found[word] = of(word)
        except (SignalError, WeightsNotFoundError) as error:
            why = why or str(error)
    if not found:
        raise TrainingError(f"--signals {signal}: no folder or name is a word with a vector: {why}")
    near = {other for word in found if word in table for other in table.neighbours(word, NEIGHBOURS)}
    around = torch.stack([table[word] for word in sorted(near)]) if near else None
    return SignalTable(signal, [*found], [*found.values()], sequence, around)


def _mean(table: WordTable, phrase: str) -> Tensor:
    return table.sequence(phrase).mean(0)  # as `encode_attribute` reads a phrase


def some(names: Iterable[object], most: int = SHOWN) -> str:
    """For messages: the first names, and how many more there are."""
    listed = [shortened(name, 120) for name in names]
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
