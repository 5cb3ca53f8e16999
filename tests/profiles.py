"""Colour profiles made on the spot: Pillow brings only that of sRGB. ICC version 2, the least that a reader needs."""

from __future__ import annotations

import struct

import numpy as np

D65 = (0.3127, 0.3290)
D50 = (0.3457, 0.3585)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# Red, green, blue and white by x and y, and the exponent of the curve.
SPACES = {
    "Display P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65, 2.2),
    "Adobe RGB": ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), D65, 563 / 256),
    "ProPhoto": ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), D50, 1.8),
    "linear": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65, 1.0),
}


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1, (1 - x - y) / y])


def _matrix(red: tuple, green: tuple, blue: tuple, white: tuple) -> np.ndarray:
    """Linear RGB → XYZ of the profile connection space, where white is D50."""
    primaries = np.stack([_xyz(*point) for point in (red, green, blue)], 1)
    matrix = primaries * np.linalg.solve(primaries, _xyz(*white))
    cones = BRADFORD @ _xyz(*D50) / (BRADFORD @ _xyz(*white))
    return np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD @ matrix


SRGB_TO_XYZ = _matrix((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65)


def linear(srgb: np.ndarray) -> np.ndarray:
    """sRGB in 0..1 as light."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def lab(srgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of sRGB in 0..255, [..., 3]."""
    xyz = linear(srgb / 255.0) @ SRGB_TO_XYZ.T / _xyz(*D50)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def _fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65_536)) for number in numbers)


def _profile(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    description = b"desc" + bytes(4) + struct.pack(">L", 5) + b"made\0" + bytes(78)
    tags = {b"desc": description, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": _point(_xyz(*D50)), **tags}
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">LL", place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    whole = struct.pack(">L", len(tags)) + table + body
    head = struct.pack(">L4sL4s4s4s", 128 + len(whole), b"lcms", 0x02100000, kind, space, connection)
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(*_xyz(*D50))
    return head.ljust(128, b"\0") + whole


def _point(xyz: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*xyz)


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">LH", 1, round(gamma * 256))


def rgb_profile(space: str) -> bytes:
    """A matrix profile of one of SPACES."""
    *points, gamma = SPACES[space]
    columns = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_point, _matrix(*points).T)))
    return _profile(b"RGB ", b"XYZ ", b"mntr", columns | {name: _curve(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")})


def grey_profile(gamma: float) -> bytes:
    """A profile of grey with this exponent."""
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": _curve(gamma)})


def cmyk_profile(inks: np.ndarray) -> bytes:
    """A table profile: L*a*b* of all sixteen corners, [2, 2, 2, 2, 3], and between them what lies between."""
    ramp = bytes(range(256))
    corners = np.concatenate((inks[..., :1] * 2.55, inks[..., 1:] + 128), -1).round().astype(np.uint8).tobytes()
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + 4 * ramp + corners + 3 * ramp
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table})


def in_space(srgb: np.ndarray, space: str) -> np.ndarray:
    """What sRGB in 0..255 is in one of SPACES, in 0..1."""
    *points, gamma = SPACES[space]
    light = linear(srgb / 255.0) @ (np.linalg.inv(_matrix(*points)) @ SRGB_TO_XYZ).T
    return light.clip(0, 1) ** (1 / gamma)
