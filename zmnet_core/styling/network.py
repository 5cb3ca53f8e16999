"""The networks together: paintings and words in, styles out; photographs and styles in, pictures out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import overload

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import Self

from ..errors import SignalError, WrongModelError
from ..hub.locate import SCHEMA, check_schema
from ..images.masks import within_mask
from ..images.resize import looked_at, resized
from ..images.transport import colour_quantiles
from ..networks.constants import AS_IT_IS, STYLE_SIZE
from ..networks.drafts import AnyReviser, ReviserConfig, build_reviser, draft_size
from ..networks.heads import PNet
from ..networks.identity import fingerprint
from ..networks.local_affine import LocalAffine
from ..networks.pnet import AttributePNetConfig, PNetConfig, build_pnet
from ..networks.reviser import Revised, Reviser, Window, enlarged
from ..networks.tnet import MIN_SIDE, TNet, TNetOptions, Trace
from ..networks.typed import NamedModules
from ..networks.vector_pnet import VectorPNet
from ..signals.palettes import picture_histogram
from ..signals.words import WordTable
from .attributes import COLOURS, READS, as_vectors, encode_text, encode_vectors, is_palette, pnet_for
from .look import KNOBS, known
from .parts import Description, check_parts
from .regions import AnyStyle, Regions, apart
from .style import Style


class StyleTransfer(nn.Module):
    """Y = TNet(X_c; γ, β), γ, β = PNet(X_s), and a reviser for large pictures: everything that is done with tensors.

    Args:
        tnet: keyword arguments of `TNet`, e.g. `{"width": 32}`.
        pnet: `{"kind": "vgg"}` and keyword arguments of that PNet.
        reviser: keyword arguments of `Reviser`: large pictures are painted small, enlarged and revised; or
            `{"kind": "local-affine"}`: photographs stay photographs, in the colours of what is painted small.
        attribute_pnets: PNets for words or colours beside an image PNet, by signal, e.g.
            `{"sentence": {"kind": "mlp", "size": 64}}`; they write into the same space of γ, β.
        schema: the version of this description; one that is newer than the library's is refused.
    """

    def __init__(
        self,
        tnet: TNetOptions | None = None,
        pnet: PNetConfig | None = None,
        attribute_pnets: Mapping[str, AttributePNetConfig] | None = None,
        schema: int = SCHEMA,
        reviser: ReviserConfig | None = None,
    ):
        super().__init__()
        check_schema(schema)
        check_parts(tnet, pnet, attribute_pnets, reviser)
        tnet, pnet = {**(tnet or {})}, {"kind": "vgg", **(pnet or {})}
        self.config: Description = {"schema": SCHEMA, "tnet": tnet, "pnet": pnet}
        self.tnet = TNet(**tnet)
        self.pnet = self._made_pnet(pnet)
        self.reviser: AnyReviser | None = None
        if reviser is not None:
            self.config["reviser"] = {**reviser}
            self.reviser = build_reviser(self.tnet.channels, reviser)
        if attribute_pnets:
            self.config["attribute_pnets"] = {signal: {**options} for signal, options in attribute_pnets.items()}
        self.attribute_pnets: NamedModules[VectorPNet] = NamedModules()
        for signal, options in (attribute_pnets or {}).items():
            vector_pnet = build_pnet(sites=self.tnet.sites, signal=signal, **options)
            assert isinstance(vector_pnet, VectorPNet)  # the others refuse a signal
            self.attribute_pnets[signal] = vector_pnet
        self.guided_by = ""
        self._fingerprint: tuple[object, str] | None = None
        self.name = ""  # what people call it: a bundled name, a folder, a Hub id; `from_pretrained` fills it in

    def _made_pnet(self, options: PNetConfig) -> PNet:
        """The PNet; what a ZM-Net is compared with has another there (`zmnet_core.evaluation.baselines`)."""
        return build_pnet(sites=self.tnet.sites, **options)

    @torch.no_grad()
    def encode_style(
        self, images: Tensor, size: int | None = STYLE_SIZE, name: str = "", bold: float = AS_IT_IS
    ) -> Style:
        """Read the style (γ, β) of each painting; a model that is guided by histograms reads that of its colours.

        Args:
            images: paintings [N, 3, H, W], 0..1; if they are longer than 4 : 1, only their middle is looked at.
            size: the short side at which the paintings are looked at, which sets the scale of the strokes. None looks
                at them as they are.
            name: a name for people, which the style carries.
            bold: from 0 (faithful to the photographs) to 1 (the painting's manner first), if the model can be told.

        Raises:
            WrongModelError: this model is not guided by pictures, or cannot be told how boldly to paint.
            ValueError: bold is off its scale, or there are no pictures.
        """
        KNOBS["bold"].check("bold", bold)
        if self.pnet.signal not in ("image", COLOURS):
            raise WrongModelError(
                f"this model is guided by {_read_by(self.vector_pnets)}, not by pictures: give it these (--attribute, "
                "encode_attribute, the node Encode Attribute), or take another model for paintings."
            )
        if bold != AS_IT_IS:
            self.require_bold(bold)
        images = as_painting(self._checked(images, least=1), size)
        colours = colour_quantiles(images)
        images = images.to(self._parameter.dtype)
        told = None if self.pnet.bold is None else images.new_full((len(images),), bold)
        seen = picture_histogram(images) if self.pnet.signal == COLOURS else images
        return self._style(_values(self.pnet, self.pnet.features(seen), told), name, colours)

    @torch.no_grad()
    def encode_attribute(
        self,
        attribute: str | Tensor | np.ndarray | Sequence[object],
        signal: str | None = None,
        table: WordTable | None = None,
        name: str | None = None,
    ) -> Style:
        """Make a style (γ, β) of words, colours or a vector.

        Args:
            attribute: a mixture of words and colours such as "0.7 night + 0.3 impressionism" or "#d9a441 + dusk"; or a
                vector of the model's signal, [F] or [N, F] (a `gru`: one sequence [T, F]); or a colour histogram
                of `zmnet_core.signals.palettes`, [245] or [N, 245], of shares or counts; or a list of colours,
                `["#d9a441", "#123a6b"]`; or the name of a vector that the model carries. Vectors may be tensors,
                arrays or lists of numbers.
            signal: the PNet that it is for, if the model has several for vectors of this size or for a word.
            table: vectors of words to use in place of the signal's own (`WordTable.load`).
            name: a name for people, which the style carries; if left out, the text.

        Raises:
            SignalError: the text is no mixture, or a word is unknown; a vector has another size, holds NaN, or is far
                from all that the model was made for; or a histogram has negative numbers.
            WrongModelError: this model is guided by pictures only.
        """
        pnets = self.vector_pnets
        if not pnets:
            raise WrongModelError(
                "this model is guided by pictures only, so words and vectors mean nothing to it: give a painting "
                "instead, or take a model that knows words, such as zmnet-base."
            )
        if isinstance(attribute, str):
            values, name = encode_text(pnets, attribute, table, signal), attribute.strip() if name is None else name
        else:
            if signal is None and is_palette(attribute):
                signal = COLOURS
            vectors = as_vectors(attribute)
            values = encode_vectors(pnet_for(pnets, vectors, signal), vectors)
        if not values.isfinite().all():
            raise SignalError("the style holds NaN or infinite values: the vectors it was made of are too large.")
        return self._style(values.to(self._parameter.device), name or "")

    @property
    def guide(self) -> PNet:
        """The PNet that `forward` asks: the model's own, or the one of words or colours that `guided_by` names."""
        return self.attribute_pnets[self.guided_by] if self.guided_by else self.pnet

    @property
    def vector_pnets(self) -> Mapping[str, VectorPNet]:
        """The PNets that read words, vectors or colours, by signal."""
        own = {self.pnet.signal: self.pnet} if isinstance(self.pnet, VectorPNet) else {}
        return own | dict(self.attribute_pnets.items())

    @overload
    def apply(self, contents: Callable[[nn.Module], None]) -> Self: ...
    @overload
    def apply(
        self,
        contents: Tensor,
        style: AnyStyle,
        strength: float = ...,
        statistics: Tensor | None = ...,
        draft: int | None = ...,
    ) -> Tensor: ...
    @torch.no_grad()
    def apply(
        self,
        contents: Tensor | Callable[[nn.Module], None],
        style: AnyStyle | None = None,
        strength: float = 1.0,
        statistics: Tensor | None = None,
        draft: int | None = None,
        **other: object,
    ) -> Tensor | Self:
        """Stylise photographs.

        A model with a reviser paints large photographs small first; this draft is then enlarged and revised.

        Args:
            contents: [B, 3, H, W], 0..1, sides ≥ 16, any parity.
            style: one style for all, or one for each of the B; or `Regions` of several.
            strength: 0 gives the photograph as the network repaints it in its own style, 1 gives the style, and up to
                1.5 exaggerates it: a walk in DIN space between the two.
            statistics: μ and 1/σ that `measure` gave with the same `draft`, to be used in place of the pictures' own.
            draft: the short side of the draft, px. None takes what suits the model and the pictures, 0 makes no draft.

        `model.apply(function)`, without a style, is `torch.nn.Module.apply`.

        Returns:
            [B, 3, H, W], 0..1, in the contents' type.

        Raises:
            PictureError: the draft does not suit the pictures.
            WrongModelError: a draft is wanted, and the model has no reviser.
            TypeError: there is no such option; for a knob of `Look` the message says which functions take it.
        """
        known("apply", other, ("strength", "statistics", "draft"))
        if style is None:
            if not isinstance(contents, Tensor) and callable(contents):
                return super().apply(contents)
            raise TypeError("apply needs a style: model.apply(photographs, model.encode_style(painting)).")
        contents = self._checked(contents)
        style, shown = apart(self.style_for(contents, style, strength))
        height, width = contents.shape[-2:]
        size = draft_size(self.reviser, height, width, draft)
        seen = contents if size is None else resized(contents, size)
        areas = style.areas(seen.shape[-2:]) if isinstance(style, Regions) else None
        stylised = self.tnet(seen.to(self._parameter.dtype), style.values, statistics, areas)
        if size is not None:
            stylised = self.revise(stylised, contents, seen, style)
        stylised = stylised.to(contents.dtype)
        return stylised if shown is None else within_mask(contents, stylised, shown)

    @torch.no_grad()
    def revise(self, draft: Tensor, contents: Tensor, seen: Tensor, style: AnyStyle) -> Tensor:
        """Bring drafts [B, 3, h, w] of photographs [B, 3, H, W], `seen` by the TNet as [B, 3, h, w], to full size."""
        reviser = self.require_reviser()
        parts = (each.to(reviser.dtype) for each in self.parts(draft, contents, seen))
        areas = style.areas(contents.shape[-2:]) if isinstance(style, Regions) else None
        return reviser(*parts, style.values, areas).clamp_(0, 1).to(contents.dtype)

    @torch.no_grad()
    def parts(self, draft: Tensor, contents: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """What the reviser makes a picture of, two tensors of the photographs' size; arguments as in `revise`."""
        reviser = self.require_reviser()
        if isinstance(reviser, LocalAffine):
            reference = reviser.reference[None].to(self._parameter)
            seen = self.tnet(seen.to(self._parameter), reference).to(draft.device)
        return reviser.parts(draft, contents, seen)

    @torch.no_grad()
    def measure(self, contents: Tensor, style: AnyStyle, strength: float = 1.0, draft: int | None = None) -> Tensor:
        """Statistics of every norm for these pictures (for their drafts) under this style, to be frozen in `apply`."""
        contents = self._checked(contents)
        style, _ = apart(self.style_for(contents, style, strength))
        height, width = contents.shape[-2:]
        size = draft_size(self.reviser, height, width, draft)
        seen = contents if size is None else resized(contents, size)
        areas = style.areas(seen.shape[-2:]) if isinstance(style, Regions) else None
        return self.tnet.measure(seen.to(self._parameter.dtype), style.values, areas)

    # What a training loop calls ----------------------------------------------------------------

    def forward(
        self, contents: Tensor, features: Tensor, bold: Tensor | None = None, window: Window | None = None
    ) -> Trace | Revised:
        """One differentiable pass: contents [N, 3, H, W], `guide.features` of N signals and, of a PNet that can be
        told, how boldly to paint, [N].

        With a window it is one of the reviser alone, on drafts of the squares `contents`.
        """
        if window is None:
            return self.tnet.trace(contents, _values(self.guide, features, bold))
        with torch.no_grad():
            style = _values(self.guide, features, bold)
            seen = resized(contents, (window.draft, window.draft))
            draft, detail = (window.of(each) for each in enlarged(self.tnet(seen, style), contents, seen))
        revise, again = self.require_learned_reviser(), None
        if window.down or window.right:
            again = revise(window.shifted(draft), window.shifted(detail), style)
        return Revised(revise(draft, detail, style), draft, again)

    # Identity ----------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the TNet's weights rounded to float16: styles fit this TNet and no other.

        It is computed again when weights are loaded, trained or changed in place, but not when they are changed through
        `.data`, of which torch gives no sign: load a state dict instead.
        """
        state = bare(self.tnet).state_dict(keep_vars=True)
        version = tuple((t.data_ptr(), t.device, 0 if t.is_inference() else t._version) for t in state.values())
        if self._fingerprint is None or self._fingerprint[0] != version:
            self._fingerprint = (version, fingerprint(state.items(), self.tnet.palette, self.tnet.grey))
        return self._fingerprint[1]

    def __repr__(self) -> str:
        """What the model is, in a few lines; its parts (`model.tnet`) show their layers."""
        weight = self._parameter
        name = f"{self.name}, " if self.name else ""
        lines = [f"{name}{_size(self)}, {weight.dtype} on {weight.device}, fingerprint {self.fingerprint[:8]}"]
        described = {name: value for name, value in self.config["pnet"].items() if name not in ("words", "names")}
        lines += [f"tnet: {self.config['tnet']}, {_size(self.tnet)}", f"pnet: {described}, {_size(self.pnet)}"]
        lines += [f"reviser: {self.config['reviser']}, {_size(self.reviser)}"] if self.reviser else ["no reviser"]
        for signal, pnet in self.vector_pnets.items():
            count = sum(map(len, pnet.words.values()))
            trained = f", trained on {count} words" if count else ""
            carried = f", carries {len(pnet.names)} names" if pnet.names else ""
            lines.append(f"reads {READS.get(signal, 'vectors')} ({signal}){trained}{carried}")
        return "\n".join([f"{type(self).__name__}(", *(f"  {line}" for line in lines), ")"])

    def own_style(self, contents: Tensor) -> Style:
        """The style in which photographs [B, 3, H, W] stay what they are, one for each: where a strength of 0 ends.

        What the PNet reads off the photographs; of a model that keeps photographs, its style of reference.

        Raises:
            WrongModelError: the model can be told neither.
        """
        if isinstance(self.reviser, LocalAffine):
            return self._style(self.reviser.reference.detach().expand(len(contents), -1, -1), "the photograph")
        if self.pnet.signal not in ("image", COLOURS):
            raise WrongModelError(
                f"a strength other than 1 goes by the photograph's own style, and this model, guided by "
                f"{_read_by(self.vector_pnets)}, cannot read one: leave the strength at 1."
            )
        return self.encode_style(contents)

    # Helpers -----------------------------------------------------------------------------------

    def _style(self, values: Tensor, name: str, colours: Tensor | None = None) -> Style:
        return Style(values, self.tnet.sites, self.fingerprint, name, colours, model=self.name)

    @property
    def _parameter(self) -> Tensor:
        return self.tnet.out.weight

    def require_bold(self, bold: float) -> None:
        """Refuse a model that cannot be told how boldly to paint."""
        if self.pnet.bold is None:
            raise WrongModelError(
                f"bold is {bold:g}, and this model cannot be told how boldly to paint: leave it at {AS_IT_IS}, or take "
                'one whose PNet is made for it ("bold": true in config.json; --pnet_bold in training).'
            )

    def require_reviser(self) -> AnyReviser:
        """The reviser; refuse a model that has none."""
        if self.reviser is None:
            raise WrongModelError("this model has no reviser to bring drafts to the picture's size (zmnet-bold has).")
        return self.reviser

    def require_learned_reviser(self) -> Reviser:
        """The reviser, if it has weights; refuse a model whose has none."""
        if not isinstance(reviser := self.require_reviser(), Reviser):
            raise WrongModelError("this model's reviser has no weights: there is nothing to train in it.")
        return reviser

    def _checked(self, images: object, least: int = MIN_SIDE) -> Tensor:
        if not isinstance(images, Tensor):
            raise TypeError(
                f"tensors [B, 3, H, W] in 0..1 are expected, not {type(images).__name__}: zmnet_core.images.to_tensor "
                "makes one of a PIL image, and `stylize` takes PIL images."
            )
        if images.dim() != 4 or images.shape[1] != 3 or not len(images):
            raise ValueError(f"pictures are [B, 3, H, W] in 0..1; this tensor is {list(images.shape)}.")
        if min(images.shape[-2:]) < least:
            raise ValueError(
                f"pictures need sides of at least {least} px; this one is {images.shape[-1]}×{images.shape[-2]}."
            )
        if not images.is_floating_point():
            raise ValueError(
                f"pictures are floating point in 0..1; this tensor is {images.dtype}. Divide by 255 first."
            )
        low, high = (float(value) for value in torch.aminmax(images))
        if not math.isfinite(high - low):
            raise ValueError("the pictures hold NaN or infinite values.")
        if low < -1 or high > 2:  # resampling may leave 0..1 a little
            raise ValueError(
                f"pictures are in 0..1; this tensor goes from {low:.3g} to {high:.3g}. Divide by 255 first?"
            )
        return images.to(self._parameter.device)

    @overload
    def style_for(
        self, contents: Tensor, style: Style, strength: float, layers: Mapping[int, float] | None = None
    ) -> Style: ...
    @overload
    def style_for(
        self, contents: Tensor, style: AnyStyle, strength: float, layers: Mapping[int, float] | None = None
    ) -> AnyStyle: ...
    def style_for(
        self, contents: Tensor, style: AnyStyle, strength: float, layers: Mapping[int, float] | None = None
    ) -> AnyStyle:
        """The style that `apply` gives to the TNet: checked, on the device, walked to `strength`, in each layer to
        `strength` times its weight (`Style.walk`).
        """
        style.require(self.fingerprint, name=self.name)
        KNOBS["strength"].check("strength", strength)
        if len(style) not in (1, contents.shape[0]):
            raise ValueError(f"{len(style)} styles for {contents.shape[0]} pictures: give one, or one a picture.")
        style = style.to(self._parameter.device)
        if strength != 1.0 or layers is not None:
            own = self.own_style(contents)
            if isinstance(style, Regions):
                return style.walk(own, strength, layers)
            style = replace(style, values=style.values.expand_as(own.values)).walk(own, strength, layers)
        return style


def _values(pnet: PNet, features: Tensor, bold: Tensor | None) -> Tensor:
    return pnet(features) if bold is None else pnet(features, bold)


def _read_by(pnets: Mapping[str, VectorPNet]) -> str:
    """What they read, for people."""
    return " and ".join(READS.get(signal, f"{signal} vectors") for signal in pnets)


def _size(module: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in module.parameters()):,} parameters"


def bare(module: nn.Module) -> nn.Module:
    """The module itself, where `torch.compile` has wrapped it."""
    return getattr(module, "_orig_mod", module)


def as_painting(images: Tensor, size: int | None) -> Tensor:
    """What is looked at of paintings [N, 3, H, W]: their middle, with a short side of `size` px (None: as they are)."""
    images = middle(images)
    scale = 1.0 if size is None else size / min(images.shape[-2:])
    shape = [max(MIN_SIDE, round(side * scale)) for side in images.shape[-2:]]
    return images if shape == list(images.shape[-2:]) else looked_at(images, shape)


def middle(images: Tensor, longest: int = 4) -> Tensor:
    """[N, 3, H, W] cut from the centre to at most `longest` : 1."""
    height, width = images.shape[-2:]
    limit = longest * min(height, width)
    top, left = max(0, height - limit) // 2, max(0, width - limit) // 2
    return images[..., top : top + limit, left : left + limit]
