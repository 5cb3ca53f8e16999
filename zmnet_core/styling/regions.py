"""`Regions`: several styles in one picture, each where its mask is, in one pass of the network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from typing_extensions import Self

from ..images.masks import fitted, to_mask
from ..networks.areas import Areas
from .style import Style, check_counts

log = logging.getLogger(__name__)

LEAST = 1 / 512  # a mask that is nowhere above this is empty
COVERED = 0.99  # where masks add up to this, nothing is left for the rest: rounding, not a hole
FILL = 1e-3  # of every mask in holes through which the photograph shows: the network paints something there, too
SAMPLE = 2**14  # pixels of a region whose colours are counted

Mask: TypeAlias = "Tensor | np.ndarray | Image.Image"


@dataclass(frozen=True, eq=False, init=False)
class Regions:
    """Several styles, each with a mask that says where it is; it goes where a `Style` goes.

    >>> regions = Regions([(night, sky), (irises, face)], rest=sunflowers)
    >>> model.apply(photographs, regions)
    >>> model.stylize(photograph, regions, strength=0.8)

    The network paints the picture once, however many styles there are. Masks may be soft and of any size; they are
    resized to the picture. Where masks overlap, they are divided by their sum, so that each has its share. What no
    mask covers is the rest's; without a rest the photograph shows through. An empty mask is told of in the log, and
    its style does nothing. Regions of one style are one region.

    Args:
        regions: pairs of a style and its mask, white where the style goes: a tensor or array [h, w], [M, h, w] or
            [M, 1, h, w] of booleans or of 0..1 with M = 1 or one for each picture; or a PIL image, of which the light
            counts, or the alpha if anything in it is transparent. A style is one, or one for each picture.
        rest: the style of what no mask covers.
        own: how far each region is normalised by itself (1), or as its style normalises the whole picture (0).
        called: what the regions are called in messages, one by one; if left out, region 1, region 2 and so on.

    Attributes:
        styles: those of the regions, R of them.
        weights: [M, R, h, w], float32, whose sum over R is 1 at every place.
        shown: [M, 1, h, w], where the result is seen, and not the photograph; None: everywhere.
        own: as above.

    Raises:
        TypeError: not pairs of a style and a mask.
        ValueError: there is nothing in it; a mask is none (`images.masks.to_mask`); masks or styles of other numbers.
        WrongModelError: the styles are of different models.
    """

    styles: tuple[Style, ...]
    weights: Tensor
    shown: Tensor | None
    own: float

    def __init__(
        self,
        regions: Iterable[tuple[Style, Mask]],
        rest: Style | None = None,
        own: float = 0.0,
        called: Sequence[str] = (),
    ):
        styles, masks, names = [], [], []
        for number, pair in enumerate(regions, 1):
            name = called[number - 1] if number <= len(called) else f"region {number}"
            if not isinstance(pair, Sequence) or len(pair) != 2 or not isinstance(pair[0], Style):
                raise TypeError(
                    f"{name} is {type(pair).__name__}: a pair of a Style and its mask is expected, such as "
                    "(model.encode_style(painting), mask)."
                )
            styles.append(pair[0])
            masks.append(to_mask(pair[1], f"the mask of {name}"))
            names.append(f"{name} ('{pair[0].name}')" if pair[0].name else name)
        if not styles:
            raise ValueError("there is no region: give pairs of a style and a mask.")
        if not 0 <= own <= 1:
            raise ValueError(f"own is {own}: a number from 0 to 1 is expected.")
        if rest is not None and not isinstance(rest, Style):
            raise TypeError(f"the rest is {type(rest).__name__}: a Style is expected.")
        several = {*map(len, masks), *map(len, styles), len(rest or styles[0])} - {1}
        if len(several) > 1:
            raise ValueError(
                f"masks and styles of {' and '.join(map(str, sorted(several)))} pictures: give one for all pictures, "
                "or one for each."
            )
        for style in (*styles[1:], *([rest] if rest else [])):
            styles[0].require(style.fingerprint, "styles of different models cannot be in one picture", style.model)
        for name, mask in zip(names, masks):
            if float(mask.max()) < LEAST:
                log.warning("The mask of %s is empty: its style does nothing.", name)
        size = max(each.shape[-2] for each in masks), max(each.shape[-1] for each in masks)
        count = max(map(len, masks))
        given = torch.cat([fitted(each.to(masks[0].device), size).expand(count, 1, *size) for each in masks], 1)
        total, shown = given.sum(1, keepdim=True), None
        if rest is not None:
            left = (1 - total).where(total < COVERED, torch.zeros_like(total))
            styles, given = [*styles, rest], torch.cat((given, left), 1)
        elif float(total.min()) < COVERED:
            shown = total.clamp(max=1)
            given = given + FILL * given.mean((2, 3), keepdim=True).clamp_min(LEAST)
        self._set(*_merged(styles, given / given.sum(1, keepdim=True)), shown, own)

    def _set(self, styles: Sequence[Style], weights: Tensor, shown: Tensor | None, own: float) -> None:
        for name, value in (("styles", tuple(styles)), ("weights", weights), ("shown", shown), ("own", own)):
            object.__setattr__(self, name, value)

    @classmethod
    def _of(cls, styles: Sequence[Style], weights: Tensor, shown: Tensor | None, own: float) -> Self:
        made = object.__new__(cls)
        made._set(styles, weights, shown, own)
        return made

    def each(self, change: Callable[[Style], Style]) -> Regions:
        """The same regions, their styles changed one by one."""
        return self._of([change(style) for style in self.styles], self.weights, self.shown, self.own)

    # What a Style has as well ------------------------------------------------------------------

    def __len__(self) -> int:
        return max(len(self.weights), *map(len, self.styles))

    def __getitem__(self, index: int | slice) -> Regions:
        """Of the index-th picture of several."""
        part = slice(index, None if index == -1 else index + 1) if isinstance(index, int) else index
        styles = [style[part] if len(style) > 1 else style for style in self.styles]
        weights, shown = (
            each[part] if each is not None and len(each) > 1 else each for each in (self.weights, self.shown)
        )
        return self._of(styles, cast(Tensor, weights), shown, self.own)

    @property
    def name(self) -> str:
        """The names of its styles."""
        return ", ".join(style.name for style in self.styles if style.name)

    @property
    def label(self) -> str:
        """For messages."""
        return repr(self)

    @property
    def fingerprint(self) -> str:
        """That of the TNet for which its styles were made."""
        return self.styles[0].fingerprint

    @property
    def model(self) -> str:
        """The name of the model that made its styles."""
        return self.styles[0].model

    def __repr__(self) -> str:
        height, width = self.weights.shape[-2:]
        names = ", ".join(style.label for style in self.styles)
        return f"Regions({names}; masks of {width} × {height} px)"

    def require(self, fingerprint: str, problem: str = "this model cannot use the style", name: str = "") -> None:
        """As `Style.require`."""
        for style in self.styles:
            style.require(fingerprint, problem, name)

    def only(self, *groups: str) -> Regions:
        """As `Style.only`, of every style."""
        return self.each(lambda style: style.only(*groups))

    def walk(self, start: Style, strength: float, layers: Mapping[int, float] | None = None) -> Regions:
        """As `Style.walk`, of every style; start may be one for each picture. At strength 0 all are one."""
        walked = [
            replace(each, values=each.values.expand_as(start.values)).walk(start, strength, layers)
            for each in self.styles
        ]
        return self._of(*_merged(walked, self.weights, least=0), self.shown, self.own)

    def to(self, *args: Any, **kwargs: Any) -> Regions:
        """On another device, as `torch.Tensor.to`; the masks stay float32."""
        made = self.each(lambda style: style.to(*args, **kwargs))
        device = made.styles[0].values.device
        shown = None if self.shown is None else self.shown.to(device)
        return self._of(made.styles, self.weights.to(device), shown, self.own)

    # What the networks take --------------------------------------------------------------------

    @property
    def values(self) -> Tensor:
        """[N, R, 2, ΣC]: γ and β of every region."""
        most = max(map(len, self.styles))
        return torch.stack([style.values.expand(most, -1, -1) for style in self.styles], 1)

    def areas(self, size: Sequence[int]) -> Areas:
        """Where the regions of a picture of this size (height, width) are."""
        return Areas(fitted(self.weights, (size[0], size[1])), self.own)

    def at(self, size: Sequence[int]) -> Regions:
        """With masks of a picture's size (height, width), so that tiles can be cut from them."""
        return self.over(self.areas(size).weights)

    def over(self, weights: Tensor) -> Regions:
        """With other masks, [M, R, h, w], that sum to 1."""
        return self._of(self.styles, weights, self.shown, self.own)

    def apart(self) -> tuple[Style | Regions, Tensor | None]:
        """As the function `apart`. If there is one style alone, it is that."""
        if len(self.styles) == 1:
            return self.styles[0], self.shown
        return self._of(self.styles, self.weights, None, self.own), self.shown

    def samples(self, images: Tensor, alone: Sequence[Tensor] | None) -> Sequence[Tensor]:
        """Of each region, the pictures whose colours are counted: the whole painted in its style, [N, 3, h, w], or the
        images themselves if there is none; or, as far as regions are `own`, their own pixels of [N, 3, H, W].
        """
        if not self.own:
            return alone or [images] * len(self.styles)
        weights = self.areas(images.shape[-2:]).weights.to(images.device)
        return [_sampled(images, weights[:, region].flatten(1)) for region in range(len(self.styles))]

    def together(self, images: Tensor, each: Sequence[Callable[[], Tensor]]) -> Tensor:
        """One picture of what each region makes of pictures, [N, 3, H, W] of the images' size."""
        weights, painted = self.areas(images.shape[-2:]).weights.to(images.device), torch.zeros_like(images)
        for region, make in enumerate(each):
            painted.addcmul_(weights[:, region : region + 1].to(images.dtype), make())
        return painted


