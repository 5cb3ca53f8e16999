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
    # Containers and hosts that share a folder have the same process numbers, and threads have one.
    temporary = path.with_name(f".{path.stem[:60]}.{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno and error.filename in (None, os.fspath(temporary)):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file  # and with it torch, which what only writes text does without

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(plain, temporary, {"format": "pt", **(metadata or {})})
        except SafetensorError as error:  # it hides the system's error in its text
            number = re.search(r"\(os error (\d+)\)", str(error))
            if number is None or sys.platform == "win32":  # whose numbers are others
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), os.fspath(path)) from error
        temporary.chmod(0o666 & ~_umask())  # safetensors writes for the owner only


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
