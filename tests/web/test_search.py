"""The search of the page finds the nodes by what they do. ComfyUI 0.3.75 searches names only."""

import pytest

from ..comfyui.versions import OLDEST, VERSION
from .renderers import MOSTLY_CLASSIC

pytestmark = MOSTLY_CLASSIC

SEARCH = """query => {
    const limit = 64; // as many as the page lists; dozens of partner nodes have "video" in their names
    const { $pinia } = document.querySelector("#vue-app").__vue_app__.config.globalProperties;
    return $pinia._s.get("nodeDef").nodeSearchService.searchNode(query, [], { limit }).map(node => node.display_name);
}"""
BY_NAME = [
    ("cue", "HiGen Cue Schedule"),
    ("higen video", "HiGen Video Combine"),
    ("temporal", "HiGen Temporal Sampler"),
]
BY_ALIAS = [
    ("text to video", "HiGen Loader"),
    ("text to video", "HiGen Temporal Sampler"),
    ("motion", "HiGen Cue Schedule"),
    ("motion", "HiGen Cue Extractor"),
    ("video save", "HiGen Video Combine"),
    ("save video", "HiGen Video Combine"),
]


@pytest.mark.parametrize(("query", "name"), BY_NAME)
def test_nodes_are_found_by_their_names(editor, query, name):
    assert name in editor.page.evaluate(SEARCH, query)


@pytest.mark.skipif(VERSION == OLDEST, reason="ComfyUI 0.3.75 does not tell the page what else a node is called")
@pytest.mark.parametrize(("query", "name"), BY_ALIAS)
def test_nodes_are_found_by_what_they_do(editor, query, name):
    assert name in editor.page.evaluate(SEARCH, query)


def test_text_to_video_is_found_in_every_version(editor):
    """As the blueprint, which has this name."""
    assert "HiGen Text to Video" in editor.page.evaluate(SEARCH, "text to video")
