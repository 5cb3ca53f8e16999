"""Bad inputs by the thousand, the same for every seed: files of every kind cut short, mangled and misnamed, and values
that nobody means.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

MODES = [
    "1",
    "L",
    "LA",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "F",
    "I;16",
    "RGBX",
    "La",
    "RGBa",
]
KINDS = [
    "JPEG",
    "PNG",
    "WEBP",
    "GIF",
    "TIFF",
    "BMP",
    "PPM",
    "JPEG2000",
    "AVIF",
    "ICO",
    "TGA",
    "PCX",
    "DDS",
    "SGI",
    "MPO",
]
SUFFIXES = [
    ".jpg",
    ".png",
    ".webp",
    ".gif",
    ".tif",
    ".jp2",
    ".avif",
    ".heic",
    ".jxl",
    ".safetensors",
    ".txt",
    "",
    ".tar",
]
ODD = [0, 1, 2, 7, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1]


def sound_picture(dice: random.Random) -> bytes:
    """A picture file that some Pillow can write, small, of any mode and kind, perhaps with EXIF and a profile."""
    size = dice.choice([(1, 1), (2, 3), (1, 40), (17, 16), (40, 30)])
    numbers = np.random.default_rng(dice.randrange(2**32)).integers(0, 256, (size[1], size[0], 3), np.uint8)
    image = Image.fromarray(numbers)
    for _ in range(8):
        options: dict[str, object] = {}
        if dice.random() < 0.4:
            options["exif"] = bytes(dice.choice([b"Exif\0\0", b""])) + exif(dice)
        if dice.random() < 0.2:
            options["icc_profile"] = dice.randbytes(dice.choice([0, 4, 128, 200, 3000]))
        if dice.random() < 0.2:
            options |= {"save_all": True, "append_images": [image] * dice.randrange(3)}
        if dice.random() < 0.2:
            options["transparency"] = dice.choice([0, 255, (0, 0, 0), b"\0" * 3])
        file = io.BytesIO()
        try:
            image.convert(dice.choice(MODES)).save(file, dice.choice(KINDS), **options)
        except Exception:  # not every kind takes every mode
            continue
        return file.getvalue()
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def plain_picture() -> Image.Image:
    """A picture with nothing wrong about it."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))


def exif(dice: random.Random) -> bytes:
    """A block of EXIF whose entries are of any type, count and place."""
    order = dice.choice("<>")
    count = dice.randrange(6)
    block = (b"II" if order == "<" else b"MM") + struct.pack(order + "HLH", 42, dice.choice([8, 8, 8, 0, 2**31]), count)
    tags = [0x0112, 0x011A, 0x011B, 0x0128, 0x8769, 0x013B, 0x0132, 0x8298, 0x9003, 0x8825, 0x010E]
    for _ in range(count):
        block += struct.pack(
            order + "HHLL",
            dice.choice(tags),
            dice.randrange(16),
            dice.choice([1, 1, 2, *ODD]),
            dice.choice([6, 8, *ODD]),
        )
    return block + dice.randbytes(dice.randrange(40))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file put together by hand."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    whole = (struct.pack(">I", len(b)) + name + b + struct.pack(">I", zlib.crc32(name + b)) for name, b in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def odd_png(dice: random.Random) -> bytes:
    """A PNG whose header says anything, with chunks of anything."""
    names = [b"tRNS", b"iCCP", b"PLTE", b"gAMA", b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"acTL", b"fcTL", b"pHYs", b"cHRM"]
    chunks = [
        (dice.choice(names), dice.randbytes(dice.choice([0, 1, 4, 6, 13, 26, 60]))) for _ in range(dice.randrange(4))
    ]
    if dice.random() < 0.1:
        chunks.append((b"zTXt", b"a\0\0" + zlib.compress(bytes(2_000_000))))
    small = lambda: dice.choice([1, 2, 9, dice.choice(ODD)])  # noqa: E731
    return png(
        small(),
        small(),
        dice.choice([1, 2, 4, 8, 16, 3]),
        dice.choice([0, 2, 3, 4, 6, 1]),
        dice.randbytes(300),
        *chunks,
    )


def mangled(dice: random.Random, data: bytes) -> bytes:
    """The same file cut short, with bits turned, parts repeated or lost, or large numbers where small ones were."""
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 1, 2, 5, 30])):
        if not changed:
            break
        place = dice.randrange(min(len(changed), dice.choice([16, 64, 400, 10**9])))
        match dice.randrange(6):
            case 0:
                del changed[place:]
            case 1:
                changed[place] ^= 1 << dice.randrange(8)
            case 2:
                changed[place : place + 4] = struct.pack(dice.choice("<>") + "I", dice.choice(ODD))
            case 3:
                changed[place:place] = changed[place : place + dice.randrange(64)]
            case 4:
                del changed[place : place + dice.randrange(1, 64)]
            case 5:
                changed[place : place + 8] = dice.randbytes(8)
    return bytes(changed)


