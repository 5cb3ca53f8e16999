"""Two ways to teach a PNet that reads vectors: regression onto an image PNet's styles, and the perceptual loss."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from ...data.contents import ContentBatches
from ...data.pictures import Pictures, centre_square, random_crop
from ...data.sampling import Stream, rng
from ...losses.perceptual import PerceptualLoss
from ...model import ZMNet
from ...networks.pnet import trainable
from ...networks.vector_pnet import VectorPNet
from ..config import TrainingConfig
from ..objective import Objective
from ..stopwatch import Stopwatch
from ..style_bank import StyleTargets

WARM_UP = 0.03  # share of a run in which the learning rate rises; then it falls as a cosine


@dataclass(frozen=True)
class Lessons:
    """What a regression learns.

    Attributes:
        signals: [V, F].
        styles: [V, 2, ΣC], what should be written for them.
        shares: [V], how often each is asked, in proportion.
    """

    signals: Tensor
    styles: Tensor
    shares: Tensor

    def __len__(self) -> int:
        return len(self.signals)

    def __add__(self, other: Lessons) -> Lessons:
        return Lessons(*(torch.cat(pair) for pair in zip(self._parts(), other._parts())))

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.signals, self.styles, self.shares


def spread_of(styles: Tensor) -> Tensor:
    """Deviation of every γ and β over styles [N, 2, ΣC]: [2, ΣC]; what hardly moves is not learned to a hair."""
    spread = styles.std(0)
    return spread.clamp_min(0.1 * float(spread.mean()))


def error(written: Tensor, wanted: Tensor, spread: Tensor) -> Tensor:
    """Mean over γ, β of ((written − wanted) / spread)², of each style: [N]."""
    return ((written - wanted) / spread).square().mean((1, 2))


def rate(used: float) -> float:
    """Factor of the learning rate where the share `used` of a run is over."""
    return min(1.0, (used + 1e-3) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * used))


def regress(
    pnet: VectorPNet,
    lessons: Lessons,
    mean: Tensor,
    spread: Tensor,
    steps: int,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.02,
    batch: int = 64,
    mixed: float = 0.5,
    seed: int = 0,
) -> None:
    """Teach by regression: no photographs, no loss network, seconds.

    Args:
        mean: [2, ΣC], the style it starts from and falls back on.
        spread: [2, ΣC], of `spread_of`.
        mixed: share of a batch that asks for mixtures: of two signals, and the same of their styles.
    """
    random = torch.Generator().manual_seed(seed)
    pnet.requires_grad_(True).train()
    pnet.heads.start_from(mean)
    optimizer = torch.optim.AdamW(trainable(pnet), lr=learning_rate, weight_decay=weight_decay)
    for step in tqdm(range(steps), "regression", unit="step", mininterval=5):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * rate(step / steps)
        one, other = torch.multinomial(lessons.shares, 2 * batch, True, generator=random).split(batch)
        share = torch.rand(batch, 1, generator=random) * (torch.rand(batch, 1, generator=random) < mixed)
        signals = torch.lerp(lessons.signals[one], lessons.signals[other], share)
        wanted = torch.lerp(lessons.styles[one], lessons.styles[other], share[..., None])
        loss = error(pnet(pnet.features(signals)), wanted, spread).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(pnet.parameters(), 1.0)
        optimizer.step()
    pnet.requires_grad_(False).eval()


@dataclass(frozen=True)
class Word:
    """A signal [F] and the pictures, by index, that show what it means."""

    signal: Tensor
    pictures: Sequence[int]


def budget(steps: int | None = None, minutes: float = 0) -> Iterator[float]:
    """The share of a run that is over, before each of its steps; a run is so many steps, or so many minutes."""
    start, step = time.monotonic(), 0
    while (used := step / steps if steps else (time.monotonic() - start) / (60 * minutes)) < 1:
        yield used
        step += 1


class DirectTeacher:
    """Teaches a PNet by the perceptual loss, as the paper does: a word in, another of its pictures every time.

    Args:
        perceptual: the loss network.
        pictures: those that the words' indices mean.
        contents: photographs.
        config: of loss, crops and batch.
    """

    def __init__(self, perceptual: PerceptualLoss, pictures: Pictures, contents: Pictures, config: TrainingConfig):
        self.config, self.perceptual, self.pictures = config, perceptual, pictures
        self.contents = ContentBatches(contents, config.train_batch_size, config.resolution, config.seed)
        self.objective = Objective(config, perceptual)
        self._kept: dict[int, dict[str, Tensor]] = {}

    def teach(
        self,
        model: ZMNet,
        words: Sequence[Word],
        used: Iterator[float],
        tnet: bool = False,
        report: Callable[[dict[str, float]], None] = lambda log: None,
    ) -> int:
        """Train the model's PNet, which reads the words' signals; the number of steps taken.

        Args:
            used: of `budget`.
            tnet: train the TNet, too.
            report: told of the losses, every 20 steps.
        """
        config = self.config
        model.requires_grad_(False).train()
        model.pnet.requires_grad_(True)
        model.tnet.requires_grad_(tnet)
        groups = [{"params": list(model.pnet.parameters()), "scale": 1.0}]
        if tnet:  # it knows its work already
            groups.append({"params": list(model.tnet.parameters()), "scale": 0.2})
        optimizer, watch, steps = torch.optim.Adam(groups), Stopwatch(torch.device("cpu")), 0
        bar = tqdm(used, "perceptual loss", unit="step", mininterval=5)
        for step, share in enumerate(bar):
            random = rng(config.seed, step, 0, Stream.WORD)
            chosen = random.choice(len(words), config.train_batch_size, replace=len(words) < config.train_batch_size)
            seen = [int(random.choice(words[index].pictures)) for index in chosen]
            signals = torch.stack([words[index].signal for index in chosen])
            looks = [self.grams(index) for index in seen]
            grams = {layer: torch.cat([look[layer] for look in looks]).float() for layer in looks[0]}
            targets = StyleTargets(model.pnet.features(signals), grams)
            loss, log = self.objective(model, self.contents[step].crops, targets, torch.tensor(0.0), watch=watch)
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * group["scale"] * rate(share)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trainable(model), config.max_grad_norm)
            optimizer.step()
            steps = step + 1
            if steps % 20 == 0:
                values = {name: float(value.mean()) for name, value in log.items()}
                bar.set_postfix(content=f"{values['content']:.3f}", loss=f"{values['loss']:.3f}")
                report(values)
        model.requires_grad_(False).eval()
        return steps

    def grams(self, index: int) -> dict[str, Tensor]:
        """Gram matrices of a picture's centre square, kept."""
        if index not in self._kept:
            square = centre_square(self.pictures[index], self.config.style_resolution)
            found = self.perceptual.style_targets(square[None])
            self._kept[index] = {layer: gram.to(torch.bfloat16) for layer, gram in found.items()}
        return self._kept[index]


def crops_of(pictures: Pictures, size: int, seed: int = 0) -> Tensor:
    """A random crop of each picture: [N, 3, size, size]."""
    return torch.stack(
        [random_crop(pictures[i], size, rng(seed, i, 0, Stream.WORD_CROP)) for i in range(len(pictures))]
    )
