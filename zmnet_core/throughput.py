"""Where the time of training steps goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """Wall time by part of the step.

    On a GPU, work is only queued where it is called; so one step in `every` is measured with the
    device brought to a halt at each border, and the others run free. Which one moves on from time
    to time: a fixed one would always, or never, meet the steps that recur with the same period.

    Args:
        device: where the step computes.
        every: measure one step in so many.
    """

    def __init__(self, device: torch.device, every: int = 10):
        self.device, self.every = device, every
        self._running = True
        self._seconds: dict[str, float] = defaultdict(float)
        self._steps = 0

    def step(self, step: int) -> None:
        """A new step begins."""
        self._running = step % self.every == step // self.every % self.every
        self._steps += self._running

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block's time to `name`."""
        if not self._running:
            yield
            return
        start = self._now()
        yield
        self._seconds[name] += self._now() - start

    def report(self, images_per_step: int) -> dict[str, float]:
        """Images a second and each part's share of the time since the last report."""
        total = sum(self._seconds.values())
        if not total:
            return {}
        report = {"images_per_second": images_per_step * self._steps / total}
        report |= {f"share_{name}": seconds / total for name, seconds in self._seconds.items()}
        self._seconds.clear()
        self._steps = 0
        return report

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
