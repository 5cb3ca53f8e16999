"""Train a ZM-Net on two folders of pictures.

    accelerate launch train/train.py --content_dir photographs --style_dir paintings --output_dir runs/mine

`python train/train.py …` works as well, on one device. `--help` lists the options, `train/configs/`
holds ready sets of them. Where zmnet is installed, `zmnet train …` and `accelerate launch -m zmnet_core.training …` do
the same.
"""

from zmnet_core.training.__main__ import main

if __name__ == "__main__":
    main()
