"""Scripts of train/ as real processes: started by themselves, as ranks of a group or by accelerate's launcher, waited
for, killed with all that they started.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
ALONE = {"PYTHONPATH": str(ROOT)}  # beside what conftest.py sets for all that the tests start


def start_script(
    script: Path, *flags: str, processes: int | None, vgg: Path, launcher: bool = False
) -> subprocess.Popen | Forked:
    """Start a script on the CPU as so many ranks, or (None) by itself, with VGG-16's weights out of a file.

    Args:
        launcher: by the real `accelerate launch`, which costs every process its imports.
    """
    environment = {"ZMNET_VGG": str(vgg), "ACCELERATE_USE_CPU": "true"}
    if not launcher:
        return start(script, *flags, processes=processes, errors_apart=False, **environment)
    # Accelerate's own --cpu starts one process unless MPI is there; --multi_gpu is gloo on the CPU.
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu" if processes > 1 else "--cpu"]
    command += ["--num_processes", str(processes), "--main_process_port", str(free_port())]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    return subprocess.Popen(
        [*command, str(script), *flags],
        env=os.environ | ALONE | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_alone(script: Path | str, *options: object, **environment: str) -> subprocess.Popen | Forked:
    """Start a script ("-c": the code that follows) by itself, what it prints and its errors apart."""
    return start(script, *options, **environment)


def start(
    script: Path | str, *options: object, processes: int | None = None, errors_apart: bool = True, **environment: str
) -> subprocess.Popen | Forked:
    """Start a script in a Python that has the large libraries loaded, where this system can fork."""
    command, variables = [str(script), *map(str, options)], os.environ | ALONE | environment
    if sys.platform == "linux":
        return Forked(command, variables, processes or 0, errors_apart)
    assert not processes or processes == 1, "ranks are forked, and this system cannot"
    errors = subprocess.PIPE if errors_apart else subprocess.STDOUT
    return subprocess.Popen([sys.executable, *command], env=variables, stdout=subprocess.PIPE, stderr=errors, text=True)


class Forked:
    """A process forked by zygote.py, with what tests use of `subprocess.Popen`."""

    def __init__(self, command: list[str], environment: dict[str, str], processes: int, errors_apart: bool):
        output, theirs = os.pipe()
        errors, their_errors = os.pipe() if errors_apart else (None, os.dup(theirs))
        self._code, their_code = os.pipe()
        request = {"command": command, "environment": environment, "processes": processes, "folder": os.getcwd()}
        request |= {"port": free_port()}
        asked = zygote()
        socket.send_fds(asked, [json.dumps(request).encode()], [theirs, their_errors, their_code])
        self.pid = int(asked.recv(32))
        for descriptor in (theirs, their_errors, their_code):
            os.close(descriptor)
        self.stdout = open(output, encoding="utf-8")
        self.stderr = None if errors is None else open(errors, encoding="utf-8")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        if self._ended(timeout) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return self.returncode

    def _ended(self, timeout: float | None) -> int | None:
        """The exit code once there is one, waiting for it so many seconds."""
        if self.returncode is None and select.select([self._code], [], [], timeout)[0]:
            self.returncode = int(os.read(self._code, 16) or -signal.SIGKILL)
            os.close(self._code)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str | None]:
        """What it has printed, and its errors if they are apart, when it has ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        read: dict[io.TextIOWrapper, list[str]] = {stream: [] for stream in (self.stdout, self.stderr) if stream}
        still = set(read)
        while still:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select(still, [], [], left)
            if not ready:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            for stream in ready:
                text = os.read(stream.fileno(), 1 << 16)
                read[stream].append(text)
                if not text:
                    still.remove(stream)
        self.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        output = {stream: b"".join(parts).decode(errors="replace") for stream, parts in read.items()}
        for stream in read:
            stream.close()
        return output[self.stdout], output[self.stderr] if self.stderr else None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def zygote() -> socket.socket:
    """The way to ask for a fork, once one can be had; the process behind it ends with the tests.

    What is timed asks for it before its clock starts: the first call takes seconds.
    """
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("zygote.py")), str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env=os.environ | ALONE,
        stdin=subprocess.DEVNULL,
    )
    theirs.close()
    assert ours.recv(1), "zygote.py has ended"
    atexit.register(lambda: (ours.close(), process.wait(10)))
    return ours


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def finish(process: subprocess.Popen | Forked, timeout: float = 600) -> str:
    """What a process printed; it is to end well."""
    output, errors = process.communicate(timeout=timeout)
    assert process.returncode == 0, (errors or output)[-3000:]
    return output


def send(process: subprocess.Popen | Forked, number: signal.Signals) -> None:
    """A signal to the launcher, its processes (each has a session of its own) and their loader workers."""
    with suppress(psutil.NoSuchProcess):  # it was through
        launcher = psutil.Process(process.pid)
        launcher.suspend()  # else it starts others, or tidies up
        for child in launcher.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.send_signal(number)
        launcher.send_signal(number)
        launcher.resume()