def picture_file(dice: random.Random) -> bytes:
    """What may lie under the name of a picture."""
    match dice.randrange(8):
        case 0:
            return dice.randbytes(dice.choice([0, 1, 10, 1000]))
        case 1:
            return odd_png(dice)
        case 2:
            return gzip.compress(sound_picture(dice))
        case 3:
            return sound_picture(dice)
        case _:
            return mangled(dice, sound_picture(dice))


def junk(dice: random.Random, depth: int = 0) -> object:
    """A value of JSON of any kind."""
    simple = [
        None,
        True,
        False,
        0,
        -1,
        1,
        8,
        2.5,
        10**6,
        10**30,
        float("nan"),
        float("inf"),
        "",
        "8",
        "conv",
        "x" * 5000,
    ]
    if depth < 3 and dice.random() < 0.3:
        if dice.random() < 0.5:
            return [junk(dice, depth + 1) for _ in range(dice.randrange(4))]
        return {dice.choice(["width", "kind", "a", "schema", "taps"]): junk(dice, depth + 1) for _ in range(3)}
    return dice.choice(simple)


def description(dice: random.Random, sound: str) -> bytes:
    """A config.json with a value of another kind somewhere, a key too many, or mangled text."""
    config = json.loads(sound)
    match dice.randrange(4):
        case 0:
            return mangled(dice, sound.encode())
        case 1:
            return (dice.choice(["[", '{"a":', '{"schema":1,"tnet":', '"'])).encode() * dice.choice([1, 100, 50_000])
        case _:
            at = config
            while isinstance(at, dict) and at and dice.random() < 0.8:
                name = dice.choice([*at, "other"])
                if not isinstance(at.get(name), dict) or dice.random() < 0.3:
                    at[name] = junk(dice)
                    break
                at = at[name]
            return json.dumps(config).encode()


def tensors(dice: random.Random, sound: bytes) -> bytes:
    """A safetensors file whose header or numbers are not what they were."""
    length = struct.unpack("<Q", sound[:8])[0]
    if dice.random() < 0.5:
        return mangled(dice, sound)
    header = json.loads(sound[8 : 8 + length])
    for _ in range(dice.choice([1, 1, 2])):
        name = dice.choice([*header])
        entry = header[name]
        key = dice.choice([*entry, "other"]) if entry else "other"
        match dice.randrange(5):
            case 0:
                entry[key] = junk(dice)
            case 1:
                header[name] = junk(dice)
                break
            case 2:
                del header[name]
            case 3:
                header[f"{name}é"] = header.pop(name)
            case 4:
                entry[key] = dice.choice(
                    [[0, 2**40], [2**62, 4], [-1, 4], [], [1] * 70, "F8_E4M3", "I64", "BOOL", "F64"]
                )
        if not header:
            break
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + sound[8 + length :]


def words(dice: random.Random) -> str:
    """What may be written for words and colours."""
    parts = [
        "night",
        "0.7",
        "+",
        "-",
        "#d9a441",
        "#",
        "#12",
        "1e999",
        "nan",
        "impressionism",
        "'",
        '"',
        "\0",
        "é",
        "🌙",
        " ",
        "",
    ]
    return dice.choice(["", " "]).join(dice.choice(parts) for _ in range(dice.randrange(9)))


def text_file(dice: random.Random) -> bytes:
    """A list of paths, or what is given for one."""
    lines = [
        b"a.jpg",
        b"",
        b"# no",
        b"\xff\xfe",
        b"\0",
        b"../" * 50,
        b"x" * 5000,
        "é.png".encode("latin-1"),
        b"{0..9}.tar",
    ]
    return dice.choice([b"\n", b"\r\n", b"\r"]).join(dice.choice(lines) for _ in range(dice.randrange(5)))


def storm(
    seed: int, count: int, makers: dict[str, Callable[[random.Random], object]]
) -> Iterator[tuple[str, int, object]]:
    """So many inputs in turn of every kind: the kind, the number that makes it again, and the input."""
    kinds = [*makers]
    for index in range(count):
        number = seed * 1_000_003 + index
        kind = kinds[index % len(kinds)]
        yield kind, number, makers[kind](random.Random(number))
