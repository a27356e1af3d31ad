"""Each Cue Schedule node keeps its own curve: saved, copied, in other workflow tabs and subgraphs."""

import json

from .renderers import MOSTLY_NODES_2
from .schedule import Curves, add_schedule

RECORD = "() => app.extensionManager.workflow.activeWorkflow.changeTracker.checkState()"
STEP = "async name => await app.extensionManager.workflow.activeWorkflow.changeTracker[name]()"
NEW_TAB = "() => app.extensionManager.command.execute('Comfy.NewBlankWorkflow')"
COLLAPSE = "id => app.graph.getNodeById(id).collapse()"
RENDERER = "vue => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', vue)"


def test_a_saved_workflow_restores_the_curve(schedule, editor):
    schedule.drag((0.5, 0.5), (0.4, 0.9))
    saved = schedule.widget("motion_curve")
    workflow = editor.workflow()
    editor.open()
    editor.load(workflow)
    editor.page.wait_for_selector("svg.hc-plot")
    reloaded = Curves(editor, schedule.node)
    assert reloaded.widget("motion_curve") == saved
    assert reloaded.shown() == 3


def test_an_old_workflow_without_curves_opens_with_its_constants(editor):
    add_schedule(editor)
    workflow = editor.workflow()
    workflow["nodes"][0]["widgets_values"] = [24, 300, 0.5]
    editor.load(workflow)
    editor.page.wait_for_timeout(500)
    old = Curves(editor, workflow["nodes"][0]["id"])
    assert old.widget("motion_curve") == ""
    old.plot.hover()
    readout = old.panel.locator(".hc-readout").inner_text()
    assert "Motion 300" in readout
    assert "Appearance 0.50" in readout


def test_undo_of_the_graph_shows_the_older_curve(schedule, editor):
    schedule.click(0.2, 0.8)
    schedule.page.wait_for_timeout(600)
    schedule.click(0.6, 0.2)
    assert len(schedule.points()) == 4
    schedule.page.keyboard.press("Escape")
    schedule.page.keyboard.press("Escape")
    editor.page.evaluate("async () => await app.extensionManager.workflow.activeWorkflow.changeTracker.undo()")
    editor.page.wait_for_timeout(500)
    assert len(schedule.points()) == 3
    assert schedule.shown() == 3
    schedule.click(0.8, 0.7)  # the editor on the page belongs to the node in the graph
    assert len(schedule.points()) == 4


def test_undo_of_the_graph_goes_on_after_undo_in_the_editor(schedule, editor):
    editor.page.evaluate(RECORD)
    schedule.click(0.2, 0.8)
    schedule.click(0.6, 0.2)
    editor.page.wait_for_timeout(600)  # the page has recorded both
    schedule.button("Undo").click()
    assert len(schedule.points()) == 3
    editor.page.wait_for_timeout(300)
    for command, points in (("undo", 0), ("redo", 3), ("redo", 4)):
        editor.page.evaluate(STEP, command)
        editor.page.wait_for_timeout(500)
        assert len(schedule.points()) == points
    schedule.plot.focus()  # the editor of the new node has nothing to undo itself
    editor.page.keyboard.press("Control+z")
    editor.page.wait_for_timeout(800)
    assert len(schedule.points()) == schedule.shown() == 3


def test_a_pasted_copy_keeps_its_own_curve(schedule, editor):
    schedule.click(0.5, 0.9)
    editor.page.evaluate(
        """id => {
            app.canvas.selectNode(app.graph.getNodeById(id));
            app.canvas.copyToClipboard();
            app.canvas.graph_mouse = [760, 120];
            app.canvas.pasteFromClipboard();
        }""",
        schedule.node,
    )
    editor.page.wait_for_function("() => document.querySelectorAll('svg.hc-plot').length === 2")
    editor.page.wait_for_timeout(400)
    copy = Curves(editor, editor.page.evaluate("id => app.graph._nodes.find(n => n.id !== id).id", schedule.node), 1)
    assert copy.points() == schedule.points()
    schedule.click(0.8, 0.2)
    assert len(schedule.points()) == 4
    assert len(copy.points()) == 3
    assert copy.shown() == 3


