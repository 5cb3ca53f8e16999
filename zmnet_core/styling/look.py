"""`Look`: everything that says how a picture is painted. Each knob, with its default, range and help, is defined once.

The library, the command line, the nodes and animations read defaults, ranges, steps, help and checks from here. To add
a knob, add a field and the code that obeys it. Nothing heavy is imported, because the command line and ComfyUI read
these texts when they start.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypedDict, TypeVar

from ..errors import did_you_mean, number_expected, shortened
from ..networks.constants import AS_IT_IS, STYLE_SIZE
from .layering import EXAMPLE, GROUPS, Layers, parsed

LAYERS = GROUPS
STEADY = ("off", "first", "running", "whole")  # what the frames of a clip go by, of which `STEADY_HELP` tells people
STEADY_HELP = (
    "For the frames of a clip: what they go by, so that nothing flickers and fades stay fades. off: each frame goes by "
    "itself, as pictures do. first: all frames of a scene go by its first clear one. running: they go by the frames "
    "around, and follow slow changes. whole: they go by the whole scene. Cuts are found, and begin anew."
)

T = TypeVar("T")


def check_steady(steady: str, problem: str = "steady is '{}', which does not exist.") -> None:
    """Refuse a way of being steady that there is not.

    Args:
        problem: how the message begins.

    Raises:
        ValueError: the message names the nearest one.
    """
    if steady not in STEADY:
        hint = did_you_mean(steady, STEADY) or f"There are {', '.join(STEADY)}."
        raise ValueError(f"{problem.format(steady)} {hint}")


@dataclass(frozen=True)
class Knob:
    """What a person is told of one knob, and what it takes.

    Attributes:
        help: the text that the command line, the nodes and the API show.
        least, most: the ends of a number's range; None if it has no end.
        step: how far one step of a slider moves.
        multiple: what a whole number has to be a multiple of.
        optional: whether None is a value as well.
        whole: whether it is a whole number.
        reads: checks a value that is neither a number nor yes or no, called by a name; ValueError if it is wrong.
        takes: in words, what such a value is.
    """

    help: str
    least: float | None = None
    most: float | None = None
    step: float | None = None
    multiple: int = 1
    optional: bool = False
    whole: bool = False
    reads: Callable[[Any, str], object] | None = None
    takes: str = ""

    def check(self, name: str, value: object) -> None:
        """ValueError, saying what is wrong and what is right, if the knob, called `name`, does not take the value."""
        if self.reads is not None:
            self.reads(value, name)
        elif not self._takes(value):
            kind = "" if type(value) in (int, float) else f" ({type(value).__name__})"
            raise ValueError(f"{name} is {shortened(repr(value))}{kind}: {self._expected} is expected.")

    def _takes(self, value: object) -> bool:
        """Whether it is of the knob's type and within its range."""
        if self.least is None or isinstance(value, bool):
            return self.least is None and isinstance(value, bool)
        if value is None or not isinstance(value, (int, float)):
            return value is None and self.optional
        most = math.inf if self.most is None else self.most
        return self.least <= value <= most and not (self.whole and value % self.multiple)  # ∞ % 1 is NaN

    @property
    def _expected(self) -> str:
        if self.least is None:
            return "yes or no (True, False)"
        return number_expected(self.whole, self.least, self.most, self.multiple)


def _knob(
    default: T,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    step: float | None = None,
    multiple: int = 1,
    optional: bool = False,
    whole: bool = False,
) -> T:
    return field(default=default, metadata={"knob": Knob(help, least, most, step, multiple, optional, whole)})


def _check_picture(value: object, called: str) -> None:
    """Refuse what cannot be a picture or a style: those are a file, PIL's, a tensor, or have `colours`."""
    if value is None or isinstance(value, os.PathLike) or (isinstance(value, str) and value):
        return
    if isinstance(value, type) or not any(hasattr(value, sign) for sign in ("colours", "getbands", "movedim")):
        kind = type(value).__name__
        raise ValueError(
            f"{called} is {shortened(repr(value))} ({kind}): a picture, a style, or a file of either is expected."
        )


