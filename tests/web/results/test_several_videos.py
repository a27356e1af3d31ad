"""What Video Combine shows after runs in several formats, of several videos, and of videos with sound."""

from ..renderers import MOSTLY_NODES_2
from .test_player import GRAPH, SEND, SHOWN, undo

SET = """([type, name, value]) => {
    app.graph._nodes.find(node => node.type === type).widgets.find(widget => widget.name === name).value = value;
}"""
LIST = """() => {
    const add = (type, x, y, values) => {
        const node = LiteGraph.createNode(type);
        node.pos = [x, y];
        app.graph.add(node);
        for (const [name, value] of Object.entries(values)) node.widgets.find(w => w.name === name).value = value;
        return node;
    };
    const images = add("EmptyImage", 100, 120, { width: 96, height: 64, batch_size: 12, color: 0x3060c0 });
    const split = add("RebatchImages", 420, 120, { batch_size: 6 });
    const combine = add("HiGenVideoCombine", 740, 120, { fps: 8 });
    images.connect(0, split, "images");
    split.connect(0, combine, "images");
    app.canvas.ds.offset = [0, 0];
    app.canvas.ds.scale = 1;
}"""
STOCK_IMAGES = """() => {
    const node = app.graph._nodes.find(node => node.type === "HiGenVideoCombine");
    return Math.max(node.imgs?.length ?? 0, document.querySelectorAll("[data-node-id] img:not(.hp-media)").length);
}"""


def run(editor) -> dict:
    record = editor.run()
    assert record["status"]["status_str"] == "success", record["status"]
    editor.page.wait_for_timeout(1000)
    return record


@MOSTLY_NODES_2
def test_a_run_in_another_format_replaces_what_is_shown(editor):
    editor.page.evaluate(GRAPH, "h264-mp4")
    run(editor)
    media = editor.page.locator(".hp-media")
    assert media.count() == 1
    editor.page.evaluate(SET, ["HiGenVideoCombine", "format", "png frames"])
    run(editor)
    assert media.count() == 0
    editor.screenshot("video-combine-png")
    assert editor.page.evaluate(STOCK_IMAGES) > 0
    editor.page.evaluate(SET, ["HiGenVideoCombine", "format", "webp"])
    run(editor)
    assert media.count() == 1
    editor.screenshot("video-combine-after-png")
    assert editor.page.evaluate(STOCK_IMAGES) == 0


def test_all_videos_of_a_run_are_shown(editor):
    editor.page.evaluate(LIST)
    record = run(editor)
    (files,) = ([entry["filename"] for entry in out["higen_video"]] for out in record["outputs"].values())
    assert len(files) == 2
    page = editor.page
    assert page.locator(".hp-count").inner_text() == "1/2"
    for index, arrow in ((0, None), (1, "Next video"), (0, "Next video"), (1, "Previous video")):
        if arrow:
            page.get_by_role("button", name=arrow).click()
        assert page.locator(".hp-count").inner_text() == f"{index + 1}/2"
        assert page.evaluate(SHOWN)["filename"] == files[index]
        page.wait_for_function("() => document.querySelector('.hp-media').videoWidth === 96")
    editor.screenshot("video-combine-several")
    undo(page)
    assert page.locator(".hp-count").inner_text() == "2/2"


def test_a_video_with_sound_has_a_control_for_it(editor):
    editor.page.evaluate(GRAPH, "h264-mp4")
    outputs = run(editor)["outputs"]
    assert editor.page.locator(".hp-sound").count() == 0
    ((node, output),) = outputs.items()
    (video,) = output["higen_video"]
    assert video["audio"] is False
    editor.page.evaluate(SEND, [node, {"higen_video": [video | {"audio": True}]}])
    editor.page.locator(".hp-sound").wait_for()
    video = editor.page.locator(".hp-media")
    assert video.evaluate("video => video.muted")
    editor.page.get_by_role("button", name="Turn the sound on").click()
    assert not video.evaluate("video => video.muted")
    editor.screenshot("video-combine-sound")
    undo(editor.page)
    assert not video.evaluate("video => video.muted")
    editor.page.get_by_role("button", name="Turn the sound off").click()
    assert video.evaluate("video => video.muted")
