"""`python -m tests.web.help.workflow_screenshots [NAME ...]` takes the images of the workflows for ComfyUI's templates.

Workflows of mini run first, so that the images show their results; those of other weights are shown without results.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from ...comfyui.browser import Editor, launch
from ...comfyui.paths import ROOT, WORKFLOWS
from ...comfyui.server import ComfyServer
from ...comfyui.workflow import load_prompt

OTHER_WEIGHTS = ("text_to_video_released", "stock_sampler_prior")
SETTINGS = {"Comfy.NodeBadge.NodeSourceBadgeMode": "None", "Comfy.Workflow.ShowMissingModelsWarning": False}
MAX_WIDTH = 1500  # pixels of an image; at this size a node's text can be read
LEFT, TOP, RIGHT, BOTTOM = 80, 150, 40, 80  # pixels that the frontend's panels cover
MARGIN = 16  # pixels around the graph
TITLE = 40  # units of the graph from a node's title bar down to its position
MAX_SIZE = 150_000  # bytes

BOUNDS = """title => {
    const box = ({ pos: [x, y], size: [width, height], flags }, above) =>
        [x, y - above, x + width, y + (flags?.collapsed ? 0 : height)];
    const boxes = [...app.graph._nodes.map(n => box(n, title)), ...app.graph._groups.map(g => box(g, 0))];
    return [0, 1, 2, 3].map(i => Math[i < 2 ? "min" : "max"](...boxes.map(box => box[i])));
}"""
SHOW = """([x, y, scale, left, top]) => {
    app.canvas.deselectAll();
    app.canvas.low_quality_zoom_threshold = 0;
    app.canvas.min_font_size_for_lod = 0;
    app.canvas.ds.scale = scale;
    app.canvas.ds.offset = [left / scale - x, top / scale - y];
    app.canvas.setDirty(true, true);
}"""


def take(editor: Editor) -> bytes:
    """A screenshot of the whole graph, as a JPEG file."""
    x, y, right, bottom = editor.page.evaluate(BOUNDS, TITLE)
    scale = min(1.0, (MAX_WIDTH - 2 * MARGIN) / (right - x))
    width, height = round(scale * (right - x)) + 2 * MARGIN, round(scale * (bottom - y)) + 2 * MARGIN
    editor.page.set_viewport_size({"width": LEFT + width + RIGHT, "height": TOP + height + BOTTOM})
    editor.page.wait_for_timeout(1500)  # the canvas is resized
    editor.page.evaluate(SHOW, [x, y, scale, LEFT + MARGIN, TOP + MARGIN])
    editor.page.wait_for_timeout(3000)  # it is redrawn, the video goes on
    screenshot = editor.page.screenshot(clip={"x": LEFT, "y": TOP, "width": width, "height": height})
    return jpeg(Image.open(io.BytesIO(screenshot)).convert("RGB"))


def jpeg(image: Image.Image) -> bytes:
    """A JPEG file of at most MAX_SIZE bytes, with the highest quality."""
    for quality in range(85, 20, -5):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= MAX_SIZE:
            return file.getvalue()
    raise ValueError(f"an image of {image.width}x{image.height} pixels does not fit into {MAX_SIZE} bytes")


def main() -> None:
    names = sys.argv[1:] or sorted(path.stem for path in WORKFLOWS.glob("*.json"))
    with (
        tempfile.TemporaryDirectory() as folder,
        ComfyServer(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        server.post("/settings", json=SETTINGS).raise_for_status()
        for name in names:
            browser = launch(playwright.chromium)
            page = browser.new_page(viewport={"width": MAX_WIDTH, "height": 1200})
            page.set_default_timeout(120_000)
            editor = Editor(page, server, "litegraph")
            editor.load(load_prompt(WORKFLOWS / f"{name}.json", server.object_info())[1])
            server.post("/free", json={"free_memory": True}).raise_for_status()  # a cached sampler shows no preview
            if name not in OTHER_WEIGHTS:
                record = editor.run(seconds=1800)
                assert record["status"]["status_str"] == "success", record["status"]
            path = WORKFLOWS / f"{name}.jpg"
            path.write_bytes(take(editor))
            print(path.relative_to(ROOT), flush=True)
            browser.close()


if __name__ == "__main__":
    main()
