"""Every table that is printed or written as text: Markdown with aligned columns, so that it also reads as it stands.

rich's `box.MARKDOWN` draws the like, but only whole tables, and the lines of a benchmark come as they are measured; nor
does it mark the columns of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]], widths: Sequence[int] = ()) -> Iterator[str]:
    """The lines of a table: its first column to the left, the others, numbers, to the right.

    Args:
        rows: each of as many cells as the head, or of fewer: the last ones are then empty.
        widths: least ones of the columns, in characters. If they are given, a line comes as soon as its row does; else
            all rows are waited for, to see how wide they are.
    """
    cells: Iterable[list[str]] = ([*map(str, row), *[""] * (len(head) - len(row))] for row in rows)
    if not widths:
        cells = list(cells)
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    widths = [max(3, width, len(title)) for width, title in zip(widths, head, strict=True)]
    yield _line(head, widths)
    yield f"|{'-' * (widths[0] + 2)}|" + "".join(f"{'-' * (width + 1)}:|" for width in widths[1:])
    for row in cells:
        yield _line(row, widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (f" {cell:>{width}} |" for cell, width in zip(cells[1:], widths[1:]))
    return f"| {cells[0]:{widths[0]}} |" + "".join(numbers)
