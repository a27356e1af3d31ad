"""Video Combine's player plays, steps through frames and survives a reload; the Loader's text scrolls in its node."""

import json

import pytest

from ...comfyui.paths import WORKFLOWS
from ...comfyui.versions import NODES_SCROLL_WITH_FOCUS
from ..renderers import MOSTLY_CLASSIC, MOSTLY_NODES_2

GRAPH = """format => {
    const add = (type, x, values) => {
        const node = LiteGraph.createNode(type);
        node.pos = [x, 120];
        app.graph.add(node);
        for (const [name, value] of Object.entries(values)) node.widgets.find(w => w.name === name).value = value;
        return node;
    };
    const images = add("EmptyImage", 100, { width: 96, height: 64, batch_size: 12, color: 0x3060c0 });
    const combine = add("HiGenVideoCombine", 480, { fps: 8, format });
    images.connect(0, combine, "images");
    app.canvas.ds.offset = [0, 0];
    app.canvas.ds.scale = 1;
    return combine.id;
}"""
SHOWN = """() => {
    const { src } = document.querySelector(".hp-media");
    return Object.fromEntries(new URL(src).searchParams);
}"""
RESIZE = """() => {
    app.canvas.emitBeforeChange();
    app.graph._nodes[0].setSize([300, 200]);
    app.canvas.emitAfterChange();
}"""
SEND = "([node, output]) => app.api.dispatchCustomEvent('executed', { node, output, prompt_id: '' })"


@pytest.fixture
def played(editor):
    """A Video Combine node after its run: 12 frames at 8 fps."""
    editor.page.evaluate(GRAPH, "h264-mp4")
    record = editor.run()
    assert record["status"]["status_str"] == "success", record["status"]
    editor.page.wait_for_function("() => document.querySelector('.hp-media')?.videoWidth === 96")
    return editor


def state(page) -> dict:
    return page.evaluate(
        """() => {
            const video = document.querySelector(".hp-media");
            const frame = Number(document.querySelector(".hp-slider").value);
            return { time: video.currentTime, paused: video.paused, loop: video.loop, frame };
        }"""
    )


def test_it_plays_in_a_loop_and_counts_frames(played):
    page = played.page
    assert state(page)["loop"]
    page.wait_for_function("() => +document.querySelector('.hp-slider').value >= 3")
    page.wait_for_function("() => +document.querySelector('.hp-slider').value < 3")  # and again from the start
    assert not state(page)["paused"]
    assert "96×64 · 8 fps · video_" in page.locator(".hp-file").inner_text()
    played.screenshot("video-combine")


def test_the_slider_steps_through_the_frames(played):
    page = played.page
    slider = page.locator(".hp-slider")
    slider.fill("7")
    assert state(page)["paused"]
    assert page.locator(".hp-time").inner_text() == "frame 7 of 0–11 · 0.88 s"
    assert state(page)["time"] == pytest.approx(7.5 / 8, abs=0.01)
    slider.press("ArrowRight")
    assert state(page)["frame"] == 8
    assert state(page)["time"] == pytest.approx(8.5 / 8, abs=0.01)
    slider.press(" ")
    page.wait_for_function("() => !document.querySelector('.hp-media').paused")
    page.get_by_role("button", name="Pause").click()
    assert state(page)["paused"]


@MOSTLY_NODES_2
def test_it_is_shown_again_after_a_reload_of_the_page(played):
    played.reload()
    played.page.wait_for_function("() => document.querySelector('.hp-media')?.videoWidth === 96")
    played.page.wait_for_function("() => +document.querySelector('.hp-slider').value >= 3")


def undo(page) -> None:
    """Changes the graph and undoes it, which makes all nodes anew."""
    page.evaluate(RESIZE)
    page.evaluate("() => { document.querySelector('.hp-media').earlier = true; }")
    page.evaluate("() => app.extensionManager.command.execute('Comfy.Undo')")
    page.wait_for_function("() => document.querySelector('.hp-media')?.earlier === undefined")
    page.wait_for_function("() => document.querySelector('.hp-media')?.readyState === 4")


def test_a_video_that_was_stopped_stays_at_its_frame_after_undo(played):
    page = played.page
    page.locator(".hp-slider").fill("7")
    undo(page)
    assert (state(page)["paused"], state(page)["frame"]) == (True, 7)
    assert state(page)["time"] == pytest.approx(7.5 / 8, abs=0.01)
    page.get_by_role("button", name="Play").click()
    undo(page)
    page.wait_for_function("() => !document.querySelector('.hp-media').paused")


