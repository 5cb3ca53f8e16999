"""How a picture of some size is painted: at which size, whether it is revised, in which tiles."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..networks.drafts import AnyReviser, can_revise, draft_size
from .brush import canvas_size
from .tiling import automatic_tile, count_tiles, smaller_tile

REVISED = 0.3  # memory of a reviser, per pixel, of a TNet's


@dataclass(frozen=True)
class Plan:
    """The way of one picture through the networks.

    Attributes:
        size: of the picture, height and width, px.
        canvas: what the TNet paints.
        revised: whether a reviser brings that to the picture's size; else, if it is smaller, it is enlarged.
        tile: side of the tiles of what is painted, or revised; 0: in one piece.
    """

    size: tuple[int, int]
    canvas: tuple[int, int]
    revised: bool
    tile: int

    @property
    def tiled(self) -> tuple[int, int]:
        """Height and width of what is cut into tiles, px: the larger of the two jobs."""
        return self.size if self.revised else self.canvas

    @property
    def steps(self) -> int:
        """Steps of the progress bar: tiles."""
        return count_tiles(*self.tiled, self.tile) if self.tile else 1

    @property
    def pixels(self) -> int:
        """Pixels that are in the TNet at a time, or as many as need the memory that the reviser does."""
        tiled = self.tiled[0] * self.tiled[1]
        at_a_time = tiled if self.steps == 1 else min(tiled, self.tile**2)
        if not self.revised:
            return at_a_time
        drafted = automatic_tile(*self.canvas) ** 2 or self.canvas[0] * self.canvas[1]
        return max(drafted, round(REVISED * at_a_time))

    @property
    def smaller(self) -> Plan | None:
        """The plan to try when memory ran out on this one; None: there is none."""
        tile = smaller_tile(*self.tiled, self.tile)
        return None if tile is None else replace(self, tile=tile)


def plan(
    reviser: AnyReviser | None,
    height: int,
    width: int,
    brush: float = 1.0,
    tile: int | None = None,
    draft: int | None = None,
) -> Plan:
    """The plan for a picture of this size.

    Args:
        reviser: the model's, if it has one.
        brush: how many times as large the strokes are.
        tile: side of the tiles; None: in one piece up to 2048 × 2048 pixels, else 1024; 0: always in one piece.
        draft: as in `draft_size`.

    Raises:
        ValueError: a brush off its scale.
        PictureError, WrongModelError: as in `draft_size`.
    """
    canvas = canvas_size(height, width, brush)
    drafted = draft_size(reviser, *canvas, draft)
    # A larger brush leaves detail to be written, too, if it is large enough for a reviser.
    revised = drafted is not None or (draft != 0 and can_revise(reviser, canvas, (height, width)))
    found = Plan((height, width), drafted or canvas, revised, 0)
    return replace(found, tile=automatic_tile(*found.tiled) if tile is None else tile)