@dataclass(frozen=True)
class _Knobs:
    """What is checked when it is made."""

    def __post_init__(self) -> None:
        self.check(vars(self))

    @classmethod
    def check(cls, values: Mapping[str, Any], called: Callable[[str], str] = str) -> None:
        """Refuse values that cannot be.

        Args:
            values: of all its knobs, by name.
            called: what the user calls a knob of this name.

        Raises:
            ValueError: a value off its scale, or values that exclude each other.
        """
        for name, knob in knobs_of(cls).items():
            knob.check(called(name), values[name])


@dataclass(frozen=True)
class Look(_Knobs):
    """How pictures are painted.

    >>> Look(strength=0.8, calm=1).brush
    1.0

    Raises:
        ValueError: a value is off its scale, or two values exclude each other.
    """

    strength: float = _knob(
        1.0,
        "How far the picture goes towards the style: 0 stays close to the photograph, 1 is the style, and more than 1 "
        "exaggerates it. Any value other than 1 takes a little longer, because the photograph's own style has to be "
        "read as well.",
        least=0, most=1.5, step=0.05,
    )  # fmt: skip
    layers: Layers = field(
        default=LAYERS,
        metadata={
            "knob": Knob(
                "Which layers take the style. Either groups: detail (layers 1-3, edges), weave (4-6, a little of the "
                "texture), tones (7-9, light and colours); what is left out is neutral, as in Fig. 7 of the paper. Or "
                f"a weight for each layer or group, such as {EXAMPLE}: 0 keeps the photograph's own style there, 1 "
                "takes the painting's, and strength multiplies all of them; what is left out keeps the photograph's. "
                "If nothing is said, all layers take the style.",
                reads=parsed,
                takes="names, or weights by layer",
            )
        },
    )
    size: int | None = _knob(
        None,
        "The short side of the result in pixels. If left out, the result is as large as the photograph.",
        least=1, step=8, whole=True, optional=True,
    )  # fmt: skip
    style_size: int = _knob(
        STYLE_SIZE,
        "The short side, in pixels, at which the painting is looked at. A larger number gives wider strokes and paler "
        "colours. The bundled models were trained at 256.",
        least=16, most=4096, step=16, whole=True,
    )  # fmt: skip
    bold: float = _knob(
        AS_IT_IS,
        "How boldly to paint: 0 stays faithful to the photograph, 1 puts the painting's manner first. This works only "
        "with a model that was trained for it, which none of the bundled ones was; leave the others at 0.5.",
        least=0, most=1, step=0.05,
    )  # fmt: skip
    keep_colour: bool = _knob(
        False, "Take only light, dark and texture from the style, and keep the photograph's colours."
    )
    palette: float = _knob(
        0.0,
        "How far the colours of the finished picture are moved towards those of the painting: 0 leaves them as the "
        "network paints them, 1 goes all the way. It works best where the painting has strong colours. At 1, dark flat "
        "places can smear; then try 0.5. It needs the style of a painting, not of words.",
        least=0, most=1, step=0.05,
    )  # fmt: skip
    calm: float = _knob(
        0.0,
        "How much grain and weave is taken out of skies, walls and whatever else is flat in the photograph: 0 leaves "
        "them as the network paints them, 1 makes them smooth.",
        least=0, most=1, step=0.05,
    )  # fmt: skip
    brush: float = _knob(
        1.0,
        "How many times as large the strokes are. The picture is painted at 1 / brush of its size and then enlarged, "
        "which is also faster. 2 suits pictures of 1024 px and more. Fine detail of the photograph is lost, unless the "
        "model has a reviser.",
        least=1, most=4, step=0.25,
    )  # fmt: skip
    draft: int | None = _knob(
        None,
        "The short side, in pixels, of the small draft from which a model with a reviser (such as zmnet-bold) paints a "
        "large picture. 0 paints without a draft. If left out, the draft is made to suit the picture.",
        least=0, whole=True, optional=True,
    )  # fmt: skip
    tile: int | None = _knob(
        None,
        "The side, in pixels, of the tiles in which a large picture is painted, without visible seams. 0 paints it in "
        "one piece. If left out, pictures of up to 2048 × 2048 pixels are painted in one piece and larger ones in "
        "tiles of 1024. Smaller tiles need less memory and more time; they are tried when memory runs out.",
        least=0, whole=True, multiple=4, optional=True,
    )  # fmt: skip
    match: float = _knob(
        0.0,
        "How far the colours of the photograph are moved towards those of the painting before it is painted: 0 leaves "
        "them, 1 goes all the way. palette does the same after it is painted. It needs the style of a painting, not of "
        "words.",
        least=0, most=1, step=0.05,
    )  # fmt: skip
    palette_of: object = field(
        default=None,
        metadata={
            "knob": Knob(
                "A picture, or the style of one, whose colours palette and match go by, in place of the painting's. "
                "With it they also work with a style of words.",
                reads=_check_picture,
                takes="a picture, a style, a file of either, or None",
            )
        },
    )

    @classmethod
    def check(cls, values: Mapping[str, Any], called: Callable[[str], str] = str) -> None:
        """As of all knobs; beside that, strength times a weight is no more than strength may be, and where another
        picture's colours are named something goes by them.
        """
        super().check(values, called)
        layers = parsed(values["layers"], called("layers"))
        most = KNOBS["strength"].most
        if isinstance(layers, dict) and most is not None:
            layer = max(layers, key=layers.__getitem__)
            if (share := values["strength"] * layers[layer]) > most:
                raise ValueError(
                    f"{called('strength')} {values['strength']:g} times the weight {layers[layer]:g} of layer {layer} "
                    f"is {share:g}: no more than {most:g} is expected."
                )
        if values["palette_of"] is not None and not values["palette"] and not values["match"]:
            named, palette, match = called("palette_of"), called("palette"), called("match")
            raise ValueError(
                f"{named} names a picture whose colours are to be used, and {palette} and {match} are both 0, so "
                f"nothing would use them: raise one of them, or leave {named} out."
            )

    @property
    def by_layer(self) -> tuple[str, ...] | dict[int, float]:
        """The groups that are on, or the weights of all nine layers."""
        return parsed(self.layers)

    @classmethod
    def of(cls, function: str, knobs: Mapping[str, object]) -> Look:
        """The look of keyword arguments that a user gave to a function.

        Raises:
            TypeError: there is no such knob; the message names the function, the knob and the nearest one.
        """
        return cls(**known(function, knobs, KNOBS))


