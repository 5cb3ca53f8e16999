"""What guides a run in the place of pictures: vectors, each with the pictures that show what it means.

The PNet reads the vector, the loss looks at a picture: of a word another one in every step, as in the paper (Sec. 4.2).
Which vector is a picture's, the names say: of a table (`signal_table`) and of the pictures (`names_of`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.pictures import Pictures, centre_square, split
from ..data.sources import HELD_OUT, LocalFile, PictureFile, TarMember, find_files
from ..errors import PictureError, TrainingError
from ..images.folders import Say
from ..lists import path_in, read_lines
from ..networks.heads import PNet
from ..networks.vector_pnet import VectorPNet, sequences
from ..signals.palettes import picture_histogram
from ..signals.words import SIGNALS
from .config import TrainingConfig
from .signal_table import SEQUENCE, WORDS, SignalTable, load_table, some, vectors_of_words

HISTOGRAM = "histogram"  # computed from each picture
LOOKED_AT = 256  # px, pictures whose histograms the compression is taken from
MOST_NAMES, MOST_LETTERS = 20_000, 500_000  # that a model carries: config.json has them
MOST_NUMBERS = 64  # that a vector is compressed to unless the run says otherwise
HOW = (
    "A picture's name is its path in --style_dir, with or without its suffix, or the folder that it is in; or else a "
    "list has lines `name<TAB>picture`."
)


class Signals:
    """The vectors of the pictures of a `StyleBank`, by their indices there.

    Attributes:
        signal: what they are.
        inputs: numbers of a vector.
        names: that the model is to carry.
        trained: the names that have pictures, for the model to tell; none if they are too many for that.
    """

    signal: str
    inputs: int
    names: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()

    def drawn(self, random: np.random.Generator, count: int) -> list[int]:
        """The pictures of a step, by index."""
        raise NotImplementedError

    def features(self, pnet: PNet, seen: Tensor, pictures: Sequence[int]) -> Tensor:
        """What the PNet keeps of the vectors of these pictures, which look like `seen`, [N, 3, S, S]."""
        raise NotImplementedError

    def own(self, pnet: PNet, contents: Tensor) -> Tensor:
        """The same of photographs that are their own style."""
        raise NotImplementedError

    def recipe(self, pnet: PNet, picture: int) -> list[object]:
        """What else than the picture shapes what is kept of it."""
        raise NotImplementedError

    def sample(self, pictures: Pictures, most: int) -> Tensor:
        """Vectors like those that the PNet will see, for its compression: [V, F]; of no more pictures than `most`."""
        raise NotImplementedError

    def examples(self) -> int:
        """How many vectors `sample` gives at most."""
        raise NotImplementedError

    def vectors(self) -> list[Tensor]:
        """Those of `names`."""
        return []


class Histograms(Signals):
    """The colours of what the loss looks at (`zmnet_core.signals.palettes`)."""

    signal, inputs = HISTOGRAM, SIGNALS[HISTOGRAM]

    def __init__(self, count: int, most: int):
        self.count, self.most = count, min(count, most)

    def drawn(self, random: np.random.Generator, count: int) -> list[int]:
        return random.choice(self.count, count, replace=count > self.count).tolist()

    def features(self, pnet: PNet, seen: Tensor, pictures: Sequence[int]) -> Tensor:
        return self.own(pnet, seen)

    def own(self, pnet: PNet, contents: Tensor) -> Tensor:
        return pnet.features(picture_histogram(contents))

    def recipe(self, pnet: PNet, picture: int) -> list[object]:
        assert isinstance(pnet, VectorPNet)
        return [self.signal, pnet.components.double().sum().item(), pnet.offset.double().sum().item()]

    def sample(self, pictures: Pictures, most: int) -> Tensor:
        count = min(most, len(pictures))
        squares = (centre_square(pictures[i * len(pictures) // count], LOOKED_AT) for i in range(count))
        return torch.cat([picture_histogram(square[None].cpu()) for square in squares])

    def examples(self) -> int:
        return self.most


class Named(Signals):
    """Vectors of a table.

    Args:
        rows: of each picture, its vector's place in the table.
        carried: whether the model is to carry the names; else it only tells what it was trained on.

    Attributes:
        shown: the names that have pictures.
    """

    def __init__(self, signal: str, table: SignalTable, rows: Sequence[int], sequence: bool, carried: bool = True):
        self.signal, self.table, self.rows, self.sequence = signal, table, rows, sequence
        self.inputs = table.inputs
        self._pictures: dict[int, list[int]] = {}
        for picture, row in enumerate(rows):
            self._pictures.setdefault(row, []).append(picture)
        self._words = sorted(self._pictures)
        self.shown = tuple(table.names[row] for row in self._words)
        self.trained = self.shown if few(self.shown) else ()
        carry = next((names for names in (table.names, self.shown) if few(names)), ())
        self.names = carry if carried else ()

    def drawn(self, random: np.random.Generator, count: int) -> list[int]:
        words = random.choice(len(self._words), count, replace=count > len(self._words))
        return [int(random.choice(self._pictures[self._words[word]])) for word in words]

    def features(self, pnet: PNet, seen: Tensor, pictures: Sequence[int]) -> Tensor:
        vectors = [self.table.vectors[self.rows[picture]].to(seen.device) for picture in pictures]
        return pnet.features(sequences(vectors) if self.sequence else torch.stack(vectors))

    def own(self, pnet: PNet, contents: Tensor) -> Tensor:
        raise TrainingError("a photograph has no vector, so it cannot be its own style.")

    def recipe(self, pnet: PNet, picture: int) -> list[object]:
        return [self.signal, self.features(pnet, torch.empty(0), [picture]).tolist()]

    def sample(self, pictures: Pictures, most: int) -> Tensor:
        return self.table.stacked()

    def examples(self) -> int:
        return len(self.table.stacked())

    def vectors(self) -> list[Tensor]:
        row = dict(zip(self.table.names, self.table.vectors))
        return [row[name] for name in self.names]


def few(names: Sequence[str]) -> bool:
    """Whether a model may carry so many names."""
    return len(names) <= MOST_NAMES and sum(map(len, names)) <= MOST_LETTERS


class Material(NamedTuple):
    """Pictures, and the vectors that mean them; None where the PNet reads the pictures."""

    files: Sequence[PictureFile]
    signals: Signals | None = None


def material(config: TrainingConfig, own: Iterable[str], say: Say, warn: Say) -> tuple[Material, Material]:
    """The pictures of `--style_dir` with what the PNet reads of them: to train on, and held out.

    Args:
        own, say: as for `find_files`.
        warn: told which pictures have no vector, and which names no picture.

    Raises:
        TrainingError: the table cannot be used, or has nothing in common with the pictures.
    """
    column, other = config.image_column, config.validation_style_dir
    if config.signals in (None, HISTOGRAM):
        both = split(config.style_dir, other, "--style_dir", column, own, say)
        most = config.calibration_paintings
        one, two = (Material(files, Histograms(len(files), most) if config.signals else None) for files in both)
        return one, two
    try:
        found = _labelled(config.style_dir, column, own, say)
        validation = _labelled(other, column, own, say) if other else []
    except PictureError as error:
        raise TrainingError(f"--style_dir: {error}") from None
    sequence, signals = config.pnet == SEQUENCE, config.signals or ""
    if signals in WORDS:
        words = dict.fromkeys(each.word for each in (*found, *validation) if each.word)
        if not words:
            raise TrainingError(
                f"--signals {signals}: no picture of --style_dir is in a folder that could be a word. {HOW}"
            )
        table = vectors_of_words(signals, [*words], sequence)
        found, validation = ([each.as_word() for each in part] for part in (found, validation))
    else:
        table = load_table(signals, sequence)
    pairs = _paired(table, found, "--style_dir", warn)
    if validation:
        held_out = _paired(table, validation, "--validation_style_dir", warn)
    else:
        pairs, held_out = _held_out(pairs)
    signal, carried = (signals, False) if signals in WORDS else (config.signal_name, True)
    guiding, unseen = (Named(signal, table, [row for _, row in part], sequence, carried) for part in (pairs, held_out))
    shown = set(guiding.shown)
    lonely = [name for name in table.names if name not in shown]
    if carried and lonely:
        warn(
            f"{len(lonely):,} of the {len(table.names):,} names of {table.source} have no picture to train on: "
            f"{some(lonely)}. The model knows their vectors, and is not trained on them"
        )
    if carried and not guiding.names:
        warn(
            f"{table.source} has {len(table.names):,} names, and a model carries {MOST_NAMES:,} at most, of "
            f"{MOST_LETTERS:,} letters in all: it will know none, and is guided by vectors alone"
        )
    return Material([file for file, _ in pairs], guiding), Material([file for file, _ in held_out], unseen)


class Labelled(NamedTuple):
    """A picture, what a table may call it, the likeliest first, and the word that a list or its folder says."""

    file: PictureFile
    names: list[str]
    word: str | None

    def as_word(self) -> Labelled:
        """The same, called by its word alone."""
        return Labelled(self.file, [self.word] if self.word else [str(self.file)], self.word)


def _labelled(source: str, column: str, own: Iterable[str], say: Say) -> list[Labelled]:
    """The pictures of a source, and what each may be called: a list may say it, else their places do.

    Raises:
        PictureError: there are none, or they are rows of a data set, which have no names.
    """
    file = Path(source)
    if file.is_file() and file.suffix.lower() in (".txt", ".tsv"):
        lines = [line.partition("\t") for _, line in read_lines(file, "list of names and pictures")]
        if plain := [line for line, tab, _ in lines if not tab]:
            if len(plain) < len(lines):
                raise PictureError(
                    f"'{source}' has lines without a tab, such as '{plain[0]}': `name<TAB>picture` is meant."
                )
        elif lines:
            named = ((name.strip(), LocalFile(path_in(path.strip(), file.parent))) for name, _, path in lines)
            return [Labelled(picture, [name], name) for name, picture in named]
    files = find_files(source, column, own, say)
    if not isinstance(files[0], LocalFile | TarMember):
        raise PictureError(f"'{source}': the rows of a data set have no names, and --signals goes by names. {HOW}")
    root = file.parent if file.is_file() else file
    return [labelled(each, root) for each in files]


def labelled(file: PictureFile, root: Path) -> Labelled:
    """A picture by its path, its folder (its own, or the first on the way to it, as ImageFolder has it), its name.

    >>> labelled(LocalFile("words/pale gold/old/a.jpg"), Path("words")).names
    ['pale gold/old/a.jpg', 'pale gold/old/a', 'pale gold/old', 'pale gold', 'a.jpg', 'a']
    """
    path = Path(file.name) if isinstance(file, TarMember) else Path(os.path.relpath(str(file), root))
    folders = [path.parent.as_posix(), path.parts[0]] if len(path.parts) > 1 else []
    names = [path.as_posix(), path.with_suffix("").as_posix(), *folders, path.name, path.stem]
    return Labelled(file, list(dict.fromkeys(names)), folders[-1] if folders else None)


def _paired(table: SignalTable, pictures: list[Labelled], what: str, warn: Say) -> list[tuple[PictureFile, int]]:
    """The pictures that have a vector, and its place in the table.

    Raises:
        TrainingError: none has.
    """
    rows = [next((row for name in each.names if (row := table.row(name)) is not None), None) for each in pictures]
    missing = [each.names[0] for each, row in zip(pictures, rows) if row is None]
    if len(missing) == len(pictures):
        raise TrainingError(
            f"--signals {table.source} and {what} have no name in common: the table's are {some(table.names)}, the "
            f"pictures' {some(missing)}. {HOW}"
        )
    if missing:
        warn(
            f"{len(missing):,} of the {len(pictures):,} pictures of {what} have no vector in {table.source} and are "
            f"left out: {some(missing)}"
        )
    return [(each.file, row) for each, row in zip(pictures, rows) if row is not None]


def _held_out(
    paired: list[tuple[PictureFile, int]],
) -> tuple[list[tuple[PictureFile, int]], list[tuple[PictureFile, int]]]:
    """Every 20th picture is held out; with it its vector, unless that means several pictures: then it keeps one.

    Raises:
        TrainingError: nothing is left for one of them.
    """
    count = Counter(row for _, row in paired)
    words = len(count) < len(paired)
    training, held_out, due = [], [], False
    for place, (file, row) in enumerate(paired):
        due = due or place % HELD_OUT == 0
        if due and not (words and count[row] == 1):
            held_out.append((file, row))
            count[row], due = count[row] - 1, False
        else:
            training.append((file, row))
    if not training or not held_out:
        raise TrainingError(
            f"--style_dir has {len(paired)} pictures with a vector: too few to hold one of them out. Name others for "
            "validation by --validation_style_dir."
        )
    return training, held_out
