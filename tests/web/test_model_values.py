"""What is left to the model: nodes show what it stands for, and what a run without cues or motion did."""

import json

import pytest

from higen_core.cues.response import motion_reach
from higen_core.weights.checkpoint import read_info

from ..comfyui.paths import WORKFLOWS
from .schedule import NODE, add_schedule

WORKFLOW = json.loads((WORKFLOWS / "text_to_video.json").read_text())
ALL_CUES = "Model default: frames 0 → 16, motion -1 → 500, appearance -1 → 0"
MUTED, BYPASSED = 2, 4
NOTE = """type => app.graph.nodes.find(node => node.comfyClass === type)
    .widgets.find(widget => widget.name === "higen_note").element.innerText"""
SET = """([type, name, value]) => {
    const widget = app.graph.nodes.find(node => node.comfyClass === type).widgets.find(w => w.name === name);
    widget.value = value;
    widget.callback?.(value);
}"""
MODE = "([type, mode]) => { app.graph.nodes.find(node => node.comfyClass === type).mode = mode; }"
DISABLED = """([id, name]) => Boolean(app.graph.getNodeById(id).widgets.find(w => w.name === name).disabled)"""


def wait_for_note(editor, node_type, text):
    editor.page.wait_for_function(f"([type, text]) => ({NOTE})(type).includes(text)", arg=[node_type, text])


def test_nodes_show_the_values_of_the_selected_model_before_a_run(editor):
    editor.load(WORKFLOW)
    sampling = "steps 0 → 12, cfg -1 → {}, sampler → dpmpp_2m"
    size = "width 0 → 64, height 0 → 64"
    wait_for_note(editor, "HiGenSpatialPriorSampler", f"Model default: {size}, {sampling.format(3)}")
    wait_for_note(editor, "HiGenTemporalSampler", f"Model default: {sampling.format(2)}")
    wait_for_note(editor, NODE, ALL_CUES)
    editor.page.evaluate(SET, ["HiGenTemporalSampler", "steps", 7])
    wait_for_note(editor, "HiGenTemporalSampler", "Model default: cfg -1 → 2, sampler → dpmpp_2m")
    assert "steps" not in editor.page.evaluate(NOTE, "HiGenTemporalSampler")
    assert editor.page.locator(".higen-note", has_text="frames 0 → 16, motion -1 → 500").is_visible()
    editor.screenshot("model-values")

    editor.page.evaluate(SET, ["HiGenLoader", "weights", "no such file"])
    editor.page.wait_for_function(f"type => ({NOTE})(type) === ''", arg="HiGenTemporalSampler")


def test_the_curve_editor_draws_the_constants_of_the_model(editor):
    editor.load(WORKFLOW)
    wait_for_note(editor, NODE, "frames 0 → 16")
    readout = editor.page.locator(".hc-readout")
    assert "16 frames (0–15), 2.0 s" in readout.inner_text()
    percent = 100 * 1000 / read_info("mini").motion_scale  # of full brightness per frame, also before the first run
    label = editor.page.locator(".hc-tick.hc-motion.hc-small").nth(4)
    assert label.evaluate("label => label.firstChild.data") == f"{percent:.2g} %"
    plot = editor.page.locator("svg.hc-plot")
    plot.focus()
    editor.page.keyboard.press("PageDown")
    assert "Motion 500" in readout.inner_text()
    assert "Appearance 0.00" in readout.inner_text()


PLOT_BOXES = """() => {
    const grid = document.querySelector("svg.hc-plot .hc-grid");
    const box = part => part.getBoundingClientRect();
    const shades = [...grid.querySelectorAll(".hc-beyond")].map(box).map(({ y, height }) => ({ y, height }));
    return [shades, [...grid.querySelectorAll("line.hc-major")].map(line => box(line).y)];
}"""

FRONT = "([x, y]) => document.elementFromPoint(x, y).textContent"


