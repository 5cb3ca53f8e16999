"""The files that come with the library: where they are."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
BUNDLED = _HERE / "weights"  # models, a folder each
DEMO_PICTURES = _HERE / "demo_pictures"  # sources and licences: SOURCES.md there
TABLES = _HERE / "tables"  # vectors of words; sources and licences: SOURCES.md there
PAIRS = _HERE / "pairs.tsv"  # held-out photographs and paintings
TRAINING_PAIRS = _HERE / "pairs-training.tsv"  # the like with training paintings
