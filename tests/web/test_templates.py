"""Every workflow of the pack opens, as a template, with the whole graph in view and each node in its group."""

import json
import re

import pytest

from ..comfyui.browser import TEMPLATE_VIEW_MS
from ..comfyui.paths import WORKFLOWS
from ..comfyui.workflow import load_prompt

OPEN = "([graph, name]) => app.loadGraphData(graph, true, true, name, { openSource: 'template' })"
LAYOUT = """() => {
    const title = LiteGraph.NODE_TITLE_HEIGHT;
    const context = document.createElement("canvas").getContext("2d");
    const nodes = app.graph._nodes.map(node => {
        const element = document.querySelector(`[data-node-id="${node.id}"]`);
        const [x, y] = node.pos;
        const drawn = node.flags.collapsed ? [node.boundingRect[2], 0] : node.size;
        const [width, height] = element ? [element.offsetWidth, element.offsetHeight - title] : drawn;
        context.font = node.titleFontStyle;
        const cut = !node.flags.collapsed && context.measureText(node.title).width > width - 2 * title;
        return { name: `${node.type} ${node.id}`, box: [x, y - title, x + width, y + height], cut };
    });
    const groups = app.graph._groups.map(({ title: name, pos: [x, y], size: [width, height], font_size: font }) => {
        context.font = `${font}px Arial`;
        return { name, box: [x, y, x + width, y + height], titleWidth: context.measureText(name).width };
    });
    return { nodes, groups };
}"""
SCREEN_BOX = """box => {
    const { scale, offset } = app.canvas.ds, { left, top } = app.canvas.canvas.getBoundingClientRect();
    const at = (value, axis) => (value + offset[axis]) * scale + (axis ? top : left);
    return box.map((value, i) => at(value, i % 2));
}"""
BADGES = """() => app.graph._nodes.flatMap(({ type, pos: [x, y], width, badges = [] }) => {
    const context = document.createElement("canvas").getContext("2d");
    const drawn = badges.map(badge => (typeof badge === "function" ? badge() : badge)).filter(({ visible }) => visible);
    const [left, bottom] = [x + width - drawn.reduce((sum, badge) => sum + badge.getWidth(context) + 2, 0), y - 32];
    return drawn.map(({ height }) => ({ name: type, box: [left, bottom - height, x + width, bottom] }));
})"""  # as LiteGraph draws them, above the title of a node
FREE = """() => {
    const [run, side] = ["[data-testid=queue-button]", ".side-tool-bar-container"]
        .map(selector => document.querySelector(selector).getBoundingClientRect());
    return [side.right, run.bottom, innerWidth, innerHeight];
}"""
FEW_STEPS = """seed => {
    const values = { HiGenSpatialPriorSampler: { seed }, HiGenTemporalSampler: { seed, steps: 3 } };
    for (const { type, widgets } of app.graph._nodes)
        for (const widget of values[type] ? widgets : [])
            widget.value = values[type][widget.name] ?? widget.value;
}"""
SEEDS = {"litegraph": 901, "vue": 902}  # nothing is cached
COLLECT = """() => {
    const found = (window.previews = {});
    app.api.addEventListener("b_preview_with_metadata", ({ detail: { blob, nodeId } }) =>
        (found[app.graph.getNodeById(Number(nodeId)).type] ??= []).push(blob));
}"""
COLLECTED = """async () => {
    const kind = async blob => (await blob.text()).includes("acTL") ? "animated" : blob.type; // of animated PNG files
    const kinds = Object.entries(window.previews).map(async ([type, blobs]) =>
        [type, await Promise.all(blobs.map(kind))]);
    return Object.fromEntries(await Promise.all(kinds));
}"""
STILL = """async () => { // the page has fitted the graph, with an animation on 0.3.75, and no node grows
    const view = () => JSON.stringify([
        app.canvas.ds.scale, ...app.canvas.ds.offset, app.graph._nodes.map(({ size }) => [...size]),
    ]);
    const start = performance.now();
    for (let seen = null, times = 0; times < 5; ) {
        if (performance.now() - start > 60_000) throw new Error(`the view does not rest: ${seen}`);
        times = view() === seen ? times + 1 : 0;
        seen = view();
        await new Promise(done => setTimeout(done, 250));
    }
}"""
HIDDEN_TEXTS = """() => [...document.querySelectorAll("[data-node-id] .lod-toggle")]
    .filter(text => text.textContent && getComputedStyle(text).visibility === "hidden")
    .map(text => text.textContent)"""
FOLDED_TITLE = 20  # characters
FILES = sorted(WORKFLOWS.glob("*.json"))
FIRST = WORKFLOWS / "text_to_video.json"


def open_template(editor, file) -> tuple[list[dict], list[dict]]:
    """Opens a workflow. Returns its nodes and groups with their boxes in the graph (left, top, right, bottom)."""
    editor.page.evaluate(OPEN, [json.loads(file.read_text()), file.stem])
    editor.page.wait_for_timeout(TEMPLATE_VIEW_MS)
    editor.page.evaluate(STILL)
    return layout(editor)


def layout(editor) -> tuple[list[dict], list[dict]]:
    found = editor.page.evaluate(LAYOUT)
    return found["nodes"], found["groups"]


