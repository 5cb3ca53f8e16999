"""Carry a run between machines in few small files: `pack` a run's last checkpoint, `unpack` it again.

What does not change in training (the VGG-16 inside a `vgg` PNet) stays behind, and Adam's moments
travel as bfloat16: a 4 M parameter run fits into four files of 15 MiB.

    python train/gpu_pack.py pack runs/gpu parts/        # parts/resume-0.safetensors …
    python train/gpu_pack.py unpack parts/ runs/gpu      # then train.py --resume_from_checkpoint latest
"""

import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from zmnet_core.checkpoints import AVERAGE_FILE, OPTIMIZER_FILE, PROGRESS_FILE, WEIGHTS_FILE, latest_checkpoint
from zmnet_core.errors import TrainingError, ZMNetError
from zmnet_core.files import replacing, write_json, write_tensors
from zmnet_core.vgg import load_vgg16

PART_BYTES = 15 * 2**20
FROZEN = "pnet.vgg."


def pack(run: Path, folder: Path) -> list[Path]:
    """Write a run's newest checkpoint as resume-N.safetensors of at most 15 MiB (or one tensor) each."""
    checkpoint = latest_checkpoint(run)
    if checkpoint is None:
        raise TrainingError(f"'{run}' has no checkpoint to pack.")
    tensors = {f"model/{k}": v for k, v in load_file(checkpoint / WEIGHTS_FILE).items() if not k.startswith(FROZEN)}
    average = torch.load(checkpoint / AVERAGE_FILE, weights_only=True, map_location="cpu")
    for key, value in average.items():
        if not key.startswith(f"module.{FROZEN}"):
            tensors[f"average/{key}"] = value
    optimizer = torch.load(checkpoint / OPTIMIZER_FILE, weights_only=True, map_location="cpu")
    for index, state in optimizer["state"].items():
        for name, value in state.items():
            tensors[f"adam/{index}/{name}"] = value.bfloat16() if value.dim() else value
    about = {
        "progress": (checkpoint / PROGRESS_FILE).read_text(encoding="utf-8"),
        "groups": json.dumps(optimizer["param_groups"]),
    }
    parts: list[dict[str, torch.Tensor]] = [{}]
    for name, tensor in tensors.items():
        if parts[-1] and sum(t.nbytes for t in parts[-1].values()) + tensor.nbytes > PART_BYTES:
            parts.append({})
        parts[-1][name] = tensor
    for old in folder.glob("resume-*.safetensors"):
        old.unlink()
    files = [folder / f"resume-{i}.safetensors" for i in range(len(parts))]
    for file, part in zip(files, parts):
        write_tensors(file, part, about)
    return files


def unpack(folder: Path, run: Path) -> Path:
    """Rebuild the checkpoint in `run`; the frozen VGG-16 comes from where training gets it."""
    files = sorted(folder.glob("resume-*.safetensors"))
    if not files:
        raise TrainingError(f"'{folder}' holds no resume-*.safetensors.")
    with safe_open(files[0], framework="pt") as first:
        about = first.metadata()
    tensors = {name: tensor for file in files for name, tensor in load_file(file).items()}

    def section(name: str) -> dict[str, torch.Tensor]:
        return {k.removeprefix(f"{name}/"): v for k, v in tensors.items() if k.startswith(f"{name}/")}

    model, average = section("model"), section("average")
    if any(key.startswith("pnet.offset") for key in model):  # a vgg PNet
        for key, value in load_vgg16("relu4_1").state_dict().items():
            model[f"{FROZEN}{key}"] = value
            average[f"module.{FROZEN}{key}"] = value
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in section("adam").items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = value.float()
    progress = json.loads(about["progress"])
    checkpoint = run / f"checkpoint-{progress['step']}"
    write_tensors(checkpoint / WEIGHTS_FILE, model)
    with replacing(checkpoint / AVERAGE_FILE) as file:
        torch.save(average, file)
    with replacing(checkpoint / OPTIMIZER_FILE) as file:
        torch.save({"state": state, "param_groups": json.loads(about["groups"])}, file)
    write_json(checkpoint / PROGRESS_FILE, progress)
    return checkpoint


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("pack", "unpack"):
        sys.exit(__doc__)
    try:
        print({"pack": pack, "unpack": unpack}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3])))
    except ZMNetError as error:
        sys.exit(f"error: {error}")
