"""Pictures in and out, with real files of every kind Pillow writes."""

import errno
import io
import random
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, features
from PIL.PngImagePlugin import PngInfo

from tests.conftest import data_at, picture_of
from tests.profiles import cmyk_profile, grey_profile, in_space, lab, rgb_profile
from zmnet_core.errors import PictureError, in_words
from zmnet_core.files import replacing
from zmnet_core.images import metadata
from zmnet_core.images.folders import find_pictures
from zmnet_core.images.formats import PLUGINS, SUFFIXES
from zmnet_core.images.metadata import Metadata, upright
from zmnet_core.images.picture import (
    Picture,
    fit_short_side,
    in_own_profile,
    read_picture,
    to_picture,
    to_pil,
    to_tensor,
    write_picture,
)
from zmnet_core.images.profiles import srgb
from zmnet_core.images.resize import looked_at
from zmnet_core.styling.paint import encode_painting, stylize_picture

EXIF_CASES = (
    "exif-odd-tag-refused-0.jpg",
    "exif-odd-tag-refused-3.jpg",
    "exif-uncaught-0-AttributeError.jpg",
    "exif-uncaught-2-TypeError.jpg",
)
SRGB = srgb()


@pytest.fixture(scope="module")
def photo(make_picture) -> Image.Image:
    """An RGB picture, 30 wide and 20 high, no two corners alike."""
    return to_pil(make_picture(20, 30, 3)[0])


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file put together by hand, for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    whole = (struct.pack(">I", len(b)) + name + b + struct.pack(">I", zlib.crc32(name + b)) for name, b in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


# Reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16", "PA"])
def test_every_mode_becomes_rgb_of_the_same_size(photo, mode):
    image = photo.convert("L").convert("I").convert(mode) if mode in ("I;16", "F") else Image.new(mode, photo.size)
    picture = to_picture(image)
    assert picture.rgb.mode == "RGB" and picture.size == photo.size
    assert to_tensor(image).shape == (3, 20, 30)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm", ".tif"])
def test_lossless_file_is_read_to_the_bit(tmp_path, photo, suffix):
    photo.save(tmp_path / f"a{suffix}")
    picture = read_picture(tmp_path / f"a{suffix}")
    assert np.array_equal(picture.rgb, photo)
    assert picture.alpha is None and picture.icc_profile is None


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".gif", ".jp2"])
def test_lossy_file_is_read_nearly(tmp_path, photo, suffix):
    photo.resize((120, 80)).save(tmp_path / f"a{suffix}")
    difference = np.asarray(read_picture(tmp_path / f"a{suffix}").rgb, float) - np.asarray(
        photo.resize((120, 80)), float
    )
    assert abs(difference).mean() < 12


def test_sixteen_bit_grey_is_scaled_and_not_cut(tmp_path):
    values = np.array([[0, 128, 257], [20_000, 40_000, 65_535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "grey.png")
    red = np.asarray(read_picture(tmp_path / "grey.png").rgb)[..., 0]
    assert np.abs(red - values / 65_535 * 255).max() <= 0.5


def test_sixteen_bit_grey_with_a_transparent_value_keeps_both(tmp_path):
    row = b"\0" + struct.pack(">4H", 0, 20_000, 40_000, 65_535)
    (tmp_path / "a.png").write_bytes(png(4, 1, 16, 0, row, (b"tRNS", struct.pack(">H", 20_000))))
    picture = read_picture(tmp_path / "a.png")
    assert np.asarray(picture.rgb)[0, [0, 2, 3], 0].tolist() == [0, 156, 255]  # 78 is not seen
    assert np.asarray(picture.alpha)[0].tolist() == [255, 0, 255, 255]


def test_float_picture_is_read_in_0_to_1():
    values = np.array([[0.0, 0.25, 1.0]], np.float32)
    assert np.asarray(to_picture(Image.fromarray(values)).rgb)[0, :, 1].tolist() == [0, 64, 255]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_float_picture_with_nan_is_black_there_and_said(odd):
    said = []
    picture = to_picture(Image.fromarray(np.array([[0.5, odd, 1.0]], np.float32)), said.append)
    assert np.asarray(picture.rgb)[0, :, 1].tolist() == [128, 0, 255]
    assert said == ["1 of its 3 values are NaN or infinite, and black"]
    with pytest.raises(PictureError, match="nothing but NaN or infinite"):
        to_picture(Image.fromarray(np.full((2, 2), odd, np.float32)))


@pytest.mark.parametrize("profile", [None, b"not a profile", SRGB], ids=["none", "broken", "of another space"])
def test_cmyk_becomes_rgb_whatever_its_profile(tmp_path, profile):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.tif", icc_profile=profile)
    picture = read_picture(tmp_path / "a.tif")
    red, green, blue = picture.rgb.getpixel((4, 4))
    assert red > 200 and green < 80 and blue < 80
    assert picture.icc_profile is None, "a CMYK profile kept beside RGB numbers"


def test_palette_with_transparency_keeps_colours_and_alpha(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=1)
    picture = read_picture(tmp_path / "a.png")
    assert picture.rgb.getpixel((0, 0)) == (255, 0, 0)
    assert picture.rgb.getpixel((1, 0)) == (255, 0, 0), "blue is not seen, and replaced by what is"
    assert [picture.alpha.getpixel((x, 0)) for x in (0, 1)] == [255, 0]


@pytest.mark.parametrize("mode, colour", [("LA", (90, 40)), ("RGBA", (90, 90, 90, 40))])
def test_alpha_is_set_aside_and_does_not_darken_the_colour(tmp_path, mode, colour):
    Image.new(mode, (5, 4), colour).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.rgb.getpixel((0, 0)) == (90, 90, 90)
    assert picture.alpha.mode == "L" and picture.alpha.getextrema() == (40, 40)


def test_alpha_that_is_opaque_everywhere_is_none(photo):
    image = photo.copy()
    image.putalpha(255)
    assert to_picture(image).alpha is None


def test_picture_of_one_pixel_is_read(tmp_path):
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "a.png")
    assert to_tensor(read_picture(tmp_path / "a.png").rgb).mul(255).flatten().tolist() == [1, 2, 3]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_stands_the_picture_upright(tmp_path, photo, orientation):
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = photo
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "a.png").rgb, photo)


FRAMES = [Image.new("RGB", (9, 7), colour) for colour in ("red", "blue", "lime")]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
@given(count=st.integers(1, 5))
def test_first_frame_is_read_and_the_others_are_counted(kind, count):
    file = encoded(FRAMES[0], kind, save_all=True, append_images=[FRAMES[1 + i % 2] for i in range(count - 1)])
    said = []
    red, green, blue = read_picture("a", file, said.append).rgb.getpixel((3, 3))
    assert red > 250 and green < 5 and blue < 5
    assert said == [f"it has {count} frames or pages, and only number 1 is read"] * (count > 1)


