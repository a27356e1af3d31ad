"""The lines below the plot: values at the pointer or of the selected point, and what the lines of a run are."""

import pytest

RESULTS = """id => app.api.dispatchCustomEvent("executed", { node: String(id), prompt_id: "", output: { higen_curves: [
    { schedules: [String(id)], kind: "measured", motion: Array(15).fill(300), appearance: Array(16).fill(0.5),
      motion_scale: 10000, inputs: { [id]: { motion_curve: "{}" } } },
    { schedules: [String(id)], kind: "extracted", motion: Array(15).fill(700), appearance: Array(16).fill(0.2) },
] } })"""
CUT = """foot => [...foot.querySelectorAll("*")]
    .filter(part => part.clientWidth && part.scrollWidth > part.clientWidth).map(part => part.textContent)"""
SAMPLE = """style => {
    const key = document.querySelector(".hc-key-measured");
    return getComputedStyle(key, "::before").borderTopStyle === style;
}"""


@pytest.fixture
def finished(schedule):
    """The editor in a node of the least width, with lines of another curve's run, and of another video."""
    schedule.page.evaluate("id => app.graph.getNodeById(id).setSize([420, 520])", schedule.node)
    schedule.page.evaluate(RESULTS, schedule.node)
    schedule.plot.locator(".hc-outdated").first.wait_for(state="attached")
    return schedule


def test_values_and_legend_are_whole_at_the_least_width(finished, editor):
    foot = finished.panel.locator(".hc-foot")
    finished.click(1, 0.5)
    for text in ("frame 15 of 0–15 (1.88 s)", "Motion 500 =", "%/frame", "Appearance", "before change", "extracted"):
        assert text in foot.inner_text()
    assert foot.evaluate(CUT) == []
    box, legend = foot.bounding_box(), foot.locator(".hc-legend").bounding_box()
    for part in foot.locator(".hc-readout > *").all():
        inner = part.bounding_box()
        assert inner["x"] + inner["width"] <= box["x"] + box["width"]
        assert inner["x"] + inner["width"] <= legend["x"] or inner["y"] >= legend["y"] + legend["height"]
    editor.screenshot("foot")


def test_the_sample_of_dotted_lines_is_dotted(finished):
    finished.page.wait_for_function(SAMPLE, arg="dotted")
    finished.set_widget("motion_curve", "{}")
    finished.panel.locator(".hc-key-measured").get_by_text("measured", exact=True).wait_for()
    finished.page.wait_for_function(SAMPLE, arg="solid")
