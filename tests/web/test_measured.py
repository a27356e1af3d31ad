"""After a run the Cue Schedule shows what the model made of the cues that were asked for."""

import json

import pytest

from ..comfyui.paths import WORKFLOWS
from .conftest import Curves

PULSE = {"points": [[0, 0.05], [0.5, 0.9], [1, 0.05]], "interpolation": "monotone_cubic"}


@pytest.fixture
def finished(editor):
    """The bundled workflow with a drawn motion curve, after its run."""
    editor.load(json.loads((WORKFLOWS / "text_to_video.json").read_text()))
    node = editor.page.evaluate("() => app.graph._nodes.find(n => n.comfyClass === 'HiGenCueSchedule').id")
    curves = Curves(editor, node)
    curves.set_widget("motion_curve", json.dumps(PULSE))
    assert curves.shown() == 3
    record = editor.run()
    assert record["status"]["status_str"] == "success", record["status"]
    editor.fit()
    return curves, record


def test_the_measured_curves_lie_over_the_requested_ones(finished, editor):
    curves, record = finished
    entries = [entry for output in record["outputs"].values() for entry in output.get("higen_curves", [])]
    (sent,) = [entry for entry in entries if entry["kind"] == "measured"]
    assert sent["schedules"] == [str(curves.node)]
    assert len(sent["motion"]) == 15
    assert len(sent["appearance"]) == 16
    overlay = curves.plot.locator(".hc-overlay")
    overlay.locator(".hc-measured.hc-motion").wait_for(state="attached")
    assert overlay.locator(".hc-measured.hc-appearance").count() == 1
    assert curves.panel.locator(".hc-legend").inner_text() == "measured"
    editor.fit()
    editor.screenshot("cue-schedule-measured")

    workflow = editor.workflow()  # a saved workflow keeps what was measured
    editor.open()
    editor.load(workflow)
    curves.plot.locator(".hc-measured.hc-motion").wait_for(state="attached")


def test_the_measured_curve_can_be_traced(finished, editor):
    curves, _ = finished
    before = curves.widget("motion_curve")
    curves.button("Shape between points").click()
    editor.page.get_by_role("menuitem", name="Trace the measured curve").click()
    traced = json.loads(curves.widget("motion_curve"))
    assert traced["interpolation"] == "linear"
    assert 2 <= len(traced["points"]) <= 15
    assert curves.widget("motion_curve") != before
