"""Runs of train.py's loop on vectors: which vector is a picture's, what is refused, and what the model then knows."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.conftest import picture_of
from tests.test_training import (  # noqa: F401
    REVISER,
    assert_same_state,
    log_of,
    make_config,
    state_of,
    training_environment,
)
from zmnet_core.cli import app
from zmnet_core.data.pictures import Pictures
from zmnet_core.data.sampling import Stream, rng
from zmnet_core.data.sources import LocalFile
from zmnet_core.errors import SignalError, TrainingError
from zmnet_core.files import write_tensors
from zmnet_core.images.colour import luma
from zmnet_core.images.picture import to_pil
from zmnet_core.losses.perceptual import LossConfig, PerceptualLoss
from zmnet_core.model import ZMNet
from zmnet_core.networks.pnet import build_pnet
from zmnet_core.networks.tnet import din_sites
from zmnet_core.networks.vector_pnet import sequences
from zmnet_core.signals.palettes import picture_histogram
from zmnet_core.training.checkpoints import check_through
from zmnet_core.training.objective import Objective
from zmnet_core.training.signal_table import SignalTable, load_table
from zmnet_core.training.signals import Named, labelled, material
from zmnet_core.training.style_bank import StyleBank, StyleTargets
from zmnet_core.training.trainer import train

pytestmark = pytest.mark.usefixtures("training_environment")

F = 12  # numbers of a vector
NAMES = ("blue hour", "dawn", "fog", "unpainted")


def vectors_of(names=NAMES, size=F, length=0) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    return {name: torch.randn(*(length,) * bool(length), size, generator=random) for name in names}


@pytest.fixture(scope="module")
def word_folder(tmp_path_factory) -> Path:
    """Pictures in folders that are words: four of each."""
    folder = tmp_path_factory.mktemp("words")
    for word in ("blue_hour", "dawn", "fog"):
        (folder / word).mkdir()
        for number in range(4):
            to_pil(picture_of(64, 64 + number, 10 * len(word) + number)[0]).save(folder / word / f"{number}.png")
    return folder


@pytest.fixture
def guided(make_config, word_folder, tmp_path):  # noqa: F811
    """Options of a run that a table guides."""
    write_tensors(tmp_path / "table.safetensors", vectors_of())

    def config(name="run", **options):
        given = {
            "style_dir": str(word_folder),
            "signals": str(tmp_path / "table.safetensors"),
            "pnet": "mlp",
            "signal_name": "mood",
            "styles_per_batch": 2,
        }
        return make_config(tmp_path / name, **given | options)

    return config


# Which vector is a picture's -------------------------------------------------------------------


def test_a_picture_is_called_by_its_path_then_its_folder_then_its_name():
    names = labelled(LocalFile("words/pale gold/old/a.jpg"), Path("words")).names
    assert names == ["pale gold/old/a.jpg", "pale gold/old/a", "pale gold/old", "pale gold", "a.jpg", "a"]
    assert labelled(LocalFile("words/a.jpg"), Path("words")).names == ["a.jpg", "a"]
    assert labelled(LocalFile("words/a.jpg"), Path("words")).word is None


def pairs_of(config) -> tuple[list[tuple[str, str]], list[str]]:
    said: list[str] = []
    found = material(config, (), said.append, said.append)
    return sorted(
        (Path(file).name, part.signals.table.names[row])
        for part in found
        for file, row in zip(part.files, part.signals.rows)
    ), said


def test_folders_are_words_in_any_spelling_and_names_without_pictures_are_told(guided):
    pairs, said = pairs_of(guided())
    assert Counter(word for _, word in pairs) == {"blue hour": 4, "dawn": 4, "fog": 4}
    assert said == [
        f"1 of the 4 names of '{guided().signals}' have no picture to train on: unpainted. The model knows their "
        "vectors, and is not trained on them"
    ]


def test_a_vector_for_each_picture_by_file_name(guided, picture_folder, tmp_path):
    names = ("0.png", "1", "2.png", "4.png", "5.png")
    write_tensors(tmp_path / "pictures.safetensors", vectors_of(names))
    options = {"style_dir": str(picture_folder), "signals": str(tmp_path / "pictures.safetensors")}
    pairs, said = pairs_of(guided(**options))
    assert pairs == [("0.png", "0.png"), ("1.png", "1"), *((f"{n}.png", f"{n}.png") for n in (2, 4, 5))]
    assert "1 of the 6 pictures of --style_dir have no vector" in said[0] and said[0].endswith("left out: 3.png")


def test_a_list_says_the_words_of_pictures_and_one_may_have_two(guided, word_folder, tmp_path):
    lines = ["# words", "dawn\tdawn/0.png", "fog\tdawn/0.png", "fog\t'fog/1.png'", "blue hour\tblue_hour\\2.png"]
    (word_folder / "pairs.tsv").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    pairs, _ = pairs_of(guided(style_dir=str(word_folder / "pairs.tsv"), validation_style_dir=str(word_folder)))
    assert Counter(pairs)["0.png", "dawn"] >= 1 and ("0.png", "fog") in pairs and ("1.png", "fog") in pairs
    (word_folder / "pairs.tsv").write_text("dawn\tdawn/0.png\nfog/1.png\n")
    with pytest.raises(TrainingError, match="lines without a tab, such as 'fog/1.png'"):
        pairs_of(guided(style_dir=str(word_folder / "pairs.tsv")))
    (word_folder / "pairs.tsv").unlink()


@given(rows=st.lists(st.integers(0, 5), min_size=2, max_size=60), step=st.integers(0, 50))
def test_every_word_is_as_likely_and_its_pictures_after_that(rows, step):
    """However many pictures a word has, a step has different words while there are enough."""
    table = SignalTable("t", [str(n) for n in range(6)], list(vectors_of(map(str, range(6))).values()), False)
    signals = Named("mood", table, rows, False)
    words = len(set(rows))
    drawn = signals.drawn(rng(0, step, 0, Stream.STYLE), words)
    assert {rows[picture] for picture in drawn} == set(rows) and len(drawn) == words


def test_no_word_loses_its_only_picture_to_the_validation(guided, picture_folder, tmp_path):
    lines = [f"{name}\t{picture_folder}/{n}.png" for n, name in enumerate(["dawn", "fog", "fog", "fog"])]
    (tmp_path / "pairs.txt").write_text("\n".join(lines))
    both = material(guided(style_dir=str(tmp_path / "pairs.txt"), signals=guided().signals), (), print, print)
    assert [part.signals.trained for part in both] == [("dawn", "fog"), ("fog",)]


def test_a_broken_picture_is_replaced_with_its_own_vector(tmp_path, random_vgg):
    """The picture that stands in for it may be another word's."""
    (tmp_path / "0.png").write_bytes(b"nothing")
    to_pil(picture_of(64, 64, 1)[0]).save(tmp_path / "1.png")
    table = SignalTable("t", ["a", "b"], list(vectors_of("ab").values()), False)
    files = [LocalFile(tmp_path / f"{n}.png") for n in range(2)]
    model = ZMNet({"width": 8}, {"kind": "mlp", "signal": "mood", "inputs": F, "size": 1, "width": 8})
    model.pnet.fit(table.stacked())
    loss = PerceptualLoss(random_vgg, LossConfig(style_layers={"relu1_2": 1.0}))
    for variants in (0, 1):
        signals = Named("mood", table, [0, 1], False)
        bank = StyleBank(Pictures(files), model.pnet, loss, (64, 64), variants, 0, signals=signals)
        found = bank.batch(0, 2).features
        torch.testing.assert_close(found, model.pnet.features(table.vectors[1][None]).expand(2, -1))


