"""The layout that CONTRIBUTING shows is the layout that there is: imports go downwards, and nothing is left out."""

import ast
import re

from tests.conftest import ROOT

CORE = ROOT / "zmnet_core"


def floors() -> dict[str, int]:
    """The parts of zmnet_core in CONTRIBUTING's list, from 0 at the top; those of one line have one number."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tree = text.split("## Where everything is")[1].split("```")[1]
    lines = [line for line in tree.split("zmnet_core/\n")[1].splitlines() if not line.startswith(" " * 8)]
    return {name: floor for floor, line in enumerate(lines) for name in re.findall(r"(?:^|  )(\w+(?:/|\.py))", line)}


def imports(file) -> set[str]:
    """The parts of zmnet_core that a file imports, also inside functions and for types only."""
    package = file.relative_to(CORE.parent).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            path = [*start, *(node.module or "").split(".")] if node.module else list(start)
            found |= {tuple(path)} if len(path) > 1 else {(*path, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
    return {path[1] for path in found if path[0] == "zmnet_core" and len(path) > 1}


def test_every_part_is_listed():
    parts = {f"{p.name}/" for p in CORE.iterdir() if (p / "__init__.py").exists()}
    parts |= {p.name for p in CORE.glob("*.py") if p.name != "__init__.py"}
    assert set(floors()) == parts


def test_imports_go_down_the_list():
    place, seen = floors(), 0
    for file in CORE.rglob("*.py"):
        part = file.relative_to(CORE).parts[0]
        if part == "__init__.py":
            continue
        own = part if part.endswith(".py") else f"{part}/"
        for name in imports(file):
            other = f"{name}/" if f"{name}/" in place else f"{name}.py"
            if other in place and other != own:  # else a name that the package itself hands on
                seen += 1
                assert place[own] < place[other], f"{file.relative_to(ROOT)} imports {name}, which is not below it"
    assert seen > 100


def test_no_address_looks_real_before_the_owner_has_filled_it_in():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^Repository = "https://example\.org/', project, re.M)  # a domain that belongs to nobody
    assert re.search(r'^PublisherId = ""$', project, re.M)
    workflow = (ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")
    assert "if: vars.PUBLISH == 'yes'" in workflow
