"""Measure photographs per second by number of processes and batch size, in short runs of train.py.

    python train/throughput.py --processes 1,2 --batches 1,4 -- --content_dir photographs --style_dir paintings

What follows `--` goes to train.py. The time is that of the clock, from the 6th step to the last, with reading data
and all.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import torch
import typer

from zmnet_core.errors import TrainingError
from zmnet_core.markdown import table
from zmnet_core.options import run

TRAIN = Path(__file__).resolve().with_name("train.py")
WARM_UP = 5


def launcher(processes: int) -> list[str]:
    """`accelerate launch` with so many processes, on GPUs or, by gloo, on the CPU."""
    several = ["--multi_gpu"] if processes > 1 else []
    plain = ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    return [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(processes), *several, *plain]


def measure(processes: int, batch: int, steps: int, options: list[str]) -> float:
    """Photographs a second."""
    environment = dict(os.environ) if torch.cuda.is_available() else os.environ | {"ACCELERATE_USE_CPU": "true"}
    with tempfile.TemporaryDirectory() as folder:
        fixed = {"output_dir": folder, "train_batch_size": batch, "styles_per_batch": 1, "max_train_steps": steps}
        fixed |= {"logging_steps": 1, "validation_pairs": 1, "checkpointing_steps": steps, "identity_steps": 0}
        flags = [part for name, value in fixed.items() for part in (f"--{name}", str(value))]
        command = [*launcher(processes), str(TRAIN), *options, *flags]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        lines = [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    seconds = [line["seconds"] for line in lines if "seconds" in line]
    return processes * batch * (steps - WARM_UP) / (seconds[-1] - seconds[WARM_UP - 1])


def numbers(option: str, text: str) -> list[int]:
    """The whole numbers of a list such as 1,2,4.

    Raises:
        TrainingError: it is none, or one is below 1.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise TrainingError(f"{option} {text}: whole numbers from 1 on with commas between them are expected, as 1,4.")
    return [int(part) for part in parts]


def throughput(
    options: Annotated[
        list[str] | None, typer.Argument(help="options of train.py, behind --", metavar="-- OPTION")
    ] = None,
    processes: Annotated[str, typer.Option(help="how many processes to measure with")] = "1,2",
    batches: Annotated[str, typer.Option(help="how many photographs per step and process")] = "1,4",
    steps: Annotated[int, typer.Option(min=WARM_UP + 1, help="how many steps each run takes")] = 20,
) -> None:
    """Photographs a second by processes and batch size."""
    sizes, counts = numbers("--batches", batches), numbers("--processes", processes)
    head = ["processes", *(f"batch {batch}" for batch in sizes)]
    rows = ([count, *(f"{measure(count, batch, steps, options or []):.2f}" for batch in sizes)] for count in counts)
    for line in table(head, rows, [len(title) for title in head]):
        print(line, flush=True)


if __name__ == "__main__":
    run(throughput)
