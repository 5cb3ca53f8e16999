"""Mixtures of words, tables of word vectors, and the sentence signal."""

import math
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zmnet_core.assets import TABLES
from zmnet_core.errors import SignalError, WeightsNotFoundError
from zmnet_core.model import ZMNet
from zmnet_core.signals import sentences as sentence_signal
from zmnet_core.signals.mixtures import LEAST, parse_mixture
from zmnet_core.signals.sentences import encode, sentences
from zmnet_core.signals.words import SIGNALS, WordTable, glove, plain

words = st.from_regex("[a-z]{2,9}( [a-z]{2,9})?", fullmatch=True).filter(
    lambda word: not word.startswith(("nan", "inf"))
)
weights = st.floats(-50, 50, allow_nan=False).filter(lambda weight: abs(weight) > 1e-3)
spaces = st.text(" ", max_size=2)


# The grammar -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, terms",
    [
        ("morning", [("morning", 1.0)]),
        ("0.5 morning + 0.5 night", [("morning", 0.5), ("night", 0.5)]),
        ("  2*late   afternoon+.5 night ", [("late afternoon", 2.0), ("night", 0.5)]),
        ("-0.5 night + 1. noon", [("night", -0.5), ("noon", 1.0)]),
        ("nander + infant", [("nander", 1.0), ("infant", 1.0)]),
        ("0.5 #112233 + 2#abc", [("#112233", 0.5), ("#abc", 2.0)]),
        ("night - 0.5 noon", [("night", 1.0), ("noon", -0.5)]),
        ("- night − noon + 5 day", [("night", -1.0), ("noon", -1.0), ("day", 5.0)]),
        ("1e-3 night + 1e+1 noon + #00e+3 day", [("night", 0.001), ("noon", 10.0), ("#00e", 1.0), ("day", 3.0)]),
        ("50% night + 50 % noon", [("night", 0.5), ("noon", 0.5)]),
        ("post-impressionism + ukiyo-e", [("post-impressionism", 1.0), ("ukiyo-e", 1.0)]),
        ("0.5 1920s paris + 3d", [("1920s paris", 0.5), ("3d", 1.0)]),
        ("2 night + -1 noon", [("night", 2.0), ("noon", -1.0)]),
    ],
)
def test_mixtures_are_read(text, terms):
    assert parse_mixture(text) == terms


@given(st.lists(st.tuples(words, weights), min_size=1, max_size=5), st.data())
def test_any_mixture_written_down_is_read_back(terms, data):
    sizes = math.fsum(abs(weight) for _, weight in terms)
    if math.fsum(weight for _, weight in terms) < LEAST * sizes:
        return
    gap = lambda: data.draw(spaces)  # noqa: E731
    star = data.draw(st.sampled_from([" ", " * ", "*", "  "]))
    text = "+".join(f"{gap()}{weight:.6f}{star}{word}{gap()}" for word, weight in terms)
    read = parse_mixture(text)
    assert [word for word, _ in read] == [word for word, _ in terms]
    assert [weight for _, weight in read] == pytest.approx([weight for _, weight in terms], abs=1e-6)


@given(st.text(max_size=30))
def test_any_text_gives_a_mixture_or_a_clear_error(text):
    try:
        terms = parse_mixture(text)
    except SignalError as error:
        assert "0.5 morning + 0.5 night" in str(error)
    else:
        assert terms and all(word and math.isfinite(weight) for word, weight in terms)


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "no attribute was given"),
        ("  ", "no attribute was given"),
        ("0.5", "has no word"),
        ("morning +", "has no word"),
        ("nan morning", "weight of 'morning' is nan"),
        ("inf morning", "weight of 'morning' is inf"),
        ("0 morning + 0 night", "sum to 0, "),
        (
            "morning + -1 night",
            "'morning \\+ -1 night' sum to 0, .* divided by their sum.*positive and at least a third",
        ),
        ("1 night + -0.9999 noon", "sum to 0.0001, their sizes to 1.9999"),
        ("-1 night", "sum to -1, "),
        ("0.5 noon + -1 night", "sum to -0.5, "),
        ("0,5 night + 0,5 noon", "decimal comma: write 0.5"),
        ("night 0.5 noon", "not understood at '0.5'"),
        ("(night:1.2)", r"not understood at '\('"),
        ("night * 0.5", r"not understood at '\*'"),
        ("--0.5 noon", "not understood at"),
        ("0.5.5 night", "not understood at"),
        ("1e400 night", "weight of 'night' is inf"),
    ],
)
def test_what_is_no_mixture_is_refused_with_an_example(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        parse_mixture(text)
    assert "0.5 morning + 0.5 night" in str(caught.value)


# Tables ----------------------------------------------------------------------------------------


@pytest.fixture
def table() -> WordTable:
    return WordTable(
        ["noon", "night", "midnight", "foggy night", "rust"],
        torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.1, 0.9], [0.2, 0.6], [-1.0, -1.0]]),
    )