def test_frames_are_told_of_pil_images_that_have_several_and_of_no_others(heard):
    image = Image.open(io.BytesIO(encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:])))
    image.seek(1)
    assert to_picture(image).rgb.getpixel((3, 3)) == (0, 0, 255) and image.tell() == 1
    assert heard() == ["the picture: it has 3 frames or pages, and only number 2 is read"]
    to_picture(image.copy())
    to_picture(Image.open(io.BytesIO(encoded(FRAMES[0], "MPO", save_all=True, append_images=FRAMES[1:]))))
    to_picture(Image.open(io.BytesIO(encoded(FRAMES[0], "GIF"))))
    assert not heard()


# Colour profiles -------------------------------------------------------------------------------


@given(st.integers(0, 2**31))
def test_one_picture_in_four_profiles_is_one_picture(seed):
    srgb = np.random.default_rng(seed).integers(0, 256, (16, 16, 3))
    for space in ("Display P3", "Adobe RGB", "ProPhoto"):
        stored = Image.fromarray((in_space(srgb, space) * 255).round().astype(np.uint8))
        file = encoded(stored, "PNG", icc_profile=rgb_profile(space))
        found = read_picture("a.png", file)
        difference = np.linalg.norm(lab(np.asarray(found.rgb)) - lab(srgb), axis=-1)
        assert difference.mean() <= 1 and found.icc_profile == SRGB, space
        assert np.array_equal(to_tensor(Image.open(io.BytesIO(file))), to_tensor(found.rgb)), "tensors of a PIL image"
        opened = to_picture(Image.open(io.BytesIO(file)))
        assert np.array_equal(opened.rgb, found.rgb)
        assert np.array_equal(to_picture(opened.to_image()).rgb, found.rgb), "converted twice"


@given(st.integers(0, 2**31), st.sampled_from(["Display P3", "Adobe RGB", "ProPhoto"]))
def test_a_result_may_go_back_to_its_own_profile_and_looks_the_same(seed, space):
    srgb = np.random.default_rng(seed).integers(0, 256, (16, 16, 3))
    stored = Image.fromarray((in_space(srgb, space) * 255).round().astype(np.uint8))
    picture = read_picture("a.png", encoded(stored, "PNG", icc_profile=rgb_profile(space)))
    own = in_own_profile(picture)
    assert own.icc_profile == rgb_profile(space) and not np.array_equal(own.rgb, picture.rgb)
    again = read_picture("b.png", encoded(own.rgb, "PNG", icc_profile=own.icc_profile))
    assert np.linalg.norm(lab(np.asarray(again.rgb)) - lab(np.asarray(picture.rgb)), axis=-1).mean() <= 1
    plain = read_picture("c.png", encoded(stored, "PNG"))
    assert in_own_profile(plain) is plain


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_grey_goes_through_its_profile(mode, gamma):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image.fromarray(levels.astype(np.uint16) * 257 if mode == "I;16" else levels)
    if mode == "LA":
        image.putalpha(200)
    found = read_picture("a.png", encoded(image, "PNG", icc_profile=grey_profile(gamma)))
    light = (levels / 255.0) ** gamma
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(np.asarray(found.rgb) - expected[..., None]).max() <= 1
    assert found.icc_profile == SRGB


def test_dark_levels_of_16_bit_grey_are_told_apart_before_the_profile():
    values = np.arange(0, 512, dtype=np.uint16)[None]
    values = np.concatenate((values, np.full_like(values, 65_535)))
    found = read_picture("a.png", encoded(Image.fromarray(values), "PNG", icc_profile=grey_profile(1.0)))
    assert len(np.unique(np.asarray(found.rgb)[0])) > 20  # two, had it been rounded to 8 bits first


def test_grey_with_an_rgb_profile_is_the_grey_of_that_profile():
    image = Image.new("L", (4, 4), 55)
    assert read_picture("a.png", encoded(image, "PNG", icc_profile=SRGB)).rgb.getpixel((0, 0)) == (55, 55, 55)
    found = read_picture("a.png", encoded(image, "PNG", icc_profile=rgb_profile("linear"))).rgb.getpixel((0, 0))
    assert all(abs(value - 128) <= 1 for value in found)


def test_cmyk_goes_through_its_profile(heard):
    corners = np.zeros((2, 2, 2, 2, 3))  # black wherever inks meet
    corners[0, 0, 0, 0], corners[1, 0, 0, 0], corners[0, 1, 0, 0] = (100, 0, 0), (60, -20, -30), (50, 60, 10)
    image = Image.new("CMYK", (4, 1))
    for x, inks in enumerate([(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 0, 255)]):
        image.putpixel((x, 0), inks)
    found = read_picture("a.tif", encoded(image, "TIFF", icc_profile=cmyk_profile(corners)))
    expected = [(100, 0, 0), (60, -20, -30), (50, 60, 10), (0, 0, 0)]
    assert np.linalg.norm(lab(np.asarray(found.rgb)[0]) - expected, axis=-1).max() < 2
    assert found.icc_profile == SRGB and not heard()


def test_lab_is_converted():
    names = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    colours = np.array([[[255, 0, 0], [0, 90, 200], [128, 128, 128], [255, 255, 255]]], np.uint8)
    image = ImageCms.profileToProfile(Image.fromarray(colours), *names, outputMode="LAB")
    difference = lab(np.asarray(to_picture(image).rgb)) - lab(colours)
    assert np.linalg.norm(difference, axis=-1).max() < 3  # 8 bits of L*a*b* are coarse


