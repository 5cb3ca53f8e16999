"""The painting's colours for a picture, or for each region of it those of its painting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from ..images.colour_table import colour_shifts, shifted
from ..images.transport import transported
from .regions import AnyStyle, Regions, members
from .style import Style


def in_palette(images: Tensor, style: AnyStyle, amount: float, alone: Sequence[Tensor] | None = None) -> Tensor:
    """Pictures in the painting's colours (`images.transport.transported`), or each region in those of its painting.

    Args:
        alone: of each region, small copies of the pictures painted in its style alone, whose colours are counted.
    """
    if not isinstance(style, Regions):
        return transported(images, colours_of(style), amount)
    parts = zip(style.styles, style.samples(images, alone))
    made = [partial(transported, images, colours_of(each), amount, sample) for each, sample in parts]
    return style.together(images, made)


def palette_tables(images: Tensor, style: AnyStyle, alone: Sequence[Tensor] | None = None) -> Tensor:
    """The `colour_table.colour_shifts` of a picture [1, 3, h, w], or those of its regions: [R, 4, …]; `alone` as of
    `in_palette`.
    """
    samples = style.samples(images, alone) if isinstance(style, Regions) else [images]
    return torch.cat([colour_shifts(sample, colours_of(each)) for each, sample in zip(members(style), samples)])


def with_palette_tables(images: Tensor, style: AnyStyle, tables: Tensor, amount: float) -> Tensor:
    """As `in_palette`, by what `palette_tables` gave for another picture."""
    if not isinstance(style, Regions):
        return shifted(images, tables, amount)
    return style.together(images, [partial(shifted, images, table[None], amount) for table in tables])


def colours_of(style: Style) -> Tensor:
    """The colours of a style of which it is known that it has some."""
    assert style.colours is not None  # whoever asks for a palette has made sure
    return style.colours


def with_colours(style: AnyStyle, colours: Tensor) -> AnyStyle:
    """The style, or each of the regions, with the colours [1, PASSES, 3, KNOTS] in place of its own."""

    def changed(one: Style) -> Style:
        return replace(one, colours=colours.to(one.values).expand(len(one), -1, -1, -1))

    return style.each(changed) if isinstance(style, Regions) else changed(style)
