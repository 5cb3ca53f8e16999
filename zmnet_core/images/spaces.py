"""Colours that a file states without a profile, as profiles: Adobe RGB of cameras, and gAMA, cHRM and cICP of PNG.

Which counts is as in browsers: cICP, then the profile, then sRGB, then gAMA and cHRM. Cameras say Adobe RGB by EXIF
alone (DCF 2.0: ColorSpace is "uncalibrated", and the index of interoperability is R03).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from .metadata import Warn
from .profiles import srgb

Point = tuple[float, float]
Points = tuple[Point, Point, Point, Point]  # of red, green, blue and white: x and y

D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
SRGB: Points = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65)
ADOBE: Points = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), D65)
ADOBE_GAMMA = 563 / 256
PRIMARIES: dict[int, Points] = {  # by their number in cICP, which is that of ITU-T H.273
    1: SRGB,
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
}
# Exponents by the number of the curve; None is that of sRGB, which stands for the curves of video as well.
CURVES: dict[int, float | None] = {1: None, 6: None, 13: None, 14: None, 15: None, 4: 2.2, 5: 2.8, 8: 1.0}
HDR = {16: "PQ", 18: "HLG"}
USUAL = 2.2  # the exponent that gAMA states of sRGB
NEAR, NEAR_POINT = 0.02, 0.002  # of that, and of the primaries of sRGB: no other is meant
SANE = (0.2, 5.0)  # exponents
UNCALIBRATED = 65_535
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def stated_profile(image: Image.Image, chunks: Mapping[bytes, bytes], warn: Warn) -> bytes | None:
    """The profile of what a decoded image says of its colours: its own, or one that means the same; None means sRGB.

    Args:
        chunks: cICP of a PNG file, by its name.
        warn: told of what is not known, and read as if nothing had been said.
    """
    if cicp := chunks.get(b"cICP"):
        found = _of_cicp(cicp, warn)
        if found:
            return found
    own = image.info.get("icc_profile")
    if own or "srgb" in image.info:
        return own
    if image.format == "PNG" and ("gamma" in image.info or "chromaticity" in image.info):
        return _of_gamma(image, warn)
    return rgb_profile(ADOBE, ADOBE_GAMMA) if image.mode == "RGB" and _is_adobe(image) else None


def _of_cicp(data: bytes, warn: Warn) -> bytes | None:
    primaries, curve, matrix = (*data[:3], 0, 0, 0)[:3]
    if curve in HDR:
        warn(f"its colours are HDR ({HDR[curve]}), and are read as if they were not: they may look flat")
        return None
    if len(data) < 4 or primaries not in PRIMARIES or curve not in CURVES or matrix:
        warn(f"its colours are of a kind that is not known (cICP {' '.join(map(str, data))}), which is left out")
        return None
    if primaries == 1 and CURVES[curve] is None:
        return srgb()
    return rgb_profile(PRIMARIES[primaries], CURVES[curve])


def _of_gamma(image: Image.Image, warn: Warn) -> bytes | None:
    """Of gAMA and cHRM."""
    gamma, points = image.info.get("gamma"), image.info.get("chromaticity")
    exponent: float | None = None
    if gamma is not None:
        exponent = 1 / gamma if gamma > 0 else float("inf")
        if not SANE[0] <= exponent <= SANE[1]:
            warn(f"its gamma is {gamma:g}, which cannot be meant, and is left out")
            exponent = None
    plain = exponent is None or abs(exponent / USUAL - 1) <= NEAR
    if image.mode in ("1", "L", "LA", "I", "I;16", "I;16B"):
        return None if plain else grey_profile(exponent or USUAL)
    given: Points = SRGB
    if points is not None:
        white, red, green, blue = zip(points[::2], points[1::2])
        if _are_sane((red, green, blue, white)):
            given = (red, green, blue, white)
        else:
            warn("its primaries cannot be meant, and are left out")
    if plain and max(abs(a - b) for ours, theirs in zip(SRGB, given) for a, b in zip(ours, theirs)) <= NEAR_POINT:
        return None
    return rgb_profile(given, exponent)


def _are_sane(points: Points) -> bool:
    """Is white within a triangle of some size?"""
    if min(y for _, y in points) <= 0:
        return False
    primaries = np.stack([_xyz(point) for point in points[:3]], 1)
    corners = np.array(points[:3])
    area = abs(np.linalg.det(np.stack([corners[1] - corners[0], corners[2] - corners[0]])))
    return bool(area > 0.01 and (np.linalg.solve(primaries, _xyz(points[3])) > 0).all())


def _is_adobe(image: Image.Image) -> bool:
    try:
        exif = image.getexif()
        below: Any = exif.get_ifd(ExifTags.IFD.Exif)
        index: Any = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
        text = index.decode("latin-1") if isinstance(index, bytes) else str(index)
        return bool(below.get(ExifTags.Base.ColorSpace) == UNCALIBRATED and text.strip("\0 ") == "R03")
    except Exception:  # Pillow raises whatever the broken place leads to
        return False


@lru_cache(maxsize=16)
def rgb_profile(points: Points, gamma: float | None) -> bytes:
    """An ICC profile (version 2) of RGB numbers with these primaries.

    Args:
        gamma: the exponent that makes light of numbers; None is the curve of sRGB.
    """
    primaries = np.stack([_xyz(point) for point in points[:3]], 1)
    white = _xyz(points[3])
    cones = BRADFORD @ _xyz(D50) / (BRADFORD @ white)
    adapted = np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD @ (primaries * np.linalg.solve(primaries, white))
    tags = {name: _fixed(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), adapted.T)}
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)))


@lru_cache(maxsize=16)
def grey_profile(gamma: float) -> bytes:
    """An ICC profile (version 2) of grey with this exponent."""
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def _xyz(point: Point) -> np.ndarray:
    x, y = point
    return np.array([x / y, 1, (1 - x - y) / y])


def _fixed(numbers: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(float(number) * 65_536)) for number in numbers)


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv" + bytes(4) + struct.pack(">LH", 1, round(gamma * 256))
    value = np.linspace(0, 1, 4096)
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return b"curv" + bytes(4) + struct.pack(">L", 4096) + (light * 65_535).round().astype(">u2").tobytes()


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    description = b"desc" + bytes(4) + struct.pack(">L", 7) + b"stated\0" + bytes(78)
    tags = {b"desc": description, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": _fixed(_xyz(D50)), **tags}
    table, body = struct.pack(">L", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">LL", 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">L4sL4s4s4s", 128 + len(table) + len(body), b"", 0x02100000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _fixed(_xyz(D50))[8:]
    return head.ljust(128, b"\0") + table + body
