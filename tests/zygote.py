"""A Python with the large libraries loaded, which forks for every script that a test starts: `processes.py` asks it.

A test's script takes 3 to 5 s of imports and 1 s of work, and a launch with three processes four times the imports.
Forked from here, a process runs the script from its first line on, imports the project's own modules afresh, has its
own environment, arguments, folder and output, and ends as Python ends; only what it would load of PyTorch and
accelerate is there already. (huggingface_hub reads its environment as it is loaded: tests of the Hub start a Python of
their own.) `launch` starts several as torch's launcher does: one that fails takes the others with it.

Run as a script with the number of a Unix socket, to which it sends a byte when it is ready. A request is one JSON
message with three file descriptors: for the standard output, the errors, and a pipe that gets the exit code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys

LIBRARIES = (
    "accelerate", "huggingface_hub.hf_api", "huggingface_hub.repocard", "jinja2", "numpy", "PIL.Image",
    "safetensors.torch", "torch", "torch._dynamo", "torch.distributed.run", "torch.utils.data", "tqdm", "typer", "yaml",
)  # fmt: skip
PREFIX = 1 << 16  # bytes of a request


def serve(asked: socket.socket) -> dict | None:
    """Fork for every request. Returns the request in the new process; None in this one, at the end of the tests."""
    running: dict[int, int] = {}  # process: the pipe for its exit code
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([asked, woken], [], [])
        if woken in ready:
            os.read(woken, PREFIX)
            for pid in list(running):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    os.write(running[pid], str(os.waitstatus_to_exitcode(status)).encode())
                    os.close(running.pop(pid))
        if asked not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(asked, PREFIX, 3)
        if not message:
            return None
        output, errors, code = descriptors
        if (pid := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background begins without
            for number in (code, woken, wake, *running.values()):
                os.close(number)
            asked.close()
            os.dup2(output, 1)
            os.dup2(errors, 2)
            os.close(output)
            os.close(errors)
            os.setsid()  # a Ctrl-C at the tests is not for it
            return json.loads(message)
        running[pid] = code
        os.close(output)
        os.close(errors)
        asked.send(str(pid).encode())


def launch(processes: int, port: int) -> None:
    """Fork so many ranks and return in each; this process waits for them, with 1 if one fails or it is told to end.

    Of torch's launcher: the environment of a rank, a session of its own, and that none goes on without the others.
    """
    ranks: list[int] = []

    def stop(number: int, frame: object) -> None:
        for pid in ranks:
            os.kill(pid, number)
        for pid in ranks:
            os.waitpid(pid, 0)
        os._exit(1)

    for rank in range(processes):
        if (pid := os.fork()) == 0:
            os.setsid()
            os.environ |= {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes),
                "LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            }  # fmt: skip
            return
        ranks.append(pid)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while ranks:
        pid, status = os.wait()
        ranks.remove(pid)
        if status:
            print(f"rank with pid {pid} ended with {os.waitstatus_to_exitcode(status)}", file=sys.stderr, flush=True)
            stop(signal.SIGTERM, None)
    os._exit(0)


def run(request: dict) -> None:
    """Become `python SCRIPT ARGUMENTS …`, `python -m MODULE …` or `python -c CODE …`."""
    # Those that it was born with take what is behind them for the files that were there before.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    if request["processes"]:
        launch(request["processes"], request["port"])
    script, *arguments = request["command"]
    sys.argv = [script, *arguments]
    if script == "-c":
        code, *arguments = arguments
        sys.argv, sys.path[0] = ["-c", *arguments], ""
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 a test's own words
    elif script == "-m":
        sys.argv, sys.path[0] = arguments, ""
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(script))
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.collect()
    gc.freeze()  # else every fork goes through all that is loaded once more as it ends: longer than its work takes
    asked = socket.socket(fileno=int(sys.argv[1]))
    asked.send(b"r")
    if (request := serve(asked)) is not None:
        run(request)