def test_motion_beyond_that_of_clips_of_the_model_is_shaded(editor):
    reach = motion_reach(read_info("mini"))
    editor.load(WORKFLOW)
    wait_for_note(editor, NODE, "frames 0 → 16")
    label = editor.page.locator(".hc-reach")
    label.wait_for()
    tooltip = (
        f"Clips of this model show a motion of {reach[0]:.0f} to {reach[1]:.0f} on average; single frames can have more"
    )
    assert label.text_content() == f"shaded: clips of this model average {reach[1]:.0f} at most{tooltip}"
    (low, high), lines = editor.page.evaluate(PLOT_BOXES)
    top, bottom = min(lines), high["y"] + 1000 / (1000 - reach[1]) * high["height"]
    assert high["y"] == pytest.approx(top, abs=1.5)
    assert low["y"] + low["height"] == pytest.approx(bottom, abs=1.5)
    assert low["height"] == pytest.approx(reach[0] / 1000 * (bottom - top), abs=1.5)
    box, plot = label.bounding_box(), editor.page.locator("svg.hc-plot").bounding_box()
    assert plot["y"] < box["y"], "below the hint"
    assert box["y"] + box["height"] < top, "clear of all curves"
    middle = plot["x"] + plot["width"] / 2
    assert editor.page.evaluate(FRONT, [middle, high["y"] + high["height"] / 2]) == tooltip
    editor.screenshot("beyond-reach")

    editor.page.evaluate(SET, ["HiGenLoader", "weights", "no such file"])
    label.wait_for(state="detached")
    assert editor.page.locator(".hc-beyond").count() == 0


@pytest.mark.parametrize("cue", ["motion", "appearance"])
def test_a_constant_is_dimmed_with_the_reason_while_its_curve_is_drawn(editor, cue):
    schedule = add_schedule(editor)
    reason = schedule.panel.get_by_text(f"{cue.capitalize()}: the drawn curve replaces the number above")
    assert not editor.page.evaluate(DISABLED, [schedule.node, cue])
    schedule.button(cue.capitalize()).click()
    schedule.click(0.5, 0.2)
    editor.page.mouse.move(5, 5)  # on the plot the line says how to draw
    reason.wait_for()
    assert editor.page.evaluate(DISABLED, [schedule.node, cue])
    if editor.renderer == "vue":
        row = editor.page.locator(f"[data-node-id='{schedule.node}'] .lg-node-widget:has([aria-label='{cue}'])")
        assert row.evaluate("element => getComputedStyle(element).opacity") == "0.4"
    editor.screenshot(f"dimmed-{cue}")
    schedule.button("Undo").click()
    editor.page.mouse.move(5, 5)
    reason.wait_for(state="detached")
    assert not editor.page.evaluate(DISABLED, [schedule.node, cue])


def test_the_note_lists_a_constant_only_while_it_has_an_effect(editor):
    editor.load(WORKFLOW)
    wait_for_note(editor, NODE, ALL_CUES)
    editor.page.evaluate(SET, [NODE, "motion_curve", '{"points": [[0, 0.1]], "interpolation": "linear"}'])
    wait_for_note(editor, NODE, "Model default: frames 0 → 16, appearance -1 → 0")
    editor.page.evaluate(SET, [NODE, "motion_curve", ""])
    wait_for_note(editor, NODE, ALL_CUES)


def test_a_constant_is_dimmed_while_a_curve_is_connected(editor):
    """The motion curve of one schedule on another."""
    first, second = add_schedule(editor, 20), add_schedule(editor, 600)
    editor.page.evaluate(
        """([from, to]) => {
            const [source, target] = [from, to].map(id => app.graph.getNodeById(id));
            source.connect("motion_curve", target, "motion_curve_from");
        }""",
        [first.node, second.node],
    )
    second.panel.get_by_text("Motion: the connected curve replaces the number above").wait_for()
    assert editor.page.evaluate(DISABLED, [second.node, "motion"])
    assert not editor.page.evaluate(DISABLED, [second.node, "appearance"])


@pytest.mark.medium
@pytest.mark.parametrize("mode", [MUTED, BYPASSED])
def test_a_run_without_a_schedule_says_which_cues_it_used(editor, mode):
    editor.load(WORKFLOW)
    editor.page.evaluate(MODE, [NODE, mode])
    editor.page.evaluate(SET, ["HiGenTemporalSampler", "steps", mode])
    assert editor.run()["status"]["status_str"] == "success"
    text = "No cues are connected: those of the model, 16 frames, motion 500, appearance 0"
    wait_for_note(editor, "HiGenTemporalSampler", text)
    assert editor.page.evaluate(NOTE, "HiGenVideoCombine") == "Model default: fps 0 → 8"
    editor.fit()
    editor.screenshot("no-cues")


@pytest.mark.medium
def test_a_bypassed_temporal_sampler_does_not_end_in_a_still_image_without_a_word(editor):
    editor.load(WORKFLOW)
    editor.page.evaluate(MODE, ["HiGenTemporalSampler", BYPASSED])
    assert editor.run()["status"]["status_str"] == "success"
    wait_for_note(editor, "HiGenVideoCombine", "images has a single frame, so the video is a still picture.")
    editor.fit()
    assert editor.page.locator(".higen-note", has_text="single frame").is_visible()
    editor.screenshot("single-frame")
