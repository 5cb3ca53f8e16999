"""The group of a run's processes, left in order before Python ends.

A thread of gloo that still lets go of a tensor needs Python to do so; where Python is ending at that moment, the whole
process dies with SIGABRT ("terminate called without an active exception") and the launcher calls the run failed. So no
such thread may live on, and for that nothing may hold the group: neither the wrapped model nor, as follows, PyTorch.

DistributedDataParallel imports torch.distributed.nn.functional, and the functions there take the group of the moment of
that import as their default: once a group exists, they would hold it to the end of the process. They are imported here,
before there is one.
"""

from __future__ import annotations

import gc

import torch
from accelerate import Accelerator

if torch.distributed.is_available():
    import torch.distributed.nn.functional


def leave(accelerator: Accelerator) -> None:
    """Wait for all processes, close the trackers and end the group with its threads.

    The caller holds nothing any more that `accelerator` has prepared.
    """
    accelerator.wait_for_everyone()
    if accelerator.num_processes > 1:
        accelerator.free_memory()
        torch.compiler.reset()  # a compiled step holds the wrapped model
        gc.collect()
    accelerator.end_training()
