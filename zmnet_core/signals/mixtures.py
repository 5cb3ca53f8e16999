"""Mixtures as they are written, and which weights make one: of words in `signals`, of styles in `Style.blend`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ..errors import SignalError

LEAST = 1 / 3  # of the sum of weights, against that of their sizes: "2 night + -1 noon" is the furthest there is

EXAMPLE = 'write for example "morning", "0.5 morning + 0.5 night" or "1.5 night + -0.5 noon"'

_WEIGHT = re.compile(r"([-−–]?)\s*(\d+\.?\d*(?:e-?\d+)?|\.\d+(?:e-?\d+)?|nan\b|inf\b)\s*(%?)", re.IGNORECASE)
_PART_OF_WORD = re.compile(r"\d+(s|d|st|nd|rd|th)\b", re.IGNORECASE)  # 1920s, 3d, 19th century
_MINUS = re.compile(r"(?<=[^\s+])\s+[-−–]\s*")  # not the hyphen of "post-impressionism"
_EXPONENT = re.compile(r"((?:^|[\s+])[\d.]+e)\+(?=\d)", re.IGNORECASE)  # 1e+3
_STRANGE = re.compile(r"[^\w\s'’.,&/-]|\d[.,]\d")


def sums(weights: Sequence[float]) -> tuple[float, float]:
    """The sum of the weights and that of their sizes."""
    return sum(weights), sum(map(abs, weights))


def nearly_cancel(weights: Sequence[float]) -> bool:
    """Is their sum, by which a mixture is divided, not finite, negative or less than `LEAST` of their sizes?"""
    total, sizes = sums(weights)
    return not (1e-8 < total < math.inf and total >= (LEAST - 1e-6) * sizes)  # also NaN


def check_sum(weights: Sequence[float]) -> None:
    """ValueError if the weights of a mean `nearly_cancel`."""
    if nearly_cancel(weights):
        total, sizes = sums(weights)
        listed = ", ".join(f"{weight:g}" for weight in weights)
        raise ValueError(
            f"the weights {listed} sum to {total:g}; they are divided by their sum, so it must be finite, "
            f"positive and no less than a third of their sizes together ({sizes:g})."
        )


def parse_mixture(text: str) -> list[tuple[str, float]]:
    """Words and their weights: "0.5 morning + 0.5 night" → [("morning", 0.5), ("night", 0.5)].

    Terms are joined by "+"; a term is a word, a phrase or a colour (#rgb, #rrggbb), with a weight before
    it (1 if there is none; "0.5 * morning" and "50% morning" are the same as "0.5 morning"). " - " is the
    same as "+ -". The weights come back as they were written.

    Raises:
        SignalError: nothing written, a term that is not a weight and a word, a weight that is not finite, or
            weights that `check_weights` refuses.
    """
    if not text.strip():
        raise SignalError(f"no attribute was given: {EXAMPLE}.")
    joined = _MINUS.sub("+-", _EXPONENT.sub(r"\1", text))
    terms = [_parse_term(" ".join(term.split()), text.strip()) for term in joined.split("+")]
    check_weights(terms, f"the weights of '{text.strip()}'")
    return terms


def _parse_term(term: str, text: str) -> tuple[str, float]:
    where = f"the term '{term}' of '{text}'"
    word, weight = term, 1.0
    if (match := _WEIGHT.match(term)) and not _PART_OF_WORD.match(term):
        word, weight = term[match.end() :].strip().removeprefix("*").strip(), float(match[2])
        weight *= (0.01 if match[3] else 1.0) * (-1.0 if match[1] else 1.0)
        if re.match(r",\d", word):
            raise SignalError(f"{where} has a decimal comma: write 0.5, not 0,5; {EXAMPLE}.")
    elif term[:1] in ("-", "−", "–"):
        word, weight = term[1:].strip(), -1.0
    if not word.startswith("#") and not any(letter.isalpha() for letter in word):
        raise SignalError(f"{where} has no word: {EXAMPLE}.")
    if not math.isfinite(weight):
        raise SignalError(f"the weight of '{word}' is {weight}; weights are finite numbers: {EXAMPLE}.")
    strange = None if word.startswith("#") else _STRANGE.search(word)
    if strange or not (word[0].isalpha() or word[0] in "#'’" or _PART_OF_WORD.match(word)):
        found = strange[0] if strange else word[0]
        raise SignalError(
            f"{where} is not understood at '{found}': a term is a word, a phrase or a colour such as #d9a441, a "
            f"weight may stand before it, and + joins terms: {EXAMPLE}."
        )
    return word, weight


def check_weights(terms: Sequence[tuple[str, float]], what: str = "the weights") -> None:
    """Refuse weights whose sum is negative or nearly cancels: mixtures are divided by it.

    Raises:
        SignalError: they `nearly_cancel`.
    """
    weights = [weight for _, weight in terms]
    if nearly_cancel(weights):
        total, sizes = sums(weights)
        raise SignalError(
            f"{what} sum to {total:g}, their sizes to {sizes:g}. Weights are divided by their sum: it has to be "
            f"positive and at least a third of their sizes, else the mixture means nothing. To have less of "
            f"something, have more of something else: {EXAMPLE}."
        )
