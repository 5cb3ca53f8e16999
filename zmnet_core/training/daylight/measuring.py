"""What a daylight model does to photographs, in figures and as a sheet: noon to night, and by words of no lesson."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from ...files import replacing, write_json
from ...images.picture import read_picture
from ...images.sheet import contact_sheet
from ...markdown import table
from ...model import ZMNet
from ..words.noon_night import colour_temperature, lightness, monotonic
from .lessons import PHOTOGRAPH, small

DAY = ("noon", "afternoon", "dusk", "night")  # L* and colours are to move one way along it
UNSEEN = ("morning", "afternoon", "dusk", "dawn")
WAY = tuple(f"{1 - share:g} noon + {share:g} night" for share in (0.2, 0.4, 0.6, 0.8))
SHADOWS = 0.3  # the darkest share of a photograph
CELL = 224  # px, of the sheet


@dataclass(frozen=True)
class Light:
    """Of pictures, medians: mean L*, the colour temperature of their mean light and of that of their shadows in K, and
    how far they are from the photographs, the mean difference of levels in 0..255."""

    lightness: float
    temperature: float
    shadows: float
    changed: float


def light(pictures: Sequence[Tensor], photographs: Sequence[Tensor]) -> Light:
    """Of pictures [1, 3, H, W] in 0..1 and the photographs that they were; shadows are where these are dark."""
    rows = [
        (
            lightness(picture), colour_temperature(picture), colour_temperature(in_shadow(picture, photograph)),
            255 * float((picture - photograph).abs().mean()),
        )
        for picture, photograph in zip(pictures, photographs)
    ]  # fmt: skip
    return Light(*(median(column) for column in zip(*rows)))


def in_shadow(picture: Tensor, photograph: Tensor) -> Tensor:
    """The pixels of [1, 3, H, W] that are dark in the photograph, [1, 3, 1, N]."""
    grey = photograph.mean(1)
    return picture.movedim(1, 0)[:, grey <= grey.quantile(SHADOWS)][None, :, None]


def words_of(model: ZMNet) -> list[str]:
    """Noon to night, words of no lesson, and one word for every other time that it has learned."""
    learned = [word for words in (model.config["pnet"].get("words") or {}).values() for word in words]
    others = [word for word in ("sunset", "overcast", "fog", "snow", "autumn") if word in learned]
    return list(dict.fromkeys(("noon", *WAY, "night", *UNSEEN, *others)))


@torch.no_grad()
def measure(model: ZMNet, files: Sequence[Path], folder: Path, side: int = 512, shown: int = 6) -> list[str]:
    """Write sheet.jpg and light.json of photographs into a folder; the lines of the report."""
    photographs = [small(read_picture(file).rgb, side) for file in files]
    words = words_of(model)
    styles = {word: model.encode_attribute(word) for word in words}
    painted = {word: [model.apply(each, style) for each in photographs] for word, style in styles.items()}
    found = {PHOTOGRAPH: light(photographs, photographs)}
    found |= {word: light(pictures, photographs) for word, pictures in painted.items()}
    folder.mkdir(parents=True, exist_ok=True)
    across = [word for word in words if word not in WAY]
    rows = [[photographs[index], *(painted[word][index] for word in across)] for index in range(len(files))]
    for name, part in (("sheet.jpg", rows[:shown]), ("sheet-all.jpg", rows)):
        with replacing(folder / name) as temporary:
            contact_sheet(part, CELL, [[PHOTOGRAPH, *across]]).save(temporary, "JPEG", quality=85)
    write_json(
        folder / "light.json",
        {"files": [file.name for file in files], "rows": {w: asdict(v) for w, v in found.items()}},
    )
    return report(found)


def report(found: dict[str, Light]) -> list[str]:
    """Markdown."""
    numbers = [
        [name, f"{row.lightness:.1f}", f"{row.temperature:.0f}", f"{row.shadows:.0f}", f"{row.changed:.1f}"]
        for name, row in found.items()
    ]
    head = ["", "L*", "colour temperature, K", "in the shadows, K", "changed by, of 255"]
    day = [found[word] for word in DAY]
    way = [found[word] for word in ("noon", *WAY, "night")]
    apart = all(
        abs(found[a].lightness - found[b].lightness) >= 3 or abs(found[a].temperature - found[b].temperature) >= 300
        for index, a in enumerate(UNSEEN) for b in UNSEEN[:index]
    )  # fmt: skip
    said = {
        "L* falls from noon over afternoon and dusk to night": monotonic([row.lightness for row in day]),
        "L* falls on the way from noon to night": monotonic([row.lightness for row in way]),
        "the colour temperature moves one way on that way": monotonic([row.temperature for row in way]),
        "night is dark (L* 30 or less)": found["night"].lightness <= 30,
        "noon keeps the photograph (12 of 255 or less)": found["noon"].changed <= 12,
        "night is not warmer than noon in the shadows": found["night"].shadows >= found["noon"].shadows,
        "words of no lesson differ by 3 L* or 300 K": apart,
    }
    return [*table(head, numbers), "", *(f"* {what}: {'yes' if so else 'no'}" for what, so in said.items())]
