"""Colours that a file states without a profile: it looks like its twin with a profile, or like its twin in sRGB."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.profiles import SPACES, in_space, lab, rgb_profile
from zmnet_core.images.picture import read_picture
from zmnet_core.images.profiles import srgb

GRID = np.stack(np.meshgrid(*[np.arange(0, 256, 51)] * 3), -1).reshape(6, 36, 3).astype(np.uint8)
SRGB_POINTS = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # as cHRM has them: white first


def png(image: Image.Image, *chunks: tuple[bytes, bytes], **options: object) -> bytes:
    """A PNG file with these chunks before its pixels."""
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    data = file.getvalue()
    whole = (struct.pack(">I", len(b)) + name + b + struct.pack(">I", zlib.crc32(name + b)) for name, b in chunks)
    return data[:33] + b"".join(whole) + data[33:]


def gama(gamma: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">L", round(gamma * 100_000))


def chrm(points: tuple[float, ...]) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8L", *(round(value * 100_000) for value in points))


def points_of(space: str) -> tuple[float, ...]:
    red, green, blue, white, _ = SPACES[space]
    return (*white, *red, *green, *blue)


def stored(space: str) -> Image.Image:
    return Image.fromarray((in_space(GRID, space) * 255).round().astype(np.uint8))


def off(file: bytes, expected: np.ndarray = GRID) -> float:
    """How far it looks from what is expected, on the mean (CIE L*a*b*); nothing may be warned of."""
    said = []
    found = read_picture("a", file, said.append)
    assert not said and found.icc_profile == srgb()
    return float(np.linalg.norm(lab(np.asarray(found.rgb)) - lab(expected), axis=-1).mean())


@pytest.mark.parametrize("space", SPACES)
def test_gamma_and_primaries_of_a_png_file_are_obeyed(space):
    chunks = gama(1 / SPACES[space][-1]), chrm(points_of(space))
    twin = read_picture("a.png", png(stored(space), icc_profile=rgb_profile(space)))
    assert off(png(stored(space), *chunks), np.asarray(twin.rgb)) < 0.3
    assert space == "linear" or off(png(stored(space), *chunks)) < 1


def p3(curve: np.ndarray) -> Image.Image:
    return Image.fromarray((curve * 255).round().astype(np.uint8))


def test_cicp_of_display_p3_is_obeyed_and_comes_before_a_profile():
    light = in_space(GRID, "Display P3") ** 2.2
    image = p3(np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))
    chunk = (b"cICP", bytes((12, 13, 0, 1)))
    assert off(png(image, chunk)) < 0.5
    assert off(png(image, chunk, icc_profile=rgb_profile("ProPhoto"))) < 0.5
    assert off(png(stored("linear"), (b"cICP", bytes((1, 8, 0, 1))), gama(1 / 2.2))) < 3  # 8 bits of light are coarse


@pytest.mark.parametrize(
    "cicp, said",
    [
        ((9, 16, 0, 1), "its colours are HDR (PQ), and are read as if they were not"),
        ((9, 18, 0, 1), "its colours are HDR (HLG), and are read as if they were not"),
        ((99, 13, 0, 1), "(cICP 99 13 0 1), which is left out"),
        ((1, 99, 0, 1), "(cICP 1 99 0 1), which is left out"),
        ((1, 13, 9, 1), "(cICP 1 13 9 1), which is left out"),
        ((1,), "(cICP 1), which is left out"),
    ],
)
def test_cicp_that_cannot_be_obeyed_is_told(cicp, said):
    heard = []
    found = read_picture("a.png", png(Image.fromarray(GRID), (b"cICP", bytes(cicp))), heard.append)
    assert np.array_equal(found.rgb, GRID) and len(heard) == 1 and said in heard[0]


@pytest.mark.parametrize(
    "chunks",
    [
        [gama(1 / 2.2)],
        [gama(0.45455), chrm(SRGB_POINTS)],
        [chrm(SRGB_POINTS)],
        [gama(0.46)],
        [gama(1.0), (b"sRGB", b"\0")],
        [(b"cICP", bytes((1, 13, 0, 1))), gama(1.0)],
    ],
)
def test_what_means_srgb_leaves_every_number_as_it_is(chunks):
    heard = []
    assert np.array_equal(read_picture("a.png", png(Image.fromarray(GRID), *chunks), heard.append).rgb, GRID)
    assert not heard


def test_a_profile_comes_before_gamma():
    data = png(stored("Adobe RGB"), gama(1.0), icc_profile=rgb_profile("Adobe RGB"))
    assert off(data) < 1


@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8, 1 / 2.6])
@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "P"])
def test_gamma_of_grey_is_obeyed(mode, gamma):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image.fromarray(levels.astype(np.uint16) * 257 if mode == "I;16" else levels)
    image = image.convert(mode) if mode in ("LA", "P") else image
    light = (levels / 255.0) ** (1 / gamma)
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    found = np.asarray(read_picture("a.png", png(image, gama(gamma))).rgb)
    assert np.abs(found - expected[..., None]).max() <= 2


@pytest.mark.parametrize(
    "chunk, said",
    [
        (gama(0), "its gamma is 0, which cannot be meant"),
        (gama(42_000), "its gamma is 42000, which cannot be meant"),
        (chrm((0,) * 8), "its primaries cannot be meant"),
        (chrm((0.3127, 0.329, *[0.3, 0.3] * 3)), "its primaries cannot be meant"),
        (chrm((0.9, 0.09, *SRGB_POINTS[2:])), "its primaries cannot be meant"),
    ],
)
def test_odd_gamma_and_primaries_are_left_out_and_said(chunk, said):
    heard = []
    assert np.array_equal(read_picture("a.png", png(Image.fromarray(GRID), chunk), heard.append).rgb, GRID)
    assert len(heard) == 1 and said in heard[0]


@given(st.lists(st.integers(0, 2**32 - 1), min_size=8, max_size=8), st.integers(0, 2**32 - 1))
def test_whatever_a_png_file_states_it_is_read(points, gamma):
    chunks = (b"cHRM", struct.pack(">8L", *points)), (b"gAMA", struct.pack(">L", gamma))
    assert read_picture("a.png", png(Image.new("RGB", (4, 4)), *chunks), lambda text: None).size == (4, 4)


def adobe_exif(colour_space: int, index: bytes) -> bytes:
    """EXIF data as cameras write them: ColorSpace, and the index of interoperability below."""
    head = b"MM\0*" + struct.pack(">L", 8)
    below = struct.pack(">HHHLL", 1, 0x8769, 4, 1, 26) + bytes(4)
    exif = struct.pack(">HHHLHHHHLL", 2, 0xA001, 3, 1, colour_space, 0, 0xA005, 4, 1, 56) + bytes(4)
    return b"Exif\0\0" + head + below + exif + struct.pack(">HHHL", 1, 1, 2, 4) + index + bytes(4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_adobe_rgb_that_a_camera_states_by_exif_is_obeyed(kind):
    wide = in_space(np.kron(GRID, np.ones((16, 16, 1))), "Adobe RGB")
    image = Image.fromarray((wide * 255).round().astype(np.uint8))
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    files = []
    for more in ({"icc_profile": rgb_profile("Adobe RGB")}, {"exif": adobe_exif(65_535, b"R03\0")}):
        file = io.BytesIO()
        image.save(file, kind, **options, **more)
        files.append(file.getvalue())
    twin = read_picture("a", files[0])
    assert off(files[1], np.asarray(twin.rgb)) < 0.2
    assert np.abs(np.asarray(twin.rgb, int) - np.asarray(image)).max() > 15, "numbers are converted"


@pytest.mark.parametrize("colour_space, index", [(1, b"R98\0"), (65_535, b"R98\0"), (1, b"R03\0"), (65_535, b"????")])
def test_what_exif_says_otherwise_is_srgb(colour_space, index):
    data = png(Image.fromarray(GRID), exif=adobe_exif(colour_space, index))
    assert np.array_equal(read_picture("a.png", data, lambda text: None).rgb, GRID)
