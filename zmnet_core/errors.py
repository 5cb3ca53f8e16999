"""The library's own errors. Each message says what was wrong and what to do.

Beside them it raises Python's: ValueError for a value off its scale or a tensor of a wrong shape, TypeError for an
unknown option or an object of a wrong type, FileNotFoundError for a style file that is not there, and
torch.cuda.OutOfMemoryError (on a CPU as well) for a picture that does not fit into memory.
"""


class ZMNetError(Exception):
    """The base of all errors below: catching this one catches them all."""


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


class SignalError(ZMNetError, ValueError):
    """Words, a vector or a palette that cannot guide a model: not written right, unknown, or of another size."""


class TrainingError(ZMNetError):
    """A training run cannot start or go on."""


class NotInstalledError(ZMNetError):
    """An optional package is missing."""
