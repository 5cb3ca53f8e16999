"""Every table that is printed or written as text: Markdown with aligned columns, so that it also reads as it stands.

rich's `box.MARKDOWN` draws the like, but only whole tables, and the lines of a benchmark come as they are measured; nor
does it mark the columns of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], widths: Sequence[int] = (), text: int = 1
) -> Iterator[str]:
    """The lines of a table: columns of text to the left, those of numbers, behind them, to the right.

    Args:
        rows: each of as many cells as the head, or of fewer: the last ones are then empty.
        widths: least ones of the columns, in characters. If they are given, a line comes as soon as its row does; else
            all rows are waited for, to see how wide they are.
        text: how many columns are not of numbers.
    """
    cells: Iterable[list[str]] = ([*map(str, row), *[""] * (len(head) - len(row))] for row in rows)
    if not widths:
        cells = list(cells)
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    widths = [max(3, width, len(title)) for width, title in zip(widths, head, strict=True)]
    yield _line(head, widths, text)
    yield "|" + "".join(f"{'-' * (width + 1)}{'-' if n < text else ':'}|" for n, width in enumerate(widths))
    for row in cells:
        yield _line(row, widths, text)


def _line(cells: Sequence[str], widths: Sequence[int], text: int) -> str:
    padded = (f"{cell:{'<' if n < text else '>'}{width}}" for n, (cell, width) in enumerate(zip(cells, widths)))
    return f"| {' | '.join(padded)} |"
