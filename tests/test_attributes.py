"""`encode_attribute`: words, vectors and colours in the space of the paintings' styles, and models that read them."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zmnet_core.errors import SignalError, WeightsNotFoundError, WrongModelError
from zmnet_core.files import write_json
from zmnet_core.model import ZMNet
from zmnet_core.signals.palettes import palette_histogram
from zmnet_core.signals.words import WordTable
from zmnet_core.styling.style import Style

WORDS = ("noon", "night", "morning", "foggy", "winter")


def table_of(size: int = 100) -> WordTable:
    return WordTable(WORDS, torch.randn(len(WORDS), size, generator=torch.Generator().manual_seed(0)))


def loud(model: ZMNet) -> ZMNet:
    """The same, its PNets telling signals apart."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".heads." in name and name.endswith("weight"):
                parameter.mul_(20)
    return model.eval().requires_grad_(False)


def words_only(kind: str = "mlp") -> ZMNet:
    torch.manual_seed(0)
    return loud(ZMNet({"width": 8}, {"kind": kind, "signal": "glove", "size": 4, "width": 16}))


def both() -> ZMNet:
    torch.manual_seed(0)
    attributes = {
        "glove": {"kind": "mlp", "size": 4, "width": 16, "words": {"light": ["noon", "night"]}},
        "histogram": {"kind": "mlp-parallel", "size": 8, "width": 16},
    }
    return loud(ZMNet({"width": 8}, {"kind": "conv", "width": 8}, attributes))


@pytest.fixture(scope="module", params=["mlp", "mlp-parallel", "gru"])
def words_model(request) -> ZMNet:
    return words_only(request.param)


@pytest.fixture(scope="module")
def full_model() -> ZMNet:
    return both()


@pytest.fixture(scope="module")
def table() -> WordTable:
    return table_of()


# Styles ----------------------------------------------------------------------------------------


def test_two_words_give_two_pictures(words_model, table, make_picture):
    photograph = make_picture(40, 52, 1)
    one, other = (words_model.apply(photograph, words_model.encode_attribute(w, table=table)) for w in WORDS[:2])
    assert one.shape == photograph.shape
    assert (one - other).abs().mean() > 0.005


def test_a_words_style_carries_the_text_as_its_name(words_model, table):
    assert words_model.encode_attribute(" noon + night ", table=table).name == "noon + night"
    assert words_model.encode_attribute("noon", table=table, name="mine").name == "mine"


@given(weight=st.floats(0.01, 10), share=st.floats(-0.45, 3))
def test_only_the_proportion_of_weights_counts(weight, share):
    model, table = words_only("mlp"), table_of()
    one = model.encode_attribute(f"1 noon + {share:.6f} night", table=table)
    other = model.encode_attribute(f"{weight:.9f} noon + {weight * share:.9f} night", table=table)
    torch.testing.assert_close(one.values, other.values, rtol=1e-2, atol=1e-2)


def test_a_word_alone_is_its_vector(words_model, table):
    if words_model.pnet.sequence:
        vector = table["noon"][None]
    else:
        vector = table["noon"]
    expected = words_model.encode_attribute(vector)
    assert torch.equal(words_model.encode_attribute("3 Noon", table=table).values, expected.values)


def test_words_are_mixed_as_vectors_before_the_pnet(table):
    model = words_only("mlp")
    mixed = model.encode_attribute("0.25 noon + 0.75 night", table=table)
    vector = 0.25 * table["noon"] + 0.75 * table["night"]
    torch.testing.assert_close(mixed.values, model.encode_attribute(vector).values)


def test_phrases_that_a_gru_reads_are_mixed_as_styles(table):
    model = words_only("gru")
    one, other = (model.encode_attribute(text, table=table) for text in ("foggy winter night", "noon"))
    mixed = model.encode_attribute("0.25 foggy winter night + 0.75 noon", table=table)
    torch.testing.assert_close(mixed.values, (0.25 * one + 0.75 * other).values, rtol=1e-4, atol=1e-5)


def test_several_vectors_give_several_styles(table):
    model = words_only("mlp")
    styles = model.encode_attribute(table.vectors[:3])
    assert len(styles) == 3
    torch.testing.assert_close(styles[1].values, model.encode_attribute("night", table=table).values)


