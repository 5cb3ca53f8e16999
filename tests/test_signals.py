"""Words and mixtures of words."""

import pytest

from zmnet_core.signals import parse_mixture


@pytest.mark.parametrize(
    "text, terms",
    [
        ("morning", [("morning", 1.0)]),
        ("0.5 morning + 0.5 night", [("morning", 0.5), ("night", 0.5)]),
        ("  2*late   afternoon+.5 night ", [("late afternoon", 2.0), ("night", 0.5)]),
        ("-0.5 night + 1. noon", [("night", -0.5), ("noon", 1.0)]),
        ("nander + infant", [("nander", 1.0), ("infant", 1.0)]),
    ],
)
def test_mixtures_are_read(text, terms):
    assert parse_mixture(text) == terms


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "there is no attribute"),
        ("  ", "there is no attribute"),
        ("0.5", "has no word"),
        ("morning +", "has no word"),
        ("nan morning", "weight of 'morning' is nan"),
        ("inf morning", "weight of 'morning' is inf"),
        ("0 morning + 0 night", "sum to zero"),
        ("morning + -1 night", "sum to zero"),
    ],
)
def test_what_is_no_mixture_is_refused_with_an_example(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        parse_mixture(text)
    assert "0.5 morning + 0.5 night" in str(caught.value)
