"""Tables as text."""

from zmnet_core.markdown import table


def test_columns_are_aligned_numbers_to_the_right():
    lines = list(table(["", "ms", "floor ms"], [["apply", 3.1, "2"], ["start", 17]]))
    assert lines == [
        "|       |  ms | floor ms |",
        "|-------|----:|---------:|",
        "| apply | 3.1 |        2 |",
        "| start |  17 |          |",
    ]


def test_with_widths_a_line_comes_as_soon_as_its_row():
    asked = []

    def rows():
        for number in range(3):
            asked.append(number)
            yield ["x" * number, number]

    lines = table(["row", "n"], rows(), (2, 5))
    assert [next(lines) for _ in range(3)] == ["| row |     n |", "|-----|------:|", "|     |     0 |"]
    assert asked == [0]
    assert list(lines)[-1] == "| xx  |     2 |"
