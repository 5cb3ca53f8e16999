"""Where the time of training steps goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Stopwatch:
    """Wall time by part of the step. A part within a part counts to the inner one only.

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
        self._open: list[tuple[str, float, float]] = []  # name, start, seconds within inner parts
        self._steps = 0

    def step(self, step: int) -> None:
        """A new step begins."""
        self._running = step % self.every == step // self.every % self.every
        self._steps += self._running

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block's time to `name`."""
        self._begin(name)
        try:
            yield
        finally:
            self._end()

    def follow(self, name: str, module: nn.Module) -> None:
        """Count a module's forward passes to `name`, where they are within another part."""
        module.register_forward_pre_hook(lambda *_: self._begin(name) if self._open else None)
        module.register_forward_hook(lambda *_: self._end() if len(self._open) > 1 else None)

    def _begin(self, name: str) -> None:
        if self._running:
            self._open.append((name, self._now(), 0.0))

    def _end(self) -> None:
        if not self._running:
            return
        name, start, inner = self._open.pop()
        whole = self._now() - start
        self._seconds[name] += whole - inner
        if self._open:
            outer, start, inner = self._open[-1]
            self._open[-1] = (outer, start, inner + whole)

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
