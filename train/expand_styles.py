"""Expand a set of paintings by optimisation, as the paper did within each split from 984 to 23,307 style images.

    python train/split_paintings.py paintings/ -o styles/
    python train/split_paintings.py photographs/ -o contents/ --train 80% --val 10% --test 10%
    accelerate launch train/expand_styles.py --style_dir styles --content_dir contents --output_dir made --count 23307

Sub-folders that both folders have (train, val, test …) are splits, and each is expanded on its own, in proportion to
its paintings. `--split train=200 --split val=40` names splits and numbers instead, and `--split .=500` takes the
folders as they are. A run that was stopped in any way goes on where it was, also on another number of processes. On a
CPU, start it with `python`, or on N processes with `ACCELERATE_USE_CPU=true accelerate launch --multi_gpu
--num_processes N`.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from tqdm import tqdm

from zmnet_core.errors import TrainingError
from zmnet_core.evaluation.baselines.ost import OST, STARTS, OSTConfig
from zmnet_core.images.folders import find_pictures, is_left_out
from zmnet_core.networks.vgg import load_vgg16
from zmnet_core.options import check_from_zero, run
from zmnet_core.training.expansion import Expansion, shares
from zmnet_core.training.group import leave


def plan(style_dir: Path, content_dir: Path, output_dir: Path, count: int | None, split: list[str]) -> dict[str, int]:
    """Images to make of each split, 0 of some perhaps."""
    if (count is None) == (not split):
        raise TrainingError("say how many images: either --count N, or --split NAME=N for every split.")
    if split:
        numbers: dict[str, int] = {}
        for entry in split:
            name, _, number = entry.rpartition("=")
            if not name or not number.isdecimal():
                raise TrainingError(f"--split {entry}: NAME=N is expected, such as train=200, with N from 0 on.")
            if name in numbers:
                raise TrainingError(f"--split names {name} twice.")
            numbers[name] = int(number)
        return numbers
    for folder in (style_dir, content_dir):
        if not folder.is_dir():
            raise TrainingError(f"there is no folder '{folder}'.")
    names = [f.name for f in sorted(style_dir.iterdir()) if f.is_dir() and (content_dir / f.name).is_dir()]
    names = [name for name in names if not is_left_out(name) and (style_dir / name).resolve() != output_dir.resolve()]
    if not names:
        raise TrainingError(f"'{style_dir}' and '{content_dir}' share no sub-folder; give --split .=N instead.")
    return shares(count, {name: len(find_pictures(style_dir / name, [output_dir])) for name in names})


def expand(
    style_dir: Annotated[Path, typer.Option(help="the folder of paintings, with a sub-folder for every split")],
    content_dir: Annotated[Path, typer.Option(help="the folder of photographs, with the same sub-folders")],
    output_dir: Annotated[Path, typer.Option(help="the folder that gets a sub-folder for every split")],
    count: Annotated[
        int | None, typer.Option(min=1, help="how many images to make in all, over the splits that both folders have")
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(help="NAME=N, how many images to make of one split; repeat the option for several splits"),
    ] = None,
    size: Annotated[int, typer.Option(min=64, help="the side of the images in pixels")] = 256,
    steps: Annotated[int, typer.Option(min=0, help="how many steps of Adam each image gets at full size")] = 100,
    coarse_steps: Annotated[
        int, typer.Option(min=0, help="how many steps come before these at half the size, at a quarter of the cost")
    ] = 100,
    learning_rate: Annotated[float, typer.Option(help="Adam's learning rate, for pixels in 0..1")] = 0.05,
    start: Annotated[
        str, typer.Option(help="the picture that the optimisation starts from: " + " or ".join(STARTS))
    ] = "colour transfer",
    batch_size: Annotated[int, typer.Option(min=1, help="how many images are optimised together on each process")] = 1,
    bfloat16: Annotated[
        bool, typer.Option(help="run the loss network in bfloat16, which needs hardware that has it")
    ] = False,
    seed: Annotated[int, typer.Option(help="the seed of all random choices")] = 0,
) -> None:
    """Make new style images inside each split."""
    accelerator = Accelerator(kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(days=30))])
    main, rank, processes = accelerator.is_main_process, accelerator.process_index, accelerator.num_processes
    check_from_zero("--learning_rate", learning_rate)
    if start not in STARTS:
        raise TrainingError(f"--start '{start}' does not exist: choose {' or '.join(STARTS)}.")
    config = OSTConfig(steps, coarse_steps, learning_rate=learning_rate, start=start, bfloat16=bfloat16)
    numbers = plan(style_dir, content_dir, output_dir, count, split or [])
    if nothing := [name for name, number in numbers.items() if number == 0]:
        if main:
            tqdm.write(f"{', '.join(nothing)}: no images, as the share is 0")
    found = {}
    for name, number in numbers.items():  # all are there before anything is begun
        if number:
            found[name] = [find_pictures(folder / name, [output_dir]) for folder in (content_dir, style_dir)]
    ost = OST(load_vgg16().to(accelerator.device), config)
    for name, pictures in found.items():
        number = numbers[name]
        expansion = Expansion(*pictures, content_dir / name, style_dir / name, output_dir / name, number, size, seed)
        if main:
            expansion.begin(ost)
        accelerator.wait_for_everyone()
        missing = set(expansion.missing())
        # Blocks are the same in every run, so that an image does not depend on which others were there before.
        blocks = [range(i, min(number, i + batch_size)) for i in range(0, number, batch_size)]
        blocks = [list(block) for block in blocks if missing & set(block)]
        accelerator.wait_for_everyone()  # all have looked before anyone writes
        bar = tqdm(blocks[rank::processes], f"{name}, process {rank + 1} of {processes}", unit="block", position=rank)
        for block in bar:
            expansion.make(block, ost, accelerator.device, rank)
        accelerator.wait_for_everyone()
        if main:
            rows = expansion.collect()
            losses = sorted(made.loss for made in rows)
            tqdm.write(f"{name}: {len(rows)} images in {output_dir / name}, median loss {losses[len(losses) // 2]:.3f}")
    leave(accelerator)


if __name__ == "__main__":
    run(expand)
