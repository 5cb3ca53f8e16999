"""What need not be computed twice between evaluations: scores of methods that stay, optimised pictures."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from .errors import PictureError
from .files import write_json
from .images import Picture, read_picture, to_pil, to_tensor, write_picture
from .metrics import Method, Score

MEASURE = 1  # goes up when the scores of the same pictures change


class ScoreCache:
    """Scores on disk: one small JSON file for a pair at one size, {judge and method: score}.

    Args:
        folder: None keeps nothing.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder

    def read(self, pair: str) -> dict[str, Score]:
        """What is known of a pair; a damaged file counts as nothing."""
        try:
            content = json.loads(self._file(pair).read_text(encoding="utf-8")) if self.folder else {}
            return {key: Score(**values) for key, values in content.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return {}

    def write(self, pair: str, scores: dict[str, Score]) -> None:
        """Keep everything that is known of a pair."""
        if self.folder:
            write_json(self._file(pair), {key: asdict(score) for key, score in scores.items()})

    def _file(self, pair: str) -> Path:
        return Path(self.folder or "") / "scores" / f"{pair}.json"


class KeptPictures:
    """A slow method whose pictures stay on disk as PNG, named by content, painting and `key`."""

    def __init__(self, method: Method, folder: Path, key: str):
        self.method, self.folder, self.key = method, folder, key

    def __call__(self, content: Tensor, painting: Tensor) -> Tensor:
        """[1, 3, H, W] and [1, 3, h, w] → [1, 3, H, W] of 8 bits, the same whether kept or new."""
        file = self.folder / f"{digest(content, painting, self.key)}.png"
        try:
            picture = read_picture(file).rgb if file.is_file() else None
        except PictureError:
            picture = None  # damaged: made anew
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
