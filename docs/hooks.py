"""What MkDocs does beside rendering: pages are filled from the code, and links that lead out of docs/ still arrive.

The pages are written so that they also read well in the repository itself: their links are relative paths to its
files. On the site such a file is a page of its own (a model's card, the changelog, a ready set of options), or it is
put beside the pages as it is.
"""

from __future__ import annotations

import re
from posixpath import dirname, normpath, relpath

import generated
from generated import ROOT
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

MARK = re.compile(r"^<!-- generated: ([\w-]+)((?: \w+)*) -->$", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")
FUNCTION = re.compile(r"`(zmnet_core/[\w/]+)\.py::(\w+)`")
MODELS = sorted(folder.name for folder in (ROOT / "zmnet_core" / "weights").iterdir() if folder.is_dir())
# Pages whose text stands elsewhere in the repository.
ELSEWHERE = {f"models/{name}.md": f"zmnet_core/weights/{name}/README.md" for name in MODELS} | {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "demo-pictures.md": "zmnet_core/demo_pictures/SOURCES.md",
    "tables.md": "zmnet_core/tables/SOURCES.md",
}
PAGES = {place: page for page, place in ELSEWHERE.items()} | {
    "README.md": "index.md",
    "train/configs": "configs.md",
    "example_workflows": "gallery.md",
    "docs": "index.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere, and every other file outside of docs/ that a page links to."""
    for page, place in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / place).read_text(encoding="utf-8")))
    for file in list(files.documentation_pages()):
        for target, _ in LINK.findall(file.content_string):
            place = repository_path(file.src_uri, target)
            page = site_path(place)
            if page.startswith("files/") and (ROOT / place).is_file() and page not in files.src_uris:
                files.append(File.generated(config, page, abs_src_path=str(ROOT / place)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what is generated, lead links to pages of the site, and functions that are named to their reference."""
    here = page.file.src_uri
    markdown = MARK.sub(lambda match: generated.PARTS[match[1]](*match[2].split()), markdown)
    markdown = LINK.sub(lambda match: site_link(here, match[1], match[2] or ""), markdown)
    return FUNCTION.sub(lambda m: f"[{m[0]}][{m[1].replace('/', '.')}.{m[2]}]", markdown)


def repository_path(page: str, target: str) -> str:
    """Where a link of a page leads to in the repository."""
    return normpath(f"{dirname(ELSEWHERE.get(page, f'docs/{page}'))}/{target}").removeprefix("./").lstrip("/")


def site_path(place: str) -> str:
    """Where a file of the repository is on the site: its page, or itself."""
    if place in PAGES:
        return PAGES[place]
    return place.removeprefix("docs/") if place.startswith("docs/") else f"files/{place}"


def site_link(page: str, target: str, anchor: str) -> str:
    """A link of a page as the site needs it."""
    place = repository_path(page, target)
    if place.startswith("train/configs/"):
        place, anchor = "train/configs", f"#{place.removeprefix('train/configs/').removesuffix('.yaml')}"
    return relpath(site_path(place), dirname(page) or ".") + anchor
