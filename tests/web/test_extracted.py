"""Cues of a real video, connected to the Cue Schedule, lie as dotted lines under its curves after a run."""

import itertools
import json
import re

import pytest

from ..comfyui.paths import WORKFLOWS
from .conftest import Curves

# The bundled workflow without its samplers: video -> Cue Extractor -> Cue Schedule -> Preview Image.
WIRE = """() => {
    const only = type => app.graph._nodes.find(node => node.comfyClass === type);
    const extractor = only("HiGenCueExtractor"), schedule = only("HiGenCueSchedule");
    for (const type of ["HiGenSpatialPriorSampler", "HiGenTemporalSampler", "VAEDecode", "HiGenVideoCombine"])
        app.graph.remove(only(type));
    extractor.connect(0, schedule, "motion_from");
    extractor.connect(0, schedule, "appearance_from");
    schedule.connect(1, only("PreviewImage"), 0);
    return schedule.id;
}"""
INTO_SUBGRAPH = """([id, motion]) => {
    const schedule = app.graph.getNodeById(id);
    schedule.widgets.find(widget => widget.name === "motion").value = motion;
    app.canvas.deselectAll();
    app.canvas.selectNode(schedule);
    const { node } = app.graph.convertToSubgraph(app.canvas.selectedItems);
    return [node.id, node.subgraph._nodes[0].id];
}"""
OPEN = "id => { const node = app.graph.getNodeById(id); app.canvas.openSubgraph(node.subgraph, node); }"
FRESH = itertools.count(100)  # a node whose inputs are as in an earlier run is not run again, and sends nothing
UNPLUG = "id => app.graph.getNodeById(id).disconnectInput(0)"


@pytest.fixture
def extracted(editor):
    """The schedule's curves after a run, and the entry with the cues that the server sent for them."""
    editor.load(json.loads((WORKFLOWS / "motion_transfer.json").read_text()))
    curves = Curves(editor, editor.page.evaluate(WIRE))
    return curves, run(curves)


def run(curves: Curves) -> dict:
    curves.set_widget("motion", next(FRESH))
    record = curves.editor.run()
    assert record["status"]["status_str"] == "success", record["status"]
    (entry,) = record["outputs"][str(curves.node)]["higen_curves"]
    assert entry["kind"] == "extracted"
    curves.editor.fit()
    return entry


def line(curves: Curves, name: str):
    return curves.plot.locator(f".hc-overlay .hc-extracted.hc-{name}")


def heights(curves: Curves, part: str) -> list[float]:
    """Heights (0..1) of the points of a path in the plot, read against the grid's."""
    path = curves.plot.locator(part).get_attribute("d")
    grid = curves.plot.locator(".hc-grid .hc-major").evaluate_all(
        "lines => lines.filter(l => l.getAttribute('y1') === l.getAttribute('y2')).map(l => +l.getAttribute('y1'))"
    )
    top, bottom = min(grid), max(grid)
    return [(bottom - float(y)) / (bottom - top) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]


def test_the_extracted_cues_are_dotted_lines_under_the_curves(extracted, editor):
    curves, entry = extracted
    line(curves, "motion").wait_for(state="attached")
    assert len(set(entry["motion"])) > 3  # the video does not stand still
    assert heights(curves, ".hc-extracted.hc-motion") == pytest.approx([v / 1000 for v in entry["motion"]], abs=1e-3)
    assert heights(curves, ".hc-extracted.hc-appearance") == pytest.approx(entry["appearance"], abs=1e-3)
    assert line(curves, "motion").evaluate("e => getComputedStyle(e).strokeDasharray") != "none"
    assert curves.panel.locator(".hc-legend").inner_text() == "extracted"
    editor.screenshot("cue-schedule-extracted")

    editor.page.reload()
    line(curves, "motion").wait_for(state="attached")


def test_the_dots_are_what_the_frames_get(extracted):
    """Strength 1 puts them on the dotted line, 0 on the drawn curve, and half of it in between."""
    curves, entry = extracted
    wanted = [v / 1000 for v in entry["motion"]]
    constant = curves.widget("motion") / 1000
    for strength in (1, 0, 0.5):
        curves.set_widget("motion_strength", strength)
        mixed = [constant + strength * (v - constant) for v in wanted]
        assert heights(curves, ".hc-track.hc-motion .hc-values") == pytest.approx(mixed, abs=2e-3)
    curves.set_widget("motion_strength", 1)
    curves.page.evaluate(UNPLUG, curves.node)
    assert heights(curves, ".hc-track.hc-motion .hc-values") == pytest.approx([constant] * 15, abs=2e-3)


def test_an_extracted_line_can_be_traced(extracted, editor):
    curves, entry = extracted
    curves.button("Shape between points").click()
    editor.page.get_by_role("menuitem", name="Trace the extracted curve").click()
    xs, ys = zip(*curves.points("motion"), strict=True)
    steps = len(entry["motion"])
    assert xs[0] == pytest.approx(0.5 / steps, abs=0.01)
    assert ys[0] == pytest.approx(entry["motion"][0] / 1000, abs=0.01)
    assert ys[-1] == pytest.approx(entry["motion"][-1] / 1000, abs=0.01)


def test_a_schedule_in_a_subgraph_gets_them(editor):
    """Its id in the run is that of the subgraph's node and its own."""
    editor.load(json.loads((WORKFLOWS / "motion_transfer.json").read_text()))
    outer, inner = editor.page.evaluate(INTO_SUBGRAPH, [editor.page.evaluate(WIRE), next(FRESH)])
    record = editor.run()
    assert record["status"]["status_str"] == "success", record["status"]
    (entry,) = record["outputs"][f"{outer}:{inner}"]["higen_curves"]
    editor.page.evaluate(OPEN, outer)
    curves = Curves(editor, inner)
    line(curves, "motion").wait_for(state="attached")
    assert heights(curves, ".hc-extracted.hc-motion") == pytest.approx([v / 1000 for v in entry["motion"]], abs=1e-3)
    editor.errors = [error for error in editor.errors if "cleanup event listeners" not in error]  # the page's own
    editor.open()  # after that error, frontend 1.32 shows no Vue node of the next workflow, whoever's it is


def test_a_disconnected_source_takes_its_line_away(extracted, editor):
    curves, _ = extracted
    editor.page.evaluate(UNPLUG, curves.node)
    assert run(curves)["motion"] == []
    line(curves, "motion").wait_for(state="detached")
    line(curves, "appearance").wait_for(state="attached")
