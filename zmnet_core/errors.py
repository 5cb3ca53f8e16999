"""The library's own errors. Each message says what was wrong and what to do.

Beside them it raises Python's: ValueError for a value off its scale or a tensor of a wrong shape, TypeError for an
unknown option or an object of a wrong type, FileNotFoundError for a style file that is not there, and
torch.cuda.OutOfMemoryError (on a CPU as well) for a picture that does not fit into memory.
"""

import difflib
import errno
from collections.abc import Iterable


class ZMNetError(Exception):
    """The base of all errors below: catching this one catches them all."""

    __module__ = "zmnet_core.errors"  # also in ComfyUI, which names the module of a pack after its folder's whole path

    def __init_subclass__(cls) -> None:
        cls.__module__ = ZMNetError.__module__


class WeightsNotFoundError(ZMNetError):
    """A file of weights is missing, or is not what its name says."""


class DataNotFoundError(ZMNetError):
    """Pictures or labels that a command needs are not there, or nobody said where they are."""


class HubError(ZMNetError):
    """The Hugging Face Hub does not take a model."""


class WrongModelError(ZMNetError):
    """A style, a checkpoint or a signal does not belong to this model."""


class PictureError(ZMNetError, ValueError):
    """A picture cannot be read, or cannot be processed."""


class PlaceError(PictureError):
    """The place where results go takes nothing more: its disk is full, broken, or can only be read."""


class SignalError(ZMNetError, ValueError):
    """Words, a vector or a palette that cannot guide a model: not written right, unknown, or of another size."""


class TrainingError(ZMNetError):
    """A training run cannot start or go on."""


class NotInstalledError(ZMNetError):
    """An optional package is missing."""


def did_you_mean(name: str, names: Iterable[str], text: str = "Did you mean '{}'?") -> str:
    """For messages: the nearest name that there is; nothing if none is near."""
    near = difflib.get_close_matches(name, names, 1)
    return text.format(near[0]) if near else ""


def shortened(text: object, most: int = 300) -> str:
    """For messages: a text that somebody else wrote, the middle of a long one left out."""
    whole = str(text)
    return whole if len(whole) <= most else f"{whole[: most // 2]} … {whole[-most // 2 :]}"


def number_expected(whole: bool, least: float | None = None, most: float | None = None, multiple: int = 1) -> str:
    """For messages: the number that is expected, such as "a whole number from 1 on"."""
    kind = f"a multiple of {multiple}" if multiple > 1 else "a whole number" if whole else "a number"
    span = "" if least is None else f" from {least:g} on" if most is None else f" from {least:g} to {most:g}"
    return kind + span


IN_WORDS = {
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "you do not have the permission",
    errno.EPERM: "you do not have the permission",
    errno.EEXIST: "a file stands where a folder is needed",
    errno.ENOTDIR: "a file stands where a folder is needed",
    errno.EISDIR: "it is a folder, and a file is needed",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the disk can only be read",
    errno.EDQUOT: "your share of the disk is used up",
    errno.EFBIG: "the file is larger than the disk or a limit allows",
    errno.EIO: "the disk does not answer as it should",
    errno.EPIPE: "whoever was to read it has gone",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
}


LASTING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)  # what hits the next file as well


def not_written(path: object, error: Exception) -> PictureError:
    """Why a picture or an animation could not be written; a `PlaceError` if the next one could not either."""
    lasting = isinstance(error, OSError) and error.errno in LASTING
    return (PlaceError if lasting else PictureError)(f"'{path}' could not be written: {in_words(error)}.")


def in_words(error: Exception) -> str:
    """For messages: why the system refused, without its number and names of its own; of other errors what they say."""
    if not isinstance(error, OSError):
        return str(error)
    return IN_WORDS.get(error.errno or 0) or error.strerror or str(error)