@pytest.mark.parametrize("profile", [b"no profile", SRGB[:200], b""], ids=["text", "cut short", "empty"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_broken_profile_is_left_out_with_a_warning(photo, heard, profile, mode):
    image = photo.convert(mode)
    found = read_picture("a.tif", encoded(image, "TIFF", icc_profile=profile))
    assert np.array_equal(found.rgb, image.convert("RGB")) and found.icc_profile is None
    assert heard() == (["'a.tif': its colour profile is left out: it is broken"] if profile else [])


def test_profile_of_numbers_of_another_kind_is_left_out_with_a_warning(photo, heard):
    found = read_picture("a.png", encoded(photo, "PNG", icc_profile=grey_profile(1.0)))
    assert np.array_equal(found.rgb, photo) and found.icc_profile is None
    assert heard() == ["'a.png': its colour profile is left out: it is one for grey, and the picture is RGB"]


@given(st.binary(max_size=300), st.integers(0, 500), st.sampled_from(["RGB", "L", "CMYK"]))
def test_whatever_the_profile_the_picture_is_read(noise, place, mode):
    profile = bytearray(rgb_profile("Display P3") if mode == "RGB" else grey_profile(1.8))
    profile[place : place + len(noise)] = noise
    image = Image.new(mode, (4, 4))
    file = encoded(image, "TIFF", icc_profile=bytes(profile))
    assert read_picture("a.tif", file, warn=lambda text: None).size == (4, 4)


def test_pictures_with_profiles_look_like_their_twins():
    place = data_at("cases")
    grey = np.asarray(read_picture(place / "grey-with-linear-grey-profile.png").rgb)
    assert 71 <= grey.mean() <= 73  # 20 if the profile is not obeyed
    found = read_picture(place / "photo-p3-profile.png")
    assert found.icc_profile == SRGB
    with Image.open(place / "photo-p3-profile.png") as stored:
        assert np.abs(np.asarray(found.rgb, int) - np.asarray(stored)).max() > 15, "numbers are converted"


def test_result_is_srgb_and_says_so_where_the_photograph_said_something(tmp_path, make_model, make_picture):
    model = make_model("conv")
    srgb = to_pil(make_picture(48, 64, 1)[0])
    wide = Image.fromarray((in_space(np.asarray(srgb), "Display P3") * 255).round().astype(np.uint8))
    wide.save(tmp_path / "wide.png", icc_profile=rgb_profile("Display P3"))
    style = encode_painting(model, srgb)
    plain, tagged = (model.stylize(image, style) for image in (srgb, Image.open(tmp_path / "wide.png")))
    assert "icc_profile" not in plain.info and tagged.info["icc_profile"] == SRGB
    assert np.abs(np.asarray(plain, int) - np.asarray(tagged)).mean() < 1
    out = write_picture(stylize_picture(model, read_picture(tmp_path / "wide.png"), style), tmp_path / "out.jpg")
    with Image.open(out) as image:
        assert image.info["icc_profile"] == SRGB
    same = encode_painting(model, Image.open(tmp_path / "wide.png")).values
    assert (style.values - same).abs().max() < 0.02 * style.values.std()


# Ranges ----------------------------------------------------------------------------------------


def levels_of(image: Image.Image) -> list[int]:
    """A row of grey as it is read, by way of a TIFF file."""
    return np.asarray(read_picture("a.tif", encoded(image, "TIFF")).rgb)[0, :, 1].tolist()


RAMP = np.linspace(0, 1, 101, dtype=np.float64)[None]


def test_float_ramp_that_ends_just_above_1_is_a_ramp(heard):
    found = levels_of(Image.fromarray((RAMP * 1.001).astype(np.float32)))
    assert abs(np.array(found) - RAMP[0] * 255).max() <= 1 and not heard()


def test_hdr_is_cut_off_at_1_and_said(heard):
    values = RAMP.astype(np.float32).copy()
    values[:, 90:] = 40
    found = levels_of(Image.fromarray(values))
    assert found[50] == 128 and found[95] == 255
    assert heard() == ["'a.tif': 11% of its values are not within 0 to 1 and are cut off"]


@pytest.mark.parametrize("white", [255, 65_535])
def test_floats_of_a_larger_range_are_scaled(white, heard):
    assert levels_of(Image.fromarray((RAMP * white).astype(np.float32)))[50] in (127, 128) and not heard()


def test_floats_that_would_be_black_are_made_brighter_and_said(heard):
    assert levels_of(Image.fromarray((RAMP * 9).astype(np.float32)))[100] == 255
    assert "its brightest value is 9 where white is 255; it is read with 9 as white" in heard()[0]


def test_float_below_0_is_black_and_said(heard):
    assert levels_of(Image.fromarray((RAMP * 2 - 1).astype(np.float32)))[::50] == [0, 0, 255]
    assert "50% of its values are not within 0 to 1" in heard()[0]


def test_twelve_bits_in_sixteen_are_what_the_file_states(heard):
    image = Image.fromarray((RAMP * 3000).astype(np.uint16))
    stated = encoded(image, "TIFF", tiffinfo={281: 4095})
    assert np.asarray(read_picture("a.tif", stated).rgb)[0, 100, 0] == round(3000 / 4095 * 255) and not heard()
    assert levels_of(image)[100] == round(3000 / 4095 * 255)
    assert heard() == ["'a.tif': its brightest value is 3000 where white is 65535; it is read with 4095 as white"]


@pytest.mark.parametrize("factor, white", [(1, 255), (257, 65_535), (2**22 + 1, 2**30 - 1)])
def test_integers_of_32_bits_are_neither_black_nor_white(factor, white):
    image = Image.fromarray((np.arange(256, dtype=np.int64)[None] * factor).astype(np.int32))
    found = np.array(levels_of(image))
    assert found[0] == 0 and found[255] > 120 and (np.diff(found) >= 0).all()
    assert abs(np.asarray(to_picture(image).rgb)[0, :, 0] - np.arange(256) * factor / white * 255).max() <= 1


def test_dark_picture_of_16_bits_stays_dark(heard):
    assert levels_of(Image.fromarray((RAMP * 17_000).astype(np.uint16)))[100] == 66
    stated = encoded(Image.fromarray((RAMP * 9000).astype(np.uint16)), "TIFF", tiffinfo={281: 65_535})
    assert np.asarray(read_picture("a.tif", stated).rgb)[0, 100, 0] == 35 and not heard()


def test_fourteen_bits_in_sixteen_are_not_dark_in_silence(heard):
    assert levels_of(Image.fromarray((RAMP * 16_383).astype(np.uint16)))[::50] == [0, 127, 255]
    assert heard() == ["'a.tif': its brightest value is 16383 where white is 65535; it is read with 16383 as white"]


def test_floats_far_above_every_range_are_scaled_and_said(heard):
    assert levels_of(Image.fromarray((RAMP * 1e6).astype(np.float32)))[::50] == [0, 128, 255]
    assert heard() == ["'a.tif': its values go up to 1e+06, and it is read with 1e+06 as white"]
    assert levels_of(Image.fromarray((RAMP * 50).astype(np.float32)))[::50] == [0, 128, 255]
    assert "its brightest value is 50 where white is 255; it is read with 50 as white" in heard()[0]


def test_black_is_black(heard):
    for dtype in (np.uint16, np.int32, np.float32):
        assert set(levels_of(Image.fromarray(np.zeros((4, 4), dtype)))) == {0}
    assert not heard()


@given(
    st.sampled_from([np.uint16, np.int32, np.float32]),
    st.floats(1e-6, 1),
    st.integers(0, 2**31),
    st.sampled_from(["TIFF", "in memory"]),
)
def test_no_picture_becomes_black_or_white_in_silence(dtype, scale, seed, where):
    top = {np.uint16: 65_535, np.int32: 2**31 - 1, np.float32: 1e6}[dtype] * scale
    values = (np.random.default_rng(seed).random((16, 16)) * top).astype(dtype)
    image, said = Image.fromarray(values), []
    picture = to_picture(image, said.append) if where == "in memory" else None
    picture = picture or read_picture("a.tif", encoded(image, "TIFF"), said.append)
    rgb = np.asarray(picture.rgb)[..., 0].astype(int)
    if values.max() > 0:
        assert rgb.max() >= 15 or said, "black in silence"
    assert (rgb == 255).mean() < 0.5 or said, "white in silence"
    order = np.argsort(values, axis=None, kind="stable")
    assert (np.diff(rgb.ravel()[order]) >= 0).all(), "brighter is darker"


def test_ranges_of_files():
    place = data_at("cases")
    assert abs(np.asarray(read_picture(place / "float-slightly-over-1.tif").rgb)[..., 0].mean() - 0.29142 * 255) < 2
    assert 60 < np.asarray(read_picture(place / "12-bit-in-16.tif").rgb).mean() < 90


# Transparency ----------------------------------------------------------------------------------

HOLES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31), st.floats(0, 1))


