"""Make the tables of word vectors that ship in zmnet_core/tables.

    python train/tables.py --glove GLOVE.safetensors --labels labels.tsv

`sentence-128` needs the sentence encoder (pip install transformers; $ZMNET_SENTENCE_ENCODER) and takes a minute on one
core; `glove-100d` is cut from a larger table: its most frequent words, and the vocabulary with its neighbours.
"""

import csv
from pathlib import Path
from typing import Annotated

import torch
import typer

from zmnet_core.assets import TABLES
from zmnet_core.options import run
from zmnet_core.signals.sentences import TABLE, encode
from zmnet_core.signals.words import SIGNALS, WordTable
from zmnet_core.training.words.vocabulary import COLOURS, FOLDERS, LIGHTS, TONES, painter, phrases

FREQUENT, NEIGHBOURS = 1500, 3


def sentence_table(words: list[str], path: Path) -> str:
    """The encoder's vectors of the phrases, reduced to their first principal components."""
    embeddings = encode(words)
    offset = embeddings.mean(0)
    _, deviations, directions = torch.linalg.svd(embeddings - offset, full_matrices=False)
    components = directions[: SIGNALS["sentence"]]
    table = WordTable(words, (embeddings - offset) @ components.T)
    table.save(path, offset=offset, components=components)
    kept = float(deviations[: len(components)].square().sum() / deviations.square().sum())
    return f"{path.name}: {len(table)} phrases, {kept:.1%} of the variance, {path.stat().st_size / 1e6:.2f} MB"


def glove_table(full: WordTable, words: list[str], path: Path) -> str:
    """The frequent words of a table that is sorted by frequency, and those of the phrases with their neighbours."""
    wanted = dict.fromkeys(word for phrase in words for word in phrase.split() if word in full)
    trained = [word for word in (*COLOURS, *TONES, *LIGHTS, *FOLDERS) if word in full]
    wanted |= dict.fromkeys(near for word in trained for near in full.neighbours(word, NEIGHBOURS))
    kept = [word for row, word in enumerate(full.words) if row < FREQUENT or word in wanted]
    table = WordTable(kept, torch.stack([full[word] for word in kept]))
    table.save(path)
    return f"{path.name}: {len(table)} words, {path.stat().st_size / 1e6:.2f} MB"


def tables(
    glove: Annotated[Path, typer.Option(help="the full GloVe table (.safetensors or text)")],
    labels: Annotated[Path, typer.Option(help="the file labels.tsv, which names the painters")],
) -> None:
    """Make the tables of word vectors that ship in zmnet_core/tables."""
    with open(labels, encoding="utf-8") as file:
        painters = sorted({painter(row["artist"]) for row in csv.DictReader(file, delimiter="\t")})
    words = phrases(painters)
    print(sentence_table(words, TABLE))
    print(glove_table(WordTable.load(glove), words, TABLES / "glove-100d.safetensors"))


if __name__ == "__main__":
    run(tables)
