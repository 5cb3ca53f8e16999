"""What a run gives away while it goes on: its averaged weights as a model that loads, its log, its newest pictures."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..errors import TrainingError, in_words
from ..files import plainly_named, replacing
from ..hub.locate import CONFIG, WEIGHTS
from ..model import ZMNet
from .checkpoints import last_good, save_model, write_failure
from .locking import FolderLock

logger = logging.getLogger(__name__)

LOG, GRID = "log.jsonl", "grid.png"


class Export:
    """Copies of a run's state in a folder, each file written under another name and renamed.

    A process that is killed, at whatever moment, leaves what it gave away before: a model that
    `ZMNet.from_pretrained` reads, at most `every` seconds older than the run was. A run that goes on from further back
    than what it had given away leaves that until it has come as far again.

    Args:
        run: the run's folder, with log.jsonl and samples/.
        folder: where the copies go; may be the run's folder.
        every: seconds from one to the next; 0: only when asked for.
        name: the run's, which tells its exports from others'.
        start: the step from which it goes on.

    Raises:
        TrainingError: the folder is a file, cannot be written, holds a model of another run, or is another process's.
    """

    def __init__(self, run: Path, folder: Path, every: float, name: str, start: int):
        self.run, self.folder, self.every, self.name = run, folder, every, name
        self.apart = folder.resolve() != run.resolve()
        self._last, self._kept, self._failed = time.monotonic(), 0, False
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = "is a file" if folder.is_file() else f"cannot be made ({in_words(error)})"
            raise TrainingError(f"--export_dir '{folder}' {what}: name a folder that can be written.") from error
        self.lock = FolderLock(folder, "--export_dir") if self.apart else None
        for path in map(Path, (CONFIG, WEIGHTS, LOG, GRID)):  # what a run that was killed had begun to write
            for unfinished in folder.glob(f".{path.stem}.[0-9]*{path.suffix}"):
                unfinished.unlink()
        self._look_at_what_is_there(start)

    def _look_at_what_is_there(self, start: int) -> None:
        try:
            with plainly_named(self.folder / WEIGHTS) as plain, safe_open(plain, framework="pt") as file:
                about = file.metadata() or {}
        except (FileNotFoundError, SafetensorError):  # nothing, or nothing that loads
            return
        if about.get("run") == self.name or (not self.apart and start > 0):
            self._kept = int(about.get("step", 0))
            if self._kept > start:
                logger.warning(
                    "'%s' holds the model of step %d of this run: it stays until the run has come that far again",
                    self.folder,
                    self._kept,
                )
        elif about.get("step") != "0":  # which is where some run started from, and nothing to lose
            option = "--export_dir" if self.apart else "--output_dir"
            raise TrainingError(
                f"{option} '{self.folder}' holds a model that this run has not made: name another folder, or take "
                "that model away."
            )

    @property
    def due(self) -> bool:
        """Whether it is time for the next."""
        return self.every > 0 and time.monotonic() - self._last >= self.every

    def __call__(self, model: ZMNet, step: int, must: bool = False) -> None:
        """Write the model (float16) after so many steps, the log and the newest grid of samples.

        Where that fails in a folder apart from the run's, the run has lost nothing: it is told once and tried again the
        next time, unless it `must` be.

        Raises:
            TrainingError: there is no room, or the folder can no longer be written; what was there stays.
        """
        self._last = time.monotonic()
        if step < self._kept:
            return
        try:
            save_model(model, self.folder, {"run": self.name, "step": str(step)})
            self.records()
        except (OSError, RuntimeError, SafetensorError) as error:
            failure = write_failure("the export", self.folder, error)
            if must or not self.apart:
                raise TrainingError(f"{failure}. {last_good(self.run)}") from error
            if not self._failed:
                logger.warning("%s; the run goes on", failure)
            self._failed = True

    def records(self) -> None:
        """Write the log and the newest grid of samples."""
        grids = sorted((self.run / "samples").glob("[0-9]*.png"))
        for source, name in ((self.run / LOG, LOG), (grids[-1] if grids else None, GRID)):
            target = self.folder / name
            if source and source.is_file() and not (target.exists() and target.samefile(source)):
                with replacing(target) as temporary:
                    shutil.copyfile(source, temporary)

    def close(self) -> None:
        """Let another run have the folder."""
        if self.lock:
            self.lock.release()
