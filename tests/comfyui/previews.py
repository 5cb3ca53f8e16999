"""Make every picture of the model's work that the repository shows: `python -m tests.comfyui.previews`.

To be run after a change of the bundled weights: docs/icon.png and docs/banner.jpg, which the registry of nodes shows;
the previews of example_workflows/ (what goes in stands on the left, what comes out on the right), docs/comfyui.jpg (the
graph, in ComfyUI's page) and docs/demo.jpg (`zmnet demo`). All but the first two need `$COMFYUI_DIR` and
`$COMFYUI_PYTHON` (see comfy_server.py), playwright and Chromium.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageOps

from tests.comfyui.comfy_page import opened
from tests.comfyui.comfy_server import ROOT, ComfyUI, api_of, reason_to_skip
from zmnet_core.images.sheet import contact_sheet
from zmnet_core.model import ZMNet

CELL = 256
DEMO = ROOT / "zmnet_core" / "demo_pictures"
BANNER, ICON, EYE = (1260, 540), 400, (700, 40, 1120, 460)  # pixels; the last is a part of the banner


def main() -> None:
    signs()
    if reason := reason_to_skip():
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as folder, ComfyUI(Path(folder)) as comfy:
        info = comfy.get("/object_info")
        for file in sorted((ROOT / "example_workflows").glob("*.json")):
            prompt = api_of(json.loads(file.read_text()), info)
            given = [
                node["inputs"]["picture"] for node in prompt.values() if node["class_type"] == "ZMNetExamplePicture"
            ]
            done = comfy.run(prompt)
            saved = [id for id in prompt if prompt[id]["class_type"] in ("SaveImage", "SaveAnimatedWEBP")]
            results = [picture for id in saved for picture in comfy.pictures(done, id)]
            if getattr(results[0], "n_frames", 1) > 1:
                film = results.pop()
                for share in (0.1, 0.25, 0.5):
                    film.seek(round(share * (film.n_frames - 1)))
                    results.append(film.convert("RGB"))
            pictures = [Image.open(next(DEMO.rglob(f"{name}.jpg"))) for name in given] + results
            squares = [ImageOps.fit(picture.convert("RGB"), (CELL, CELL)) for picture in pictures]
            contact_sheet([squares], CELL, gap=0).save(file.with_suffix(".jpg"), quality=88)
            print(file.with_suffix(".jpg").name)
        with opened(comfy) as page:
            page.open(json.loads((ROOT / "example_workflows" / "zmnet_one_style.json").read_text()))
            page.press_run()
            page.page.wait_for_timeout(2500)
            page.screenshot(Path(folder) / "comfyui.png")
            as_jpeg(Path(folder) / "comfyui.png", 1400)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "zmnet_core.cli", "demo", "-o", f"{folder}/demo.png"], cwd=ROOT, check=True
        )
        as_jpeg(Path(folder) / "demo.png", 1200)


def signs() -> None:
    """The pack's banner of 21 : 9, half a photograph and half what becomes of it, and its icon, a part of that half."""
    model = ZMNet.from_pretrained("zmnet-bold")
    photograph = ImageOps.fit(Image.open(DEMO / "contents" / "chelsea.jpg"), BANNER, Image.Resampling.LANCZOS)
    painting = Image.open(DEMO / "styles" / "composition-kandinsky.jpg")
    stylised = model.stylize(photograph, painting, palette=1.0)
    stylised.crop(EYE).resize((ICON, ICON), Image.Resampling.LANCZOS).save(ROOT / "docs" / "icon.png")
    half = (BANNER[0] // 2, 0, *BANNER)
    photograph.paste(stylised.crop(half), half)
    photograph.save(ROOT / "docs" / "banner.jpg", quality=88)


def as_jpeg(picture: Path, width: int) -> None:
    """Write a picture into docs/, at most so wide."""
    image = Image.open(picture).convert("RGB")
    image.thumbnail((width, 10 * width), Image.Resampling.LANCZOS)
    file = ROOT / "docs" / f"{picture.stem}.jpg"
    image.save(file, quality=88)
    print(file.name)


if __name__ == "__main__":
    main()