def test_looks_that_are_kept_on_disk_are_those_of_their_vectors(tmp_path, random_vgg, picture_folder):
    files = [LocalFile(path) for path in sorted(picture_folder.iterdir())[:2]]
    loss = PerceptualLoss(random_vgg, LossConfig(style_layers={"relu1_2": 1.0}))
    pnet = build_pnet("mlp", din_sites(8), signal="mood", inputs=F, size=1, width=8)
    for scale in (1, 2):
        table = SignalTable("t", ["a", "b"], [scale * v for v in vectors_of("ab").values()], False)
        signals = Named("mood", table, [0, 1], False)
        for _ in range(2):  # made, then read
            bank = StyleBank(Pictures(files), pnet, loss, (64, 64), 1, 0, tmp_path / "cache", signals=signals)
            assert torch.equal(bank.look(1, 0).features, pnet.features(table.vectors[1][None]))


def test_a_model_carries_no_more_names_than_config_json_has_room_for():
    names = [f"{'x' * 30}{n}" for n in range(30)]
    table = SignalTable("t", names, list(torch.randn(30, 2)), False)
    assert Named("mood", table, range(30), False).names == tuple(names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zmnet_core.training.signals.MOST_NAMES", 20)
        few = Named("mood", table, range(12), False)
        assert few.names == few.trained == tuple(names[:12])
        patch.setattr("zmnet_core.training.signals.MOST_LETTERS", 100)
        none = Named("mood", table, range(12), False)
        assert none.names == none.trained == () and len(none.shown) == 12


# What is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vectors", "options", "message"),
    [
        ({}, {}, "holds no vector"),
        (vectors_of() | {"dawn": torch.zeros(F - 1)}, {}, rf"vectors of {F} numbers, and of others: dawn \({F - 1}\)"),
        (vectors_of() | {"fog": torch.full((F,), torch.nan)}, {}, "NaN or infinite numbers in the vectors of fog"),
        ({name: torch.ones(F) for name in NAMES}, {}, "all 4 vectors are the same"),
        ({name: torch.ones(F, dtype=torch.int64) for name in NAMES}, {}, "no floats: blue hour is I64"),
        (vectors_of(length=3), {}, "holds sequences, where each name has one vector"),
        (vectors_of(), {"pnet": "gru"}, "holds single vectors, where each name has a sequence"),
        (vectors_of(length=3) | {"fog": torch.ones(F)}, {"pnet": "gru"}, rf"has fog \[{F}\] among its 4 names"),
        (vectors_of(("x", "y", "z")), {}, "no name in common: the table's are x, y, z, the pictures' blue_hour/0.png"),
        (vectors_of(), {"signal_size": 9}, "--signal_size 9: 4 vectors of 12 numbers are compressed to 3 at most"),
        ({"vectors": torch.ones(3, F)}, {}, "holds `vectors` alone: their names are looked for in '.*table.words.txt'"),
    ],
)
def test_a_table_that_cannot_guide_is_refused_and_nothing_is_written(guided, tmp_path, vectors, options, message):
    write_tensors(tmp_path / "table.safetensors", vectors)
    with pytest.raises(TrainingError, match=message):
        train(guided(**options))
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_no_table_is_refused(guided, tmp_path):
    (tmp_path / "table.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    for name, message in (("table.safetensors", "cannot be read as safetensors"), ("none.safetensors", "is not there")):
        with pytest.raises(TrainingError, match=message):
            train(guided(signals=str(tmp_path / name)))
    with pytest.raises(TrainingError, match="is a folder: name a .safetensors file"):
        train(guided(signals=str(tmp_path)))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"signals": None}, "--pnet mlp reads vectors: give them by --signals"),
        ({"pnet": "conv"}, "--pnet conv reads pictures, and vectors are read by mlp or mlp-parallel or gru"),
        ({"signal_name": "a.b"}, "'a.b' cannot name a signal: a name is a letter"),
        ({"signal_name": "keys"}, r"'keys' cannot name a signal \(it means something else\)"),
        ({"signals": "glove"}, "--signals glove has its name"),
        ({"signals": "histogram", "pnet": "gru", "signal_name": "own"}, "--pnet gru reads sequences"),
        ({"identity_every": 2}, "--identity_every: a photograph as its own style needs its vector"),
        ({"freeze_tnet": True}, "--freeze_tnet keeps the TNet of a trained model: name it by --init_from"),
        ({"freeze_tnet": True, "init_from": "zmnet-mini", "tnet_grey": True}, "--tnet_grey change it"),
        ({"pnet": "gru", "compile": True}, "a gru waits for the lengths"),
        ({"signals": None, "pnet": "conv", "signal_size": 3, "signal_name": "own"}, "--signal_size is for the vectors"),
    ],
)
def test_options_that_do_not_go_together_are_refused(guided, tmp_path, options, message):
    with pytest.raises(TrainingError, match=message):
        train(guided(**options))
    assert not (tmp_path / "run").exists()