AnyStyle: TypeAlias = Style | Regions


def members(style: AnyStyle) -> tuple[Style, ...]:
    """Those of the regions, or the style itself."""
    return style.styles if isinstance(style, Regions) else (style,)


def apart(style: AnyStyle) -> tuple[AnyStyle, Tensor | None]:
    """What paints a picture, everywhere, and where that is seen (None: everywhere)."""
    return style.apart() if isinstance(style, Regions) else (style, None)


def beside_tiles(style: AnyStyle, pictures: Tensor) -> list[Tensor]:
    """What is cut into tiles beside pictures, for `cut`."""
    return [style.areas(pictures.shape[-2:]).weights] if isinstance(style, Regions) else []


def cut(style: AnyStyle, *weights: Tensor) -> AnyStyle:
    """The style of a tile."""
    return style.over(*weights) if isinstance(style, Regions) else style


def _merged(styles: Sequence[Style], weights: Tensor, least: float = LEAST) -> tuple[list[Style], Tensor]:
    """Regions of one style made one, and those left out that are nowhere."""
    kept: list[Style] = []
    shares: list[Tensor] = []
    for style, share in zip(styles, weights.unbind(1)):
        same = [place for place, other in enumerate(kept) if _alike(style, other)]
        if same:
            shares[same[0]] = shares[same[0]] + share
        else:
            kept, shares = [*kept, style], [*shares, share]
    there = [place for place, share in enumerate(shares) if float(share.max()) >= least]
    left = torch.stack([shares[place] for place in there], 1)
    return [kept[place] for place in there], left / left.sum(1, keepdim=True)


