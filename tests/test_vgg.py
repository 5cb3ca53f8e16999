"""The loss network: VGG-16's layers in torchvision's numbering, and where its weights come from."""

import pytest
import torch
from huggingface_hub import constants
from torch import nn

from tests.conftest import random_vgg_of
from zmnet_core.errors import WeightsNotFoundError
from zmnet_core.files import write_tensors
from zmnet_core.networks.vgg import LAYER_CHANNELS, LAYER_ORDER, VGG16, load_vgg16

CONFIGURATION_D = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512)  # Simonyan & Zisserman, table 1


@pytest.fixture
def picture(make_picture):
    return make_picture(48, 64, 0)


@pytest.mark.parametrize("width", [64, 8])
def test_activations_are_those_of_configuration_d(width, picture):
    network = random_vgg_of(width)
    stack, names, inputs = nn.Sequential(), {}, 3
    block = convolution = 1
    for outputs in CONFIGURATION_D:
        if outputs == "M":
            stack.append(nn.MaxPool2d(2))
            block, convolution = block + 1, 1
            continue
        outputs = outputs * width // 64
        stack.append(nn.Conv2d(inputs, outputs, 3, padding=1)).append(nn.ReLU())
        names[f"relu{block}_{convolution}"] = len(stack)
        inputs, convolution = outputs, convolution + 1
    stack.load_state_dict({key.removeprefix("features."): w for key, w in network.state_dict().items()})
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (picture - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)

    assert tuple(names) == LAYER_ORDER
    activations = network(picture, LAYER_ORDER)
    for name, depth in names.items():
        expected = stack[:depth](x)
        assert expected.shape[1] == LAYER_CHANNELS[name] * width // 64
        torch.testing.assert_close(activations[name], expected, rtol=1e-4, atol=1e-4)


def test_shorter_network_gives_the_same_activations(random_vgg, picture):
    short = VGG16("relu2_2", random_vgg.width)
    short.load_state_dict({key: random_vgg.state_dict()[key] for key in short.state_dict()})
    torch.testing.assert_close(short(picture, ("relu2_2",)), random_vgg(picture, ("relu2_2",)))
    assert len(short.features) == 4


def test_network_is_frozen_but_lets_gradients_through(random_vgg, picture):
    assert not any(parameter.requires_grad for parameter in random_vgg.parameters())
    leaf = picture.clone().requires_grad_()
    random_vgg(leaf, ("relu3_3",))["relu3_3"].sum().backward()
    assert leaf.grad.abs().max() > 0


def test_layer_beyond_the_end_is_refused_by_name(picture):
    with pytest.raises(ValueError, match="ends at relu1_2; it cannot give relu3_3"):
        VGG16("relu1_2")(picture, ("relu1_2", "relu3_3"))


def test_unknown_last_layer_is_refused_with_the_list():
    with pytest.raises(ValueError, match="no layer 'relu5_1' here; choose one of relu1_1, .*relu4_3"):
        VGG16("relu5_1")


def test_weights_named_by_the_environment_are_loaded(random_vgg, random_vgg_file, monkeypatch):
    monkeypatch.setenv("ZMNET_VGG", str(random_vgg_file))
    loaded = load_vgg16("relu3_3").state_dict()
    assert set(loaded) < set(random_vgg.state_dict())
    assert all(torch.equal(weight, random_vgg.state_dict()[name]) for name, weight in loaded.items())


def test_weights_are_found_in_the_data_folder(random_vgg, tmp_path, monkeypatch):
    write_tensors(tmp_path / "models" / "vgg16-features.safetensors", random_vgg.state_dict())
    monkeypatch.setenv("ZMNET_DATA", str(tmp_path))
    assert torch.equal(load_vgg16().features["0"].weight, random_vgg.features["0"].weight)


def test_half_precision_weights_are_loaded_as_float32(random_vgg, tmp_path, monkeypatch):
    write_tensors(tmp_path / "half.safetensors", {k: w.half() for k, w in random_vgg.state_dict().items()})
    monkeypatch.setenv("ZMNET_VGG", str(tmp_path / "half.safetensors"))
    assert load_vgg16().features["0"].weight.dtype == torch.float32


def test_missing_file_named_by_the_environment_is_an_error_and_no_fallback(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMNET_VGG", str(tmp_path / "none.safetensors"))
    with pytest.raises(WeightsNotFoundError, match="ZMNET_VGG names '.*none.safetensors', but there is no such file"):
        load_vgg16()


@pytest.mark.parametrize(
    "tensors, lacks",
    [
        ({"classifier.weight": (8, 8)}, r"'features\.0\.weight' with shape \(64, 3, 3, 3\)"),
        ({"features.0.weight": (8, 3, 5, 5)}, r"'features\.0\.weight' with shape \(8, 3, 3, 3\)"),
        ({"features.0.weight": (8,)}, r"'features\.0\.weight' with shape \(64, 3, 3, 3\)"),
        ({"features.0.weight": (8, 3, 3, 3)}, r"'features\.0\.bias' with shape \(8,\)"),
    ],
)
def test_file_of_another_network_is_refused_naming_the_key(tmp_path, monkeypatch, tensors, lacks):
    write_tensors(tmp_path / "other.safetensors", {name: torch.zeros(shape) for name, shape in tensors.items()})
    monkeypatch.setenv("ZMNET_VGG", str(tmp_path / "other.safetensors"))
    with pytest.raises(WeightsNotFoundError, match=f"not a VGG-16: it lacks {lacks}"):
        load_vgg16()


def test_file_that_is_not_safetensors_is_refused_by_name(tmp_path, monkeypatch):
    (tmp_path / "page.safetensors").write_text("<html>404</html>")
    monkeypatch.setenv("ZMNET_VGG", str(tmp_path / "page.safetensors"))
    with pytest.raises(WeightsNotFoundError, match="page.safetensors"):
        load_vgg16()


def test_no_weights_anywhere_says_where_was_looked(tmp_path, monkeypatch):
    monkeypatch.setenv("ZMNET_DATA", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(WeightsNotFoundError) as error:
        load_vgg16()
    for place in ("ZMNET_VGG", str(tmp_path / "models"), "timm/vgg16.tv_in1k"):
        assert place in str(error.value)
