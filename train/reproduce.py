"""Repeat the paper's experiments, with one command for each.

    python train/reproduce.py layers --output_dir runs/layers
    python train/reproduce.py words --output_dir runs/words
    python train/reproduce.py expansion --style_dir S --expanded_dir E --content_dir C --output_dir runs/expansion

`layers` (Fig. 7) measures what each layer carries of light, colour, edges and texture, and shows it. `words` (Sec. 4.2,
Fig. 10) trains a serial and a parallel PNet on noon and night, writes the figure words.png and prints what is measured
on the way from noon to night. `expansion` trains the same model twice, with and without the styles that
train/expand_styles.py made, and prints the errors of both on unseen pairs.
"""

import importlib
import pkgutil

from zmnet_core import reproduce
from zmnet_core.options import run

if __name__ == "__main__":
    found = (module.name for module in pkgutil.iter_modules(reproduce.__path__))
    names = sorted(name for name in found if not name.startswith("_"))  # these are what the experiments share
    run(*(getattr(importlib.import_module(f"{reproduce.__name__}.{name}"), name) for name in names))
