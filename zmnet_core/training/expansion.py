"""Style data expansion, as the paper: N new style images by optimisation (OST) inside one split.

Image i is a painting in the place of a photograph, both drawn at random by (seed, i) from the split's
own lists, so a new style never holds anything of another split. Every image is made once, by whichever
process has it; what is on disk when a run is killed stays, and the next run makes the rest.

    OUTPUT/000000.jpg …   the images
    OUTPUT/manifest.tsv   file, content, painting, seed, loss of each
    OUTPUT/expansion.json what they were made of and how; a run with anything else is refused
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..data.sampling import Stream, rng
from ..errors import PictureError, TrainingError
from ..evaluation.baselines.ost import OST
from ..evaluation.methods import load_square
from ..files import replacing, write_json
from ..images.picture import Picture, to_pil, write_picture

logger = logging.getLogger(__name__)

MANIFEST, SETTINGS = "manifest.tsv", "expansion.json"
COLUMNS = ("file", "content", "painting", "seed", "loss")


@dataclass(frozen=True)
class Made:
    """A line of the manifest; content and painting are relative to the split's folders."""

    file: str
    content: str
    painting: str
    seed: int
    loss: float

    def line(self) -> str:
        """As text, with its end of line."""
        return "\t".join((self.file, self.content, self.painting, str(self.seed), f"{self.loss:.5f}")) + "\n"


class Expansion:
    """N style images of one split.

    Args:
        contents, paintings: the split's pictures.
        content_folder, painting_folder: what the manifest's names are relative to.
        folder: where the images go.
        count: how many.
        size: their side, px.
        seed: of the random choices.
    """

    def __init__(
        self,
        contents: list[Path],
        paintings: list[Path],
        content_folder: Path,
        painting_folder: Path,
        folder: Path,
        count: int,
        size: int,
        seed: int,
    ):
        self.contents, self.paintings = contents, paintings
        self.content_folder, self.painting_folder, self.folder = content_folder, painting_folder, folder
        self.count, self.size, self.seed = count, size, seed

    def begin(self, ost: OST) -> None:
        """Make the folder, or see that what is in it was made the same way. For one process.

        Raises:
            TrainingError: other pictures, another size, seed or way of optimising; the message names them.
        """
        settings = {
            "size": self.size,
            "seed": self.seed,
            "ost": ost.config.described() | {"loss": asdict(ost.config.loss)},
            "loss_network": ost.perceptual.vgg.fingerprint,
            "contents": _names_digest(self.contents, self.content_folder),
            "paintings": _names_digest(self.paintings, self.painting_folder),
        }
        settings = json.loads(json.dumps(settings))  # tuples become lists, as on disk
        file = self.folder / SETTINGS
        if file.is_file():
            before = json.loads(file.read_text(encoding="utf-8"))
            if other := sorted(key for key in settings if before.get(key) != settings[key]):
                raise TrainingError(
                    f"'{self.folder}' was begun with other {', '.join(other)}: go on with the same, or choose "
                    "another folder."
                )
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(file, settings)
        self.collect()

    def missing(self) -> list[int]:
        """Indices of the images that are still to be made."""
        done = {made.file for made in self._known() if (self.folder / made.file).is_file()}
        return [index for index in range(self.count) if self._file(index) not in done]

    def make(self, indices: list[int], ost: OST, device: torch.device | str, part: int = 0) -> None:
        """Make these images, optimised together, and enter them in this process's part of the manifest."""
        contents, paintings, names = [], [], []
        for index in indices:
            content, painting, name = self._choose(index)
            contents.append(content)
            paintings.append(painting)
            names.append(name)
        content, painting = torch.cat(contents).to(device), torch.cat(paintings).to(device)
        pictures = ost(content, painting)
        for index, picture, loss, name in zip(indices, pictures, ost.loss(pictures, content, painting), names):
            made = Made(self._file(index), *name, self.seed, float(loss))
            write_picture(Picture(to_pil(picture)), self.folder / made.file, quality=95)
            with (self.folder / f".manifest-{part}.tsv").open("a", encoding="utf-8", errors="surrogateescape") as file:
                file.write("\n" + made.line())  # a line that a kill cut short ends here

    def collect(self) -> list[Made]:
        """Write the manifest of everything that is there, in the order of the images. For one process."""
        found = {made.file: made for made in self._known() if (self.folder / made.file).is_file()}
        rows = [found[file] for file in sorted(found)]
        with replacing(self.folder / MANIFEST) as temporary:
            lines = ["\t".join(COLUMNS) + "\n", *(made.line() for made in rows)]
            temporary.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")
        for part in self.folder.glob(".manifest-*.tsv"):
            part.unlink()
        return rows

    def _choose(self, index: int) -> tuple[torch.Tensor, torch.Tensor, tuple[str, str]]:
        """The photograph, the painting, and their names; a picture that cannot be read is drawn again."""
        random = rng(self.seed, index, 0, Stream.CHOICE)
        content, content_name = self._draw(self.contents, self.content_folder, random.integers)
        painting, painting_name = self._draw(self.paintings, self.painting_folder, random.integers)
        return content, painting, (content_name, painting_name)

    def _draw(self, files: list[Path], folder: Path, draw: Callable[[int], int]) -> tuple[torch.Tensor, str]:
        for _ in range(100):
            file = files[int(draw(len(files)))]
            try:
                return load_square(file, self.size), file.relative_to(folder).as_posix()
            except PictureError as error:
                logger.warning("skipped: %s", error)
        raise TrainingError(f"of 100 pictures drawn from '{folder}', none could be read.")

    def _known(self) -> list[Made]:
        """Every whole line of the manifest and of its parts."""
        found = []
        for file in (self.folder / MANIFEST, *self.folder.glob(".manifest-*.tsv")):
            text = file.read_text(encoding="utf-8", errors="surrogateescape") if file.is_file() else ""
            for line in text.split("\n")[:-1]:  # what stands behind the last end of line was cut short
                fields = line.split("\t")
                if len(fields) == len(COLUMNS) and tuple(fields) != COLUMNS:
                    name, content, painting, seed, loss = fields
                    found.append(Made(name, content, painting, int(seed), float(loss)))
        return found

    @staticmethod
    def _file(index: int) -> str:
        return f"{index:06d}.jpg"


def _names_digest(files: list[Path], folder: Path) -> str:
    names = "\n".join(file.relative_to(folder).as_posix() for file in files)
    return hashlib.sha256(os.fsencode(names)).hexdigest()[:32]


def shares(total: int, sizes: dict[str, int]) -> dict[str, int]:
    """`total` over splits in proportion to their sizes, whole numbers that sum to it (largest remainders)."""
    exact = {name: total * size / sum(sizes.values()) for name, size in sizes.items()}
    found = {name: int(value) for name, value in exact.items()}
    for name in sorted(exact, key=lambda name: found[name] - exact[name])[: total - sum(found.values())]:
        found[name] += 1
    return found
