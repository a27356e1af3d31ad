"""`python -m tests.web.help.workflow_layout [NAME ...]` arranges the nodes of the workflows in their groups.

Each node gets the height that it needs in both renderers, with room for its results; nodes of a group with the same x
are a column from top to bottom, as far apart as their titles need; groups with the same x stand below each other, and
all end at one height. A folded node is a title. ComfyUI 0.3.75 makes a graph larger for Nodes 2.0, so use a later
one: `COMFYUI_PATH=... python -m tests.web.help.workflow_layout`.
"""

import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from ...comfyui.browser import RENDERERS, Editor, launch
from ...comfyui.paths import ROOT, WORKFLOWS
from ...comfyui.server import ComfyServer

TITLE = 30  # units of the graph from a node's title bar down to its position
GAP = 12  # between nodes, and from nodes to the lower edge of their group
GROUP_TOP, NODES_TOP = -20, 56  # the title of a group is between them
FONT_SIZE = 30  # of a group's title: it can be read where the whole graph is in view
WRITTEN = ("MarkdownNote", "CLIPTextEncode", "Note")  # they keep at least the height in the file
PREVIEW = 290  # a preview while sampling, in Nodes 2.0 of 0.3.75
RESULTS = {
    "HiGenLoader": 50,  # what it says of the weights
    "HiGenSpatialPriorSampler": PREVIEW,
    "HiGenTemporalSampler": PREVIEW + 75,  # that version does not fold advanced inputs; two lines of notes
    "KSampler": PREVIEW + 33,
    "SamplerCustomAdvanced": PREVIEW + 30,
    "HiGenGuider": 45,
    "PreviewImage": 235,  # the least height of a picture, in Nodes 2.0
    "HiGenImagePrior": 72,  # notes
    "HiGenApplyCues": 30,
    "HiGenVideoNoise": 30,
    "HiGenCueExtractor": 45,
    # what Nodes 2.0 of 0.3.75 needs more
    "VAEDecode": 5,
    "VAEEncode": 5,
    "KSamplerSelect": 5,
    "HiGenAccelerate": 45,
    "LoadImage": 115,
    "LoraLoaderModelOnly": 10,
    "BasicScheduler": 10,
    "ImageFromBatch": 10,
    "ImageScale": 10,
    "EmptyLatentImage": 10,
}
"""Height of what a node shows after a run, by its type."""
BELOW_VIDEO = 30  # the controls of a square video that is as wide as its node, less the margins beside it
SQUARE = ("Spatial prior", "Prior, enlarged", "The pictures, enlarged")  # titles of nodes with square pictures
BELOW_SQUARE = 55  # its inputs and the size of the picture
SCREEN = (1440, 800)  # pixels that a workflow is to fit into where a page restores the view that is in the file
PANELS = (80, 110, 20, 60)  # pixels that tabs and bars cover: left, top, right, bottom
ENLARGED = 1.2  # ComfyUI 0.3.75 in Nodes 2.0

HEIGHTS = """title => Object.fromEntries(app.graph._nodes.map(node => {
    const element = document.querySelector(`[data-node-id="${node.id}"]`);
    return [node.id, element ? element.offsetHeight - title : Math.max(node.size[1], node.computeSize()[1])];
}))"""


def needed_heights(editor: Editor, workflow: dict) -> dict[int, float]:
    """The least height of each node by id, before a run."""
    small = json.loads(json.dumps(workflow))
    for node in small["nodes"]:
        if node["type"] not in WRITTEN:
            node["size"][1] = 10
    editor.load(small)
    editor.page.wait_for_timeout(3000)  # images and videos of the inputs come later
    return {int(key): height for key, height in editor.page.evaluate(HEIGHTS, TITLE).items()}