def test_words_colours_and_paintings_blend(full_model, table, make_picture):
    painting = full_model.encode_style(make_picture(48, 48, 7), size=None)
    night = full_model.encode_attribute("night", table=table)
    blue = full_model.encode_attribute("#123a6b")
    assert torch.equal(blue.values, full_model.encode_attribute(palette_histogram(["#123a6b"])).values)
    mixed = full_model.encode_attribute("3 night + #123a6b", table=table)
    torch.testing.assert_close(mixed.values, (0.75 * night + 0.25 * blue).values, rtol=1e-4, atol=1e-5)
    blend = Style.blend([painting, mixed])
    assert full_model.apply(make_picture(32, 32, 1), blend, strength=0.5).isfinite().all()
    assert (painting.values - night.values).abs().max() > 0.01


def test_arrays_and_lists_of_numbers_are_read_as_tensors_are(full_model, table):
    expected = full_model.encode_attribute(table["noon"]).values
    for vector in (
        table["noon"].numpy(),
        table["noon"].tolist(),
        table["noon"].double(),
        tuple(table["noon"].tolist()),
    ):
        torch.testing.assert_close(full_model.encode_attribute(vector).values, expected)
    rows = [table["noon"], table["night"]]
    assert torch.equal(full_model.encode_attribute(rows).values, full_model.encode_attribute(torch.stack(rows)).values)


def test_a_list_of_colours_is_their_palette(full_model):
    expected = full_model.encode_attribute("#fff + #123a6b").values
    torch.testing.assert_close(full_model.encode_attribute(["#fff", "#123a6b"]).values, expected)
    torch.testing.assert_close(full_model.encode_attribute(("#fff", " #123a6b")).values, expected)


@pytest.mark.parametrize("scale", [1e-30, 64 * 64, 1e38])
def test_histograms_of_counts_are_divided_by_their_sum(full_model, scale):
    shares = palette_histogram(["#d9a441", "#123a6b"])
    expected = full_model.encode_attribute(shares).values
    torch.testing.assert_close(full_model.encode_attribute(scale * shares).values, expected)


def test_a_style_that_is_not_finite_is_never_given(table):
    model = words_only("mlp")
    with torch.no_grad():
        model.pnet.heads.gamma[0].bias[0] = float("inf")
    with pytest.raises(SignalError, match="the style holds NaN or infinite"):
        model.encode_attribute("noon", table=table)


def test_less_of_some_words_in_a_picture_of_colours(full_model, table):
    """A group of terms may have a negative sum where the others make up for it."""
    mixed = full_model.encode_attribute("2 #123a6b + -0.5 night", table=table)
    blue, night = full_model.encode_attribute("#123a6b"), full_model.encode_attribute("night", table=table)
    torch.testing.assert_close(mixed.values, (blue.values * 2 - 0.5 * night.values) / 1.5, rtol=1e-4, atol=1e-5)


# Refusing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "no attribute was given"),
        ("nan night", "weight of 'night' is nan"),
        ("night + -1 noon", "sum to 0, "),
        ("nigth", "'nigth' is not in the vocabulary, which has 5 words; the nearest known are 'night'"),
        ("#12345", "'#12345' is not a colour"),
        ("night + -1 noon + #fff", "the weights of 'night' and 'noon' sum to 0, "),
        ("-1 #fff + 3 #000 + night", "'#fff' and '#000' are no shares: colours are mixed as the areas"),
    ],
)
def test_bad_text_is_refused_saying_what_is_wrong(full_model, table, text, said):
    with pytest.raises(SignalError, match=said):
        full_model.encode_attribute(text, table=table)


@pytest.mark.parametrize(
    "vector, said",
    [
        (torch.zeros(7), r"glove \(100 numbers\), histogram \(245 numbers\); this tensor is \[7\]"),
        (torch.zeros(2, 3, 100), r"\[F\] or \[N, F\] with F = 100; this tensor is \[2, 3, 100\]"),
        (torch.zeros(0, 100), r"this tensor is \[0, 100\]"),
        (torch.tensor(1.0), r"this tensor is \[\]"),
        (torch.full((100,), float("nan")), "NaN or infinite"),
        (torch.full((100,), 1e38), "deviations from the vectors that this model was made for"),
        (torch.full((100,), 200.0), "deviations from the vectors"),
        (torch.linspace(-1, 1, 245), "no number is negative"),
        (torch.zeros(245), "not all are zero"),
        (None, "not NoneType"),
        (7, "not int"),
        ({"night": 1}, "not dict"),
        ([], r"this tensor is \[0\]"),
        (["night", "noon"], "'night' is not a colour"),
        (["#fff", 1], "this holds something else"),
        ([[1.0, 2.0], [3.0]], "this holds something else"),
        (torch.zeros(100, dtype=torch.complex64), "complex64"),
    ],
    ids=str,
)
def test_bad_vectors_are_refused_saying_what_is_expected(full_model, vector, said):
    with pytest.raises(SignalError, match=said):
        full_model.encode_attribute(vector)


