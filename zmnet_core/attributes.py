"""From what a user gives for an attribute (text, a vector, a histogram) to γ, β."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .errors import SignalError
from .palettes import palette_histogram
from .sentences import sentences
from .signals import WordTable, glove, parse_mixture
from .vector_pnet import VectorPNet, sequences

WORDS, COLOURS = ("sentence", "glove"), "histogram"


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
    mixed = torch.zeros(())
    for signal, wanted in (
        (COLOURS, [(term, weight) for term, weight in terms if term.startswith("#")]),
        (next((s for s in WORDS if s in pnets), "words"), [term for term in terms if not term[0].startswith("#")]),
    ):
        if not wanted:
            continue
        if signal not in pnets:
            what = "colours" if signal == COLOURS else "words"
            raise SignalError(
                f"this model reads no {what}, but {' and '.join(pnets)}: '{wanted[0][0]}' says it nothing."
            )
        share = sum(weight for _, weight in wanted) / total
        mixed = mixed + _encode_terms(pnets[signal], signal, wanted, table) * share
    return mixed


def _encode_terms(pnet: VectorPNet, signal: str, terms: list[tuple[str, float]], table: WordTable | None) -> Tensor:
    weights = torch.tensor([weight for _, weight in terms])
    if abs(weights.sum()) < 1e-8:
        raise SignalError(f"the weights of {' and '.join(repr(term) for term, _ in terms)} sum to zero.")
    if signal == COLOURS:
        return encode_vectors(pnet, palette_histogram([term for term, _ in terms], weights.tolist()))
    shares = weights / weights.sum()
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


def encode_vectors(pnet: VectorPNet, vectors: Tensor) -> Tensor:
    """γ, β of vectors: [F] or [N, F], or for a `gru` one sequence [T, F] → [N, 2, ΣC].

    Raises:
        SignalError: another size, or not numbers.
    """
    expected = "[T, F] (a sequence)" if pnet.sequence else "[F] or [N, F]"
    if vectors.dim() not in (1, 2) or vectors.shape[-1] != pnet.inputs or vectors.numel() == 0:
        raise SignalError(
            f"this model reads {pnet.signal} vectors {expected} with F = {pnet.inputs}; "
            f"this tensor is {list(vectors.shape)}."
        )
    if not vectors.isfinite().all():
        raise SignalError("the vector holds NaN or infinite values.")
    rows = torch.atleast_2d(vectors.detach().float()).to(pnet.offset.device)
    return pnet(pnet.features(sequences([rows]) if pnet.sequence else rows))


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
