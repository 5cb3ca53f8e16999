"""Sec. 3 and 4.2: the serial against the parallel PNet, on the same signals, by the same loss and for as many steps."""

import json
from pathlib import Path
from typing import Annotated

import torch
import typer
from PIL import Image
from torch import Tensor

from ..assets import DEMO_PICTURES, data_folder
from ..data.pictures import centre_squares
from ..errors import DataNotFoundError
from ..files import replacing, write_json
from ..images.colour import lab
from ..images.folders import find_pictures
from ..images.sheet import contact_sheet
from ..markdown import table
from ..model import ZMNet
from ..networks.pnet import trainable
from ..training.checkpoints import check_through, checkpoints
from ..training.config import TrainingConfig
from ..training.trainer import train

KINDS = {"serial": "mlp", "parallel": "mlp-parallel"}
PARTS = 4  # of a run, whose mean losses are told
SHOWN = ("contents/colosseum.jpg", "contents/astronaut.jpg")  # of the bundled pictures
CELL = 160  # px


def serial_parallel(
    output_dir: Annotated[Path, typer.Option(help="the folder that gets both runs, their figures and the page")],
    words: Annotated[
        str, typer.Option(help="the words, folders of data/attributes with train and test, separated by commas")
    ] = "noon,night",
    base: Annotated[
        str, typer.Option(help="the image model whose TNet both paint with: a bundled name or a folder")
    ] = "zmnet-mini",
    data: Annotated[Path | None, typer.Option(help="the folder of pictures; if left out, $ZMNET_DATA/data")] = None,
    steps: Annotated[int, typer.Option(min=PARTS, help="how many steps each PNet is trained for")] = 200,
    width: Annotated[int, typer.Option(min=1, help="the size of every vector ψ of the serial PNet")] = 64,
    parallel_width: Annotated[int, typer.Option(min=0, help="that of the parallel one; 0 takes the serial one's")] = 0,
    resolution: Annotated[int, typer.Option(min=64, help="the side of the photographs' crops in pixels")] = 96,
    seed: Annotated[int, typer.Option(help="the seed of both runs")] = 0,
) -> None:
    """Train a serial and a parallel PNet on the same words, and compare them (Sec. 3, Sec. 4.2)."""
    named = [word.strip() for word in words.split(",") if word.strip()]
    needed = [f"attributes/{word}/{part}" for word in named for part in ("train", "test")]
    pictures = data_folder(data, "content/train", "content/val", *needed)
    if len(named) < 2:
        raise DataNotFoundError("--words: at least two words are compared, such as noon,night.")
    output_dir.mkdir(parents=True, exist_ok=True)
    lists = {part: _list(output_dir / f"{part}.tsv", pictures, named, part) for part in ("train", "test")}
    found, models = {}, {}
    for name, kind in KINDS.items():
        config = TrainingConfig(
            content_dir=str(pictures / "content/train"), validation_content_dir=str(pictures / "content/val"),
            style_dir=str(lists["train"]), validation_style_dir=str(lists["test"]), output_dir=str(output_dir / name),
            signals="glove", signal_size=2, pnet=kind, pnet_width=(name == "parallel" and parallel_width) or width,
            init_from=base, freeze_tnet=True, resolution=resolution, style_resolution=2 * resolution, style_variants=1,
            train_batch_size=2, styles_per_batch=2, max_train_steps=steps, learning_rate=2e-3, lr_scheduler="cosine",
            lr_warmup_steps=max(1, steps // 30), ema_decay=0.9, logging_steps=1, checkpointing_steps=50,
            checkpoints_total_limit=1, validation_steps=max(1, steps // PARTS), validation_pairs=8,
            validation_resolution=2 * resolution, seed=seed,
            resume_from_checkpoint="latest" if checkpoints(output_dir / name) else None,
        )  # fmt: skip
        run = train(config)
        check_through(run, steps)
        models[name] = ZMNet.from_pretrained(run)
        found[name] = _measured(models[name], output_dir / name / "log.jsonl", named, steps)
    contents = centre_squares([DEMO_PICTURES / shown for shown in SHOWN], 2 * resolution)
    sheet = _sheet(models, contents, named)
    with replacing(output_dir / "serial_parallel.jpg") as temporary:
        sheet.save(temporary, "JPEG", quality=88)
    report = {"words": named, "base": base, "steps": steps, "resolution": resolution, "seed": seed, "rows": found}
    write_json(output_dir / "serial_parallel.json", report)
    page = [
        "# Serial against parallel PNet", "",
        f"Both read {', '.join(named)} as GloVe vectors, compressed to two numbers, through the TNet of {base}, which "
        f"stays as it is; {steps} steps of two crops of {resolution} px, seed {seed}.", "",
        *report_lines(found), "", "![](serial_parallel.jpg)", "",
    ]  # fmt: skip
    with replacing(output_dir / "serial_parallel.md") as temporary:
        temporary.write_text("\n".join(page), encoding="utf-8")
    typer.echo("\n".join(page))


def _list(file: Path, data: Path, words: list[str], part: str) -> Path:
    """Every picture of the words, a line each."""
    lines = [
        f"{word}\t{Path(picture).absolute()}"
        for word in words
        for picture in find_pictures(data / "attributes" / word / part)
    ]
    with replacing(file) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
    return file


def _measured(model: ZMNet, log: Path, words: list[str], steps: int) -> dict[str, object]:
    """Size, losses by steps, errors on unseen photographs and what the words do to the light."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    parts = torch.tensor(losses).tensor_split(PARTS)
    pnet = model.vector_pnets["glove"]
    pnet.requires_grad_(True)
    photographs = centre_squares(sorted((DEMO_PICTURES / "contents").glob("*.jpg")), 128)
    return {
        "parameters": sum(parameter.numel() for parameter in trainable(pnet)),
        "loss": [round(float(part.mean()), 4) for part in parts],
        "losses": losses,
        "validation": [
            {"step": line["step"], "style": line["val_style"], "content": line["val_content"]}
            for line in lines
            if "val_style" in line
        ],
        "lightness": {word: _lightness(model.apply(photographs, model.encode_attribute(word))) for word in words},
    }


def _lightness(pictures: Tensor) -> float:
    """Mean L* of pictures [N, 3, H, W] in 0..1."""
    return round(float(lab(pictures.permute(0, 2, 3, 1))[..., 0].mean()), 2)


def report_lines(found: dict[str, dict[str, object]]) -> list[str]:
    """The table of both."""
    rows = []
    for name, row in found.items():
        losses, validations, light = row["loss"], row["validation"], row["lightness"]
        assert isinstance(losses, list) and isinstance(validations, list) and isinstance(light, dict)
        last = validations[-1] if validations else {"style": float("nan"), "content": float("nan")}
        cells = [name, f"{row['parameters']:,}", *(f"{loss:.3f}" for loss in losses)]
        rows.append([*cells, f"{last['style']:.3f}", f"{last['content']:.3f}", *(f"{v:.1f}" for v in light.values())])
    quarters = [f"loss, part {part + 1} of {PARTS}" for part in range(PARTS)]
    words = next(iter(found.values()))["lightness"]
    assert isinstance(words, dict)
    head = ["PNet", "parameters", *quarters, "unseen: style", "unseen: content", *(f"L* of {word}" for word in words)]
    return list(table(head, rows))


def _sheet(models: dict[str, ZMNet], contents: Tensor, words: list[str]) -> Image.Image:
    """A row for each photograph and PNet: from word to word, with what lies between two of them."""
    between = [f"0.5 {one} + 0.5 {other}" for one, other in zip(words, words[1:])]
    texts = [text for pair in zip(words, between) for text in pair] + words[-1:]
    rows, labels = [], []
    for content in contents.split(1):
        for name, model in models.items():
            rows.append([content, *(model.apply(content, model.encode_attribute(text)) for text in texts)])
            labels.append(name)
    return contact_sheet(rows, min(CELL, contents.shape[-1]), [["photograph", *texts]], labels)
