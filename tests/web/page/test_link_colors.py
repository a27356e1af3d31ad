"""Links and slots of HiGen's own types have a color of their own, also after a change of the palette."""

import pytest

from ...comfyui.browser import Editor
from ..schedule import add_schedule

COLORS = """() => ({
    link: app.canvas.constructor.link_type_colors.HIGEN_CUES,
    slot: app.canvas.default_connection_color_byType.HIGEN_CUES,
    vue: getComputedStyle(document.body).getPropertyValue("--color-datatype-HIGEN_CUES").trim(),
})"""
SET_PALETTE = "name => app.extensionManager.setting.set('Comfy.ColorPalette', name)"
DOT = """() => [...document.querySelectorAll("[data-node-id] *")]
    .some(element => getComputedStyle(element).backgroundColor === "rgb(10, 128, 128)")"""


@pytest.mark.parametrize("palette", ["dark", "light"])
def test_cues_have_a_color_in_every_palette(editor: Editor, palette):
    add_schedule(editor)
    editor.page.evaluate(SET_PALETTE, palette)
    try:
        editor.page.wait_for_timeout(500)
        assert editor.page.evaluate(COLORS) == dict.fromkeys(("link", "slot", "vue"), "#0a8080")
        if editor.renderer == "vue":
            assert editor.page.evaluate(DOT)
    finally:
        editor.page.evaluate(SET_PALETTE, "dark")
