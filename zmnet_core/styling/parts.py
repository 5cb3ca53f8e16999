"""What a model is made of, as config.json describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, cast

from ..networks.described import check_options
from ..networks.drafts import ReviserConfig
from ..networks.pnet import AttributePNetConfig, PNetConfig
from ..networks.tnet import TNetOptions


class Parts(TypedDict, total=False):
    """What a `StyleTransfer` is made of: its keyword arguments without the schema."""

    tnet: TNetOptions | None
    pnet: PNetConfig | None
    attribute_pnets: Mapping[str, AttributePNetConfig] | None
    reviser: ReviserConfig | None


class _Whole(TypedDict):
    schema: int
    tnet: TNetOptions
    pnet: PNetConfig


class Description(_Whole, total=False):
    """What config.json says of a model."""

    reviser: ReviserConfig
    attribute_pnets: dict[str, AttributePNetConfig]


def check_parts(
    tnet: object = None, pnet: object = None, attribute_pnets: object = None, reviser: object = None
) -> None:
    """Refuse what no network can be made of; None is what is left out.

    Raises:
        ValueError: a part is no mapping of options, or a value has another type or is out of its range.
    """
    for part, kind, what in (
        (tnet, TNetOptions, "tnet"),
        (pnet, PNetConfig, "pnet"),
        (reviser, ReviserConfig, "reviser"),
    ):
        if part is not None:
            check_options(part, kind, what)
    if attribute_pnets is not None:
        check_options(attribute_pnets, dict, "attribute_pnets")
        for signal, options in cast("Mapping[str, object]", attribute_pnets).items():
            check_options(options, AttributePNetConfig, f"attribute_pnets.{signal}")
