"""Average the weights of trained models that started from one another.

    python train/average.py zmnet-base runs/more --output_dir runs/averaged

A leg of training with a learning rate that moves a finished model also throws it about. Half-way between where it
started and where it ended, most of that noise is gone and most of what it learned is there (Wortsman et al. 2022,
"Model soups"). This does not work for models that were trained apart, because their channels do not correspond.
"""

import copy
import math
from pathlib import Path
from typing import Annotated

import typer

from zmnet_core import ZMNet
from zmnet_core.errors import TrainingError
from zmnet_core.options import run
from zmnet_core.training.checkpoints import save_model


def average(
    models: Annotated[
        list[str], typer.Argument(help="the models, all of one shape: bundled names, folders or Hub ids")
    ],
    output_dir: Annotated[Path, typer.Option(help="the folder that gets config.json and model.safetensors")],
    weights: Annotated[
        str | None, typer.Option(help="the share of each model, such as 0.3,0.7; if left out, they are equal")
    ] = None,
) -> None:
    """Write the weighted mean of models of one shape. The PNets for words and palettes are left out, as they belong to
    one TNet.

    What only some of the models have, such as a reviser or the part that tells a PNet how boldly to paint, is averaged
    over those that have it.
    """
    shares = [1.0] * len(models)
    if weights is not None:
        try:
            shares = [float(share) for share in weights.split(",")]
        except ValueError:
            raise TrainingError(
                f"--weights {weights}: numbers with commas between them are expected, as 0.3,0.7."
            ) from None
    if len(shares) != len(models) or not all(0 <= share < math.inf for share in shares) or not any(shares):
        raise TrainingError(f"{len(models)} models need as many shares of 0 or more, not all 0; given: {weights}.")
    loaded = [ZMNet.from_pretrained(model, attribute_pnets=None) for model in models]
    states = [model.state_dict() for model in loaded]
    config = copy.deepcopy(loaded[0].config)
    for other in (model.config for model in loaded):  # what needs no other shape of the rest
        config["tnet"] |= {word: other["tnet"][word] for word in ("palette",) if word in other["tnet"]}
        config["pnet"] |= {word: other["pnet"][word] for word in ("bold",) if word in other["pnet"]}
        config |= {part: other[part] for part in ("reviser",) if part in other and part not in config}
    mean = ZMNet(**config)
    shapes = {key: tensor.shape for key, tensor in mean.state_dict().items()}
    for name, state in zip(models, states, strict=True):
        if any(tensor.shape != shapes.get(key) for key, tensor in state.items()):
            raise TrainingError(f"'{name}' is not of the shape of '{models[0]}': their weights cannot be averaged.")
    having = {
        key: [
            (share, state[key].double()) for share, state in zip(shares, states, strict=True) if share and key in state
        ]
        for key in shapes
    }
    if lacking := [key for key, pairs in having.items() if not pairs]:
        raise TrainingError(f"{lacking[0]} is of a model whose share is 0: leave that model out.")
    mean.load_state_dict(
        {
            key: sum(share * tensor for share, tensor in pairs) / sum(share for share, _ in pairs)
            for key, pairs in having.items()
        }
    )
    save_model(mean, output_dir)


if __name__ == "__main__":
    run(average)
