"""What the tests and the scripts are called: nothing of them is a module at the top, where it could hide another."""

import importlib
import sys
from pathlib import Path

from tests.conftest import ROOT

OURS = [ROOT / "tests", ROOT / "train"]


def test_importing_the_tests_leaves_no_module_of_theirs_at_the_top():
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    places = {name: Path(getattr(module, "__file__", None) or "/") for name, module in list(sys.modules.items())}
    found = {name for name, place in places.items() if any(folder in place.parents for folder in OURS)}
    assert "tests.processes" in found and "tests.comfyui.comfy_standin" in found
    assert not [name for name in found if "." not in name]
    assert not [
        folder for folder in sys.path if any(our == Path(folder) or our in Path(folder).parents for our in OURS)
    ]
