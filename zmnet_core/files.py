"""Files that appear whole or not at all: written under another name, then renamed."""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix; renamed to it if the block ends well.

    >>> with replacing("picture.png") as temporary:
    ...     image.save(temporary)

    Raises:
        OSError: naming `path`, not the temporary one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno and error.filename in (None, os.fspath(temporary)):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """A name for what shall become `path`, in its folder and with its suffix."""
    # Containers and hosts that share a folder have the same process numbers, and threads have one.
    return path.with_name(f".{path.stem[:60]}.{uuid.uuid4().hex[:12]}{path.suffix}")


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file  # and with it torch, which what only writes text does without

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # A name that was taken from a file's need not be text, and the format holds nothing else.
    said = {key: text.encode("utf-8", "backslashreplace").decode() for key, text in (metadata or {}).items()}
    with replacing(path) as temporary:
        try:
            save_file(plain, temporary, {"format": "pt", **said})
        except SafetensorError as error:  # it hides the system's error in its text
            number = re.search(r"\(os error (\d+)\)", str(error))
            if number is None or sys.platform == "win32":  # whose numbers are others
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), os.fspath(path)) from error
        temporary.chmod(0o666 & ~_umask())  # safetensors writes for the owner only


@contextmanager
def plainly_named(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name of a file or folder that is text: its own, or that of a link that is there for as long as the block.

    safetensors opens files whose whole path is UTF-8, and no others; it writes any.
    """
    path = Path(path)
    if os.fsencode(path).decode(errors="replace") == os.fspath(path):
        yield path
        return
    with TemporaryDirectory(prefix="zmnet-") as folder:
        link = Path(folder) / "link"
        link.symlink_to(path.absolute(), target_is_directory=path.is_dir())
        yield link


def read_tensors(path: str | os.PathLike[str], device: str = "cpu") -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        FileNotFoundError: there is none.
        SafetensorError: it is damaged, or something else.
    """
    from safetensors.torch import load_file

    with plainly_named(path) as plain:
        return load_file(plain, device)


def write_json(path: Path, content: object) -> None:
    """Write JSON."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def half(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors in float16."""
    return {name: tensor.half() for name, tensor in tensors.items()}
