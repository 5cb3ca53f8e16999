"""A run's model onto the Hub: its files as they are, with a card made from its records."""

from __future__ import annotations

from pathlib import Path

from ..card import CARD, LICENCE, SAMPLES, model_card
from ..errors import HubError
from ..hub.locate import ATTRIBUTE_WEIGHTS, CONFIG, WEIGHTS, find
from ..hub.repository import Repository
from ..model import ZMNet


def push_run(
    run: str,
    name: str,
    private: bool | None = None,
    token: str | None = None,
    revision: str | None = None,
    message: str = "Upload a ZM-Net",
    licence: str = LICENCE,
    samples: bool = False,
) -> str:
    """Upload what a training run made.

    Args:
        run: the run's folder, or any other model that `from_pretrained` reads. A README.md in it takes the place
            of the card.
        name: "org/name" on the Hub.
        private, token, revision, message: as in `ZMNet.push_to_hub`.
        licence: of the weights, for the card.
        samples: also upload the newest validation grid. It shows pictures of the data: may they be shared?

    Returns:
        The address of the commit.

    Raises:
        HubError: the Hub cannot be reached or refuses, or there is no validation grid.
        WeightsNotFoundError, WrongModelError: the run holds no model that works.
    """
    model = ZMNet.from_pretrained(run)  # what does not load is not uploaded
    file = find(run)
    wanted = [CONFIG, WEIGHTS] + ([ATTRIBUTE_WEIGHTS] if model.attribute_pnets else [])
    found = {path: file(path) for path in wanted}
    files: dict[str, Path | bytes] = {**found}
    folder = found[CONFIG].parent
    if samples:
        grids = sorted((folder / "samples").glob("*.png"))
        if not grids:
            raise HubError(f"'{folder}' has no samples/*.png, which a validation writes: leave --samples out.")
        files[SAMPLES] = grids[-1]
    if (folder / CARD).is_file():
        files[CARD] = folder / CARD
    else:
        files[CARD] = str(model_card(model.config, name, folder, licence, samples)).encode()
    return Repository(name, revision, token=token).upload(files, message, private)
