"""Text files that people write: lists of paths, and of other things a line each.

They come from many editors and systems, so a byte order mark, either end of lines, empty lines and comments (`#`) are
taken everywhere. A path may stand in quotes, begin with `~`, or have the backslashes of Windows. Names that are not
UTF-8 keep their bytes (`surrogateescape`), as in `os.listdir`.
"""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path, PureWindowsPath

from .errors import PictureError, in_words

WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # what Windows' editors call Unicode
AT_BOTH_ENDS = re.compile(r"""(["'])(.+)\1""", re.DOTALL)


def read_lines(file: Path, what: str) -> list[tuple[int, str]]:
    """The lines of a text file with their numbers, from 1; no empty ones, no comments, no space around them.

    Args:
        what: the file should be, for messages ("list of paths").

    Raises:
        PictureError: it cannot be read, or is no text.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PictureError(f"the {what} '{file}' cannot be read: {in_words(error)}.") from error
    try:
        if data.startswith(WIDE):
            text = data.decode("utf-16")
        else:
            text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    except UnicodeDecodeError:
        raise PictureError(f"'{file}' is not a {what}: it is not UTF-8 text.") from None
    if "\0" in text:
        raise PictureError(f"'{file}' is not a {what}: it is not UTF-8 text.")
    # Not splitlines(): names may hold what it takes for ends of lines beside these, such as U+2028.
    lines = enumerate(re.split(r"\r\n|\n|\r", text), 1)
    return [(number, line) for number, line in ((n, line.strip(" \t")) for n, line in lines) if line and line[0] != "#"]


def path_in(text: str, *folders: Path) -> Path:
    """The path that a line means.

    Args:
        text: as it stands in the list. If a file has just this name, it is that one, whatever the name looks like.
        folders: in which relative paths may start; the first in which there is such a file counts, else the last.
    """
    match = AT_BOTH_ENDS.fullmatch(text)
    plain = match[2] if match else text
    forms = [text, *(os.path.expanduser(form) for form in (plain, PureWindowsPath(plain).as_posix()))]
    if "\\" not in plain:
        forms.pop()  # it is the same path, perhaps spelt otherwise
    ways = list(dict.fromkeys(folder / form for form in forms for folder in folders))
    return ways[0] if len(ways) == 1 else next(filter(os.path.exists, ways), ways[-1])
