"""What `zmnet train`, `accelerate launch -m zmnet_core.training` and train/train.py do."""

from __future__ import annotations

from ..options import ManyOptions, log_warnings, run
from .config import TrainingConfig, training_command
from .time_budget import BEGAN
from .trainer import train


@training_command
def command(config: TrainingConfig) -> None:
    """Train a ZM-Net."""
    log_warnings()
    train(config, BEGAN)


def main() -> None:
    """Train by the options of the process."""
    run(command, cls=ManyOptions)


if __name__ == "__main__":
    main()
