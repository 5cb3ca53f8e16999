"""How picture files are opened: large ones in little memory, none above the limit, and what is no picture at all."""

import gzip
import io
import os
import struct
import tarfile
import threading
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zmnet_core.assets import DEMO_PICTURES
from zmnet_core.data.sources import find_files
from zmnet_core.errors import PictureError
from zmnet_core.images.allowing import allowing, quiet
from zmnet_core.images.folders import find_pictures
from zmnet_core.images.opening import most_megapixels
from zmnet_core.images.picture import GAP, fit_short_side, read_picture, to_picture
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import stylize_picture


def jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG file of this size whose pixels are missing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(100))
    parts = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (header, data))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# Decoded smaller -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["contents/astronaut", "contents/chelsea", "styles/irises-van-gogh"])
@pytest.mark.parametrize("size, part", [(24, 2), (20, 4), (10, 8)])
def test_a_large_jpeg_that_is_decoded_smaller_ends_as_the_whole_one_does(name, size, part):
    small = Image.open(DEMO_PICTURES / f"{name}.jpg").convert("RGB")
    whole = small.resize([round(side * size * GAP * part / min(small.size)) for side in small.size])
    data = jpeg(whole, quality=92)
    drafted, plain = (read_picture("a.jpg", data, size=s) for s in (size, None))
    assert drafted.full == whole.size and max(abs(part * a - b) for a, b in zip(drafted.size, whole.size)) < part
    assert plain.full is None and plain.size == whole.size
    ends = [np.asarray(fit_short_side(each.rgb, size, full=each.full)).astype(int) for each in (drafted, plain)]
    off = np.abs(ends[0] - ends[1])
    assert ends[0].shape == ends[1].shape and off.mean() < 0.6 and off.max() <= 4  # levels


