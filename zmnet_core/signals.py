"""Guiding signals that are not pictures: words, and mixtures of them."""

from __future__ import annotations

import math
import re

_WEIGHTED = re.compile(r"(-?(?:\d+\.?\d*|\.\d+|nan\b|inf\b))\s*\*?\s*(.*)", re.IGNORECASE)


def parse_mixture(text: str) -> list[tuple[str, float]]:
    """Words and their weights: "0.5 morning + 0.5 night" → [("morning", 0.5), ("night", 0.5)].

    Terms are joined by "+"; a term is a word or a phrase, with a weight before it (1 if there is
    none; "0.5 * morning" is the same as "0.5 morning"). The weights come back as they were written.

    Raises:
        ValueError: nothing written, a term without a word, a weight that is not finite, or weights
            that sum to zero.
    """
    example = 'write for example "morning", or "0.5 morning + 0.5 night"'
    if not text.strip():
        raise ValueError(f"there is no attribute: {example}.")
    terms = []
    for term in text.split("+"):
        term = " ".join(term.split())
        match = _WEIGHTED.fullmatch(term)
        word, weight = (match[2], float(match[1])) if match else (term, 1.0)
        if not word or not any(letter.isalpha() for letter in word):
            raise ValueError(f"the term '{term}' of '{text.strip()}' has no word: {example}.")
        if not math.isfinite(weight):
            raise ValueError(f"the weight of '{word}' is {weight}; weights are finite numbers: {example}.")
        terms.append((word, weight))
    if abs(sum(weight for _, weight in terms)) < 1e-8:
        raise ValueError(f"the weights of '{text.strip()}' sum to zero: {example}.")
    return terms
