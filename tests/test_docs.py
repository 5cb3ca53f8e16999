"""The documentation: it builds, its links arrive, and what it says of the code is so."""

import ast
import dataclasses
import json
import os
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from PIL import Image

from tests.clips import moving, write_clip
from zmnet_core.assets import DEMO_PICTURES
from zmnet_core.hub.locate import bundled_models
from zmnet_core.version import __version__

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CODE = ("zmnet_core", "zmnet_nodes", "train", "tests", "docs")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def modules(*folders: str) -> dict[Path, ast.Module]:
    files = (file for folder in folders for file in sorted((ROOT / folder).rglob("*.py")))
    return {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}


def defined(tree: ast.Module) -> set[str]:
    """Functions and classes of a module."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {each.name for each in tree.body if isinstance(each, kinds)}


# The pages as they are written -----------------------------------------------------------------


def variables() -> set[str]:
    """The environment variables that code and scripts read."""
    found = set()
    for file in (file for folder in CODE for file in (ROOT / folder).rglob("*.py") if file != Path(__file__)):
        text = file.read_text(encoding="utf-8")
        found |= set(re.findall(r"(?:environ\.get\(|environ\[|getenv\()\s*\"([A-Z][A-Z0-9_]+)\"", text))
        found |= set(re.findall(r"\"([A-Z][A-Z0-9_]+)\" (?:not )?in os\.environ", text))
    for file in (ROOT / "train").glob("*.sh"):
        found |= set(re.findall(r"\$\{([A-Z][A-Z0-9_]+):?-", file.read_text(encoding="utf-8")))
    return found - {"PATH"}


def test_every_environment_variable_has_a_line_and_no_line_is_left_over():
    listed = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", page("environment.md"), re.M))
    assert len(listed) > 20 and not variables() - listed
    ours = {name for name in listed if name.startswith(("ZMNET", "COMFYUI", "LOAN"))}
    assert not ours - variables()


def test_what_the_paper_page_names_exists():
    named = re.findall(r"`((?:zmnet_core|train)/[\w/.-]+)(?:::(\w+))?`", page("paper.md"))
    assert len(named) > 30
    for file, name in named:
        assert (ROOT / file).is_file(), file
        if name:
            assert name in defined(ast.parse((ROOT / file).read_text(encoding="utf-8"))), f"{file}::{name}"


def text_of(node: ast.AST) -> str:
    """A string with … for what is put in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "…"


def test_messages_on_the_troubleshooting_page_are_those_of_the_code():
    trees = modules("zmnet_core", "zmnet_nodes", "train").values()
    trees = [*trees, ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))]
    said = {
        text_of(node) for tree in trees for node in ast.walk(tree) if isinstance(node, (ast.Constant, ast.JoinedStr))
    }
    text = page("troubleshooting.md")
    shown = [message for _, message in re.findall(r"^(`+)(.+?)\1$", text, re.M)]
    assert len(shown) > 40
    for message in shown:
        parts = [re.escape(part) for part in re.split("…+", message) if part]
        assert any(re.search(".*".join(parts), each, re.S) for each in said), message


def test_every_room_of_the_library_is_in_the_reference():
    asked = {
        name
        for file in (DOCS / "api").glob("*.md")
        for name in re.findall("generated: api ([\\w/]+)", file.read_text())
    }
    rooms = {file.stem for file in (ROOT / "zmnet_core").glob("*.py") if file.stem[0] != "_"}
    rooms |= {file.parent.name for file in (ROOT / "zmnet_core").glob("*/__init__.py")}
    assert asked == rooms


def test_no_page_links_to_what_is_not_there():
    for file in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", file.read_text(encoding="utf-8")):
            assert (file.parent / target).exists(), f"{file.relative_to(ROOT)}: {target}"


PYTHON = re.compile(r"```python\n(.*?)```", re.S)
SHOWN = [file.relative_to(DOCS).as_posix() for file in sorted(DOCS.rglob("*.md")) if PYTHON.search(file.read_text())]


def test_pages_with_python_are_found():
    assert {"words.md", "guide/video.md", "guide/regions.md"} <= set(SHOWN)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN)
