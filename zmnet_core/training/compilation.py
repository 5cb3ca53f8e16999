"""torch.compile of a training step's objective, where it works."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from .objective import Drawn, Objective, Step
from .revision import Drawn as WindowDrawn
from .revision import RevisionObjective
from .style_bank import StyleTargets

logger = logging.getLogger(__name__)

# contents, targets, identity, drawn: what a step gives to the objective
Example = tuple[Tensor, StyleTargets, Tensor, Drawn | WindowDrawn]


def compiled(
    objective: Objective | RevisionObjective,
    wrapped: nn.Module,
    examples: Sequence[Example],
    accelerator: Accelerator,
    backend: str | Callable[..., object] | None = None,
) -> Step:
    """The objective (networks, loss network, penalties) in one graph; where that fails as it is, and the log says so.

    Args:
        wrapped: the model, as the objective is given it.
        examples: of each sort of step: compiled, run and differentiated here, so that no step waits for it later.
        backend: of torch.compile, in place of Inductor.
    """
    # Changing layouts is worth much on a GPU; on a CPU, replicated borders then come back from it with strides that
    # its own check refuses (torch 2.13).
    layouts = (True, False) if accelerator.device.type == "cuda" else (False,)
    step: Step = objective.__call__
    made: Iterable[Step] = (torch.compile(step, options={"layout_optimization": layout}) for layout in layouts)
    if backend is not None:
        made = [torch.compile(step, backend=backend)]
    for fast in made:
        try:
            for example in examples:
                with accelerator.autocast():
                    loss, _ = fast(wrapped, *example)
                loss.backward()
            return fast
        except Exception as error:  # compilers fail in many ways; none of them should cost the run
            reason = " ".join(str(error).split())[:200]  # a traceback's worth
            logger.warning("--compile: torch.compile failed (%s: %s)", type(error).__name__, reason)
        finally:
            wrapped.zero_grad(set_to_none=True)
    logger.warning("--compile: eager instead")
    return objective
