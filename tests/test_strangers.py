"""Models and styles from somebody else: whatever a file says, the answer is in words, at once, without memory."""

import json
import struct
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from zmnet_core.errors import WrongModelError
from zmnet_core.files import write_json
from zmnet_core.hub.locate import read_config
from zmnet_core.model import ZMNet
from zmnet_core.networks.pnet import KINDS
from zmnet_core.networks.unmade import unmade
from zmnet_core.styling.parts import check_parts
from zmnet_core.styling.style import Style

AT_ONCE = 1.0  # s; a refusal takes milliseconds, on a busy machine a little more


@pytest.fixture
def folder(model, tmp_path):
    """The tiny model, saved."""
    model.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def style_file(style, tmp_path):
    return style.save(tmp_path / "a.safetensors")


def refused(what, *names: str) -> str:
    """The message; it comes at once, is about the file, and is no list of numbers."""
    start = time.perf_counter()
    with pytest.raises(WrongModelError) as raised:
        what()
    assert time.perf_counter() - start < AT_ONCE
    message = str(raised.value)
    assert all(name in message for name in names) and len(message) < 3000
    return message


# config.json -----------------------------------------------------------------------------------

CONV = {"kind": "conv", "width": 8}


@pytest.mark.parametrize(
    "parts, named",
    [
        ({"tnet": {"width": 10**6}}, "tnet.width is 1000000, and a whole number from 1 to 65536"),
        ({"tnet": {"width": 10**30}}, "tnet.width is 1000"),
        ({"tnet": {"width": 8, "edge": 10**9}}, "tnet.edge"),
        ({"tnet": {"width": 8, "palette": 10**12}}, "tnet.palette is 1000000000000, and true or false"),
        ({"pnet": {"kind": "vgg", "width": 10**6}}, "pnet.width"),
        ({"pnet": {"kind": "vgg", "vgg_width": 10**6}}, "pnet.vgg_width"),
        ({"pnet": {"kind": "mlp", "inputs": 10**12}}, "pnet.inputs"),
        ({"reviser": {"blocks": 10**9}}, "reviser.blocks is 1000000000, and a whole number from 0 to 64"),
        ({"attribute_pnets": {"sentence": {"kind": "mlp", "width": 10**7}}}, "attribute_pnets.sentence.width"),
        ({"tnet": {"width": 60_000}}, "wrong shape"),  # in range: a terabyte, and nothing like the file
        ({"pnet": {"kind": "vgg", "taps": []}}, "taps are empty"),
        ({"reviser": {"width": 60_000, "blocks": 60}}, "missing"),
    ],
)
def test_a_model_that_would_not_fit_into_any_memory_is_refused_before_it_is_made(folder, parts, named):
    write_json(folder / "config.json", {"schema": 1, "tnet": {"width": 8}, "pnet": CONV, **parts})
    refused(lambda: ZMNet.from_pretrained(folder), named)


SOUND = {
    "tnet": {"width": 8, "edge": 4, "kernel": 9, "separable": False, "palette": False},
    "pnet": {"kind": "vgg", "width": 8, "taps": ["relu1_2"], "bold": False, "vgg_width": 8},
    "reviser": {"width": 8, "edge": 4, "blocks": 1, "hidden": 8, "draft": 40},
    "attribute_pnets": {
        "sentence": {"kind": "mlp", "width": 8, "size": 2, "inputs": 128, "words": {"light": ["noon"]}}
    },
}
PLACES = [(part, name) for part in ("tnet", "pnet", "reviser") for name in SOUND[part]]
PLACES += [("attribute_pnets", "sentence", name) for name in SOUND["attribute_pnets"]["sentence"]]
JUNK = {
    int: ["8", "", 8.5, 2.0, -1, -(10**9), 10**9, float("nan"), float("inf"), [], {}, True],
    bool: ["no", "", 0, 1, None, [], {}],
    str: [8, None, [], {}, True, ["conv"]],
    list: ["relu1_2", 8, [1], [[]], [None], None, {"relu1_2": 1}, True],
    dict: ["noon", 8, ["noon"], {"light": "noon"}, {"light": [1]}, {"light": {}}, True],
}


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_a_value_of_another_kind_is_refused_naming_it(folder, place):
    def at(options: dict) -> dict:
        for name in place[:-1]:
            options = options[name]
        return options

    for junk in JUNK[type(at(SOUND)[place[-1]])]:
        config = json.loads(json.dumps(SOUND))
        at(config)[place[-1]] = junk
        write_json(folder / "config.json", {"schema": 1, **config})
        refused(lambda: ZMNet.from_pretrained(folder), f"{'.'.join(place)} is ", "config.json")


