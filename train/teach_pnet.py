"""Teach a PNet of another kind the γ, β that a trained model's PNet writes.

    python train/teach_pnet.py --teacher zmnet-base --pnet conv --style_dir paintings --output_dir runs/conv

The new model has the teacher's TNet and a PNet of kind `--pnet` that learns, by regression on the
paintings alone, what the teacher writes for them: no photographs, no loss network. Each γ and β is
divided by its spread over the paintings, so that all have the same say; error 1 is that of a PNet
that writes the mean style for every painting. Go on with the paper's loss from there:
`train/train.py --pnet conv --init_from runs/conv`.

A run that was stopped goes on where it was.
"""

import math
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor
from tqdm import tqdm

from zmnet_core import ZMNet
from zmnet_core.data.pictures import Pictures, centre_square, random_crop
from zmnet_core.data.sampling import Stream, rng
from zmnet_core.errors import TrainingError
from zmnet_core.files import replacing
from zmnet_core.images.folders import find_pictures
from zmnet_core.networks.pnet import trainable
from zmnet_core.options import check_from_zero, run
from zmnet_core.training.words.teaching import error, spread_of

STATE = "teaching.pt"


class Lessons:
    """Paintings as both networks see them, and what the teacher writes for them.

    A painting is cropped at random once and that look is kept with the teacher's γ, β for it, for
    each of `variants` looks; the student sees it a little smaller.

    Args:
        paintings: uint8 tensors, by index.
        size: side of the square the teacher looks at.
        small: side of the square the student looks at.
    """

    def __init__(self, teacher: ZMNet, paintings: Pictures, size: int, small: int, variants: int, seed: int):
        self.teacher, self.paintings, self.seed = teacher, paintings, seed
        self.size, self.small, self.variants = size, small, variants
        self._kept: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def look(self, index: int, variant: int) -> tuple[Tensor, Tensor]:
        """A look [3, small, small] in 0..1 and the teacher's γ, β for it [2, ΣC]."""
        if (index, variant) not in self._kept:
            picture = self.paintings[index]
            if variant == 0:
                crop = centre_square(picture, self.size)
            else:
                crop = random_crop(picture, self.size, rng(self.seed, index, variant, Stream.TAUGHT_CROP))
            values = self.teacher.encode_style(crop[None], size=None).values[0]
            seen = torch.nn.functional.interpolate(
                crop[None], (self.small, self.small), mode="bilinear", antialias=True, align_corners=False
            )
            self._kept[index, variant] = seen[0].to(torch.float16), values
        seen, values = self._kept[index, variant]
        return seen.float(), values

    def batch(self, step: int, size: int) -> tuple[Tensor, Tensor]:
        """[B, 3, small, small] and [B, 2, ΣC] of step `step`."""
        random = rng(self.seed, step, 0, Stream.TAUGHT)
        looks = [
            self.look(int(i), int(random.integers(self.variants)))
            for i in random.choice(len(self.paintings), size, replace=size > len(self.paintings))
        ]
        return torch.stack([seen for seen, _ in looks]), torch.stack([values for _, values in looks])


def mean_and_spread(lessons: Lessons, count: int = 128) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of γ, β over paintings, [2, ΣC] each."""
    total = len(lessons.paintings)
    count = min(count, total)
    values = torch.stack([lessons.look(i * total // count, 0)[1] for i in range(count)])
    return values.mean(0), spread_of(values)


def teach(
    style_dir: Annotated[Path, typer.Option(help="the folder of paintings")],
    output_dir: Annotated[Path, typer.Option(help="the folder that gets config.json and model.safetensors")],
    teacher: Annotated[
        str, typer.Option(help="the trained model that teaches: a bundled name, a folder or a Hub id")
    ] = "zmnet-base",
    pnet: Annotated[str, typer.Option(help="the kind of the new PNet")] = "conv",
    validation_style_dir: Annotated[Path | None, typer.Option(help="a folder of paintings for validation")] = None,
    steps: Annotated[
        int, typer.Option(min=1, help="how many steps of Adam to train for; the learning rate falls as a cosine")
    ] = 2000,
    batch_size: Annotated[int, typer.Option(min=1, help="paintings per step")] = 8,
    learning_rate: Annotated[float, typer.Option(help="the learning rate at the start")] = 5e-4,
    teacher_size: Annotated[
        int, typer.Option(min=64, help="the side in pixels at which the teacher looks at paintings")
    ] = 224,
    size: Annotated[int, typer.Option(min=32, help="the side in pixels at which the student looks at them")] = 128,
    variants: Annotated[int, typer.Option(min=1, help="how many looks are taken at each painting")] = 2,
    every: Annotated[int, typer.Option(min=1, help="the PNet is validated and saved after every so many steps")] = 200,
    seed: Annotated[int, typer.Option(help="the seed of the weights and of all choices")] = 0,
) -> None:
    """Teach a new PNet to write the γ, β that a trained model's PNet writes."""
    check_from_zero("--learning_rate", learning_rate)
    torch.manual_seed(seed)
    master = ZMNet.from_pretrained(teacher)
    student = ZMNet(tnet=master.config["tnet"], pnet={"kind": pnet})
    if student.pnet.signal != "image":
        raise TrainingError(f"--pnet {pnet} reads vectors; a PNet that reads pictures is wanted here.")
    student.tnet.load_state_dict(master.tnet.state_dict())
    student.tnet.requires_grad_(False)

    files = find_pictures(style_dir)
    lessons = Lessons(master, Pictures(files, 256, in_memory=True), teacher_size, size, variants, seed)
    held_out = None
    if validation_style_dir:
        pictures = Pictures(find_pictures(validation_style_dir)[:64], 256)
        held_out = Lessons(master, pictures, teacher_size, size, 1, seed)
    mean, spread = mean_and_spread(lessons)
    parameters = list(trainable(student.pnet))
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    with torch.no_grad():  # b_γ, b_β: the mean style, from which the regression starts
        student.pnet.heads.start_from(mean)

    state, start = output_dir / STATE, 0
    if state.is_file():
        saved = torch.load(state, weights_only=True)
        student.pnet.load_state_dict(saved["pnet"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["step"]

    bar = tqdm(range(start, steps), "teach", initial=start, total=steps)
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * 0.5 * (1 + math.cos(math.pi * step / steps)) * min(1, (step + 1) / 50)
        seen, wanted = lessons.batch(step, batch_size)
        loss = error(student.pnet(student.pnet.features(seen)), wanted, spread).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        bar.set_postfix(error=f"{loss.item():.3f}")
        if (step + 1) % every == 0 or step + 1 == steps:
            with replacing(state) as file:
                torch.save(
                    {"pnet": student.pnet.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}, file
                )
            if held_out:
                with torch.no_grad():
                    looks = [held_out.look(i, 0) for i in range(len(held_out.paintings))]
                    errors = [error(student.pnet(s[None]), w[None], spread).mean() for s, w in looks]
                tqdm.write(f"step {step + 1}: error on unseen paintings {torch.stack(errors).mean():.3f}")
    student.save_pretrained(output_dir)


if __name__ == "__main__":
    run(teach)
