"""The signal `sentence`: words and phrases as a sentence encoder hears them.

The encoder is all-MiniLM-L6-v2 (384 numbers, mean over tokens, unit length), asked for
"a picture in the mood of …"; 128 principal components of the table's phrases are kept. A table of
a few thousand words and two-word phrases ships, so that these need nothing further. Any other text
needs the encoder, 90 MB: through the package `transformers`, from the folder
`$ZMNET_SENTENCE_ENCODER`, else from the Hugging Face Hub or its cache.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..assets import TABLES
from ..errors import SignalError, WeightsNotFoundError
from ..files import read_tensors
from .words import WordTable, plain

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
ENCODER_FILES = ("config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors")
TEMPLATE = "a picture in the mood of {}"
TABLE = TABLES / "sentence-128.safetensors"


class Sentences:
    """The shipped table, and the encoder for what is not in it."""

    def __init__(self, path: Path = TABLE):
        self.table = WordTable.load(path)
        tensors = read_tensors(path)
        self.offset, self.components = tensors["offset"].float(), tensors["components"].float()

    def __getitem__(self, phrase: str) -> Tensor:
        """The vector [128] of a word or phrase.

        Raises:
            SignalError: not in the table, and `transformers` is not installed.
            WeightsNotFoundError: not in the table, and there is no encoder to be had.
        """
        if phrase in self.table:
            return self.table[phrase]
        if importlib.util.find_spec("transformers") is None:
            raise SignalError(
                f"{self._unknown(phrase)}. `zmnet words --all` lists it; for any other words install the sentence "
                "encoder's package: pip install transformers."
            )
        try:
            return self.reduce(encode([phrase]))[0]
        except WeightsNotFoundError as error:
            raise WeightsNotFoundError(f"{self._unknown(phrase)}. For {error}") from error.__cause__

    def _unknown(self, phrase: str) -> str:
        count = f"{len(self.table):,} words and phrases"
        return f"'{phrase}' is not in the vocabulary that ships, which has {count}{self.table.hint(phrase)}"

    def reduce(self, embeddings: Tensor) -> Tensor:
        """The encoder's [N, 384] → [N, 128]."""
        return (embeddings - self.offset) @ self.components.T


@lru_cache(maxsize=1)
def sentences() -> Sentences:
    """The table that ships, read once."""
    return Sentences()


def encoder_folder(own: str | None = None) -> Path:
    """The folder with the encoder's files.

    Args:
        own: the user's own folder; None means the Hub's cache, into which missing files are downloaded.

    Raises:
        WeightsNotFoundError: it cannot be downloaded. If the Hub cannot be reached, that takes only seconds.
    """
    if own is not None:
        if not Path(own).is_dir():
            raise WeightsNotFoundError(f"'{own}' is no folder.")
        return Path(own)
    from ..hub.repository import Repository

    repository = Repository(ENCODER)
    return [repository.file(name) for name in ENCODER_FILES][0].parent


@lru_cache(maxsize=1)
def _encoder(own: str | None) -> tuple[Any, Any]:  # transformers has no types
    from transformers import AutoModel, AutoTokenizer

    try:
        # Given the name alone, transformers asks a Hub that cannot be reached for most of a minute, and no node
        # can be cancelled meanwhile.
        folder = encoder_folder(own)
        return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    except (OSError, ValueError, WeightsNotFoundError) as error:
        raise WeightsNotFoundError(
            f"other words the sentence encoder is needed, and '{own or ENCODER}' gave none. Set ZMNET_SENTENCE_ENCODER "
            f"to a folder with the files of {ENCODER}, or connect to the internet. ({error})"
        ) from error


@torch.no_grad()
def encode(phrases: Sequence[str], batch: int = 64) -> Tensor:
    """Unit vectors [N, 384] of "a picture in the mood of …" for each phrase, by the encoder itself.

    Raises:
        WeightsNotFoundError: there is no encoder to be had.
    """
    tokenizer, encoder = _encoder(os.environ.get("ZMNET_SENTENCE_ENCODER") or None)
    found = []
    for start in range(0, len(phrases), batch):
        texts = [TEMPLATE.format(plain(phrase)) for phrase in phrases[start : start + batch]]
        tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        states, mask = encoder(**tokens).last_hidden_state, tokens["attention_mask"][..., None]
        found.append(torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1))
    return torch.cat(found).float()
