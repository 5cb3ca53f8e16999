"""The model that a run trains, fresh or from one that is there, and which of its weights move."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple, cast

from torch import Tensor

from ..errors import TrainingError
from ..hub.locate import ATTRIBUTE_WEIGHTS, CONFIG, find, read_config
from ..images.folders import Say
from ..model import ZMNet
from ..networks.pnet import AttributePNetConfig, PNetConfig, VGGPNet
from ..networks.tnet import TNetOptions
from ..networks.vector_pnet import VectorPNet
from ..networks.vgg import VGG16, WIDTH
from ..signals.words import SIGNALS
from ..styling.attributes import READS
from ..styling.parts import Description
from .config import TrainingConfig
from .signals import MOST_NUMBERS, Signals

logger = logging.getLogger(__name__)


class Built(NamedTuple):
    """A model to train.

    Attributes:
        model: whose `guide` is trained, and whose TNet unless the run freezes it.
        teach: whether the guide is a new PNet for vectors, whose compression has to be fitted.
        pictures: a model that writes styles for pictures in this TNet's space, whose mean a new PNet starts from.
        first: from which of the guide's names on the vectors are the run's.
    """

    model: ZMNet
    teach: bool = False
    pictures: ZMNet | None = None
    first: int = 0


def build_model(config: TrainingConfig, vgg: VGG16, warn: Say = logger.warning) -> ZMNet:
    """A fresh model of the run's description, or the one that `--init_from` names; for pictures.

    Args:
        vgg: the loss network, of which a fresh `vgg` PNet gets its first layers.
        warn: told if the model's words and colours are lost.

    Raises:
        TrainingError: the model is guided by vectors, or is told to be what it cannot.
    """
    if config.init_from:
        model = _source(config.init_from, config.freeze_tnet or config.reviser_width > 0, warn)
        if isinstance(model.pnet, VectorPNet):
            raise TrainingError(
                f"'{config.init_from}' is guided by {model.pnet.signal} vectors and not by pictures: it is trained on "
                "by --signals."
            )
        wanted = model.config.copy()
        wanted["tnet"] = _tnet(config, model)
        if config.pnet_bold and not isinstance(model.pnet, VGGPNet):
            raise TrainingError(f"--pnet_bold needs a vgg PNet, and '{config.init_from}' has another one.")
        if config.pnet_bold:  # its weights are zero at first: nothing changes
            wanted["pnet"] = {**wanted["pnet"], "bold": True}
        if (reviser := config.reviser_options()) is not None:
            wanted["reviser"] = reviser
        if wanted != model.config:
            model = _with_parts(model, wanted)
        return model.train()
    tnet, pnet = config.networks()
    if pnet["kind"] == "vgg" and vgg.width != WIDTH:
        pnet["vgg_width"] = vgg.width
    model = ZMNet(tnet, pnet)
    if isinstance(model.pnet, VGGPNet):
        weights = vgg.state_dict()
        model.pnet.vgg.load_state_dict({name: weights[name] for name in model.pnet.vgg.state_dict()})
    return model


def build_guided(config: TrainingConfig, signals: Signals, warn: Say = logger.warning) -> Built:
    """A model that is guided by vectors: a fresh one, or that of `--init_from` with a PNet for them.

    Its TNet frozen, it keeps all that it has, and the PNet stands beside the others; else it is guided by these vectors
    alone, since they were made for another TNet.

    Raises:
        TrainingError: the model reads other vectors of this name, or too many numbers are wanted.
    """
    if not config.init_from:
        return Built(ZMNet(config.networks()[0], _guided(config, signals, _options(config, signals))), teach=True)
    source = _source(config.init_from, config.freeze_tnet, warn)
    before = source.vector_pnets.get(signals.signal)
    options = _options(config, signals) if before is None else _further(config, source, signals)
    wanted = source.config.copy()
    if config.freeze_tnet and source.pnet.signal != signals.signal:
        beside = cast(AttributePNetConfig, {"kind": config.pnet, **options})
        wanted["attribute_pnets"] = {**source.config.get("attribute_pnets", {}), signals.signal: beside}
    else:
        wanted["tnet"] = _tnet(config, source)
        wanted["pnet"] = _guided(config, signals, options)
    model = _with_parts(source, wanted)
    if model.pnet.signal != signals.signal:
        model.guided_by = signals.signal
    guide, first = model.guide, 0
    assert isinstance(guide, VectorPNet)
    if before is not None and before.names:
        first = len(guide.names) - len(signals.names)
        known = [row for name, row in zip(before.names, before.known) if name in guide.names[:first]]
        for row, vector in enumerate(known):
            guide.known[row, : len(vector)] = vector
    return Built(model.train(), before is None, source if source.pnet.signal == "image" else None, first)


def _source(name: str, keeps: bool, warn: Say) -> ZMNet:
    """The model of `--init_from`; without its words and colours unless its TNet `keeps` as it is."""
    if keeps:
        return ZMNet.from_pretrained(name)
    lost = read_config(find(name)(CONFIG)).get("attribute_pnets") or {}
    if lost:
        reads = " and ".join(READS.get(signal) or f"{signal} vectors" for signal in lost)
        warn(
            f"'{name}' reads {reads} by {ATTRIBUTE_WEIGHTS}, which is made for its TNet, and this run trains that: "
            "the new model is without them. Teach it anew when the run is over: python train/words.py --model RUN for "
            "words and colours, --signals … --freeze_tnet --init_from RUN for vectors of your own. (--freeze_tnet "
            "keeps TNet, words and colours.)"
        )
    return ZMNet.from_pretrained(name, attribute_pnets=None)


def _tnet(config: TrainingConfig, model: ZMNet) -> TNetOptions:
    """The model's TNet with what it is given that has no weights of its own."""
    tnet = model.config["tnet"].copy()
    if config.tnet_palette:
        tnet["palette"] = True
    if config.tnet_grey:
        tnet["grey"] = True
    return tnet


