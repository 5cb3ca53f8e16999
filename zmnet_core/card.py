"""The model card (README.md on the Hub): `card_template.md`, filled in from what a run leaves.

That is config.yaml, log.jsonl and environment.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from .networks.pnet import IMAGE_KINDS

CARD = "README.md"
TEMPLATE = Path(__file__).with_name("card_template.md")  # jinja2, which torch and so everybody has
LICENCE = "apache-2.0"
TAGS = ["zm-net", "style-transfer", "image-to-image"]
SAMPLES = "samples.png"  # the picture's name beside the card
ERRORS = ("content", "relu1_2", "relu2_2", "relu3_3", "relu4_3", "style", "total")  # val_… of log.jsonl


def model_card(
    config: Mapping[str, Any], name: str, run: Path | None = None, licence: str = LICENCE, samples: bool = False
) -> ModelCard:
    """The card of a model.

    Args:
        config: what config.json says.
        name: "org/name" on the Hub.
        run: the run's folder; without one, or without its records, the card has no figures.
        licence: the licence of the weights, in the Hub's abbreviation.
        samples: show `SAMPLES`, which is then uploaded beside the card.
    """
    records = Records(run)
    title = name.rpartition("/")[2]
    data = ModelCardData(
        license=licence,
        library_name="zmnet",
        pipeline_tag="image-to-image",
        tags=list(TAGS),
        datasets=records.datasets() or None,
        model_name=title if records.scores else None,
        eval_results=records.results() or None,
    )
    pnet = config["pnet"]
    kind = pnet.get("kind", "vgg")
    words = [word for members in (pnet.get("words") or {}).values() for word in members] or ["night"]
    return ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        title=title,
        name=name,
        kind=kind,
        of_pictures=kind in IMAGE_KINDS or pnet.get("signal") == "histogram",  # which a picture has
        word=words[0],
        width=config["tnet"].get("width", 32),
        signals=config.get("attribute_pnets", {}),
        schema=config["schema"],
        licence=licence,
        samples=SAMPLES if samples else None,
        **records.told(),
    )


class Records:
    """What a run's folder tells of it; empty where a file is not there."""

    def __init__(self, run: Path | None):
        def text(file: str) -> str:
            return (run / file).read_text(encoding="utf-8") if run and (run / file).is_file() else ""

        self.options: dict[str, Any] = yaml.safe_load(text("config.yaml")) or {}
        self.environment: dict[str, Any] = json.loads(text("environment.json") or "{}")
        lines = [json.loads(line) for line in text("log.jsonl").splitlines() if line.endswith("}")]  # not one cut off
        self.step = max((line["step"] for line in lines), default=0)
        self.scores: dict[str, Any] = next((line for line in reversed(lines) if "val_total" in line), {})

    @property
    def errors(self) -> dict[str, float]:
        """Those of the last validation."""
        return {error: self.scores[f"val_{error}"] for error in ERRORS if f"val_{error}" in self.scores}

    def results(self) -> list[EvalResult]:
        """The validation's errors, for the card's model-index."""
        return [
            EvalResult(
                task_type="image-to-image",
                task_name="Style transfer",
                dataset_type="held-out",
                dataset_name="Photographs and paintings held out from the training data",
                metric_type=f"val_{error}",
                metric_name=f"{error} error, median (lower is better)",
                metric_value=value,
            )
            for error, value in self.errors.items()
        ]

    def told(self) -> dict[str, Any]:
        """What the template tells of a run."""
        get, processes = self.options.get, self.environment.get("processes", 1)
        return {
            "options": self.options,
            "environment": self.environment,
            "errors": self.errors,
            "validated": self.scores.get("step"),
            "step": self.step,
            "batch": get("train_batch_size", 1) * get("gradient_accumulation_steps", 1) * processes,
            "sources": self._sources(),
            "started_from": _shown(get("init_from")) if get("init_from") else None,
        }

    def _sources(self) -> dict[str, str]:
        """Where the photographs and the paintings are from."""
        folders = {"photographs": str(self.options.get("content_dir")), "paintings": str(self.options.get("style_dir"))}
        # "…/train" twice would not tell which is which; more of the path is shown only then: it may name people.
        parts = 1 if len({Path(folder).name for folder in folders.values()}) == 2 else 2
        return {what: _shown(folder, parts) for what, folder in folders.items()}

    def datasets(self) -> list[str]:
        """The Hub's names of data sets the run read."""
        named = (str(self.options.get(key) or "") for key in ("content_dir", "style_dir"))
        names = (text.removeprefix("hf:").partition(":")[0] for text in named if text.startswith("hf:"))
        return sorted({name for name in names if name.count("/") == 1 and not Path(name).exists()})


def _shown(source: object, parts: int = 1) -> str:
    """A source of pictures without what is private: the folders above it, the signatures of addresses."""
    text = str(source).partition("?")[0]
    return "/".join(("…", *Path(text).parts[1:][-parts:])) if Path(text).is_absolute() else text