def test_python_of_the_pages_runs_as_it_stands(name, tmp_path, monkeypatch):
    pictures = {
        "photo": "contents/chelsea",
        "painting": "styles/irises-van-gogh",
        "irises": "styles/irises-van-gogh",
        "sunflowers": "styles/autumn-flowers-hiroshige",
        "monet": "styles/red-boats-monet",
        "hiroshige": "styles/autumn-flowers-hiroshige",
    }
    for target, source in pictures.items():
        with Image.open(DEMO_PICTURES / f"{source}.jpg") as image:
            image.thumbnail((96, 96))
            image.save(tmp_path / f"{target}.jpg")
    write_clip(tmp_path / "clip.mp4", moving(3))
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in PYTHON.findall(page(name)):
        exec(block, namespace)  # noqa: S102 - the pages' own code


def test_examples_of_the_command_line_have_options_that_exist():
    import typer

    from zmnet_core.cli import app

    commands = typer.main.get_command(app).commands
    lines = [
        line for file in [*(DOCS / "guide").glob("*.md"), *DOCS.glob("*.md")] for line in file.read_text().splitlines()
    ]
    lines = [part for line in lines if re.match("zmnet [a-z]", line) for part in line.split(" && ")]
    assert len(lines) > 15
    for line in lines:
        name, *words = line.removeprefix("zmnet ").split()
        known = {option for each in commands[name].params for option in (*each.opts, *each.secondary_opts)}
        if name != "train":  # whose options are those of TrainingConfig
            assert {word for word in words if re.match("--?[a-z]", word)} <= known, line


def test_no_text_names_a_model_that_is_not_there():
    """`zmnet-mine` is whatever a reader makes; hub.md says that nobody has made `zmnet-20k`."""
    folders = (DOCS, ROOT / "web", ROOT / "locales", ROOT / "train", ROOT / "zmnet_core", ROOT / "zmnet_nodes")
    files = [ROOT / "README.md", *(file for folder in folders for file in folder.rglob("*"))]
    files = [file for file in files if file.suffix in (".md", ".json", ".yaml", ".py", ".sh")]
    files.remove(DOCS / "hub.md")
    others = {"zmnet-mine", "zmnet-demo", "zmnet-evaluation", "zmnet-loan", "zmnet-style"}  # files, folders, an id
    for file in files:
        named = set(re.findall(r"\bzmnet-[a-z0-9]+", file.read_text(encoding="utf-8")))
        assert named <= {*bundled_models(), *others}, file
    assert "no model but those that are bundled is published" in " ".join(page("hub.md").split())


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 1200


def test_the_citation_is_whole():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["cff-version"] == "1.2.0" and cited["message"] and cited["title"]
    assert cited["authors"] == [{"name": "The ZM-Net for ComfyUI developers"}]
    assert str(cited["version"]) == __version__ and cited["license"] == "Apache-2.0"
    assert not {"url", "repository-code"} & cited.keys()  # no address is known before a release
    (paper,) = cited["references"]
    assert paper["type"] == "article" and paper["year"] == 2017 and "1703.07255" in paper["url"]
    assert paper["title"] == "ZM-Net: Real-time Zero-shot Image Manipulation Network"
    assert [author["family-names"] for author in paper["authors"]] == ["Wang", "Liang", "Zhang", "Yeung", "Xing"]
    assert all(author["given-names"] for author in paper["authors"])