def with_holes(height: int, width: int, seed: int, share: float) -> tuple[Image.Image, Image.Image]:
    """The same picture twice: colours differ where alpha is 0, and nowhere else."""
    random = np.random.default_rng(seed)
    alpha = np.where(random.random((height, width)) < share, 0, random.integers(1, 256, (height, width)))
    colours = random.integers(0, 256, (2, height, width, 3))
    colours[1] = np.where(alpha[..., None] > 0, colours[0], colours[1])
    one, other = (Image.fromarray(np.dstack((each, alpha)).astype(np.uint8)) for each in colours)
    return one, other


@given(HOLES)
def test_what_alpha_hides_has_no_influence_and_what_is_seen_stays(holes):
    one, other = with_holes(*holes)
    pictures = [to_picture(image, warn=lambda text: None) for image in (one, other)]
    assert np.array_equal(pictures[0].rgb, pictures[1].rgb)
    given, rgb = np.asarray(one), np.asarray(pictures[0].rgb)
    alpha = given[..., 3]
    assert np.array_equal(rgb[alpha >= 128], given[..., :3][alpha >= 128])
    if alpha.any():
        seen = given[..., :3][alpha > 0]
        assert (rgb >= seen.min(0)).all() and (rgb <= seen.max(0)).all(), "a colour that is nowhere in the picture"


def test_hidden_pixels_get_the_colours_next_to_them():
    colours = np.zeros((64, 64, 4), np.uint8)
    colours[:, :16], colours[:, 48:] = (200, 0, 0, 255), (0, 0, 200, 255)
    rgb = np.asarray(to_picture(Image.fromarray(colours)).rgb).astype(int)
    assert abs(rgb[:, 17] - (200, 0, 0)).max() <= 30 and abs(rgb[:, 46] - (0, 0, 200)).max() <= 30
    assert (rgb.sum(-1) > 150).all(), "black got in"


def test_colour_that_is_hardly_seen_has_hardly_any_influence():
    colours = np.full((64, 64, 4), 200, np.uint8)
    colours[:, 32:] = (0, 0, 0, 2)
    assert np.asarray(to_picture(Image.fromarray(colours)).rgb).min() > 170


def test_soft_rim_takes_its_colour_from_what_it_belongs_to():
    colours = np.full((40, 40, 4), (200, 100, 50, 255), np.uint8)
    for step, alpha in enumerate((150, 60, 20, 3, 0)):
        colours[:, 20 + step :] = (0, 255, 0, alpha)
    rgb = np.asarray(to_picture(Image.fromarray(colours)).rgb)
    assert (rgb[:, 20] == (0, 255, 0)).all(), "more seen than not"
    colours[:, 20] = (200, 100, 50, 150)
    assert (abs(np.asarray(to_picture(Image.fromarray(colours)).rgb).astype(int) - (200, 100, 50)) <= 1).all()


def test_picture_that_is_seen_through_everywhere_keeps_its_colours(photo):
    image = photo.copy()
    image.putalpha(40)
    assert np.array_equal(to_picture(image).rgb, photo)


def test_nothing_to_be_seen_is_grey_and_said(heard):
    assert to_picture(Image.new("RGBA", (5, 4), (255, 0, 0, 0))).rgb.getextrema() == ((128, 128),) * 3
    assert heard() == ["the picture: it is transparent everywhere and read as grey"]


def both(name: str) -> list[Path]:
    return [data_at(f"cases/{name}-hidden-{colour}.png") for colour in ("black", "white")]


def test_cut_outs_and_logos_that_look_alike_give_what_looks_alike(make_model, make_picture):
    model, painting = make_model("conv"), to_pil(make_picture(90, 120, seed=4)[0])
    style = encode_painting(model, painting)
    results = [model.stylize(Image.open(file), style) for file in both("cutout")]
    assert results[0].mode == "RGBA" and np.array_equal(*results)
    by_file = [stylize_picture(model, read_picture(file), style).rgb for file in both("cutout")]
    assert np.array_equal(*by_file) and np.array_equal(by_file[0], results[0].convert("RGB"))
    results = [model.stylize(painting, Image.open(file)) for file in both("logo-style")]
    assert np.array_equal(*results)
    for file in both("logo-style"):
        assert np.array_equal(results[0], model.stylize(painting, encode_painting(model, Image.open(file))))
        assert np.array_equal(results[0], model.stylize(painting, encode_painting(model, read_picture(file).rgb)))


def test_a_cut_out_looks_the_same_before_white_and_in_the_result(make_model):
    """The rim takes nothing from the hidden colour: the cut-out's mean over what is seen is that of its opaque twin."""
    colours = np.full((96, 96, 4), (180, 90, 60, 255), np.uint8)
    opaque = Image.fromarray(colours).convert("RGB")
    colours[:24], colours[72:], colours[:, :24], colours[:, 72:] = 4 * [(0, 255, 0, 0)]
    model = make_model("conv")
    style = encode_painting(model, opaque.rotate(9))
    cut, whole = (
        np.asarray(model.stylize(image, style).convert("RGB")) for image in (Image.fromarray(colours), opaque)
    )
    assert np.array_equal(cut, whole)


@pytest.mark.parametrize("zipped", [True, False])
def test_png_with_a_long_text_is_read(tmp_path, photo, zipped):
    info = PngInfo()
    info.add_text("workflow", "workflow " * 300_000, zip=zipped)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(tmp_path / "a.png", pnginfo=info, exif=exif)
    whole = (tmp_path / "a.png").read_bytes()
    for data in (None, whole):
        picture = read_picture(tmp_path / "a.png", data)
        assert np.array_equal(picture.rgb, photo.transpose(Image.Transpose.ROTATE_270))


def iccp(profile: bytes, padding: int = 0) -> tuple[bytes, bytes]:
    return b"iCCP", b"made\0\0" + zlib.compress(profile + bytes(padding))


