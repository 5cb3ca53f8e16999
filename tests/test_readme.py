"""What the README shows is run as it stands."""

import inspect
import re
import shlex

import pytest
from PIL import Image

from tests.clips import moving, write_clip
from tests.processes import ROOT, finish, start_alone
from zmnet_core.assets import DEMO_PICTURES as PICTURES

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the files that the examples name."""
    for name, source in {
        "photo.jpg": "contents/chelsea.jpg",
        "painting.jpg": "styles/irises-van-gogh.jpg",
        "painting2.jpg": "styles/composition-kandinsky.jpg",
        "a.jpg": "styles/red-boats-monet.jpg",
        "b.jpg": "styles/autumn-flowers-hiroshige.jpg",
        "holiday/one.jpg": "contents/coffee.jpg",
        "holiday/two.jpg": "contents/colosseum.jpg",
    }.items():
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        image = Image.open(PICTURES / source)
        image.thumbnail((160, 160))
        image.save(target)
    write_clip(tmp_path / "clip.mp4", moving(3))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_python_examples_run_one_after_the_other(place):
    code = blocks("python")
    assert len(code) == 2
    namespace: dict[str, object] = {}
    for block in code:
        exec(block, namespace)  # noqa: S102 - the README's own code
    assert Image.open(place / "stylised.png").size == Image.open(place / "photo.jpg").size
    assert (place / "style.safetensors").stat().st_size < 16_000
    for name in ("stylised", "between", "layers"):
        assert namespace[name].shape == namespace["photos"].shape


@pytest.mark.slow
def test_command_line_examples_run(place):
    lines = [
        line
        for block in blocks("sh")
        for line in block.splitlines()
        if line.startswith(("zmnet stylize", "zmnet encode"))
    ]
    assert len(lines) == 5
    for command in (part for line in lines for part in line.split(" && ")):
        arguments = shlex.split(command)[1:]
        finish(start_alone("-m", "zmnet_core.cli", *arguments))
    made = {
        "out.jpg",
        "out.png",
        "night.jpg",
        "out.mp4",
        "painting.safetensors",
        "restyled/one.jpg",
        "restyled/two.jpg",
    }
    for file in made:
        assert (place / file).is_file(), file


def test_training_example_has_options_that_exist():
    from zmnet_core.training.config import parse

    (line,) = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("accelerate launch")]
    config = parse(shlex.split(line)[3:])
    assert config.content_dir == "photographs/" and config.style_dir == "paintings/"


def test_training_page_names_options_that_exist_and_links_to_files():
    from zmnet_core.cli.workshop import push
    from zmnet_core.training.config import TrainingConfig

    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    others = {"help", "config", "num_processes", "multi_gpu", "cpu", "logdir", "processes", "batches", "steps"}
    others |= {"count", "split", "coarse_steps"}  # of train/expand_styles.py
    others |= {"train", "val", "test", "lists"}  # of train/split_paintings.py
    others |= {"model"}  # of train/weigh_terms.py
    others |= {"expanded_dir", "test_style_dir", "test_content_dir", "init"}  # of train/reproduce.py; --init-from
    others |= {"max_mib", "size"}  # of train/pack_data.py
    others |= {"attribute", "style", "model"}  # of zmnet stylize, zmnet words and train/words.py
    others |= {"signal", "requeue"}  # of SLURM's sbatch
    flags = set(re.findall(r"(?<![\w-])--([a-z]\w+)", page)) - others
    assert len(flags) > 20 and flags <= {*vars(TrainingConfig()), *inspect.signature(push).parameters}
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page):
        assert (ROOT / "docs" / target).exists(), target


def test_links_lead_to_files():
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_set_up_commands_stand_in_the_readme_as_ci_reads_them():
    assert "pip install torch==2.13.0 -e . && zmnet demo" in README
    assert 'pip install torch==2.13.0 -e ".[test]" && pytest' in README
