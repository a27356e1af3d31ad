"""ComfyUI's graph editor in a headless Chromium: mouse, keyboard, and access to its `app` object."""

import base64
import mimetypes
import os
import shutil
import time
from pathlib import Path

from playwright.sync_api import BrowserType, Page

from .page_errors import PackErrors
from .paths import SCREENSHOTS
from .server import ComfyServer

RENDERERS = ("litegraph", "vue")  # the classic canvas and "Nodes 2.0"
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking".split()
FLAGS += "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required".split()
NO_BANNERS = """
    localStorage.setItem("vueNodesBannerDismissed", "true");
    addEventListener("DOMContentLoaded", () => {
        const style = document.createElement("style");
        style.textContent = ".p-toast-bottom-center { display: none }"; // about a change of the renderer
        document.head.append(style);
    });
"""
EMPTY = {"version": 0.4, "nodes": [], "links": [], "groups": [], "last_node_id": 0, "last_link_id": 0}
TEMPLATE_VIEW_MS = 500  # nodes/web/higen_template_view.js fits the view a moment after it was opened
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def launch(chromium: BrowserType):
    """Starts the browser at the path in the environment variable CHROMIUM, or the first of NAMES that is installed."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        raise FileNotFoundError(f"no browser: install one of {', '.join(NAMES)}, or set CHROMIUM to its path")
    return chromium.launch(executable_path=path, args=FLAGS)


class Editor:
    """The graph editor of a server, opened in a browser page with one of RENDERERS."""

    def __init__(self, page: Page, server: ComfyServer, renderer: str):
        self.page, self.server, self.renderer = page, server, renderer
        self.errors = PackErrors(page).texts  # console errors and uncaught exceptions of this pack
        self.open()

    def open(self) -> None:
        """Loads or reloads the page, with settings that keep dialogs and banners off the canvas."""
        settings = {
            "Comfy.TutorialCompleted": True,
            "Comfy.OnboardingCoachmarks.Seen": ["appMode", "firstRun"],
            "Comfy.Minimap.Visible": False,
            "Comfy.VueNodes.Enabled": self.renderer == "vue",
        }
        self.server.post("/settings", json=settings).raise_for_status()
        self.page.add_init_script(NO_BANNERS)
        self.page.goto(self.server.url)
        self.page.wait_for_selector("[data-testid=queue-button]")
        self.page.wait_for_function("window.app?.vueAppReady && app.graph")

    def leave(self) -> None:
        """Closes the graph editor, until `open`."""
        self.page.goto("about:blank")

    def start_over(self, renderer: str) -> None:
        """Shows an empty graph with one of RENDERERS, and closes all other workflows. Much faster than `open`."""
        self.renderer = renderer
        self.page.keyboard.press("Escape")
        self.load(EMPTY)
        self.page.evaluate(
            """async vueNodes => {
                await app.extensionManager.setting.set("Comfy.VueNodes.Enabled", vueNodes);
                const { workflow } = app.extensionManager;
                for (const open of [...workflow.openWorkflows])
                    if (open !== workflow.activeWorkflow) await workflow.closeWorkflow(open);
            }""",
            renderer == "vue",
        )
        self.page.wait_for_function("() => document.querySelectorAll('svg.hc-plot').length === 0")
        self.errors.clear()

    def reload(self) -> None:
        """Reloads the page as a user does: after it has saved the workflow, 0.5 s after a change in frontend 1.49."""
        self.page.wait_for_timeout(1500)
        self.page.reload()

    def load(self, workflow: dict) -> None:
        """Shows a workflow, as opening its file does."""
        self.page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
        if workflow.get("extra", {}).get("ds", {}).get("template"):
            self.page.evaluate("ms => new Promise(done => setTimeout(done, ms))", TEMPLATE_VIEW_MS)
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def add(self, node_type: str, x: int = 320, y: int = 120) -> int:
        """Adds a node at x, y of the graph, shown without zoom. Returns its id."""
        return self.page.evaluate(
            """([type, x, y]) => {
                const node = LiteGraph.createNode(type);
                node.pos = [x, y];
                app.graph.add(node);
                app.canvas.ds.offset = [0, 0];
                app.canvas.ds.scale = 1;
                app.canvas.setDirty(true, true);
                return node.id;
            }""",
            [node_type, x, y],
        )

    def box(self, node: int) -> dict[str, float]:
        """A node's body and title in pixels of the page: its element in Nodes 2.0, else as LiteGraph draws it."""
        if self.renderer == "vue":
            return self.page.locator(f"[data-node-id='{node}']").bounding_box()
        return self.page.evaluate(
            """id => {
                const { pos, size } = app.graph.getNodeById(id);
                const { left, top } = app.canvas.canvas.getBoundingClientRect();
                const { scale, offset } = app.canvas.ds;
                const title = LiteGraph.NODE_TITLE_HEIGHT;
                return {
                    x: left + (pos[0] + offset[0]) * scale, y: top + (pos[1] - title + offset[1]) * scale,
                    width: size[0] * scale, height: (size[1] + title) * scale,
                };
            }""",
            node,
        )

    def drag_corner(self, node: int, right: int, down: int) -> None:
        """Resizes a node with the mouse, by pixels of the page."""
        box = self.box(node)
        x, y = box["x"] + box["width"] - 3, box["y"] + box["height"] - 3
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right, y + down, steps=8)
        self.page.mouse.up()
        self.page.wait_for_timeout(400)

    def workflow(self) -> dict:
        """The workflow as the editor would save it now."""
        return self.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))")

    def prompt(self) -> dict:
        """The API prompt that the editor would queue now, without the titles that it adds."""
        prompt = self.page.evaluate("async () => (await app.graphToPrompt()).output")
        return {key: {k: v for k, v in node.items() if k != "_meta"} for key, node in prompt.items()}

    def missing_types(self) -> list[str]:
        """Types of nodes on the canvas that no installed pack provides."""
        return self.page.evaluate(
            """() => app.graph._nodes
                .filter(node => !LiteGraph.registered_node_types[node.type] && !node.isSubgraphNode?.())
                .map(node => node.type)"""
        )

    def run(self, seconds: float = 300) -> dict:
        """Clicks Run and waits for the end of the prompt. Returns its history: "outputs" by node id and "status"."""
        return self.wait_for(self.queue(), seconds)

    def queue(self) -> str:
        """Clicks Run. Returns the id of the prompt."""
        with self.page.expect_response(lambda r: r.url.endswith("/prompt") and r.request.method == "POST") as queued:
            self.page.get_by_test_id("queue-button").click()
        return self.server.accepted(queued.value.json())

    def wait_for(self, prompt_id: str, seconds: float = 300) -> dict:
        """Waits for the end of a prompt. Returns its history."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(200)  # the page handles its events meanwhile
            record = self.server.get(f"/history/{prompt_id}").json()
            if record:
                return record[prompt_id]
        raise TimeoutError(f"the prompt took more than {seconds:.0f} s\n{self.server.log_tail()}")

    def drop(self, path: Path) -> None:
        """Drops a file from the desktop onto the canvas."""
        file = {
            "name": path.name,
            "type": mimetypes.guess_type(path.name)[0] or "",
            "bytes": base64.b64encode(path.read_bytes()).decode(),
        }
        self.page.evaluate(
            """({ name, type, bytes }) => {
                const data = Uint8Array.from(atob(bytes), c => c.charCodeAt(0));
                const transfer = new DataTransfer();
                transfer.items.add(new File([data], name, { type }));
                const canvas = document.querySelector("canvas#graph-canvas");
                const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
                for (const kind of ["dragenter", "dragover", "drop"])
                    canvas.dispatchEvent(new DragEvent(kind, options));
            }""",
            file,
        )

    def screenshot(self, name: str) -> Path:
        """Saves the page as screenshots/NAME-RENDERER.png."""
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}-{self.renderer}.png"
        self.page.screenshot(path=path)
        return path

    def fit(self) -> None:
        """Zooms so that the whole graph is visible."""
        self.page.locator("canvas#graph-canvas").focus()
        self.page.keyboard.press(".")
        self.page.wait_for_timeout(600)