@pytest.mark.parametrize("part", [*SOUND])
@pytest.mark.parametrize("junk", [8, "conv", [1, 2], [["width", 8]], True])
def test_a_part_that_is_no_mapping_is_refused(folder, part, junk):
    write_json(folder / "config.json", {"schema": 1, **SOUND, part: junk})
    refused(lambda: ZMNet.from_pretrained(folder), f"{part} is ", "options by name are expected")


def test_sound_values_of_every_option_are_taken():
    check_parts(**SOUND)
    with unmade():
        ZMNet(**SOUND)


@pytest.mark.parametrize(
    "text, said",
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"schema": ' * 100_000, "nested too deeply"),
        ('{"schema": true}', "does not describe a ZM-Net"),
        ('{"schema": 1e400}', "does not describe a ZM-Net"),
        ('{"schema": ' + "9" * 10_000 + "}", "is not JSON"),
        ("[1]", "does not describe a ZM-Net"),
        ("", "is not JSON"),
        ("\ufeff{}", "is not JSON"),
    ],
)
def test_odd_json_is_refused_in_words(folder, text, said):
    (folder / "config.json").write_text(text, encoding="utf-8")
    refused(lambda: read_config(folder / "config.json"), said)


def test_a_description_of_100_mb_is_not_read(folder):
    with open(folder / "config.json", "wb") as file:
        file.truncate(10**8)
    refused(lambda: ZMNet.from_pretrained(folder), "100000000 bytes")


# Weights ---------------------------------------------------------------------------------------


def header_of(data: bytes) -> dict:
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])


def with_header(data: bytes, header: object) -> bytes:
    length = struct.unpack("<Q", data[:8])[0]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def overlapping(header: dict) -> None:
    first, second = [name for name in header if name != "__metadata__"][:2]
    header[second]["data_offsets"] = header[first]["data_offsets"]


def another_type(header: dict) -> None:
    next(entry for name, entry in header.items() if name != "__metadata__")["dtype"] = "I32"


def an_unknown_type(header: dict) -> None:
    next(entry for name, entry in header.items() if name != "__metadata__")["dtype"] = "Q7"


def a_terabyte(header: dict) -> None:
    next(entry for name, entry in header.items() if name != "__metadata__")["shape"] = [2**20, 2**20]


def negative(header: dict) -> None:
    next(entry for name, entry in header.items() if name != "__metadata__")["data_offsets"] = [-4, 0]


@pytest.mark.parametrize("change", [overlapping, another_type, an_unknown_type, a_terabyte, negative])
def test_headers_that_cannot_be_are_refused_in_words(folder, style_file, change):
    for file, read in ((folder / "model.safetensors", lambda: ZMNet.from_pretrained(folder)),
                       (style_file, lambda: Style.load(style_file))):  # fmt: skip
        data = file.read_bytes()
        header = header_of(data)
        change(header)
        file.write_bytes(with_header(data, header))
        refused(read, file.name)


@pytest.mark.parametrize("length", [0, 1, 7, 2**22 + 1, 2**40, 2**63, 2**64 - 1])
def test_a_header_of_any_length_is_refused_in_words(folder, style_file, length):
    for file, read in ((folder / "model.safetensors", lambda: ZMNet.from_pretrained(folder)),
                       (style_file, lambda: Style.load(style_file))):  # fmt: skip
        file.write_bytes(struct.pack("<Q", length) + file.read_bytes()[8:])
        if length == 2**22 + 1:
            with open(file, "r+b") as opened:
                opened.truncate(2**23)  # so that there is a header of this length
        message = refused(read, file.name)
        assert length != 2**22 + 1 or "4194304 are the most" in message


@pytest.mark.parametrize("kept", [0, 1, 8, 20, 200, -1])
def test_files_that_are_cut_short_are_refused_in_words(folder, style_file, kept):
    for file, read in ((folder / "model.safetensors", lambda: ZMNet.from_pretrained(folder)),
                       (style_file, lambda: Style.load(style_file))):  # fmt: skip
        file.write_bytes(file.read_bytes()[:kept])
        refused(read, file.name)


