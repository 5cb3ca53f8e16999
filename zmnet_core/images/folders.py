"""Which pictures a folder holds, and clips if they are wanted: one walk for the command line, training and the scripts.

Left out, counted and told in one line: what is hidden (a name that begins with a dot, so AppleDouble's `._x.jpg` too),
what systems and programs keep beside pictures (`SYSTEM`), training runs with their samples, and the folders that the
run itself writes to, so that two runs in a row take the same pictures. A link to a folder is followed; every real
folder is read once, so loops end. A folder that is named itself is read, whatever its name.
"""

from __future__ import annotations

import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ..errors import PictureError, in_words
from .formats import CLIP_PACKAGE, CLIPS, KNOWN, PLUGINS, SUFFIXES, UNREAD, check_kind, is_clip

logger = logging.getLogger(__name__)

# Folders for thumbnails, for what was deleted and for what a file system keeps, in lower case: of macOS, of Synology
# and QNAP, of Windows, of ext4.
SYSTEM = frozenset(
    "__macosx @eadir #recycle #snapshot @recycle @recently-snapshot .@__thumb $recycle.bin recycler lost+found".split()
) | {"system volume information"}
RUN_FILES = frozenset(("config.yaml", "environment.json"))  # which every training run has
RULES = 2  # a number that goes up when another listing would be made of the same folder
NAMED = 3  # folders that could not be read, and that the message names

COUNTED = {  # what a message calls one of them, and several
    "hidden folders": "hidden folder",
    "system folders": "system folder",
    "training runs": "training run",
    "hidden files": "hidden file",
    "pictures that nothing here reads (export them)": "picture that nothing here reads (export it)",
    "links to nothing": "link to nothing",
    "folders met a second time": "folder met a second time",
}

Say = Callable[[str], object]


def is_left_out(folder: str) -> bool:
    """Whether a folder of this name, without its path, is left out where it lies within another."""
    return folder.startswith(".") or folder.lower() in SYSTEM


def is_picture(name: str) -> bool:
    """Whether a name, with folders before it or not, is a picture's, and neither it nor a folder is left out."""
    *folders, file = name.split("/")
    kept = not any(is_left_out(folder) for folder in folders if folder not in ("", ".", ".."))
    return kept and not file.startswith(".") and file.lower().endswith(KNOWN)


class Listing(NamedTuple):
    """What one folder holds, by names, each list sorted: what JSON can keep."""

    folders: list[str]
    files: list[str]  # pictures, also of formats that need a package
    links: list[str]  # to folders, to pictures, to nothing
    left_out: dict[str, int]  # "training runs": the folder itself is one


def list_folder(path: str, endings: tuple[str, ...] = KNOWN) -> Listing:
    """What a folder holds itself.

    Args:
        endings: of the names of files that count.

    Raises:
        OSError: it cannot be read.
    """
    listing = Listing([], [], [], {})
    left_out: Counter[str] = Counter()
    of_a_run = set()
    with os.scandir(path) as entries:
        for entry in entries:
            name, is_link = entry.name, entry.is_symlink() or getattr(entry, "is_junction", bool)()
            if not is_link and entry.is_dir(follow_symlinks=False):
                if not is_left_out(name):
                    listing.folders.append(name)
                else:
                    left_out["hidden folders" if name.startswith(".") else "system folders"] += 1
            elif name.startswith("."):
                left_out["hidden files"] += name.lower().endswith(endings)
            elif is_link and not is_left_out(name):
                listing.links.append(name)
            elif name in RUN_FILES:
                of_a_run.add(name)
            elif name.lower().endswith(endings) and entry.is_file(follow_symlinks=False):
                listing.files.append(name)
            else:
                left_out["pictures that nothing here reads (export them)"] += name.lower().endswith(UNREAD)
    left_out["training runs"] = int(of_a_run == RUN_FILES)
    for names in listing[:3]:
        names.sort()
    return listing._replace(left_out={kind: count for kind, count in sorted(left_out.items()) if count})


@dataclass
class Found:
    """What a walk has found.

    Attributes:
        pictures: their paths, and those of clips if they are looked for, sorted folder by folder.
        said: in words, what was left out and why; "" if nothing was.
    """

    pictures: list[str]
    said: str


def walk(
    folder: str,
    own: Iterable[str | os.PathLike[str]] = (),
    listed: Callable[[str], Listing] = list_folder,
    clips: bool = False,
) -> Found:
    """The pictures in a folder and its sub-folders.

    Args:
        own: folders that the run writes to. They are left out, unless `folder` is one of them or lies in it.
        listed: gives the listing of one folder.
        clips: whether clips are looked for as well; then there is no other `listed`.

    Raises:
        PictureError: the folder itself cannot be read.
    """
    if not clips:
        return _Walk(folder, own, listed, KNOWN, SUFFIXES).found()
    endings, wanted = (*KNOWN, *CLIPS), (*SUFFIXES, *(CLIPS if find_spec(CLIP_PACKAGE[1]) else ()))
    return _Walk(folder, own, lambda path: list_folder(path, endings), endings, wanted).found()


