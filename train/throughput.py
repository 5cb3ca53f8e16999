"""Measure photographs per second by number of processes and batch size, in short runs of train.py.

    python train/throughput.py --processes 1,2 --batches 1,4 -- --content_dir photographs --style_dir paintings

What follows `--` goes to train.py. The time is that of the clock, from the 6th step to the last, with reading data
and all.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

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
    with tempfile.TemporaryDirectory() as run:
        fixed = {"output_dir": run, "train_batch_size": batch, "styles_per_batch": 1, "max_train_steps": steps}
        fixed |= {"logging_steps": 1, "validation_pairs": 1, "checkpointing_steps": steps, "identity_steps": 0}
        flags = [part for name, value in fixed.items() for part in (f"--{name}", str(value))]
        command = [*launcher(processes), str(TRAIN), *options, *flags]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        lines = [json.loads(line) for line in (Path(run) / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    seconds = [line["seconds"] for line in lines if "seconds" in line]
    return processes * batch * (steps - WARM_UP) / (seconds[-1] - seconds[WARM_UP - 1])


if __name__ == "__main__":
    arguments, options = sys.argv[1:], []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, options = arguments[:cut], arguments[cut + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", default="1,2", help="how many processes to measure with")
    parser.add_argument("--batches", default="1,4", help="how many photographs per step and process")
    parser.add_argument("--steps", type=int, default=20, help="how many steps each run takes")
    given = parser.parse_args(arguments)
    batches = [int(number) for number in given.batches.split(",")]
    print("| processes | " + " | ".join(f"batch {batch}" for batch in batches) + " |")
    print("|---" * (1 + len(batches)) + "|")
    for processes in given.processes.split(","):
        figures = [measure(int(processes), batch, given.steps, options) for batch in batches]
        print(f"| {processes} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |", flush=True)
