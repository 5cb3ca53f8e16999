"""How a run is asked to end early: by a signal, to one of its processes or to all."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from types import FrameType

import torch
from accelerate import Accelerator

Handler = Callable[[int, FrameType | None], object] | int | None  # of a signal

ECHO = 5.0  # seconds within which a second signal is taken for the first: launchers pass on a Ctrl-C they share
# SIGUSR1 is what SLURM sends before a job's time is over (--signal=USR1@60); Windows has none.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))


class StopSignal:
    """Inside the block, SIGINT, SIGTERM and SIGUSR1 ask the loop to finish its step, save and end.

    Another one more than five seconds later stops the process at once.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.name = ""  # of the signal, such as SIGTERM
        self._since = 0.0
        self._before: dict[int, Handler] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():  # no other may handle signals
            self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        if not self.wanted:
            self.wanted, self.name, self._since = True, signal.Signals(number).name, time.monotonic()
        elif time.monotonic() - self._since > ECHO:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


def agreed(accelerator: Accelerator, wish: bool, share: float) -> tuple[bool, float]:
    """What all processes go by: whether to end, as soon as one wishes it; and the first one's share of its time.

    All of them must leave the loop at the same step, and have the same learning rate in it.
    """
    if accelerator.num_processes == 1:
        return wish, share
    all_of_them = accelerator.gather(torch.tensor([[float(wish), share]], device=accelerator.device)).tolist()
    return any(wished for wished, _ in all_of_them), all_of_them[0][1]


def leave_signals_to_the_loop(over: Event, worker: int) -> None:
    """A Ctrl-C reaches loader workers, too: they must live until the loop has finished its step."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit() if over.is_set() else None)
