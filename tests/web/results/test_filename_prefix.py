"""The page fills placeholders in Video Combine's filename_prefix, as it does in that of Save Image."""

import json

import pytest

from ...comfyui.paths import WORKFLOWS
from ..renderers import MOSTLY_CLASSIC

pytestmark = MOSTLY_CLASSIC

SET = """([type, name, value]) => {
    app.graph._nodes.find(node => node.type === type).widgets.find(widget => widget.name === name).value = value;
}"""
YEAR = "() => String(new Date().getFullYear())"


@pytest.mark.parametrize(
    ("prefix", "filled"),
    [
        ("clips/%date:yyyy%/video", "clips/{year}/video"),
        ("%HiGenTemporalSampler.seed%_%HiGenTemporalSampler.sampler%", "1234_model default"),
        ("HiGen/video", "HiGen/video"),
    ],
)
def test_placeholders_are_filled_in_the_prompt_alone(editor, prefix, filled):
    editor.load(json.loads((WORKFLOWS / "text_to_video.json").read_text()))
    editor.page.evaluate(SET, ["HiGenVideoCombine", "filename_prefix", prefix])
    editor.page.evaluate(SET, ["HiGenTemporalSampler", "seed", 1234])
    (combine,) = (node for node in editor.prompt().values() if node["class_type"] == "HiGenVideoCombine")
    assert combine["inputs"]["filename_prefix"] == filled.format(year=editor.page.evaluate(YEAR))
    (saved,) = (node for node in editor.workflow()["nodes"] if node["type"] == "HiGenVideoCombine")
    assert prefix in saved["widgets_values"]
