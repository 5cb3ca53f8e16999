"""A style refined: never above where it began, and only what may change changes."""

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from tests.conftest import told_model
from zmnet_core.errors import PictureError, WrongModelError
from zmnet_core.images.picture import to_pil
from zmnet_core.model import ZMNet
from zmnet_core.networks.constants import PALETTE_LAYER
from zmnet_core.networks.tnet import Site
from zmnet_core.styling import refine
from zmnet_core.styling.refine import Refiner
from zmnet_core.styling.regions import Regions
from zmnet_core.styling.style import Style


@pytest.fixture
def seeing(random_vgg):
    return told_model(random_vgg)


@pytest.fixture
def painting(make_picture):
    return make_picture(96, 80, 3)


@pytest.fixture
def photographs(make_picture):
    return [make_picture(72, 96, 5), make_picture(80, 64, 6)]


def test_the_loss_falls_on_photographs_that_were_not_there(seeing, painting, photographs, make_picture):
    start = seeing.encode_style(painting, name="one")
    unseen = [make_picture(80, 80, seed) for seed in (7, 8)]
    refiner = Refiner(seeing, start, painting, photographs, steps=12)
    losses = list(refiner)
    assert len(losses) == len(refiner) == 12
    style = refiner.style
    assert refiner.loss() < refiner.before
    before, after = (Refiner(seeing, each, painting, unseen, steps=1).before for each in (start, style))
    assert after < 0.95 * before
    assert style.name == "one" and style.fingerprint == start.fingerprint
    torch.testing.assert_close(style.colours, start.colours)


def test_another_paintings_style_is_a_start_as_well(seeing, painting, photographs, make_picture):
    other = seeing.encode_style(make_picture(64, 64, 11))
    refiner = Refiner(seeing, other, painting, photographs, steps=8)
    list(refiner)
    assert refiner.loss() < refiner.before


def test_it_begins_at_the_style_that_was_given(seeing, painting, photographs):
    start = seeing.encode_style(painting)
    refiner = Refiner(seeing, start, painting, photographs, steps=3)
    assert refiner.style is start
    torch.testing.assert_close(refiner.loss(), refiner.before)


def test_it_never_ends_above_where_it_began(seeing, painting, photographs, monkeypatch):
    start = seeing.encode_style(painting).refine(seeing, painting, photographs, 10)
    monkeypatch.setattr(refine, "LEARNING_RATE", 1e3)
    refiner = Refiner(seeing, start, painting, photographs, steps=2)
    list(refiner)
    assert refiner.loss() > refiner.before
    assert refiner.style is start


def test_stopped_halfway_it_has_what_was_reached(seeing, painting, photographs):
    refiner = Refiner(seeing, seeing.encode_style(painting), painting, photographs, steps=20)
    for _ in zip(range(8), refiner):
        pass
    assert refiner.done == 8 and refiner.style is not refiner.start


def test_the_same_seed_gives_the_same_style(seeing, painting, photographs):
    def refined(seed):
        refiner = Refiner(seeing, seeing.encode_style(painting), painting, photographs, steps=3, seed=seed)
        list(refiner)
        return refiner.style.values

    torch.testing.assert_close(refined(1), refined(1), rtol=0, atol=0)
    assert not torch.equal(refined(1), refined(2))


@pytest.mark.parametrize(
    "layers, named",
    [([1], {1}), ([4, 9], {4, 9, PALETTE_LAYER}), ("detail,weave", set(range(1, 7))), ("2-3,8", {2, 3, 8})],
)
def test_only_the_layers_that_may_change_do(random_vgg, painting, photographs, layers, named):
    model = told_model(random_vgg, palette=True)
    start = model.encode_style(painting)
    refiner = Refiner(model, start, painting, photographs, steps=4, layers=layers)
    list(refiner)
    free = torch.cat([torch.full((site.channels,), site.layer in named) for site in start.sites])
    changed = (refiner.style.values != start.values).any(1)[0]
    assert refiner.loss() < refiner.before
    assert not changed[~free].any() and changed[free].float().mean() > 0.7  # a plane may be all dark


