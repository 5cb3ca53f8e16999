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


def test_layers_are_known_by_name_also_by_the_former_ones():
    assert Look(layers=("tones", "detail")).by_layer == ("detail", "tones") == Look(layers="tones, detail").by_layer
    assert Look(layers=("colour", "texture")).by_layer == ("weave", "tones")  # of the paper's Fig. 7
    assert Look(layers=()).by_layer == ()
    with pytest.raises(ValueError, match="layers has 'color', which does not exist. Did you mean 'colour'"):
        Look(layers=("color",))
    with pytest.raises(
        ValueError, match="layers has 'sky', which does not exist: choose from detail, weave, tones, or"
    ):
        Look(layers="sky")
    for lone in (3, None, True, b"detail"):
        with pytest.raises(ValueError, match=f"^layers is {lone!r} .*: a list of names is expected, such as"):
            Look(layers=lone)


def test_weights_of_layers_are_read_from_mappings_and_texts_alike():
    expected = {1: 0.5} | dict.fromkeys((2, 3), 0.0) | dict.fromkeys(range(4, 10), 1.0)
    for layers in ("1:0.5,4-9:1", " 1 : .5 , 4-9", {1: 0.5} | dict.fromkeys(range(4, 10), 1), "9,4-8,1:5e-1"):
        assert Look(layers=layers).by_layer == expected
    assert Look(layers={5: 1.5}).by_layer[5] == 1.5 and Look(layers="5:0").by_layer[5] == 0


@given(st.dictionaries(st.sampled_from(["detail", "weave", "tones"]), st.floats(0, 1.5), min_size=1))
def test_a_group_with_a_weight_is_its_layers_with_it(weights):
    places = {"detail": "1-3", "weave": "4-6", "tones": "7-9"}
    text = ",".join(f"{group}:{weight!r}" for group, weight in weights.items())
    numbers = ",".join(f"{places[group]}:{weight!r}" for group, weight in weights.items())
    assert Look(layers=text).by_layer == Look(layers=numbers).by_layer
    assert Look(layers="colour : 0.5, 7, 8-9").by_layer == Look(layers="4-6:0.5,7-9:1").by_layer
    assert Look(layers="detail:0.5,tones").by_layer == Look(layers="1-3:0.5,7-9").by_layer


@given(st.dictionaries(st.integers(1, 9), st.floats(0, 1.5), min_size=1))
def test_what_a_mapping_says_its_text_says_too(weights):
    text = ",".join(f"{layer}:{weight!r}" for layer, weight in weights.items())
    assert Look(layers=text).by_layer == Look(layers=weights).by_layer
    assert {layer: weight for layer, weight in Look(layers=text).by_layer.items() if weight} == {
        layer: weight for layer, weight in weights.items() if weight
    }


@pytest.mark.parametrize(
    "layers, said",
    [
        ("", "layers is '', which names none"),
        (" , ", "layers is ' , ', which names none"),
        ({}, "layers is empty"),
        ("10:1", "has the layer 10, which does not exist: they are 1 to 9"),
        ({0: 1}, "has the layer 0, which does not exist"),
        ({"1": 1}, "has the layer '1', which does not exist"),
        ({True: 1}, "has the layer True"),
        ("9-4:1", "'9-4:1', whose layers are the wrong way round: 4-9 is meant?"),
        ("1-5:1,4:0.5", "names layer 4 twice"),
        ("1:2", "layer 1 the weight 2.0: a number from 0 to 1.5 is expected"),
        ("1:-1", "layer 1 the weight -1.0"),
        ("1:nan", "layer 1 the weight nan"),
        ({1: True}, "layer 1 the weight True"),
        ({1: "1"}, "layer 1 the weight '1'"),
        ("1:much", "'1:much': a number from 0 to 1.5 is expected after the colon"),
        ("1:0.5,", "has '', which is no layer or group with its weight, .* detail:0.5 .detail is 1-3, weave is 4-6"),
        ("1:0.5,detail", "names layer 1 twice"),
        ("tones:0.5,texture:1", "names layer 7 twice"),
        ("sky:0.5", "has 'sky', which does not exist"),
        ("detail:much", "'detail:much': a number from 0 to 1.5 is expected after the colon"),
        ("detail:", "'detail:': a number from 0 to 1.5 is expected after the colon"),
        ("detail:2", "layer 1 the weight 2.0"),
        (":0.5", "has ':0.5', which is no layer or group"),
        ("detail,", "has '', which does not exist"),
    ],
)
def test_layers_that_cannot_be_are_refused_in_words(layers, said):
    with pytest.raises(ValueError, match=said):
        Look(layers=layers)


def test_strength_times_a_weight_stays_on_the_scale_of_strength():
    assert Look(strength=1.5, layers={1: 1}).strength == 1.5
    with pytest.raises(ValueError, match="^strength 1.2 times the weight 1.5 of layer 4 is 1.8: no more than 1.5"):
        Look(strength=1.2, layers={4: 1.5, 5: 1})


@pytest.mark.parametrize("value", [3, True, [], {}, "", object(), Look])
def test_what_is_no_picture_is_no_palette(value):
    with pytest.raises(ValueError, match="^palette_of is .*: a picture, a style, or a file of either is expected"):
        Look(palette=1, palette_of=value)


def test_colours_that_nothing_goes_by_are_refused_under_the_names_that_the_user_knows():
    with pytest.raises(
        ValueError, match="^palette_of names a picture .* palette and match are both 0, .* or leave palette_of out"
    ):
        Look(palette_of="irises.jpg")
    with pytest.raises(ValueError, match="^--palette_of names a picture .* --palette and --match are both 0"):
        Look.check(vars(Look()) | {"palette_of": "irises.jpg"}, lambda name: f"--{name}")
    assert Look(palette_of="irises.jpg", match=0.5).match == 0.5


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
    for file in (*(root / "zmnet_core/cli").glob("*.py"), *(root / "zmnet_nodes").glob("*.py")):
        for name in KNOBS.keys() - {
            "size",
            "tile",
            "draft",
            "layers",
            "palette_of",
        }:  # lists of `evaluate`, choices and sockets of the nodes
            assert not re.search(rf"\b{name}: Annotated|Input\(\s*\"{name}\"", file.read_text()), (file, name)