class Knobs(TypedDict, total=False):
    """The fields of a `Look` for functions that take them by name (`**look: Unpack[Knobs]`): names and types, as there,
    for type checkers; whatever else a knob is stands in `Look`.
    """

    strength: float
    layers: Layers
    size: int | None
    style_size: int
    bold: float
    keep_colour: bool
    palette: float
    calm: float
    brush: float
    draft: int | None
    tile: int | None
    match: float
    palette_of: object


@dataclass(frozen=True)
class Walk(_Knobs):
    """How an animation goes from one style to another."""

    frames: int = _knob(48, "The number of frames.", least=2, most=4096, step=1, whole=True)
    smooth: bool = _knob(True, "Start and end slowly. Without it, every frame changes by the same amount.")
    there_and_back: bool = _knob(False, "Come back to the first style, for an endless loop.")


def knobs_of(cls: type) -> dict[str, Knob]:
    """The knobs of a class of them, by name."""
    return {each.name: each.metadata["knob"] for each in fields(cls)}


def default_of(cls: type, name: str) -> Any:
    """The default of one of its knobs."""
    found: Field[Any] = next(each for each in fields(cls) if each.name == name)
    return found.default


KNOBS = knobs_of(Look)


def known(function: str, given: Mapping[str, object], names: Collection[str]) -> dict[str, Any]:
    """The options that were given, if there are options of these names.

    Raises:
        TypeError: there is no option of that name; the message names the nearest one, or for a knob the functions
            that take it.
    """
    for name in given:
        if name not in names:
            if name in KNOBS:
                raise TypeError(
                    f"{function} has no option '{name}', which is a knob of whole pictures: model.stylize(photograph, "
                    f"painting, {name}=…) takes it, or, for tensors, zmnet_core.styling.paint.stylize_tensor(model, "
                    f"photographs, style, Look({name}=…))."
                )
            hint = did_you_mean(name, (*names, *KNOBS)) or f"There are {', '.join(names)}."
            raise TypeError(f"{function} has no option '{name}'. {hint}")
    return dict(given)
