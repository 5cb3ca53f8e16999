"""`Style`: what a PNet gives and a TNet takes — γ and β of every DIN site."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from reprlib import repr as brief
from typing import TYPE_CHECKING, Any, SupportsFloat, overload

import torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import WrongModelError, in_words, shortened
from ..files import write_tensors
from ..images.transport import KNOTS, PASSES
from ..networks.constants import DIN_LAYERS, FORMER_GROUPS, LAYER_GROUPS
from ..networks.identity import called, told_apart
from ..networks.tnet import Site
from ..signals.mixtures import check_sum
from ..tensor_files import not_floats, opened

if TYPE_CHECKING:
    from PIL import Image

    from .layering import Layers
    from .network import StyleTransfer

FORMAT, SCHEMA = "zmnet-style", "1"


@dataclass(frozen=True, eq=False)
class Style:
    """One or more styles of one model.

    Styles of the same model form a vector space: `0.7 * a + 0.3 * b` is a style between two, `sum(styles) / 3` the mean
    of three, `2 * a - b` one beyond a. Weights are numbers of Python, NumPy or PyTorch.

    Attributes:
        values: [N, 2, ΣC], float32; [:, 0] is γ and [:, 1] is β, DIN site after site.
        sites: name, layer and channels of every DIN site.
        fingerprint: that of the TNet for which the style was made; any other TNet refuses it.
        name: what the style was made of, for people to read.
        colours: [N, PASSES, 3, KNOTS], `images.transport.colour_quantiles` of the paintings, for the knob `palette`;
            None if the style was made of words, or mixed with one that has none.
        colourless: of a mixture without colours, the name of the style in it that has none, for people to read.
        model: the name of the model that made it, for people to read; "" if it has none.
    """

    values: Tensor
    sites: tuple[Site, ...]
    fingerprint: str
    name: str = ""
    colours: Tensor | None = None
    colourless: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        channels = sum(site.channels for site in self.sites)
        if self.values.dim() != 3 or self.values.shape[1:] != (2, channels):
            raise ValueError(
                f"a style of {channels} channels has shape [N, 2, {channels}], not {list(self.values.shape)}."
            )
        if self.colours is not None and self.colours.shape[1:] != (PASSES, 3, KNOTS):
            raise ValueError(f"a style's colours have shape [N, {PASSES}, 3, {KNOTS}], not {list(self.colours.shape)}.")

    def __len__(self) -> int:
        return self.values.shape[0]

    def __getitem__(self, index: int | slice) -> Style:
        """The index-th style of several, still as a `Style`."""
        return self._each(lambda own: own[index] if isinstance(index, slice) else own[index][None])

    @property
    def label(self) -> str:
        """Its name in quotes, for messages; of one without a name what there is to say of it."""
        return f"'{self.name}'" if self.name else repr(self)

    def __repr__(self) -> str:
        name = f"'{self.name}', " if self.name else ""
        model = called(self.fingerprint, self.model)
        return f"Style({name}{len(self)} × {self.values.shape[2]} channels, by {model})"

    __array_ufunc__ = None  # a NumPy number on the left leaves it to __rmul__, and does not take this for a sequence

    def __add__(self, other: Style) -> Style:
        if not isinstance(other, Style):
            return NotImplemented
        if other.fingerprint != self.fingerprint:
            one, another = told_apart((self.fingerprint, self.model), (other.fingerprint, other.model))
            raise WrongModelError(
                f"the two styles cannot be added: one was made by {one}, the other by {another}, and only styles of "
                "one model can be mixed. Encode both with the same."
            )
        check_counts([len(self), len(other)], "be added")
        name = " + ".join(n for n in (self.name, other.name) if n)
        return replace(self._each(torch.add, other), name=name)

    def __radd__(self, other: object) -> Style:
        return self if isinstance(other, int) and other == 0 else NotImplemented  # where `sum` begins

    def __mul__(self, weight: SupportsFloat) -> Style:
        if not _is_number(weight):
            return NotImplemented
        number = float(weight.detach() if isinstance(weight, Tensor) else weight)
        if not math.isfinite(number):
            raise ValueError(f"a style is multiplied by a finite number, not by {number}.")
        name = f"{number:g} {self.name}" if self.name and number != 1 else self.name
        return replace(self._each(lambda own: own * number), name=name)

    __rmul__ = __mul__

    def __truediv__(self, weight: SupportsFloat) -> Style:
        if not _is_number(weight):
            return NotImplemented
        return self * (1.0 / float(weight.detach() if isinstance(weight, Tensor) else weight))

    def __pos__(self) -> Style:
        return self

    def __neg__(self) -> Style:
        return -1.0 * self

    def __sub__(self, other: Style) -> Style:
        return self + -other if isinstance(other, Style) else NotImplemented

    def __rsub__(self, other: object) -> Style:
        return -self if isinstance(other, int) and other == 0 else NotImplemented  # as of a sum

    def _each(self, change: Callable[..., Tensor], *others: Style) -> Style:
        """Values and colours changed in one way, with those of other styles; no colours where one has none."""
        values = change(self.values, *(other.values.to(self.values) for other in others))
        colours = [style.colours for style in (self, *others) if style.colours is not None]
        if lacking := [style for style in (self, *others) if style.colours is None]:
            name = lacking[0].colourless or lacking[0].label
            return replace(self, values=values, colours=None, colourless=name)
        return replace(self, values=values, colours=change(*(each.to(colours[0]) for each in colours)))

    def towards(self, other: Style, share: float) -> Style:
        """The style at `share` (0..1) of the way to another style of the same model; it keeps this one's name."""
        return self._each(lambda own, theirs: torch.lerp(own, theirs, share), other)

    @staticmethod
    def blend(styles: Sequence[Style], weights: Iterable[float] | None = None) -> Style:
        """The weighted mean of styles of one model; if no weights are given, they are equal.

        Weights are divided by their sum. A negative weight leads away from its style. Weights that nearly cancel are
        refused, because the result would lie far outside what the TNet has learned.

        Raises:
            ValueError: there is no style, or not one weight for each; the sum of the weights is not finite, or less
                than a third of the sum of their sizes; or the styles are for other numbers of pictures.
            WrongModelError: the styles are of different models.
        """
        shares = [1.0] * len(styles) if weights is None else [float(w) for w in weights]
        if not styles or len(shares) != len(styles):
            raise ValueError(f"{len(shares)} weights for {len(styles)} styles: give one weight a style.")
        check_sum(shares)
        total = sum(shares)
        mixed = (shares[0] / total) * styles[0]
        for style, share in zip(styles[1:], shares[1:]):
            mixed = mixed + (share / total) * style
        return mixed

    def walk(self, start: Style, strength: float, layers: Mapping[int, float] | None = None) -> Style:
        """The style at `strength` on the line from `start` (0) through this one (1).

        With the photograph's own style as start this is the strength of a stylisation. Beyond this style there are no
        colours to go to: they stay its own.

        Args:
            layers: a weight for each of the nine DIN layers, with which the strength there is multiplied. The
                palette's site goes with the last of them, which carries light and colours as well.
        """
        walked = start * (1.0 - strength) + self * strength
        if layers is not None:
            shares = [strength * layers[min(site.layer, DIN_LAYERS)] for site in self.sites]
            share = torch.cat([torch.full((site.channels,), part) for site, part in zip(self.sites, shares)])
            share, own = share.to(self.values), start.values.to(self.values)
            walked = replace(walked, values=own * (1.0 - share) + self.values * share)
        colours = self.colours if strength > 1 else walked.colours
        return replace(walked, name=f"{self.name} × {strength:g}".strip(), colours=colours)

    def only(self, *groups: str) -> Style:
        """Keep the layer groups that are named and turn the others off (Fig. 7 of the paper).

        `detail` is DIN layers 1-3 (edges and detail), `weave` 4-6 (a little of the texture), `tones` 7-9 and the
        palette (light and colours). Off means γ = 1 and β = 0: a plain instance norm. `colour` and `texture` are what
        the last two were called before.
        """
        groups = tuple(FORMER_GROUPS.get(group, group) for group in groups)
        unknown = set(groups) - set(LAYER_GROUPS)
        if unknown:
            raise ValueError(f"no layer group {', '.join(sorted(unknown))}; there are {', '.join(LAYER_GROUPS)}.")
        kept = {layer for group in groups for layer in LAYER_GROUPS[group]}
        on = torch.cat([torch.full((site.channels,), site.layer in kept) for site in self.sites])
        plain = torch.zeros_like(self.values)
        plain[:, 0] = 1
        return replace(self, values=torch.where(on.to(self.values.device), self.values, plain))

    def refine(
        self,
        model: StyleTransfer,
        painting: Image.Image | Tensor,
        photographs: Sequence[Image.Image | Tensor] | None = None,
        steps: int = 50,
        layers: Layers | Sequence[int] | None = None,
        step: Callable[[float], object] = lambda loss: None,
    ) -> Style:
        """Optimise this style of one painting (Fig. 8 and 9 of the paper): closer to it, on all photographs.

        >>> style = model.encode_style(painting).refine(model, painting, steps=50)

        Args:
            model: the one that made the style, with a `vgg` PNet.
            painting, photographs: PIL images, or tensors [1, 3, H, W] in 0..1. If no photographs are given, four that
                come with the library.
            steps, layers: as of `refine.Refiner`, which gives the style after every step.
            step: called after every step, with the loss as it found it.

        Returns:
            The refined style; this one if the loss has not become lower.

        Raises:
            What `refine.Refiner` raises.
            TypeError: the photographs are no list.
        """
        from ..images.picture import to_picture, to_tensor
        from .refine import Refiner

        def tensor_of(picture: Image.Image | Tensor) -> Tensor:
            return picture if isinstance(picture, Tensor) else to_tensor(to_picture(picture).rgb)[None]

        if photographs is not None and not isinstance(photographs, Sequence):
            raise TypeError(
                f"photographs are a list of pictures, not {photographs!r}: [photograph], or steps=… for their number."
            )
        contents = None if photographs is None else [*map(tensor_of, photographs)]
        refiner = Refiner(model, self, tensor_of(painting), contents, steps, layers)
        for loss in refiner:
            step(loss)
        return refiner.style

    @overload
    def to(
        self,
        device: str | torch.device | int | None = ...,
        dtype: torch.dtype | None = ...,
        non_blocking: bool = ...,
        copy: bool = ...,
    ) -> Style: ...
    @overload
    def to(self, dtype: torch.dtype, non_blocking: bool = ..., copy: bool = ...) -> Style: ...
    @overload
    def to(self, other: Tensor, non_blocking: bool = ..., copy: bool = ...) -> Style: ...
    def to(self, *args: Any, **kwargs: Any) -> Style:
        """On another device or in another type, as `torch.Tensor.to`."""
        return self._each(lambda own: own.to(*args, **kwargs))

    def require(self, fingerprint: str, problem: str = "this model cannot use the style", name: str = "") -> None:
        """Refuse a model that did not make this style.

        Args:
            fingerprint: the model's.
            problem: how the message begins.
            name: the model's, for the message.

        Raises:
            WrongModelError: the fingerprint is not this style's.
        """
        if fingerprint != self.fingerprint:
            own, other = told_apart((self.fingerprint, self.model), (fingerprint, name))
            what = f"the style '{self.name}'" if self.name else "the style"
            raise WrongModelError(
                f"{problem}: {what} was made by {own}, not by {other}. "
                "Encode the painting again with the model that you apply it with."
            )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to a safetensors file (15 KB a style for the paper's TNet), whole or not at all."""
        path = Path(path)
        metadata = {
            "kind": FORMAT,
            "schema": SCHEMA,
            "fingerprint": self.fingerprint,
            "name": self.name,
            "sites": json.dumps([list(site) for site in self.sites]),
            "colourless": self.colourless,
            "model": self.model,
        }
        tensors = {"values": self.values.float()}
        if self.colours is not None:
            tensors["colours"] = self.colours.float()
        write_tensors(path, tensors, metadata)
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Style:
        """Read a file that `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            WrongModelError: the file cannot be read, is not a style, is damaged, or has a newer schema.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no style file '{path}'.")
        try:
            with opened(path) as file:
                metadata = file.metadata() or {}
                if metadata.get("kind") != FORMAT:
                    raise WrongModelError(
                        f"'{path}' is not a ZM-Net style; `zmnet encode PAINTING -o FILE` makes one, and in "
                        "ComfyUI Save Style does."
                    )
                if (schema := metadata.get("schema")) != SCHEMA:
                    raise WrongModelError(
                        f"'{path}' has style schema {shortened(schema)}, this version reads {SCHEMA}: update."
                    )
                sites = tuple(_site(entry) for entry in json.loads(metadata["sites"]))
                if others := not_floats(file):
                    raise ValueError(f"its numbers are no floating point: {', '.join(others[:8])}")
                values = _read(file, "values")
                colours = _read(file, "colours") if "colours" in file.keys() else None
                if not len(values) or len(values) != len(values if colours is None else colours):
                    raise ValueError("it holds no style, or colours of another number of styles")
                return cls(
                    values,
                    sites,
                    metadata["fingerprint"],
                    metadata.get("name", ""),
                    colours,
                    metadata.get("colourless", ""),
                    metadata.get("model", ""),
                )
        except OSError as error:
            raise WrongModelError(f"'{path}' cannot be read: {in_words(error)}.") from error
        except SafetensorError as error:
            raise WrongModelError(f"'{path}' is not a whole safetensors file ({shortened(error)}).") from error
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise WrongModelError(
                f"'{path}' is a damaged style file ({type(error).__name__}: {shortened(error)})."
            ) from error


def check_counts(counts: Iterable[int], what: str) -> None:
    """Refuse styles for other numbers of pictures; one style goes with any number.

    Raises:
        ValueError: "styles for 2 and 3 pictures cannot be …".
    """
    several = sorted({*counts} - {1})
    if len(several) > 1:
        numbers = f"{', '.join(map(str, several[:-1]))} and {several[-1]}"
        raise ValueError(f"styles for {numbers} pictures cannot {what}: give one for all pictures, or one for each.")


def _site(entry: object) -> Site:
    """A site as a file has it.

    Raises:
        ValueError: it is none.
    """
    match entry:
        case [str() as name, int() as layer, int() as channels] if channels > 0:
            return Site(name, layer, channels)
    raise ValueError(f"{brief(entry)} is no site of a TNet")


def _read(file: Any, name: str) -> Tensor:
    """A tensor of a file that is open, in float32.

    Raises:
        ValueError: it holds NaN or infinite values.
    """
    tensor: Tensor = file.get_tensor(name).float()
    if not tensor.isfinite().all():
        raise ValueError(f"its {name} hold NaN or infinite values")
    return tensor


def _is_number(value: object) -> bool:
    """Of Python, NumPy or PyTorch; an array is none."""
    return isinstance(value, SupportsFloat) and not getattr(value, "ndim", False)
