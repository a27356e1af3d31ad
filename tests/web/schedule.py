"""The curve editor of a Cue Schedule node on the page, with the mouse actions that the tests use."""

import json

from ..comfyui.browser import Editor

NODE = "HiGenCueSchedule"
CONSTANTS = {"frames": 16, "motion": 500, "appearance": 1, "fps": 8}


def add_schedule(editor: Editor, x: int = 320, y: int = 120) -> "Curves":
    """Add a Cue Schedule node of 16 frames at x, y of the graph, shown without zoom."""
    before = editor.page.locator("svg.hc-plot").count()
    node = editor.add(NODE, x, y)
    editor.page.wait_for_function("n => document.querySelectorAll('svg.hc-plot').length > n", arg=before)
    editor.page.wait_for_timeout(400)  # the first layout of the node
    curves = Curves(editor, node, before)
    for name, value in CONSTANTS.items():
        curves.set_widget(name, value)
    return curves


class Curves:
    """One node's curve editor: positions of its parts on the page, and values of its widgets."""

    def __init__(self, editor: Editor, node: int, index: int = 0):
        self.editor, self.page, self.node, self.index = editor, editor.page, node, index

    @property
    def plot(self):
        return self.page.locator("svg.hc-plot").nth(self.index)

    @property
    def panel(self):
        return self.page.locator(".higen-curves").nth(self.index)

    def button(self, name: str):
        return self.panel.get_by_role("button", name=name)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Position in the clip and height (0..1) -> pixels of the page, measured on the grid lines."""
        box = self.plot.evaluate(
            """plot => {
                const lines = [...plot.querySelectorAll(".hc-grid line.hc-major")].map(l => l.getBoundingClientRect());
                const horizontal = lines.filter(l => l.width > l.height);
                const [left, right] = [horizontal[0].left, horizontal[0].right];
                const tops = horizontal.map(l => l.top + l.height / 2);
                return { left, right, top: Math.min(...tops), bottom: Math.max(...tops) };
            }"""
        )
        return box["left"] + x * (box["right"] - box["left"]), box["bottom"] - y * (box["bottom"] - box["top"])

    def drag(self, start, end, steps: int = 6) -> None:
        self.page.mouse.move(*self.place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end), steps=steps)
        self.page.mouse.up()

    def click(self, x: float, y: float, **options) -> None:
        self.page.mouse.click(*self.place(x, y), **options)

    def widget(self, name: str):
        return self.page.evaluate(
            "([id, name]) => app.graph.getNodeById(id).widgets.find(w => w.name === name).value", [self.node, name]
        )

    def set_widget(self, name: str, value) -> None:
        self.page.evaluate(
            """([id, name, value]) => {
                const widget = app.graph.getNodeById(id).widgets.find(w => w.name === name);
                widget.value = value;
                widget.callback?.(value);
            }""",
            [self.node, name, value],
        )

    def points(self, name: str = "motion") -> list[list[float]]:
        """The drawn points, rounded to 2 decimals; [] while the constant is used."""
        text = self.widget(f"{name}_curve")
        return [[round(v, 2) for v in point] for point in json.loads(text)["points"]] if text else []

    def shown(self, name: str = "motion") -> int:
        """Number of points on the plot of a curve."""
        return self.plot.locator(f".hc-track.hc-{name} .hc-point").count()
