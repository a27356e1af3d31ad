"""Help pages and translations say what the nodes' schemas say, for every node and input."""

import json
import re

import pytest

from ..comfyui.paths import ROOT
from ..comfyui.server import PACK_FOLDER
from .english import LOCALES, english

DOCS = ROOT / "nodes" / "web" / "docs"


@pytest.fixture(scope="module")
def schemas(server):
    return english(server.object_info())


def test_the_english_locale_is_what_the_schemas_say(schemas):
    written = json.loads((LOCALES / "en" / "nodeDefs.json").read_text())
    assert written == schemas, "run: python -m tests.web.english"


def test_the_chinese_locale_has_every_text(schemas):
    chinese = json.loads((LOCALES / "zh" / "nodeDefs.json").read_text())
    assert paths(chinese) == paths(schemas)
    for path, text in leaves(chinese):
        if path[-1] in ("description", "tooltip"):
            assert re.search("[\u4e00-\u9fff]", text), f"{'/'.join(path)} is not Chinese: {text}"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_text_has_characters_that_translations_interpret(language):
    for path, text in leaves(json.loads((LOCALES / language / "nodeDefs.json").read_text())):
        assert not set(text) & set("{}|@"), f"{'/'.join(path)}: {text}"


def test_every_node_has_a_help_page_that_names_every_input(schemas):
    for node, texts in schemas.items():
        page = (DOCS / node / "en.md").read_text()
        assert page.startswith(f"# {texts['display_name']}\n")
        missing = [name for name in texts["inputs"] if f"`{name}`" not in page]
        assert missing == [], f"{node}'s help page does not say what these inputs are: {missing}"


def test_every_help_page_belongs_to_a_node_and_has_a_picture(schemas):
    for page in DOCS.glob("*/*.md"):
        assert page.parent.name in schemas
        pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text())
        assert pictures, f"{page.parent.name} has no picture"
        assert [picture for picture in pictures if not (DOCS / picture).is_file()] == []


def test_the_server_offers_the_help_pages(server, schemas):
    """Where the editor looks. It cuts the pack's folder name at a dot, which a name from the registry never has."""
    for node, texts in schemas.items():
        page = server.get(f"/extensions/{PACK_FOLDER}/docs/{node}/en.md").text
        assert page.startswith(f"# {texts['display_name']}")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_server_offers_the_translations(server, language):
    """What the editor merges into its own; test_language.py sees that they stay there."""
    offered = server.get("/i18n").json()[language]["nodeDefs"]
    written = json.loads((LOCALES / language / "nodeDefs.json").read_text())
    assert {node: offered[node] for node in written} == written


def leaves(value, path=()):
    if isinstance(value, str):
        yield path, value
        return
    for key, inner in value.items():
        yield from leaves(inner, (*path, key))


def paths(value) -> set[tuple[str, ...]]:
    return {path for path, _ in leaves(value)}
