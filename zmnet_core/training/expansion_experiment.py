"""The paper's claim about style data expansion: the same training with and without expanded styles, the same test.

Both runs have the same photographs, steps, batch, seed and start; they differ in the list of paintings alone. The test
pairs photographs and paintings of other splits, with which neither was trained nor its styles expanded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from ..data.pictures import centre_squares
from ..evaluation.judge import Judge, Pair, summarise
from ..files import replacing, write_json
from ..images.folders import find_pictures
from ..lists import read_lines
from ..markdown import table
from ..model import ZMNet
from ..networks.vgg import load_vgg16
from .checkpoints import check_through
from .config import TrainingConfig
from .trainer import train

ALONE, EXPANDED = "paintings alone", "with expanded styles"
ERRORS = ("content", "relu1_2", "relu2_2", "relu3_3", "relu4_3", "style", "total")


@dataclass(frozen=True)
class Experiment:
    """What is compared.

    Attributes:
        paintings: folder of the training paintings.
        expanded: folder of the styles made of them (train/expand_styles.py), of the same split.
        config: of both runs; its style_dir and output_dir are not read.
        contents, unseen: folders of the test's photographs and paintings.
        pairs: how many of these.
        size: their side, px.
    """

    paintings: Path
    expanded: Path
    config: TrainingConfig
    contents: Path
    unseen: Path
    pairs: int = 32
    size: int = 192

    def lists(self, folder: Path) -> dict[str, Path]:
        """The paintings of each run as a list of files."""
        own, made = find_pictures(self.paintings, [folder, self.expanded]), find_pictures(self.expanded, [folder])
        lists = {}
        for name, files in ((ALONE, own), (EXPANDED, own + made)):
            lists[name] = folder / f"{name.replace(' ', '-')}.txt"
            with replacing(lists[name]) as temporary:
                temporary.write_bytes(b"".join(os.fsencode(file.resolve()) + b"\n" for file in files))
        return lists

    def run(self, folder: Path) -> list[str]:
        """Train both, test both, write expansion.json; the lines of the report. A run that was made is not repeated."""
        lists = self.lists(folder)
        folders = {name: folder / file.stem for name, file in lists.items()}
        for name, file in lists.items():
            config = replace(self.config, style_dir=str(file), output_dir=str(folders[name]))
            run = train(replace(config, resume_from_checkpoint="latest" if folders[name].is_dir() else None))
            check_through(run, config.max_train_steps)
        judge = Judge(load_vgg16())
        contents, paintings = (find_pictures(place) for place in (self.contents, self.unseen))
        tests = [self._pair(judge, contents, paintings, index) for index in range(self.pairs)]
        medians = {}
        for name, place in folders.items():
            model = ZMNet.from_pretrained(place)
            scores = [judge(model.apply(pair.content, model.encode_style(pair.painting)), pair) for pair in tests]
            medians[name] = {error: value["median"] for error, value in summarise(scores).items()}
        counts = {name: len(read_lines(file, "list of paths")) for name, file in lists.items()}
        steps = self.config.max_train_steps
        write_json(folder / "expansion.json", {"steps": steps, "styles": counts, "median": medians})
        rows = [[name, counts[name], *(f"{row[error]:.3f}" for error in ERRORS)] for name, row in medians.items()]
        return list(table(["", "styles", *ERRORS], rows))

    def _pair(self, judge: Judge, contents: list[Path], paintings: list[Path], index: int) -> Pair:
        files = contents[index * len(contents) // self.pairs], paintings[index * len(paintings) // self.pairs]
        return judge.pair(*(centre_squares([file], self.size) for file in files))