def test_each_node_has_its_own_curve(editor):
    nodes = [add_schedule(editor, x, 120) for x in (80, 540)]
    for i in range(12):
        editor.page.evaluate(
            "y => { const n = LiteGraph.createNode('HiGenCueSchedule'); n.pos = [80, y]; app.graph.add(n); }",
            1000 + 600 * i,
        )
    nodes[1].click(0.3, 0.8)
    values = editor.page.evaluate(
        "() => Object.fromEntries(app.graph._nodes.map(n => [n.id, n.widgets.map(w => w.value).join()]))"
    )
    assert len(values) == 14
    assert [node for node, value in values.items() if "points" in value] == [str(nodes[1].node)]


def test_inside_a_subgraph(schedule, editor):
    schedule.click(0.5, 0.9)
    editor.page.evaluate(
        """id => {
            app.canvas.selectNode(app.graph.getNodeById(id));
            const { node } = app.graph.convertToSubgraph(app.canvas.selectedItems);
            app.canvas.openSubgraph(node.subgraph, node);
        }""",
        schedule.node,
    )
    editor.page.wait_for_timeout(600)
    assert schedule.shown() == 3
    inside = "() => app.canvas.graph._nodes.find(n => n.comfyClass === 'HiGenCueSchedule').widgets[3].value"
    editor.page.evaluate(
        "() => { app.canvas.ds.offset = [0, 0]; app.canvas.ds.scale = 1; app.canvas.setDirty(true, true); }"
    )
    editor.page.wait_for_timeout(300)
    schedule.click(0.8, 0.2)
    assert len(json.loads(editor.page.evaluate(inside))["points"]) == 4


@MOSTLY_NODES_2
def test_nodes_of_two_tabs_with_the_same_id_have_their_own_curves(schedule, editor):
    schedule.click(0.4, 0.9)
    first_points = schedule.points()
    editor.page.evaluate(RECORD)
    editor.page.evaluate(NEW_TAB)
    editor.page.wait_for_function("() => document.querySelectorAll('svg.hc-plot').length === 0")
    second = add_schedule(editor)
    assert second.node == schedule.node
    assert second.points() == []
    second.click(0.2, 0.2)
    second_points = second.points()
    editor.page.evaluate(RECORD)

    tabs = editor.page.locator(".workflow-tab")
    for tab, points in ((-2, first_points), (-1, second_points)):
        tabs.nth(tabs.count() + tab).click()
        editor.page.wait_for_timeout(3000)  # the Vue renderer redraws nodes later
        curves = Curves(editor, schedule.node)
        assert curves.points() == points
        assert curves.shown() == 3
        curves.click(0.8, 0.7)
        assert len(curves.points()) == 4


def test_collapsing_and_expanding_keeps_the_curve(schedule, editor):
    schedule.click(0.4, 0.9)
    before = schedule.points()
    editor.page.evaluate(COLLAPSE, schedule.node)
    schedule.plot.wait_for(state="hidden")
    editor.page.evaluate(COLLAPSE, schedule.node)
    schedule.plot.wait_for(state="visible")
    editor.page.wait_for_timeout(400)
    assert schedule.points() == before
    schedule.click(0.8, 0.2)
    assert schedule.shown() == 4


def test_a_change_of_the_renderer_keeps_the_curve(schedule, editor):
    schedule.click(0.4, 0.9)
    before = schedule.points()
    editor.page.evaluate(RENDERER, editor.renderer != "vue")
    editor.page.wait_for_timeout(2500)
    changed = Curves(editor, schedule.node)
    assert changed.points() == before
    changed.click(0.8, 0.3)
    assert changed.shown() == 4
    editor.page.evaluate(RENDERER, editor.renderer == "vue")
