"""Where training pictures come from: folders, lists, tar shards (WebDataset) and Hugging Face data sets.

Whatever the form, a picture is something with a name (`str`) and bytes (`read_bytes`), as a `Path` has.
`find_files` gives all pictures of a source at random access, and needs nothing but a list of where they
lie: a tar file is seeked in, a data set is memory-mapped. `find_shards` gives what can be read front to back
only, or is too far away to be seeked in.

Tar files are read by the standard library (through fsspec, which torch brings, where they lie elsewhere):
all that is wanted of a shard is the pictures' bytes, and which of them are drawn is decided by the
step (`data.rng`), so the `webdataset` package's own pipeline and shuffling would have to be switched off.
"""

from __future__ import annotations

import glob
import logging
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Protocol

import fsspec

from ..errors import PictureError, TrainingError, in_words, shortened
from ..images.folders import Say, is_picture, nothing_in, tell, walk
from ..images.formats import KNOWN, check_kind
from ..lists import path_in, read_lines
from .listings import Listings, check_end
from .rows import DATASET, Row, RowStream, is_dataset, open_dataset

logger = logging.getLogger(__name__)

FORMS = "a folder, a list (.txt), tar files ('shards/{000..009}.tar') or a data set (hf:org/name)"
HELD_OUT = 20  # where no pictures are named for validation, every so many-th is kept for it


class PictureFile(Protocol):
    """A picture file, wherever it lies; `str` of it is its name in messages."""

    def read_bytes(self) -> bytes:
        """The file's bytes.

        Raises:
            OSError: it cannot be read.
            PictureError: it is a row of a data set in which there is no picture, or another thing.
        """