@pytest.mark.parametrize("kind", [torch.int32, torch.bool, torch.uint8, torch.float8_e4m3fn])
def test_weights_that_are_no_floats_are_refused(folder, kind):
    file = folder / "model.safetensors"
    state = load_file(file)
    name = sorted(state)[0]
    save_file(state | {name: state[name].to(kind)}, file)
    refused(lambda: ZMNet.from_pretrained(folder), "no floating point", name)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_every_float_are_loaded_as_float32(folder, kind):
    file = folder / "model.safetensors"
    state = {name: tensor.to(kind) for name, tensor in load_file(file).items()}
    save_file(state, file)
    for name, tensor in ZMNet.from_pretrained(folder).state_dict().items():
        assert tensor.dtype == torch.float32 and torch.equal(tensor, state[name].float())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_and_styles_that_are_not_finite_in_float32_are_refused(folder, style_file, value):
    file = folder / "model.safetensors"
    state = {name: tensor.double() for name, tensor in load_file(file).items()}
    name = sorted(state)[0]
    state[name].view(-1)[-1] = value
    save_file(state, file)
    refused(lambda: ZMNet.from_pretrained(folder), "NaN or infinite", name)
    metadata = header_of(style_file.read_bytes())["__metadata__"]
    style = {name: tensor.double() for name, tensor in load_file(style_file).items()}
    style["values"][0, 0, 0] = value
    save_file(style, style_file, metadata)
    refused(lambda: Style.load(style_file), "NaN or infinite", "values")


# A style's own words ---------------------------------------------------------------------------

SITES = [
    "[" * 100_000, "{}", "[[]]", '[["c9", 1]]', '[["c9", 1, "8"]]', '[["c9", 1, 1e9]]', '[["c9", 1, -8]]',
    '[[1, 2, 3]]', '["c9"]', "null", "7", '"sites"', '[["c9", 1, 99999999999999999999]]', "",
]  # fmt: skip


@pytest.mark.parametrize("sites", SITES, ids=range(len(SITES)))
def test_sites_that_cannot_be_are_refused(style_file, sites):
    metadata = header_of(style_file.read_bytes())["__metadata__"] | {"sites": sites}
    save_file(load_file(style_file), style_file, metadata)
    refused(lambda: Style.load(style_file), "damaged style file")


@pytest.mark.parametrize("left_out", ["values", "sites", "fingerprint"])
def test_a_style_that_lacks_something_is_refused(style_file, left_out):
    metadata = {k: v for k, v in header_of(style_file.read_bytes())["__metadata__"].items() if k != left_out}
    save_file({k: v for k, v in load_file(style_file).items() if k != left_out}, style_file, metadata)
    refused(lambda: Style.load(style_file), style_file.name)


@pytest.mark.parametrize("count", [0, 2])
def test_colours_of_another_number_of_styles_are_refused(style_file, count):
    metadata, tensors = header_of(style_file.read_bytes())["__metadata__"], load_file(style_file)
    save_file(tensors | {"colours": tensors["colours"].repeat(count, 1, 1, 1)}, style_file, metadata)
    refused(lambda: Style.load(style_file), "another number of styles")


@given(place=st.integers(0, 4000), bits=st.integers(1, 255), cut=st.one_of(st.none(), st.integers(0, 4000)))
def test_whatever_becomes_of_a_style_file_it_is_a_style_or_refused(tmp_path_factory, place, bits, cut):
    file = tmp_path_factory.getbasetemp() / "mangled.safetensors"
    data = bytearray(SMALL)
    data[place % len(data)] ^= bits
    file.write_bytes(data[:cut])
    try:
        style = Style.load(file)
    except WrongModelError:
        return
    assert style.values.isfinite().all() and style.values.dtype == torch.float32


SMALL = with_header(
    struct.pack("<Q", 2) + b"{}" + struct.pack("<8f", 1, 1, 1, 1, 0, 0, 0, 0),
    {
        "__metadata__": {"kind": "zmnet-style", "schema": "1", "fingerprint": "00", "sites": '[["c9", 1, 4]]'},
        "values": {"dtype": "F32", "shape": [1, 2, 4], "data_offsets": [0, 32]},
    },
)


# Networks without memory -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_is_whole_and_its_own(tmp_path, kind):
    pnet = {"kind": kind, "width": 8, **({"vgg_width": 8} if kind == "vgg" else {})}
    reviser = {"width": 8, "edge": 4, "blocks": 1, "hidden": 8, "draft": 40}
    made = ZMNet({"width": 8, "palette": True}, pnet, {"histogram": {"kind": "mlp", "width": 8}}, reviser=reviser)
    made.save_pretrained(tmp_path)
    before = torch.get_rng_state()
    loaded = ZMNet.from_pretrained(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)  # nothing was drawn
    for file in tmp_path.glob("*.safetensors"):  # what happens to the files is nothing to the model
        with open(file, "r+b") as opened:
            opened.write(bytes(file.stat().st_size))
    everything = dict(made.named_parameters()) | dict(made.named_buffers())
    found = dict(loaded.named_parameters()) | dict(loaded.named_buffers())
    assert found.keys() == everything.keys()
    for name, tensor in everything.items():
        assert not found[name].is_meta and torch.equal(found[name], tensor), name
        assert found[name].stride() == tensor.stride(), name  # the layout as well: kernels go by it
    assert loaded.fingerprint == made.fingerprint
