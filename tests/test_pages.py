"""TIFF files of several pages, and raw ones: the picture is painted, never its preview in silence."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.tiff import tiff
from zmnet_core.errors import PictureError
from zmnet_core.images.picture import read_picture, to_picture

SMALL, LARGE = np.full((4, 6, 3), 40, np.uint8), np.full((40, 60, 3), 200, np.uint8)
DNG = {50_706: 0x0401}
SENSOR = {"pixels": np.zeros((40, 60), np.uint16), "tags": {262: 32_803}}
KINDS = pytest.mark.parametrize("options", [{}, {"big_endian": True}, {"big": True}])


def preview(**more) -> dict:
    return {"pixels": SMALL, "tags": {254: 1, **more.pop("tags", {})}, **more}


@KINDS
@pytest.mark.parametrize(
    "pages, where",
    [
        ([preview(), {"pixels": LARGE}], "page 2"),
        ([{"pixels": SMALL, "tags": {255: 2}}, {"pixels": LARGE}], "page 2"),  # as it was said in TIFF 5
        ([preview(), preview(), {"pixels": LARGE}], "page 3"),
        ([preview(), {"pixels": SMALL}, {"pixels": LARGE, "tags": {254: 0}}, {"pixels": SMALL}], "page 3"),
        ([preview(below=[{"pixels": LARGE}])], "below it"),
        ([preview(below=[preview(), {"pixels": LARGE}, {"pixels": SMALL}])], "below it"),
        ([{"pixels": SMALL, "below": [{"pixels": LARGE}]}], "below it"),
        ([{"pixels": SMALL, "tags": DNG}, {"pixels": LARGE}], "page 2"),
        ([preview(tags=DNG, below=[{"pixels": LARGE}])], "below it"),
    ],
)
def test_the_picture_is_read_and_not_its_preview(options, pages, where):
    said = []
    found = read_picture("a.tif", tiff(*pages, **options), said.append)
    assert np.array_equal(found.rgb, LARGE)
    assert said == [f"its first page is a preview; the picture is read ({where}, 60 × 40 px)"]


@KINDS
@pytest.mark.parametrize(
    "pages",
    [
        [preview(), SENSOR],
        [preview(tags=DNG, below=[SENSOR])],
        [preview(tags=DNG)],
        [preview(below=[{"pixels": LARGE.astype(np.float64)}])],
    ],
)
def test_a_file_of_which_only_the_preview_can_be_read_is_refused(options, pages):
    with pytest.raises(PictureError, match=r"of 'a.dng', only a preview can be read.*export it as TIFF, PNG or JPEG"):
        read_picture("a.dng", tiff(*pages, **options))


@pytest.mark.parametrize("tags", [{}, DNG])
def test_a_file_of_sensor_values_alone_is_refused_in_words(tags):
    with pytest.raises(PictureError, match="It is a raw file: export it as TIFF"):
        read_picture("a.dng", tiff({**SENSOR, "tags": {**SENSOR["tags"], **tags}}))


@pytest.mark.parametrize(
    "pixels, said",
    [
        (np.zeros((4, 6, 3), np.float32), r"6 × 4 px, 3 × 32 bits, floats"),
        (np.zeros((4, 6), np.float64), r"6 × 4 px, 1 × 64 bits, floats"),
        (np.zeros((4, 6), np.float16), r"6 × 4 px, 1 × 16 bits, floats"),
        (np.zeros((4, 6, 3), np.uint32), r"6 × 4 px, 3 × 32 bits, integers"),
    ],
)
def test_samples_that_pillow_does_not_read_are_named_with_what_to_do(pixels, said):
    with pytest.raises(PictureError, match=rf"It is a TIFF file \({said}\): export it as TIFF or PNG with 8"):
        read_picture("a.tif", tiff({"pixels": pixels}))


def test_pages_that_are_no_previews_are_read_as_before():
    for pages in ([{"pixels": SMALL}, {"pixels": LARGE}], [{"pixels": SMALL, "below": [preview()]}, {"pixels": LARGE}]):
        said = []
        assert np.array_equal(read_picture("a.tif", tiff(*pages), said.append).rgb, SMALL)
        assert said == ["it has 2 frames or pages, and only number 1 is read"]
    said = []
    layered = tiff({"pixels": LARGE, "below": [preview(), {"pixels": np.zeros((99, 99), np.uint8), "tags": {254: 4}}]})
    assert np.array_equal(read_picture("a.tif", layered, said.append).rgb, LARGE) and not said


def test_a_preview_that_is_all_there_is_is_read_and_said():
    said = []
    assert np.array_equal(read_picture("a.tif", tiff(preview()), said.append).rgb, SMALL)
    assert said == ["the file calls it a preview, and has no page that is more"]


@pytest.mark.parametrize("cut", range(0, 300, 7))
def test_broken_directories_end_in_words_or_in_the_picture(cut):
    data = bytearray(tiff(preview(below=[SENSOR]), {"pixels": LARGE}))
    for change in (data[: len(data) - cut], data[:cut] + bytes(8) + data[cut + 8 :], data[:-cut] + b"\xff" * cut):
        try:
            assert read_picture("a.tif", bytes(change), lambda text: None).size in ((60, 40), (6, 4))
        except PictureError as error:
            assert "'a.tif'" in str(error)


def test_a_preview_that_pillow_has_opened_is_told_of():
    said = []
    to_picture(Image.open(io.BytesIO(tiff(preview(), {"pixels": LARGE}))), said.append)
    assert "it is a preview, and its file may hold the picture itself" in said[0]
