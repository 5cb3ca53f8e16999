"""Words and palettes end to end: train/words.py on a small data set, and the weights that ship."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.processes import ROOT, finish, start_alone
from zmnet_core.assets import DEMO_PICTURES as PICTURES
from zmnet_core.images.colour import lab
from zmnet_core.images.picture import read_picture, to_pil, to_tensor
from zmnet_core.model import ZMNet
from zmnet_core.networks.pnet import build_pnet
from zmnet_core.networks.tnet import din_sites
from zmnet_core.signals.palettes import histogram, palette_histogram, picture_histogram, rgb
from zmnet_core.signals.sentences import sentences
from zmnet_core.training.words import pictures as word_pictures
from zmnet_core.training.words.course import palette_lessons
from zmnet_core.training.words.pictures import families, palettes_of, phrase_scores, rule_scores, without
from zmnet_core.training.words.teaching import Lessons, budget, error, regress, spread_of
from zmnet_core.training.words.vocabulary import COLOURS, HELD_OUT_LIGHTS, HELD_OUT_TONES, LIGHTS, TONES


def patches_of(*colours: str, count: int = 100) -> torch.Tensor:
    """One picture's patches [count, 3], of these colours in turn."""
    return torch.stack([lab(rgb(colours[i % len(colours)])) for i in range(count)])


# The pictures of a word ------------------------------------------------------------------------


def test_enough_words_are_trained_and_enough_held_out():
    assert len(COLOURS | TONES) >= 60
    assert len(set(HELD_OUT_TONES) & (COLOURS | TONES).keys()) >= 10
    assert len({"sunset"} | (set(HELD_OUT_LIGHTS) & LIGHTS.keys())) >= 4
    known = sentences()
    for word in (*COLOURS, *TONES, *LIGHTS):
        assert word in known.table, word


def test_rules_find_the_pictures_that_a_word_means():
    pictures = torch.stack(
        [patches_of(COLOURS["crimson"], "#101010"), patches_of("#f4f0e8", "#ffffff"), patches_of("#0a0a12", "#050508")]
    )
    scores = rule_scores(pictures, pictures)
    best = {word: int(score.argmax()) for word, score in scores.items()}
    assert best["crimson"] == 0 and best["vivid"] == 0
    assert best["pale"] == 1 and best["bright"] == 1
    assert best["dark"] == 2
    assert int(phrase_scores(scores)["deep crimson"].argmax()) == 0


def test_nothing_of_a_held_out_word_is_left_to_train_on():
    words = ["gold", "pale", "pale gold", "vivid gold", "sunset", "sunrise", "evening glow", "night"]
    assert without(words, ("pale", "sunset")) == ["gold", "vivid gold", "night"]


def test_every_word_has_one_family():
    words = ["crimson", "pale", "misty", "noon", "claude monet", "impressionism", "pale crimson"]
    found = families(words, {"claude monet"})
    assert found == {
        "colours": ["crimson"], "tones": ["pale"], "light": ["misty"], "times": ["noon"],
        "painters": ["claude monet"], "movements": ["impressionism"], "phrases": ["pale crimson"],
    }  # fmt: skip


def test_a_short_palette_has_a_pictures_colours_in_their_shares():
    picture = patches_of("#a8102c", "#a8102c", "#a8102c", "#1e4ca0")[None]
    expected = palette_histogram(["#a8102c", "#1e4ca0"], [3, 1])
    torch.testing.assert_close(palettes_of(picture, (2,))[0, 0], expected, rtol=0, atol=1e-3)
    assert torch.allclose(palettes_of(picture, (1,))[0, 0], histogram(picture.mean(1, keepdim=True))[0], atol=1e-4)


def test_pictures_of_labels_are_found_beside_those_of_rules(tmp_path):
    (tmp_path / "labels.tsv").write_text("file\tartist\tmovement\nstyles/a.jpg\tclaude_monet\timpressionism\n")
    files = [tmp_path / name for name in ("styles/a.jpg", "attributes/noon/train/b.jpg", "styles/c.jpg")]
    looks = word_pictures.Looks(tuple(files), torch.zeros(3, 2, 4), torch.rand(3, 16, 3) * 50)
    rows = word_pictures.pictures_of_words(tmp_path, looks, looks.patches, most=2)
    assert rows["claude monet"] == rows["impressionism"] == [0]
    assert rows["noon"] == rows["midday"] == [1]
    assert len(rows["golden"]) == 2 and "night" not in rows


