"""What ZM-Net is compared with: CIN, FST and concatenation are the same network, told of the style in another way."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from zmnet_core.errors import WrongModelError
from zmnet_core.evaluation.baselines.cin import CIN
from zmnet_core.evaluation.baselines.concatenation import Concatenation, bias_of, joined
from zmnet_core.evaluation.baselines.fst import FST, Plain
from zmnet_core.images.picture import to_pil
from zmnet_core.losses.perceptual import PerceptualLoss
from zmnet_core.model import ZMNet
from zmnet_core.networks.layers import DIN, Conv
from zmnet_core.networks.strips import convolve
from zmnet_core.training.config import TrainingConfig
from zmnet_core.training.objective import Objective
from zmnet_core.training.style_bank import StyleTargets
from zmnet_core.training.trainer import train


def table_of(model: ZMNet, rows: int, kind: type[CIN] = CIN) -> CIN:
    """A table beside the TNet of another model."""
    cin = kind(model.config["tnet"], {"kind": "table", "rows": rows})
    cin.tnet.load_state_dict(model.tnet.state_dict())
    return cin


# CIN -------------------------------------------------------------------------------------------


def test_cin_is_zmnet_with_a_table_in_place_of_the_pnet(model, make_picture, make_values):
    cin, contents = table_of(model, 3), make_picture(48, 52, 1, count=2)
    values = make_values(model.tnet, 4)
    cin.pnet.put(1, values[0])
    wanted = cin.style(1).values  # rounded as the table has it
    torch.testing.assert_close(wanted, values, rtol=0, atol=1e-6)
    style = model.encode_style(make_picture(64, 64, 2))
    assert cin.fingerprint == model.fingerprint
    assert torch.equal(cin.apply(contents, cin.style(1)), model.apply(contents, replace(style, values=wanted)))


def test_the_objective_gives_both_the_same_loss(model, random_vgg, make_picture, tmp_path):
    config = TrainingConfig()
    objective = Objective(config, PerceptualLoss(random_vgg, config.loss_config()))
    contents, painting = make_picture(64, 64, 1, count=2), make_picture(64, 64, 2)
    cin = table_of(model, 2)
    cin.pnet.put(1, model.encode_style(painting, size=None).values[0])
    targets = objective.perceptual.style_targets(painting)
    losses = [
        objective(each, contents, StyleTargets(features, targets), torch.zeros(()))[0]
        for each, features in ((model, model.pnet.features(painting)), (cin, torch.tensor([1])))
    ]
    torch.testing.assert_close(*losses, rtol=1e-5, atol=1e-6)


def test_gradients_reach_only_the_rows_of_the_batch(model, random_vgg, make_picture):
    config = TrainingConfig()
    objective = Objective(config, PerceptualLoss(random_vgg, config.loss_config()))
    cin = table_of(model, 5)
    targets = StyleTargets(torch.tensor([3, 1]), objective.perceptual.style_targets(make_picture(64, 64, 2, count=2)))
    loss, _ = objective(cin, make_picture(64, 64, 1, count=4), targets, torch.zeros(()))
    loss.backward()
    reached = cin.pnet.table.grad.abs().sum((1, 2)) > 0
    assert reached.tolist() == [False, True, False, True, False]
    assert all(parameter.grad.abs().sum() > 0 for parameter in cin.tnet.parameters())


def test_a_new_style_is_a_row_beside_a_tnet_that_stays(model):
    cin = table_of(model, 4)
    torch.nn.init.normal_(cin.pnet.table, std=0.01)
    new = cin.for_new(2)
    assert [name for name, p in new.named_parameters() if p.requires_grad] == ["pnet.table"] and len(new) == 2
    torch.testing.assert_close(new.style(1).values, torch.cat([cin.style(i).values for i in range(4)]).mean(0)[None])
    assert new.fingerprint == cin.fingerprint


def test_a_table_looks_at_no_paintings_and_has_no_other_rows(model, make_picture):
    cin = table_of(model, 2)
    with pytest.raises(WrongModelError, match="table of 2 styles and looks at no paintings"):
        cin.encode_style(make_picture(64, 64, 1))
    with pytest.raises(WrongModelError, match="styles 0 to 1, and none of the number 2"):
        cin.style(2)
    with pytest.raises(ValueError, match="1 row at least"):
        table_of(model, 0)


@pytest.fixture
def make_config(picture_folder, tmp_path):
    def make(**options) -> TrainingConfig:
        usual = dict(
            content_dir=str(picture_folder), style_dir=str(picture_folder), validation_style_dir=str(picture_folder),
            output_dir=str(tmp_path / "run"), resolution=64, style_resolution=64, validation_resolution=64,
            train_batch_size=2, styles_per_batch=2, max_train_steps=4, tnet_width=4, style_variants=1, ema_decay=0.5,
            validation_pairs=1, lr_warmup_steps=1,
        )  # fmt: skip
        return TrainingConfig(**(usual | options))

    return make


@pytest.fixture(autouse=True)
def _vgg(random_vgg_file, monkeypatch):
    monkeypatch.setenv("ZMNET_VGG", str(random_vgg_file))


def test_the_trainers_loop_trains_a_table_and_goes_on_with_it(make_config, tmp_path):
    def make(config, vgg):
        return CIN(config.networks()[0], {"kind": "table", "rows": 6})

    train(make_config(max_train_steps=2), make=make)
    folder = train(make_config(resume_from_checkpoint="latest"), make=make)
    cin = CIN.from_pretrained(folder)
    assert len(cin) == 6 and (cin.pnet.table.abs().sum((1, 2)) > 0).sum() >= 2
    assert not (folder / "samples").exists()  # there is no unseen painting that a table could be shown
    with pytest.raises(WrongModelError, match="no PNet of kind 'table'"):
        ZMNet.from_pretrained(folder)
    whole = CIN.from_pretrained(train(make_config(output_dir=str(tmp_path / "whole")), make=make))
    assert torch.equal(whole.pnet.table, cin.pnet.table)


def test_only_rows_learn_where_a_style_is_new(make_config, model):
    old = table_of(model, 3)
    torch.nn.init.normal_(old.pnet.table, std=0.01)
    new = CIN.from_pretrained(train(make_config(), make=lambda config, vgg: old.for_new(6)))
    assert all(torch.equal(a.half(), b.half()) for a, b in zip(old.tnet.parameters(), new.tnet.parameters()))
    start = old.for_new(1).style(0).values
    assert sum((new.style(row).values - start).abs().max() > 1e-2 for row in range(6)) >= 4


def test_kept_looks_of_another_table_are_not_taken_for_those_of_this_one(make_config, tmp_path, make_picture):
    """The same painting has another number in each run; the folder of kept looks is one."""
    folders = []
    for name, seeds in (("a", (1, 2)), ("b", (2, 1))):
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        for place, seed in enumerate(seeds):
            to_pil(make_picture(64, 64, seed)[0]).save(folders[-1] / f"{place}.png")
    tables = []
    for folder, kept in ((folders[0], "cache"), (folders[1], "cache"), (folders[1], "fresh")):
        options = dict(
            style_dir=str(folder), style_cache=str(tmp_path / kept), output_dir=str(tmp_path / f"{len(tables)}")
        )
        config = make_config(validation_style_dir=str(folder), styles_per_batch=1, max_train_steps=1, **options)
        made = train(config, make=lambda config, vgg: CIN(config.networks()[0], {"kind": "table", "rows": 2}))
        tables.append(CIN.from_pretrained(made).pnet.table)
    assert torch.equal(tables[1], tables[2])


# FST -------------------------------------------------------------------------------------------


def test_fst_is_johnsons_network_in_plain_torch(model, make_picture, make_values):
    fst, contents = table_of(model, 1, FST), make_picture(64, 48, 1, count=2)
    fst.pnet.put(0, make_values(model.tnet, 3)[0])
    with torch.no_grad():
        plain = Plain(fst, fst.style().values[0])(contents)
    torch.testing.assert_close(fst.apply(contents, fst.style()), plain, rtol=0, atol=1e-4)
    assert plain.std() > 0.01


def test_fst_is_cin_with_one_row(make_config, picture_folder, tmp_path):
    one = tmp_path / "one.txt"
    one.write_text(f"{picture_folder / '0.png'}\n")
    found = []
    for kind in (FST, CIN):
        options = {"kind": "table", "rows": 1} if kind is CIN else {"kind": "table"}
        config = make_config(
            style_dir=str(one),
            validation_style_dir=str(one),
            styles_per_batch=1,
            output_dir=str(tmp_path / kind.__name__),
        )
        train(config, make=lambda config, vgg, kind=kind, options=options: kind(config.networks()[0], options))
        found.append(kind.from_pretrained(config.output_dir).state_dict())
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(tensor, found[1][name]) for name, tensor in found[0].items())


# Concatenation ---------------------------------------------------------------------------------


def test_a_convolution_over_joined_planes_adds_a_bias_up_to_the_borders():
    conv, planes, psi = (
        Conv(3 + 5, 4, 3, bias=False).double(),
        torch.rand(2, 3, 9, 8).double(),
        torch.rand(2, 5).double(),
    )
    found, beta = conv(joined(planes, psi)), bias_of(conv.weight, psi)
    wanted = convolve(planes, conv.weight[:, :3], None, 1, padding=1) + beta[..., None, None]
    torch.testing.assert_close(found, wanted)
    # Where borders are filled with zeros the bias is a β_ijk: the same inside, another along the borders.
    zeros = F.conv2d(joined(planes, psi), conv.weight, padding=1) - F.conv2d(planes, conv.weight[:, :3], padding=1)
    torch.testing.assert_close(zeros[..., 1:-1, 1:-1], beta[..., None, None].expand_as(zeros[..., 1:-1, 1:-1]))
    assert ((zeros - beta[..., None, None]).abs().amax((0, 1))[0] > 1e-3).all()


def test_a_norm_right_behind_such_a_convolution_forgets_the_style():
    conv, planes = Conv(3 + 5, 4, 3, bias=False).double(), torch.rand(1, 3, 9, 8).double()
    one, other = (F.instance_norm(conv(joined(planes, torch.rand(1, 5).double()))) for _ in range(2))
    torch.testing.assert_close(one, other)


class Joining(DIN):
    """The norm of a network in which concatenation is done as it says: planes are joined and convolved behind it."""

    def __init__(self, heads, psis, sites):
        channels = torch.zeros(1, sum(site.channels for site in sites))
        super().__init__(channels + 1, channels)
        layers = sorted({site.layer for site in sites})
        self.joints = []  # of every site: γ, W_β, b_β and ψ
        for layer in layers:
            first, head, psi = 0, heads.beta[layers.index(layer)], psis[layers.index(layer)]
            for site in (site for site in sites if site.layer == layer):
                place = slice(first, first + site.channels)
                self.joints.append((head.weight[place], head.bias[place], psi))
                first += site.channels
        self.scales = heads.scale.split([site.channels for site in sites])
        self.site = 0

    def __call__(self, x, shift=True):
        normalised, scale = super().__call__(x), self.scales[self.site]
        weight, bias, psi = self.joints[self.site]
        self.site += 1
        kernel = torch.cat((torch.diag(scale), weight * shift), 1)[..., None, None]
        return F.conv2d(joined(normalised, psi), kernel, bias * shift)


def test_concatenation_gives_the_picture_of_a_network_that_joins_planes(make_picture):
    model = Concatenation({"width": 4}, {"kind": "conv", "width": 4})
    for parameter in model.pnet.heads.parameters():
        torch.nn.init.normal_(parameter, 0, 0.5)
    torch.nn.init.normal_(model.pnet.heads.moved, 0, 0.01)
    contents, painting = make_picture(40, 44, 1), make_picture(48, 48, 2)
    psis = []
    model.pnet.heads.register_forward_pre_hook(lambda heads, given: psis.extend(given[0]))
    with torch.no_grad():
        style = model.encode_style(painting, size=None)
        wanted = model.tnet(contents, style.values)
        din = Joining(model.pnet.heads, psis, model.tnet.sites)
        found = model.tnet._paint(model.tnet._logits(contents, din), din).clamp(0, 1)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
    assert wanted.std() > 0.01


@pytest.mark.parametrize("kind", ["conv", "vgg"])
def test_concatenation_changes_no_gamma_with_the_style(kind, make_picture, make_config):
    config = make_config(pnet=kind, pnet_width=8, max_train_steps=3)

    def make(config, vgg):
        options = {"kind": kind, "width": 8} | ({"vgg_width": vgg.width} if kind == "vgg" else {})
        return Concatenation(config.networks()[0], options).requires_grad_(True)

    model = Concatenation.from_pretrained(train(config, make=make))
    one, other = (model.encode_style(make_picture(64, 64, seed)).values for seed in (1, 2))
    assert torch.equal(one[:, 0], other[:, 0]) and not torch.equal(one[:, 1], other[:, 1])
    assert (one[:, 0] - 1).abs().max() > 1e-4  # it learns
