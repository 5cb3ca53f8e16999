"""ComfyUI's page in a real browser (Chromium, through playwright), with a workflow on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.comfyui.comfy_server import ComfyUI

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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

    def draw_by(self, renderer: str) -> None:
        """By which of its two renderers the page draws nodes: "canvas", or "vue" where the version has it."""
        setting = "v => window.app.extensionManager.setting.set('Comfy.VueNodes.Enabled', v)"
        self.page.evaluate(setting, renderer == "vue")
        self.page.wait_for_timeout(400)

    def nodes(self) -> list[dict]:
        """Type, place and size of every node that is drawn; its title bar is part of it."""
        return self.page.evaluate(
            "() => { const s = window.app.canvas.ds.scale, drawn = [...document.querySelectorAll('[data-node-id]')]; "
            "return window.app.graph._nodes.map(n => { "
            "const e = drawn.find(e => e.dataset.nodeId == n.id)?.getBoundingClientRect(); "
            "const [width, height] = e ? [e.width / s, e.height / s] : [n.size[0], n.size[1] + 30]; "
            "return {type: n.type, known: n.type in LiteGraph.registered_node_types, "
            "box: [n.pos[0], n.pos[1] - 30, n.pos[0] + width, n.pos[1] - 30 + height]} }) }"
        )

    def connect(self, source: str, target: str) -> None:
        """Add a node of type `source`, and connect its first output to the first free socket of the node `target`."""
        self.page.evaluate(
            "([source, target]) => { const g = window.app.graph, node = LiteGraph.createNode(source); g.add(node); "
            "const to = g._nodes.find(n => n.type === target), type = node.outputs[0].type; "
            "node.connect(0, to, to.inputs.findIndex(i => i.link == null && i.type === type)) }",
            [source, target],
        )
        self.page.wait_for_timeout(200)

    def sockets(self, type: str) -> list[str]:
        """The names of the first such node's inputs that are no widgets."""
        return self.page.evaluate(
            "t => window.app.graph._nodes.find(n => n.type === t).inputs.filter(i => !i.widget).map(i => i.name)", type
        )

    def sources(self, type: str) -> dict[str, int]:
        """To which nodes, by id, the inputs of the first node of a type are connected, by name."""
        return self.page.evaluate(
            "t => { const n = window.app.graph._nodes.find(n => n.type === t); "
            "return Object.fromEntries(n.inputs.flatMap((s, i) => s.link == null ? [] : "
            "[[s.name, n.getInputNode(i).id]])) }",
            type,
        )

    def found(self, words: str) -> list[str]:
        """What the search for nodes shows, in its order, on an empty canvas. It opens and answers when it will."""
        results = "[...document.querySelectorAll('[role=option], [data-testid*=result]')].map(e => e.innerText)"
        shown: list[str] = []
        for _ in range(3):
            self.page.mouse.dblclick(900, 600)
            self.page.wait_for_timeout(600)
            self.page.keyboard.type(words)
            for _ in range(30):
                self.page.wait_for_timeout(200)
                before, shown = shown, self.page.evaluate(f"() => {results}")
                if shown and shown == before:
                    break
            if shown:
                break
            self.page.keyboard.press("Escape")
        for _ in range(2):
            self.page.keyboard.press("Escape")
        self.page.wait_for_timeout(300)
        return shown

    def languages(self) -> set[str]:
        """Those that this version of ComfyUI offers in its settings."""
        return set(
            self.page.evaluate(
                "() => { const { options } = window.app.ui.settings.settingsLookup['Comfy.Locale']; "
                "return (typeof options === 'function' ? options() : options).map(o => o.value ?? o) }"
            )
        )

    def speak(self, language: str, node: str, labels: dict[str, str]) -> None:
        """Choose the language of the page, as its settings do, and wait until a new node has these labels, by input.

        The page then asks for its nodes anew, as the key R does: titles are in the language that was there before.

        Raises:
            playwright.sync_api.TimeoutError: the labels do not come.
        """
        self.page.evaluate("async l => { await window.app.extensionManager.setting.set('Comfy.Locale', l) }", language)
        self.page.wait_for_function(
            "([type, labels]) => { const { inputs } = LiteGraph.createNode(type); return inputs.length === "
            "Object.keys(labels).length && inputs.every(i => i.localized_name === labels[i.name]) }",
            arg=[node, labels],
        )
        self.page.evaluate("() => window.app.extensionManager.command.execute('Comfy.RefreshNodeDefinitions')")

    def title(self, node: str) -> str:
        """What a new node would be called."""
        return self.page.evaluate("type => LiteGraph.createNode(type).title", node)

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

    def screenshot(self, file: Path) -> None:
        """The whole graph as a PNG."""
        self.page.evaluate("() => window.app.extensionManager.command.execute('Comfy.Canvas.FitView')")
        self.page.wait_for_timeout(900)
        self.page.screenshot(path=str(file))


@contextmanager
def opened(comfy: ComfyUI) -> Iterator[Page]:
    """The page of a server that runs.

    Raises:
        ModuleNotFoundError: playwright is not installed.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Page(browser.new_page(viewport={"width": 1500, "height": 900}), comfy)
        browser.close()