def arrange(workflow: dict, heights: dict[int, float]) -> None:
    """Sets positions, sizes, groups and the view of a workflow."""
    for node in workflow["nodes"]:
        least = node["size"][1] if node["type"] in WRITTEN else 0
        needed = heights[node["id"]] + RESULTS.get(node["type"], 0)
        if node["type"] == "HiGenVideoCombine":
            needed += node["size"][0] + BELOW_VIDEO
        if node.get("title") in SQUARE:
            needed = max(needed, node["size"][0] + BELOW_SQUARE)
        node["size"][1] = max(least, -(-needed // 5) * 5)
    nodes, groups = workflow["nodes"], sorted(workflow["groups"], key=lambda group: group["bounding"][1])
    members = {group["id"]: [node for node in nodes if inside(node, group["bounding"])] for group in groups}
    lowest = {}
    for group in groups:
        x, _, width, _ = group["bounding"]
        top = lowest[x]["bounding"][1] + lowest[x]["bounding"][3] + GAP if x in lowest else GROUP_TOP
        bottom = stack(members[group["id"]], top + NODES_TOP - GROUP_TOP)
        group["bounding"] = [x, top, width, bottom + GAP - top]
        group["font_size"] = FONT_SIZE
        lowest[x] = group
    bottom = max(box[1] + box[3] for box in (group["bounding"] for group in groups))
    for group in lowest.values():
        group["bounding"][3] = bottom - group["bounding"][1]
    workflow["extra"]["ds"] = view([group["bounding"] for group in workflow["groups"]])


def inside(node: dict, bounding: list[float]) -> bool:
    """Whether the left upper corner of a node is in a group's box."""
    return all(0 <= node["pos"][i] - bounding[i] <= bounding[i + 2] for i in (0, 1))


def stack(nodes: list[dict], top: float) -> float:
    """Puts the nodes of each column below each other, from `top`. Returns the bottom of the lowest one."""
    bottoms = []
    for x in {node["pos"][0] for node in nodes}:
        y = top
        for node in sorted((node for node in nodes if node["pos"][0] == x), key=lambda node: node["pos"][1]):
            node["pos"][1] = y
            y += (0 if node["flags"].get("collapsed") else node["size"][1]) + TITLE + GAP
        bottoms.append(y - TITLE - GAP)
    return max(bottoms)


def view(boxes: list[list[float]]) -> dict:
    """The part of the canvas that a page shows which restores it: all boxes, clear of the panels, on SCREEN.

    Pages later than that of ComfyUI 0.3.75 fit a template into the window; there higen_template_view.js does so.
    """
    x, y = (min(box[i] for box in boxes) for i in (0, 1))
    width, height = (ENLARGED * (max(box[i] + box[i + 2] for box in boxes) - low) for i, low in ((0, x), (1, y)))
    left, top, right, bottom = PANELS
    scale = round(min((SCREEN[0] - left - right) / width, (SCREEN[1] - top - bottom) / height), 3)
    return {"scale": scale, "offset": [round(left / scale - x), round(top / scale - y)], "template": True}


def main() -> None:
    names = sys.argv[1:] or sorted(path.stem for path in WORKFLOWS.glob("*.json"))
    workflows = {name: json.loads((WORKFLOWS / f"{name}.json").read_text()) for name in names}
    needed = {name: {} for name in names}
    with tempfile.TemporaryDirectory() as folder, ComfyServer(Path(folder)) as server, sync_playwright() as playwright:
        for renderer in RENDERERS:
            page = launch(playwright.chromium).new_page(viewport={"width": 1920, "height": 1080})
            page.set_default_timeout(120_000)
            editor = Editor(page, server, renderer)
            for name in names:
                for key, height in needed_heights(editor, workflows[name]).items():
                    needed[name][key] = max(height, needed[name].get(key, 0))
    for name, workflow in workflows.items():
        arrange(workflow, needed[name])
        path = WORKFLOWS / f"{name}.json"
        path.write_text(json.dumps(workflow, indent=2, ensure_ascii=False) + "\n")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
