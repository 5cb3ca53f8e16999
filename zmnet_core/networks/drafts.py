"""How small a picture is painted before it is brought to its size, and by what.

Both kinds take `parts` of the draft and the photograph, pictures of full size, and make the picture of them; what they
make of a pixel depends on `radius` pixels around it.
"""

from __future__ import annotations

from typing import Any, TypedDict

from ..errors import PictureError, WrongModelError
from .described import Count, Depth
from .local_affine import KIND, LocalAffine
from .reviser import Reviser
from .tnet import MIN_SIDE

AnyReviser = Reviser | LocalAffine


class ReviserConfig(TypedDict, total=False):
    """What config.json says of either kind: without `kind` it is a `Reviser`."""

    kind: str
    width: Count
    edge: Count
    blocks: Depth
    hidden: Count
    draft: Count
    radius: Count


def build_reviser(numbers: int, options: ReviserConfig) -> AnyReviser:
    """The reviser of a TNet with so many numbers to a style.

    Raises:
        ValueError: there is no such kind.
        TypeError: it has no such options.
    """
    given: dict[str, Any] = dict(options)
    kind = given.pop("kind", None)
    if kind is None:
        return Reviser(numbers, **given)
    if kind != KIND:
        raise ValueError(f"there is no kind of reviser '{kind}': it is '{KIND}', or left out for one that is learned.")
    return LocalAffine(numbers, **given)


def draft_size(reviser: AnyReviser | None, height: int, width: int, draft: int | None = None) -> tuple[int, int] | None:
    """Height and width of the draft of a picture, px; None: the picture is painted as it is.

    Args:
        reviser: of the model; without one there are no drafts.
        height, width: of the picture.
        draft: short side wanted. None: the reviser's own, larger for a picture more than `most_factor` times as large,
            none for one that it does not bring so little further. 0: no draft.

    Raises:
        WrongModelError: a draft is wanted of a model without a reviser.
        PictureError: it would be too large for this picture, or smaller than any picture.
    """
    if draft == 0 or (reviser is None and draft is None):
        return None
    if reviser is None:
        raise WrongModelError(
            f"a draft of {draft} px is wanted, and this model has no reviser to bring it to the picture's size: leave "
            "the draft out, or take a model that has one (zmnet-bold)."
        )
    short = min(height, width)
    largest = int(short / reviser.least_factor)
    if draft is None:
        draft = max(reviser.draft, round(short / reviser.most_factor))
        if draft > largest:
            return (height, width) if reviser.least_factor == 1 else None
    elif not MIN_SIDE <= draft <= largest:
        room = f"it can be {MIN_SIDE} to {largest} px" if largest >= MIN_SIDE else "it is too small for one"
        raise PictureError(
            f"a draft with a short side of {draft} px does not suit a picture of {width} × {height} px: {room}; 0 "
            "(in ComfyUI: off) paints it at full size."
        )
    height, width = (max(MIN_SIDE, round(side * draft / short)) for side in (height, width))
    return height, width


def can_revise(reviser: AnyReviser | None, canvas: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether what was painted on a canvas leaves a reviser something to do at the picture's size."""
    return reviser is not None and min(size) >= reviser.least_factor * min(canvas)
