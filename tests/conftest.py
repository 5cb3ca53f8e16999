"""What the tests share: pictures made on the spot, tiny models, and the real data where it is there.

Real paintings, photographs and VGG-16 weights are looked for in `$ZMNET_DATA`; tests that need them are skipped, saying
so, where they are absent, and fail there if the variable CI is set.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The networks here are tiny: a second thread costs more than it brings, and on a machine that is busy with something
# else a hundred times more. What the tests start has it from here.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

import torch
import torch.nn.functional as F
from hypothesis import settings
from torch import Tensor

from zmnet_core.data.pictures import centre_square
from zmnet_core.files import write_tensors
from zmnet_core.images.folders import find_pictures
from zmnet_core.images.picture import read_picture, to_pil, to_tensor
from zmnet_core.model import ZMNet
from zmnet_core.networks.tnet import TNet
from zmnet_core.networks.vgg import VGG16, load_vgg16
from zmnet_core.styling.style import Style

torch.set_num_threads(1)

settings.register_profile("zmnet", deadline=None, max_examples=25, derandomize=True, database=None)
settings.load_profile("zmnet")

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / os.environ["ZMNET_DATA"] if os.environ.get("ZMNET_DATA") else None  # before any test changes it


def data_at(place: str) -> Path:
    """A file or folder of `$ZMNET_DATA`. Without it the test is skipped; where the variable CI is set, it fails."""
    if DATA is None:
        reason = f"needs {place} of the folder that $ZMNET_DATA names, and the variable is not set"
    elif not (DATA / place).exists():
        reason = f"needs {DATA / place}, which is not there"
    else:
        return DATA / place
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (a failure because CI is set)", pytrace=False)
    pytest.skip(reason)


def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: one more than there are processors, since some tests wait for a clock or a socket."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked slow come first: one at the end would keep a single processor busy while the others are done."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is kept in the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZMNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the folder pytest was started in, or on the user's own VGG-16 and clones."""
    if DATA is None:
        monkeypatch.delenv("ZMNET_DATA", raising=False)
    else:
        monkeypatch.setenv("ZMNET_DATA", str(DATA))
    monkeypatch.delenv("ZMNET_VGG", raising=False)
    monkeypatch.delenv("ZMNET_PEERS", raising=False)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


# Pictures and styles made on the spot ----------------------------------------------------------


def picture_of(height: int, width: int, seed: int, count: int = 1) -> Tensor:
    """[count, 3, H, W] in 0..1: soft blobs of colour with some grain, another for every seed."""
    random = torch.Generator().manual_seed(seed)
    blobs = F.interpolate(torch.rand(count, 3, 5, 5, generator=random), (height, width), mode="bicubic")
    return (blobs + 0.1 * torch.randn(count, 3, height, width, generator=random)).clamp(0, 1)


def values_of(tnet: TNet, seed: int = 0, count: int = 1) -> Tensor:
    """γ around 1 and β around 0 for every site of a TNet: [count, 2, ΣC]."""
    values = 0.4 * torch.randn(count, 2, tnet.channels, generator=torch.Generator().manual_seed(seed))
    values[:, 0] += 1
    return values


def model_of(kind: str = "conv", seed: int = 0) -> ZMNet:
    """A ZM-Net of a quarter of the paper's width whose PNet tells pictures apart."""
    torch.manual_seed(seed)
    model = ZMNet({"width": 8}, {"kind": kind, "width": 8})
    with torch.no_grad():
        for head in (*model.pnet.heads.gamma, *model.pnet.heads.beta):
            head.weight.mul_(20)
    return model.eval().requires_grad_(False)


