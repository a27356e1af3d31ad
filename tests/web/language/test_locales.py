"""Translations have every text of the nodes' schemas, and the server offers them."""

import json
import re

import pytest

from .english import LOCALES, english


@pytest.fixture(scope="module")
def schemas(server):
    return english(server.object_info())


def test_the_english_locale_has_the_texts_of_the_schemas(schemas):
    written = json.loads((LOCALES / "en" / "nodeDefs.json").read_text())
    assert written == schemas, "run: python -m tests.web.language.english"


def test_the_chinese_locale_has_every_text(schemas):
    chinese = json.loads((LOCALES / "zh" / "nodeDefs.json").read_text())
    assert paths(chinese) == paths(schemas)
    for path, text in leaves(chinese):
        if path[-1] in ("description", "tooltip"):
            assert re.search("[\u4e00-\u9fff]", text), f"{'/'.join(path)} is not Chinese: {text}"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_text_has_characters_with_a_meaning_in_translations(language):
    for path, text in leaves(json.loads((LOCALES / language / "nodeDefs.json").read_text())):
        assert not set(text) & set("{}|@"), f"{'/'.join(path)}: {text}"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_server_offers_the_translations(server, language):
    """What the frontend merges into its own; test_chinese.py checks that they stay there."""
    offered = server.get("/i18n").json()[language]["nodeDefs"]
    written = json.loads((LOCALES / language / "nodeDefs.json").read_text())
    assert {node: offered[node] for node in written} == written


def leaves(value, path=()):
    """(path, text) of every text in nested dictionaries."""
    if isinstance(value, str):
        yield path, value
        return
    for key, inner in value.items():
        yield from leaves(inner, (*path, key))


def paths(value) -> set[tuple[str, ...]]:
    return {path for path, _ in leaves(value)}
