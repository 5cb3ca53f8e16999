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

import numpy as np
from PIL import Image, ImageOps

from tests.clips import write_clip
from tests.comfyui.comfy_page import opened
from tests.comfyui.comfy_server import ROOT, ComfyUI, api_of, reason_to_skip
from zmnet_core.images.clips import Clip
from zmnet_core.images.picture import to_pil
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
        clip(comfy.base / "input" / "clip.mp4")
        info = comfy.get("/object_info")
        for file in sorted((ROOT / "example_workflows").glob("*.json")):
            example(comfy, info, file)
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


def example(comfy: ComfyUI, info: dict, file: Path) -> None:
    """Run an example workflow, and draw its preview beside it."""
    prompt = api_of(json.loads(file.read_text()), info)
    given = [node["inputs"]["picture"] for node in prompt.values() if node["class_type"] == "ZMNetExamplePicture"]
    done = comfy.run(prompt)
    pictures = [Image.open(next(DEMO.rglob(f"{name}.jpg"))) for name in given]
    for id, node in prompt.items():
        if node["class_type"] == "LoadVideo":
            pictures.append(frames_of(comfy.base / "input" / node["inputs"]["file"], [0.5])[0])
        if node["class_type"] == "SaveImage":
            pictures += comfy.pictures(done, id)
        if node["class_type"] == "SaveAnimatedWEBP":
            (film,) = comfy.pictures(done, id)
            for share in (0.1, 0.25, 0.5):
                film.seek(round(share * (film.n_frames - 1)))
                pictures.append(film.convert("RGB"))
        if node["class_type"] == "SaveVideo":
            pictures += frames_of(comfy.saved(done, id)[0], [0.05, 0.5, 0.95])
    squares = [ImageOps.fit(picture.convert("RGB"), (CELL, CELL)) for picture in pictures]
    contact_sheet([squares], CELL, gap=0).save(file.with_suffix(".jpg"), quality=88)


def frames_of(file: Path, shares: list[float]) -> list[Image.Image]:
    """The frames of a clip at these shares of its length."""
    with Clip(file) as clip:
        frames = list(clip)
    return [to_pil(frames[round(share * (len(frames) - 1))]) for share in shares]


def clip(file: Path) -> None:
    """A clip of two seconds: a look around in a photograph."""
    with Image.open(DEMO / "contents" / "colosseum.jpg") as photograph:
        wide = np.asarray(ImageOps.fit(photograph.convert("RGB"), (480, 320)))
    write_clip(file, [wide[:, 2 * index : 2 * index + 384] for index in range(48)], sound="aac")


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
