"""Scripts of train/ as real processes: started by accelerate, waited for, killed with all that they started."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
ALONE = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def start_script(script: Path, *flags: str, processes: int | None, vgg: Path) -> subprocess.Popen:
    """Start a script on the CPU, by `accelerate launch` or (None) by itself, with VGG-16's weights out of a file."""
    command = [sys.executable]
    if processes:
        # Accelerate's own --cpu starts one process unless MPI is there; --multi_gpu is gloo on the CPU.
        command += ["-m", "accelerate.commands.launch", "--multi_gpu" if processes > 1 else "--cpu"]
        command += ["--num_processes", str(processes), "--main_process_port", str(free_port())]
        command += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    return subprocess.Popen(
        [*command, str(script), *flags],
        env=os.environ | ALONE | {"ZMNET_VGG": str(vgg), "ACCELERATE_USE_CPU": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_alone(script: Path, *options: object, **environment: str) -> subprocess.Popen:
    """Start a script by itself, what it prints and its errors apart."""
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, options)],
        env=os.environ | ALONE | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def finish(process: subprocess.Popen, timeout: float = 600) -> str:
    """What a process printed; it is to end well."""
    output, errors = process.communicate(timeout=timeout)
    assert process.returncode == 0, (errors or output)[-3000:]
    return output


def send(process: subprocess.Popen, number: signal.Signals) -> None:
    """A signal to the launcher, its processes (each has a session of its own) and their loader workers."""
    with suppress(psutil.NoSuchProcess):  # it was through
        launcher = psutil.Process(process.pid)
        launcher.suspend()  # else it starts others, or tidies up
        for child in launcher.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.send_signal(number)
        launcher.send_signal(number)
        launcher.resume()
