"""The pictures of each word: what a model's image PNet and the palette say of them, and the rules of vocabulary.py."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from ...data.sampling import Stream, rng
from ...files import read_tensors, write_tensors
from ...images.colour import lab, srgb
from ...images.folders import find_pictures
from ...images.picture import fit_short_side, read_picture, to_pil, to_tensor
from ...model import ZMNet
from ...networks.constants import STYLE_SIZE
from ...signals.palettes import histogram, rgb
from ...styling.paint import encode_painting
from .vocabulary import COLOURS, DEEP, FOLDERS, LIGHTS, NEAR, TONES, painter

PATCHES = 32  # a picture's palette is taken from 32 × 32 patches
HUES = 12  # of the hue entropy


@dataclass(frozen=True)
class Looks:
    """What was seen of N pictures.

    Attributes:
        files: where they are.
        styles: [N, 2, ΣC], the image PNet's γ, β.
        patches: [N, P, 3], CIELAB.
    """

    files: tuple[Path, ...]
    styles: Tensor
    patches: Tensor

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, rows: Sequence[int]) -> Looks:
        rows = list(rows)
        return Looks(tuple(self.files[row] for row in rows), self.styles[rows], self.patches[rows])

    @property
    def histograms(self) -> Tensor:
        """[N, 245], of `zmnet_core.signals.palettes`."""
        return histogram(self.patches)


@torch.no_grad()
def look(model: ZMNet, files: Sequence[Path], cache: Path | None = None, recoloured: int = 0, seed: int = 0) -> Looks:
    """Encode pictures with the model's image PNet; kept in the folder `cache` between runs.

    Args:
        recoloured: look at so many recoloured ones, of files drawn at random, in place of the files as they are.
        seed: of the drawing and of the colours.
    """
    weights = hashlib.sha256(model.fingerprint.encode())
    for tensor in model.pnet.state_dict().values():
        weights.update(tensor.float().numpy().tobytes())
    asked = weights.hexdigest() + repr(list(files)) + (f"{recoloured} {seed}" if recoloured else "")
    kept = (cache or Path()) / f"{hashlib.sha256(asked.encode()).hexdigest()[:24]}.safetensors"
    if recoloured:
        drawn = [int(rng(seed, step, 0, Stream.DRAW).integers(len(files))) for step in range(recoloured)]
        files = [files[index] for index in drawn]
    if cache and kept.is_file():
        tensors = read_tensors(kept)
        return Looks(tuple(files), tensors["styles"], tensors["patches"])
    styles, patches = [], []
    for step, file in enumerate(tqdm(files, "look", unit="picture")):
        picture = read_picture(file).rgb
        if recoloured:
            picture = to_pil(recolour(to_tensor(fit_short_side(picture, STYLE_SIZE)), seed, step))
        styles.append(encode_painting(model, picture).values)
        square = to_tensor(picture)[None]
        square = F.interpolate(square, (PATCHES, PATCHES), mode="bilinear", antialias=True, align_corners=False)
        patches.append(lab(square.flatten(2).transpose(1, 2)))
    looks = Looks(tuple(files), torch.cat(styles), torch.cat(patches))
    if cache:
        write_tensors(kept, {"styles": looks.styles, "patches": looks.patches})
    return looks


def recolour(picture: Tensor, seed: int, step: int) -> Tensor:
    """The picture [3, H, W] in 0..1 in colours that it never had; which, follows from (seed, step).

    In CIELAB its hues are turned by any angle, its contrast and the spread of its colours scaled (0.3 to 1, 0.1 to
    1.2), and its mean moved to a colour drawn from the cube of sRGB, more often from near its corners and edges, so
    that pure blue or magenta pictures come as often as brown ones. What sRGB cannot show is clipped.
    """
    random = rng(seed, step, 0, Stream.RECOLOUR)
    angle, contrast, chroma = random.uniform(0, 2 * math.pi), random.uniform(0.3, 1.0), random.uniform(0.1, 1.2)
    mean = lab(torch.tensor(random.beta(0.5, 0.5, 3), dtype=torch.float32))
    colours = lab(picture.flatten(1).T)
    colours = colours - colours.mean(0)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = torch.cat((contrast * colours[:, :1], chroma * colours[:, 1:] @ turn.T), 1) + mean
    return srgb(moved).T.reshape(picture.shape)


def statistics(patches: Tensor) -> dict[str, Tensor]:
    """The statistics of vocabulary.py, {letter: [N]}, of patches [N, P, 3]; not standardised."""
    lightness, a, b = patches.unbind(-1)
    chroma = (a.square() + b.square()).sqrt()
    hue = ((torch.atan2(b, a) / (2 * torch.pi) * HUES).floor() % HUES).long()
    shares = torch.zeros(len(patches), HUES).scatter_add_(1, hue, chroma)
    shares = shares / shares.sum(1, keepdim=True).clamp_min(1e-6)
    entropy = -(shares * shares.clamp_min(1e-9).log()).sum(1)
    letters = (lightness.mean(1), lightness.std(1), chroma.mean(1), a.mean(1), b.mean(1), entropy)
    return dict(zip("LSCabH", letters))


def rule_scores(patches: Tensor, norm: Tensor) -> dict[str, Tensor]:
    """How well each picture fits each word of the two first rules, {word: [N]}.

    Args:
        patches: [N, P, 3].
        norm: patches of the pictures whose mean and deviation standardise the statistics.
    """
    scores = {}
    for word, colour in COLOURS.items():
        distance = (patches - lab(rgb(colour))).norm(dim=-1)
        scores[word] = (distance < NEAR).float().mean(1)
    reference = statistics(norm)
    standard = {k: (v - reference[k].mean()) / reference[k].std() for k, v in statistics(patches).items()}
    for word, weights in (TONES | LIGHTS).items():
        scores[word] = sum(weight * standard[letter] for letter, weight in weights.items())
    return scores


def phrase_scores(scores: dict[str, Tensor]) -> dict[str, Tensor]:
    """How well each picture fits each phrase of a tone and a colour ("pale gold"), {phrase: [N]}.

    The scores of both words, each divided by its deviation over the pictures, added.
    """
    standard = {word: score / score.std().clamp_min(1e-6) for word, score in scores.items()}
    tones = [tone for tone in DEEP if tone in TONES]
    return {f"{tone} {colour}": standard[tone] + standard[colour] for tone in tones for colour in COLOURS}


def labelled(data: Path, files: Sequence[Path]) -> dict[str, list[int]]:
    """Rows of the pictures of labelled words: folders, movements and painters."""
    place = {file.relative_to(data).as_posix(): row for row, file in enumerate(files)}
    rows: dict[str, list[int]] = {}
    for folder, words in FOLDERS.items():
        found = [row for name, row in place.items() if name.startswith(f"attributes/{folder}/")]
        rows |= {word: found for word in words if found}
    with open(data / "labels.tsv", encoding="utf-8") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            if line["file"] in place:
                for word in (line["movement"], painter(line["artist"])):
                    rows.setdefault(word, []).append(place[line["file"]])
    return rows


def pictures_of_words(data: Path, looks: Looks, norm: Tensor, most: int) -> dict[str, list[int]]:
    """{word: rows of its pictures}; at most `most` by the rules (words and phrases), all of a label."""
    scores = rule_scores(looks.patches, norm)
    scores |= phrase_scores(scores)
    rules = {word: [int(row) for row in score.topk(min(most, len(looks))).indices] for word, score in scores.items()}
    return rules | labelled(data, looks.files)


def without(words: Iterable[str], held_out: Collection[str]) -> list[str]:
    """The words that give nothing away of those held out: neither their parts, nor other names of their pictures."""
    hidden = set(held_out) | {word for names in FOLDERS.values() if set(names) & set(held_out) for word in names}
    return [word for word in words if word not in hidden and not hidden & set(word.split())]


def families(words: Iterable[str], painters: Collection[str]) -> dict[str, list[str]]:
    """Words by what they name: {family: words}, none empty."""
    labels = {word: "times" for names in FOLDERS.values() for word in names}
    for family, members in (("colours", COLOURS), ("tones", TONES), ("light", LIGHTS), ("painters", painters)):
        labels |= dict.fromkeys(members, family)
    found: dict[str, list[str]] = {}
    for word in words:
        tone, _, colour = word.partition(" ")
        other = "phrases" if tone in TONES and colour in COLOURS else "movements"
        found.setdefault(labels.get(word, other), []).append(word)
    return found


def painters_of(data: Path) -> set[str]:
    """The painters of labels.tsv, as words."""
    with open(data / "labels.tsv", encoding="utf-8") as file:
        return {painter(line["artist"]) for line in csv.DictReader(file, delimiter="\t")}


def palettes_of(patches: Tensor, counts: Sequence[int] = (1, 2, 3, 5), rounds: int = 12) -> Tensor:
    """Short palettes of pictures as histograms: [N, P, 3] in CIELAB → [N, len(counts), 245].

    A palette is the centres of k clusters of the picture's patches (Lloyd's algorithm from random patches), each
    weighted by its cluster's size, as a list of k colours is by hand.
    """
    random, found = torch.Generator().manual_seed(0), []
    for colours in patches:
        row = []
        for count in counts:
            centres = colours[torch.randperm(len(colours), generator=random)[:count]]
            for _ in range(rounds):
                member = torch.nn.functional.one_hot(torch.cdist(colours, centres).argmin(1), count).to(colours)
                sizes = member.sum(0)
                means = member.T @ colours / sizes.clamp_min(1)[:, None]
                centres = torch.where(sizes[:, None] > 0, means, centres)
            row.append(histogram(centres[None], sizes[None])[0])
        found.append(torch.stack(row))
    return torch.stack(found)


def split_files(data: Path, every: int = 1) -> tuple[list[Path], list[Path]]:
    """Pictures to train on, and unseen ones to test on; of the paintings every so many-th."""
    training = find_pictures(data / "styles/train")[::every] + [
        file for name in ("noon", "night") for file in find_pictures(data / "attributes" / name / "train")
    ]
    # There are few sunsets, all of them among the test pictures: every second one is for either use.
    sunsets = find_pictures(data / "attributes/sunset/test")
    unseen = [file for name in ("val", "test") for file in find_pictures(data / "styles" / name)[::every]]
    unseen += [file for name in ("noon", "night") for file in find_pictures(data / "attributes" / name / "test")]
    return training + sunsets[::2], unseen + sunsets[1::2]