def test_words_are_found_whatever_their_case_and_spaces(table):
    for written in ("Foggy Night", " foggy  night ", "foggy_night"):
        assert written in table and torch.equal(table[written], table.vectors[3])
    assert plain(" Foggy_NIGHT ") == "foggy night"


def test_articles_and_both_spellings_of_grey_are_understood():
    table = WordTable(["night", "grey", "the scream"], torch.eye(3))
    for written in ("a night", "The Night", "night"):
        assert torch.equal(table[written], table.vectors[0])
    assert torch.equal(table["gray"], table.vectors[1]) and "a gray" in table
    assert torch.equal(table["the scream"], table.vectors[2])  # as it is, where it is known so
    assert torch.equal(table.sequence("the gray night"), table.vectors[[1, 0]])
    assert torch.equal(sentences()["pale gray"], sentences()["pale grey"])
    assert "nightly" not in table and "ash" not in table


def test_unknown_words_are_answered_with_the_nearest_known(table):
    with pytest.raises(
        SignalError, match="'nigt' is not in the vocabulary, which has . words; the nearest known are 'night'"
    ):
        table["nigt"]
    with pytest.raises(SignalError, match="'starry night'.*'foggy night'"):
        table["starry night"]
    with pytest.raises(
        SignalError, match="'qqqq' is not in the vocabulary, .*; none looks like it, and `zmnet words --all"
    ):
        table["qqqq"]


def test_neighbours_are_by_cosine_and_without_the_word_itself(table):
    assert table.neighbours("night", 2) == ["midnight", "foggy night"]


def test_a_phrase_is_the_sequence_of_its_words(table):
    assert torch.equal(table.sequence("Night noon"), table.vectors[[1, 0]])


def test_a_table_comes_back_from_its_file(table, tmp_path):
    table.save(tmp_path / "mine.safetensors")
    loaded = WordTable.load(tmp_path / "mine.safetensors")
    assert loaded.words == table.words
    torch.testing.assert_close(loaded.vectors, table.vectors, rtol=0, atol=1e-3)


def test_text_files_of_vectors_are_read(tmp_path):
    (tmp_path / "glove.txt").write_text("noon 1.5 -2\nnight 0 3e-1\n")
    loaded = WordTable.load(tmp_path / "glove.txt")
    assert loaded.words == ("noon", "night")
    torch.testing.assert_close(loaded["night"], torch.tensor([0.0, 0.3]))


@pytest.mark.parametrize("name", ["mine.safetensors", "mine.txt"])
def test_files_that_are_not_there_or_hold_no_table_are_named(tmp_path, name):
    with pytest.raises(WeightsNotFoundError, match=name):
        WordTable.load(tmp_path / name)
    (tmp_path / "mine.words.txt").write_text("noon\n")
    (tmp_path / name).write_bytes(b"noon a b")
    with pytest.raises(SignalError, match=f"{name}' is no table"):
        WordTable.load(tmp_path / name)


def test_vectors_of_another_number_than_words_are_refused():
    with pytest.raises(SignalError, match="2 words for vectors"):
        WordTable(["a", "b"], torch.zeros(3, 2))


# What ships ------------------------------------------------------------------------------------


def test_shipped_glove_knows_the_papers_words(monkeypatch):
    monkeypatch.delenv("ZMNET_GLOVE", raising=False)
    table = glove()
    assert table.vectors.shape == (len(table), SIGNALS["glove"])
    for word in ("noon", "night", "morning", "afternoon"):
        assert word in table
    assert "evening" in table.neighbours("night", 5)


def test_another_glove_table_is_taken_from_the_environment(monkeypatch, tmp_path):
    (tmp_path / "own.txt").write_text("moon 1 2\n")
    monkeypatch.setenv("ZMNET_GLOVE", str(tmp_path / "own.txt"))
    assert glove().words == ("moon",)


