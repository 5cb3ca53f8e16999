"""What must hold to the bit, whatever the picture: what is hidden steers nothing, a profile works pixel by pixel, and
the levels that 8 bits can hold come back from every larger range.
"""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from tests.profiles import cmyk_profile, grey_profile, rgb_profile
from zmnet_core.images.metadata import UPRIGHT
from zmnet_core.images.picture import Picture, read_picture, to_picture
from zmnet_core.images.profiles import srgb

SEEDS = st.integers(0, 2**31)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def same(*pictures: Picture) -> bool:
    """Whether pixels and transparency are the same to the bit."""
    alphas = [picture.alpha and picture.alpha.tobytes() for picture in pictures]
    return len({picture.rgb.tobytes() for picture in pictures}) == 1 and len(set(alphas)) == 1


def quiet(_: str) -> None:
    """Nobody listens."""


# Hidden colour ---------------------------------------------------------------------------------


@given(SEEDS, st.integers(1, 30), st.integers(1, 30), st.sampled_from(["LA", "RGBA", "WEBP", "TIFF", "PA"]))
def test_colour_under_transparency_never_matters(seed, width, height, form):
    dice = np.random.default_rng(seed)
    alpha = dice.choice([0, 0, 1, 127, 128, 255], (height, width)).astype(np.uint8)
    found = []
    for _ in range(2):  # the same picture twice, but for what cannot be seen
        hidden = dice.integers(0, 256, (height, width, 3), np.uint8)
        seen = np.random.default_rng(seed + 1).integers(0, 256, (height, width, 3), np.uint8)
        pixels = np.where(alpha[..., None] == 0, hidden, seen)
        if form == "LA":
            found.append(read_picture("a", encoded(Image.fromarray(np.dstack((pixels[..., 0], alpha))), "PNG"), quiet))
        elif form == "PA":
            image = Image.fromarray(pixels[..., 0]).convert("P")
            image.putalpha(Image.fromarray(alpha))
            assert image.mode == "PA"
            found.append(to_picture(image, quiet))
        else:
            options = {"lossless": True, "exact": True} if form == "WEBP" else {}
            image = Image.fromarray(np.dstack((pixels, alpha)))
            found.append(read_picture("a", encoded(image, "PNG" if form == "RGBA" else form, **options), quiet))
    assert same(*found)


@given(SEEDS, st.integers(0, 255))
def test_the_colour_of_a_transparent_entry_of_a_palette_never_matters(seed, entry):
    dice = np.random.default_rng(seed)
    places, palette, found = dice.integers(0, 256, (12, 16), np.uint8), dice.integers(0, 256, 768, np.uint8), []
    places[0, 0] = entry
    for _ in range(2):
        palette[3 * entry : 3 * entry + 3] = dice.integers(0, 256, 3)
        image = Image.fromarray(places).convert("P")
        image.frombytes(places.tobytes())
        image.putpalette(palette.tobytes())
        found.append(read_picture("a", encoded(image, "PNG", transparency=entry), quiet))
    assert same(*found) and found[0].alpha.getpixel((0, 0)) == 0


@given(SEEDS, st.sampled_from(["L", "RGB", "I;16"]))
def test_the_value_that_stands_for_transparent_never_matters(seed, mode):
    dice = np.random.default_rng(seed)
    top = 60_000 if mode == "I;16" else 250
    seen = dice.integers(20, top, (9, 11, 3)).astype(np.uint16 if mode == "I;16" else np.uint8)
    hole, found = dice.random((9, 11)) < 0.4, []
    for value in (top + 1, top + 3, 3):  # none of which is a colour of the picture
        pixels = np.where(hole[..., None], value, seen).astype(seen.dtype)
        image = Image.fromarray(pixels if mode == "RGB" else pixels[..., 0])
        key = (value, value, value) if mode == "RGB" else value
        found.append(read_picture("a", encoded(image, "PNG", transparency=key), quiet))
    assert same(*found)
    assert not hole.any() or np.array_equal(np.asarray(found[0].alpha), np.where(hole, 0, 255))


# Profiles and orientation ----------------------------------------------------------------------

PROFILES = {
    "RGB": rgb_profile("Display P3"),
    "L": grey_profile(1.8),
    "CMYK": cmyk_profile(np.random.default_rng(0).uniform((0, -60, -60), (100, 60, 60), (2, 2, 2, 2, 3))),
}
DEPTHS = {"RGB": 3, "CMYK": 4}


