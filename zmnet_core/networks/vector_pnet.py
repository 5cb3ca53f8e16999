"""PNets for signals that are vectors: word vectors, colour histograms, and sequences of them.

| config word    | signal              | ψ_l                                                       |
|----------------|---------------------|-----------------------------------------------------------|
| `mlp`          | vector              | layer l of a residual fully connected net (serial, Eq. 4-5) |
| `mlp-parallel` | vector              | the end of a shallow fully connected net of its own        |
| `gru`          | sequence of vectors | layer l of a residual net on the last state of a GRU        |

The frozen part of each is the compression of its signal to a few numbers (two in the paper): a
principal component analysis of vectors like those it will see, taken by `fit` before training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from typing_extensions import Unpack

from ..signals.words import SIGNALS, spellings
from .described import Count, Length
from .heads import PNet, ResidualLayer, StyleHeads
from .tnet import Site
from .typed import Modules


class Compression(TypedDict, total=False):
    """The options of a `VectorPNet` but its signal."""

    size: Count
    inputs: Count | None
    words: Mapping[str, Sequence[str]] | None
    names: Sequence[str] | None
    longest: Length


class VectorOptions(Compression, total=False):
    """The options of a `VectorPNet`."""

    signal: str


class VectorPNet(PNet):
    """What the PNets for vectors share: the signal's name and size, and its compression.

    Args:
        sites: the TNet's; a palette among them is learned like the others, since words have no colours to read off.
        signal: what the vectors are: "glove", "sentence" or "histogram" (`zmnet_core.signals.words`), or a name of
            one's own, of letters, digits, _ and -.
        size: numbers d that a vector is compressed to.
        inputs: numbers of a vector; the signal's own if left out, which only those three have.
        words: what it was trained on, {family: words}, for people; nothing is computed from it.
        names: of vectors that the model carries (`learn_names`), so that their names are enough to be guided by them.
        longest: of a `gru`, how many vectors the longest of the sequences has that the model carries.

    Attributes:
        known: the vectors that `names` name, compressed: [V, d], of a `gru` [V, longest, d + 1].
    """

    signal = "vector"
    sequence = False
    offset: Tensor
    components: Tensor
    known: Tensor

    def __init__(
        self,
        sites: tuple[Site, ...],
        signal: str = "glove",
        size: int = 2,
        inputs: int | None = None,
        words: Mapping[str, Sequence[str]] | None = None,
        names: Sequence[str] | None = None,
        longest: int = 0,
    ):
        super().__init__(sites)
        if signal not in SIGNALS:
            check_signal_name(signal)
            if inputs is None:
                raise ValueError(
                    f"there is no signal '{signal}'; choose one of {', '.join(SIGNALS)}, or say how many numbers its "
                    "vectors have (inputs)."
                )
        self.signal, self.size, self.inputs = signal, size, inputs or SIGNALS[signal]
        if not 1 <= size <= self.inputs:
            raise ValueError(f"a vector of {self.inputs} numbers cannot be compressed to {size}.")
        self.words = {family: tuple(members) for family, members in (words or {}).items()}
        self.register_buffer("offset", torch.zeros(self.inputs))
        self.register_buffer("components", torch.eye(size, self.inputs))
        self.names = tuple(names or ())
        if len(set(self.names)) < len(self.names):
            raise ValueError("two of the names of the vectors are the same.")
        if self.names:
            if self.sequence and not longest:
                raise ValueError("a PNet that carries named sequences says how long the longest is.")
            one = (longest, size + 1) if self.sequence else (size,)
            self.register_buffer("known", torch.zeros(len(self.names), *one))
        self._rows = {spelt: row for row, name in reversed([*enumerate(self.names)]) for spelt in spellings(name)[:1]}
        self._rows |= {name: row for row, name in enumerate(self.names)}

    @torch.no_grad()
    def learn_names(self, vectors: Sequence[Tensor], first: int = 0) -> None:
        """Carry these vectors, [F] each or of a `gru` [T, F], as those of `names` from `first` on."""
        if self.sequence:
            compressed = self.features(sequences(vectors))
            self.known[first:].zero_()
            self.known[first:, : compressed.shape[1]].copy_(compressed)
        else:
            self.known[first:].copy_(self.features(torch.stack([*vectors])))

    def named(self, name: str) -> Tensor | None:
        """What `features` gives for the vector of that name, [1, …]; None if the model carries none.

        Case and underscores make no difference if no name is written just so.
        """
        row = next((self._rows[spelt] for spelt in (name, *spellings(name)) if spelt in self._rows), None)
        return None if row is None else self.known[row][None]

    @torch.no_grad()
    def fit(self, vectors: Tensor) -> None:
        """Take the compression from vectors [V, F]: their principal components, the first with deviation 1.

        For d components V must be larger than d, else the last ones would be made of rounding errors.
        """
        size = self.size
        if vectors.dim() != 2 or vectors.shape[1] != self.inputs or len(vectors) <= size:
            raise ValueError(
                f"a compression of {self.inputs} numbers to {size} is taken from more than {size} vectors "
                f"[V, {self.inputs}], not from {list(vectors.shape)}."
            )
        centred = vectors.double() - vectors.double().mean(0)
        _, deviations, directions = torch.linalg.svd(centred, full_matrices=False)
        directions = directions[:size]
        signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()  # else left to the library
        first = (deviations[0] / len(vectors) ** 0.5).clamp_min(1e-12)
        self.offset.copy_(vectors.double().mean(0))
        self.components.copy_(directions * signs / first)

    def features(self, signal: Tensor) -> Tensor:
        """[N, F] → [N, d], the compressed vectors."""
        return (signal.to(self.components) - self.offset) @ self.components.T


class MLPPNet(VectorPNet):
    """The paper's PNet for words: a fully connected net with residual layers, serial.

    Args:
        sites: the TNet's DIN sites.
        width: size of every ψ_l.
        options: of `VectorPNet`.
    """

    def __init__(self, sites: tuple[Site, ...], width: int = 128, **options: Unpack[VectorOptions]):
        super().__init__(sites, **options)
        layers = len({site.layer for site in sites})
        self.enter = nn.Linear(self.size, width)
        self.layers = Modules(ResidualLayer(width) for _ in range(layers))
        self.heads = StyleHeads(sites, [width] * layers)

    def forward(self, features: Tensor) -> Tensor:
        psi, psis = self.enter(features.to(self.enter.weight.dtype)), []
        for layer in self.layers:
            psi = layer(psi)
            psis.append(psi)  # ψ_l
        return self.heads(psis)


class ParallelMLPPNet(VectorPNet):
    """The paper's parallel PNet for words: a shallow net for every DIN layer, none sees another's ψ."""

    def __init__(self, sites: tuple[Site, ...], width: int = 128, **options: Unpack[VectorOptions]):
        super().__init__(sites, **options)
        layers = len({site.layer for site in sites})
        self.branches = Modules(
            nn.Sequential(nn.Linear(self.size, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
            for _ in range(layers)
        )
        self.heads = StyleHeads(sites, [width] * layers)

    def forward(self, features: Tensor) -> Tensor:
        x = features.to(self.heads.gamma[0].weight.dtype)
        return self.heads([branch(x) for branch in self.branches])


class GRUPNet(VectorPNet):
    """A PNet for sequences, such as the words of a phrase: a GRU reads them, then as `MLPPNet`.

    A batch of sequences is one tensor [N, T, F + 1] (see `sequences`): the last number of an entry
    is 1 for a vector and 0 for the padding after a sequence's end, which is never read.
    """

    sequence = True

    def __init__(self, sites: tuple[Site, ...], width: int = 128, **options: Unpack[VectorOptions]):
        super().__init__(sites, **options)
        layers = len({site.layer for site in sites})
        self.reader = nn.GRU(self.size, width, batch_first=True)
        self.layers = Modules(ResidualLayer(width) for _ in range(layers))
        self.heads = StyleHeads(sites, [width] * layers)

    def features(self, signal: Tensor) -> Tensor:
        """[N, T, F + 1] → [N, T, d + 1]: compressed vectors, and the mark of what is no padding."""
        there = signal[..., -1:].to(self.components)
        return torch.cat((super().features(signal[..., :-1]) * there, there), -1)

    def forward(self, features: Tensor) -> Tensor:
        lengths = features[..., -1].sum(1).round().long().cpu()
        vectors = features[..., :-1].to(self.heads.gamma[0].weight.dtype)
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        psi, psis = self.reader(packed)[1][0], []
        for layer in self.layers:
            psi = layer(psi)
            psis.append(psi)  # ψ_l
        return self.heads(psis)


def check_signal_name(name: str) -> None:
    """Refuse what cannot name a signal of one's own.

    Raises:
        ValueError: with what a name is.
    """
    taken = name == "image" or hasattr(nn.ModuleDict, name)  # PNets are kept by their signals
    if taken or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name):
        raise ValueError(
            f"'{name[:60]}' cannot name a signal{' (it means something else)' if taken else ''}: a name is a letter "
            "and up to 39 more letters, digits, _ and -."
        )


def joined(features: Sequence[Tensor]) -> Tensor:
    """Features of several batches as one; sequences [N, T, d + 1] of any lengths are padded at the end."""
    longest = max(each.shape[1] for each in features) if features[0].dim() == 3 else 0
    if longest:
        features = [nn.functional.pad(each, (0, 0, 0, longest - each.shape[1])) for each in features]
    return torch.cat([*features])


def sequences(vectors: Sequence[Tensor]) -> Tensor:
    """Sequences [T_n, F] as one batch for a `GRUPNet`: [N, max T, F + 1], padded at the end.

    Raises:
        ValueError: no sequence, or one without a vector.
    """
    if not vectors or any(sequence.dim() != 2 or not len(sequence) for sequence in vectors):
        raise ValueError("a sequence is [T, F] with at least one vector.")
    marked = [torch.cat((sequence, torch.ones_like(sequence[:, :1])), 1) for sequence in vectors]
    return nn.utils.rnn.pad_sequence(marked, batch_first=True)