def test_the_model_stays_as_it_is(seeing, painting, photographs):
    before = {name: tensor.clone() for name, tensor in seeing.state_dict().items()}
    list(Refiner(seeing, seeing.encode_style(painting), painting, photographs, steps=2))
    assert all(torch.equal(tensor, before[name]) for name, tensor in seeing.state_dict().items())
    assert not any(parameter.requires_grad for parameter in seeing.parameters())


def test_in_inference_mode_it_is_the_same(random_vgg, painting, photographs):
    def refined():
        model = told_model(random_vgg)
        contents = [each.clone() for each in photographs]  # made here, so that no gradient may be asked of them
        refiner = Refiner(model, model.encode_style(painting.clone()), painting.clone(), contents, steps=3)
        list(refiner)
        return refiner.style.values.clone()

    with torch.inference_mode():
        inside = refined()
    torch.testing.assert_close(inside, refined(), rtol=0, atol=0)


def test_a_model_in_half_precision_is_refined_in_full(random_vgg, painting, photographs):
    model = told_model(random_vgg)
    start = model.encode_style(painting)
    half = told_model(random_vgg).half()
    rounded = replace(start, fingerprint=half.fingerprint)
    refiner, same = (
        Refiner(which, style, painting, photographs, steps=6) for which, style in ((half, rounded), (model, start))
    )
    list(refiner), list(same)
    assert refiner.style.values.dtype == torch.float32 and {each.dtype for each in half.parameters()} == {torch.float16}
    assert refiner.loss() < 0.99 * refiner.before
    assert refiner.loss() == pytest.approx(same.loss(), rel=0.02)


def test_what_it_looks_like_is_what_the_model_paints(seeing, painting, photographs):
    refiner = Refiner(seeing, seeing.encode_style(painting), painting, photographs, steps=2)
    list(refiner)
    middle = refine.window(photographs[0])
    torch.testing.assert_close(refiner.look(), seeing.apply(middle, refiner.style))


def test_nothing_is_held_once_it_is_over(seeing, painting, photographs):
    refiner = Refiner(seeing, seeing.encode_style(painting), painting, photographs, steps=2)
    list(refiner)
    gc.disable()
    try:
        held = weakref.ref(refiner)
        del refiner
        assert held() is None
    finally:
        gc.enable()


def test_photographs_that_come_with_the_library_are_taken_if_none_are_given(seeing, painting):
    found = refine.bundled()
    assert len(found) == 4 and all(each.shape[:2] == (1, 3) for each in found)
    start = seeing.encode_style(painting)
    assert Refiner(seeing, start, painting).before == Refiner(seeing, start, painting, found).before


def test_a_step_is_measured_by_what_is_usual_at_each_site(random_vgg, painting, photographs):
    sites = (Site("a", 1, 2), Site("b", 2, 1), Site("c", 3, 1))
    values = torch.tensor([[[1.0, -3.0, 4.0, 0.1], [6.0, 2.0, 0.0, -0.6]]])
    expected = torch.tensor([[[2.0, 2.0, 4.0, 0.1], [2.0, 2.0, 1.0, 0.3]]])
    torch.testing.assert_close(refine.units(Style(values, sites, "f")), expected)
    model = told_model(random_vgg, palette=True)
    start = model.encode_style(painting)
    refiner = Refiner(model, start, painting, photographs, steps=1)
    list(refiner)
    moved = (refiner.reached.values - start.values).abs() / refine.units(start)
    assert moved.max() == pytest.approx(refine.LEARNING_RATE, rel=1e-3)  # Adam's first step is as long everywhere


@pytest.mark.parametrize("last, wanted", [("relu4_1", "relu4_1"), ("relu3_1", "relu3_1")])
def test_the_loss_is_seen_as_deep_as_the_eyes_go(last, wanted):
    config = refine.loss_of(last)
    assert list(config.style_layers)[:2] == ["relu1_2", "relu2_2"] and list(config.style_layers)[-1] == wanted
    assert config.layers[-1] == last


