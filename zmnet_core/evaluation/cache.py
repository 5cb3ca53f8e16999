"""What need not be computed twice between evaluations: scores of methods that stay, optimised pictures."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from torch import Tensor

from ..errors import PictureError
from ..files import write_json
from ..images.picture import Picture, read_picture, to_pil, to_tensor, write_picture
from .figures import Figures
from .judge import Method, Score

MEASURE = 2  # goes up when the scores of the same pictures change


@dataclass
class Known:
    """What is known of a pair at one size: scores by judge and method, figures by method."""

    scores: dict[str, Score] = field(default_factory=dict)
    figures: dict[str, Figures] = field(default_factory=dict)


class ScoreCache:
    """Scores on disk: one small JSON file for a pair at one size.

    Seconds are kept to two digits: they are another day's and another load's, and give way to new ones.

    Args:
        folder: None keeps nothing.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder

    def read(self, pair: str) -> Known:
        """What is known of a pair; a damaged file counts as nothing."""
        try:
            content = json.loads(self._file(pair).read_text(encoding="utf-8")) if self.folder else {}
            return Known(
                {key: Score(**values) for key, values in content.get("scores", {}).items()},
                {key: Figures(**values) for key, values in content.get("figures", {}).items()},
            )
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return Known()

    def write(self, pair: str, known: Known) -> None:
        """Keep everything that is known of a pair."""
        if self.folder:
            figures = {
                key: replace(value, seconds=value.seconds and float(f"{value.seconds:.2g}"))
                for key, value in known.figures.items()
            }
            write_json(self._file(pair), asdict(Known(known.scores, figures)))

    def _file(self, pair: str) -> Path:
        return Path(self.folder or "") / "scores" / f"{pair}.json"


class KeptPictures:
    """A slow method whose pictures stay on disk as PNG, named by content, painting and `key`.

    `kept` says whether the last one came from there.
    """

    def __init__(self, method: Method, folder: Path, key: str):
        self.method, self.folder, self.key, self.kept = method, folder, key, False

    def __call__(self, content: Tensor, painting: Tensor) -> Tensor:
        """[1, 3, H, W] and [1, 3, h, w] → [1, 3, H, W] of 8 bits, the same whether kept or new."""
        file = self.folder / f"{digest(content, painting, self.key)}.png"
        try:
            picture = read_picture(file).rgb if file.is_file() else None
        except PictureError:
            picture = None  # damaged: made anew
        self.kept = picture is not None
        if picture is None:
            picture = to_pil(self.method(content, painting)[0])
            write_picture(Picture(picture), file)
        return to_tensor(picture)[None].to(content.device)


def digest(*parts: Tensor | str) -> str:
    """A name for these tensors and texts."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            found.update(repr(list(part.shape)).encode() + part.float().cpu().contiguous().numpy().tobytes())
        else:
            found.update(repr(part).encode())
    return found.hexdigest()[:32]
