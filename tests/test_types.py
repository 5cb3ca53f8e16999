"""Types: mypy finds nothing in the packages, a user's mypy finds what is called wrongly, and what is said twice agrees.

The settings are in pyproject.toml. What mypy has found out is kept in `.mypy_cache`, so that only a first run is slow.
"""

import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from tests.conftest import ROOT
from zmnet_core.cli import commands as cli
from zmnet_core.hub.repository import Access, Repository
from zmnet_core.model import PARTS
from zmnet_core.networks.drafts import ReviserConfig
from zmnet_core.networks.local_affine import LocalAffine
from zmnet_core.networks.pnet import KINDS, AttributePNetConfig, PNetConfig, PNetOptions
from zmnet_core.networks.reviser import Reviser
from zmnet_core.networks.tnet import TNet, TNetOptions
from zmnet_core.networks.vector_pnet import Compression, VectorOptions, VectorPNet
from zmnet_core.styling.look import Knobs, Look, Walk, knobs_of
from zmnet_core.styling.network import StyleTransfer
from zmnet_core.styling.parts import Description, Parts


def mypy(*arguments: object) -> subprocess.CompletedProcess:
    """mypy with the project's settings."""
    pytest.importorskip("mypy", reason="needs mypy")
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_mypy_finds_nothing_in_the_packages():
    done = mypy()
    assert done.returncode == 0, done.stdout + done.stderr


USER = """
from PIL import Image
from torch import Tensor
from zmnet_core import Style, ZMNet
from zmnet_core.networks.tnet import TNet
from zmnet_core.styling.look import Look
from zmnet_core.styling.paint import stylize_tensor

model = ZMNet.from_pretrained("zmnet-base")
ZMNet.from_pretrained(3)  # arg-type
ZMNet.from_pretrained("zmnet-base", attribute_pnets=None, token="…", local_files_only=True)
ZMNet.from_pretrained("zmnet-base", atribute_pnets=None)  # call-arg
ZMNet.from_pretrained("zmnet-base", local_files_only="yes")  # arg-type

photograph = Image.open("photograph.jpg")
result: Image.Image = model.stylize(photograph, photograph, strength=0.8, layers=("detail",), tile=None)
model.stylize(photograph, photograph, strength="much")  # arg-type
model.stylize(photograph, photograph, strenght=0.8)  # call-arg
model.stylize("photograph.jpg", photograph)  # arg-type

Look(strength=1, size=512)
Look(strength="much")  # arg-type
Look(strenght=1)  # call-arg

def picture(contents: Tensor) -> Tensor:
    style: Style = model.encode_style(contents, name="irises") * 0.5 + 0.5 * model.encode_attribute("night")
    wrong: Tensor = model.encode_style(contents)  # assignment
    model.encode_style("painting.jpg")  # arg-type
    model.apply(contents)  # call-overload
    stylize_tensor(model, contents, style, strength=0.5)  # call-arg
    return model.apply(contents, style.to("cpu"), strength=0.5)

same: ZMNet = model.to("cpu").apply(lambda module: None)
ZMNet({"width": 16}, {"kind": "vgg", "taps": ["relu1_2"]}, reviser={"draft": 256})
ZMNet({"widht": 16})  # arg-type
ZMNet(pnet={"kind": 3})  # arg-type
TNet(widht=16)  # call-arg
"""


@pytest.mark.slow
def test_a_type_checker_tells_a_user_what_is_called_wrongly_and_nothing_else(tmp_path):
    file = tmp_path / "user.py"
    file.write_text(USER, encoding="utf-8")
    done = mypy(file)
    errors = re.findall(r":(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    marked = [(str(number), line.partition("  # ")[2]) for number, line in enumerate(USER.splitlines(), 1)]
    assert errors == [(number, code) for number, code in marked if code], done.stdout


def test_the_package_says_that_it_has_types():
    assert (ROOT / "zmnet_core" / "py.typed").is_file()


# What is said twice ----------------------------------------------------------------------------


def parameters(function: typing.Callable, *without: str) -> dict[str, object]:
    """Names and types of a function's parameters but these, and but those that are passed on (`**options`)."""
    hints, known = typing.get_type_hints(function), inspect.signature(function).parameters
    named = {name for name, parameter in known.items() if parameter.kind is not parameter.VAR_KEYWORD}
    return {name: hints[name] for name in known if name in named & hints.keys() - set(without)}


def test_the_knobs_of_a_look_are_its_fields():
    assert list(typing.get_type_hints(Knobs).items()) == list(typing.get_type_hints(Look).items())


@pytest.mark.parametrize("command, cls", [(cli.stylize, Look), (cli.animate, Look), (cli.animate, Walk)])
def test_options_of_the_command_line_have_the_types_of_their_knobs(command, cls):
    options, fields = inspect.signature(command).parameters, typing.get_type_hints(cls)
    for name in knobs_of(cls).keys() - {"layers", "palette_of"}:  # text and a file there
        assert options[name].annotation.__origin__ == fields[name], name


@pytest.mark.parametrize(
    "described, function, without",
    [
        (TNetOptions, TNet.__init__, ()),
        (VectorOptions, VectorPNet.__init__, ("sites",)),
        (Compression, VectorPNet.__init__, ("sites", "signal")),
        (Parts, StyleTransfer.__init__, ("schema",)),
        (Access, Repository.__init__, ("name", "revision", "_commit", "_trouble", "return")),
    ],
)
def test_described_options_are_the_parameters_of_what_takes_them(described, function, without):
    assert typing.get_type_hints(described) == parameters(function, *without)


def test_the_options_of_revisers_are_those_of_both_kinds():
    both = parameters(Reviser.__init__, "numbers") | parameters(LocalAffine.__init__, "numbers")
    assert typing.get_type_hints(ReviserConfig) == {"kind": str} | both


def test_the_options_of_pnets_are_those_of_all_their_kinds():
    found = typing.get_type_hints(VectorOptions)
    for kind in KINDS.values():
        found |= parameters(kind.__init__, "sites")
    assert typing.get_type_hints(PNetOptions) == found
    assert typing.get_type_hints(PNetConfig) == found | {"kind": str}
    beside = typing.get_type_hints(Compression) | {"kind": str, "width": int}
    assert typing.get_type_hints(AttributePNetConfig) == beside


def test_config_json_has_the_parts_of_a_model(model):
    assert set(PARTS) == typing.get_type_hints(Parts).keys()
    assert typing.get_type_hints(Description).keys() == {"schema", *PARTS}
    assert typing.get_type_hints(Description).keys() >= model.config.keys() >= Description.__required_keys__


def test_no_type_is_ignored_without_a_reason():
    for folder in ("zmnet_core", "zmnet_nodes"):
        for file in Path(ROOT / folder).rglob("*.py"):
            for line in file.read_text(encoding="utf-8").splitlines():
                if "type: ignore" in line:
                    assert re.search(r"# type: ignore\[[a-z-]+\]  # \w", line), f"{file}: {line}"