@dataclass
class _Walk:
    root: str
    own: Iterable[str | os.PathLike[str]]
    listed: Callable[[str], Listing]
    endings: tuple[str, ...]
    wanted: tuple[str, ...]
    files: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    written: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def found(self) -> Found:
        start = os.path.realpath(self.root)
        own = [place for place in map(os.path.realpath, self.own) if not _within(start, place)]
        folders, links, seen = [(self.root, start)], deque[str](), set[str]()
        while folders or links:
            if not folders:  # links last: a folder within the walk keeps its own name
                path = links.popleft()
                if os.path.isdir(path):
                    folders.append((path, os.path.realpath(path)))
                elif path.lower().endswith(self.endings):
                    if os.path.isfile(path):
                        self.files.append(path)
                    else:
                        self.left_out["links to nothing"] += 1
                continue
            path, real = folders.pop()
            if any(_within(real, place) for place in own):
                self.written.append(path)
                continue
            if real in seen:
                self.left_out["folders met a second time"] += 1
                continue
            seen.add(real)
            try:
                listing = self.listed(path)
            except OSError as error:
                if path == self.root:
                    raise PictureError(f"the folder '{path}' cannot be read: {in_words(error)}.") from error
                self.unreadable.append(f"'{path}' ({in_words(error)})")
                continue
            if "training runs" in listing.left_out:
                if path != self.root:
                    self.left_out["training runs"] += 1
                    continue
                listing.left_out.pop("training runs")
            prefix = os.path.join(path, "")
            self.left_out.update(listing.left_out)
            self.files += [prefix + name for name in listing.files]
            links += [prefix + name for name in listing.links]
            folders += [(prefix + name, os.path.join(real, name)) for name in reversed(listing.folders)]
        pictures = [file for file in self.files if file.lower().endswith(self.wanted)]
        return Found(sorted(pictures, key=lambda file: file.split(os.sep)), self._said())

    def _said(self) -> str:
        others = (os.path.splitext(file)[1].lower() for file in self.files if not file.lower().endswith(self.wanted))
        packages = Counter(PLUGINS.get(suffix, CLIP_PACKAGE)[0] for suffix in others)
        texts = [
            f"{count} of its files {'needs' if count == 1 else 'need'} a package: pip install {name}"
            for name, count in packages.items()
        ]
        counts = ((self.left_out[many], one, many) for many, one in COUNTED.items())
        left_out = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
        left_out += [f"'{path}', where this run writes" for path in sorted(self.written)]
        left_out += sorted(self.unreadable)[:NAMED]
        if (more := len(self.unreadable) - NAMED) > 0:
            left_out.append(f"{more} more that cannot be read")
        return "; ".join([*texts, *([f"left out: {', '.join(left_out)}"] if left_out else [])])


def _within(path: str, folder: str) -> bool:
    """Whether a real path is a folder or lies in it."""
    return os.path.join(path, "").startswith(os.path.join(folder, ""))


def find_pictures(
    path: str | os.PathLike[str],
    own: Iterable[str | os.PathLike[str]] = (),
    say: Say = logger.warning,
    clips: bool = False,
) -> list[Path]:
    """The picture itself, or every picture in a folder and its sub-folders, sorted by name.

    Args:
        own: folders that the run writes to, which are left out where they lie in the folder.
        say: told in one line what was left out, if anything was.
        clips: whether clips are found as well.

    Raises:
        PictureError: there is no such file or folder, it cannot be read, or no picture is in the folder.
    """
    path = Path(path)
    if path.is_file() and not (clips and is_clip(path)):
        check_kind(path)
    if path.exists() and not path.is_dir():  # a file, or a pipe such as <(…)
        return [path]
    if not path.is_dir():
        raise PictureError(f"there is no file or folder '{path}'.")
    found = walk(os.fspath(path), own, clips=clips)
    if not found.pictures:
        raise PictureError(nothing_in(path, found, f" and no clip ({', '.join(CLIPS)})" if clips else ""))
    tell(path, found, say)
    return [Path(file) for file in found.pictures]


def nothing_in(folder: str | os.PathLike[str], found: Found, also: str = "") -> str:
    """For messages: the folder holds no picture, and what was left out; `also` says what else it might have held."""
    hint = f" {found.said[0].upper()}{found.said[1:]}." if found.said else ""
    return f"the folder '{folder}' holds no picture ({', '.join(SUFFIXES)}){also}.{hint}"


def tell(folder: str | os.PathLike[str], found: Found, say: Say) -> None:
    """Say what was left out, if anything was."""
    if found.said:
        say(f"'{folder}': {found.said}")
