"""What holds for Pillow while pictures are read: how large they may be, and that its warnings are not shown.

Both are settings of the whole process, so threads take turns, and everything is afterwards as it was before.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

_turn = threading.Lock()  # Pillow's limit is one for all threads
_quiet_turn = threading.Lock()
_quiet = 0  # how many read now
_shown = warnings.catch_warnings()  # what was shown before they did


@contextmanager
def quiet() -> Iterator[None]:
    """Pillow's own warnings are not shown in here, and are no errors either, whatever Python is told to do of warnings:
    what is odd is told by whoever reads. Other warnings are as before. Threads share it, as Python's filters are one
    for all of them: the first that comes sets it, the last that goes takes it back."""
    global _quiet, _shown
    with _quiet_turn:
        _quiet += 1
        if _quiet == 1:
            _shown = warnings.catch_warnings()
            _shown.__enter__()
            for kind in (UserWarning, Image.DecompressionBombWarning):
                warnings.filterwarnings("ignore", category=kind, module=r"PIL\.")
    try:
        yield
    finally:
        with _quiet_turn:
            _quiet -= 1
            if _quiet == 0:
                _shown.__exit__(None, None, None)


@contextmanager
def allowing(megapixels: float = math.inf) -> Iterator[None]:
    """Pillow opens pictures of so many megapixels in here (decode them elsewhere), whatever its own limit is, and does
    not warn of them."""
    with _turn:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None if megapixels == math.inf else max(1, int(megapixels * 10**6))
        try:
            with quiet():
                yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
