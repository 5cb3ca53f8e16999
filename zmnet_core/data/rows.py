"""Rows of Hugging Face data sets as picture files: at random access, and front to back.

Rows without a picture, with one that cannot be decoded, or with another thing in the picture's place are picture files
whose bytes cannot be read, so whoever reads them skips and counts them. What a whole data set lacks is an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import fsspec

from ..errors import PictureError, TrainingError, in_words

DATASET = "hf:"  # marks a data set's name or path, as in hf:org/name or hf:org/name:validation
PART = r"\w[\w.-]*(?:\[[\d:%-]*\])?"  # of a data set: train, train[:10%]
# What datasets and pyarrow raise of data that are not as the columns say; a connection that breaks raises others.
DATA_FAULTS = (ValueError, TypeError, KeyError, NotImplementedError)


class EmptyRow(PictureError):
    """A row of a data set holds no picture."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a Hugging Face data set at random access, whose one column is a picture not yet decoded."""

    dataset: Any
    index: int
    name: str

    def __str__(self) -> str:
        return f"{self.name}, row {self.index}"

    def read_bytes(self) -> bytes:
        try:
            (value,) = self.dataset[self.index].values()
        except DATA_FAULTS as error:
            raise PictureError(f"'{self}' cannot be read: {_in_a_line(error)}.") from error
        return _cell_bytes(value, str(self))


@dataclass(frozen=True, slots=True)
class Cell:
    """What a stream of a data set has in the column of pictures, as undecoded `datasets.Image`, or nothing."""

    name: str
    value: Any

    def __str__(self) -> str:
        return self.name

    def read_bytes(self) -> bytes:
        return _cell_bytes(self.value, self.name)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The place of what a stream could not give, so that it is told and counted like a damaged picture."""

    name: str
    why: str

    def __str__(self) -> str:
        return self.name

    def read_bytes(self) -> bytes:
        raise PictureError(f"'{self.name}' cannot be read: {self.why}.")


def is_dataset(source: str) -> bool:
    """Whether a source is a Hugging Face data set: named so, or a folder that `save_to_disk` wrote."""
    named = source.startswith(DATASET) and "://" not in source  # hf://… is a file there, read through fsspec
    return named or any(
        os.path.isfile(os.path.join(source, name)) for name in ("dataset_info.json", "dataset_dict.json")
    )


def open_dataset(source: str, column: str, streaming: bool, least: int = 1) -> tuple[Any, str]:
    """A data set cut down to its picture column, not decoded; and its name.

    Args:
        source: its name or path, as for `find_files`.
        streaming: to be read front to back; what `save_to_disk` wrote gets shards of so many rows at `least`.

    Raises:
        TrainingError: no `datasets` package, no such data set, split or column.
    """
    try:
        import datasets  # not needed by folders, so not by the package
    except ImportError:
        raise TrainingError(f"'{source}' needs the package datasets: pip install datasets.") from None
    parts = re.fullmatch(rf"(?:{DATASET})?(.+?)(?::({PART}(?:\+{PART})*))?", source, re.DOTALL)
    name, split = parts.groups() if parts else (source, None)
    try:
        if is_dataset(name) and not name.startswith(DATASET):
            loaded = _from_disk(datasets, name)
            if isinstance(loaded, datasets.DatasetDict):
                loaded = loaded[split or "train"]
            if streaming:
                loaded = loaded.to_iterable_dataset(num_shards=max(1, min(64, len(loaded) // least)))
        else:
            loaded = datasets.load_dataset(name, split=split or "train", streaming=streaming)
    except TrainingError:
        raise
    except Exception as error:  # datasets, pyarrow and the Hub have no common base of errors
        cause = error if error.__cause__ is None else error.__cause__  # some only say that there was an error
        faulty = cause is not error and isinstance(cause, DATA_FAULTS) and not streaming
        hint = " Some of it is not as the rest: --streaming skips and counts that." if faulty else ""
        raise TrainingError(
            f"the data set '{source}' cannot be opened: {type(cause).__name__}: {_in_a_line(cause)}.{hint}"
        ) from error
    columns = loaded.column_names
    if columns is not None and column not in columns:
        raise TrainingError(f"the data set '{source}' has no column '{column}', but {columns}: --image_column.")
    try:
        return loaded.select_columns([column]).cast_column(column, datasets.Image(decode=False)), name
    except DATA_FAULTS as error:
        raise TrainingError(
            f"the column '{column}' of the data set '{source}' holds no pictures ({_in_a_line(error)}): --image_column."
        ) from error


def _from_disk(datasets: Any, name: str) -> Any:
    try:
        return datasets.load_from_disk(name)
    except IndexError:  # it takes it for granted that there is a file of rows, and writes none for no rows
        raise TrainingError(f"the data set '{name}' has no rows.") from None


@dataclass(frozen=True)
class RowStream:
    """The pictures of one shard of a streamed data set; where its data are not as its columns say, it ends there."""

    dataset: Any
    name: str
    column: str

    def __call__(self) -> Iterator[Cell | Unreadable]:
        number = 0
        try:
            # .iter(), not iter(): the latter shares the rows out among loader workers, which is done in `streams`.
            for batch in self.dataset.iter(batch_size=1):
                (value,) = batch.get(self.column) or [None]
                yield Cell(f"{self.name}, row {number}", value)
                number += 1
        except DATA_FAULTS as error:
            yield Unreadable(f"{self.name} from row {number} on", _in_a_line(error))
        except OSError as error:
            raise TrainingError(f"the shard '{self.name}' cannot be read: {in_words(error)}.") from error


def _cell_bytes(value: Any, name: str) -> bytes:
    """Bytes of an undecoded `datasets.Image`: within the data set, or in a file beside it.

    Raises:
        OSError: that file cannot be read.
        EmptyRow: there is neither.
        PictureError: the file's name is none.
    """
    data, path = (value.get(part) for part in ("bytes", "path")) if isinstance(value, dict) else (value, None)
    if isinstance(data, bytes):
        return data
    if data is not None:
        raise PictureError(f"'{name}' holds no picture, but {type(data).__name__}.")
    if not path:
        raise EmptyRow(f"'{name}' holds no picture.")
    try:
        with fsspec.open(path, "rb") as file:
            return file.read()
    except OSError:
        raise
    except Exception as error:  # the systems behind fsspec have no common base of errors
        raise PictureError(f"'{name}' names '{path}', which cannot be read: {_in_a_line(error)}.") from error


def _in_a_line(error: BaseException, most: int = 160) -> str:
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= most else text[:most] + " …"
