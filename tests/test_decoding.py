"""Pictures that are not as they should be: what is of no use is skipped, the rest converted, and both are told."""

import io
import logging

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from zmnet_core.data.decoding import NAMED, Note, Tally, decode
from zmnet_core.data.sources import Loaded, LocalFile


def blobs(height: int, width: int) -> Image.Image:
    """A smooth RGB picture."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([255 * x // width, 255 * y // height, 0 * x + 90], -1).astype(np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


GREY = (np.asarray(blobs(70, 90).convert("L"), np.uint16) * 257).astype(np.uint16)
FRAMES = {"save_all": True, "append_images": [blobs(70, 90).rotate(180)]}
UNUSUAL = {
    "CMYK": saved(blobs(70, 90).convert("CMYK"), "JPEG", quality=95),
    "16-bit": saved(Image.fromarray(GREY), "PNG"),
    "animated": saved(blobs(70, 90), "WEBP", lossless=True, **FRAMES),
    "enlarged": saved(blobs(35, 45), "PNG"),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_unusual_pictures_are_converted_and_noted(kind):
    notes = {}
    picture = decode(Loaded("p", UNUSUAL[kind]), None, notes)
    expected = blobs(70, 90).convert("L").convert("RGB") if kind == "16-bit" else blobs(70, 90)
    if kind == "enlarged":
        assert picture.shape == (3, 64, 82)
    else:
        difference = picture.permute(1, 2, 0).int() - torch.from_numpy(np.array(expected)).int()
        assert picture.shape == (3, 70, 90) and difference.abs().float().mean() < 4
    assert notes == {"p": Note(kind, f"'p' ({kind})")}


@pytest.mark.parametrize(
    "data",
    [
        saved(blobs(70, 90), "PNG"),
        saved(blobs(70, 90), "JPEG"),
        saved(blobs(70, 90).convert("L"), "PNG"),
        saved(blobs(70, 90).convert("P"), "GIF"),
        saved(blobs(70, 90), "MPO", save_all=True, append_images=[blobs(70, 90)]),
    ],
    ids=["PNG", "JPEG", "grey", "GIF of one frame", "JPEG of a telephone with a second picture"],
)
def test_usual_pictures_are_not_noted(data):
    notes = {}
    assert decode(Loaded("p", data), None, notes).shape == (3, 70, 90)
    assert notes == {}


@pytest.mark.parametrize(
    "data, kind, text",
    [
        (saved(blobs(70, 90), "PNG")[:200], "damaged", "'p' is damaged"),
        (b"no picture", "damaged", "'p' is not a picture"),
        (b"", "damaged", "'p' is not a picture"),
        (saved(blobs(15, 90), "PNG"), "tiny", "'p' is 90×15 px, 16 are the least"),
    ],
)
def test_useless_pictures_are_skipped_and_noted(data, kind, text):
    notes = {}
    assert decode(Loaded("p", data), None, notes) is None
    assert notes["p"].kind == kind and text in notes["p"].text


def test_file_that_is_gone_is_skipped_and_noted(tmp_path):
    notes = {}
    assert decode(LocalFile(tmp_path / "gone.png"), None, notes) is None
    assert notes[str(tmp_path / "gone.png")].kind == "missing"


def test_each_picture_counts_once_and_ten_of_each_sort_are_named(caplog):
    tally = Tally(Accelerator(cpu=True))
    with caplog.at_level(logging.WARNING):
        for part in range(3):
            tally.add({f"bad-{i}": Note("damaged", f"bad-{i}") for i in range(4 * part, 4 * part + 8)})
            tally.add({f"cmyk-{i}": Note("CMYK", f"cmyk-{i}") for i in range(2)})
            counts = tally.report()
    assert counts == {"damaged": 16, "CMYK": 2}
    named = [record.message for record in caplog.records]
    assert named.count("converted: cmyk-0") == 1 and sum(name.startswith("skipped") for name in named) == NAMED == 10


def test_pictures_with_odd_exif_are_read_upright_and_noted(caplog):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "abc"
    data = saved(blobs(70, 90), "JPEG", exif=exif).replace(
        b"\x01\x0e\x00\x02", b"\x01\x44\x00\x02"
    )  # text for a number
    notes = {}
    assert decode(Loaded("p", data), None, notes).shape == (3, 90, 70)
    assert notes["p"].kind == "odd" and "EXIF" in notes["p"].text and "'p'" in notes["p"].text
    assert not caplog.records, "said once, by the report"


def test_what_alpha_hides_is_not_trained_on():
    alpha = Image.fromarray(np.where(np.mgrid[:70, :90][0] < 30, 0, 255).astype(np.uint8))
    seen = []
    for colour in ("black", "white"):
        image = Image.composite(blobs(70, 90), Image.new("RGB", (90, 70), colour), alpha)
        image.putalpha(alpha)
        seen.append(decode(Loaded("p", saved(image, "PNG")), None, {}))
    assert torch.equal(*seen)
