"""Repeat the paper's experiments, with one command for each.

    python train/reproduce.py table1 --output_dir runs/table1
    python train/reproduce.py capacity --output_dir runs/capacity
    python train/reproduce.py zeroshot --output_dir runs/zeroshot
    python train/reproduce.py layers --output_dir runs/layers
    python train/reproduce.py finetune --output_dir runs/finetune
    python train/reproduce.py words --output_dir runs/words
    python train/reproduce.py serial_parallel --output_dir runs/serial-parallel
    python train/reproduce.py colours --model runs/colours --content_dir C --output_dir runs/colours-measured
    python train/reproduce.py expansion --style_dir S --expanded_dir E --content_dir C --output_dir runs/expansion

`table1` times a new style, a known one, optimisation, and the training of a network for one style. `capacity` (Fig.
4-5) trains CIN and ZM-Net on ten styles and on many. `zeroshot` (Fig. 6) trains on 1, 10, 100 and all styles, by
concatenation as well, and tries styles that were never trained, beside networks of their own. Each takes about ten
minutes on two quiet cores; `--budget paper` has the paper's steps and sizes, for a GPU. What is done is kept: the
same command goes on where it was stopped.
`layers` (Fig. 7) measures what each layer carries of light, colour, edges and texture, and shows it. `finetune`
(Fig. 8-9) refines styles from the network's first glance and from where CIN begins. `words` (Sec. 4.2, Fig. 10) trains
a serial and a parallel PNet on noon and night, writes the figure words.png and prints what is measured on the way from
noon to night. `serial_parallel` trains both on words as train/train.py does, and compares their size, losses and
pictures. `colours` measures how near a model that is guided by histograms brings grey photographs to the colours of
others. `expansion` trains the same model twice, with and without the styles that train/expand_styles.py made, and
prints the errors of both on unseen pairs.
"""

import importlib
import pkgutil

from zmnet_core import reproduce
from zmnet_core.options import run

if __name__ == "__main__":
    names = sorted(module.name for module in pkgutil.iter_modules(reproduce.__path__))
    run(*(getattr(importlib.import_module(f"{reproduce.__name__}.{name}"), name) for name in names))