class LocalFile(str):
    """A file's path. (100,000 objects of `pathlib` take seconds to make.)"""

    def read_bytes(self) -> bytes:
        with open(self, "rb") as file:
            return file.read()


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file inside an uncompressed tar file."""

    tar: str
    name: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.tar}/{self.name}"

    def read_bytes(self) -> bytes:
        with open(self.tar, "rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A picture file that a stream brought along."""

    name: str
    data: bytes

    def __str__(self) -> str:
        return self.name

    def read_bytes(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class Shard:
    """Pictures that are read front to back; every iteration starts anew and gives the same ones.

    Attributes:
        name: for messages.
        read: the pictures, in the shard's order.
        held_out: leave every 20th out (True), give only those (False), or give all (None).
    """

    name: str
    read: Callable[[], Iterator[PictureFile]]
    held_out: bool | None = None

    def __iter__(self) -> Iterator[PictureFile]:
        for number, file in enumerate(self.read()):
            if self.held_out is None or (number % HELD_OUT > 0) == self.held_out:
                yield file


# Finding ---------------------------------------------------------------------------------------


def find_files(
    source: str | os.PathLike[str],
    column: str = "image",
    own: Iterable[str | os.PathLike[str]] = (),
    say: Say = logger.warning,
) -> Sequence[PictureFile]:
    """Every picture of a source, at random access, always in the same order.

    Args:
        source: a picture, a folder (searched recursively) of pictures or of tar files, a list of
            paths (.txt, relative to the list's folder; `lists` says how it may be written), tar files (a path with
            `{000..009}`, `{a,b}` or `*`), or a data set: `hf:` with a name on the Hub or a path, and a
            split (`hf:org/name:validation`, else `train`). What `Dataset.save_to_disk` wrote needs no `hf:`.
        column: of a data set, where the pictures are.
        own: folders that the run writes to, which are left out where they lie in a folder of pictures.
        say: told in one line what was left out of a folder, if anything was.

    Raises:
        PictureError: there is nothing of that name, it cannot be read, or no picture is in it.
        TrainingError: the `datasets` package, the split or the column is missing.
    """
    source = os.fspath(source)
    if is_dataset(source):
        dataset, name = open_dataset(source, column, streaming=False)
        return [Row(dataset, index, name) for index in range(len(dataset))]
    if os.path.isfile(source) and source.lower().endswith(".txt"):
        return _listed(Path(source))
    if is_shards(source):
        return _tar_members(source)
    if os.path.isfile(source):
        check_kind(source)
        return [LocalFile(source)]
    if not os.path.isdir(source):
        hint = f" A data set of the Hugging Face Hub is named {DATASET}{source}." if source.count("/") == 1 else ""
        raise PictureError(f"there is no file or folder '{source}'. Expected: {FORMS}.{hint}")
    with Listings(source) as listings:
        found = walk(source, own, listings.folder)
    if found.pictures:
        tell(source, found, say)
        return list(map(LocalFile, found.pictures))
    if glob.glob(os.path.join(glob.escape(source), "*.tar")):
        return _tar_members(source)
    raise PictureError(nothing_in(source, found, also=" and no tar file"))


def find_shards(source: str, column: str = "image") -> list[Shard]:
    """The shards of a source that can be read front to back: tar files or a data set.

    Args:
        source: as for `find_files`; tar files may also lie where fsspec reads (`hf://…`, `s3://…`, `https://…`).

    Raises:
        PictureError, TrainingError: as `find_files`; or the source is no stream.
    """
    if is_dataset(source):
        dataset, name = open_dataset(source, column, streaming=True, least=HELD_OUT)
        count = dataset.num_shards
        shards = [dataset.shard(num_shards=count, index=i) if count > 1 else dataset for i in range(count)]
        names = [f"{name}, shard {i}" for i in range(len(shards))]
        return [Shard(label, RowStream(shard, label, column)) for label, shard in zip(names, shards)]
    if is_shards(source) or os.path.isdir(source):
        return [Shard(tar, _TarStream(tar)) for tar in tar_files(source)]
    raise TrainingError(f"--streaming reads tar files and data sets front to back; '{source}' is neither.")


def _listed(file: Path) -> Sequence[PictureFile]:
    lines = [line for _, line in read_lines(file, "list of paths")]
    if not lines:
        raise PictureError(f"the list '{file}' names no picture: one path a line is expected.")
    paths = [LocalFile(path_in(line, file.parent)) for line in lines]
    if not any(map(os.path.isfile, paths[:10])):
        if any("\udc80" <= letter <= "\udcff" for letter in paths[0]):
            raise PictureError(f"'{file}' is not a list of paths: it is not UTF-8 text, and names no file as it is.")
        raise PictureError(
            f"the list '{file}' names no file that is there: '{shortened(paths[0])}' is the first. {RELATIVE}"
        )
    return paths


RELATIVE = "Paths are relative to the list's own folder."


# Tar files -------------------------------------------------------------------------------------


def is_shards(source: str) -> bool:
    """Whether a source is a tar file, or a pattern of them."""
    return source.lower().endswith(".tar")


def tar_files(source: str) -> list[str]:
    """The tar files of a pattern or folder, in its order.

    Raises:
        PictureError: there are none, or one that a pattern without `*` names is not there.
    """
    if os.path.isdir(source):
        files = sorted(glob.glob(os.path.join(glob.escape(source), "*.tar")))
        if not files:
            raise PictureError(f"the folder '{source}' holds no tar file.")
        return files
    files = []
    for name in braces(source):
        if "://" in name:
            files.append(name)
            continue
        found = sorted(glob.glob(name)) if "*" in name else [name] * os.path.isfile(name)
        if not found:
            raise PictureError(f"there is no tar file '{name}'.")
        files += found
    return files


def braces(pattern: str) -> list[str]:
    """`{000..002}` and `{a,b}` expanded, as a shell does.

    >>> braces("{08..10}-{a,b}.tar")
    ['08-a.tar', '08-b.tar', '09-a.tar', '09-b.tar', '10-a.tar', '10-b.tar']
    """
    parts = re.split(r"\{([^{}]*)\}", pattern)
    choices = [_choices(part) if i % 2 else [part] for i, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]


def _choices(inside: str) -> list[str]:
    numbers = re.fullmatch(r"(\d+)\.\.(\d+)", inside)
    if not numbers:
        return inside.split(",")
    first, last = numbers.groups()
    width = max(len(first), len(last)) if first.startswith("0") else 0
    return [str(number).zfill(width) for number in range(int(first), int(last) + 1)]


def _tar_members(source: str) -> Sequence[PictureFile]:
    files = tar_files(source)
    far = next((tar for tar in files if "://" in tar), None)
    if far:
        raise PictureError(f"'{far}' can only be read front to back: --streaming (photographs only).")
    found: list[PictureFile] = []
    with Listings(f"{source}, shards") as listings:  # a folder's own list is kept apart
        for tar in files:
            try:
                found += [TarMember(tar, *member) for member in listings.tar(tar)]
            except OSError as error:
                raise PictureError(f"'{tar}' cannot be read: {in_words(error)}.") from error
            except tarfile.TarError as error:
                raise PictureError(f"'{tar}' is not a whole, uncompressed tar file: {error}.") from error
    if not found:
        raise PictureError(f"the tar files '{source}' hold no picture ({', '.join(KNOWN)}).")
    return found


@dataclass(frozen=True)
class _TarStream:
    """The pictures of one tar file in its order; of a local one only the headers are read here."""

    tar: str

    def __call__(self) -> Iterator[PictureFile]:
        local = "://" not in self.tar
        try:
            with fsspec.open(self.tar, "rb") as file, tarfile.open(fileobj=file, mode="r:" if local else "r|*") as tar:
                for member in tar:
                    if member.isfile() and is_picture(member.name):
                        if local:
                            yield TarMember(self.tar, member.name, member.offset_data, member.size)
                        elif (content := tar.extractfile(member)) is not None:  # as of every file
                            yield Loaded(f"{self.tar}/{member.name}", content.read())
                    tar.members = []  # type: ignore[attr-defined]  # else it keeps every header it has seen
                if local:
                    check_end(tar)
        # EOFError: a compressed shard is cut off; ImportError, ValueError: fsspec lacks the protocol
        except (tarfile.TarError, OSError, EOFError, ImportError, ValueError) as error:
            raise TrainingError(f"the shard '{self.tar}' cannot be read: {in_words(error)}.") from error
