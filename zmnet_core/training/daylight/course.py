"""The course: a TNet and a PNet that reads words learn to do what the lessons show.

    L = Σ_k w_k ‖B_k (Ŷ − Y)‖² + ‖Ŷ − Y‖₁ + ‖∇Ŷ − ∇Y‖₁
    Ŷ = drawn_photograph(X_c, TNet(X_c; ρ), TNet(X_c; PNet(word)))

with Y the photograph at the word's time, B_k means of squares and ρ the style of reference, which is learned as well.
Mixtures of two words are asked for the mixture of their pictures, so that the way from noon to night is one. Words that
are in no lesson fall where the PNet puts them: it reads a few numbers of a sentence embedding, fitted to the words for
light, weather and season.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from ...errors import TrainingError
from ...files import replacing
from ...model import ZMNet
from ...networks.local_affine import KIND, LocalAffine, drawn_photograph
from ...networks.vector_pnet import VectorPNet
from ...signals.sentences import sentences
from ..words.teaching import budget
from ..words.vocabulary import TIMES, WEATHER
from .lessons import LIT, Lessons

SIGNAL = "sentence"
LEARNING_RATE = 6e-4
PNET_RATE = 3.0  # times the TNet's: its few numbers move every picture
BATCH, MIXED = 3, 0.3
LIGHT_CHANGED = 0.5  # share of the photographs that are shown in somewhat other light than their lesson
LAMPS_COUNT = 1.2  # how much more an error counts where a lamp is lit
WARM_UP, LEAST_RATE = 30, 0.03
EMA = 0.995
STATE = "course.pt"


@dataclass(frozen=True)
class Weights:
    """Of the parts of the loss."""

    absolute: float = 2.0
    squared: float = 10.0
    drawn: float = 2.0  # of what the TNet itself draws, in areas of 4 px
    slopes: float = 2.0
    areas: float = 10.0  # of areas of 4 and of 16 px


def fresh(base: ZMNet, photographs: Sequence[Tensor], size: int = 16, width: int = 96) -> ZMNet:
    """A model that reads words of light, weather and season, with the TNet of `base`, and leaves every photograph
    nearly as it is, whatever the word.

    Args:
        base: one that paints after pictures, or one that has had lessons.
        photographs: [1, 3, H, W] in 0..1, from which the former takes their mean own style.
        size: numbers that a word's vector is compressed to.
        width: of every ψ.
    """
    model = ZMNet(
        base.config["tnet"],
        {"kind": "mlp", "signal": SIGNAL, "size": size, "width": width},
        reviser={"kind": KIND},
    )
    model.tnet.load_state_dict(base.tnet.state_dict())
    pnet, known = reader(model), [word.replace("_", " ") for word in (*TIMES, *WEATHER)]
    pnet.fit(torch.stack([vector(word) for word in known if word in sentences().table]))
    if SIGNAL in base.vector_pnets and base.pnet.signal != "image":
        own = base.encode_attribute("noon").values[0]
    else:
        own = torch.cat([base.encode_style(photograph).values for photograph in photographs]).mean(0)
    pnet.heads.start_from(own)
    with torch.no_grad():
        reference(model).copy_(own)
    return model


def reference(model: ZMNet) -> nn.Parameter:
    """ρ."""
    reviser = model.require_reviser()
    assert isinstance(reviser, LocalAffine)
    return reviser.reference


def reader(model: ZMNet) -> VectorPNet:
    """The PNet of words; refuse a model without."""
    if not isinstance(model.pnet, VectorPNet) or model.pnet.signal != SIGNAL:
        raise TrainingError(
            "this model is not guided by words: start from one that `train/daylight.py teach` has made."
        )
    return model.pnet


def vector(word: str) -> Tensor:
    """[128] of a word, with _ or a space between its parts."""
    return sentences()[word.replace("_", " ")]


class Course:
    """A run that can go on where it was left.

    Args:
        model: of `fresh`, or one that has had lessons.
        lessons: what is learned.
        folder: gets the averaged model and the state of the run after every `every` steps, and `log.jsonl`.
        learning_rate: of the TNet.
        seed: of all choices; step k draws from (seed, k).
    """

    def __init__(
        self,
        model: ZMNet,
        lessons: Lessons,
        folder: Path,
        learning_rate: float = LEARNING_RATE,
        seed: int = 0,
        every: int = 100,
    ):
        self.model, self.lessons, self.folder, self.every, self.seed = model, lessons, folder, every, seed
        self.learning_rate, self.weights, self.step = learning_rate, Weights(), 0
        self.pnet = reader(model)
        model.requires_grad_(True).train()
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(model.tnet.parameters()), "scale": 1.0},
                {"params": [*self.pnet.parameters(), reference(model)], "scale": PNET_RATE},
            ],
            learning_rate,
            betas=(0.9, 0.99),
        )
        self.average = copy.deepcopy(model.state_dict())
        self.vectors = {word: vector(word) for words in lessons.words.values() for word in words}
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / STATE).is_file():
            self._resume()

    def run(self, minutes: float = 0, steps: int | None = None) -> None:
        """Learn for so many minutes, or so many steps."""
        for used in tqdm(budget(steps, minutes), "daylight", unit="step", mininterval=10):
            rate = min(1, (self.step + 1) / WARM_UP) * max(LEAST_RATE, 1 - used)
            for group in self.optimizer.param_groups:
                group["lr"] = self.learning_rate * group["scale"] * rate
            found = self.losses(*self.batch())
            loss = sum(weight * found[name] for name, weight in vars(self.weights).items())
            assert isinstance(loss, Tensor)
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 0.5)
            self.optimizer.step()
            self.step += 1
            self._averaged()
            if self.step % 10 == 0:
                self._log(
                    {"step": self.step, "loss": loss.item(), **{name: each.item() for name, each in found.items()}}
                )
            if self.step % self.every == 0:
                self.save()
        self.save()

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of this step: photographs [B, 3, s, s], what they should become, words [B, 128], where lamps are lit."""
        choice = random.Random(f"{self.seed} {self.step}")
        rows = [self._lesson(choice) for _ in range(BATCH)]
        photographs, targets, words, lamps = (torch.stack(part) for part in zip(*rows))
        return photographs, targets, words, lamps

    def _lesson(self, choice: random.Random) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        pictures, times = self.lessons.draw(choice), self.lessons.times
        # Night is asked for twice as often: it is the furthest from the photograph.
        one = choice.choice([*times, *(["night"] if "night" in times else [])])
        word, target = self._word(one, choice), pictures[1 + times.index(one)]
        if len(times) > 1 and choice.random() < MIXED:
            other, share = choice.choice([time for time in times if time != one]), choice.random()
            word = share * word + (1 - share) * self._word(other, choice)
            target = share * target + (1 - share) * pictures[1 + times.index(other)]
        photograph = pictures[0]
        grey, aim = photograph.mean(0, keepdim=True), target.mean(0, keepdim=True)
        lamps = ((aim > LIT) & (aim > 1.2 * grey)).float()
        if choice.random() < LIGHT_CHANGED:
            photograph = (photograph * choice.uniform(0.85, 1.1)).clamp(0, 1) ** choice.uniform(0.85, 1.2)
        return photograph, target, word, lamps

    def _word(self, time: str, choice: random.Random) -> Tensor:
        return self.vectors[choice.choice(self.lessons.words[time])]

    def losses(self, photographs: Tensor, targets: Tensor, words: Tensor, lamps: Tensor) -> dict[str, Tensor]:
        """The parts of L by their names in `Weights`."""
        with torch.autocast("cpu", torch.bfloat16):
            values = self.pnet(self.pnet.features(words))
            values = torch.cat((reference(self.model).expand_as(values), values))
            twice = photographs.repeat(2, 1, 1, 1).contiguous(memory_format=torch.channels_last)
            seen, drawn = self.model.tnet.trace(twice, values).image.float().chunk(2)
        picture = drawn_photograph(photographs, seen, drawn)
        off = (picture - targets) * (1 + LAMPS_COUNT * lamps)
        return {
            "absolute": (off.square() + 1e-6).sqrt().mean(),
            "squared": off.square().mean(),
            "drawn": (F.avg_pool2d(drawn, 4) - F.avg_pool2d(targets, 4)).square().mean(),
            "slopes": sum(((a - b).abs().mean() for a, b in zip(slopes(picture), slopes(targets))), torch.zeros(())),
            "areas": sum((F.avg_pool2d(off, side).square().mean() for side in (4, 16)), torch.zeros(())),
        }

    def save(self) -> None:
        """The averaged model, and all that the run needs to go on."""
        config = self.model.config
        known = {"times": [word for words in self.lessons.words.values() for word in words]}
        tidy = ZMNet(config["tnet"], {**config["pnet"], "words": known}, reviser=config["reviser"])
        tidy.load_state_dict(self.average)
        tidy.save_pretrained(self.folder)
        state = {
            "step": self.step, "model": self.model.state_dict(), "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip
        with replacing(self.folder / STATE) as temporary:
            torch.save(state, temporary)

    @torch.no_grad()
    def _averaged(self) -> None:
        share = 1 - min(EMA, 1 - 1 / (self.step + 1))
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, share)
            else:
                self.average[name].copy_(value)

    def _resume(self) -> None:
        state = torch.load(self.folder / STATE, weights_only=True)
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise TrainingError(f"'{self.folder / STATE}' is of another model: choose another --output_dir.") from error
        self.step, self.average = state["step"], state["average"]
        self.optimizer.load_state_dict(state["optimizer"])

    def _log(self, row: dict[str, float]) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def slopes(pictures: Tensor) -> Iterator[Tensor]:
    """Differences of neighbours, across and down."""
    yield pictures[..., 1:] - pictures[..., :-1]
    yield pictures[..., 1:, :] - pictures[..., :-1, :]
