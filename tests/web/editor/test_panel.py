"""Keyboard, menu, read-out and messages of the curve editor."""

import json

import pytest


def test_keyboard_only(schedule, editor):
    schedule.plot.focus()
    press = schedule.page.keyboard.press
    press("Home")
    press("Enter")  # a point half-way
    press("ArrowRight")
    for _ in range(3):
        press("Shift+ArrowUp")
    press("ArrowDown")
    assert schedule.points() == [[0, 0.5], [0.6, 0.79], [1, 0.5]]
    press(" ")  # the other curve
    press("End")
    press("Shift+ArrowDown")
    assert schedule.points("appearance") == [[0, 1], [1, 0.9]]
    press("Shift+F10")
    assert schedule.page.get_by_role("menu").is_visible()
    editor.screenshot("cue-schedule-menu")
    press("Escape")
    assert schedule.page.get_by_role("menu").count() == 0
    press("Control+z")
    assert schedule.points("appearance") == []
    assert schedule.plot.get_attribute("aria-activedescendant") is not None


def test_delete_after_a_button_does_not_delete_the_node(schedule):
    schedule.click(0.4, 0.9)
    for press in ("Delete", "Backspace"):
        schedule.button("Draw the appearance curve").click()
        schedule.page.keyboard.press(press)
        schedule.button("Draw the motion curve").focus()
        schedule.page.keyboard.press(press)
    assert schedule.page.evaluate("() => app.graph._nodes.length") == 1
    assert len(schedule.points()) == 3


def test_the_selected_point_is_announced_to_screen_readers(schedule):
    schedule.click(0.4, 0.9)
    label = schedule.plot.get_attribute("aria-activedescendant")
    point = schedule.page.locator(f"#{label}")
    assert point.get_attribute("role") == "slider"
    assert point.get_attribute("aria-label") == "Motion point 2 of 3"
    assert point.get_attribute("aria-valuetext").startswith("frame 6 of 0–15 (0.75 s), motion ")
    assert schedule.panel.get_by_role("status").inner_text() == point.get_attribute("aria-valuetext")


def test_presets_and_shapes_from_the_menu(schedule, editor):
    schedule.click(0.5, 0.6, button="right")
    schedule.page.get_by_role("menuitem", name="Freeze, then go").click()
    assert json.loads(schedule.widget("motion_curve"))["interpolation"] == "step"
    schedule.button("Shape between points").click()
    schedule.page.get_by_role("menuitemradio", name="Smooth").click()
    assert json.loads(schedule.widget("motion_curve"))["interpolation"] == "monotone_cubic"
    editor.screenshot("cue-schedule-preset")
    schedule.button("Shape between points").click()
    schedule.page.get_by_role("menuitemradio", name="Constant").click()
    assert schedule.widget("motion_curve") == ""


def test_the_value_under_the_cursor_is_shown(schedule):
    schedule.page.mouse.move(*schedule.place(0.4, 0.3))
    readout = schedule.panel.locator(".hc-readout").inner_text()
    assert "frame 6 of 0–15 (0.75 s)" in readout
    assert "Motion 500" in readout
    assert "Appearance 1.00" in readout


def test_the_constant_follows_the_number_above(schedule):
    schedule.set_widget("motion", 250)
    schedule.plot.hover()
    assert "Motion 250" in schedule.panel.locator(".hc-readout").inner_text()
    schedule.set_widget("frames", 32)
    assert schedule.plot.locator(".hc-frame").last.text_content() == "frame"
    assert "30" in schedule.plot.locator(".hc-frame").all_text_contents()


@pytest.mark.parametrize("value", ["{bad", '{"points": [[0, 7]]}', None, 5, {"points": []}])
def test_an_invalid_value_is_reported_and_can_be_deleted(schedule, editor, value):
    workflow = editor.workflow()
    values = workflow["nodes"][0]["widgets_values"]
    values[3] = value
    editor.load(workflow)
    editor.page.wait_for_timeout(500)
    alert = schedule.panel.get_by_role("alert")
    if value is None:
        assert not alert.is_visible()
        return
    assert "The motion curve of this workflow cannot be read" in alert.inner_text()
    editor.screenshot("cue-schedule-invalid")
    assert schedule.shown() == 2  # the constant
    alert.get_by_role("button").click()
    assert not alert.is_visible()
    assert schedule.widget("motion_curve") == ""


def test_light_theme(schedule, editor):
    schedule.click(0.4, 0.8)
    editor.page.evaluate("() => app.extensionManager.setting.set('Comfy.ColorPalette', 'light')")
    editor.page.wait_for_timeout(500)
    panel = schedule.panel.evaluate("e => getComputedStyle(e).backgroundColor")
    assert min(int(v) for v in panel[4:-1].split(",")) > 200, panel
    editor.screenshot("cue-schedule-light")
    editor.page.evaluate("() => app.extensionManager.setting.set('Comfy.ColorPalette', 'dark')")
    editor.page.wait_for_timeout(300)


def test_the_line_above_the_plot_says_how_to_draw_and_never_moves_the_plot(schedule, editor):
    how, place = schedule.panel.get_by_text("double-click or Delete removes it", exact=False), schedule.place(0.5, 0.5)
    assert how.is_visible()
    schedule.click(0.5, 0.9)  # the number above has no effect now
    assert how.is_visible()
    assert schedule.place(0.5, 0.5) == place
    schedule.page.mouse.move(5, 5)
    schedule.panel.get_by_text("Motion: the drawn curve replaces the number above").wait_for()
    assert schedule.place(0.5, 0.5) == place
    editor.screenshot("idle-constant")