def test_recoloured_pictures_reach_colours_that_none_has_and_follow_from_seed_and_step(make_picture):
    picture = make_picture(48, 64, 3)[0]
    found = torch.stack([word_pictures.recolour(picture, 0, step) for step in range(60)])
    assert found.shape == (60, 3, 48, 64) and found.min() >= 0 and found.max() <= 1
    assert torch.equal(found[7], word_pictures.recolour(picture, 0, 7))
    assert not torch.equal(found[7], word_pictures.recolour(picture, 1, 7))
    means = lab(found.permute(0, 2, 3, 1)).mean((1, 2))
    quadrants = {(bool(a > 0), bool(b > 0)) for _, a, b in means if a.square() + b.square() > 30**2}
    assert len(quadrants) == 4  # strong colours of every kind of hue


def test_half_of_the_palette_lessons_are_of_recoloured_pictures():
    looks, other = (
        word_pictures.Looks((), torch.full((count, 2, 4), value), torch.rand(count, 16, 3) * 50)
        for count, value in ((3, 0.0), (5, 1.0))
    )
    lessons = palette_lessons({"red": [0, 1]}, looks, other)
    assert float(lessons.shares.sum()) == pytest.approx(1)
    assert float(lessons.shares[lessons.styles[:, 0, 0] == 1].sum()) == pytest.approx(0.5)
    assert float(palette_lessons({"red": [0, 1]}, looks).shares.sum()) == pytest.approx(1)


# Teaching --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_regression_learns_words_and_the_mixtures_between_them():
    random, sites = torch.Generator().manual_seed(0), din_sites(4)
    channels = sum(site.channels for site in sites)
    signals = torch.randn(8, 128, generator=random)
    styles = torch.randn(8, 2, channels, generator=random)
    lessons = Lessons(signals, styles, torch.ones(8))
    pnet = build_pnet("mlp", sites, signal="sentence", size=6, width=32)
    pnet.fit(signals)
    mean, spread = styles.mean(0), spread_of(styles)
    regress(pnet, lessons, mean, spread, steps=300, batch=16)

    def far(signal, style):
        return float(error(pnet(pnet.features(signal)), style, spread).mean())

    assert far(signals, mean.expand_as(styles)) > 0.5  # it does not write the mean style for all
    assert far(signals, styles) < 0.1
    one, other = signals.split(4)
    assert far((one + other) / 2, (styles[:4] + styles[4:]) / 2) < 0.3


def test_a_budget_of_steps_is_so_many_and_one_of_minutes_ends():
    assert list(budget(steps=4)) == [0, 0.25, 0.5, 0.75]
    used = list(budget(minutes=0.002))
    assert used == sorted(used) and 0 <= used[0] and used[-1] < 1


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_picture) -> Path:
    """Forty small pictures where train/words.py looks for them."""
    folder = tmp_path_factory.mktemp("data")
    places = ["styles/train"] * 16 + ["styles/val"] * 4 + ["styles/test"] * 4 + ["content/train"] * 2
    places += ["content/val"] * 2 + ["attributes/sunset/test"] * 4
    places += [f"attributes/{word}/{part}" for word in ("noon", "night") for part in ("train", "test")] * 2
    labels = ["file\tartist\tmovement"]
    for seed, place in enumerate(places):
        path = folder / place / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = make_picture(64, 72, seed)[0]
        to_pil(picture * (0.15 if "night" in place else 1.0)).save(path)
        if place.startswith("styles"):
            labels.append(f"{place}/{seed}.png\tclaude_monet\timpressionism")
    (folder / "labels.tsv").write_text("\n".join(labels) + "\n")
    return folder


def run(script: str, *arguments: object, **environment: str) -> str:
    return finish(start_alone(ROOT / "train" / script, *arguments, **environment), timeout=300)


@pytest.mark.slow
def test_a_model_of_pictures_is_taught_words_and_palettes(tmp_path, data, make_model, random_vgg_file):
    model = make_model()
    model.save_pretrained(tmp_path / "model")
    before = (tmp_path / "model" / "model.safetensors").read_bytes()
    options = ["--model", tmp_path / "model", "--data", data, "--size", 8, "--width", 8, "--steps", 60, "--most", 2]
    options += [
        "--cache",
        tmp_path / "cache",
        "--recoloured",
        8,
        "--test_size",
        64,
        "--test_contents",
        1,
        "--direct_minutes",
        0.02,
    ]
    said = run("words.py", *options, ZMNET_VGG=str(random_vgg_file))
    for title in ("Unseen words", "Trained words, unseen pictures", "Palettes of unseen pictures"):
        assert title in said
    assert "| crimson |" in " ".join(said.split()) and "direct" in said

    assert (tmp_path / "model" / "model.safetensors").read_bytes() == before
    taught = ZMNet.from_pretrained(tmp_path / "model")
    assert taught.fingerprint == model.fingerprint  # styles of words and of paintings blend
    assert set(taught.vector_pnets) == {"sentence", "histogram"}
    assert "crimson" in taught.vector_pnets["sentence"].words["colours"]
    noon, night, both = (taught.encode_attribute(text) for text in ("noon", "night", "noon + night"))
    assert (noon.values - night.values).abs().max() > 1e-3
    assert (taught.encode_attribute("#a8102c").values - taught.encode_attribute("#1e4ca0").values).abs().max() > 1e-4
    photograph = to_tensor(read_picture(PICTURES / "contents" / "chelsea.jpg").rgb)[None, :, :64, :64]
    blend = 0.5 * taught.encode_style(photograph) + 0.5 * both
    assert taught.apply(photograph, blend).isfinite().all()


