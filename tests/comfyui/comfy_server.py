"""A real ComfyUI, headless, with this repository as one of its node packs.

Wanted: a checkout of https://github.com/Comfy-Org/ComfyUI in `$COMFYUI_DIR` and, in `$COMFYUI_PYTHON`, an interpreter
with its requirements. The pack is copied under a dashed name into a folder of its own (`--base-directory`), beside a
pack that has packages called `train` and `tests`; the checkout is left as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PACK = "comfyui-zm-net"
PARTS = ("__init__.py", "pyproject.toml", "zmnet_core", "zmnet_nodes", "web", "locales", "example_workflows")
START_SECONDS = 240
CLIENT = "tests"


def reason_to_skip() -> str | None:
    """Why there is no ComfyUI to test with, or None."""
    for name, what in (("COMFYUI_DIR", "main.py"), ("COMFYUI_PYTHON", "")):
        if not os.environ.get(name) or not (Path(os.environ[name]) / what).exists():
            return (
                "needs a real ComfyUI: git clone https://github.com/Comfy-Org/ComfyUI, install its requirements, then "
                "set COMFYUI_DIR to the checkout and COMFYUI_PYTHON to the interpreter"
            )
    return None


class ComfyUI:
    """One server, from start to end.

    >>> with ComfyUI(folder) as comfy:
    ...     done = comfy.run({"1": {"class_type": "ZMNetLoad", "inputs": {...}}, ...})
    """

    def __init__(self, base: Path):
        self.base = base.resolve()
        self.packs = base / "custom_nodes"
        self.pack = self.packs / PACK
        self.log_file = base / "server.log"
        for folder in ("input", "output", "custom_nodes", "models"):
            (base / folder).mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            source, target = ROOT / part, self.pack / part
            target.parent.mkdir(exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy(source, target)
        for picture in (ROOT / "zmnet_core" / "demo_pictures").rglob("*.jpg"):
            # As PNG under the old name: ComfyUI's JPEG decoder is another than Pillow's, a few levels away.
            Image.open(picture).save(base / "input" / picture.name, "PNG")
        for package in ("train", "tests"):
            (self.packs / "neighbour" / package).mkdir(parents=True)
            (self.packs / "neighbour" / package / "__init__.py").write_text("")
        (self.packs / "neighbour" / "__init__.py").write_text(
            "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\nimport train, tests\n"
            "NODE_CLASS_MAPPINGS = {}\n"
        )

    def __enter__(self) -> ComfyUI:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        command = [os.environ["COMFYUI_PYTHON"], "main.py", "--listen", "127.0.0.1", "--port", str(self.port)]
        command += ["--disable-auto-launch", "--disable-api-nodes", "--base-directory", str(self.base)]
        command += os.environ.get("COMFYUI_ARGS", "--cpu").split()
        with self.log_file.open("w") as log:
            where = os.environ["COMFYUI_DIR"]
            # No Hub: what a node says of a word that it does not know depends on the connection.
            variables = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": str(self.base / "hub")}
            self.process = subprocess.Popen(command, cwd=where, env=variables, stdout=log, stderr=subprocess.STDOUT)
        for _ in range(START_SECONDS * 2):
            if self.process.poll() is not None:
                break
            try:
                self.get("/system_stats")
                return self
            except OSError:
                time.sleep(0.5)
        self.process.kill()
        raise RuntimeError(f"ComfyUI did not start:\n{self.log[-3000:]}")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def memory(self) -> int:
        """Resident memory of the server in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.split("VmRSS:")[1].split()[0])

    def get(self, path: str) -> object:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def post(self, path: str, content: object = None) -> object:
        data = json.dumps(content or {}).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
        return json.loads(text) if text else {}

    def queue(self, prompt: dict, **extra: str) -> str:
        """Queue an API-format prompt, with settings of the page such as preview_method; its id."""
        answer = self.post("/prompt", {"prompt": prompt, "client_id": CLIENT, "extra_data": extra})
        if "prompt_id" not in answer:
            raise Refused(json.dumps(answer))
        return answer["prompt_id"]

    def wait(self, prompt_id: str, seconds: float = 300) -> dict:
        """The history of a prompt, when it is done."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            history = self.get(f"/history/{prompt_id}")
            if prompt_id in history:
                return history[prompt_id]
            time.sleep(0.05)
        raise TimeoutError(f"the prompt was not done after {seconds} s:\n{self.log[-2000:]}")

    def run(self, prompt: dict) -> dict:
        """Queue and wait."""
        return self.wait(self.queue(prompt))

    @contextmanager
    def listen(self) -> Iterator[Iterator[dict]]:
        """What the server tells the sender of the prompts, message by message."""
        websocket = pytest.importorskip("websocket", reason="needs websocket-client")
        line = websocket.create_connection(f"ws://127.0.0.1:{self.port}/ws?clientId={CLIENT}", timeout=60)
        try:
            yield (json.loads(message) for message in iter(line.recv, None) if isinstance(message, str))
        finally:
            line.close()

    @contextmanager
    def watch(self) -> Iterator[list[tuple[str, Image.Image]]]:
        """The previews that the server sends inside: the node, and the picture that is shown on it."""
        websocket = pytest.importorskip("websocket", reason="needs websocket-client")
        line = websocket.create_connection(f"ws://127.0.0.1:{self.port}/ws?clientId={CLIENT}", timeout=60)
        line.send(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
        seen: list[tuple[str, Image.Image]] = []
        try:
            yield seen
            line.settimeout(1)
            with suppress(websocket.WebSocketTimeoutException):
                while True:
                    if isinstance(message := line.recv(), bytes) and message[:4] == b"\0\0\0\4":
                        end = 8 + int.from_bytes(message[4:8], "big")
                        node = json.loads(message[8:end])["node_id"]
                        seen.append((node, Image.open(BytesIO(message[end:]))))
        finally:
            line.close()

    def saved(self, done: dict, node: str) -> list[Path]:
        """The files that a node wrote into the output folder."""
        return [self.base / "output" / e["subfolder"] / e["filename"] for e in done["outputs"][node]["images"]]

    def pictures(self, done: dict, node: str) -> list[Image.Image]:
        """The pictures a node showed or saved."""
        found = []
        for entry in done["outputs"][node]["images"]:
            with urllib.request.urlopen(f"{self.url}/view?{urllib.parse.urlencode(entry)}", timeout=30) as answer:
                found.append(Image.open(BytesIO(answer.read())))
        return found


class Refused(Exception):
    """ComfyUI did not take the prompt; the message is its answer."""


def error_of(done: dict) -> str:
    """The message of the node that failed."""
    return next(data["exception_message"] for kind, data in done["status"]["messages"] if kind == "execution_error")


def events(done: dict) -> dict[str, dict]:
    """What happened to the prompt, by kind."""
    return dict(done["status"]["messages"])


def api_of(workflow: dict, info: dict) -> dict:
    """A workflow of the UI's format as an API prompt, as the front end would send it.

    Args:
        workflow: an example workflow.
        info: the server's /object_info.
    """
    links = {link[0]: (str(link[1]), link[2]) for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        if node["type"] in ("Note", "MarkdownNote") or node.get("mode", 0) != 0:
            continue
        values = list(node.get("widgets_values") or [])
        inputs = dict(_widgets(info[node["type"]]["input"], values))
        for socket_ in node.get("inputs", []):
            if socket_.get("link") is not None:
                inputs[socket_["name"]] = list(links[socket_["link"]])
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


def _widgets(described: dict, values: list, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The values of a node's widgets by name, which are taken off `values` in the order of its inputs.

    What came later than the file has no value in it: the front end takes the default.
    """
    for name, (kind, *rest) in (item for part in ("required", "optional") for item in described.get(part, {}).items()):
        options = rest[0] if rest else {}
        if kind == "COMFY_DYNAMICCOMBO_V3":  # a choice that brings other inputs with it
            chosen = values.pop(0) if values else options["options"][0]["key"]
            yield prefix + name, chosen
            brought = next(each["inputs"] for each in options["options"] if each["key"] == chosen)
            yield from _widgets(brought, values, f"{prefix}{name}.")
        elif isinstance(kind, list) or kind in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"):
            yield prefix + name, values.pop(0) if values else options["default"]
            if values and any(options.get(key) for key in ("control_after_generate", "image_upload", "video_upload")):
                values.pop(0)  # a widget of the page alone