def test_windows_lie_within_their_photograph(make_picture):
    photograph = make_picture(300, 400, 1)
    random = torch.Generator().manual_seed(0)
    assert all(refine.window(photograph, random).shape[-2:] == (256, 256) for _ in range(50))
    assert refine.window(photograph[..., :100, :]).shape[-2:] == (100, 100)
    torch.testing.assert_close(refine.window(photograph), photograph[..., 22:278, 72:328], rtol=0, atol=0)


LAYERS_REFUSED = [
    ([10], "layers has the layer 10, which does not exist: they are 1 to 9"),
    ([], "layers is .*, which names none"),
    ("0-3", "has the layer 0"),
    ("4-2", "the wrong way round"),
    ("texure", "which does not exist"),
    ("4:0.5", "gives layer 4 the weight 0.5, and here a layer is in or out"),
    ({3: 0.0}, "which names none"),
    ("2,2", "names layer 2 twice"),
    ([True], "layer True"),
]


def test_what_cannot_be_refined_is_refused_in_words(seeing, painting, photographs, make_picture):
    style = seeing.encode_style(painting)
    with pytest.raises(PictureError, match="painting is 40 × 90 px, too small to learn from: 64"):
        Refiner(seeing, style, make_picture(90, 40, 1), photographs)
    with pytest.raises(PictureError, match="photograph is 80 × 63 px"):
        Refiner(seeing, style, painting, [make_picture(63, 80, 1)])
    with pytest.raises(ValueError, match="give one at least"):
        Refiner(seeing, style, painting, [])
    with pytest.raises(ValueError, match="steps is 0"):
        Refiner(seeing, style, painting, photographs, steps=0)
    for layers, said in LAYERS_REFUSED:
        with pytest.raises(ValueError, match=said):
            Refiner(seeing, style, painting, photographs, layers=layers)
    with pytest.raises(ValueError, match="a style by region is several styles"):
        Refiner(seeing, Regions([(style, torch.ones(1, 1, 8, 8))], style), painting, photographs)
    with pytest.raises(ValueError, match="one style is refined at a time"):
        Refiner(seeing, seeing.encode_style(painting.repeat(2, 1, 1, 1)), painting, photographs)
    blind = ZMNet({"width": 8}, {"kind": "conv", "width": 8})
    with pytest.raises(WrongModelError, match="no VGG-16"):
        Refiner(blind, blind.encode_style(painting), painting, photographs)
    with pytest.raises(WrongModelError, match="was made by"):
        Refiner(told_model_of_another(seeing), style, painting, photographs)


def test_words_and_blends_are_starts_that_lead_to_the_painting(seeing, painting, photographs, make_picture):
    other = seeing.encode_style(make_picture(64, 64, 11))
    blend = 0.5 * other + 0.5 * seeing.encode_style(painting)
    words = replace(other, colours=None, name="night")  # what a style of words is: one without colours
    for start in (blend, words):
        refiner = Refiner(seeing, start, painting, photographs, steps=8)
        list(refiner)
        assert refiner.loss() < refiner.before and refiner.style.name == start.name
        assert (refiner.style.colours is None) == (start.colours is None)


def told_model_of_another(model):
    other = ZMNet(**{name: part for name, part in model.config.items() if name in ("tnet", "pnet")})
    other.pnet.vgg.load_state_dict(model.pnet.vgg.state_dict())
    return other.requires_grad_(False)


def test_a_style_refines_itself(seeing, painting, photographs):
    start = seeing.encode_style(painting)
    seen = []
    refined = start.refine(seeing, to_pil(painting[0]), [to_pil(each[0]) for each in photographs], 8, step=seen.append)
    before, after = (Refiner(seeing, each, painting, photographs, steps=1).before for each in (start, refined))
    assert len(seen) == 8 and after < before


def test_a_number_in_the_place_of_photographs_is_refused_in_words(seeing, make_picture):
    style = seeing.encode_style(make_picture(64, 64, 1))
    with pytest.raises(TypeError, match="photographs are a list of pictures, not 2: .* steps="):
        style.refine(seeing, make_picture(64, 64, 1), 2)
