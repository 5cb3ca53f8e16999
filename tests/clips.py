"""Clips made on the spot: small files with what a test wants in them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BARS = [(255, 255, 255), (190, 190, 0), (0, 190, 190), (0, 190, 0), (190, 0, 190), (190, 0, 0), (0, 0, 190), (9, 9, 9)]


def bars(width: int = 256, height: int = 48) -> np.ndarray:
    """Colour bars, [height, width, 3], uint8."""
    return np.repeat(np.array(BARS, np.uint8), width // len(BARS), 0)[None].repeat(height, 0)


def moving(count: int, width: int = 64, height: int = 48, seed: int = 0) -> list[np.ndarray]:
    """A picture of soft blobs that is moved a little from frame to frame."""
    random = np.random.default_rng(seed)
    wide = np.kron(random.integers(30, 225, (height // 8 + 1, (width + count) // 8 + 1, 3)), np.ones((8, 8, 1)))
    return [wide[:height, index : index + width].astype(np.uint8) for index in range(count)]


def frame_of(picture: np.ndarray, format: str, matrix: int, full: bool) -> av.VideoFrame:
    """A frame of a picture [H, W, 3], uint8; Y′CbCr by the book (ITU-R BT.601-7 and BT.709-6)."""
    rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
    if not format.startswith("yuv"):
        return rgb.reformat(format=format)
    bits = 10 if "10" in format else 8
    red, blue = (0.2126, 0.0722) if matrix == 1 else (0.299, 0.114)
    r, g, b = np.moveaxis(picture / 255, 2, 0)
    luma = red * r + (1 - red - blue) * g + blue * b
    chroma = (b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)
    step, most = 2 ** (bits - 8), 2**bits - 1
    planes = [most * luma if full else step * (16 + 219 * luma)]
    planes += [128 * step + (most if full else 224 * step) * each for each in chroma]
    wide = av.VideoFrame(rgb.width, rgb.height, "yuv444p" if bits == 8 else "yuv444p10le")
    for plane, values in zip(wide.planes, planes):
        rows = np.zeros(
            (plane.height, plane.line_size * 8 // (8 if bits == 8 else 16)), np.uint8 if bits == 8 else "<u2"
        )
        rows[:, : plane.width] = values.round().clip(0, most)
        plane.update(rows.tobytes())
    return wide.reformat(format=format, src_color_range="JPEG", dst_color_range="JPEG", interpolation="BICUBIC")


def write_clip(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    format: str = "yuv420p",
    options: dict[str, str] | None = None,
    matrix: int = 1,
    full: bool = False,
    times: Sequence[int] | None = None,
    sound: str | None = None,
) -> Path:
    """A clip of pictures [H, W, 3], uint8, one every 40 ms or at `times` (ms).

    Args:
        matrix: 1 is BT.709, 6 is BT.601; 2 is left untagged (and is BT.601).
        sound: a codec, of a tone as long as the pictures.
    """
    times = times or [40 * index for index in range(len(pictures))]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {"crf": "0"} if codec == "libx264" else {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = format
        context = stream.codec_context
        context.time_base = Fraction(1, 1000)
        if matrix != 2:
            context.colorspace = context.color_primaries = context.color_trc = matrix
        if matrix != 2 or full:
            context.color_range = 2 if full else 1
        tone = container.add_stream(sound, rate=48000, layout="mono") if sound else None
        for picture, time in zip(pictures, times, strict=True):
            frame = frame_of(picture, format, matrix, full)
            frame.pts, frame.time_base, frame.duration = time, Fraction(1, 1000), 40
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if tone is not None:
            for place in range(0, round(48 * (times[-1] + 40)), 1024):
                wave = np.sin(np.arange(place, place + 1024) / 9).astype(np.float32)[None] / 3
                frame = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
                frame.rate, frame.pts, frame.time_base = 48000, place, Fraction(1, 48000)
                container.mux(tone.encode(frame))
            container.mux(tone.encode())
    return path


def turned(path: Path, matrix: Sequence[int]) -> Path:
    """An .mp4 with a, b, c, d of another display matrix, in whole turns: as telephones write them."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 4 + 5 * 4 + 8 + 8
    a, b, c, d = (65536 * number for number in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def packets(path: Path, kind: str = "audio") -> list[tuple[bytes, int | None, int | None, int | None]]:
    """The packets of a file's first stream of a kind: bytes, pts, dts, duration."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [(bytes(each), each.pts, each.dts, each.duration) for each in container.demux(stream) if each.size]


def seconds(path: Path) -> list[float]:
    """When the frames of a file are shown."""
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