def random_picture(seed: int, mode: str, height: int = 9, width: int = 13) -> np.ndarray:
    shape = (height, width, DEPTHS[mode]) if mode in DEPTHS else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def read(pixels: np.ndarray, mode: str, orientation: int = 1, profile: bytes | None = None) -> Picture:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
    return read_picture("a", encoded(image, "TIFF" if mode == "CMYK" else "PNG", exif=exif, icc_profile=profile), quiet)


@given(SEEDS, st.sampled_from([*PROFILES]))
def test_a_profile_works_pixel_by_pixel(seed, mode):
    pixels = random_picture(seed, mode)
    whole = np.asarray(read(pixels, mode, profile=PROFILES[mode]).rgb)
    order = np.random.default_rng(seed).permutation(pixels.shape[0] * pixels.shape[1])
    mixed = pixels.reshape(len(order), -1)[order].reshape(pixels.shape)
    assert np.array_equal(
        whole.reshape(-1, 3)[order], np.asarray(read(mixed, mode, profile=PROFILES[mode]).rgb).reshape(-1, 3)
    )
    assert np.array_equal(whole[2:5, 3:7], np.asarray(read(pixels[2:5, 3:7], mode, profile=PROFILES[mode]).rgb))


@given(SEEDS, st.sampled_from([*PROFILES]), st.sampled_from([*UPRIGHT]))
def test_turning_upright_moves_pixels_and_changes_none(seed, mode, orientation):
    pixels = random_picture(seed, mode)
    for profile in (None, PROFILES[mode]):
        plain = read(pixels, mode, profile=profile).rgb
        assert plain.transpose(UPRIGHT[orientation]).tobytes() == read(pixels, mode, orientation, profile).rgb.tobytes()


@given(SEEDS, st.sampled_from(["RGB", "L"]))
def test_a_picture_that_says_it_is_srgb_is_the_one_that_says_nothing(seed, mode):
    pixels = random_picture(seed, mode)
    said, unsaid = read(pixels, mode, profile=srgb()), read(pixels, mode)
    assert same(said, unsaid) and said.icc_profile and not unsaid.icc_profile
    assert np.array_equal(np.asarray(unsaid.rgb), pixels if mode == "RGB" else np.repeat(pixels[..., None], 3, 2))


# Ranges ----------------------------------------------------------------------------------------


def tiff(values: np.ndarray, **tags: object) -> bytes:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[int(tag[1:])] = value
    return encoded(Image.fromarray(values), "TIFF", tiffinfo=info)


@given(SEEDS)
def test_all_levels_of_8_bits_come_back_from_16_bits_and_floats(seed):
    levels = random_picture(seed, "L")
    levels[0, :2] = 0, 255  # so that what white is cannot be mistaken
    for file in (
        encoded(Image.fromarray(levels.astype(np.uint16) * 257), "PNG"),
        tiff(levels.astype(np.uint16) * 257),
        tiff(levels.astype(np.float32) / 255),
    ):
        assert np.array_equal(np.asarray(read_picture("a", file, quiet).rgb)[..., 0], levels)


@given(SEEDS, st.sampled_from([10, 12, 14, 16]))
def test_white_is_what_the_stated_bits_hold(seed, bits):
    values = np.random.default_rng(seed).integers(0, 2**bits, (9, 13)).astype(np.uint16)
    values[0, 0] = 2**bits - 1
    found = np.asarray(read_picture("a", tiff(values, t281=2**bits - 1), quiet).rgb)[..., 0]
    assert np.abs(found - values * 255.0 / (2**bits - 1)).max() <= 0.51


@given(SEEDS, st.floats(0.2, 1), st.sampled_from([255.0, 65_535.0]))
def test_floats_mean_the_same_in_every_range(seed, top, white):
    values = np.random.default_rng(seed).uniform(0.1, 1, (9, 13)).astype(np.float32)
    values *= np.float32(top)
    plain, scaled = (np.asarray(read_picture("a", tiff(v), quiet).rgb).astype(int) for v in (values, values * white))
    sure = (values * white).max() > 255 or white == 255
    if sure and values.max() > 0.26:  # less than a quarter of what is but guessed is made brighter
        assert np.abs(plain - scaled).max() <= 1
    assert np.abs(plain[..., 0] - values * 255.0).max() <= 0.51


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_one_value_everywhere_is_one_grey_everywhere(mode):
    for value in (0, 1):
        numbers = np.full((5, 6), value * {"I;16": 65_535, "I": 65_535, "F": 1}[mode])
        image = Image.fromarray(numbers.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]))
        assert np.asarray(to_picture(image, quiet).rgb).reshape(-1, 3).tolist() == [[255 * value] * 3] * 30