def test_another_graph_with_the_same_nodes_shows_no_video(played):
    """The Vue renderer keeps the element of an earlier node with the same id; it must be replaced."""
    played.load(played.workflow())
    played.page.wait_for_function("() => document.querySelectorAll('.hp-media').length === 0")


@pytest.mark.parametrize("kind", ["vp9-webm", "webp", "gif"])
def test_other_formats_are_shown(editor, kind):
    """webm is a video with a slider, the others are animations that the browser plays."""
    editor.page.evaluate(GRAPH, kind)
    record = editor.run()
    assert record["status"]["status_str"] == "success", record["status"]
    editor.page.wait_for_function(
        """() => {
            const media = document.querySelector(".hp-media");
            return media && (media.videoWidth || media.naturalWidth) === 96;
        }"""
    )
    assert editor.page.locator(".hp-slider").count() == (kind == "vp9-webm")
    assert "96×64 · 8 fps · video_" in editor.page.locator(".hp-file").inner_text()


@MOSTLY_CLASSIC
def test_a_deleted_file_is_reported(played):
    shown = played.page.evaluate(SHOWN)
    file = played.server.output_path(shown)
    moved = file.rename(file.with_suffix(".moved"))
    try:
        played.reload()
        message = f"{shown['filename']} no longer exists"
        played.page.locator(".hp-file", has_text=message).wait_for()
        assert played.page.locator(".hp-media").count() == 0
    finally:
        moved.rename(file)  # the server caches this run, and returns its file to the next run with the same inputs


def test_the_loaders_text_scrolls_inside_its_node(editor):
    """A long vocabulary does not make the node grow over the prompt below it."""
    workflow = json.loads((WORKFLOWS / "text_to_video.json").read_text())
    (loader,) = [node for node in workflow["nodes"] if node["type"] == "HiGenLoader"]
    editor.load(workflow)
    editor.page.evaluate(SEND, [str(loader["id"]), {"text": ["knows many words: " + "word, " * 500]}])
    editor.page.evaluate(
        """id => {
            const { pos } = app.graph.getNodeById(id);
            app.canvas.ds.scale = 1;
            app.canvas.ds.offset = [320 - pos[0], 150 - pos[1]];
            app.canvas.setDirty(true, true);
        }""",
        loader["id"],
    )
    editor.page.locator(".hp-text").hover()
    if editor.renderer == "vue" and NODES_SCROLL_WITH_FOCUS:
        editor.page.locator(".hp-text").click()
    scale = editor.page.evaluate("() => app.canvas.ds.scale")
    editor.page.mouse.wheel(0, 120)
    editor.page.wait_for_function("() => document.querySelector('.hp-text').scrollTop > 0")
    assert editor.page.evaluate("() => app.canvas.ds.scale") == scale
    if editor.renderer == "litegraph":  # the Vue renderer makes all nodes a little higher
        assert editor.page.evaluate("id => app.graph.getNodeById(id).size[1]", loader["id"]) == loader["size"][1]


STOCK_PREVIEWS = """() => {
    const drawn = app.graph._nodes.flatMap(node => node.imgs ?? []).length;
    const shown = [...document.querySelectorAll(":is([data-node-id], .dom-widget) :is(img, video):not(.hp-media)")]
        .filter(media => media.src.includes("/view?"));
    return [drawn, shown.length];
}"""


@pytest.mark.parametrize("kind", ["h264-mp4", "webp"])
def test_a_result_is_shown_once_and_listed_for_other_clients(editor, kind):
    editor.page.evaluate(GRAPH, kind)
    record = editor.run()
    editor.page.locator(".hp-media").wait_for(state="attached")
    editor.page.wait_for_timeout(500)  # ComfyUI loads its own preview later
    editor.screenshot(f"listed-{kind}")
    assert editor.page.evaluate(STOCK_PREVIEWS) == [0, 0]
    (output,) = [output for output in record["outputs"].values() if "higen_video" in output]
    own = output["higen_video"][0]
    for listed in [items for key, items in output.items() if key in ("images", "gifs")]:
        assert listed == [{key: own[key] for key in ("filename", "subfolder", "type")}]
    assert {"images", "gifs"} & output.keys()
