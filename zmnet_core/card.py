"""The model card (README.md on the Hub): made from what a run leaves, config.yaml, log.jsonl and environment.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from .networks.pnet import IMAGE_KINDS

CARD = "README.md"
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
        licence: of the weights, as the Hub abbreviates licences.
        samples: show `SAMPLES`, which is then uploaded beside the card.
    """
    records = Records(run)
    title = name.rpartition("/")[2]
    parts = [f"# {title}", _what(config), _use(config, name)]
    if samples:
        parts.append(f"![Photograph, painting, and the photograph in the painting's style]({SAMPLES})")
    parts += [records.figures(), records.training(), _licence(config, licence)]
    data = ModelCardData(
        license=licence,
        library_name="zmnet",
        pipeline_tag="image-to-image",
        tags=list(TAGS),
        datasets=records.datasets() or None,
        model_name=title if records.scores else None,
        eval_results=records.results() or None,
    )
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(part for part in parts if part) + "\n")


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
                metric_value=self.scores[f"val_{error}"],
            )
            for error in ERRORS
            if f"val_{error}" in self.scores
        ]

    def figures(self) -> str:
        """The last validation as a table."""
        found = [error for error in ERRORS if f"val_{error}" in self.scores]
        if not found:
            return ""
        values = [f"{self.scores['val_' + error]:.2f}" for error in found]
        pairs, side = self.options.get("validation_pairs"), self.options.get("validation_resolution")
        what = f"{pairs} photograph × painting pairs of {side} px" if pairs and side else "Photograph × painting pairs"
        return (
            f"## Figures\n\n{what} that the training has not seen, after step {self.scores['step']:,}; medians. Errors "
            "are relative to the target, total = content + 5 × mean style; totals of other pairs do not compare.\n\n"
            f"| {' | '.join(found)} |\n|{'---|' * len(found)}\n| {' | '.join(values)} |"
        )

    def training(self) -> str:
        """Steps, loss, data, versions."""
        if not self.options:
            return ""
        get, processes = self.options.get, self.environment.get("processes", 1)
        batch = get("train_batch_size", 1) * get("gradient_accumulation_steps", 1) * processes
        lines = [
            f"{self.step:,} steps of {batch} photographs, crops of {get('resolution')} px, paintings of "
            f"{get('style_resolution')} px; loss: {get('loss')}, λ_s = {get('style_weight'):g}, "
            f"λ_c = {get('content_weight'):g}; learning rate {get('learning_rate'):g}, precision "
            f"{get('mixed_precision')}, seed {get('seed')}.",
            " ".join(self._source(what) for what in ("photographs", "paintings")),
        ]
        if get("init_from"):
            lines.append(f"Started from `{_shown(get('init_from'))}`.")
        if packages := self.environment.get("packages"):
            versions = ", ".join(f"{name} {version}" for name, version in packages.items())
            commit = f"Code: commit {self.environment['commit']}. " if self.environment.get("commit") else ""
            lines.append(f"{commit}Python {self.environment.get('python')}, {versions}.")
        return "## Training\n\n" + "\n\n".join(lines)

    def _source(self, what: str) -> str:
        """Where the photographs or the paintings are from and, if the run noted it, how many there were."""
        own, other = (str(self.options.get(key)) for key in ("content_dir", "style_dir"))
        if what == "paintings":
            own, other = other, own
        # "…/train" twice would not tell which is which; more of the path is shown only then: it may name people.
        parts = 1 if Path(own).name != Path(other).name else 2
        number = self.environment.get("pictures", {}).get(what)
        return f"{what.capitalize()}: {f'{number:,} of ' if number else ''}`{_shown(own, parts)}`."

    def datasets(self) -> list[str]:
        """The Hub's names of data sets the run read."""
        named = (str(self.options.get(key) or "") for key in ("content_dir", "style_dir"))
        names = (text.removeprefix("hf:").partition(":")[0] for text in named if text.startswith("hf:"))
        return sorted({name for name in names if name.count("/") == 1 and not Path(name).exists()})


def _shown(source: object, parts: int = 1) -> str:
    """A source of pictures without what is nobody's business: folders above it, signatures of addresses."""
    text = str(source).partition("?")[0]
    return "/".join(("…", *Path(text).parts[1:][-parts:])) if Path(text).is_absolute() else text


def _what(config: Mapping[str, Any]) -> str:
    kind, width = config["pnet"].get("kind", "vgg"), config["tnet"].get("width", 32)
    words = "".join(f" It is also guided by `{signal}` vectors." for signal in config.get("attribute_pnets", {}))
    return (
        "A ZM-Net (Wang et al. 2017): restyles any photograph in one pass of a small network (TNet, width "
        f"{width}), whose instance norms are set by another that looks at the style (PNet, kind `{kind}`).{words}"
    )


def _use(config: Mapping[str, Any], name: str) -> str:
    image = config["pnet"].get("kind", "vgg") in IMAGE_KINDS
    call = "stylize(photograph, painting)" if image else 'stylize(photograph, model.encode_attribute("night"))'
    return (
        "```python\nfrom zmnet_core import ZMNet\n\n"
        f'model = ZMNet.from_pretrained("{name}")\nmodel.{call}.save("stylised.png")\n```\n\n'
        f"On the command line `zmnet stylize photo.jpg --style painting.jpg -o out.jpg --model {name}`; in "
        "ComfyUI the id goes into the `hub_id` of *Load ZM-Net*."
    )


def _licence(config: Mapping[str, Any], licence: str) -> str:
    vgg = (
        " The VGG-16 layers inside are the Visual Geometry Group's, CC BY 4.0 (Simonyan & Zisserman, 2015)."
        if config["pnet"].get("kind", "vgg") == "vgg"
        else ""
    )
    return f"## Licence\n\nWeights: {licence}.{vgg} File format: safetensors, schema {config['schema']} of config.json."
