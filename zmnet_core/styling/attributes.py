"""From what a user gives for an attribute (text, a vector, a histogram) to γ, β."""

from __future__ import annotations

import difflib
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


def encode_text(
    pnets: Mapping[str, VectorPNet], text: str, table: WordTable | None = None, signal: str | None = None
) -> Tensor:
    """γ, β of a mixture such as "0.7 night + 0.3 impressionism", or "night + #d9a441": [1, 2, ΣC].

    Words are mixed as vectors before the PNet, as in the paper, colours as histograms; a mixture of
    several signals, and words that a `gru` reads, are mixed as styles. Weights are divided by their sum.

    Args:
        pnets: the model's, by signal.
        table: vectors of words in place of the signal's own.
        signal: the only one that is to read the text; if left out, each word goes to the first that knows it.

    Raises:
        SignalError: the text is no mixture, holds unknown words, or has no PNet here that reads it.
    """
    if signal is not None:
        pnets = {signal: pnet_named(pnets, signal)}
    for pnet in pnets.values():
        if (features := _carried(pnet, text.strip(), table)) is not None:  # whatever signs the name has in it
            return pnet(features)
    terms = parse_mixture(text)
    total = sum(weight for _, weight in terms)
    parts: dict[str, list[tuple[str, float]]] = {}
    for term, weight in terms:
        parts.setdefault(_reader(pnets, term, table), []).append((term, weight))
    mixed = torch.zeros(())
    for reader, wanted in sorted(parts.items(), key=lambda part: part[0] != COLOURS):
        share = sum(weight for _, weight in wanted) / total
        mixed = mixed + _encode_terms(pnets[reader], reader, wanted, table) * share
    return mixed


def _reader(pnets: Mapping[str, VectorPNet], term: str, table: WordTable | None) -> str:
    """The signal whose PNet reads a term: colours theirs, else the first that carries a vector of that name, else the
    one that knows all words.
    """
    if term.startswith("#"):
        if COLOURS in pnets:
            return COLOURS
        what = "colours"
    else:
        knowing = [signal for signal, pnet in pnets.items() if _carried(pnet, term, table) is not None]
        if knowing := knowing or [signal for signal in WORDS if signal in pnets]:
            return knowing[0]
        what = "words"
        if names := [name for pnet in pnets.values() for name in pnet.names]:
            raise SignalError(
                f"'{term}' is none of the {len(names):,} names that this model knows{_nearest(term, names)}."
            )
    raise SignalError(
        f"this model reads no {what}, so that '{term}' means nothing to it. It reads "
        f"{' and '.join(READS.get(name) or f'{name} vectors' for name in pnets)}."
    )


def _nearest(term: str, names: Sequence[str], most: int = 12) -> str:
    """For messages: the names that look like a term, else the first."""
    near = difflib.get_close_matches(term, names, 5, cutoff=0.6)
    shown = ", ".join(repr(name) for name in near or names[:most])
    more = " and others" if not near and len(names) > most else ""
    return f"; the nearest are {shown}" if near else f": {shown}{more}"


def _carried(pnet: VectorPNet, name: str, table: WordTable | None) -> Tensor | None:
    """What `features` gives for the vector of that name, if the model carries it and no `table` stands in for it."""
    return None if table is not None and pnet.signal in WORDS else pnet.named(name)


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
    carried = [_carried(pnet, term, table) for term, _ in terms]
    if all(features is not None for features in carried):
        features = torch.cat([each for each in carried if each is not None])
        if pnet.sequence:
            return torch.einsum("n,nkc->kc", shares.to(features), pnet(features))[None]
        return pnet(shares.to(features)[None] @ features)  # compressing is affine, and the shares sum to one
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


def pnet_named(pnets: Mapping[str, VectorPNet], signal: str) -> VectorPNet:
    """The PNet of a signal.

    Raises:
        SignalError: the model has none; the message says which it has.
    """
    if signal not in pnets:
        raise SignalError(f"this model reads no '{signal}', but {', '.join(pnets)}.")
    return pnets[signal]


def pnet_for(pnets: Mapping[str, VectorPNet], vectors: Tensor, signal: str | None) -> VectorPNet:
    """The PNet that reads these vectors: the one named, else the one whose vectors have this size.

    Raises:
        SignalError: there is none.
    """
    if signal is not None:
        return pnet_named(pnets, signal)
    size = vectors.shape[-1] if vectors.dim() else 0
    fitting = [pnet for pnet in pnets.values() if pnet.inputs == size]
    if not fitting:
        sizes = ", ".join(f"{name} ({pnet.inputs} numbers)" for name, pnet in pnets.items())
        raise SignalError(f"this model reads vectors of {sizes}; this tensor is {list(vectors.shape)}.")
    return fitting[0]