def test_models_refuse_the_signals_they_do_not_read(make_model, make_picture, words_model, table):
    with pytest.raises(WrongModelError, match="guided by pictures only, .* give a painting instead, or take"):
        make_model().encode_attribute("night")
    with pytest.raises(SignalError, match="reads no colours, so that '#fff' means nothing to it. It reads words"):
        words_model.encode_attribute("night + #fff", table=table)
    with pytest.raises(SignalError, match="reads no 'histogram', but glove"):
        words_model.encode_attribute(torch.zeros(245), signal="histogram")
    with pytest.raises(WrongModelError, match=r"guided by words \(GloVe's\), not by pictures"):
        words_model.encode_style(make_picture(32, 32, 1))
    with pytest.raises(WrongModelError, match="strength other than 1"):
        words_model.apply(make_picture(32, 32, 1), words_model.encode_attribute("night", table=table), strength=0.5)


def test_a_model_of_colours_alone_reads_no_words():
    model = ZMNet({"width": 8}, {"kind": "mlp", "signal": "histogram", "size": 4, "width": 8}).eval()
    assert len(model.encode_attribute("#123 + 2 #fed")) == 1
    with pytest.raises(SignalError, match="reads no words, so that 'night' means nothing to it. It reads colours"):
        model.encode_attribute("night")


# Files -----------------------------------------------------------------------------------------


def same(model: ZMNet, other: ZMNet) -> bool:
    one, two = model.state_dict(), other.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_words_model_comes_back_to_the_bit(words_model, tmp_path):
    words_model.save_pretrained(tmp_path)
    loaded = ZMNet.from_pretrained(tmp_path)
    assert loaded.config == words_model.config and same(loaded, words_model)


def test_model_of_pictures_and_words_comes_back_to_the_bit(full_model, tmp_path):
    full_model.save_pretrained(tmp_path)
    assert {"config.json", "model.safetensors", "attribute.safetensors"} <= {file.name for file in tmp_path.iterdir()}
    loaded = ZMNet.from_pretrained(tmp_path)
    assert loaded.config == full_model.config and same(loaded, full_model)
    assert loaded.vector_pnets["glove"].words == {"light": ("noon", "night")}


def test_words_leave_a_models_own_file_and_fingerprint_as_they_are(full_model, tmp_path):
    full_model.save_pretrained(tmp_path)
    plain = ZMNet.from_pretrained(tmp_path, attribute_pnets=None)
    assert plain.fingerprint == full_model.fingerprint
    assert not plain.attribute_pnets and "attribute_pnets" not in plain.config
    plain.save_pretrained(tmp_path / "plain")
    assert not (tmp_path / "plain" / "attribute.safetensors").exists()
    name = "model.safetensors"
    assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_words_made_for_another_tnet_are_refused(full_model, tmp_path):
    full_model.save_pretrained(tmp_path)
    other = both()
    other.tnet.out.bias += 1
    other.save_pretrained(tmp_path / "other")
    (tmp_path / "attribute.safetensors").replace(tmp_path / "other" / "attribute.safetensors")
    with pytest.raises(WrongModelError, match=f"made for the TNet {full_model.fingerprint[:8]}.*attribute_pnets=None"):
        ZMNet.from_pretrained(tmp_path / "other")


def test_missing_and_foreign_word_weights_are_named(full_model, tmp_path):
    full_model.save_pretrained(tmp_path)
    file = tmp_path / "attribute.safetensors"
    kept = file.read_bytes()
    file.unlink()
    with pytest.raises(WeightsNotFoundError, match="config.json names attribute_pnets, but there is no .*attribute"):
        ZMNet.from_pretrained(tmp_path)
    file.write_bytes(kept)
    config = json.loads((tmp_path / "config.json").read_text())
    config["attribute_pnets"]["glove"]["width"] = 8
    write_json(tmp_path / "config.json", config)
    with pytest.raises(WrongModelError, match="wrong shape: attribute_pnets.glove"):
        ZMNet.from_pretrained(tmp_path)


@pytest.mark.parametrize("options", [{"kind": "conv"}, {"kind": "mlp", "size": 500}, {"kind": "mlp", "colour": 1}])
def test_config_that_describes_no_word_pnet_is_refused(full_model, tmp_path, options):
    full_model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    write_json(tmp_path / "config.json", config | {"attribute_pnets": {"glove": options}})
    with pytest.raises(WrongModelError, match=r"config\.json"):
        ZMNet.from_pretrained(tmp_path)