def told_model(random_vgg: VGG16, palette: bool = False, **parts: object) -> ZMNet:
    """A tiny model whose PNet is told how boldly to paint, and has learned something of it."""
    torch.manual_seed(5)
    model = ZMNet(
        {"width": 8, "palette": palette},
        {"kind": "vgg", "width": 8, "bold": True, "vgg_width": random_vgg.width},
        **parts,
    )
    wanted = model.pnet.vgg.state_dict()
    model.pnet.vgg.load_state_dict({name: tensor for name, tensor in random_vgg.state_dict().items() if name in wanted})
    model.pnet.calibrate(model.pnet.features(picture_of(64, 64, seed=1, count=4)))
    torch.nn.init.normal_(model.pnet.bold.weight)
    with torch.no_grad():
        for head in (*model.pnet.heads.gamma, *model.pnet.heads.beta):
            head.weight.mul_(10)
    return model.eval().requires_grad_(False)


@pytest.fixture
def told(random_vgg: VGG16) -> ZMNet:
    """A model that can be told how boldly to paint, and that has a reviser."""
    model = told_model(random_vgg, reviser={"width": 8, "edge": 4, "blocks": 1, "hidden": 8, "draft": 40})
    torch.nn.init.normal_(model.reviser.out.weight, std=0.05)
    return model


@pytest.fixture(scope="session")
def make_picture() -> Callable[..., Tensor]:
    return picture_of


@pytest.fixture(scope="session")
def make_values() -> Callable[..., Tensor]:
    return values_of


@pytest.fixture(scope="session")
def make_model() -> Callable[..., ZMNet]:
    return model_of


@pytest.fixture
def model() -> ZMNet:
    """A fresh tiny model, free to be changed."""
    return model_of()


@pytest.fixture
def style(model: ZMNet) -> Style:
    """A style of the tiny model."""
    return model.encode_style(picture_of(64, 64, seed=7), size=None, name="blobs")


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small pictures of several shapes in a folder."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed, (height, width) in enumerate([(64, 64), (65, 97), (90, 71), (80, 80), (64, 130), (101, 77)]):
        to_pil(picture_of(height, width, seed)[0]).save(folder / f"{seed}.png")
    return folder


# VGG-16 ----------------------------------------------------------------------------------------


def random_vgg_of(width: int) -> VGG16:
    """VGG-16 with random weights that keep the size of activations."""
    torch.manual_seed(3)
    network = VGG16(width=width)
    for layer in network.features.values():
        torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        torch.nn.init.normal_(layer.bias, std=0.1)
    return network


@pytest.fixture(scope="session")
def random_vgg() -> VGG16:
    """A VGG-16 for what needs no training, an eighth as wide: most of a training step is spent in it."""
    return random_vgg_of(8)


@pytest.fixture(scope="session")
def random_vgg_file(random_vgg: VGG16, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random VGG-16 as a file for `$ZMNET_VGG`."""
    path = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    write_tensors(path, random_vgg.state_dict())
    return path


@pytest.fixture(scope="session")
def vgg() -> VGG16:
    """VGG-16 with its ImageNet weights."""
    weights = data_at("models/vgg16-features.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZMNET_VGG", str(weights))
        return load_vgg16()


# Real pictures ---------------------------------------------------------------------------------


def real_pictures(folder: str, count: int, size: int) -> Tensor:
    """[count, 3, size, size]: centre squares of pictures spread over a folder of the data set."""
    files = find_pictures(data_at(f"data/{folder}"))
    chosen = (files[i * len(files) // count] for i in range(count))
    return torch.stack([centre_square(255 * to_tensor(read_picture(file).rgb), size) for file in chosen])


@pytest.fixture(scope="session")
def paintings() -> Tensor:
    """Twelve unseen paintings, [12, 3, 192, 192]."""
    return real_pictures("styles/val", 12, 192)


@pytest.fixture(scope="session")
def photographs() -> Tensor:
    """Three photographs, [3, 3, 128, 128]."""
    return real_pictures("content/val", 3, 128)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> object:
    """What a test printed goes from worker to master as UTF-8, also where it is the name of a file that is not."""
    return printable((yield))


def printable(value: object) -> object:
    """The same with strings that can be written as UTF-8."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {key: printable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(printable, value))
    return value
