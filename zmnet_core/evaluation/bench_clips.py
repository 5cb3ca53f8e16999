"""`zmnet bench --clip`: what a clip costs beside `apply` alone, and beside the memory of one frame."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..markdown import table
from .bench import LABEL, PEAK

SIZE = 640, 360
SCENE = 250  # frames between cuts

# A block of the clip, and as many calls of `apply`, in turn: a machine's speed drifts.
_CLIP = (
    PEAK
    + """
import json, time
from zmnet_core.images.clip_writing import ClipWriter
from zmnet_core.images.clips import Clip
from zmnet_core.styling.paint import stylize_tensor
from zmnet_core.styling.scenes import GLANCE, scenes_of
from zmnet_core.styling.steady import stylize_clip
path, block = sys.argv[2], int(sys.argv[3])
with Clip(path, span=(0, 0.05), small=GLANCE) as clip:
    content = clip[0][None]
stylize_tensor(model, content, style)
result = {"one": memory("VmHWM:"), "clip": 0, "alone": 0}
def timed(what):
    started = time.perf_counter()
    given = what()
    return given, time.perf_counter() - started
if block:
    clip, result["clip"] = timed(lambda: Clip(path, small=GLANCE))
    painted = stylize_clip(model, clip, style, scenes=scenes_of(clip.small))
    def some():
        for _ in range(min(block, len(clip) - writer.done)):
            writer.add(next(painted))
    def alone():
        for _ in range(block):
            model.apply(content, style)
    with clip, ClipWriter(path + ".out.mp4", clip) as writer:
        while writer.done < len(clip):
            result["clip"] += timed(some)[1]
            result["alone"] += timed(alone)[1]
        ended = time.perf_counter()
    result["clip"] += time.perf_counter() - ended
    result["most"] = memory("VmHWM:")
print(json.dumps(result))
"""
)


def write_scenery(path: Path, frames: int, size: tuple[int, int] = SIZE) -> None:
    """A clip in which a camera moves over blobs with a little noise, with a cut now and then, and with a hum."""
    import av

    from ..images.video import add_video, as_video

    random, (width, height) = np.random.default_rng(0), size
    with av.open(str(path), "w") as container:
        stream = add_video(container, size, Fraction(25))
        tone = container.add_stream("aac", rate=48000, layout="mono")
        for index in range(frames):
            if index % SCENE == 0:
                blobs = random.integers(0, 255, (height // 8, (width + SCENE) // 8, 3), np.uint8)
                wide = av.VideoFrame.from_ndarray(blobs).reformat(width + SCENE, height, interpolation="BICUBIC")
                scene = wide.to_ndarray(format="rgb24").astype(np.int16)
            seen = scene[:, index % SCENE : index % SCENE + width]
            picture = (seen + random.integers(-3, 4, seen.shape)).clip(0, 255).astype(np.uint8)
            frame = as_video(av.VideoFrame.from_ndarray(picture))
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for place in range(0, frames * 1920, 1024):
            sound = av.AudioFrame.from_ndarray(
                np.sin(np.arange(place, place + 1024) / 9).astype("f4")[None], "fltp", "mono"
            )
            sound.rate, sound.pts, sound.time_base = 48000, place, Fraction(1, 48000)
            container.mux(tone.encode(sound))
        container.mux(tone.encode())


def clips(name: str, frames: int, block: int = 25) -> Iterator[str]:
    """A clip of so many frames on the CPU, from its file to a file, beside as many calls of `apply`: time; and its peak
    memory beside that of one frame's pass, and of a clip of a quarter of the length.
    """
    with TemporaryDirectory() as folder:
        long, short = (Path(folder) / f"{count}.mp4" for count in (frames, frames // 4))
        write_scenery(long, frames)
        write_scenery(short, frames // 4)
        one, less, whole = (_measured(name, path, count) for path, count in ((short, 0), (short, block), (long, block)))
    rows = [
        [
            f"{frames} frames, s",
            f"{whole['clip']:.1f}",
            f"{whole['alone']:.1f}",
            f"{whole['clip'] / whole['alone']:.2f}",
        ],
        [
            "peak memory, MB",
            *(f"{each / 1e6:.0f}" for each in (whole["most"], one["one"])),
            f"{whole['most'] / one['one']:.2f}",
        ],
        [
            f"of {frames // 4} frames",
            *(f"{each / 1e6:.0f}" for each in (less["most"], one["one"])),
            f"{less['most'] / one['one']:.2f}",
        ],
    ]
    yield ""
    yield from table(["{} × {}".format(*SIZE), "clip", "apply", "ratio"], rows, (LABEL, 7, 7, 5))


def _measured(name: str, path: Path, block: int) -> dict[str, float]:
    command = [sys.executable, "-c", _CLIP, name, str(path), str(block)]
    found: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return found
