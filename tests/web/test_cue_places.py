"""A schedule keeps its curve while the page rearranges: other workflow tabs, a collapsed node, the other renderer."""

from .conftest import Curves, add_schedule

NOTE = "() => app.extensionManager.workflow.activeWorkflow.changeTracker.checkState()"
NEW_TAB = "() => app.extensionManager.command.execute('Comfy.NewBlankWorkflow')"
COLLAPSE = "id => app.graph.getNodeById(id).collapse()"
RENDERER = "vue => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', vue)"


def test_nodes_with_one_id_in_two_tabs_share_nothing(schedule, editor):
    schedule.click(0.4, 0.9)
    here = schedule.points()
    editor.page.evaluate(NOTE)
    editor.page.evaluate(NEW_TAB)
    editor.page.wait_for_function("() => document.querySelectorAll('svg.hc-plot').length === 0")
    other = add_schedule(editor)
    assert other.node == schedule.node
    assert other.points() == []
    other.click(0.2, 0.2)
    there = other.points()
    editor.page.evaluate(NOTE)

    tabs = editor.page.locator(".workflow-tab")
    for tab, points in ((-2, here), (-1, there)):
        tabs.nth(tabs.count() + tab).click()
        editor.page.wait_for_timeout(3000)  # Vue nodes are redrawn in their own time
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


def test_the_renderer_can_be_changed_with_a_curve_on_the_page(schedule, editor):
    schedule.click(0.4, 0.9)
    before = schedule.points()
    editor.page.evaluate(RENDERER, editor.renderer != "vue")
    editor.page.wait_for_timeout(2500)
    changed = Curves(editor, schedule.node)
    assert changed.points() == before
    changed.click(0.8, 0.3)
    assert changed.shown() == 4
    editor.page.evaluate(RENDERER, editor.renderer == "vue")


def test_the_wheel_zooms_and_the_middle_button_pans_over_the_plot(schedule):
    view = "() => [app.canvas.ds.scale, ...app.canvas.ds.offset]"
    before = schedule.page.evaluate(view)
    schedule.page.mouse.move(*schedule.place(0.3, 0.3))
    schedule.page.mouse.wheel(0, -120)
    schedule.page.wait_for_function("scale => app.canvas.ds.scale > scale", arg=before[0])
    zoomed = schedule.page.evaluate(view)
    schedule.page.mouse.move(*schedule.place(0.3, 0.3))
    schedule.page.mouse.down(button="middle")
    schedule.page.mouse.move(700, 300, steps=5)
    schedule.page.mouse.up(button="middle")
    assert schedule.page.evaluate(view)[1:] != zoomed[1:]
    assert schedule.points() == []
