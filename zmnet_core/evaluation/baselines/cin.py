"""CIN, conditional instance normalisation (Dumoulin, Shlens & Kudlur 2017): a network for N styles, in a table.

    γ, β = table[n]        y = γ (x − μ(x)) / σ(x) + β

The TNet is ZM-Net's, and so are loop, data and loss; in the PNet's place is a table with a row for each style. A style
that is not in it is learned by a row of its own, with the TNet as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from typing_extensions import Self

from ...errors import WrongModelError
from ...model import ZMNet
from ...networks.heads import ROW, PNet
from ...networks.tnet import Site
from ...styling.style import Style

# An Adam step moves every γ and β of a row by the learning rate; a PNet's heads move them by the sum of what they read.
# So many times as fast a row keeps up with a PNet.
SPEED = 30.0


class TablePNet(PNet):
    """γ and β of N styles, which are numbered from 0 on; at first γ = 1 and β = 0.

    Args:
        sites: the TNet's; of a palette the colours are learned like all else.
        rows: N.
    """

    signal = ROW

    def __init__(self, sites: tuple[Site, ...], rows: int):
        super().__init__(sites)
        if rows < 1:
            raise ValueError(f"a table of styles has 1 row at least, not {rows}.")
        self.table = nn.Parameter(torch.zeros(rows, 2, sum(site.channels for site in sites)))

    def forward(self, features: Tensor) -> Tensor:
        """Numbers of styles, [N] → their γ, β, [N, 2, ΣC]."""
        moved = SPEED * self.table[features.long()].float()
        return moved + torch.tensor((1.0, 0.0), device=moved.device)[:, None]

    @torch.no_grad()
    def put(self, row: int, values: Tensor) -> None:
        """Write γ and β, [2, ΣC], into a row."""
        self.table[row] = (values - torch.tensor((1.0, 0.0), device=values.device)[:, None]) / SPEED


class CIN(ZMNet):
    """A TNet with a table of styles: `CIN({"width": 32}, {"kind": "table", "rows": 10})`.

    `CIN.from_pretrained` reads what a training run of one has written.
    """

    pnet: TablePNet

    def _made_pnet(self, options: Mapping[str, Any]) -> PNet:
        return TablePNet(self.tnet.sites, **{name: value for name, value in options.items() if name != "kind"})

    def __len__(self) -> int:
        return len(self.pnet.table)

    @torch.no_grad()
    def style(self, row: int, name: str = "") -> Style:
        """The style of a row.

        Raises:
            WrongModelError: there is no such row.
        """
        if not 0 <= row < len(self):
            raise WrongModelError(f"the table holds the styles 0 to {len(self) - 1}, and none of the number {row}.")
        return self._style(self.pnet(torch.tensor([row], device=self.pnet.table.device)), name)

    def encode_style(self, *_: object, **__: object) -> NoReturn:
        """Refuse it: a table knows no paintings.

        Raises:
            WrongModelError: always.
        """
        raise WrongModelError(
            f"this model has a table of {len(self)} styles and looks at no paintings: take one of them by "
            "`style(row)`, or learn another by `for_new`."
        )

    def for_new(self, styles: int) -> Self:
        """A CIN with this TNet, frozen, and a table of so many new styles, which begin at the mean of the old ones:
        only γ and β learn.
        """
        options: Any = {**self.config["pnet"], "rows": styles}
        new = type(self)(self.config["tnet"], options)
        new.tnet.load_state_dict(self.tnet.state_dict())
        new.requires_grad_(False)
        with torch.no_grad():
            new.pnet.table.copy_(self.pnet.table.mean(0, keepdim=True).expand_as(new.pnet.table))
        new.pnet.requires_grad_(True)
        return new
