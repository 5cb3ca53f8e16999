"""What folders and tar files hold, listed once and kept: so a run on 100,000 pictures starts without looking at each.

A listing is trusted for as long as its stamp holds: of a folder the time of its last change (a file
added, removed or renamed in it), of a tar file that time and its size. Only what changed is listed
again. The lists are kept in `$ZMNET_CACHE`, by default `~/.cache/zmnet`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import in_words
from ..files import replacing
from ..images.folders import RULES, Listing, is_picture, list_folder
from ..images.formats import KNOWN

logger = logging.getLogger(__name__)

FRESH = 2_000_000_000  # ns: two changes within the clock tick of a file system (FAT: 2 s) have one stamp


class Listings:
    """The listings under one folder, tar file or group of these, read from the cache and written back.

    >>> with Listings("photographs") as listings:
    ...     names = listings.folder("photographs").files
    """

    def __init__(self, root: str | os.PathLike[str]):
        recipe = "\n".join((os.path.abspath(root), f"rules {RULES}", *KNOWN))  # other suffixes, another list
        name = hashlib.sha256(os.fsencode(recipe)).hexdigest()[:32]
        self.file = cache_folder() / "listings" / f"{name}.json"
        self._old: dict[str, list[Any]] = {}
        self._new: dict[str, list[Any]] = {}

    def __enter__(self) -> Listings:
        try:
            self._old = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            pass
        except (OSError, ValueError):
            logger.warning("'%s' cannot be read and is made anew", self.file)
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        if kind is None and self._new != self._old:
            try:
                with replacing(self.file) as temporary:
                    temporary.write_text(json.dumps(self._new), encoding="utf-8")
            except OSError as error:
                logger.warning("the list of pictures could not be kept in '%s': %s", self.file, in_words(error))

    def folder(self, path: str) -> Listing:
        """What a folder holds itself.

        Raises:
            OSError: it cannot be read.
        """
        return Listing(*self._listing(path, lambda: list(list_folder(path))))

    def tar(self, path: str) -> list[tuple[str, int, int]]:
        """Name, offset and size in bytes of every picture in a tar file, in its order.

        Raises:
            tarfile.ReadError: the file is not a tar file, is compressed, or is damaged.
        """
        return self._listing(path, lambda: _list_tar(path))

    def _listing(self, path: str, make: Callable[[], list[Any]]) -> list[Any]:  # of what JSON keeps
        key, status, now = os.path.abspath(path), os.stat(path), time.time_ns()
        stamp = [status.st_mtime_ns, status.st_size]
        found = self._old.get(key)
        content = found[1] if found and found[0] == stamp else make()
        if now - status.st_mtime_ns > FRESH:  # else it may change again under this very stamp
            self._new[key] = [stamp, content]
        return content


def cache_folder() -> Path:
    """Where what can be made again is kept."""
    named = os.environ.get("ZMNET_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zmnet"


def _list_tar(path: str) -> list[list[str | int]]:
    with tarfile.open(path, "r:") as tar:
        members: list[list[str | int]] = [
            [m.name, m.offset_data, m.size] for m in tar if m.isfile() and is_picture(m.name)
        ]
        check_end(tar)
    return members


def check_end(tar: tarfile.TarFile) -> None:
    """Raise tarfile.ReadError where reading ended before the archive did: tarfile takes a broken header for the end."""
    tar.fileobj.seek(tar.offset)
    if any(tar.fileobj.read(tarfile.BLOCKSIZE)):
        raise tarfile.ReadError("it is cut off or damaged")
