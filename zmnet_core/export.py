"""What a run gives away while it goes on: its averaged weights as a model that loads, its log, its newest pictures."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from safetensors import SafetensorError

from .checkpoints import last_good, write_failure
from .errors import TrainingError
from .files import half, replacing, write_json, write_tensors
from .model import ZMNet

CONFIG, WEIGHTS, LOG, GRID = "config.json", "model.safetensors", "log.jsonl", "grid.png"


class Export:
    """Copies of a run's state in a folder, each file written under another name and renamed.

    A process that is killed, at whatever moment, leaves what it gave away before: a model that
    `ZMNet.from_pretrained` reads, at most `every` seconds older than the run was.

    Args:
        run: the run's folder, with log.jsonl and samples/.
        folder: where the copies go; may be the run's folder.
        every: seconds from one to the next; 0: only when asked for.

    Raises:
        TrainingError: the folder is a file, or cannot be written.
    """

    def __init__(self, run: Path, folder: Path, every: float):
        self.run, self.folder, self.every = run, folder, every
        self._last = time.monotonic()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in map(Path, (CONFIG, WEIGHTS, LOG, GRID)):  # what a run that was killed had begun to write
                for unfinished in folder.glob(f".{name.stem}.[0-9]*{name.suffix}"):
                    unfinished.unlink()
        except OSError as error:
            what = "is a file" if folder.is_file() else f"cannot be made ({error.strerror})"
            raise TrainingError(f"--export_dir '{folder}' {what}: name a folder that can be written.") from error

    @property
    def due(self) -> bool:
        """Whether it is time for the next."""
        return self.every > 0 and time.monotonic() - self._last >= self.every

    def __call__(self, model: ZMNet) -> None:
        """Write the model (float16), the log and the newest grid of samples.

        Raises:
            TrainingError: there is no room, or the folder can no longer be written; what was there stays.
        """
        try:
            with ExitStack() as names:  # config.json and the weights get their names one right after the other
                config, weights = (names.enter_context(replacing(self.folder / name)) for name in (CONFIG, WEIGHTS))
                write_json(config, model.config)
                write_tensors(weights, half(model.state_dict()))
            self.records()
        except (OSError, RuntimeError, SafetensorError) as error:
            raise TrainingError(f"{write_failure('the export', self.folder, error)}. {last_good(self.run)}") from error
        self._last = time.monotonic()

    def records(self) -> None:
        """Write the log and the newest grid of samples."""
        grids = sorted((self.run / "samples").glob("[0-9]*.png"))
        for source, name in ((self.run / LOG, LOG), (grids[-1] if grids else None, GRID)):
            target = self.folder / name
            if source and source.is_file() and not (target.exists() and target.samefile(source)):
                with replacing(target) as temporary:
                    shutil.copyfile(source, temporary)
