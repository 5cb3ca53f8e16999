"""How long a run may take: from the start of its process to its end, all that it has to do at the end included.

Measured by the monotonic clock, so that a clock that is set does no harm. Nothing is known beforehand: what steps,
validations and files take is measured as they happen, and a run stops while there is time for once more of each that
belongs to its end.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

RESERVE = 2.5  # s, for the end of the process itself
SHARE = 0.02  # and of a long budget so much of it: a machine that was quick may have become slow
CARE = 1.5  # what has taken a second may take so many the next time
LAST_MOMENT = 0.5  # s before the budget is over the process ends, wherever it is
ENDING = "ending the process"


def process_age() -> float:
    """Seconds since this process began; 0 where the system does not say."""
    try:
        ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])  # starttime, the 22nd
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):  # no Linux
        return 0.0
    return age if 0 <= age < 3600 else 0.0


BEGAN = time.monotonic() - process_age()


class TimeBudget:
    """The time of one run.

    Args:
        minutes: None: as long as it takes.
        began: when they began, on the monotonic clock: `BEGAN` for a script, which is a process of its own; now if left
            out.
    """

    def __init__(self, minutes: float | None, began: float | None = None):
        self.seconds = None if minutes is None else 60 * minutes
        self.began, self.owns_process = (time.monotonic(), False) if began is None else (began, True)
        self._costs: dict[str, float] = {}
        self._guesses: dict[str, float] = {}
        self._steps: deque[float] = deque(maxlen=10)
        self._first_step: float | None = None
        self._step_began = 0.0
        self._secured, self._over = threading.Event(), threading.Event()
        self.doing = "starting"  # for messages

    @property
    def spent(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds until the run has to be at its end; without a budget, without end."""
        return float("inf") if self.seconds is None else self.seconds - self.spent - RESERVE - SHARE * self.seconds

    @property
    def minutes(self) -> float | None:
        """As it was given."""
        return None if self.seconds is None else self.seconds / 60

    @property
    def started_in_time(self) -> bool:
        """Whether not yet a third of it has gone into the start: what can wait is then left for later."""
        return self.seconds is None or self.spent < self.seconds / 3

    @contextmanager
    def measure(self, what: str) -> Iterator[None]:
        """Time the block; the longest of several counts."""
        start = time.monotonic()
        yield
        self._costs[what] = max(self._costs.get(what, 0.0), time.monotonic() - start)

    def guess(self, what: str, seconds: float) -> None:
        """What to allow for something until it has been measured."""
        self._guesses[what] = seconds

    def cost(self, *what: str) -> float:
        """Seconds to allow for these."""
        return CARE * sum(self._costs.get(each, self._guesses.get(each, 0.0)) for each in what)

    def allows(self, what: str, before: tuple[str, ...] = ()) -> bool:
        """Whether `what` can be done, and `before` the end these."""
        return self.left > self.cost(what, *before)

    # Steps -------------------------------------------------------------------------------------

    def step(self) -> None:
        """A step begins."""
        now = time.monotonic()
        if self._first_step is None:
            self._first_step = now
        else:
            self._steps.append(now - self._step_began)
        self._step_began = now

    def allows_step(self, before: tuple[str, ...]) -> bool:
        """Whether there is time for another step, and `before` the end for these."""
        return self.left > CARE * max(self._steps, default=0.0) + self.cost(*before)

    def time_spent(self, before: tuple[str, ...]) -> float:
        """The part of the time for steps that is over, 0..1, if `before` the end these have to be done."""
        if self.seconds is None or self._first_step is None:
            return 0.0
        had = time.monotonic() - self._first_step
        more = self.left - self.cost(*before) - CARE * max(self._steps, default=0.0)  # what begins by then is the last
        return min(1.0, had / max(1e-9, had + max(0.0, more)))

    def too_short(self, before: tuple[str, ...] = ()) -> str:
        """For messages: that no step was done, why, and what a run needs for its start, its end and some steps."""
        known = self.spent + self.cost(*before) + RESERVE
        minutes = math.ceil(2 * max(known, self.seconds or 0) * (1 + SHARE) / 6) / 10
        return (
            f"--time_budget {self.minutes:g} was over before the first step, after {self.spent:.0f} s, while "
            f"{self.doing}: give {minutes:g} minutes at least"
        )

    # The last resort ---------------------------------------------------------------------------

    def secure(self) -> None:
        """There is something to leave: from now on the process may end at the last moment."""
        self._secured.set()

    @contextmanager
    def enforced(self, words: str) -> Iterator[None]:
        """From here on a script's process ends at the last moment, even amid what cannot be interrupted, unless the
        block raises something before. Not before `secure`.

        Every file is whole, since all are written under another name and renamed. The exit code is 0.
        """
        seconds = self.seconds
        if seconds is None or not self.owns_process:
            yield
            return

        def end() -> None:
            if self._over.wait(max(0.0, seconds - self.spent - LAST_MOMENT)):
                return
            self._secured.wait()
            if self.doing != ENDING:  # then everything is done, and said
                late = f"--time_budget {self.minutes:g} was over while {self.doing}"
                logger.warning("%s. %s", late if self._first_step else self.too_short(), words)
            for handler in logging.getLogger().handlers:
                handler.flush()
            os._exit(0)

        threading.Thread(target=end, daemon=True, name="time budget").start()
        try:
            yield
        except BaseException:
            self._over.set()
            raise
