"""The nodes' labels in other languages say what the English ones say: no fact is lost, names are those on the page."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.comfyui.comfy_standin import install

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = sorted(folder.name for folder in (ROOT / "locales").iterdir() if folder.name != "en")
SCRIPTS = {"zh": "gb2312", "zh-TW": "big5", "ja": "shift_jis", "ko": "euc_kr"}  # what its own old code page cannot hold
UNITS = {"KB", "MB"}  # some languages have their own
VERBATIM = re.compile(
    r"`[^`]+`|(?<!\w)'[^']+'(?!\w)|#\w{6}|[\w-]*zmnet[\w-]*|\w+\.(?:json|safetensors)|[a-z]+/\w+|irises\w*"
    r"|float32|Hugging Face|ComfyUI|\b[A-Z]{2,}\d?\b"
)
Key = tuple[str, ...]


@pytest.fixture(scope="module")
def schemas(tmp_path_factory) -> Iterator[dict[str, SimpleNamespace]]:
    """The nodes' schemas by node id, as ComfyUI gets them."""
    with pytest.MonkeyPatch.context() as patch:
        install(patch, tmp_path_factory.mktemp("comfyui"))
        nodes = importlib.import_module("zmnet_nodes")
        yield {schema.node_id: schema for schema in (node.define_schema() for node in nodes.NODES)}
        for name in [name for name in sys.modules if name.partition(".")[0] == "zmnet_nodes"]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def english(schemas) -> dict[Key, str]:
    """What the schemas say, by its place in a nodeDefs.json: names, descriptions, and tooltips where there are any."""
    found = {}
    for node, schema in schemas.items():
        found |= {(node, "display_name"): schema.display_name, (node, "description"): schema.description}
        for given in schema.inputs:
            found[node, "inputs", given.id, "name"] = given.options.get("display_name", given.id)
            found[node, "inputs", given.id, "tooltip"] = given.options.get("tooltip")
        for index, out in enumerate(schema.outputs):
            found[node, "outputs", str(index), "name"] = out.options["display_name"]
            found[node, "outputs", str(index), "tooltip"] = out.options.get("tooltip")
    # ComfyUI calls a socket that grows "styles.style_3", and looks its texts up with a line in place of the dot.
    styles = sys.modules["zmnet_nodes.styles"]
    for number in styles.BLENDED[styles.ALWAYS :]:
        for what in ("name", "tooltip"):
            text = found["ZMNetBlendStyles", "inputs", f"style_{number}", what]
            found["ZMNetBlendStyles", "inputs", f"{styles.GROWN}_style_{number}", what] = text
    return {key: text for key, text in found.items() if text}


def translation(language: str) -> dict[Key, str]:
    """The texts of one language, by their place."""
    return dict(flat(json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))))


def flat(texts: dict, place: Key = ()) -> Iterator[tuple[Key, str]]:
    for key, value in texts.items():
        if isinstance(value, dict):
            yield from flat(value, (*place, key))
        else:
            yield (*place, key), value


def test_english_names_that_are_no_ids_are_in_its_own_file(schemas):
    """Not every version of ComfyUI's page shows the display name that a schema gives to an input."""
    named = {
        (node, "inputs", given.id, "name"): given.options["display_name"]
        for node, schema in schemas.items()
        for given in schema.inputs
        if given.options.get("display_name", given.id) != given.id
    }
    assert translation("en") == named != {}


def is_prose(key: Key) -> bool:
    return key[-1] in ("description", "tooltip")


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_fit_the_schemas(english, language):
    translated = translation(language)
    assert set(translated) == set(english)
    assert all(isinstance(text, str) and text == text.strip() != "" for text in translated.values())
    assert not [key for key in english if is_prose(key) and translated[key] == english[key]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_read_the_same_where_the_english_does_and_only_there(english, language):
    translated = translation(language)
    pairs = {(english[key], translated[key]) for key in english if is_prose(key)}
    for side in zip(*pairs, strict=True):
        assert [text for text in set(side) if side.count(text) > 1] == []


def numbers(text: str) -> set[str]:
    """The numbers of a text, with a decimal point. Digits of names such as VGG16 are none, nor are those with which
    Japanese counts things (1つ, 8つ), where English writes words."""
    found = re.findall(r"(?<![A-Za-z0-9.,#])\d+(?:[.,]\d+)?(?![A-Za-z0-9_つ枚回]|フレーム)", text)
    return {number.replace(",", ".") for number in found}


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_numbers_of_the_english(english, language):
    translated = translation(language)
    assert {key: numbers(translated[key]) for key in english if is_prose(key)} == {
        key: numbers(english[key]) for key in english if is_prose(key)
    }


def has(text: str, word: str) -> bool:
    """Whether the text has a word of Latin letters that stays as it is."""
    return bool(re.search(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_what_is_called_the_same_in_every_language(schemas, english, language):
    """Models, files, other proper names, and the values of drop-downs, which ComfyUI shows in English."""
    translated, lost = translation(language), []
    values = {
        (node, "inputs", given.id, "tooltip"): set(map(str, given.options.get("options", ())))
        for node, schema in schemas.items()
        for given in schema.inputs
    }
    for key in filter(is_prose, english):
        text, words = translated[key], set(VERBATIM.findall(english[key])) - UNITS
        lost += [(key, word) for word in words if word not in text]
        chosen = {value for value in values.get(key, ()) if has(english[key], value)}
        chosen |= set(re.findall(r"\b\w+ on (\w+)", english[key])) & set.union(*values.values())
        lost += [(key, value) for value in chosen if not has(text, value)]
    assert lost == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_call_nodes_and_inputs_by_the_names_that_are_shown(english, language):
    translated, lost = translation(language), []
    names: dict[str, set[str]] = {}
    for key in english:
        if key[1:2] == ("inputs",) and key[-1] == "name":
            names.setdefault(english[key], set()).add(translated[key])
    assert [name for name, shown in names.items() if len(shown) > 1] == []  # one name for one thing
    mentions = {
        (rf"\b{id}\b" if "_" in id else rf"1 / {id}\b|\b{id} on \w"): shown for id, (shown,) in names.items()
    } | {rf"\b{english[key]}\b": translated[key] for key in english if key[-1] == "display_name"}
    for key in filter(is_prose, english):
        shown = {name for mention, name in mentions.items() if re.search(mention, english[key])}
        lost += [(key, name) for name in shown if name not in translated[key]]
    assert lost == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_hold_nothing_that_comfyui_reads_as_a_command(language):
    """Its page runs texts through vue-i18n, where braces are variables, @ is a link and | parts plurals."""
    assert [text for text in translation(language).values() if re.search(r"[{}@|]", text)] == []


@pytest.mark.parametrize("language", sorted(SCRIPTS))
def test_translations_are_written_in_their_own_script(language):
    """Traditional characters are not simplified ones, and neither are those of Japan."""
    for text in translation(language).values():
        text.encode(SCRIPTS[language])


def test_the_languages_are_named_where_people_look():
    tree = ast.parse((ROOT / "docs" / "generated.py").read_text(encoding="utf-8"))
    (given,) = (each for each in tree.body if isinstance(each, ast.Assign) and each.targets[0].id == "LANGUAGES")
    named = ast.literal_eval(given.value)
    assert sorted(named) == LANGUAGES
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in named.values() if name.split()[-1] not in readme] == []
