"""The report on where a training step's time goes."""

import torch

from zmnet_core.training.stopwatch import Stopwatch


def test_measured_steps_do_not_keep_time_with_steps_that_recur():
    """One step in ten is measured; over a hundred, each place in a period of ten comes once."""
    watch = Stopwatch(torch.device("cpu"), every=10)
    measured = []
    for step in range(100):
        watch.step(step)
        if watch._running:
            measured.append(step)
    assert len(measured) == 10
    assert sorted(step % 10 for step in measured) == list(range(10))
