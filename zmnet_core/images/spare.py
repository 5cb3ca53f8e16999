"""A file that can be finished although the disk is full: some of the disk is kept back for its end."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from ..errors import LASTING

if sys.platform != "win32":
    import fcntl

PIECE = 1 << 16  # bytes
SYNC = 10.0  # seconds after which what is written is on the disk, whatever happens to the machine


class SparedFile:
    """A new file for a program that writes, seeks and closes.

    Where the disk takes nothing more, what was kept back is given up and the writing goes on, so that whoever writes
    can end the file; `full` then says so. It was enough if no error comes. While it is open, `is_held` of it.

    Args:
        path: the file. What is kept back lies beside it until it is closed.
        spare: bytes that are kept back.

    Raises:
        OSError: the disk is full already, or refuses.
    """

    def __init__(self, path: Path, spare: int):
        self.full: OSError | None = None
        self._spare = path.with_name(f"{path.name}.spare")
        self._file = open(path, "w+b", buffering=0)
        self._synced = time.monotonic()
        if sys.platform != "win32":
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            with open(self._spare, "wb") as file:
                for _ in range(-(-spare // PIECE)):
                    file.write(os.urandom(PIECE))  # zeros might take no place
        except OSError:
            self.close()
            raise

    def write(self, data: bytes) -> int:
        """Write all of it, even if that takes what was kept back.

        Raises:
            OSError: the disk refuses, and there is nothing left.
        """
        view = memoryview(data)
        while view:
            try:
                view = view[self._file.write(view) :]
            except OSError as error:
                if self.full is not None:
                    raise
                self.full = error
                if error.errno not in LASTING:  # this file alone takes nothing more: there is nothing to give up for it
                    raise
                self._spare.unlink(missing_ok=True)
        if time.monotonic() > self._synced + SYNC:
            self._sync()
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """What stands at the place."""
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file, and give up what was kept back."""
        if not self._file.closed:
            self._sync()
        self._file.close()
        self._spare.unlink(missing_ok=True)

    def _sync(self) -> None:
        with suppress(OSError):  # of what is no disk
            os.fsync(self._file.fileno())
        self._synced = time.monotonic()


def is_held(path: Path) -> bool:
    """Whether a process has this file open as a `SparedFile`. The lock is the system's, and ends with the process."""
    if sys.platform == "win32":  # which lets nobody rename what is open
        return False
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
