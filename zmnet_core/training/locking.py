"""One process at a time in a run's folder."""

from __future__ import annotations

import logging
import os
import platform
import sys
from pathlib import Path

from ..errors import TrainingError, in_words

if sys.platform == "win32":  # whose locks are the C library's, of one byte
    import msvcrt
else:
    import fcntl

logger = logging.getLogger(__name__)

LOCK = ".lock"


class FolderLock:
    """Holds `folder`/.lock, in which it writes who it is, until `release` or the end of the process.

    The lock is the system's, so it ends with the process however that ends, and a file that is left there keeps
    nobody out. It is of the process and not of the open file: loader workers, which may outlive a process that
    was killed, do not hold it.

    Args:
        folder: made if it is missing.
        option: that names it, for messages.

    Raises:
        TrainingError: another process holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path, option: str = "--output_dir"):
        path = folder / LOCK
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b")
        except OSError as error:
            raise TrainingError(
                f"{option} '{folder}' cannot be written ({in_words(error)}): choose a folder that can."
            ) from error
        try:
            self._take()
        except (BlockingIOError, PermissionError) as error:
            # Windows lets no other read it.
            owner = "" if sys.platform == "win32" else path.read_text(encoding="utf-8").strip()
            self._file.close()
            raise TrainingError(
                f"another process ({owner or 'of unknown number'}) is training in '{folder}': wait for its end or stop "
                f"it, or choose another {option}."
            ) from error
        except OSError as error:  # some network file systems have no locks
            logger.warning("'%s' cannot be locked (%s): see to it that no other run writes there", folder, error)
        self._file.truncate(0)
        self._file.write(f"pid {os.getpid()} on {platform.node()}\n".encode())
        self._file.flush()

    def _take(self) -> None:
        if sys.platform == "win32":
            self._file.seek(0)
            msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Let the next one in; the file stays, since removing it would race with one who opens it."""
        self._file.close()
