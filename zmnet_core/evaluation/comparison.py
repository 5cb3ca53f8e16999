"""The whole of `zmnet evaluate`: which rows, which sizes, which judges, and the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..assets import PAIRS, TRAINING_PAIRS
from ..errors import NotInstalledError, PictureError, ZMNetError
from ..losses.perceptual import LossConfig
from ..model import ZMNet
from ..networks.drafts import draft_size
from ..networks.vgg import load_vgg16
from .baselines.ost import OSTConfig
from .baselines.peers import peers_folder
from .blind import FOLDER, write_blind
from .cache import ScoreCache
from .figures import SKY_SIDE
from .judge import SCALES, Judge
from .methods import (
    ENLARGED,
    JUDGES,
    MAGENTA,
    MODEL,
    SHEET_PAIRS,
    Pairs,
    Result,
    Row,
    evaluate,
    large_enough,
    magenta_rows,
    model_row,
    noise,
    ost_row,
    peer_rows,
    plain_rows,
    read_pairs,
)
from .report import brief, gap, gap_text, noise_report, noise_text, size_report, size_text, write_report

# Rows among which nobody needs to choose: no strokes at all, and Magenta at sizes that it was not made for.
NOT_ON_BLIND_SHEETS = ("photograph", "colour transfer", MAGENTA[0])


@dataclass
class Comparison:
    """What to compare on.

    Attributes:
        cache: the folder of what is kept between runs.
        pairs: list of photograph TAB painting; None: the one that ships.
        training_pairs: the same with training paintings; None: the one that ships, if `pairs` is as well.
        data: folder that the lists' paths start in; None: `$ZMNET_DATA/data`.
        limit: how many pairs are used: the first whose pictures are large enough, at each size; None: all.
        sizes: sides of the pictures, px; the zero-shot gap is measured at the first for which a pair is large enough.
        judges: names in `evaluation.JUDGES`.
        ost: how many pairs are optimised, with `ost_coarse_steps` steps of Adam at half the size and `ost_steps` more;
            0 leaves the row out.
        gap: measure the zero-shot gap, if pictures of the second list are large enough as well.
        ost_pyramid: optimise style at a half and a quarter of the sides as well, which the table measures too.
        enlarge: use pairs even if their pictures have to be enlarged for a size.
        noise: with how many paintings a noisy sky is stylised.
        peers: folder of clones for MicroAST and WCT-16x; None: `$ZMNET_PEERS`; without either they are left out.
        bold: values of the knob `bold`, each of which gets a row of its own.
        palette: the same of the knob `palette`.
        blind: for how many pairs a sheet is written for observers who do not know which is which, at the largest size.
        blind_seed: the seed of the order of their letters.
        brief: say only a short table for each size; what is written to the folder stays the same.
    """

    cache: Path
    pairs: Path | None = None
    training_pairs: Path | None = None
    data: Path | None = None
    limit: int | None = None
    sizes: list[int] = field(default_factory=lambda: [256, 512, 1024])
    judges: list[str] = field(default_factory=lambda: list(JUDGES))
    ost: int = 20
    ost_steps: int = 100
    ost_coarse_steps: int = 100
    gap: bool = True
    ost_pyramid: bool = True
    enlarge: bool = False
    noise: int = 8
    peers: Path | None = None
    bold: list[float] = field(default_factory=list)
    palette: list[float] = field(default_factory=list)
    blind: int = 0
    blind_seed: int = 0
    brief: bool = False

    def run(self, models: dict[str, ZMNet], output: Path, about: dict[str, object]) -> Iterator[str]:
        """Evaluate, write the report to `output`, and say it line by line.

        Args:
            models: by row name; the first, "zm-net", is the one that the others are held against. If it has a
                reviser, what it paints without is another row.
            about: what else to put into the JSON.

        Raises:
            ZMNetError: a judge, a size or a list cannot be used.
        """
        for size in self.sizes:
            if size % 4:
                raise PictureError(f"--size {size}: a multiple of 4 is expected.")
        pairs = read_pairs(self.data, self.pairs or PAIRS)
        at_size, notes = self._at_sizes(pairs)
        device = next(models[MODEL].parameters()).device
        judges = self._judges(device)
        others, missing = self._others(device)
        notes += missing
        if not self.brief:
            yield from notes
        ours = [model_row(model, name) for name, model in models.items()]
        first, theirs, cache = models[MODEL], [*plain_rows(), *others], ScoreCache(self.cache)
        ours[1:1] = [
            *(model_row(first, f"{MODEL}, bold {bold:g}", bold) for bold in self.bold),
            *(model_row(first, f"{MODEL}, palette {amount:g}", palette=amount) for amount in self.palette),
        ]
        if any(draft_size(first.reviser, size, size) for size in at_size):
            ours.insert(1, model_row(first, f"{MODEL}, one pass", draft=0))
        rows = [*theirs, *ours]

        results: dict[int, Result] = {}
        for size, chosen in at_size.items():
            last = []
            if self.ost:
                scales = tuple(SCALES.values()) if self.ost_pyramid else (1,)
                config = OSTConfig(self.ost_steps, self.ost_coarse_steps, loss=LossConfig(scales=scales))
                last = [ost_row(load_vgg16().to(device), self.ost, self.cache, config)]
            shown = max(SHEET_PAIRS, self.blind)
            results[size] = evaluate([*rows, *last], judges, chosen, size, cache, device, pictures=shown)
        report: dict[str, object] = about | {
            "fingerprint": models[MODEL].fingerprint,
            "pairs": len(pairs[: self.limit]),
            "left_out": notes,
            "sizes": {str(size): size_report(result) for size, result in results.items()},
        }
        text = [size_text(result, size) for size, result in results.items()]

        if paintings := self._noise_paintings(pairs):
            gains = noise(rows, paintings, device)
            report["noise"] = noise_report(gains)
            text.append(noise_text(gains))
        training = self.training_pairs or (TRAINING_PAIRS if self.pairs is None else None)
        size = next(iter(at_size))
        if self.gap and training and (seen := self._of_size(read_pairs(self.data, training), size)):
            again = evaluate([*theirs, ours[0]], judges, seen, size, cache, device, " training paintings")
            gaps = {judge: gap(results[size].scores[judge], again.scores[judge]) for judge in judges}
            report["zero_shot_gap_percent"] = gaps
            report["training_paintings"] = {str(size): size_report(again)}
            text.append(gap_text(gaps, size, len(seen)))
        if self.brief:
            yield "\n\n".join(brief(result, size, str(about.get("model", MODEL))) for size, result in results.items())
        else:
            yield from text
        files = write_report(output, report, "\n".join([*notes, *text]), results)
        if not self.brief:
            yield from map(str, files)
        if self.blind:
            yield self._blind(results[max(results)], output)

    def _at_sizes(self, pairs: Pairs) -> tuple[dict[int, Pairs], list[str]]:
        """The pairs of each size that has any, and what there is to say about the others."""
        found, notes = {size: self._of_size(pairs, size) for size in self.sizes}, []
        for size, chosen in found.items():
            if len(chosen) < len(pairs[: self.limit]):
                notes.append(
                    f"{size} px: {len(chosen) or 'none'} of the {len(pairs)} pairs, as the pictures of the others "
                    f"would have to be enlarged by more than {ENLARGED:.2f} (--enlarge does so)"
                )
        found = {size: chosen for size, chosen in found.items() if chosen}
        if not found:
            raise PictureError("the pictures of no pair are large enough: choose a smaller --size, or --enlarge them.")
        return found, notes

    def _of_size(self, pairs: Pairs, size: int) -> Pairs:
        return (pairs if self.enlarge else large_enough(pairs, size))[: self.limit]

    def _others(self, device: torch.device) -> tuple[list[Row], list[str]]:
        """Rows of other people's methods, and of those that are left out, why."""
        rows: list[Row] = []
        notes: list[str] = []
        for names, make in (
            ("Magenta", magenta_rows),
            ("MicroAST, WCT-16x", lambda: peer_rows(peers_folder(self.peers), device)),
        ):
            try:
                rows += make()
            except NotInstalledError as error:
                notes.append(f"left out: {names} ({error})")
        return rows, notes

    def _noise_paintings(self, pairs: Pairs) -> list[Path]:
        """The first paintings of the list that a sky of full size can be painted after, each once."""
        alone = [(painting, painting) for painting in dict.fromkeys(painting for _, painting in pairs)]
        return [painting for painting, _ in (alone if self.enlarge else large_enough(alone, SKY_SIDE))[: self.noise]]

    def _blind(self, result: Result, output: Path) -> str:
        """Write the blind sheets; what to say of them."""
        pictures = result.pictures[: self.blind]
        methods = [name for name in result.rows if name not in NOT_ON_BLIND_SHEETS]
        methods = [name for name in methods if all(name in shown for shown in pictures)]
        key = write_blind(output, pictures, methods, self.blind_seed)
        return f"{output / FOLDER}: {len(pictures)} pairs for blind eyes; key: {key}"

    def _judges(self, device: torch.device) -> dict[str, Judge]:
        for name in self.judges:
            if name not in JUDGES:
                raise ZMNetError(f"there is no judge '{name}': choose among {', '.join(JUDGES)}.")
        return {name: Judge(JUDGES[name]().to(device)) for name in dict.fromkeys(self.judges)}