def inside(box: list[float], outer: list[float], tolerance: float = 2.0) -> bool:
    return all(box[i] >= outer[i] - tolerance for i in (0, 1)) and all(box[i] <= outer[i] + tolerance for i in (2, 3))


def overlap(a: list[float], b: list[float], tolerance: float = 2.0) -> bool:
    return all(max(a[i], b[i]) + tolerance < min(a[i + 2], b[i + 2]) for i in (0, 1))


def misplaced(nodes: list[dict], groups: list[dict]) -> list[str]:
    """Nodes outside the groups, and pairs of nodes that lie on each other."""
    outside = [n["name"] for n in nodes if not any(inside(n["box"], group["box"]) for group in groups)]
    pairs = [(a, b) for i, a in enumerate(nodes) for b in nodes[:i] if overlap(a["box"], b["box"])]
    return outside + [f"{a['name']} over {b['name']}" for a, b in pairs]


IN_BOTH = [
    pytest.param(
        renderer,
        file,
        id=f"{renderer}-{file.stem}",
        marks=pytest.mark.slow if renderer == "litegraph" and file != FIRST else (),
    )
    for renderer in ("litegraph", "vue")
    for file in FILES
]
"""All templates in Nodes 2.0, and the first one in the classic renderer; the others there are slow."""


def without_displays(prompt, info):
    """A prompt without inputs that the editor's display widgets add, such as the preview of Load Video."""

    def schema_inputs(node):
        groups = info[node["class_type"]]["input"]
        names = {*groups.get("required", {}), *groups.get("optional", {})}
        return {name: value for name, value in node["inputs"].items() if name in names}

    return {key: node | {"inputs": schema_inputs(node)} for key, node in prompt.items()}


@pytest.mark.parametrize(("renderer", "file"), IN_BOTH, indirect=["renderer"], scope="module")
def test_a_template_opens_in_view_with_each_node_in_its_group_and_queues_what_its_file_says(editor, server, file):
    nodes, groups = open_template(editor, file)
    assert editor.missing_types() == []
    assert without_displays(editor.prompt(), server.object_info()) == load_prompt(file, server.object_info())[0]
    assert misplaced(nodes, groups) == []
    assert [node["name"] for node in nodes if node["cut"]] == []
    assert [group["name"] for group in groups if group["titleWidth"] > group["box"][2] - group["box"][0]] == []
    badges = editor.page.evaluate(BADGES)
    assert badges
    titles = [[x, y, x + group["titleWidth"], y + 40] for group in groups for x, y, *_ in [group["box"]]]
    assert [badge["name"] for badge in badges for title in titles if overlap(badge["box"], title)] == []
    free = editor.page.evaluate(FREE)
    assert free[0] > 0 and free[1] > 0
    boxes = [editor.page.evaluate(SCREEN_BOX, part["box"]) for part in (*nodes, *groups)]
    assert [box for box in boxes if not inside(box, free)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_titles_of_folded_nodes_are_shown_whole(file, server):
    """LiteGraph cuts longer ones."""
    info, nodes = server.object_info(), json.loads(file.read_text())["nodes"]
    folded = [node for node in nodes if node["flags"].get("collapsed")]
    titles = [node.get("title") or info[node["type"]]["display_name"] for node in folded]
    assert [title for title in titles if len(title) > FOLDED_TITLE] == []


def test_a_template_shows_its_texts_in_the_view_in_which_it_opens(editor):
    """That view is smaller than the least in which Nodes 2.0 of ComfyUI 0.3.75 shows texts."""
    open_template(editor, FIRST)
    assert editor.page.evaluate(HIDDEN_TEXTS) == []
    readable = editor.page.locator("body.higen-readable")
    assert readable.count() == 1
    editor.page.evaluate("() => app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
    readable.wait_for(state="detached")


def test_a_template_opens_below_bars_that_a_banner_moves_down(editor):
    run = editor.page.get_by_test_id("queue-button")
    run.evaluate("button => button.style.transform = 'translateY(40px)'")
    try:
        _, groups = open_template(editor, FIRST)
        free = editor.page.evaluate(FREE)
    finally:
        run.evaluate("button => button.style.transform = ''")
    boxes = [editor.page.evaluate(SCREEN_BOX, group["box"]) for group in groups]
    assert [box for box in boxes if not inside(box, free)] == []


def test_a_run_shows_moving_previews_and_leaves_the_sizes_of_nodes(editor):
    open_template(editor, FIRST)
    editor.page.evaluate(FEW_STEPS, SEEDS[editor.renderer])
    editor.page.wait_for_timeout(1000)  # a note is shorter
    opened, _ = layout(editor)
    editor.page.evaluate(COLLECT)
    assert editor.run(seconds=900)["status"]["status_str"] == "success"
    editor.page.wait_for_timeout(2000)
    nodes, groups = layout(editor)
    assert misplaced(nodes, groups) == []
    assert [
        node["name"] for node, before in zip(nodes, opened, strict=True) if not inside(node["box"], before["box"])
    ] == []
    size = editor.page.locator("[data-node-id]:has([data-higen-widget])").get_by_text(re.compile(r"^\d+ x \d+$"))
    assert [text for text in size.all() if text.is_visible()] == []  # previews are enlarged: the video is smaller
    previews = editor.page.evaluate(COLLECTED)
    assert previews == {"HiGenSpatialPriorSampler": ["image/jpeg"] * 12, "HiGenTemporalSampler": ["animated"] * 3}