@given(st.integers(64, 700), st.integers(64, 700), st.integers(1, 24), st.sampled_from([1, 3, 6]))
def test_the_shape_is_that_of_the_whole_picture(width, height, size, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(Image.new("RGB", (width, height), "teal"), exif=exif)
    drafted, plain = (read_picture("a.jpg", data, size=s) for s in (size, None))
    assert min(drafted.size) >= min(GAP * size, min(plain.size))
    fitted = fit_short_side(drafted.rgb, size, full=drafted.full)
    assert fitted.size == fit_short_side(plain.rgb, size).size and min(fitted.size) == size


def test_a_picture_decoded_smaller_is_painted_in_its_shape(model, style):
    look = Look(size=17)
    data = jpeg(Image.new("RGB", (1003, 701), "teal"))
    drafted = read_picture("a.jpg", data, size=17)
    assert drafted.size == (126, 88) and drafted.full == (1003, 701)
    painted = stylize_picture(model, drafted, style, look)
    assert painted.size == (24, 17) and painted.full is None
    assert painted.size == stylize_picture(model, read_picture("a.jpg", data), style, look).size


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
def test_other_formats_and_small_jpegs_are_read_as_they_are(kind):
    image = Image.effect_mandelbrot((160, 120), (-2, -1.5, 1, 1.5), 50).convert("RGB")
    file = io.BytesIO()
    image.save(file, kind, **({"lossless": True} if kind == "WEBP" else {}))
    picture = read_picture("a", file.getvalue(), size=2)
    assert picture.full is None and picture.rgb.tobytes() == image.tobytes()
    data = jpeg(image)
    near = read_picture("a", data, size=120 // GAP // 2 + 1)
    assert near.full is None and near.rgb.tobytes() == read_picture("a", data).rgb.tobytes()


@pytest.mark.parametrize("action", ["error", "always"])
def test_what_pillow_warns_of_is_no_error_and_not_shown_whatever_python_does_of_warnings(action):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    block = bytearray(exif.tobytes())
    block[22:24] = b"\xff\xff"  # an entry longer than the block
    odd = jpeg(Image.new("RGB", (8, 6), "teal"), exif=bytes(block))
    with pytest.warns(UserWarning, match="larger than file"):
        Image.open(io.BytesIO(odd)).getexif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what whoever opens it is told is not ours
        image = Image.open(io.BytesIO(odd))
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter(action)
        before = list(warnings.filters)
        assert read_picture("a.jpg", odd).size == to_picture(image).size == (8, 6)
        assert warnings.filters == before and not shown


def test_threads_that_read_leave_warnings_as_they_were():
    before, inside = list(warnings.filters), threading.Barrier(8)

    def read() -> None:
        for _ in range(50):
            with quiet():
                pass
        with quiet():
            inside.wait(10)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside.broken is False and warnings.filters == before


# The limit -------------------------------------------------------------------------------------


def test_the_largest_picture_is_stated_and_lifted_by_option_and_environment(monkeypatch):
    data = png_header(16_001, 16_000)
    with pytest.raises(PictureError, match=r"\(16001 × 16000 px\): 256 megapixels are the most.*ZMNET_MEGAPIXELS"):
        read_picture("a.png", data)
    for most in (257, 0):
        with pytest.raises(PictureError, match="is damaged"):  # it is looked at
            read_picture("a.png", data, megapixels=most)
    monkeypatch.setenv("ZMNET_MEGAPIXELS", "257")
    with pytest.raises(PictureError, match="is damaged"):
        read_picture("a.png", data)
    with pytest.raises(PictureError, match="1.5 megapixels are the most"):  # what is given comes first
        read_picture("a.png", data, megapixels=1.5)
    assert most_megapixels(0) == float("inf") and most_megapixels() == 257


@pytest.mark.parametrize("text", ["many", "-1", "nan", "inf", "1e999"])
def test_a_limit_that_is_no_number_is_refused_and_not_taken_for_none(monkeypatch, text):
    monkeypatch.setenv("ZMNET_MEGAPIXELS", text)
    with pytest.raises(PictureError, match=f"ZMNET_MEGAPIXELS is '{text}': a number of megapixels"):
        read_picture("a.png", png_header(8, 8))


@pytest.mark.parametrize("size", [(16_000, 16_000), (16_001, 16_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_pillows_own_limit_stays_and_nothing_is_warned_of(size):
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PictureError):
            read_picture("a.png", png_header(*size))
    assert before == Image.MAX_IMAGE_PIXELS
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(png_header(60_000, 60_000)))


def test_threads_take_turns_with_pillows_limit():
    before, seen = Image.MAX_IMAGE_PIXELS, []

    def open_some(megapixels: int) -> None:
        for _ in range(200):
            with allowing(megapixels):
                seen.append(megapixels * 10**6 == Image.MAX_IMAGE_PIXELS)

    threads = [threading.Thread(target=open_some, args=[number]) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(seen) and len(seen) == 800 and before == Image.MAX_IMAGE_PIXELS


def test_an_image_in_memory_is_its_owners_affair():
    assert to_picture(Image.new("RGB", (20, 10))).full is None


# What is no picture ----------------------------------------------------------------------------


def archives() -> dict[str, bytes]:
    tar, archive = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as opened:
        opened.addfile(tarfile.TarInfo("a.jpg"))
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("a.jpg", b"")
    return {
        "album.tar": tar.getvalue(),
        "album.tar.gz": gzip.compress(tar.getvalue()),
        "album.zip": archive.getvalue(),
        "page.pdf": b"%PDF-1.7\n",
        "film.mp4": b"\0\0\0\x20ftypisom" + bytes(40),
    }


@pytest.mark.parametrize("name", archives())
def test_archives_and_the_like_are_refused_saying_what_to_do(tmp_path, name):
    (tmp_path / name).write_bytes(archives()[name])
    what = "unpack it, and give the folder" if "album" in name else "export (its page|one of its frames) as PNG"
    doors = [read_picture, find_pictures] + [find_files] * (name != "album.tar")  # training reads tar files
    for door in doors:
        with pytest.raises(PictureError, match=f"{name}' is .*{what}"):
            door(tmp_path / name)


def test_a_program_is_not_run():
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n{} loop\n%%EOF\n"
    with pytest.raises(PictureError, match="a program in PostScript"):
        read_picture("a.eps", postscript)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_picture_comes_through_a_named_pipe(tmp_path):
    image = Image.new("RGB", (9, 7), "teal")
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(jpeg(image)))
    writer.start()
    assert read_picture(tmp_path / "pipe").size == (9, 7)
    writer.join()


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no devices here")
def test_a_device_is_no_picture():
    with pytest.raises(PictureError, match="is no file"):
        read_picture("/dev/zero")