# What the model then knows ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def mood_run(make_config, random_vgg_file, word_folder, tmp_path_factory):  # noqa: F811
    """A run of four steps, guided by words of one's own."""
    folder = tmp_path_factory.mktemp("mood")
    write_tensors(folder / "table.safetensors", {name: 1000 * v for name, v in vectors_of().items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZMNET_VGG", str(random_vgg_file))
        options = {"style_dir": str(word_folder), "signals": str(folder / "table.safetensors")}
        return train(make_config(folder / "run", pnet="mlp", signal_name="mood", **options))


def test_names_travel_with_the_model(mood_run):
    model = ZMNet.from_pretrained(mood_run)
    table = load_table(str(mood_run.parent / "table.safetensors"), False)
    assert model.pnet.names == table.names == NAMES
    assert model.pnet.words == {"trained": ("blue hour", "dawn", "fog")}
    for name in NAMES:
        by_name = model.encode_attribute(name, signal="mood").values
        torch.testing.assert_close(by_name, model.encode_attribute(table.vectors[table.row(name)]).values)
        torch.testing.assert_close(by_name, model.encode_attribute(name.upper().replace(" ", "_")).values)
    mixed = 0.7 * table.vectors[table.row("dawn")] + 0.3 * table.vectors[table.row("fog")]
    mixture = model.encode_attribute("0.7 dawn + 0.3 fog").values
    torch.testing.assert_close(mixture, model.encode_attribute(mixed).values, rtol=1e-4, atol=1e-5)


def test_a_word_outside_is_refused_with_what_the_model_knows(mood_run):
    model = ZMNet.from_pretrained(mood_run)
    with pytest.raises(SignalError, match="'summer' is none of the 4 names that this model knows: 'blue hour', 'dawn'"):
        model.encode_attribute("summer")
    with pytest.raises(SignalError, match="'fogs' is none of .*; the nearest are 'fog'"):
        model.encode_attribute("0.5 fogs + dawn")
    with pytest.raises(SignalError, match="reads no colours.* It reads mood vectors"):
        model.encode_attribute("#ff0000")
    with pytest.raises(SignalError, match="this model reads no 'glove', but mood"):
        model.encode_attribute("fog", signal="glove")
    with pytest.raises(SignalError, match=r"mood \(12 numbers\)"):
        model.encode_attribute(torch.zeros(5))


def test_the_command_line_paints_after_a_name_and_lists_what_is_known(mood_run, picture_folder, tmp_path):
    arguments = [
        "stylize",
        str(picture_folder / "0.png"),
        "--attribute",
        "0.5 dawn + 0.5 fog",
        "--model",
        str(mood_run),
    ]
    result = CliRunner().invoke(app, [*arguments, "--device", "cpu", "-o", str(tmp_path / "out.png")])
    assert result.exit_code == 0 and (tmp_path / "out.png").is_file(), result.output
    listed = CliRunner().invoke(app, ["words", "--model", str(mood_run)]).output
    assert listed.strip() == "trained: blue hour, dawn, fog"
    assert "unpainted" in CliRunner().invoke(app, ["words", "--all", "--model", str(mood_run)]).output


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mlp", "mlp-parallel", "gru"])
def test_an_interrupted_run_on_vectors_ends_with_the_same_bits(guided, tmp_path, kind):
    if kind == "gru":
        found = vectors_of(length=3)
        write_tensors(tmp_path / "table.safetensors", {n: v[: 1 + i % 3] for i, (n, v) in enumerate(found.items())})
    options = {"pnet": kind, "max_train_steps": 5, "style_variants": 1}
    whole = train(guided("whole", **options))
    resumed = train(guided("resumed", resume_from_checkpoint=str(whole / "checkpoint-2"), **options))
    assert_same_state(state_of(resumed / "checkpoint-5"), state_of(whole / "checkpoint-5"))
    model = ZMNet.from_pretrained(resumed)
    assert model.encode_attribute("fog").values.shape == model.encode_attribute("dawn + fog").values.shape


def test_a_table_that_has_changed_is_not_gone_on_with(guided, tmp_path):
    whole = train(guided(max_train_steps=2))
    write_tensors(tmp_path / "table.safetensors", vectors_of() | {"fog": torch.ones(F)})
    with pytest.raises(TrainingError, match="table.safetensors' has changed since the run began|has changed since"):
        train(guided(max_train_steps=3, resume_from_checkpoint="latest"))
    assert log_of(whole)[-1]["step"] == 2


# After --init_from -----------------------------------------------------------------------------


def full(folder: Path) -> Path:
    """A model of pictures that reads words and colours."""
    torch.manual_seed(0)
    options = {"glove": {"kind": "mlp", "size": 2, "width": 8}, "histogram": {"kind": "mlp", "size": 4, "width": 8}}
    ZMNet({"width": 8}, {"kind": "conv", "width": 8}, options).save_pretrained(folder)
    return folder


def test_a_frozen_tnet_keeps_pictures_words_and_colours_beside_the_new_vectors(guided, tmp_path):
    before = ZMNet.from_pretrained(full(tmp_path / "full"))
    options = {"init_from": str(tmp_path / "full"), "freeze_tnet": True}
    after = ZMNet.from_pretrained(train(guided(**options)))
    assert set(after.vector_pnets) == {"glove", "histogram", "mood"} and after.fingerprint == before.fingerprint
    for word in ("noon", "#d9a441"):
        one, other = (model.encode_attribute(word).values for model in (before, after))
        torch.testing.assert_close(one, other, rtol=0, atol=2e-3)  # float16
    picture = picture_of(64, 64, 0)
    torch.testing.assert_close(
        before.encode_style(picture).values, after.encode_style(picture).values, atol=2e-2, rtol=0
    )
    assert after.encode_attribute("fog").values.isfinite().all()
    # Trained on with further names it keeps those it had.
    write_tensors(tmp_path / "table.safetensors", vectors_of(("dawn", "fog", "rain")))
    more = ZMNet.from_pretrained(train(guided("more", init_from=str(tmp_path / "run"), freeze_tnet=True)))
    assert more.vector_pnets["mood"].names == ("blue hour", "unpainted", "dawn", "fog", "rain")
    kept = [model.vector_pnets["mood"].named("unpainted") for model in (after, more)]
    torch.testing.assert_close(*kept)


@pytest.mark.parametrize("what", ["vectors", "pictures"])
def test_a_trained_tnet_loses_its_words_and_the_run_says_what_to_run(guided, make_config, tmp_path, caplog, what):  # noqa: F811
    options = {"init_from": str(full(tmp_path / "full")), "max_train_steps": 1}
    after = train(guided(**options) if what == "vectors" else make_config(tmp_path / "run", **options))
    assert "reads words (GloVe's) and colours such as #d9a441 by attribute.safetensors" in caplog.text
    assert "python train/words.py --model RUN" in caplog.text and "--freeze_tnet keeps" in caplog.text
    assert set(ZMNet.from_pretrained(after).vector_pnets) == ({"mood"} if what == "vectors" else set())


def test_pictures_alone_may_be_trained_on_a_frozen_tnet_and_the_words_stay(make_config, tmp_path):  # noqa: F811
    before = ZMNet.from_pretrained(full(tmp_path / "full"))
    after = ZMNet.from_pretrained(
        train(make_config(tmp_path / "run", init_from=str(tmp_path / "full"), freeze_tnet=True))
    )
    assert after.fingerprint == before.fingerprint and set(after.vector_pnets) == {"glove", "histogram"}
    torch.testing.assert_close(
        before.encode_attribute("noon").values, after.encode_attribute("noon").values, rtol=0, atol=2e-3
    )
    assert not torch.equal(before.pnet.heads.gamma[0].weight, after.pnet.heads.gamma[0].weight)


@pytest.mark.parametrize("option", ["init_from", "teacher"])
def test_a_model_of_vectors_is_refused_where_one_of_pictures_is_needed(make_config, mood_run, tmp_path, option):  # noqa: F811
    with pytest.raises(TrainingError, match="guided by mood vectors and not by pictures|does not read pictures"):
        train(make_config(tmp_path / "run", **{option: str(mood_run)}))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_reviser_leaves_words_and_colours_as_they_were(make_config, tmp_path):  # noqa: F811
    before = ZMNet.from_pretrained(full(tmp_path / "full"))
    options = {"init_from": str(tmp_path / "full"), "max_train_steps": 1, "calibration_paintings": 2, **REVISER}
    after = ZMNet.from_pretrained(train(make_config(tmp_path / "run", **options)))
    assert after.reviser and set(after.vector_pnets) == {"glove", "histogram"}
    one, other = (model.encode_attribute("noon").values for model in (before, after))
    torch.testing.assert_close(one, other, rtol=0, atol=2e-3)  # float16


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (vectors_of(size=F + 1), {}, f"'mood' vectors of {F} numbers, and those of --signals have {F + 1}"),
        (
            vectors_of(),
            {"pnet": "mlp-parallel"},
            "of kind mlp: --pnet mlp trains it on, another --signal_name adds one",
        ),
        (vectors_of(), {"pnet_width": 16}, "whose --pnet_width is 8: leave --pnet_width out"),
    ],
)
def test_a_table_for_another_pnet_than_the_models_is_refused(guided, mood_run, tmp_path, table, options, message):
    write_tensors(tmp_path / "table.safetensors", table)
    with pytest.raises(TrainingError, match=message):
        train(guided(init_from=str(mood_run), **options))
    assert not (tmp_path / "run").exists()