def test_shipped_phrases_are_small_and_order_light_sensibly():
    table = sentences().table
    assert table.vectors.shape == (len(table), SIGNALS["sentence"]) and len(table) > 3000
    assert sum((TABLES / f"sentence-128{end}").stat().st_size for end in (".safetensors", ".words.txt")) < 3_000_000
    near = torch.cosine_similarity
    assert near(table["midnight"], table["night"], 0) > near(table["midnight"], table["noon"], 0)
    assert near(table["midday"], table["noon"], 0) > near(table["midday"], table["night"], 0)
    assert near(table["scarlet"], table["crimson"], 0) > near(table["scarlet"], table["teal"], 0)


def test_known_phrases_need_no_encoder(monkeypatch):
    monkeypatch.setattr(sentence_signal, "encode", lambda phrases: pytest.fail("the encoder was asked"))
    assert torch.equal(sentences()["Foggy Night"], sentences().table["foggy night"])


@pytest.mark.parametrize("text", ["0,5 nigt", "night 0.5 dusky noon", "(a nigt:1.2)", "-1 starless nigt", "#12 + nigt"])
def test_errors_of_typing_never_reach_the_encoder(monkeypatch, text):
    model = ZMNet(
        {"width": 8},
        {"kind": "mlp", "signal": "sentence", "size": 4, "width": 8},
        {"histogram": {"kind": "mlp", "size": 4, "width": 8}},
    )
    monkeypatch.setattr(sentence_signal, "encode", lambda phrases: pytest.fail("the encoder was asked"))
    with pytest.raises(SignalError):
        model.encode_attribute(text)


def test_unknown_phrases_without_transformers_say_what_to_install(monkeypatch):
    monkeypatch.setattr(sentence_signal.importlib.util, "find_spec", lambda name: None)
    count = f"which has {len(sentences().table):,} words and phrases; the"
    with pytest.raises(SignalError, match=f"{count} nearest known are .*'foggy night'.*pip install transformers"):
        sentences()["a very foggy winter night"]


def test_unknown_phrases_are_encoded_as_the_table_was_made(monkeypatch):
    """The encoder's part, with the packages' part played by a table: 384 numbers whose projection is known."""
    known = sentences()
    embedding = known.offset + known.table["night"] @ torch.linalg.pinv(known.components).T
    monkeypatch.setattr(sentence_signal.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(sentence_signal, "encode", lambda phrases: embedding[None])
    torch.testing.assert_close(known["the dead of night"], known.table["night"], rtol=0, atol=1e-3)


def test_no_encoder_to_be_had_is_an_error_that_names_the_folder(monkeypatch, tmp_path):
    def missing(name):
        raise OSError("no such folder")

    package = ModuleType("transformers")
    package.AutoTokenizer = package.AutoModel = SimpleNamespace(from_pretrained=missing)
    monkeypatch.setitem(sys.modules, "transformers", package)
    monkeypatch.setenv("ZMNET_SENTENCE_ENCODER", str(tmp_path))
    sentence_signal._encoder.cache_clear()
    with pytest.raises(WeightsNotFoundError, match="Set ZMNET_SENTENCE_ENCODER to a folder"):
        encode(["anything"])
    monkeypatch.setenv("ZMNET_SENTENCE_ENCODER", str(tmp_path / "moved"))
    with pytest.raises(WeightsNotFoundError, match="moved' is no folder"):
        encode(["anything"])


@pytest.mark.slow
def test_the_encoder_gives_what_the_table_holds():
    """With the real encoder: $ZMNET_SENTENCE_ENCODER, and the package transformers."""
    import os

    pytest.importorskip("transformers", reason="needs the package transformers")
    if not os.environ.get("ZMNET_SENTENCE_ENCODER"):
        pytest.skip("needs the sentence encoder in $ZMNET_SENTENCE_ENCODER")
    sentence_signal._encoder.cache_clear()
    known = sentences()
    phrases = ["night", "pale gold", "claude monet"]
    expected = torch.stack([known.table[phrase] for phrase in phrases])
    torch.testing.assert_close(known.reduce(encode(phrases)), expected, rtol=0, atol=2e-3)
    assert torch.cosine_similarity(known["the dead of night"], known["night"], 0) > 0.5