def _alike(style: Style, other: Style) -> bool:
    """Whether two styles paint the same."""
    if style is other:
        return True
    colours = (style.colours is None) == (other.colours is None)
    if colours and style.colours is not None and other.colours is not None:
        colours = torch.equal(style.colours, other.colours.to(style.colours))
    return colours and torch.equal(style.values, other.values.to(style.values))


def _sampled(images: Tensor, shares: Tensor) -> Tensor:
    """Pixels of pictures, as many of each place as its share says: [N, 3, h, w], [N or 1, h · w] → [N, 3, 1, P]."""
    places = (torch.arange(SAMPLE, device=images.device) + 0.5) / SAMPLE
    found = []
    for index, colours in enumerate(images.flatten(2)):
        sums = shares[index % len(shares)].double().cumsum(0)
        picked = torch.searchsorted(sums, places.double() * sums[-1]).clamp(max=colours.shape[1] - 1)
        found.append(colours[:, picked])
    return torch.stack(found)[:, :, None]


def mixed(styles: Sequence[AnyStyle], weights: Iterable[float] | None = None) -> AnyStyle:
    """The weighted mean of styles and regions: `Style.blend`, and where there are regions, γ and β of every place.

    Raises:
        ValueError: as in `Style.blend`, of the numbers of masks as well; or a weight is negative where there are
            regions.
        WrongModelError: the styles are of different models.
    """
    plain = [style for style in styles if isinstance(style, Style)]
    if len(plain) == len(styles):
        return Style.blend(plain, weights)
    shares = [1.0] * len(styles) if weights is None else [float(weight) for weight in weights]
    if len(shares) != len(styles) or min(shares) < 0 or sum(shares) <= 0:
        raise ValueError(f"weights {shares} for {len(styles)} styles by region: give one from 0 on for each.")
    regions = [style if isinstance(style, Regions) else _everywhere(style) for style in styles]
    check_counts([len(each) for each in regions], "be mixed")
    total = sum(shares)
    for each in regions[1:]:
        regions[0].require(each.fingerprint, "the styles cannot be mixed", each.model)
    size = [max(each.weights.shape[place] for each in regions) for place in (2, 3)]
    fields = [each.areas(size).weights for each in regions]
    shown = None
    if any(each.shown is not None for each in regions):
        seen = [
            torch.ones(1, 1, *size) if each.shown is None else fitted(each.shown, (size[0], size[1]))
            for each in regions
        ]
        shown = reduce(torch.add, [(share / total) * each.to(fields[0]) for share, each in zip(shares, seen)])
    first = regions[0]
    if all(len(e.styles) == len(first.styles) and torch.equal(f, fields[0]) for e, f in zip(regions, fields)):
        means = [Style.blend(members, shares) for members in zip(*(each.styles for each in regions))]
        return Regions._of(means, fields[0], shown, first.own)
    count = max(map(len, fields))
    parts = [(share / total) * f.expand(count, -1, -1, -1).to(fields[0]) for share, f in zip(shares, fields)]
    members = [style for each in regions for style in each.styles]
    own = max(each.own for each in regions if len(each.styles) > 1 or each is first)
    return Regions._of(*_merged(members, torch.cat(parts, 1)), shown, own)