def test_a_new_pnet_starts_from_the_mean_style_of_the_pictures(guided, tmp_path):
    before = ZMNet.from_pretrained(full(tmp_path / "full"))
    run = train(guided(init_from=str(tmp_path / "full"), max_train_steps=1, learning_rate=0.0))
    heads = ZMNet.from_pretrained(run).pnet.heads
    written = torch.cat([head.bias for head in heads.gamma])
    found = material(guided(), (), print, print)[0]
    pictures = Pictures(found.files)
    styles = [before.encode_style(to_square(pictures[i]), None).values for i in range(len(found.files))]
    torch.testing.assert_close(written, torch.cat(styles).mean(0)[0], rtol=1e-3, atol=2e-3)


def to_square(picture):
    from zmnet_core.data.pictures import centre_square

    return centre_square(picture, 64)[None]


# Colours for grey photographs ------------------------------------------------------------------


def test_a_grey_tnet_paints_a_photograph_and_its_grey_copy_alike_and_says_so():
    torch.manual_seed(0)
    grey = ZMNet({"width": 8, "grey": True}, {"kind": "mlp", "signal": "histogram", "size": 4, "width": 8})
    picture = picture_of(48, 50, 0)
    style = grey.encode_style(picture_of(64, 64, 1))
    copy = luma(picture).expand(-1, 3, -1, -1)
    torch.testing.assert_close(grey.apply(picture, style), grey.apply(copy, style), rtol=0, atol=1e-4)
    plain = ZMNet({"width": 8}, {"kind": "mlp", "signal": "histogram", "size": 4, "width": 8})
    plain.load_state_dict(grey.state_dict())
    assert plain.fingerprint != grey.fingerprint
    style = plain.encode_style(picture_of(64, 64, 1))
    assert (plain.apply(picture, style) - plain.apply(copy, style)).abs().max() > 1e-3


