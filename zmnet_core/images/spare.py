"""A file that can be finished although the disk is full: some of the disk is kept back for its end."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import LASTING

PIECE = 1 << 16  # bytes


class SparedFile:
    """A new file for a program that writes, seeks and closes.

    Where the disk takes nothing more, what was kept back is given up and the writing goes on, so that whoever writes
    can end the file; `full` then says so. It was enough if no error comes.

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
                if self.full is not None or error.errno not in LASTING:
                    raise
                self.full = error
                self._spare.unlink(missing_ok=True)
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
        self._file.close()
        self._spare.unlink(missing_ok=True)
