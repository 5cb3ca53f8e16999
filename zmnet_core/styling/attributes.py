"""From what a user gives for an attribute (text, a vector, a histogram) to γ, β."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from ..errors import SignalError
from ..networks.vector_pnet import VectorPNet, sequences
from ..signals.mixtures import check_weights, parse_mixture
from ..signals.palettes import palette_histogram
from ..signals.sentences import sentences
from ..signals.words import WordTable, glove

WORDS, COLOURS = ("sentence", "glove"), "histogram"
READS = {"sentence": "words", "glove": "words (GloVe's)", COLOURS: "colours such as #d9a441"}  # for people
FURTHEST = 100.0  # of a compressed vector, in deviations of the vectors that the PNet was fitted to


def encode_text(pnets: Mapping[str, VectorPNet], text: str, table: WordTable | None = None) -> Tensor:
    """γ, β of a mixture such as "0.7 night + 0.3 impressionism", or "night + #d9a441": [1, 2, ΣC].

    Words are mixed as vectors before the PNet, as in the paper, colours as histograms; a mixture of
    both, and words that a `gru` reads, are mixed as styles. Weights are divided by their sum.

    Args:
        pnets: the model's, by signal.
        table: vectors of words in place of the signal's own.

    Raises:
        SignalError: the text is no mixture, holds unknown words, or has no PNet here that reads it.
    """
    terms = parse_mixture(text)
    total = sum(weight for _, weight in terms)
    parts = [
        (COLOURS, [(term, weight) for term, weight in terms if term.startswith("#")]),
        (next((s for s in WORDS if s in pnets), "words"), [term for term in terms if not term[0].startswith("#")]),
    ]
    parts = [(signal, wanted) for signal, wanted in parts if wanted]
    for signal, wanted in parts:
        if signal not in pnets:
            what = "colours" if signal == COLOURS else "words"
            raise SignalError(
                f"this model reads no {what}, so that '{wanted[0][0]}' means nothing to it. It reads "
                f"{' and '.join(READS[name] for name in pnets)}."
            )
    mixed = torch.zeros(())
    for signal, wanted in parts:
        share = sum(weight for _, weight in wanted) / total
        mixed = mixed + _encode_terms(pnets[signal], signal, wanted, table) * share
    return mixed


def _encode_terms(pnet: VectorPNet, signal: str, terms: list[tuple[str, float]], table: WordTable | None) -> Tensor:
    names = " and ".join(repr(term) for term, _ in terms)
    sign = -1.0 if sum(weight for _, weight in terms) < 0 else 1.0  # all of them may be taken from the others' style
    check_weights([(term, sign * weight) for term, weight in terms], f"the weights of {names}")
    weights = torch.tensor([weight for _, weight in terms], dtype=torch.float64)
    shares = (weights / weights.sum()).float()
    if signal == COLOURS:
        if (shares < 0).any():
            raise SignalError(f"the weights of {names} are no shares: colours are mixed as the areas of one picture.")
        return encode_vectors(pnet, palette_histogram([term for term, _ in terms], shares.tolist()))
    if signal == "sentence":
        known = table if table is not None else sentences()
        vectors = [known[term] for term, _ in terms]
    else:
        known = table if table is not None else glove()
        read = [known.sequence(term) for term, _ in terms]
        if pnet.sequence:
            values = pnet(pnet.features(sequences(read).to(pnet.offset.device)))
            return torch.einsum("n,nkc->kc", shares.to(values), values)[None]
        vectors = [sequence.mean(0) for sequence in read]  # a phrase is the mean of its words
    return encode_vectors(pnet, shares @ torch.stack(vectors))


def is_palette(attribute: object) -> TypeGuard[Sequence[str]]:
    """Is it a list of colours?"""
    return isinstance(attribute, (list, tuple)) and bool(attribute) and all(isinstance(c, str) for c in attribute)


def as_vectors(attribute: object) -> Tensor:
    """Numbers in whatever holds them (a tensor, an array, lists), or a list of colours, as a tensor.

    Raises:
        SignalError: anything else.
    """
    if is_palette(attribute):
        return palette_histogram([colour.strip() for colour in attribute])
    expected = "text, a vector (a tensor, an array or a list of numbers), or a list of colours such as #d9a441"
    if not isinstance(attribute, (Tensor, np.ndarray, list, tuple)):
        raise SignalError(f"an attribute is {expected}, not {type(attribute).__name__}.")
    try:
        if isinstance(attribute, (list, tuple)) and any(isinstance(part, Tensor) for part in attribute):
            attribute = torch.stack(list(attribute))
        vectors = attribute if isinstance(attribute, Tensor) else torch.as_tensor(np.asarray(attribute, np.float64))
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise SignalError(f"an attribute is {expected}; this holds something else ({error}).") from error
    if vectors.is_complex() or vectors.dtype == torch.bool:
        raise SignalError(f"an attribute is {expected}; this tensor is {vectors.dtype}.")
    return vectors


def encode_vectors(pnet: VectorPNet, vectors: Tensor) -> Tensor:
    """γ, β of vectors: [F] or [N, F], or for a `gru` one sequence [T, F] → [N, 2, ΣC].

    Histograms may be counts as well as shares: each is divided by its sum.

    Raises:
        SignalError: another size, not numbers, a histogram that is none, or vectors `FURTHEST` from those seen.
    """
    expected = "[T, F] (a sequence)" if pnet.sequence else "[F] or [N, F]"
    if vectors.dim() not in (1, 2) or vectors.shape[-1] != pnet.inputs or vectors.numel() == 0:
        raise SignalError(
            f"this model reads {pnet.signal} vectors {expected} with F = {pnet.inputs}; "
            f"this tensor is {list(vectors.shape)}."
        )
    if not vectors.isfinite().all():
        raise SignalError("the vector holds NaN or infinite values.")
    rows = torch.atleast_2d(vectors.detach().double()).to(pnet.offset.device)
    if pnet.signal == COLOURS:
        if (rows < 0).any() or (rows.sum(-1) <= 0).any():
            raise SignalError(
                "a histogram holds how much there is of each colour: no number is negative, and not all are zero "
                "(zmnet_core.signals.palettes makes one of a picture or of colours)."
            )
        rows = rows / rows.sum(-1, keepdim=True)
    features = pnet.features(sequences([rows.float()]) if pnet.sequence else rows.float())
    furthest = float((features[..., :-1] if pnet.sequence else features).norm(dim=-1).max())
    if not furthest <= FURTHEST:  # also NaN
        raise SignalError(
            f"the vector lies {furthest:.3g} deviations from the vectors that this model was made for, where at most "
            f"{FURTHEST:g} mean anything: is it of another scale, or no {pnet.signal} vector?"
        )
    return pnet(features)


def pnet_for(pnets: Mapping[str, VectorPNet], vectors: Tensor, signal: str | None) -> VectorPNet:
    """The PNet that reads these vectors: the one named, else the one whose vectors have this size.

    Raises:
        SignalError: there is none.
    """
    if signal is not None:
        if signal not in pnets:
            raise SignalError(f"this model reads no '{signal}', but {', '.join(pnets)}.")
        return pnets[signal]
    size = vectors.shape[-1] if vectors.dim() else 0
    fitting = [pnet for pnet in pnets.values() if pnet.inputs == size]
    if not fitting:
        sizes = ", ".join(f"{name} ({pnet.inputs} numbers)" for name, pnet in pnets.items())
        raise SignalError(f"this model reads vectors of {sizes}; this tensor is {list(vectors.shape)}.")
    return fitting[0]
