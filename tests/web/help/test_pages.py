"""Every node has a help page that describes its inputs and has an image."""

import re

import pytest

from ...comfyui.paths import ROOT
from ...comfyui.server import PACK_FOLDER
from ..language.english import english

DOCS = ROOT / "nodes" / "web" / "docs"


@pytest.fixture(scope="module")
def schemas(server):
    return english(server.object_info())


def test_every_node_has_a_help_page_that_names_every_input(schemas):
    for node, texts in schemas.items():
        page = (DOCS / node / "en.md").read_text()
        assert page.startswith(f"# {texts['display_name']}\n")
        missing = [name for name in texts["inputs"] if f"`{name}`" not in page]
        assert missing == [], f"{node}'s help page does not describe these inputs: {missing}"


def test_every_help_page_belongs_to_a_node_and_has_an_image(schemas):
    for page in DOCS.glob("*/*.md"):
        assert page.parent.name in schemas
        images = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text())
        assert images, f"{page.parent.name} has no image"
        assert [image for image in images if not (DOCS / image).is_file()] == []


def test_the_server_offers_the_help_pages(server, schemas):
    """At the address that the frontend requests. The frontend cuts the pack's folder name at a dot; a name from the
    registry has none."""
    for node, texts in schemas.items():
        page = server.get(f"/extensions/{PACK_FOLDER}/docs/{node}/en.md").text
        assert page.startswith(f"# {texts['display_name']}")