def _everywhere(style: Style) -> Regions:
    return Regions([(style, torch.ones(1, 1, device=style.values.device))])


def as_many(one: AnyStyle, other: AnyStyle) -> bool:
    """Whether both are styles, or regions of as many styles: then what is held for the one goes over into the other."""
    return isinstance(one, Regions) == isinstance(other, Regions) and len(members(one)) == len(members(other))


def onward(start: AnyStyle, end: AnyStyle, share: float) -> AnyStyle:
    """As `between`, for regions of as many styles one by one, their masks as well."""
    if not as_many(start, end) or not isinstance(start, Regions) or not isinstance(end, Regions):
        return between(start, end, share)
    styles = [one.towards(other, share) for one, other in zip(start.styles, end.styles, strict=True)]
    shown = start.shown if start.shown is None or end.shown is None else torch.lerp(start.shown, end.shown, share)
    return Regions._of(styles, torch.lerp(start.weights, end.weights, share), shown, start.own)


def masked_as(style: AnyStyle, other: AnyStyle) -> AnyStyle:
    """Regions with the masks of others of the same styles; anything else as it is."""
    if isinstance(style, Regions) and isinstance(other, Regions) and len(style.styles) == len(other.styles):
        return Regions._of(style.styles, other.weights, other.shown, style.own)
    return style


def between(start: AnyStyle, end: AnyStyle, share: float) -> AnyStyle:
    """The style at `share` (0..1) of the way from one to another, of which either may be regions."""
    if isinstance(start, Style) and isinstance(end, Style):
        return start.towards(end, share)
    return mixed([start, end], [1 - share, share])
