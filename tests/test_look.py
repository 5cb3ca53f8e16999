"""`Look`: one definition of every knob, read by library, command line and nodes."""

import inspect
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmnet_core.cli import commands as cli
from zmnet_core.styling.look import KNOBS, LAYERS, Look, Walk, default_of, knobs_of

NUMBERS = [name for name, knob in KNOBS.items() if knob.least is not None]


def test_the_defaults_are_those_that_change_nothing():
    assert Look() == Look(strength=1, layers=LAYERS, calm=0, brush=1, keep_colour=False, size=None, tile=None)


@pytest.mark.parametrize("name", NUMBERS)
def test_ends_are_taken_and_what_lies_beyond_is_refused_in_words(name):
    knob = KNOBS[name]
    for end in (knob.least, knob.most):
        if end is not None:
            assert getattr(Look(**{name: end}), name) == end
    beyond = [knob.least - 1, math.nan, math.inf, "1", True] + ([] if knob.most is None else [knob.most + 1])
    for value in beyond:
        kind = {str: r" \(str\)", bool: r" \(bool\)"}.get(type(value), "")
        with pytest.raises(ValueError, match=f"^{name} is {value!r}{kind}: .* expected"):
            Look(**{name: value})


def test_what_is_whole_or_a_multiple_is_checked():
    for name, value in (("size", 100.5), ("draft", 0.5), ("tile", 130), ("style_size", 256.5)):
        with pytest.raises(ValueError, match=f"{name} is {value}: a (whole number|multiple of 4)"):
            Look(**{name: value})
    assert Look(tile=0).tile == 0 and Look(tile=132).tile == 132
    with pytest.raises(ValueError, match="yes or no"):
        Look(keep_colour=1)


def test_layers_are_known_by_name():
    assert Look(layers=("colour",)).layers == ("colour",)
    with pytest.raises(ValueError, match="layers has 'color', which does not exist: choose from detail, colour"):
        Look(layers=("color",))
    for lone in ("detail", 3, None):
        with pytest.raises(ValueError, match=f'^layers is {lone!r}.*: a list of names, such as ."detail".'):
            Look(layers=lone)


def test_a_palette_without_colours_is_refused_under_the_names_that_the_user_knows():
    with pytest.raises(ValueError, match="^palette is 0.5, and colour is not among the layers: .* Take palette 0, or"):
        Look(palette=0.5, layers=("detail", "texture"))
    with pytest.raises(ValueError, match="^--palette is 0.5, and colour is not among the --layers"):
        Look.check(vars(Look()) | {"palette": 0.5, "layers": ("detail",)}, lambda name: f"--{name}")
    assert Look(palette=0.5, keep_colour=True).palette == 0.5  # light and dark come nearer to the painting's


@pytest.mark.parametrize("name, near", [("brsh", "'brush'"), ("keep_color", "'keep_colour'"), ("xyz", "There are")])
def test_an_unknown_option_is_refused_under_the_name_of_the_function_called(model, name, near):
    from PIL import Image

    picture = Image.new("RGB", (32, 32))
    with pytest.raises(TypeError, match=f"^stylize has no option '{name}'. .*{near}"):
        model.stylize(picture, picture, **{name: 1})


@given(st.sampled_from(NUMBERS), st.floats(allow_nan=True))
def test_no_number_passes_that_is_off_the_scale(name, value):
    knob = KNOBS[name]
    fits = knob.least <= value <= (math.inf if knob.most is None else knob.most) and math.isfinite(value)
    fits = fits and (not knob.whole or value == int(value)) and value % knob.multiple == 0 or (fits and not knob.whole)
    try:
        Look(**{name: value})
    except ValueError:
        assert not fits
    else:
        assert fits


# Who reads it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command, cls", [(cli.stylize, Look), (cli.animate, Look), (cli.animate, Walk)])
def test_the_command_line_has_every_knob_with_its_default_range_and_words(command, cls):
    parameters = inspect.signature(command).parameters
    for name, knob in knobs_of(cls).items():
        option = parameters[name].annotation.__metadata__[0]
        assert option.help == knob.help
        assert (option.min, option.max) == (knob.least, knob.most)
        if name != "layers":
            assert parameters[name].default == default_of(cls, name)


def test_nothing_heavy_is_loaded_for_it():
    code = "import sys, zmnet_core.styling.look; sys.exit('torch' in sys.modules or 'PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_no_other_file_writes_a_range_of_a_knob_down():
    """What `min=0, max=1.5` and the like say is said in one place."""
    root = Path(__file__).resolve().parent.parent
    for file in (root / "zmnet_core" / "cli" / "commands.py", *(root / "zmnet_nodes").glob("*.py")):
        for name in KNOBS.keys() - {"size", "tile", "draft"}:  # lists of `evaluate`, choices of the nodes
            assert not re.search(rf"\b{name}: Annotated|Input\(\s*\"{name}\"", file.read_text()), (file, name)