def _guided(config: TrainingConfig, signals: Signals, options: dict[str, object]) -> PNetConfig:
    """A PNet for vectors as the only one of its model."""
    return cast(PNetConfig, {"kind": config.pnet, "signal": signals.signal, **options})


def _options(config: TrainingConfig, signals: Signals) -> dict[str, object]:
    """Of a new PNet, without its kind and signal."""
    most = signals.examples() - 1
    size = config.signal_size or min(MOST_NUMBERS, signals.inputs, most)
    if not 1 <= size <= min(signals.inputs, most):
        raise TrainingError(
            f"--signal_size {size}: {most + 1:,} vectors of {signals.inputs} numbers are compressed to "
            f"{min(signals.inputs, most)} at most."
            if size
            else f"--signals: there is {most + 1} vector, and at least two are needed."
        )
    options: dict[str, object] = {"size": size}
    if signals.inputs != SIGNALS.get(signals.signal):
        options["inputs"] = signals.inputs
    if config.pnet_width:
        options["width"] = config.pnet_width
    return options | _names(config, signals, ())


def _names(config: TrainingConfig, signals: Signals, before: tuple[str, ...], longest: int = 0) -> dict[str, object]:
    """What a PNet tells of names: those it was trained on, and those it carries."""
    told: dict[str, object] = {"words": {"trained": [*signals.trained]}} if signals.trained else {}
    if signals.names or before:
        told["names"] = [*(name for name in before if name not in set(signals.names)), *signals.names]
        if config.pnet == "gru":
            told["longest"] = max(longest, *(len(vector) for vector in signals.vectors()))
    return told


def _further(config: TrainingConfig, source: ZMNet, signals: Signals) -> dict[str, object]:
    """The options of a PNet that the model has for these vectors already."""
    before = source.vector_pnets[signals.signal]
    if before is source.pnet:
        options = dict(source.config["pnet"])
    else:
        options = dict(source.config["attribute_pnets"][signals.signal])
    what = f"'{config.init_from}' has a PNet for '{signals.signal}' vectors"
    if (kind := options.pop("kind", None)) != config.pnet:
        raise TrainingError(f"{what}, of kind {kind}: --pnet {kind} trains it on, another --signal_name adds one.")
    if before.inputs != signals.inputs:
        raise TrainingError(
            f"{what} of {before.inputs} numbers, and those of --signals have {signals.inputs}: take vectors of its own "
            "kind, or another --signal_name."
        )
    for name, value, own in (
        ("signal_size", config.signal_size, before.size),
        ("pnet_width", config.pnet_width, before.heads.gamma[0].in_features),
    ):
        if value and value != own:
            raise TrainingError(f"{what}, whose --{name} is {own}: leave --{name} out to train it on.")
    longest = before.known.shape[1] if before.names and before.sequence else 0
    words = options.pop("words", None)
    options |= _names(config, signals, before.names, longest)
    if words:
        options["words"] = {**cast("dict[str, object]", words), **cast("dict[str, object]", options.get("words", {}))}
    options.pop("signal", None)
    return options


def _with_parts(model: ZMNet, config: Description) -> ZMNet:
    """A model of another description with the weights of this one; what this one has not is fresh."""
    other = ZMNet(**config)
    has: dict[str, Tensor] = dict(model.state_dict())
    if config.get("reviser") != model.config.get("reviser"):
        has = {name: tensor for name, tensor in has.items() if not name.startswith("reviser.")}
    if other.pnet.signal != model.pnet.signal:
        has = {name: tensor for name, tensor in has.items() if not name.startswith("pnet.")}
    own = other.state_dict()
    more = [name for name in has.keys() & own.keys() if name.endswith(".known") and own[name].shape != has[name].shape]
    has = {name: tensor for name, tensor in has.items() if name not in more}  # there are other names now
    other.load_state_dict(has, strict=False)
    return other


def unfreeze(model: ZMNet, reviser: bool = False, tnet: bool = True) -> None:
    """Train the `tnet` and the guide, but not the VGG-16 inside a `vgg` PNet; or the `reviser` alone."""
    model.requires_grad_(False)
    if reviser:
        model.require_reviser().requires_grad_(True)
        return
    model.tnet.requires_grad_(tnet)
    model.guide.requires_grad_(True)
    if isinstance(model.guide, VGGPNet):
        model.guide.vgg.requires_grad_(False)


def prepared(config: TrainingConfig, vgg: VGG16) -> ZMNet:
    """The model of `build_model`; what the run trains of it requires a gradient."""
    model = build_model(config, vgg)
    unfreeze(model, config.reviser_width > 0, not config.freeze_tnet)
    return model


Make = Callable[[TrainingConfig, VGG16], ZMNet]