@pytest.mark.parametrize("padding", [2 << 20, 40 << 20], ids=["2 MB", "40 MB"])
def test_png_whose_profile_is_followed_by_much_is_read_and_the_profile_obeyed(tmp_path, heard, padding):
    row = b"\0" + bytes((10, 200, 30)) * 3
    data = png(3, 1, 8, 2, row, iccp(rgb_profile("Display P3"), padding))
    (tmp_path / "a.png").write_bytes(data)
    slight = read_picture("a.png", png(3, 1, 8, 2, row, iccp(rgb_profile("Display P3"))))
    for found in (read_picture("a.png", data), read_picture(tmp_path / "a.png")):
        assert np.array_equal(found.rgb, slight.rgb) and found.icc_profile == SRGB
        assert found.rgb.getpixel((0, 0)) != (10, 200, 30) and not heard()


@pytest.mark.parametrize("profile, said", [
    (struct.pack(">L", 40 << 20) + bytes(40 << 20), "it has more than 16 MB"),
    (struct.pack(">L", 9 << 20) + bytes(2 << 20), "it is broken"),
    (bytes(2 << 20), "it is broken"),
])  # fmt: skip
def test_png_whose_profile_is_no_sane_one_is_read_without_it(heard, profile, said):
    found = read_picture("a.png", png(1, 1, 8, 2, b"\0\x0a\xc8\x1e", iccp(profile)))
    assert found.rgb.getpixel((0, 0)) == (10, 200, 30) and found.icc_profile is None
    assert heard() == [f"'a.png': its colour profile is left out: {said}"]


def test_png_of_a_long_workflow():
    assert read_picture(data_at("cases/png-with-1.5MB-zipped-workflow.png")).rgb.mode == "RGB"


def dates_of(data: bytes) -> dict[int, bytes]:
    return dict(read_picture("a.png", data).metadata.texts)


def texts(photo: Image.Image, exif: Image.Exif | None = None, zip: bool = False, **entries: str) -> bytes:
    """A PNG file with these texts; a name's _ is a space."""
    info = PngInfo()
    for name, text in entries.items():
        info.add_itxt(name.replace("_", " "), text, zip=zip) if zip else info.add_text(name.replace("_", " "), text)
    return encoded(photo, "PNG", pnginfo=info, **({"exif": exif} if exif else {}))


