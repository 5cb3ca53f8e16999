"""The node pack in ComfyUI's page, in a real browser: slow, and skipped where there is no ComfyUI or no Chromium."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from comfy_server import ROOT, ComfyUI, reason_to_skip

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_reason = reason_to_skip() or (None if CHROMIUM else "needs Chromium: apt-get install chromium")
pytestmark = [pytest.mark.slow, pytest.mark.comfyui, pytest.mark.skipif(_reason is not None, reason=str(_reason))]

EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
READY = (
    "() => window.app && window.app.graph && window.LiteGraph && "
    "Object.keys(window.LiteGraph.registered_node_types || {}).length > 50"
)


class Page:
    """ComfyUI's page with a workflow on it."""

    def __init__(self, page: object, comfy: ComfyUI):
        self.page, self.comfy = page, comfy
        page.goto(comfy.url, wait_until="domcontentloaded")
        page.wait_for_function(READY, timeout=120_000)
        page.wait_for_timeout(2500)  # the first start opens a browser of templates over the graph

    def open(self, workflow: dict) -> None:
        self.page.evaluate("async workflow => { await window.app.loadGraphData(workflow) }", workflow)
        self.page.wait_for_timeout(800)
        self.page.keyboard.press("Escape")

    def nodes(self) -> list[dict]:
        """Type, place and size of every node that is drawn; its title bar is part of it."""
        return self.page.evaluate(
            "() => window.app.graph._nodes.map(n => ({type: n.type, known: n.type in LiteGraph.registered_node_types, "
            "box: [n.pos[0], n.pos[1] - LiteGraph.NODE_TITLE_HEIGHT, n.pos[0] + n.size[0], n.pos[1] + n.size[1]]}))"
        )

    def press_run(self) -> dict:
        """Press Run; the history of the prompt."""
        before = set(self.comfy.get("/history"))
        self.page.get_by_role("button", name="Run", exact=False).first.click()
        for _ in range(600):
            done = set(self.comfy.get("/history")) - before
            if done:
                return self.comfy.get("/history")[done.pop()]
            self.page.wait_for_timeout(100)
        raise TimeoutError(f"nothing ran:\n{self.comfy.log[-2000:]}")

    def shown(self) -> list[dict]:
        """The pictures that nodes show: type of the node and size of the picture."""
        return self.page.evaluate(
            "() => window.app.graph._nodes.flatMap(n => (n.imgs || []).map(i => "
            "({type: n.type, width: i.naturalWidth, height: i.naturalHeight, src: i.src})))"
        )

    def picture(self, name: str) -> None:
        """A screenshot for people, where `$ZMNET_SCREENSHOTS` names a folder for them."""
        self.page.evaluate("() => window.app.extensionManager.command.execute('Comfy.Canvas.FitView')")
        self.page.wait_for_timeout(900)
        if folder := os.environ.get("ZMNET_SCREENSHOTS"):
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    with ComfyUI(tmp_path_factory.mktemp("browser")) as comfy, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Page(browser.new_page(viewport={"width": 1500, "height": 900}), comfy)
        browser.close()


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_examples_are_drawn_without_overlap(page, file):
    workflow = json.loads(file.read_text())
    page.open(workflow)
    nodes = page.nodes()
    assert len(nodes) == len(workflow["nodes"]) and all(node["known"] for node in nodes)
    for index, a in enumerate(nodes):
        for b in nodes[index + 1 :]:
            (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a["box"], b["box"]
            apart = ax1 <= bx0 or bx1 <= ax0 or ay1 <= by0 or by1 <= ay0
            assert apart, f"{a['type']} lies on {b['type']}: {a['box']}, {b['box']}"
    page.picture(file.stem)


def test_run_is_pressed_and_the_result_seen(page):
    page.open(json.loads((ROOT / "example_workflows" / "zmnet_one_style.json").read_text()))
    done = page.press_run()
    assert done["status"]["status_str"] == "success", done["status"]
    page.page.wait_for_timeout(2500)
    saved = [picture for picture in page.shown() if picture["type"] in ("SaveImage", "PreviewImage")]
    assert saved and saved[0]["width"] >= 256
    page.picture("run")


def test_the_help_page_is_shown(page):
    page.open(json.loads((ROOT / "example_workflows" / "zmnet_one_style.json").read_text()))
    page.page.evaluate(
        "() => { const n = window.app.graph._nodes.find(n => n.type === 'ZMNetApply'); "
        "window.app.canvas.selectNode(n, false) }"
    )
    page.page.wait_for_timeout(800)
    page.page.locator('[data-testid="info-button"]').click()
    page.page.wait_for_timeout(1500)
    page.picture("help")
    assert page.page.get_by_text("Only needed where the style was loaded").count()