# What ships ------------------------------------------------------------------------------------

NOON_ABOVE_NIGHT = 12  # L*


@pytest.fixture(scope="module")
def shipped() -> ZMNet:
    model = ZMNet.from_pretrained("zmnet-base")
    if not model.vector_pnets:
        pytest.skip("zmnet-base has no words yet (train/words.py)")
    return model


@pytest.fixture(scope="module")
def photograph() -> torch.Tensor:
    picture = read_picture(PICTURES / "contents" / "colosseum.jpg").rgb
    picture.thumbnail((320, 320))
    return to_tensor(picture)[None]


def lab_of(picture: torch.Tensor) -> torch.Tensor:
    """Mean L*, a*, b* of a picture [1, 3, H, W]."""
    return lab(picture[0].permute(1, 2, 0)).mean((0, 1))


def test_night_is_darker_than_noon_by_a_margin(shipped, photograph):
    noon, night = (lab_of(shipped.apply(photograph, shipped.encode_attribute(word))) for word in ("noon", "night"))
    assert noon[0] - night[0] > NOON_ABOVE_NIGHT


def test_mixtures_of_noon_and_night_lie_between_them(shipped, photograph):
    texts = ("noon", "0.7 noon + 0.3 night", "0.3 noon + 0.7 night", "night")
    lightness = [float(lab_of(shipped.apply(photograph, shipped.encode_attribute(text)))[0]) for text in texts]
    assert lightness == sorted(lightness, reverse=True)


def test_colour_words_and_hex_colours_tint_the_picture(shipped, photograph):
    for red, blue in (("crimson", "cobalt"), ("#a8102c", "#1e4ca0")):
        one, other = (lab_of(shipped.apply(photograph, shipped.encode_attribute(text))) for text in (red, blue))
        assert one[1] > other[1] + 3, f"a* of {red} and {blue}"
        assert one[2] > other[2] + 8, f"b* of {red} and {blue}"


@pytest.mark.parametrize("colour", ["#0000ff", "#00ff00", "#ff00ff", "#00ffff", "#ff0000", "#ffff00", "#2040c0"])
def test_pure_colours_give_their_hue(shipped, photograph, colour):
    wanted = lab(rgb(colour))[1:]
    found = lab_of(shipped.apply(photograph, shipped.encode_attribute(colour)))[1:]
    assert found.norm() > 25, "a beige"
    assert torch.cosine_similarity(found, wanted, 0) > 0.9


def test_a_picture_of_colours_guides_as_a_painting_does(shipped, photograph):
    painting = to_tensor(read_picture(PICTURES / "styles" / "red-boats-monet.jpg").rgb)[None]
    colours = shipped.apply(photograph, shipped.encode_attribute(picture_histogram(painting)[0]))
    plain = shipped.apply(photograph, shipped.encode_style(photograph))
    target = lab_of(painting)
    assert (lab_of(colours) - target).norm() < (lab_of(plain) - target).norm()


def test_a_word_and_a_painting_blend(shipped, photograph):
    painting = to_tensor(read_picture(PICTURES / "styles" / "irises-van-gogh.jpg").rgb)[None]
    style, night = shipped.encode_style(painting), shipped.encode_attribute("night")
    ends = [float(lab_of(shipped.apply(photograph, s))[0]) for s in (style, night)]
    between = float(lab_of(shipped.apply(photograph, 0.5 * style + 0.5 * night))[0])
    assert min(ends) - 1 < between < max(ends) + 1


def test_the_words_that_ship_are_listed_and_small(shipped):
    from zmnet_core.assets import BUNDLED
    from zmnet_core.hub.locate import ATTRIBUTE_WEIGHTS

    assert (BUNDLED / "zmnet-base" / ATTRIBUTE_WEIGHTS).stat().st_size < 4_000_000
    listed = shipped.vector_pnets["sentence"].words
    assert len(listed["colours"]) + len(listed["tones"]) >= 60
    config = json.loads((BUNDLED / "zmnet-base" / "config.json").read_text())
    assert set(config["attribute_pnets"]) == {"sentence", "histogram"}
