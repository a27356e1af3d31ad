"""`python -m tests.web.help.node_screenshots` takes the images of the help pages: each node after a run."""

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

DOCS = ROOT / "nodes" / "web" / "docs"
NODES = {
    "text_to_video": (
        *("HiGenLoader", "HiGenSpatialPriorSampler", "HiGenCueSchedule", "HiGenTemporalSampler", "HiGenVideoCombine"),
    ),
    "image_to_video": ("HiGenImagePrior",),
    "motion_transfer": ("HiGenCueExtractor",),
    "audio_motion": ("HiGenAudioMotion",),
    "accelerate": ("HiGenAccelerate",),
    "storyboard": ("HiGenPriorTrack",),
    "stock_ksampler": ("HiGenApplyCues",),
    "custom_sampler": ("HiGenVideoNoise", "HiGenGuider"),
}
MOTION_CURVE = '{"points": [[0, 0.05], [0.4, 0.2], [0.66667, 0.6], [1, 0.1]], "interpolation": "monotone_cubic"}'
CORNER = (300, 140)  # pixels of the page, beside the frontend's panels
MARGIN = 12  # pixels

SHOW = """([type, x, y]) => {
    const node = app.graph._nodes.find(node => node.comfyClass === type);
    app.canvas.deselectAll();
    app.canvas.ds.scale = 1;
    app.canvas.ds.offset = [x - node.pos[0], y - node.pos[1]];
    app.canvas.setDirty(true, true);
    return [...node.size];
}"""
DRAW = """value => {
    const node = app.graph._nodes.find(node => node.comfyClass === "HiGenCueSchedule");
    const widget = node?.widgets.find(widget => widget.name === "motion_curve");
    if (!widget) return;
    widget.value = value;
    widget.callback(value);
}"""


def take(editor: Editor, node: str) -> Path:
    width, height = editor.page.evaluate(SHOW, [node, *CORNER])
    editor.page.wait_for_timeout(1500)  # the canvas is redrawn, the video goes on
    title = 30  # pixels
    clip = {
        "x": CORNER[0] - MARGIN,
        "y": CORNER[1] - title - MARGIN,
        "width": width + 2 * MARGIN,
        "height": height + title + 2 * MARGIN,
    }
    path = DOCS / node / "node.webp"
    Image.open(io.BytesIO(editor.page.screenshot(clip=clip))).convert("RGB").save(path, quality=85, method=6)
    return path


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        ComfyServer(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        server.post("/settings", json={"Comfy.NodeBadge.NodeSourceBadgeMode": "None"}).raise_for_status()
        page = launch(playwright.chromium).new_page(viewport={"width": 1400, "height": 1300})
        page.set_default_timeout(60_000)
        editor = Editor(page, server, "litegraph")
        for workflow in sys.argv[1:] or NODES:
            editor.load(load_prompt(WORKFLOWS / f"{workflow}.json", server.object_info())[1])
            page.evaluate(DRAW, MOTION_CURVE)
            record = editor.run()
            assert record["status"]["status_str"] == "success", record["status"]
            for node in NODES[workflow]:
                print(take(editor, node).relative_to(ROOT))


if __name__ == "__main__":
    main()
