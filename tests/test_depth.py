"""Pictures of more than 8 bits, in colour as in grey: nothing is black, dark or negative in silence."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.tiff import tiff
from zmnet_core.images.picture import read_picture, to_picture

RAMP = np.linspace(0, 1, 33)[None, :, None] * np.array([1, 0.7, 0.4])  # [1, 33, 3]


def png16(samples: np.ndarray, *chunks: tuple[bytes, bytes], filtered: bool = False) -> bytes:
    """A PNG file with 16 bits: [H, W] grey, [H, W, 2] with alpha, [H, W, 3] colour, [H, W, 4] with alpha."""
    samples = samples.reshape(*samples.shape[:2], -1)
    height, width, channels = samples.shape
    rows = np.frombuffer(samples.astype(">u2").tobytes(), np.uint8).reshape(height, -1)
    if filtered:  # each byte less that of the pixel before
        rows = rows - np.pad(rows, ((0, 0), (2 * channels, 0)))[:, : rows.shape[1]]
    data = b"".join(bytes([filtered]) + row.tobytes() for row in rows)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    whole = (struct.pack(">I", len(b)) + name + b + struct.pack(">I", zlib.crc32(name + b)) for name, b in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def deflated(samples: np.ndarray) -> bytes:
    """A TIFF file whose strip is compressed, which libtiff reads."""
    plain = tiff({"pixels": samples, "tags": {259: 8}})
    strip = zlib.compress(samples.astype("<u2").tobytes())
    file = bytearray(plain + strip)
    for tag, value in ((273, len(plain)), (279, len(strip))):
        struct.pack_into("<L", file, plain.rfind(struct.pack("<HHL", tag, 4, 1)) + 8, value)
    return bytes(file)


def in_planes(samples: np.ndarray, big_endian: bool = False) -> bytes:
    """A TIFF file with one plane of colour after the other."""

    def file(place: int) -> bytes:
        tags = {284: 2, 273: [place + size * plane for plane in range(3)], 279: [size] * 3}
        return tiff({"pixels": samples, "tags": tags}, big_endian=big_endian)

    size = samples[..., 0].nbytes
    planes = samples.transpose(2, 0, 1).astype(">u2" if big_endian else "<u2")
    return file(len(file(0))) + planes.tobytes()


FILES = {
    "TIFF, planes": in_planes,
    "TIFF, planes, big-endian": lambda samples: in_planes(samples, True),
    "TIFF": lambda samples: tiff({"pixels": samples}),
    "TIFF, big-endian": lambda samples: tiff({"pixels": samples}, big_endian=True),
    "TIFF, compressed": deflated,
    "TIFF, page 2": lambda samples: tiff({"pixels": samples[:1, :2], "tags": {254: 1}}, {"pixels": samples}),
    "PPM": lambda samples: b"P6 %d %d 65535 " % samples.shape[1::-1] + samples.astype(">u2").tobytes(),
    "PNG": png16,
    "PNG, filtered": lambda samples: png16(samples, filtered=True),
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("bits, white", [(9, 1023), (10, 1023), (12, 4095), (13, 16_383), (14, 16_383)])
def test_colour_with_fewer_bits_in_sixteen_is_not_dark_in_silence(file, bits, white):
    samples, said = (RAMP * (2**bits - 1) + 0.5).astype(np.uint16), []
    found = np.asarray(read_picture("a", FILES[file](samples), said.append).rgb)
    assert np.abs(found - samples / white * 255).max() <= 0.5 + 1e-3
    top = 2**bits - 1
    assert said[-1] == f"its brightest value is {top} where white is 65535; it is read with {white} as white"


@pytest.mark.parametrize("file", FILES)
def test_colour_with_all_its_bits_is_read_as_before_and_quietly(file):
    samples, said = (RAMP * 65_535).astype(np.uint16), []
    found = np.asarray(read_picture("a", FILES[file](samples), said.append).rgb)
    assert np.array_equal(found, samples >> 8) and not [text for text in said if "white" in text]


@given(st.integers(1, 65_535), st.integers(0, 2**31), st.sampled_from([*FILES]))
def test_colour_is_read_as_its_grey_twin(top, seed, file):
    grey = np.random.default_rng(seed).integers(0, top + 1, (3, 5)).astype(np.uint16)
    files = FILES[file](np.repeat(grey[..., None], 3, -1)), tiff({"pixels": grey})
    coloured, plain = (np.asarray(read_picture("a", data, lambda text: None).rgb).astype(int) for data in files)
    assert np.abs(coloured - plain).max() <= 1


def test_maximum_that_a_tiff_file_states_is_white_in_colour_too():
    samples, said = (RAMP * 3000).astype(np.uint16), []
    data = tiff({"pixels": samples, "tags": {281: [4095] * 3}})
    found = np.asarray(read_picture("a.tif", data, said.append).rgb)
    assert np.abs(found - samples / 4095 * 255).max() <= 0.5 + 1e-3 and not said


@pytest.mark.parametrize("channels", [1, 3])
def test_bits_that_a_png_file_states_are_obeyed_where_its_values_have_no_more(channels):
    samples = (RAMP[..., :channels] * 1000).astype(np.uint16)
    chunk = (b"sBIT", bytes([12] * channels))
    found = np.asarray(read_picture("a.png", png16(samples, chunk), lambda text: None).rgb)[..., :channels]
    assert np.abs(found - samples / 4095 * 255).max() <= 0.5 + 1e-3
    chunk = (b"sBIT", bytes([16] * channels))  # which its values do not use
    found = np.asarray(read_picture("a.png", png16(samples, chunk), lambda text: None).rgb)[..., :channels]
    assert np.abs(found - samples / 1023 * 255).max() <= 0.5 + 1e-3
    spread = (RAMP[..., :channels] * 65_535).astype(np.uint16)  # as PNG wants it
    said = []
    found = np.asarray(read_picture("a.png", png16(spread, chunk), said.append).rgb)[..., :channels]
    assert np.abs(found - spread / 65_535 * 255).max() <= 1 and not said


@pytest.mark.parametrize("alpha", [4095, 65_535])
def test_alpha_of_few_bits_or_of_all_is_kept(alpha):
    samples = np.concatenate((RAMP * 4095, np.full((1, 33, 1), alpha)), -1).astype(np.uint16)
    samples[:, :16, 3] = 0
    for data in (png16(samples), tiff({"pixels": samples, "tags": {338: 2}})):
        picture = read_picture("a", data, lambda text: None)
        assert np.asarray(picture.alpha)[0].tolist() == [0] * 16 + [255] * 17
        assert np.asarray(picture.rgb)[0, 32].tolist() == [255, 178, 102]


def test_grey_with_alpha_and_few_bits_is_not_dark():
    samples = np.stack((RAMP[..., 0] * 4095, np.full((1, 33), 65_535)), -1).astype(np.uint16)
    said = []
    found = np.asarray(read_picture("a.png", png16(samples, filtered=True), said.append).rgb)
    assert np.abs(found - samples[..., :1] / 4095 * 255).max() <= 0.51 and "4095 as white" in said[0]


def test_transparent_colour_of_few_bits_is_that_colour_only():
    samples = (RAMP * 4095).astype(np.uint16)
    data = png16(samples, (b"tRNS", struct.pack(">3H", *samples[0, 20])))
    alpha = np.asarray(read_picture("a.png", data, lambda text: None).alpha)
    assert alpha[0].tolist() == [255] * 20 + [0] + [255] * 12


@pytest.mark.parametrize("where", ["file", "bytes", "decoded before"])
def test_pil_images_with_sixteen_bits_are_read_as_their_files(tmp_path, where):
    samples, said = (RAMP * 4095).astype(np.uint16), []
    (tmp_path / "a.tif").write_bytes(tiff({"pixels": samples}))
    image = Image.open(tmp_path / "a.tif" if where == "file" else io.BytesIO((tmp_path / "a.tif").read_bytes()))
    if where == "decoded before":
        image.load()
    found = np.asarray(to_picture(image, said.append).rgb)
    assert np.abs(found - samples / 4095 * 255).max() <= (17 if where == "decoded before" else 0.51)
    assert "as white" in said[-1] and any("only the upper 8" in text for text in said) == (where == "decoded before")


def test_no_limit_of_pillow_is_asked_again_where_a_picture_is_decoded(monkeypatch):
    samples = (RAMP * 4095).astype(np.uint16)
    files = [make(samples) for make in FILES.values()] + [tiff({"pixels": samples.astype(np.uint8)})]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for file in files:
        assert read_picture("a", file, lambda text: None).size == (33, 1)


def test_tiles_of_other_packages_which_are_plain_tuples_are_decoded():
    image = Image.open(io.BytesIO(png16((RAMP * 4095).astype(np.uint16))))
    image.tile = [tuple(tile) for tile in image.tile]
    plain = io.BytesIO()
    Image.new("RGB", (3, 2), "teal").save(plain, "PPM")
    other = Image.open(plain)
    other.tile = [tuple(tile) for tile in other.tile]
    for each, size in ((image, (33, 1)), (other, (3, 2))):
        assert to_picture(each, lambda text: None).size == size


def test_bits_of_alpha_do_not_count():
    samples = np.stack((RAMP[..., 0] * 1000, np.full((1, 33), 65_535)), -1).astype(np.uint16)
    found = np.asarray(read_picture("a.png", png16(samples, (b"sBIT", bytes((12, 16)))), lambda text: None).rgb)
    assert np.abs(found - samples[..., :1] / 4095 * 255).max() <= 0.51


@pytest.mark.parametrize("bits", [12, 14])
def test_signed_integers_follow_the_same_rule(bits):
    samples, said = (RAMP[..., 0] * (2**bits - 1)).astype(np.int16), []
    found = np.asarray(read_picture("a.tif", tiff({"pixels": samples}), said.append).rgb)
    assert (found.max() == 255 and said) or found.max() == 127


@pytest.mark.parametrize(
    "top, white, told", [(0.2, 1, False), (0.9, 1, False), (100, 255, True), (200, 255, False), (20_000, 65_535, True)]
)
def test_floats_that_come_not_near_a_guessed_white_are_told(top, white, told):
    said = []
    found = np.asarray(
        read_picture("a.tif", tiff({"pixels": (RAMP[..., 0] * top).astype(np.float32)}), said.append).rgb
    )
    assert np.abs(found[..., 0] - RAMP[..., 0] * top / white * 255).max() <= 0.51
    assert said == [f"its values go up to {top}, and it is read with {white} as white"] * told


@pytest.mark.parametrize("dtype, white", [(np.uint8, 255), (np.uint16, 65_535), (np.uint16, 4095), (np.float32, 1)])
def test_white_is_zero_in_every_depth(dtype, white):
    ramp = np.linspace(0, 1, 33)[None]
    stored = ((1 - ramp) * white + (0 if dtype is np.float32 else 0.5)).astype(dtype)
    found = np.asarray(read_picture("a.tif", tiff({"pixels": stored, "tags": {262: 0}}), lambda text: None).rgb)
    assert np.abs(found[..., 0] - ramp * 255).max() <= 1
