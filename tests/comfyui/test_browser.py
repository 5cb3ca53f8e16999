"""The node pack in ComfyUI's page, in a real browser: slow, and skipped where there is no ComfyUI or no Chromium."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comfyui.comfy_page import CHROMIUM, Page, opened
from tests.comfyui.comfy_server import ROOT, ComfyUI, reason_to_skip

_reason = reason_to_skip() or (None if CHROMIUM else "needs Chromium: apt-get install chromium")
pytestmark = [pytest.mark.slow, pytest.mark.comfyui, pytest.mark.skipif(_reason is not None, reason=str(_reason))]

EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))


def picture(page: Page, name: str) -> None:
    """A screenshot for people, where `$ZMNET_SCREENSHOTS` names a folder for them."""
    if folder := os.environ.get("ZMNET_SCREENSHOTS"):
        page.screenshot(Path(folder) / f"{name}.png")


def newer(page: Page) -> bool:
    """Whether this ComfyUI is 0.10 or newer, by what it says of a node."""
    return "search_aliases" in page.comfy.get("/object_info/ZMNetApply")["ZMNetApply"]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    pytest.importorskip("playwright", reason="needs playwright: pip install playwright")
    with ComfyUI(tmp_path_factory.mktemp("browser")) as comfy, opened(comfy) as page:
        yield page


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
@pytest.mark.parametrize("renderer", ["canvas", "vue"])
def test_examples_are_drawn_without_overlap(page, renderer, file):
    if renderer == "vue" and not newer(page):
        pytest.skip("the second renderer of this ComfyUI is a first sketch")
    page.draw_by(renderer)
    workflow = json.loads(file.read_text())
    page.open(workflow)
    nodes = page.nodes()
    picture(page, f"{file.stem}-{renderer}")
    page.draw_by("canvas")
    assert len(nodes) == len(workflow["nodes"]) and all(node["known"] for node in nodes)
    for index, a in enumerate(nodes):
        for b in nodes[index + 1 :]:
            (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a["box"], b["box"]
            apart = ax1 <= bx0 or bx1 <= ax0 or ay1 <= by0 or by1 <= ay0
            assert apart, f"{a['type']} lies on {b['type']}: {a['box']}, {b['box']}"


def test_sockets_of_blend_styles_grow_and_a_workflow_keeps_them(page):
    page.open({"nodes": [], "links": [], "version": 0.4})
    page.page.evaluate("() => window.app.graph.add(LiteGraph.createNode('ZMNetBlendStyles'))")
    if "style_8" in page.sockets("ZMNetBlendStyles"):
        pytest.skip("this ComfyUI has no growing sockets")
    for count in range(1, 5):
        page.connect("ZMNetLoadStyle", "ZMNetBlendStyles")
        names = [name.removeprefix("styles.") for name in page.sockets("ZMNetBlendStyles")]
        assert names == [f"style_{number}" for number in range(1, max(count + 1, 3) + 1)]
    page.open(page.page.evaluate("() => window.app.graph.serialize()"))
    assert len(page.sockets("ZMNetBlendStyles")) == 5


def test_each_style_of_style_regions_keeps_its_mask(page):
    """Whatever is disconnected, and when the workflow is opened again."""
    page.open({"nodes": [], "links": [], "version": 0.4})
    page.page.evaluate("() => window.app.graph.add(LiteGraph.createNode('ZMNetStyleRegions'))")
    pairs = [f"{kind}_{number}" for number in range(1, 7) for kind in ("style", "mask")]
    assert page.sockets("ZMNetStyleRegions") == [*pairs, "rest"]
    for _ in range(3):
        page.connect("ZMNetLoadStyle", "ZMNetStyleRegions")
        page.connect("SolidMask", "ZMNetStyleRegions")
    before = page.sources("ZMNetStyleRegions")
    assert list(before) == pairs[:6] and len(set(before.values())) == 6
    page.page.evaluate(
        "() => { const n = window.app.graph._nodes.find(n => n.type === 'ZMNetStyleRegions'); "
        "n.disconnectInput(n.inputs.findIndex(i => i.name === 'style_2')) }"
    )
    page.page.wait_for_timeout(300)
    left = {name: id for name, id in before.items() if name != "style_2"}
    assert page.sources("ZMNetStyleRegions") == left
    page.open(page.page.evaluate("() => window.app.graph.serialize()"))
    assert page.sources("ZMNetStyleRegions") == left
    assert page.sockets("ZMNetStyleRegions") == [*pairs, "rest"]


@pytest.mark.parametrize("words", ["neural style", "brush", "painting", "art", "stylize", "restyle", "palette"])
def test_search_finds_apply_before_the_other_nodes_of_the_pack(page, words):
    """ComfyUI ranks names before aliases: what has the letters in its name stands above (Inpainting, PixArt)."""
    page.open({"nodes": [], "links": [], "version": 0.4})
    if not newer(page):
        pytest.skip("this ComfyUI does not search by aliases")
    found = page.found(words)
    ours = [shown for shown in found if "zm-net" in shown.lower()]
    assert ours and ours[0].startswith("Apply ZM-Net"), found
    if words in ("neural style", "brush"):
        assert found[0] == ours[0]


def test_run_is_pressed_and_the_result_seen(page):
    page.open(json.loads((ROOT / "example_workflows" / "zmnet_one_style.json").read_text()))
    done = page.press_run()
    assert done["status"]["status_str"] == "success", done["status"]
    page.page.wait_for_timeout(2500)
    saved = [picture for picture in page.shown() if picture["type"] in ("SaveImage", "PreviewImage")]
    assert saved and saved[0]["width"] >= 256
    picture(page, "run")


def test_the_help_page_is_shown(page):
    page.open(json.loads((ROOT / "example_workflows" / "zmnet_one_style.json").read_text()))
    page.page.evaluate(
        "() => { const n = window.app.graph._nodes.find(n => n.type === 'ZMNetApply'); "
        "window.app.canvas.selectNode(n, false) }"
    )
    page.page.wait_for_timeout(800)
    page.page.locator('[data-testid="info-button"]').click()
    page.page.wait_for_timeout(1500)
    picture(page, "help")
    assert page.page.get_by_text("Rarely needed: a style carries").count()


def test_labels_follow_the_language_of_the_page(page):
    """Last of all, as it leaves the page in another language."""
    offered = page.languages()
    assert {"zh", "fr"} <= offered
    names = json.loads((ROOT / "locales/fr/nodeDefs.json").read_text(encoding="utf-8"))["ZMNetApply"]["inputs"]
    for file in sorted((ROOT / "locales").glob("*/nodeDefs.json")):
        if (language := file.parent.name) not in offered:  # ComfyUI 0.3.64 has neither
            assert language in ("pt-BR", "tr")
            continue
        texts = json.loads(file.read_text(encoding="utf-8"))["ZMNetApply"]
        own = {name: text["name"] for name, text in texts["inputs"].items()}
        page.speak(language, "ZMNetApply", dict(zip(names, names)) | own)  # English ones are the ids, but for a few
        assert page.title("ZMNetApply") == texts.get("display_name", "Apply ZM-Net")