def test_a_model_of_histograms_takes_a_picture_as_its_colours():
    torch.manual_seed(0)
    model = ZMNet({"width": 8}, {"kind": "mlp", "signal": "histogram", "size": 4, "width": 8})
    picture = picture_of(64, 64, 1)
    one, other = model.encode_style(picture, None), model.encode_attribute(picture_histogram(picture)[0])
    torch.testing.assert_close(one.values, other.values)
    assert model.encode_style(picture).colours is not None


def test_a_run_on_histograms_may_take_photographs_as_their_own_style(make_config, picture_folder, tmp_path):  # noqa: F811
    options = {"signals": "histogram", "pnet": "mlp", "tnet_grey": True, "identity_every": 2, "signal_size": 3}
    run = train(make_config(tmp_path / "run", **options))
    model = ZMNet.from_pretrained(run)
    assert model.config["tnet"]["grey"] and model.config["pnet"] == {"kind": "mlp", "signal": "histogram"} | {
        "size": 3,
        "width": 8,
    }
    lines = log_of(run)
    assert "pixels" in lines[0] and "pixels" not in lines[1]
    assert model.stylize(to_pil(picture_of(64, 64, 0)[0]), to_pil(picture_of(64, 64, 1)[0]), strength=0.5)


# Order -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_gru_learns_the_order_of_words_by_the_objective(random_vgg):
    """Two phrases with the same words: a dark picture and a light one, which no sum of the words could tell apart."""
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, F, generator=random)
    phrases = [torch.stack((one, other)), torch.stack((other, one))]
    pictures = torch.stack((torch.full((3, 64, 64), 0.15), torch.full((3, 64, 64), 0.85)))
    model = ZMNet({"width": 8}, {"kind": "gru", "signal": "mood", "inputs": F, "size": 1, "width": 16}).train()
    model.pnet.fit(torch.stack((one, other)))
    from zmnet_core.training.config import TrainingConfig

    config = TrainingConfig(style_layers="relu1_2", palette_weight=3.0, style_weight=5.0, content_weight=0.1)
    perceptual = PerceptualLoss(random_vgg, config.loss_config())
    targets = StyleTargets(model.pnet.features(sequences(phrases)), perceptual.style_targets(pictures))
    contents, objective = picture_of(64, 64, 0, 2), Objective(config, perceptual)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        loss, _ = objective(model, contents, targets, torch.tensor(0.0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    dark, light = (model.encode_attribute(phrase) for phrase in phrases)
    painted = [float(model.apply(contents[:1], style).mean()) for style in (dark, light)]
    assert painted[1] - painted[0] > 0.3, painted
    swapped = model.encode_attribute(phrases[0].flip(0))
    torch.testing.assert_close(swapped.values, light.values)


def test_a_run_that_was_stopped_on_the_way_is_not_measured(mood_run, tmp_path):
    check_through(mood_run, 4)
    with pytest.raises(TrainingError, match="run' was stopped after step 4 of 5: the same command goes on with it"):
        check_through(mood_run, 5)
    with pytest.raises(TrainingError, match="after step 0 of 1"):
        check_through(tmp_path, 1)