# The site --------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page of the site has and asks for: ids, links, files that a browser fetches; its text."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.fetched = set(), [], []
        self.feed(text)
        self.text = unescape(re.sub(r"<[^>]+>", "", text))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("img", "script", "source", "iframe") and given.get("src"):
            self.fetched.append(given["src"])
        if tag == "link" and "href" in given and given.get("rel") != "canonical":
            self.fetched.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> dict[Path, Page]:
    """Every page of the built site."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    mkdocs = Path(sys.executable).with_name("mkdocs")  # as people call it, and without a path of ours
    command = [mkdocs, "build", "--strict", "--site-dir", str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    return {file: Page(file.read_text(encoding="utf-8")) for file in folder.rglob("*.html")}


def named(site: dict[Path, Page], name: str) -> Page:
    return next(page for file, page in site.items() if file.as_posix().endswith(f"/{name}"))


@pytest.mark.slow
def test_links_within_the_site_arrive(site):
    pages = {file: page for file, page in site.items() if file.name != "404.html"}  # which may be shown anywhere
    assert len(pages) > 30
    for file, given in pages.items():
        for link in given.links + given.fetched:
            if re.match("[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            place = (file.parent / unquote(target)).resolve() if target else file
            assert place.exists(), f"{file}: {link}"
            assert not anchor or place.suffix != ".html" or unquote(anchor) in site[place].ids, f"{file}: {link}"


@pytest.mark.slow
def test_the_site_fetches_nothing_from_elsewhere_and_claims_no_address(site):
    for file, given in site.items():
        assert not [link for link in given.fetched if re.match("(https?:)?//", link)], file
        assert not [link for link in given.links if "github.com/zmnet" in link], file


@pytest.mark.slow
def test_every_command_and_option_is_in_the_reference(site):
    import typer

    from zmnet_core.cli import app

    shown = named(site, "cli.html")
    for name, command in typer.main.get_command(app).commands.items():
        section = shown.text.partition(f"zmnet {name} [OPTIONS]")[2].partition("[OPTIONS]")[0]
        assert section, name
        for option in (option for each in command.params for option in (*each.opts, *each.secondary_opts)):
            assert option == "--help" or option in section or not option.startswith("-"), f"{name} {option}"
            if name == "stylize" and option.startswith("--"):
                assert re.search(rf"{option}\b", section), option


@pytest.mark.slow
def test_every_training_option_and_ready_set_is_shown(site):
    from zmnet_core.training.config import TrainingConfig

    shown = named(site, "training-options.html").text
    for field in dataclasses.fields(TrainingConfig):
        assert f"--{field.name}" in shown and field.metadata["help"].replace("`", "") in shown, field.name
    for file in (ROOT / "train" / "configs").glob("*.yaml"):
        assert file.stem in named(site, "configs.html").ids
    for file in (ROOT / "train").glob("*.py"):
        if "__main__" in file.read_text(encoding="utf-8") and file.name != "train.py":
            assert f"train/{file.name}" in named(site, "scripts.html").text


@pytest.mark.slow
def test_every_node_and_its_inputs_are_shown(site):
    shown = named(site, "nodes.html").text
    for file in (ROOT / "web" / "docs").glob("*/en.md"):
        assert file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ") in shown
    labels = [json.loads(file.read_text(encoding="utf-8")) for file in (ROOT / "locales").glob("*/nodeDefs.json")]
    titles = [apply["display_name"] for nodes in labels if "display_name" in (apply := nodes["ZMNetApply"])]
    for word in ("strength", "there_and_back", "style_8", "from 0 to 1.5", *titles):
        assert word in shown, word


@pytest.mark.slow
def test_every_public_name_has_its_place_in_the_reference(site):
    ids = set().union(*(given.ids for file, given in site.items() if file.parent.name == "api"))
    for file, tree in modules("zmnet_core").items():
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for name in sorted(defined(tree)) if file.stem != "__main__" else ():
            assert name.startswith("_") or f"{module}.{name}" in ids, f"{module}.{name}"
    for name in ("encode_style", "encode_attribute", "apply", "stylize", "from_pretrained", "push_to_hub"):
        assert f"zmnet_core.model.ZMNet.{name}" in ids, name


def test_the_extra_docs_builds_it_and_the_tests_have_it():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'docs = ["mkdocs-material", "mkdocstrings[python]"]' in text and '"zmnet[data,docs,' in text


# Measured ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_is_measured_is_written_into_its_block_and_a_failure_leaves_the_page(tmp_path):
    text = "before\n<!-- measured: zmnet {} -->\nold\n<!-- /measured -->\nafter\n"
    page = tmp_path / "page.md"

    def measured(command: str, *options: str) -> tuple[int, str]:
        page.write_text(text.format(command), encoding="utf-8")
        done = subprocess.run([sys.executable, DOCS / "measure.py", page, *options], capture_output=True, text=True)
        return done.returncode, page.read_text(encoding="utf-8")

    code, found = measured("tally --help")
    head, _, rest = found.partition("-->\n")
    assert (
        code == 0
        and head == "before\n<!-- measured: zmnet tally --help "
        and rest.endswith("<!-- /measured -->\nafter\n")
    )
    assert "Usage" in rest and "old" not in rest
    assert measured("tally --nonsense") == (1, text.format("tally --nonsense"))
    assert measured("tally --help", "--only", "bench") == (0, text.format("tally --help"))
    page.write_text("nothing to measure\n")
    assert subprocess.run([sys.executable, DOCS / "measure.py", page]).returncode == 1
    text += text  # one command after the other: what the first has measured stays
    page.write_text(text.format("tally --help", "tally --nonsense"), encoding="utf-8")
    assert subprocess.run([sys.executable, DOCS / "measure.py", page]).returncode == 1
    first, second = re.findall(r"-->\n(.*?)<!-- /measured -->", page.read_text(encoding="utf-8"), re.S)
    assert "Usage" in first and second == "old\n"


@pytest.mark.slow
def test_a_table_of_results_is_measured_into_its_block(tmp_path, random_vgg_file):
    """As those of results.md, with two pairs and a judge of random weights."""
    pairs = [("contents/chelsea", "styles/irises-van-gogh"), ("contents/coffee", "styles/composition-kandinsky")]
    lines = ["\t".join(str(DEMO_PICTURES / f"{name}.jpg") for name in pair) for pair in pairs]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines))
    options = "--pairs pairs.tsv --size 64 --judge vgg16 --ost 2 --ost-steps 1 --ost-coarse-steps 0 --noise 0"
    head = f"<!-- measured: zmnet evaluate --brief {options} --no-ost-pyramid --beside zmnet-mini -->\n"
    page = tmp_path / "page.md"
    page.write_text(f"before\n{head}old\n<!-- /measured -->\nafter\n", encoding="utf-8")
    environment = os.environ | {"ZMNET_VGG": str(random_vgg_file), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, DOCS / "measure.py", page]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    found = page.read_text(encoding="utf-8")
    assert found.startswith(f"before\n{head}| 2 pairs, 64 px ") and found.endswith(" |\n<!-- /measured -->\nafter\n")
    rows = [line.split("|")[1].strip() for line in found.splitlines() if line.startswith("| ")]
    assert {"photograph", "zmnet-base", "zmnet-mini", "OST"} <= set(rows) and "zm-net" not in found.replace(head, "")


def test_tables_of_results_have_the_heads_that_their_commands_print():
    from zmnet_core.evaluation.report import brief_head

    blocks = re.findall(r"^<!-- measured: zmnet evaluate (.*) -->\n\|(.*)\|$", page("results.md"), re.M)
    tables = re.findall(r"^\|-.*$", page("results.md"), re.M)
    assert len(blocks) == len(tables) >= 6  # none is written by hand
    for command, head in blocks:
        size, count = re.search(r"--size (\d+)", command), re.search(r"--limit (\d+)", command)
        expected = brief_head(int(size[1]), int(count[1]) if count else 100, ["vgg19"])
        assert "--brief" in command and [cell.strip() for cell in head.split("|")] == expected, command


def test_every_measured_block_names_a_command_that_exists_and_has_its_end():
    from typer.testing import CliRunner

    from zmnet_core.cli import app

    blocks = 0
    for file in DOCS.rglob("*.md"):
        marks = re.findall(r"^<!-- (measured: zmnet (.*)|/measured) -->$", file.read_text(encoding="utf-8"), re.M)
        assert [mark.startswith("measured") for mark, _ in marks] == [True, False] * (len(marks) // 2), file
        for _, command in marks[::2]:
            shown = CliRunner().invoke(app, [command.split()[0], "--help"], env={"COLUMNS": "200"})
            assert shown.exit_code == 0, command
            assert all(option in shown.output for option in re.findall(r"--[\w-]+", command)), command
            blocks += 1
    assert blocks >= 2
