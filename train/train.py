"""Train a ZM-Net on two folders of pictures.

    accelerate launch train/train.py --content_dir photographs --style_dir paintings --output_dir runs/mine

`python train/train.py …` works as well, on one device. `--help` lists the options, `train/configs/`
holds ready sets of them.
"""

import logging
import sys

from zmnet_core.errors import ZMNetError
from zmnet_core.training.config import parse
from zmnet_core.training.time_budget import BEGAN
from zmnet_core.training.trainer import train

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        train(parse(), BEGAN)
    except ZMNetError as error:
        sys.exit(f"error: {error}")