@pytest.mark.parametrize("zip", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_author_copyright_and_date_of_a_png_file_are_written_again(tmp_path, photo, heard, zip, suffix):
    made = texts(photo, zip=zip, Author="Ada", Copyright="© Ada", Creation_Time="2024-05-06T07:08:09", Comment="no")
    write_picture(read_picture("a.png", made), tmp_path / f"b{suffix}")
    with Image.open(tmp_path / f"b{suffix}") as image:
        exif = image.getexif()
        assert exif[0x013B] == "Ada" and exif[0x8298].encode("latin-1").decode() == "© Ada"
        assert exif.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09" and len(exif) == 3
    assert not heard()


def test_what_exif_says_comes_before_texts(photo):
    exif = Image.Exif()
    exif[0x013B] = "Bob"
    assert dates_of(texts(photo, exif, Author="Ada", Copyright="Ada")) == {0x013B: b"Bob", 0x8298: b"Ada"}


@pytest.mark.parametrize(
    "text", ["Mon, 06 May 2024 07:08:09 +0000", "2024-05-06 07:08:09", "2024-05-06T07:08:09Z", "2024:05:06 07:08:09"]
)
def test_dates_of_every_form_become_those_of_exif(photo, text):
    assert dates_of(texts(photo, Creation_Time=text)) == {0x9003: b"2024:05:06 07:08:09"}


def test_texts_that_cannot_be_kept_are_told(photo, heard):
    assert not dates_of(texts(photo, Creation_Time="last spring", Author="A" * 10_001))
    said = "'a.png': its text '{}' is left out: it is {}"
    assert heard() == [said.format("Author", "too long"), said.format("Creation Time", "no date")]


@given(st.text(max_size=40))
def test_whatever_the_date_it_is_one_or_left_out(text):
    found = metadata._date(text)
    assert found is None or (len(found) == 19 and found.isascii())


def test_author_is_kept_beside_a_long_workflow(photo):
    long = texts(photo, Author="Ada", workflow="workflow " * 300_000)
    packed = b"workflow\0\0" + zlib.compress(b"workflow " * 300_000)
    chunk = struct.pack(">L", len(packed)) + b"zTXt" + packed + struct.pack(">L", zlib.crc32(b"zTXt" + packed))
    assert dates_of(long) == dates_of(long[:33] + chunk + long[33:]) == {0x013B: b"Ada"}


# Refusing --------------------------------------------------------------------------------------


def test_missing_file_is_named(tmp_path):
    with pytest.raises(PictureError, match="there is no picture '.*none.jpg'"):
        read_picture(tmp_path / "none.jpg")


def test_folder_in_place_of_a_picture_is_named(tmp_path):
    with pytest.raises(PictureError, match="is a folder"):
        read_picture(tmp_path)


@pytest.mark.parametrize(
    "content", [b"Dear Sir or Madam,", b"", b"\xff\xd8\xff"], ids=["text", "empty", "start of a JPEG"]
)
def test_file_that_is_no_picture_is_refused_by_name(tmp_path, content):
    (tmp_path / "letter.jpg").write_bytes(content)
    with pytest.raises(PictureError, match="letter.jpg' is not a picture that Pillow can read"):
        read_picture(tmp_path / "letter.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_truncated_file_is_refused_and_not_half_grey(tmp_path, make_picture, kind):
    whole = encoded(to_pil(make_picture(80, 80, 0)[0]), kind)
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PictureError, match="half' is (damaged|not a picture)"):
        read_picture(tmp_path / "half")


def test_header_that_promises_too_many_pixels_is_refused_before_decoding(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png(60_000, 60_000, 1, 0, b""))
    with pytest.raises(PictureError, match="bomb.png' is too large.*: 256 megapixels are the most. Scale"):
        read_picture(tmp_path / "bomb.png")


def test_what_the_system_refuses_is_said_in_words_and_of_the_file_that_was_named(tmp_path, monkeypatch):
    with pytest.raises(OSError) as refused, replacing(tmp_path / "picture.png") as temporary:
        raise OSError(errno.ENOSPC, "No space left on device", str(temporary))
    assert refused.value.filename == str(tmp_path / "picture.png") and in_words(refused.value) == "the disk is full"
    (tmp_path / "file").touch()
    with pytest.raises(PictureError, match="picture.png' could not be written: a file stands where a folder is"):
        write_picture(Picture(Image.new("RGB", (8, 8))), tmp_path / "file" / "picture.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    monkeypatch.setattr(Image, "open", Mock(side_effect=PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(PictureError, match="secret.png' cannot be read: you do not have the permission.$"):
        read_picture(tmp_path / "secret.png")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about EXIF
def test_broken_bytes_give_a_picture_or_a_picture_error_and_nothing_else(tmp_path, photo):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    wholes = [
        encoded(photo, "JPEG", exif=exif, icc_profile=SRGB),
        encoded(photo, "PNG", exif=exif, icc_profile=SRGB),
        encoded(photo.quantize(16), "GIF"),
        encoded(photo, "WEBP", exif=exif),
        encoded(photo, "BMP"),
        encoded(photo.convert("CMYK"), "JPEG", icc_profile=SRGB),
    ]
    dice, refused = random.Random(1), 0
    for round_ in range(600):
        broken = bytearray(wholes[round_ % len(wholes)])
        for _ in range(dice.choice((1, 2, 8))):
            broken[dice.randrange(min(len(broken), dice.choice((60, 400, 10**9))))] = dice.choice(
                (0, 255, dice.randrange(256))
            )
        (tmp_path / "broken").write_bytes(broken)
        try:
            assert read_picture(tmp_path / "broken").rgb.mode == "RGB"
        except PictureError as error:
            refused += 1
            assert "broken'" in str(error)
    assert refused > 50


def exif_of(*entries: tuple[int, int, int, bytes], order: str = "<") -> bytes:
    """A block of EXIF put together by hand: (tag, type, count, four bytes of value or place)."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    parts = [struct.pack(order + "HHL", *entry[:3]) + entry[3] for entry in entries]
    return b"Exif\0\0" + start + struct.pack(order + "LH", 8, len(parts)) + b"".join(parts) + bytes(4)


def with_exif(image: Image.Image, block: bytes) -> bytes:
    """A JPEG file with this block of EXIF, whatever is in it."""
    whole = encoded(image, "JPEG", quality=95, subsampling=0)
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + whole[2:]


@pytest.fixture
def heard(caplog) -> Callable[[], list[str]]:
    """What was warned of since the last call."""

    def said() -> list[str]:
        found = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return found

    return said


TURNED = (0x0112, 3, 1, struct.pack("<HH", 6, 0))


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param((0x0144, 2, 4, b"abc\0"), id="text for a number"),
        pytest.param((0x011A, 9, 1, struct.pack("<l", -1)), id="a resolution below 0"),
        pytest.param((0x0128, 4, 1, struct.pack("<L", 4294967295)), id="a unit of 32 bits"),
        pytest.param((0x010F, 11, 1, struct.pack("<f", 3.5)), id="a number for a maker"),
        pytest.param((0x011A, 7, 1, b"\0\0\0\0"), id="bytes for a resolution"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_odd_entry_of_exif_is_left_out_with_a_warning_and_the_picture_is_upright(tmp_path, photo, heard, entry, first):
    whole = with_exif(photo, exif_of(*((entry, TURNED) if first else (TURNED, entry))))
    (tmp_path / "a.jpg").write_bytes(whole)
    expected = Image.open(io.BytesIO(encoded(photo, "JPEG", quality=95, subsampling=0))).rotate(-90, expand=True)
    assert np.array_equal(read_picture(tmp_path / "a.jpg").rgb, expected)
    (said,) = heard()
    assert "a.jpg': what its EXIF data say is not all in order and left out (" in said
    assert np.array_equal(to_picture(Image.open(tmp_path / "a.jpg")).rgb, expected), "the library's door"
    written = write_picture(read_picture(tmp_path / "a.jpg"), tmp_path / "b.jpg")
    with Image.open(written) as image:
        assert image.size == expected.size and 0x0112 not in image.getexif()


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about EXIF
def test_orientation_after_an_entry_that_points_nowhere_is_read(tmp_path, photo):
    (tmp_path / "a.jpg").write_bytes(with_exif(photo, exif_of((0x010F, 2, 900, struct.pack("<L", 10**6)), TURNED)))
    assert read_picture(tmp_path / "a.jpg").size == (20, 30)


@pytest.mark.parametrize("file", sorted(EXIF_CASES))
def test_sound_pictures_with_odd_exif_are_read(file):
    picture = read_picture(data_at("cases") / file)
    assert picture.size == (48, 64)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about EXIF
@given(
    entries=st.lists(
        st.tuples(
            st.sampled_from([0x010F, 0x0110, 0x011A, 0x0128, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825, 0x0144, 0x9286]),
            st.integers(0, 14),
            st.integers(0, 9) | st.integers(0, 2**32 - 1),
            st.binary(min_size=4, max_size=4),
        ),
        max_size=6,
    ),
    orientation=st.integers(1, 8),
    order=st.sampled_from("<>"),
    where=st.integers(0, 6),
)
def test_whatever_exif_says_the_picture_is_upright(entries, orientation, order, where):
    image = to_pil(picture_of(20, 30, 3)[0])
    entries.insert(min(where, len(entries)), (0x0112, 3, 1, struct.pack(order + "HH", orientation, 0)))
    file = with_exif(image, exif_of(*entries, order=order))
    plain = Image.open(io.BytesIO(encoded(image, "JPEG", quality=95, subsampling=0)))
    picture = read_picture("a.jpg", file, warn=lambda text: None)
    assert np.array_equal(picture.rgb, upright(plain, orientation))
    assert picture.metadata.exif() is None or picture.metadata.exif().startswith(b"Exif")


# Finding ---------------------------------------------------------------------------------------


def test_pictures_of_a_folder_are_found_in_order_and_nothing_else(tmp_path, photo):
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "a.JPG", "sub/c.webp", ".hidden.png"):
        photo.save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    assert [p.relative_to(tmp_path).as_posix() for p in find_pictures(tmp_path)] == ["a.JPG", "b.png", "sub/c.webp"]


def test_path_of_one_picture_is_that_picture(tmp_path, photo):
    photo.save(tmp_path / "a.png")
    assert find_pictures(tmp_path / "a.png") == [tmp_path / "a.png"]


def test_empty_folder_is_refused_naming_what_was_looked_for(tmp_path):
    with pytest.raises(PictureError, match="holds no picture") as error:
        find_pictures(tmp_path)
    assert all(suffix in str(error.value) for suffix in SUFFIXES)


def test_missing_folder_is_refused_by_name(tmp_path):
    with pytest.raises(PictureError, match="there is no file or folder '.*nowhere'"):
        find_pictures(tmp_path / "nowhere")


def test_jfif_and_avif_are_found_in_folders(tmp_path, photo):
    (tmp_path / "a.jfif").write_bytes(encoded(photo, "JPEG"))
    (tmp_path / "b.JFIF").write_bytes(encoded(photo, "JPEG"))
    names = ["a.jfif", "b.JFIF"]
    if features.check("avif"):
        (tmp_path / "c.avif").write_bytes(encoded(photo, "AVIF"))
        names.append("c.avif")
    found = find_pictures(tmp_path)
    assert [file.name for file in found] == names
    assert all(read_picture(file).size == photo.size for file in found)


HEIC, JXL = b"\0\0\0\x1cftypheic" + bytes(40), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)


@pytest.mark.parametrize(
    "beginning, package, module",
    [
        (HEIC, "pillow-heif", "pillow_heif"),
        (JXL, "pillow-jxl-plugin", "pillow_jxl"),
        (b"\xff\x0a", "pillow-jxl-plugin", "pillow_jxl"),
    ],
)
def test_package_that_reads_a_format_is_named_whatever_the_file_is_called(
    tmp_path, monkeypatch, beginning, package, module
):
    monkeypatch.setitem(sys.modules, module, None)  # not installed
    (tmp_path / "IMG_1.jpg").write_bytes(beginning)
    for data in (None, beginning):
        with pytest.raises(PictureError, match=f"IMG_1.jpg' is not a picture that .* pip install {package}$"):
            read_picture(tmp_path / "IMG_1.jpg", data)


def test_package_that_reads_a_format_is_used_where_it_is_installed(tmp_path, monkeypatch, photo):
    registered = []

    def register() -> None:
        registered.append(True)
        monkeypatch.setattr(Image, "open", lambda file: photo.copy())

    monkeypatch.setitem(sys.modules, "pillow_heif", SimpleNamespace(register_heif_opener=register))
    (tmp_path / "a.heic").write_bytes(HEIC)
    assert read_picture(tmp_path / "a.heic").size == photo.size and registered == [True]


@pytest.mark.parametrize("suffix", [".heic", ".jxl"])
def test_files_of_such_formats_are_read_or_the_package_is_named(suffix):
    try:
        assert read_picture(data_at(f"cases/photo{suffix}")).size == (64, 64)
    except PictureError as error:
        assert f"pip install {PLUGINS[suffix][0]}" in str(error)


@pytest.mark.skipif(".heic" in SUFFIXES, reason="pillow-heif is installed")
def test_pictures_of_a_folder_that_need_a_package_are_counted(tmp_path, photo, heard):
    (tmp_path / "a.heic").write_bytes(HEIC)
    with pytest.raises(
        PictureError, match="holds no picture .* 1 of its files needs a package: pip install pillow-heif"
    ):
        find_pictures(tmp_path)
    photo.save(tmp_path / "b.png")
    assert find_pictures(tmp_path) == [tmp_path / "b.png"]
    assert heard() == [f"'{tmp_path}': 1 of its files needs a package: pip install pillow-heif"]


# Writing ---------------------------------------------------------------------------------------


def test_png_comes_back_to_the_bit_with_alpha_and_profile(tmp_path, photo):
    alpha = photo.getchannel("R").point(lambda value: max(128, value))
    write_picture(Picture(photo, alpha, SRGB), tmp_path / "new" / "a.png")
    picture = read_picture(tmp_path / "new" / "a.png")
    assert np.array_equal(picture.rgb, photo) and np.array_equal(picture.alpha, alpha)
    assert picture.icc_profile == SRGB


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".JPEG"])
def test_profile_survives_a_round_trip(tmp_path, photo, suffix):
    path = write_picture(Picture(photo, None, SRGB), tmp_path / f"a{suffix}")
    assert read_picture(path).icc_profile == SRGB


def said_by(image: Image.Image) -> dict[str, str]:
    exif = image.getexif()
    texts = {"date": exif.get(0x0132), "artist": exif.get(0x013B), "copyright": exif.get(0x8298)}
    return texts | {"taken": exif.get_ifd(0x8769).get(0x9003)}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_who_made_it_when_and_its_resolution_are_written_again(tmp_path, make_model, photo, source, suffix):
    exif = Image.Exif()
    exif[0x0112], exif[0x0132], exif[0x010F] = 6, "2021:01:02 03:04:05", "a maker"
    exif[0x013B], exif[0x8298] = "Zoë".encode(), "(c) Zoe"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    if source == "WEBP":
        exif[0x011A], exif[0x011B], exif[0x0128] = 300.0, 150.0, 2
    (tmp_path / "a").write_bytes(encoded(photo, source, exif=exif, dpi=(300, 150)))
    model = make_model("conv")
    style = encode_painting(model, photo)
    read = read_picture(tmp_path / "a")
    assert read.size == (20, 30)
    written = write_picture(stylize_picture(model, read, style), tmp_path / f"b{suffix}")
    expected = {"date": "2021:01:02 03:04:05", "artist": "Zoë", "copyright": "(c) Zoe", "taken": "2020:01:02 03:04:05"}
    if source == "TIFF":
        expected["taken"] = None  # Pillow forgets where it stands once the file is closed
    with Image.open(written) as image:
        said, entries = said_by(image), image.getexif()
    assert {**said, "artist": said["artist"].encode("latin-1").decode()} == expected
    assert 0x0112 not in entries and 0x010F not in entries, "the orientation has been applied"
    again = read_picture(written)
    assert again.size == (20, 30) and again.metadata.texts == read.metadata.texts
    assert again.metadata.dpi == pytest.approx((300, 150), abs=0.1)
    result = model.stylize(Image.open(tmp_path / "a"), style)
    assert result.size == (20, 30) and to_picture(result).metadata.texts == read.metadata.texts
    assert result.info["dpi"] == pytest.approx((300, 150), abs=0.1)
    result.save(tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as image:
        assert image.size == (20, 30) and 0x0112 not in image.getexif()


@given(
    st.dictionaries(st.sampled_from([0x0132, 0x013B, 0x8298, 0x9003, 0x9004]), st.binary(min_size=1, max_size=40)),
    st.none() | st.tuples(st.floats(2, 65_000), st.floats(2, 65_000)),
    st.sampled_from([".png", ".jpg", ".webp"]),
)
def test_metadata_come_back_from_every_format(texts, dpi, suffix):
    kept = tuple((tag, text.strip(b"\0 ")) for tag, text in sorted(texts.items()) if text.strip(b"\0 "))
    kept = tuple((tag, text) for tag, text in kept if b"\0" not in text and (tag < 0x9000 or text.isascii()))
    with TemporaryDirectory() as folder:
        picture = Picture(Image.new("RGB", (8, 8)), metadata=Metadata(kept, dpi))
        found = read_picture(write_picture(picture, Path(folder) / f"a{suffix}")).metadata
    assert tuple(sorted(found.texts)) == kept
    assert found.dpi == (None if dpi is None else pytest.approx(dpi, abs=0.51))


def test_file_that_says_nothing_gives_a_file_that_says_nothing(tmp_path, photo):
    (tmp_path / "a.jpg").write_bytes(encoded(photo, "JPEG"))
    for suffix in (".png", ".jpg", ".webp"):
        with Image.open(write_picture(read_picture(tmp_path / "a.jpg"), tmp_path / f"b{suffix}")) as image:
            assert not image.info.keys() & {"exif", "dpi", "icc_profile"} and not image.getexif()


def test_transparent_pixels_are_white_in_a_jpeg(tmp_path):
    alpha = Image.new("L", (32, 32), 0)
    path = write_picture(Picture(Image.new("RGB", (32, 32), "black"), alpha), tmp_path / "a.jpg")
    assert min(low for low, _ in read_picture(path).rgb.getextrema()) > 250


def test_webp_keeps_alpha(tmp_path, photo):
    alpha = Image.new("L", photo.size, 40)
    assert read_picture(write_picture(Picture(photo, alpha), tmp_path / "a.webp")).alpha.getextrema() == (40, 40)


def test_quality_changes_the_size_of_a_jpeg(tmp_path, make_picture):
    picture = Picture(to_pil(make_picture(64, 64, 0)[0]))
    coarse, fine = (write_picture(picture, tmp_path / f"{q}.jpg", quality=q) for q in (20, 95))
    assert 2 * coarse.stat().st_size < fine.stat().st_size


@pytest.mark.parametrize("name", ["a.gif", "a.tiff", "a"])
def test_suffix_that_cannot_be_written_is_refused_with_the_list(tmp_path, photo, name):
    with pytest.raises(PictureError, match="must be one of .jpg, .jpeg, .png, .webp"):
        write_picture(Picture(photo), tmp_path / name)


@pytest.mark.parametrize("name, size", [("a.jpg", (1, 70_000)), ("a.webp", (1, 17_000))])
def test_picture_too_large_for_its_format_leaves_the_old_file(tmp_path, name, size):
    (tmp_path / name).write_bytes(b"the old file")
    with pytest.raises(PictureError, match="could not be written"):
        write_picture(Picture(Image.new("RGB", size)), tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"the old file"
    assert [p.name for p in tmp_path.iterdir()] == [name], "a temporary file was left"


def test_path_that_the_disk_refuses_is_a_picture_error(tmp_path, photo):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "file" / "a.png", tmp_path / "folder.png"):
        with pytest.raises(PictureError, match="could not be written"):
            write_picture(Picture(photo), path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.png"]


def test_writing_over_the_file_that_was_read_works(tmp_path, photo):
    path: Path = tmp_path / "a.png"
    photo.save(path)
    write_picture(read_picture(path), path)
    assert np.array_equal(read_picture(path).rgb, photo)


# Tensors ---------------------------------------------------------------------------------------


def test_all_256_levels_come_back_from_a_tensor():
    levels = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB")
    tensor = to_tensor(levels)
    assert tensor.dtype == torch.float32 and tensor.min() == 0 and tensor.max() == 1
    assert np.array_equal(to_pil(tensor), levels)


def test_channels_rows_and_columns_are_where_they_belong():
    image = Image.new("RGB", (3, 2))
    image.putpixel((2, 1), (255, 0, 51))
    tensor = to_tensor(image)
    assert tensor.shape == (3, 2, 3)
    assert tensor[:, 1, 2].tolist() == pytest.approx([1.0, 0.0, 0.2])
    assert tensor.count_nonzero() == 2


def test_values_outside_0_to_1_are_clipped_and_others_rounded():
    tensor = torch.tensor([-0.3, 1.7, 100.4 / 255, 100.6 / 255]).expand(3, 1, 4)
    assert np.asarray(to_pil(tensor))[0, :, 0].tolist() == [0, 255, 100, 101]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused_and_not_painted_black(bad):
    tensor = torch.zeros(3, 4, 4)
    tensor[1, 2, 3] = bad
    with pytest.raises(PictureError, match="NaN or infinite"):
        to_pil(tensor)


def test_a_tensor_without_pixels_is_a_picture_without_pixels():
    assert [to_pil(torch.zeros(3, *sides)).size for sides in ((0, 5), (5, 0))] == [(5, 0), (0, 5)]


@given(st.integers(1, 90), st.integers(1, 90), st.one_of(st.none(), st.integers(1, 90)), st.integers(1, 40))
def test_short_side_is_what_was_asked_and_the_aspect_is_kept(width, height, size, least):
    fitted = fit_short_side(Image.new("RGB", (width, height)), size, least)
    short = max(size or min(width, height), least)
    assert min(fitted.size) == short
    scale = short / min(width, height)
    assert abs(fitted.width - width * scale) <= 0.5 and abs(fitted.height - height * scale) <= 0.5


def test_picture_that_fits_already_is_not_resampled(photo):
    assert fit_short_side(photo, 20) is photo
    assert fit_short_side(photo, None) is photo
    assert fit_short_side(photo, (10, 40)) is photo


@pytest.mark.parametrize("sizes, short", [((30, 40), 30), ((5, 10), 10), ((12, 12), 12)])
def test_short_side_outside_a_range_becomes_its_nearer_end(photo, sizes, short):
    assert min(photo.size) == 20 and min(fit_short_side(photo, sizes).size) == short


def test_orientation_is_applied_to_pictures_given_in_memory():
    image, exif = Image.linear_gradient("L").resize((96, 64)).convert("RGB"), Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    assert to_picture(Image.open(file)).size == (64, 96)


@pytest.mark.parametrize("other", ["photo.jpg", None, 3])
def test_what_is_no_picture_is_refused_by_name(other):
    with pytest.raises(TypeError, match=f"not {type(other).__name__}"):
        to_picture(other)


# One look at a painting ------------------------------------------------------------------------


@pytest.mark.parametrize("shape, size", [((400, 600), (256, 384)), ((90, 70), (256, 199)), ((512, 512), (64, 64))])
def test_paintings_are_looked_at_as_pil_does(make_picture, shape, size):
    image = to_pil(make_picture(*shape, seed=1)[0])
    expected = to_tensor(image.resize(size[::-1], Image.Resampling.BILINEAR))[None]
    found = looked_at(to_tensor(image)[None], size)
    assert (found - expected).abs().max() < 1.2 / 255  # PIL rounds twice


@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_a_painting_is_the_same_through_every_door(make_model, make_picture, strength):
    """PIL or tensors, library or nodes: half a level in the picture at most."""
    model = make_model("conv")
    photograph, painting = (
        to_pil(make_picture(*shape, seed=seed)[0]) for shape, seed in (((120, 160), 1), ((500, 700), 2))
    )
    by_pil = to_tensor(model.stylize(photograph, painting, strength=strength))
    style = model.encode_style(to_tensor(painting)[None])
    by_tensor = model.apply(to_tensor(photograph)[None], style, strength)[0]
    assert (by_pil - by_tensor).abs().max() <= 1.01 / 255  # the picture itself is rounded by half a level
    values = encode_painting(model, painting).values
    assert ((values - style.values).abs() / style.values.std()).max() < 0.01
